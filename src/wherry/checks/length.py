"""``length between 1 and 20``: the number of characters of every value keeps the bounds; null passes.

``of: items`` counts the items of lists instead, ``of: bytes`` the bytes of blobs.
"""

from wherry.model.asset import Check
from wherry.quoting import name

_SIZES = {"characters": "length(CAST({x} AS VARCHAR))", "items": "len({x})", "bytes": "octet_length({x})"}


def bad_row(check: Check) -> str:
    given = check.arguments
    size = _SIZES[given.get("of", "characters")].format(x=name(check.column))
    limits = [f"{size} {given['operator']} {int(given['value'])}"] if "operator" in given else []
    if given.get("low") is not None:
        limits.append(f"{size} {'>' if given.get('strict_low') else '>='} {int(given['low'])}")
    if given.get("high") is not None:
        limits.append(f"{size} {'<' if given.get('strict_high') else '<='} {int(given['high'])}")
    return f"NOT ({' AND '.join(limits) or 'true'})"


def keeps(check: Check, least: int, most: int | None) -> bool:
    """Whether all lengths from ``least`` to ``most`` (None: without end) keep the bounds."""
    given = check.arguments
    if given.get("of", "characters") != "characters" or "operator" in given:
        return False
    low, high = given.get("low"), given.get("high")
    above = low is None or least >= int(low) + bool(given.get("strict_low"))
    below = high is None or (most is not None and most <= int(high) - bool(given.get("strict_high")))
    return above and below
