"""``distinct in row [a, b, c]``: no two of the columns hold the same value in one row; nulls equal nothing.

``nulls: same`` makes two nulls the same.
"""

from itertools import combinations

from wherry.model.asset import Check
from wherry.quoting import name


def bad_row(check: Check) -> str:
    pairs = combinations(map(name, check.columns), 2)
    if check.arguments.get("nulls") == "same":
        return " OR ".join(f"{left} IS NOT DISTINCT FROM {right}" for left, right in pairs) or "false"
    return " OR ".join(f"coalesce({left} = {right}, false)" for left, right in pairs) or "false"
