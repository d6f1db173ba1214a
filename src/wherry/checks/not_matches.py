"""``not matches "[0-9]"``: none of the regular expressions (RE2) is found in any value; null passes."""

from wherry.model.asset import Check
from wherry.quoting import name, text


def bad_row(check: Check) -> str:
    value = f"CAST({name(check.column)} AS VARCHAR)"
    patterns = check.arguments.get("patterns") or [check.arguments["pattern"]]
    return " OR ".join(f"regexp_matches({value}, {text(str(pattern))})" for pattern in patterns)
