"""``distinct in row [a, b, c]``: no two of the columns hold the same value in one row; nulls equal nothing.

``nulls: same`` makes two nulls the same, but in rows of nothing but nulls.
"""

from itertools import combinations

from wherry.model.asset import Check
from wherry.quoting import name


def bad_row(check: Check) -> str:
    columns = [name(column) for column in check.columns]
    pairs = combinations(columns, 2)
    if check.arguments.get("nulls") == "same":
        same = " OR ".join(f"{left} IS NOT DISTINCT FROM {right}" for left, right in pairs) or "false"
        return f"({same}) AND coalesce({', '.join(columns)}) IS NOT NULL"
    return " OR ".join(f"coalesce({left} = {right}, false)" for left, right in pairs) or "false"
