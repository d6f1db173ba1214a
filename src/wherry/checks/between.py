"""``between a and b``: every value lies in the range, ends included unless they are strict; null passes.

Either end may be missing. Both are SQL expressions.
"""

from wherry.model.asset import Check
from wherry.quoting import name


def bad_row(check: Check) -> str:
    low, high = check.arguments.get("low"), check.arguments.get("high")
    above = f"{name(check.column)} {'>' if check.arguments.get('strict_low') else '>='} ({low})"
    below = f"{name(check.column)} {'<' if check.arguments.get('strict_high') else '<='} ({high})"
    limits = [*([] if low is None else [above]), *([] if high is None else [below])]
    return f"NOT ({' AND '.join(limits) or 'true'})"
