"""``matches "^[A-Z]{2}$"``: the regular expression (RE2) is found in every value; null passes.

Of several patterns each must be found, or with ``how: any`` one of them. ``likely`` is a value that others are as long
as.
"""

from wherry.checks.matches.shape import glob
from wherry.model.asset import Check
from wherry.quoting import name, text


def bad_row(check: Check) -> str:
    value = f"CAST({name(check.column)} AS VARCHAR)"
    likely = str(check.arguments.get("likely", ""))
    link = " OR " if check.arguments.get("how") == "any" else " AND "
    return f"NOT ({link.join(_found(value, pattern, likely) for pattern in patterns(check))})"


def patterns(check: Check) -> list[str]:
    """Its regular expressions."""
    return [str(each) for each in check.arguments.get("patterns") or [check.arguments["pattern"]]]


def _found(value: str, pattern: str, likely: str) -> str:
    found, quick = f"regexp_matches({value}, {text(pattern)})", glob(pattern, likely)
    # A GLOB takes a third of the time; what it does not fit is for the regular expression to judge.
    return found if quick is None else f"CASE WHEN {value} GLOB {text(quick)} THEN true ELSE {found} END"
