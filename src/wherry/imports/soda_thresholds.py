"""How Soda writes bounds: SodaCL behind a check or as ``warn`` and ``fail``, contracts as ``must_be...`` keys."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Literal

from wherry.imports import Mistaken, NotUnderstood
from wherry.imports.threshold import MUST_BE, Threshold, of_keys, parse

Severity = Literal["error", "warn"]

_WHEN = re.compile(r"when\s+", re.IGNORECASE)
_DURATION = re.compile(r"<=?\s*((?:\d+\s*[dhms]?\s*)+)\Z")
_RANGES = ("must_be_between", "must_be_not_between", "must_not_be_between")


def thresholds(bound: str, keys: Mapping[str, Any]) -> Iterator[tuple[Severity, Threshold, bool]]:
    """Severity, what must hold, and whether it is in percent, of each bound of a check of SodaCL."""
    if bound.strip():
        parsed = parse(bound)
        if parsed is None:
            raise Mistaken(f"`{bound.strip()}` is no bound")
        yield "error", *parsed
        return
    given = list(_alerts(keys))
    if not given:
        raise Mistaken("it has no bound")
    for severity, key, written in given:
        parsed = parse(written)
        if parsed is None:
            raise Mistaken(f"`{key}: {keys[key]}` is no bound")
        yield severity, parsed[0].inverse(), parsed[1]


def ages(bound: str, keys: Mapping[str, Any]) -> Iterator[tuple[Severity, int]]:
    """Severity and seconds of each bound on an age in SodaCL."""
    given: list[tuple[Severity, str]] = [("error", bound.strip())] if bound.strip() else []
    # What alerts is an age above, what must hold one below.
    given += [(severity, re.sub(r"^>=?", "<", written.strip())) for severity, _, written in _alerts(keys)]
    if not given:
        raise Mistaken("it has no bound")
    for severity, written in given:
        found = _DURATION.match(written)
        if found is None:
            raise Mistaken(f"`{written}` is no age")
        yield severity, _seconds(found[1])


def _alerts(keys: Mapping[str, Any]) -> Iterator[tuple[Severity, str, str]]:
    severities: tuple[tuple[str, Severity], ...] = (("fail", "error"), ("warn", "warn"))
    for key, severity in severities:
        if keys.get(key) is not None:
            yield severity, key, _WHEN.sub("", str(keys[key]), count=1)


def _seconds(written: str) -> int:
    """``24h30m``: a number without a unit has the one below that of the number before it."""
    widths = {"d": 86_400, "h": 3_600, "m": 60, "s": 1}
    total, unit = 0, ""
    for number, said in re.findall(r"(\d+)\s*([dhms]?)", written):
        unit = said or {"d": "h", "h": "m", "m": "s"}.get(unit, "s")
        total += int(number) * widths[unit]
    return total


def levels(written: Any, default: Threshold | None) -> Iterator[tuple[Severity, Threshold]]:
    """Severity and bound of each threshold of a check in a contract of Soda 4: its own, and the ``additional`` one."""
    if written is None:
        written = {}
    if not isinstance(written, Mapping):
        raise Mistaken("its threshold is no mapping")
    more = written.get("additional")
    if more is not None and not isinstance(more, Mapping):
        raise Mistaken("its additional threshold is no mapping")
    for each in (written, *([more] if more is not None else [])):
        known = (*MUST_BE, *_RANGES, "level", "metric", "unit", "additional")
        if unknown := [key for key in each if key not in known]:
            raise NotUnderstood(f"a threshold has no `{unknown[0]}`")
        if len(_comparisons(each)) > 1:
            raise NotUnderstood("its threshold has several bounds, which Soda does not evaluate")
        threshold = _numeric(of_keys(dict(each))) or default
        if threshold is None:
            raise Mistaken("it has no threshold")
        yield "warn" if str(each.get("level")).lower() == "warn" else "error", threshold


def of_check(keys: Mapping[str, Any], default: Threshold | None) -> Threshold:
    """The bound of a check in a contract of Soda 3, where one from below and one from above make a range."""
    low, high = (_end(keys, word) for word in ("greater", "less"))
    if low is None or high is None:
        if len(_comparisons(keys)) > 1:
            raise NotUnderstood("it has several bounds")
        threshold = _numeric(of_keys(dict(keys))) or default
        if threshold is None:
            raise Mistaken("it has no bound")
        return threshold
    (least, least_open), (most, most_open) = low, high
    if least > most:
        # Above the one or below the other: what lies between them, ends included where they are not allowed, is bad.
        return Threshold(
            operator="not between", value=most, high=least, low_open=not most_open, high_open=not least_open
        )
    return Threshold(operator="between", value=least, high=most, low_open=least_open, high_open=most_open)


def _end(keys: Mapping[str, Any], word: str) -> tuple[float, bool] | None:
    """A one-sided bound and whether it is open."""
    for key in keys:
        if key.startswith(f"must_be_{word}_than"):
            return _number(keys[key]), not key.endswith(("_or_equal", "_or_equal_to"))
    return None


def _comparisons(keys: Mapping[str, Any]) -> list[str]:
    return [key for key in keys if key in MUST_BE or key in _RANGES]


def _numeric(threshold: Threshold | None) -> Threshold | None:
    """With numbers for bounds, though they be written as text."""
    if threshold is None:
        return None
    high = None if threshold.high is None else _number(threshold.high)
    return Threshold(
        operator=threshold.operator,
        value=_number(threshold.value),
        high=high,
        low_open=threshold.low_open,
        high_open=threshold.high_open,
    )


def _number(value: Any) -> float | int:
    if isinstance(value, int | float) and not isinstance(value, bool):
        return value
    try:
        return int(value) if isinstance(value, str) and value.strip().lstrip("+-").isdecimal() else float(value)
    except (TypeError, ValueError):
        raise Mistaken(f"the bound `{value}` is no number") from None
