"""Bounds on a measured number, as the tools write them: ``= 0``, ``< 5%``, ``between (1 and 10]``."""

from __future__ import annotations

import math
import re
from dataclasses import replace
from typing import Any

from wherry.model.dataclass import dataclass

#: Keys of ODCS and of Soda's contracts -> operator.
MUST_BE = {
    "mustBe": "=",
    "mustNotBe": "!=",
    "mustBeGreaterThan": ">",
    "mustBeGreaterOrEqualTo": ">=",
    "mustBeLessThan": "<",
    "mustBeLessOrEqualTo": "<=",
    "must_be": "=",
    "must_not_be": "!=",
    "must_be_greater_than": ">",
    "must_be_greater_than_or_equal": ">=",
    "must_be_greater_than_or_equal_to": ">=",
    "must_be_less_than": "<",
    "must_be_less_than_or_equal": "<=",
    "must_be_less_than_or_equal_to": "<=",
}
_NUMBER = r"[-+]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][-+]?\d+)?"
_SIMPLE = re.compile(rf"(>=|<=|!=|<>|==|=|>|<)\s*({_NUMBER})\s*(%?)\Z")
_BETWEEN = re.compile(
    rf"(not\s+)?between\s*([(\[]?)\s*({_NUMBER})\s*%?\s+and\s+({_NUMBER})\s*(%?)\s*([)\]]?)\Z", re.IGNORECASE
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Threshold:
    """What a number must be."""

    #: ``=``, ``!=``, ``>``, ``>=``, ``<``, ``<=``, ``between`` or ``not between``.
    operator: str
    #: A number, or text for ``=`` and ``!=`` of something else.
    value: Any = None
    #: Upper bound of the two ``between``.
    high: Any = None
    #: Whether the bounds themselves are outside.
    low_open: bool = False
    high_open: bool = False

    def holds(self, sql: str) -> str:
        """A SQL condition that is true when ``sql`` is within; null is not."""
        if "between" in self.operator:
            low, high = ">" if self.low_open else ">=", "<" if self.high_open else "<="
            inside = f"({sql}) {low} {number(self.value)} AND ({sql}) {high} {number(self.high)}"
            return f"NOT ({inside})" if self.operator.startswith("not") else inside
        return f"({sql}) {self.operator} {number(self.value)}"

    def arguments(self) -> dict[str, Any]:
        """The bound as our kinds take it; not for ``not between``."""
        if self.operator != "between":
            return {"operator": self.operator, "value": self.value}
        strict = {"strict_low": self.low_open, "strict_high": self.high_open}
        return {"low": self.value, "high": self.high, **{key: True for key, is_open in strict.items() if is_open}}

    def inverse(self) -> Threshold:
        """What holds when this does not."""
        if "between" in self.operator:
            return replace(self, operator="between" if self.operator.startswith("not") else "not between")
        other = {"=": "!=", "!=": "=", ">": "<=", "<=": ">", "<": ">=", ">=": "<"}
        return replace(self, operator=other[self.operator])

    def inside(self) -> str:
        """Some number within the bound, as SQL."""
        if self.operator == "between":
            return str((self.value + self.high) / 2)
        beside = {">": 1, "!=": 1, "<": -1, "not between": -1}
        return str(self.value + beside.get(self.operator, 0))

    def at_most(self) -> float | None:
        """The bound when it says "at most so many" of something that is never negative; None otherwise."""
        if self.operator == "between" and not self.low_open and self.value <= 0 and not self.high_open:
            return float(self.high)
        if self.operator == "<=" or (self.operator == "=" and self.value == 0):
            return float(self.value)
        return None

    def rows_at_most(self) -> int | None:
        """``at_most`` for a number of rows, which is whole: below 3 is at most 2."""
        if self.operator == "<":
            return math.ceil(self.value) - 1 if self.value > 0 else None
        bound = self.at_most()
        return None if bound is None or bound < 0 else math.floor(bound)

    def __str__(self) -> str:
        if "between" in self.operator:
            left, right = "(" if self.low_open else "", ")" if self.high_open else ""
            return f"{self.operator} {left}{self.value} and {self.high}{right}"
        return f"{self.operator} {self.value}"


def number(value: Any) -> str:
    """A value as SQL."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if value is None:
        return "NULL"
    return "'" + value.replace("'", "''") + "'" if isinstance(value, str) else str(value)


def parse(text: str) -> tuple[Threshold, bool] | None:
    """A bound as SodaCL writes it, and whether it is in percent; None when this is none."""
    text = text.strip()
    if match := _SIMPLE.match(text):
        operator = {"==": "=", "<>": "!="}.get(match[1], match[1])
        return Threshold(operator=operator, value=_number(match[2])), bool(match[3])
    if match := _BETWEEN.match(text):
        threshold = Threshold(
            operator="not between" if match[1] else "between",
            value=_number(match[3]),
            high=_number(match[4]),
            low_open=match[2] == "(",
            high_open=match[6] == ")",
        )
        return threshold, bool(match[5])
    return None


def of_keys(keys: dict[str, Any]) -> Threshold | None:
    """The bound among the keys of an ODCS rule or a check of a Soda contract; None when there is none."""
    for key, operator in MUST_BE.items():
        if key in keys:
            return Threshold(operator=operator, value=keys[key])
    for key in ("mustBeBetween", "must_be_between", "mustNotBeBetween", "must_be_not_between", "must_not_be_between"):
        if key not in keys:
            continue
        operator, bounds = "not between" if "not" in key.lower() else "between", keys[key]
        if isinstance(bounds, list) and len(bounds) == 2:
            return Threshold(operator=operator, value=bounds[0], high=bounds[1])
        if isinstance(bounds, dict):
            return _of_bounds(operator, bounds)
    return None


def _of_bounds(operator: str, bounds: dict[str, Any]) -> Threshold | None:
    """``{greater_than: 1, less_than_or_equal: 5}``."""
    low = next((bounds[key] for key in bounds if key.startswith("greater")), None)
    high = next((bounds[key] for key in bounds if key.startswith("less")), None)
    if low is None or high is None:
        return None
    if operator == "not between":
        # Below the one or above the other: the bounds of what is forbidden between them are the other way round.
        low, high = high, low
        low_open, high_open = "less_than_or_equal" in bounds, "greater_than_or_equal" in bounds
    else:
        low_open, high_open = "greater_than" in bounds, "less_than" in bounds
    return Threshold(operator=operator, value=low, high=high, low_open=low_open, high_open=high_open)


def _number(text: str) -> int | float:
    return int(text) if re.fullmatch(r"[-+]?\d+", text) else float(text)
