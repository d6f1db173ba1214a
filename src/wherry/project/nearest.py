"""Did you mean?"""

from collections.abc import Iterable


def nearest(word: str, choices: Iterable[str]) -> str:
    """The choice most like ``word``, or the empty string. O(choices)."""
    from difflib import get_close_matches

    by_lower = {choice.lower(): choice for choice in choices}
    found = get_close_matches(word.lower(), by_lower, n=1, cutoff=0.6)
    return by_lower[found[0]] if found else ""


def did_you_mean(word: str, choices: Iterable[str], otherwise: str = "") -> str:
    """A hint that names the nearest choice; else ``otherwise``."""
    found = nearest(word, choices)
    return f"Did you mean `{found}`?" if found else otherwise
