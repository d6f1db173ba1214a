"""``not_nan``: no number is NaN; null passes."""

from wherry.model.asset import Check
from wherry.quoting import name


def bad_row(check: Check) -> str:
    return f"isnan(CAST({name(check.column)} AS DOUBLE))"
