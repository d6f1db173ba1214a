"""``like "A%"``: the SQL pattern fits every value as a whole; null passes.

``%`` is any text, ``_`` any character, and a backslash takes their meaning away. Of several patterns each must fit, or
with ``how: any`` one of them. ``ignore_case: true`` makes upper and lower case the same.
"""

from wherry.model.asset import Check
from wherry.quoting import name, text


def bad_row(check: Check) -> str:
    value = f"CAST({name(check.column)} AS VARCHAR)"
    patterns = check.arguments.get("patterns") or [check.arguments["pattern"]]
    word = "ILIKE" if check.arguments.get("ignore_case") else "LIKE"
    link = " OR " if check.arguments.get("how") == "any" else " AND "
    fits = link.join(f"{value} {word} {text(str(pattern))} ESCAPE '\\'" for pattern in patterns)
    return f"NOT ({fits})"
