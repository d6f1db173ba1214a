"""``not_blank``: text that is there holds more than white space; null passes."""

from wherry.model.asset import Check
from wherry.quoting import name


def bad_row(check: Check) -> str:
    return f"NOT regexp_matches(CAST({name(check.column)} AS VARCHAR), '\\S')"
