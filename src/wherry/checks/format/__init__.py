"""``format email``: every value, as text, is written in that format; null passes."""

from wherry.checks.format.formats import FORMATS
from wherry.model.asset import Check
from wherry.quoting import name


def bad_row(check: Check) -> str:
    return f"NOT ({FORMATS[check.arguments['format']](f'CAST({name(check.column)} AS VARCHAR)')})"
