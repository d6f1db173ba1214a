"""Any SQL condition over the row: it holds for every row; null passes."""

from wherry.model.asset import Check


def bad_row(check: Check) -> str:
    return f"NOT ({check.arguments['sql']})"
