"""``finite``: no number is NaN or infinite; null passes."""

from wherry.model.asset import Check
from wherry.quoting import name


def bad_row(check: Check) -> str:
    return f"NOT isfinite(CAST({name(check.column)} AS DOUBLE))"
