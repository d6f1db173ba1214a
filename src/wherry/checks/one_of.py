"""``in [a, b]``: every value is one of those; null passes."""

from wherry.model.asset import Check
from wherry.quoting import literals, name


def bad_row(check: Check) -> str:
    values = literals(check.arguments["values"])
    return f"{name(check.column)} NOT IN ({values})" if values else f"{name(check.column)} IS NOT NULL"
