"""``in [a, b]``: every value is one of those; null passes."""

from wherry.model.asset import Check
from wherry.quoting import name, text


def bad_row(check: Check) -> str:
    values = ", ".join(text(v) if isinstance(v, str) else str(v) for v in check.arguments["values"])
    return f"{name(check.column)} NOT IN ({values})"
