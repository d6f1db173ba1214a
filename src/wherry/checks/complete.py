"""``complete [a, b]``: no row has a null in any of the columns."""

from wherry.model.asset import Check
from wherry.quoting import name


def bad_row(check: Check) -> str:
    return " OR ".join(f"{name(column)} IS NULL" for column in check.columns)
