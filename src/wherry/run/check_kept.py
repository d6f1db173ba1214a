"""What is kept of the checks of a table from one run to the next, and how it is written down."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import field
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from wherry.lake.changes import Identity
from wherry.model.dataclass import dataclass
from wherry.model.run import CheckResult

#: Types of values that read back the same whatever they are.
_STEADY = frozenset((int, str, type(None)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """What is remembered of the checks of a table."""

    #: The table, the snapshot whose rows were looked at, and the schema of its columns.
    of: Identity
    #: Identity of a check -> what it found.
    values: Mapping[str, tuple[Any, ...]] = field(default_factory=dict)
    #: Identity of a check -> all values of its column, where they are few.
    present: Mapping[str, tuple[Any, ...]] = field(default_factory=dict)
    #: Identity of a check -> files with a hash of each key of those rows.
    hashes: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    #: Identity of a check for references -> the first and the last of numbers that are all in the other table.
    spans: Mapping[str, tuple[int, int]] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        values = {key: [_plain(v) for v in found] for key, found in self.values.items()}
        hashes = {key: list(names) for key, names in self.hashes.items()}
        present = {key: [_plain(v) for v in found] for key, found in self.present.items()}
        spans = {key: list(span) for key, span in self.spans.items()}
        return {"of": list(self.of), "values": values, "present": present, "hashes": hashes, "spans": spans}

    @classmethod
    def from_json(cls, stored: Mapping[str, Any] | None) -> Kept | None:
        if not stored or len(stored["of"]) != 3:
            return None
        values = {key: tuple(_typed(v) for v in found) for key, found in stored["values"].items()}
        hashes = {key: tuple(names) for key, names in stored.get("hashes", {}).items()}
        present = {key: tuple(_typed(v) for v in found) for key, found in stored.get("present", {}).items()}
        spans = {key: (low, high) for key, (low, high) in stored.get("spans", {}).items()}
        table, snapshot, schema = stored["of"]
        of = (table, snapshot, schema)
        return cls(of=of, values=values, present=present, hashes=hashes, spans=spans)


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """The verdicts, and what is kept of them by the checks' identities."""

    results: tuple[CheckResult, ...]
    kept: Mapping[str, tuple[Any, ...]] = field(default_factory=dict)
    #: Likewise the values of columns that have few, and files with hashes of keys.
    present: Mapping[str, tuple[Any, ...]] = field(default_factory=dict)
    hashes: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    #: Likewise spans of numbers that are all in a table that is referred to.
    spans: Mapping[str, tuple[int, int]] = field(default_factory=dict)

    def keep(self, of: Identity) -> Kept:
        """What to remember of the checks; ``of`` says of which rows."""
        return Kept(of=of, values=self.kept, present=self.present, hashes=self.hashes, spans=self.spans)


def keepable(values: Sequence[Any]) -> bool:
    """Whether values can be kept as they are and read back the same."""
    return _STEADY.issuperset(map(type, values)) or (
        all(
            value is None
            or isinstance(value, int | Decimal | date | str)
            or (isinstance(value, float) and math.isfinite(value))
            for value in values
        )
        and not any(isinstance(value, datetime) and value.tzinfo for value in values)
    )


def _plain(value: Any) -> Any:
    if isinstance(value, Decimal):
        return {"decimal": str(value)}
    if isinstance(value, datetime):
        return {"moment": value.isoformat()}
    if isinstance(value, date):
        return {"date": value.isoformat()}
    return value


def _typed(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    ((kind, stored),) = value.items()
    readers: dict[str, Callable[[str], Any]] = {
        "decimal": Decimal,
        "moment": datetime.fromisoformat,
        "date": date.fromisoformat,
    }
    return readers[kind](stored)
