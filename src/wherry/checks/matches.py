"""``matches "^[A-Z]{2}$"``: the regular expression (RE2) is found in every value; null passes."""

from wherry.model.asset import Check
from wherry.quoting import name, text


def bad_row(check: Check) -> str:
    return f"NOT regexp_matches(CAST({name(check.column)} AS VARCHAR), {text(check.arguments['pattern'])})"
