"""``no_overlap``: the ranges from one column to another do not overlap; a null end is open.

``per`` compares within each of its groups only. ``gaps`` is ``allowed`` (the default), ``forbidden`` or ``required``.
A range that ends before it begins is bad too, and with ``empty: false`` one that ends where it begins.
"""

from wherry.model.asset import Check
from wherry.quoting import name, names


def bad_rows(check: Check, table: str) -> str:
    (low, high), given = map(name, check.columns), check.arguments
    per = f"PARTITION BY {names(given['per'])} " if given.get("per") else ""
    order = f"OVER ({per}ORDER BY {low} NULLS FIRST, {high} NULLS LAST)"
    follows, is_last = f"lead({low}) {order}", f"lead(1) {order} IS NULL"
    relation = {"allowed": "<=", "forbidden": "=", "required": "<"}[given.get("gaps", "allowed")]
    wrong = f"{low} > {high}" if given.get("empty", True) else f"{low} >= {high}"
    return (
        f"SELECT * FROM {table} QUALIFY coalesce({wrong}, false) "
        f"OR (NOT ({is_last}) AND NOT coalesce({high} {relation} {follows}, false))"
    )
