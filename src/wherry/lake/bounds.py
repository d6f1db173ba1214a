"""Smallest and largest values as Iceberg stores them, made of what DuckDB's ``COPY`` tells of the files that it wrote.

After the Iceberg table specification, version 2, appendix D, "Single-value serialization".
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from wherry.quoting import text

#: Answers a query of DuckDB's.
Ask = Callable[[str], Sequence[tuple[Any, ...]]]
#: Bytes of text that a bound has at most.
_BOUND = 16
#: A column's number and Iceberg type.
Column = tuple[int, str]
#: DuckDB's words for what Iceberg counts of moments, by type.
_COUNTED = {
    "date": "CAST({} AS DATE) - DATE '1970-01-01'",
    "timestamp": "epoch_us(CAST({} AS TIMESTAMP))",
    "timestamptz": "epoch_us(CAST({} AS TIMESTAMP WITH TIME ZONE))",
}


def bounds(found: Mapping[Column, Mapping[str, str]], ask: Ask) -> tuple[dict[int, bytes], dict[int, bytes]]:
    """The lower and the upper bounds by a column's number, of each column's ``min`` and ``max`` as text."""
    moments = _moments(found, ask)
    return _of_all(found, "min", moments), _of_all(found, "max", moments)


def _moments(found: Mapping[Column, Mapping[str, str]], ask: Ask) -> dict[tuple[str, str], int]:
    """Days or microseconds since 1970 of each moment among the statistics; only DuckDB reads all that it prints."""
    wanted = {
        (kind, statistics[which]): _COUNTED[kind].format(text(statistics[which]))
        for (_, kind), statistics in found.items()
        for which in ("min", "max")
        if kind in _COUNTED and which in statistics
    }
    if not wanted:
        return {}
    return dict(zip(wanted, map(int, ask(f"SELECT {', '.join(wanted.values())}")[0]), strict=True))


def _of_all(
    found: Mapping[Column, Mapping[str, str]], which: str, moments: Mapping[tuple[str, str], int]
) -> dict[int, bytes]:
    found_bounds = {}
    for (number, kind), statistics in found.items():
        value = statistics.get(which)
        stored = _stored(kind, value, which == "max", moments) if value is not None else None
        if stored is not None:
            found_bounds[number] = stored
    return found_bounds


def _stored(kind: str, value: str, upper: bool, moments: Mapping[tuple[str, str], int]) -> bytes | None:
    """A bound as Iceberg stores it; None for a type of which DuckDB's extension tells none."""
    if kind == "string":
        return _text_bound(value, upper)
    if kind == "int":
        return struct.pack("<i", int(value))
    if kind == "long":
        return struct.pack("<q", int(value))
    if kind == "float":
        return struct.pack("<f", float(value))
    if kind == "double":
        return struct.pack("<d", float(value))
    if kind == "date":
        return struct.pack("<i", moments[kind, value])
    if kind in _COUNTED:
        return struct.pack("<q", moments[kind, value])
    if kind == "binary":
        return bytes.fromhex(value)
    if kind.startswith("decimal"):
        whole = int(value.replace(".", ""))  # with all its digits behind the point
        return whole.to_bytes((whole if whole >= 0 else ~whole).bit_length() // 8 + 1, "big", signed=True)
    return None


def _text_bound(value: str, upper: bool) -> bytes | None:
    """Text, or for long one its beginning; as an upper bound that which comes right after all that begin so."""
    stored = value.encode()
    if len(stored) <= _BOUND:
        return stored
    kept = stored[:_BOUND].decode("utf-8", "ignore")
    if not upper:
        return kept.encode()
    while kept:
        following = ord(kept[-1]) + 1
        if following <= 0x10FFFF:
            return (kept[:-1] + chr(0xE000 if following == 0xD800 else following)).encode()
        kept = kept[:-1]
    return None
