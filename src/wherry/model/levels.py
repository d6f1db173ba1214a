"""Levels of one check: from where on it warns, and from where on it holds its table back.

``levels`` of a check has for ``warn`` and ``error`` what must hold lest that level be reached: of a measured number the
bounds of ``wherry.model.bounds`` (or ``seconds``), of bad rows ``rows``, an operator, with ``value``, how many; or
``share``, an operator, with the share of the rows looked at that ``value`` is.
"""

from __future__ import annotations

from collections.abc import Mapping
from operator import le, lt
from typing import TYPE_CHECKING, Any, Literal

from wherry.model.asset import Check

if TYPE_CHECKING:
    from fractions import Fraction

Levels = Mapping[str, Mapping[str, Any]]
#: The worst first.
LEVELS: tuple[Literal["error", "warn"], ...] = ("error", "warn")
#: What must hold -> how what reaches the level is written.
_REACHED = {"<": "from", "<=": "above"}
_HOLDS = {"<": lt, "<=": le}
#: Operator -> the one that holds when it does not.
OTHER = {"=": "!=", "==": "!=", "!=": "=", "<>": "=", ">": "<=", "<=": ">", "<": ">=", ">=": "<"}


def reached(levels: Levels, failing: int, looked: int | None) -> Literal["error", "warn", ""]:
    """The worst level that so many bad rows of those looked at reach; none when there is none."""
    return next((level for level in LEVELS if level in levels and _bad(levels[level], failing, looked)), "")


def by_share(check: Check) -> bool:
    """Whether a level depends on how many rows were looked at."""
    return any("share" in must for must in check.levels.values())


def counts_rows(check: Check) -> bool:
    """Whether the levels of a check are numbers of bad rows."""
    return any("share" in must or "rows" in must for must in check.levels.values())


def written(must: Mapping[str, Any]) -> str:
    """What reaches a level, as its author may have written it."""
    if "rows" in must:
        return f"{_REACHED[must['rows']]} {must['value']} row{'s' if must['value'] != 1 else ''}"
    if "share" in must:
        return f"{_REACHED[must['share']]} {float(_fraction(must['value']) * 100):.12g}%"
    if "seconds" in must:
        return f"above {must['seconds']:g} seconds"
    unit = "%" if must.get("percent") else ""
    if "operator" in must:
        return f"{OTHER[must['operator']]} {must['value']}{unit}"
    strictly = "strictly " if must.get("strict_low") and must.get("strict_high") else ""
    if must.get("low") is None or must.get("high") is None:
        low, high = ("<=" if must.get("strict_low") else "<"), (">=" if must.get("strict_high") else ">")
        return f"{low} {must['low']}{unit}" if must.get("low") is not None else f"{high} {must.get('high')}{unit}"
    return f"not {strictly}between {must['low']}{unit} and {must['high']}{unit}"


def _bad(must: Mapping[str, Any], failing: int, looked: int | None) -> bool:
    if not failing:
        return False
    if "rows" in must:
        return not _HOLDS[must["rows"]](failing, must["value"])
    if "share" in must:
        # A fraction, since in floating point 0.05 of 20 rows is more than one of them.
        return not _HOLDS[must["share"]](failing, _fraction(must["value"]) * (looked or 0))
    return True


def _fraction(value: float) -> Fraction:
    from fractions import Fraction

    return Fraction(str(value))
