"""What Iceberg's metadata says of a table's rows without any being read: how many, nulls, smallest and largest values.

After the Iceberg table specification, version 2: "Manifests" and appendix D, "Single-value serialization".
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import field
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from wherry.lake import iceberg
from wherry.lake.types import from_iceberg
from wherry.lake.upkeep import avro
from wherry.model.dataclass import dataclass

if TYPE_CHECKING:
    from wherry.lake.storage import Storage

#: Manifest entries and files: what is no longer there, and what holds rows.
_REMOVED, _DATA = 2, 0


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnFacts:
    """What is certain about a column; None: it is not known."""

    #: Rows in which it is null.
    nulls: int | None = None
    #: Smallest and largest value, exact; both None too when there is no value.
    low: Any = None
    high: Any = None

    @property
    def bounded(self) -> bool:
        return self.low is not None and self.high is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class File:
    """A data or delete file of a snapshot."""

    path: str
    #: 0: data, 1: position deletes, 2: equality deletes.
    content: int
    rows: int
    #: Column id -> rows in which it is null; bounds as Iceberg stores them.
    nulls: Mapping[int, int] = field(repr=False)
    low: Mapping[int, bytes] = field(repr=False)
    high: Mapping[int, bytes] = field(repr=False)
    #: The one data file that position deletes are about; empty when they do not say.
    about: str = ""
    #: The manifest that lists it.
    manifest: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What the metadata of a table says of its rows."""

    rows: int
    #: By lower-case name.
    columns: Mapping[str, ColumnFacts]


def files(storage: Storage, metadata: Mapping[str, Any], *, most: int = 200) -> list[File] | None:
    """The files of the current snapshot; None when more than ``most`` manifests would have to be read for that."""
    current = iceberg.current_snapshot(dict(metadata))
    if current is None:
        return []
    manifests = _manifests(storage, current)
    return _listed(storage, manifests) if len(manifests) <= most else None


def differing(
    storage: Storage, one: Mapping[str, Any], other: Mapping[str, Any], listed: Sequence[File] | None = None
) -> tuple[list[File], list[File]]:
    """The files of two snapshots, as far as they are not listed in manifests that both have.

    ``listed``: all files of the other one, where they are known.
    """
    first = _manifests(storage, one)
    if listed is None:
        second = _manifests(storage, other)
        new = _listed(storage, [path for path in second if path not in first])
    else:
        second = dict.fromkeys(each.manifest for each in listed)
        new = [each for each in listed if each.manifest not in first]
    return _listed(storage, [path for path in first if path not in second]), new


def _manifests(storage: Storage, snapshot: Mapping[str, Any]) -> dict[str, None]:
    lines = avro.read(storage.read_bytes(_place(snapshot["manifest-list"]))).records
    return dict.fromkeys(str(line["manifest_path"]) for line in lines)


def _listed(storage: Storage, manifests: Iterable[str]) -> list[File]:
    return [
        _file(entry["data_file"], path)
        for path in manifests
        for entry in avro.read(storage.read_bytes(_place(path))).records
        if entry["status"] != _REMOVED
    ]


def facts(metadata: Mapping[str, Any], listed: Iterable[File]) -> Facts | None:
    """What is certain of the rows in ``listed``; None where a delete file leaves nothing certain."""
    listed = list(listed)
    if any(each.content != _DATA for each in listed):
        return None
    columns = {}
    for column in iceberg.current_schema(dict(metadata))["fields"]:
        columns[str(column["name"]).lower()] = _column(column, listed)
    return Facts(rows=sum(each.rows for each in listed), columns=columns)


def _column(column: Mapping[str, Any], listed: list[File]) -> ColumnFacts:
    number, kind = column["id"], column["type"]
    counted = [each.nulls.get(number) for each in listed]
    if not isinstance(kind, str):
        return ColumnFacts()
    nulls = sum(n for n in counted if n is not None) if None not in counted else None
    decode = _decoder(kind)
    if decode is None or nulls is None:
        return ColumnFacts(nulls=nulls)
    filled = [each for each, empty in zip(listed, counted, strict=True) if empty != each.rows]
    low = [_value(each.low.get(number), decode) for each in filled]
    high = [_value(each.high.get(number), decode) for each in filled]
    if not filled or None in low or None in high:
        return ColumnFacts(nulls=nulls)
    return ColumnFacts(nulls=nulls, low=min(low), high=max(high))


def bound(kind: Any, low: bytes | None, high: bytes | None) -> tuple[Any, Any]:
    """What Iceberg stores as smallest and largest value of a type, to be compared with one another; that of text as
    bytes, which may be its beginning. None for what is not known."""
    if kind == "string":
        return low, high
    decode = _decoder(kind) if isinstance(kind, str) else None
    return (None, None) if decode is None else (_value(low, decode), _value(high, decode))


def _value(stored: bytes | None, decode: Callable[[bytes], Any]) -> Any:
    if not stored:
        return None
    try:
        return decode(stored)
    except (ValueError, OverflowError, struct.error):
        return None


_EPOCH = datetime(1970, 1, 1)


def _decoder(kind: str) -> Callable[[bytes], Any] | None:
    """Reads a bound of a type whose bounds are never cut short; None for others, and for those that may be NaN."""
    if kind in ("int", "long"):
        # An int's bound stays short when the column was widened to long.
        return lambda b: int.from_bytes(b, "little", signed=True) if len(b) in (4, 8) else None
    if kind == "date":
        return lambda b: date(1970, 1, 1) + timedelta(days=int.from_bytes(b, "little", signed=True))
    if kind == "timestamp":
        return lambda b: _EPOCH + timedelta(microseconds=int.from_bytes(b, "little", signed=True))
    if kind.startswith("decimal"):
        digits = int(from_iceberg(kind).rstrip(")").partition(",")[2])
        return lambda b: Decimal(int.from_bytes(b, "big", signed=True)).scaleb(-digits)
    return None


def _file(data: Mapping[str, Any], manifest: str) -> File:
    about = data.get("referenced_data_file") or ""
    low, high = _pairs(data.get("lower_bounds")), _pairs(data.get("upper_bounds"))
    if data.get("content") == 1 and not about:
        # Writers of DuckDB count the path's field differently.
        about = next(
            (low[n].decode("utf-8", "replace") for n in (2147483546, 2147483646) if n in low and low[n] == high.get(n)),
            "",
        )
    return File(
        path=data["file_path"],
        content=int(data.get("content") or 0),
        rows=data["record_count"],
        nulls=_pairs(data.get("null_value_counts")),
        low=low,
        high=high,
        about=about,
        manifest=manifest,
    )


def _pairs(stored: Any) -> dict[int, Any]:
    if isinstance(stored, Mapping):
        return {int(key): value for key, value in stored.items()}
    return {int(pair["key"]): pair["value"] for pair in stored or ()}


def _place(path: str) -> str:
    return "/" + path.removeprefix("file:").lstrip("/") if path.startswith("file:") else path
