"""``increasing by id``: no value is below the one before it; ``strictly`` forbids equal ones too. Nulls are skipped.

The order is that of ``by``; without it that in which the rows are stored. ``per`` starts again for each of its groups.
``decreasing`` is the same the other way round.
"""

from wherry.model.asset import Check
from wherry.quoting import name, names


def bad_rows(check: Check, table: str) -> str:
    column, given = name(check.column), check.arguments
    down = check.kind == "decreasing"
    breaks = (">=" if down else "<=") if given.get("strictly") else (">" if down else "<")
    per = f"PARTITION BY {names(given['per'])} " if given.get("per") else ""
    by = f"ORDER BY {names(given['by'])}" if given.get("by") else ""
    before = f"lag({column}) OVER ({per}{by})"
    return f"SELECT * FROM (SELECT * FROM {table} WHERE {column} IS NOT NULL) QUALIFY {column} {breaks} {before}"
