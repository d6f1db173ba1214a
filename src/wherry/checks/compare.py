"""``>= 0``, ``!= 'x'``, ``< other_column``: every value stands in that relation; null passes."""

from wherry.model.asset import Check
from wherry.quoting import name


def bad_row(check: Check) -> str:
    return f"NOT ({name(check.column)} {check.arguments['operator']} ({check.arguments['value']}))"
