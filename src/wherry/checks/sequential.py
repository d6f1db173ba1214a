"""``sequential``: each value is one ``step`` above the one before it, in the order of the values; nulls are skipped.

``step`` is a number, or for times an interval such as ``1 day``. ``per`` starts again for each of its groups.
"""

from wherry.model.asset import Check
from wherry.quoting import name, names, text


def bad_rows(check: Check, table: str) -> str:
    column, step = name(check.column), check.arguments.get("step", 1)
    width = f"INTERVAL {text(step)}" if isinstance(step, str) else repr(step)
    per = f"PARTITION BY {names(check.arguments['per'])} " if check.arguments.get("per") else ""
    before = f"lag({column}) OVER ({per}ORDER BY {column})"
    return (
        f"SELECT * FROM (SELECT * FROM {table} WHERE {column} IS NOT NULL) "
        f"QUALIFY {before} IS NOT NULL AND {column} != {before} + {width}"
    )
