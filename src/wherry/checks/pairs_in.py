"""``pairs_in``: the values of several columns are one of the given combinations.

A null is a value here and equals a null of the list. ``nulls: pass`` lets rows pass that have a null in any of the
columns, ``nulls: both`` (the default) those that have nulls in all of them, ``nulls: fail`` none.
"""

from wherry.model.asset import Check
from wherry.quoting import literal, name


def bad_row(check: Check) -> str:
    columns = [name(column) for column in check.columns]
    for values in check.arguments["values"]:
        if len(values) != len(columns):
            raise ValueError(f"{values} is no value for each of {', '.join(check.columns)}.")
    known = " OR ".join(
        "(" + " AND ".join(_same(c, value) for c, value in zip(columns, values, strict=True)) + ")"
        for values in check.arguments["values"]
    )
    bad = f"NOT ({known or 'false'})"
    nulls = check.arguments.get("nulls", "both")
    if nulls == "fail":
        return bad
    link = " OR " if nulls == "pass" else " AND "
    return f"{bad} AND NOT ({link.join(f'{column} IS NULL' for column in columns)})"


def _same(column: str, value: object) -> str:
    if value is None:
        return f"{column} IS NULL"
    # Text and numbers meet in a list of pairs; as text both are what was written.
    return f"coalesce({column} = {literal(value)}, false)"
