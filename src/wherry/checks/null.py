"""``null``: no row has a value."""

from wherry.model.asset import Check
from wherry.quoting import name


def bad_row(check: Check) -> str:
    return f"{name(check.column)} IS NOT NULL"
