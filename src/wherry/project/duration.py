"""Lengths of time as people write them."""

import re
from datetime import timedelta

_DURATION = re.compile(r"(\d+)\s*(s|seconds?|m|minutes?|h|hours?|d|days?|w|weeks?)\Z", re.IGNORECASE)
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


def read_duration(text: str) -> timedelta | None:
    """``30 days``, ``12h``; None when it is not understood."""
    match = _DURATION.match(text.strip())
    if match is None:
        return None
    try:
        return timedelta(**{_UNITS[match[2][0].lower()]: int(match[1])})
    except OverflowError:
        return None
