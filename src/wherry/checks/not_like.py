"""``not like "%test%"``: none of the SQL patterns fits any value; null passes."""

from wherry.model.asset import Check
from wherry.quoting import name, text


def bad_row(check: Check) -> str:
    value = f"CAST({name(check.column)} AS VARCHAR)"
    patterns = check.arguments.get("patterns") or [check.arguments["pattern"]]
    word = "ILIKE" if check.arguments.get("ignore_case") else "LIKE"
    return " OR ".join(f"{value} {word} {text(str(pattern))} ESCAPE '\\'" for pattern in patterns)
