"""``matches "^[A-Z]{2}$"``: the regular expression (RE2) is found in every value; null passes.

Of several patterns each must be found, or with ``how: any`` one of them.
"""

from wherry.model.asset import Check
from wherry.quoting import name, text


def bad_row(check: Check) -> str:
    value = f"CAST({name(check.column)} AS VARCHAR)"
    patterns = check.arguments.get("patterns") or [check.arguments["pattern"]]
    link = " OR " if check.arguments.get("how") == "any" else " AND "
    return f"NOT ({link.join(f'regexp_matches({value}, {text(str(pattern))})' for pattern in patterns)})"
