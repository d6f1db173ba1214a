"""Where an incremental load stands: what of it is kept between reads."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import field
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

from wherry.model.dataclass import dataclass

#: Families of types whose values can be compared with one another.
_FAMILIES = {
    "number": ("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT", "UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT"),
    "float": ("FLOAT", "DOUBLE"),
    "time": ("DATE", "TIMESTAMP", "TIMESTAMP WITH TIME ZONE"),
    "text": ("VARCHAR",),
    "uuid": ("UUID",),
}
LOOKBACK = re.compile(r"(\d+(?:\.\d+)?)\s*(second|minute|hour|day|week)s?\Z")


@dataclass(frozen=True, slots=True, kw_only=True)
class Position:
    """The cursor of an incremental load."""

    column: str
    #: DuckDB type of the column when it was read.
    type: str
    #: The greatest value that was loaded, as text; None: no row had one.
    value: str | None
    #: Whether a load was cut off here: there is more to read.
    partial: bool = False
    #: ``Look.fingerprint`` of what the next read looks at again.
    edge: str = ""
    #: ``Look.flight`` of the earliest look that what is loaded goes back to.
    flight: Mapping[str, Any] = field(default_factory=dict)
    #: How many rows the table had, where deleted rows are looked for.
    rows: int | None = None
    #: Whether texts were loaded as the database prints them. Versions that did not say so took what a cast gives:
    #: ``10.0.0.1/32``.
    printed: bool = False

    @classmethod
    def read(cls, cursor: Mapping[str, Any] | None) -> Position | None:
        """From a cursor as ``write`` made it."""
        if not cursor:
            return None
        return cls(**{name: cursor[name] for name in cls.__slots__ if name in cursor})

    def write(self) -> dict[str, Any]:
        """As a JSON object."""
        return {name: getattr(self, name) for name in self.__slots__}

    def __str__(self) -> str:
        return f"`{self.column}` = {self.value}" if self.value is not None else f"before the first `{self.column}`"


def family(kind: str) -> str:
    """What a type's values can be compared with; empty for a type that has no order the lake shares."""
    if kind.startswith("DECIMAL"):
        return "number"
    return next((name for name, kinds in _FAMILIES.items() if kind in kinds), "")


def as_text(value: Any) -> str:
    """A value that came from the database, in the form that a position keeps. Raises ``ValueError``."""
    if isinstance(value, datetime | date):
        return value.isoformat(sep=" ") if isinstance(value, datetime) else value.isoformat()
    if isinstance(value, Decimal):
        return format(value, "f")
    return str(value)


def earlier(kind: str, value: str, lookback: str | int) -> str:
    """``value`` less ``lookback``. Raises ``ValueError`` in plain words where the type has no such lookback."""
    if not lookback:
        return value
    of = family(kind)
    if of in ("number", "float"):
        try:
            return format(Decimal(value) - Decimal(str(lookback)), "f")
        except ArithmeticError:
            raise ValueError(f"`lookback: {lookback}` must be a number, since the cursor is {kind}") from None
    found = LOOKBACK.match(str(lookback))
    if of != "time" or not found:
        wanted = "such as `2 hours` or `3 days`" if of == "time" else "left out"
        raise ValueError(f"`lookback: {lookback}` must be {wanted}, since the cursor is {kind}")
    width = timedelta(**{f"{found[2]}s": float(found[1])})
    if kind == "DATE":
        return as_text(date.fromisoformat(value) - timedelta(days=-(-width // timedelta(days=1))))
    return as_text(datetime.fromisoformat(value) - width)
