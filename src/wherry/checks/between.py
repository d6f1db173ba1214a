"""``between a and b``: every value lies in the range, bounds included; null passes."""

from wherry.model.asset import Check
from wherry.quoting import name


def bad_row(check: Check) -> str:
    return f"NOT ({name(check.column)} BETWEEN ({check.arguments['low']}) AND ({check.arguments['high']}))"
