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
#: DuckDB's words for what is stored of a bound that only it reads as it prints it, by type.
_ASKED = {
    "date": "CAST({} AS DATE) - DATE '1970-01-01'",
    "timestamp": "epoch_us(CAST({} AS TIMESTAMP))",
    "timestamptz": "epoch_us(CAST({} AS TIMESTAMP WITH TIME ZONE))",
    # By way of a double, 7.038531e-26 becomes the number after it.
    "float": "CAST({} AS FLOAT)",
}
_COUNTED_AS = {"date": "<i", "timestamp": "<q", "timestamptz": "<q"}
#: Bounds both zeros from below: some engines tell them apart, and DuckDB tells the one that came first.
_ZERO = -0.0


def bounds(found: Mapping[Column, Mapping[str, str]], ask: Ask) -> tuple[dict[int, bytes], dict[int, bytes]]:
    """The lower and the upper bounds by a column's number, of each column's ``min`` and ``max`` as text."""
    answers = _answers(found, ask)
    low = {number: _stored(kind, s["min"], False, answers) for (number, kind), s in found.items() if "min" in s}
    # To DuckDB NaN is greater than all, but in no bound; and it tells only of a file's last group whether it has one.
    high = {
        number: _stored(kind, s["max"], True, answers)
        for (number, kind), s in found.items()
        if "max" in s and kind not in ("float", "double")
    }
    return _known(low), _known(high)


def _answers(found: Mapping[Column, Mapping[str, str]], ask: Ask) -> dict[tuple[str, str], Any]:
    """What DuckDB makes of each value among the statistics that only it reads."""
    wanted = {
        (kind, statistics[which]): _ASKED[kind].format(text(statistics[which]))
        for (_, kind), statistics in found.items()
        for which in ("min", "max")
        if kind in _ASKED and which in statistics
    }
    return dict(zip(wanted, ask(f"SELECT {', '.join(wanted.values())}")[0], strict=True)) if wanted else {}


def _known(stored: Mapping[int, bytes | None]) -> dict[int, bytes]:
    return {number: value for number, value in stored.items() if value is not None}


def _stored(kind: str, value: str, upper: bool, answers: Mapping[tuple[str, str], Any]) -> bytes | None:
    """A bound as Iceberg stores it; None for a type of which DuckDB's extension tells none."""
    if kind == "string":
        return _text_bound(value, upper)
    if kind == "int":
        return struct.pack("<i", int(value))
    if kind == "long":
        return struct.pack("<q", int(value))
    if kind == "double":
        return struct.pack("<d", float(value) or _ZERO)
    if kind == "float":
        return struct.pack("<f", answers[kind, value] or _ZERO)
    if kind in _ASKED:
        return struct.pack(_COUNTED_AS[kind], answers[kind, value])
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
