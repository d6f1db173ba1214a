"""What a contract says of how fresh a table is, and for how long it is kept."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from wherry.contracts.odcs import parts
from wherry.model.dataclass import dataclass

_SECONDS = {"s": 1, "min": 60, "h": 3_600, "d": 86_400, "w": 604_800, "m": 2_629_746, "y": 31_556_952}
_UNITS = {
    "s": "s", "sec": "s", "second": "s", "min": "min", "minute": "min", "h": "h", "hr": "h", "hour": "h", "d": "d",
    "day": "d", "w": "w", "wk": "w", "week": "w", "m": "m", "mo": "m", "month": "m", "y": "y", "yr": "y", "year": "y",
}  # fmt: skip
_WORDS = {"s": "second", "min": "minute", "h": "hour", "d": "day", "w": "week", "m": "month"}
_ISO = re.compile(r"P(?:(\d+)Y)?(?:(\d+)M)?(?:(\d+)W)?(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+)S)?)?\Z")
#: Of these a table is promised to be no older.
FRESHNESS = ("freshness", "latency", "ly", "fy")


@dataclass(frozen=True, slots=True, kw_only=True)
class Level:
    """One promise about a service, not about rows."""

    name: str
    value: Any
    unit: str = ""
    #: What it is about, as written; empty: the whole contract.
    elements: tuple[str, ...] = ()
    #: Its place in the document.
    path: str = ""

    @property
    def seconds(self) -> float | None:
        """How long it is, when it is a length of time."""
        if isinstance(self.value, str) and (match := _ISO.match(self.value.strip())) and any(match.groups()):
            units = ("y", "m", "w", "d", "h", "min", "s")
            pairs = zip(match.groups(), units, strict=True)
            return float(sum(int(number) * _SECONDS[unit] for number, unit in pairs if number))
        unit = _UNITS.get(self.unit.strip().lower().removesuffix("s") or "", "") or _UNITS.get(self.unit.lower(), "")
        try:
            number = float(self.value)
        except (TypeError, ValueError):
            return None
        return number * _SECONDS[unit] if unit and number == number else None

    @property
    def within(self) -> str:
        """As a table's ``fresh`` says it: ``within 4 days``; empty when it is no such length."""
        seconds = self.seconds
        if seconds is None or seconds <= 0:
            return ""
        unit = _UNITS.get(self.unit.strip().lower().removesuffix("s"), "") or _UNITS.get(self.unit.lower(), "")
        if isinstance(self.value, int) and unit in _WORDS:
            count, word = self.value, _WORDS[unit]
        else:
            word, width = next(
                (w, _SECONDS[u]) for u, w in reversed(_WORDS.items()) if seconds % _SECONDS[u] == 0 or u == "s"
            )
            count = int(seconds // width)
        return f"within {count} {word}{'' if count == 1 else 's'}"


def levels(document: Mapping[str, Any]) -> Iterator[Level]:
    """Every entry of ``slaProperties``."""
    default = document.get("slaDefaultElement")
    for index, each in enumerate(parts(document, "slaProperties")):
        written = each.get("element") or default
        elements = tuple(part.strip() for part in str(written).split(",") if part.strip()) if written else ()
        yield Level(
            name=str(each.get("property")),
            value=each.get("value"),
            unit=str(each.get("unit") or ""),
            elements=elements,
            path=f"slaProperties/{index}",
        )


def about(level: Level, names: Sequence[str], *, alone: bool) -> tuple[bool, str]:
    """Whether a level is about the table of these names, and about which column (empty: the table).

    ``alone``: the contract has no other table, so that what names none is about this one.
    """
    if not level.elements:
        return True, ""
    lower = [each.lower() for each in names]
    for element in level.elements:
        table, _, column = element.rpartition(".")
        if element.lower() in lower:
            return True, ""
        if table.lower() in lower:
            return True, column
        if not table and alone:
            return True, element
    return False, ""
