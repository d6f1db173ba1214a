"""``casts to DATE``: every value can be read as that type; null passes."""

from wherry.model.asset import Check
from wherry.quoting import name


def bad_row(check: Check) -> str:
    column = name(check.column)
    return f"{column} IS NOT NULL AND TRY_CAST({column} AS {check.arguments['type']}) IS NULL"
