"""What changed among the quality rules of a table or column: tightened, loosened or other."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from wherry.imports.threshold import MUST_BE, Threshold, of_keys

_BOUNDS = {*MUST_BE, "mustBeBetween", "mustNotBeBetween"}
#: What does not change what is promised.
_REMARKS = {
    "id", "name", "description", "dimension", "businessImpact", "schedule", "scheduler", "method", "tags",
    "customProperties", "authoritativeDefinitions",
}  # fmt: skip
_SEVERE = {"error": 2, "critical": 2, "high": 2, "warning": 1, "warn": 1, "medium": 1, "info": 0, "low": 0}


def quality_changes(
    before: Sequence[Mapping[str, Any]], after: Sequence[Mapping[str, Any]]
) -> Iterator[tuple[str, str]]:
    """``(word, message)`` of each difference; the word is removed, added, tightened, loosened or changed."""
    old, new = [r for r in before if r.get("type") != "text"], [r for r in after if r.get("type") != "text"]
    left = list(new)
    for rule in old:
        same = same_rule(rule, left)
        if same is None:
            yield "removed", f"the rule {_shown(rule)} is gone"
            continue
        left.remove(same)
        word = _compared(rule, same)
        if word:
            yield word, f"the rule {_shown(rule)} is {_bound(same)}, and was {_bound(rule)}"
    for rule in left:
        yield "added", f"the rule {_shown(rule)} is new"


def same_rule(rule: Mapping[str, Any], among: Sequence[Mapping[str, Any]]) -> Mapping[str, Any] | None:
    """The rule among others that is about the same thing: of a metric whose arguments changed, that with others."""
    same = next((each for each in among if _identity(each) == _identity(rule)), None)
    return same or next((each for each in among if _metric(rule) and _metric(each) == _metric(rule)), None)


def _metric(rule: Mapping[str, Any]) -> Any:
    return rule.get("metric") or rule.get("rule") or rule.get("name")


def _identity(rule: Mapping[str, Any]) -> str:
    """Two rules with the same are about the same thing."""
    kept = {k: v for k, v in rule.items() if k not in _REMARKS and k not in _BOUNDS and k not in ("severity", "unit")}
    return json.dumps(kept, sort_keys=True, default=str)


def _compared(old: Mapping[str, Any], new: Mapping[str, Any]) -> str:
    words = {_severity(old, new), _threshold(old, new), _arguments(old, new)} - {""}
    return "" if not words else words.pop() if len(words) == 1 else "changed"


def _severity(old: Mapping[str, Any], new: Mapping[str, Any]) -> str:
    one, two = (_SEVERE.get(str(rule.get("severity") or "error").lower(), 2) for rule in (old, new))
    return "" if one == two else "tightened" if two > one else "loosened"


def _threshold(old: Mapping[str, Any], new: Mapping[str, Any]) -> str:
    one, two = of_keys(dict(old)), of_keys(dict(new))
    if one == two and old.get("unit") == new.get("unit"):
        return ""
    if one is None or two is None or old.get("unit") != new.get("unit"):
        return "changed"
    return compare_bounds(one, two)


def compare_bounds(old: Threshold, new: Threshold) -> str:
    """Whether what ``new`` lets pass is less (tightened), more (loosened) or other than what ``old`` does."""
    if old == new:
        return ""
    one, two = _interval(old), _interval(new)
    if one is None or two is None:
        return "changed"
    inside = _holds(one, two), _holds(two, one)
    return {(True, True): "", (True, False): "tightened", (False, True): "loosened"}.get(inside, "changed")


_Interval = tuple[tuple[float, int], tuple[float, int]]


def _interval(threshold: Threshold) -> _Interval | None:
    """Both ends, each with how far beyond the number it lies: an open end a little inside."""
    low, high = (float("-inf"), 0), (float("inf"), 0)
    try:
        value = float(threshold.value)
        if threshold.operator == "=":
            return (value, 0), (value, 0)
        if threshold.operator == "between":
            return (value, int(threshold.low_open)), (float(threshold.high), -int(threshold.high_open))
    except (TypeError, ValueError):
        return None
    ends = {">": ((value, 1), high), ">=": ((value, 0), high), "<": (low, (value, -1)), "<=": (low, (value, 0))}
    return ends.get(threshold.operator)


def _holds(outer: _Interval, inner: _Interval) -> bool:
    return outer[0] <= inner[0] and inner[1] <= outer[1]


def _arguments(old: Mapping[str, Any], new: Mapping[str, Any]) -> str:
    one, two = old.get("arguments") or {}, new.get("arguments") or {}
    if one == two and _identity(old) == _identity(new):
        return ""
    rest = [{key: value for key, value in each.items() if key != "validValues"} for each in (one, two)]
    known, now = one.get("validValues"), two.get("validValues")
    if rest[0] != rest[1] or not isinstance(known, list) or not isinstance(now, list):
        return "changed"
    fewer, more = all(value in known for value in now), all(value in now for value in known)
    return "" if fewer and more else "tightened" if fewer else "loosened" if more else "changed"


def _shown(rule: Mapping[str, Any]) -> str:
    said = rule.get("name") or rule.get("metric") or rule.get("rule") or rule.get("description") or rule.get("query")
    shown = " ".join(str(said or rule.get("engine") or rule.get("type")).split())
    return f"`{shown if len(shown) <= 60 else shown[:59] + '…'}`"


def _bound(rule: Mapping[str, Any]) -> str:
    said = [f"{key} {rule[key]}" for key in _BOUNDS if key in rule]
    arguments = rule.get("arguments")
    said += [f"{key} {value}" for key, value in arguments.items()] if isinstance(arguments, Mapping) else []
    severity = f" ({rule['severity']})" if rule.get("severity") else ""
    return (", ".join(said) or "another") + severity
