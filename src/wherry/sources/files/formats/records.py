"""Split damaged CSV into the records that can be read and the lines that cannot.

DuckDB's reader loses its place after a stray quote: rows vanish without being reported. A file in which it found a
problem, or not as many records as there are, is therefore split here first: every line is in one of two places.
A line that starts a record which cannot be read is put aside alone, and reading goes on with the next line.
"""

from __future__ import annotations

import mmap
from array import array
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator
from dataclasses import field
from pathlib import Path
from typing import IO

from wherry.model.dataclass import dataclass

#: DuckDB's longest record, in bytes.
LONGEST = 2_000_000
#: Bytes of a bad row that are shown.
SHOWN = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialect:
    """How a CSV file is written."""

    delimiter: bytes
    quote: bytes
    escape: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class BadLine:
    """A line that is not a row."""

    #: 1-based.
    line: int
    reason: str
    row: str


@dataclass(slots=True, kw_only=True)
class Split:
    """A cleaned copy of a file."""

    path: str
    #: Is given each line that is not a row.
    tell: Callable[[BadLine], None]
    #: How many records the copy has, how many lines are bad, and how many of those do not decode.
    records: int = 0
    bad: int = 0
    undecodable: int = 0
    #: The first line that does not decode.
    undecodable_line: int = 0
    #: Where cleaned and original lines part: offset in the copy, and how many lines only the original has before it.
    _offsets: array[int] = field(default_factory=lambda: array("q"))
    _missing: array[int] = field(default_factory=lambda: array("q"))

    def skip(self, offset: int, lines: int) -> None:
        self._offsets.append(offset)
        self._missing.append((self._missing[-1] if self._missing else 0) + lines)

    def put_aside(self, bad: BadLine) -> None:
        self.bad += 1
        self.tell(bad)

    def places(self, wanted: Iterable[int], dialect: Dialect) -> Iterator[tuple[int, str]]:
        """Original line and text of the n-th records; ``wanted`` goes up."""
        n, at, lines = 0, 0, 0
        with Path(self.path).open("rb") as stream, mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as data:
            for each in wanted:
                while n < each:
                    n += 1
                    start, end = at, line_end(data, at, len(data))
                    if dialect.quote and dialect.quote in data[at:end]:
                        end = fields_of(data, at, dialect)[1]
                    record = data[start:end]
                    before = lines
                    lines += record.count(b"\n") + 1
                    at = end + 1
                gap = bisect_right(self._offsets, start)
                missing = self._missing[gap - 1] if gap else 0
                yield before + 1 + missing, record.decode("utf-8", "backslashreplace")


def fields_of(data: bytes | mmap.mmap, start: int, dialect: Dialect) -> tuple[list[bytes], int, bool, str]:
    """One record: its values, where it ends (its line end, or the end of data), whether it is plainly written, and
    what is wrong with it (empty: nothing)."""
    quote, delimiter, escape = dialect.quote, dialect.delimiter, dialect.escape
    values: list[bytes] = []
    at, size, plain = start, min(len(data), start + LONGEST), True
    while True:
        if quote and data[at : at + 1] == quote:
            value, at, problem = quoted_value(data, at + 1, size, quote, escape)
            if problem:
                return values, at, False, problem
            values.append(value)
        else:
            end = line_end(data, at, size)
            stop = data.find(delimiter, at, end)
            stop = end if stop < 0 else stop
            value = data[at:stop]
            if stop == end and value.endswith(b"\r"):
                value = value[:-1]
            plain = plain and b"\r" not in value and not (quote and quote in value)
            values.append(value)
            at = stop
        if data[at : at + len(delimiter)] == delimiter:
            at += len(delimiter)
            continue
        if data[at : at + 2] == b"\r\n":
            at += 1
        if at >= len(data) or data[at : at + 1] == b"\n":
            return values, at, plain, ""
        if at >= size:
            return values, at, False, f"The record is longer than {LONGEST:,} bytes."
        return values, at, False, "There is text after a closing quote."


def quoted_value(data: bytes | mmap.mmap, at: int, size: int, quote: bytes, escape: bytes) -> tuple[bytes, int, str]:
    """A value after its opening quote: the value, where it ends, and what is wrong with it."""
    parts: list[bytes] = []
    while True:
        end = data.find(quote, at, size)
        if escape != quote:
            slash = data.find(escape, at, size)
            if slash >= 0 and (end < 0 or slash < end):
                parts.append(data[at:slash] + data[slash + 1 : slash + 2])
                at = slash + 2
                continue
        if end < 0:
            return b"", at, "A quote is opened and never closed."
        parts.append(data[at:end])
        if escape == quote and data[end + 1 : end + 2] == quote:
            parts.append(quote)
            at = end + 2
            continue
        return b"".join(parts), end + 1, ""


def line_end(data: bytes | mmap.mmap, at: int, size: int) -> int:
    end = data.find(b"\n", at, size)
    return size if end < 0 else end


def split_records(
    path: str,
    target: Path,
    dialect: Dialect,
    columns: int,
    tell: Callable[[BadLine], None],
    *,
    skip: int = 0,
    header: bool = False,
    lines_before: int = 0,
) -> Split:
    """Copy the records with the right number of columns to ``target``; ``tell`` of all the others.

    ``lines_before`` is how many lines of the file come before what is in ``path``.
    """
    result = Split(path=str(target), tell=tell)
    with Path(path).open("rb") as source, target.open("wb") as out:
        if Path(path).stat().st_size == 0:
            return result
        with mmap.mmap(source.fileno(), 0, access=mmap.ACCESS_READ) as data:
            _copy(data, out, result, dialect, columns, skip, header, lines_before)
    return result


def _copy(
    data: mmap.mmap, out: IO[bytes], result: Split, dialect: Dialect, columns: int, skip: int, header: bool, before: int
) -> None:
    at = 3 if data[:3] == b"\xef\xbb\xbf" else 0
    written, line, size = 0, 1 + before, len(data)
    for _ in range(skip):
        at, line = min(size, line_end(data, at, size) + 1), line + 1
    if line > 1:
        result.skip(0, line - 1)
    quote, delimiter = dialect.quote, dialect.delimiter
    while at < size:
        end = line_end(data, at, size)
        too_long = end - at > LONGEST
        raw = data[at : at + SHOWN if too_long else end]
        if raw.endswith(b"\r"):
            raw = raw[:-1]
        lines, reason, record = 1, "", raw
        if too_long:
            reason = f"The record is longer than {LONGEST:,} bytes."
        elif not raw and columns > 1:
            reason = "blank"
        elif (quote and quote in raw) or b"\r" in raw:
            values, stop, plain, reason = fields_of(data, at, dialect)
            count = len(values)
            if not reason and count == columns:
                end = stop
                record = data[at:end].removesuffix(b"\r")
                lines += record.count(b"\n")
                if not plain:
                    record = delimiter.join(_written(v, dialect) for v in values)
        else:
            count = raw.count(delimiter) + 1
        if not reason and len(record) > LONGEST:
            reason = f"The record is longer than {LONGEST:,} bytes."
        if not reason and count != columns:
            end, lines, record = line_end(data, at, size), 1, raw
            reason = f"It has {count} value{'s' if count != 1 else ''}; {columns} columns are expected."
        if not reason and (problem := undecodable(record)):
            reason = problem
            result.undecodable += 1
            result.undecodable_line = result.undecodable_line or line
        if header and reason != "blank":
            header, reason = False, "header"
        if reason:
            result.skip(written, lines)
            if reason not in ("blank", "header"):
                row = data[at : min(end, at + SHOWN)].removesuffix(b"\r").decode("utf-8", "backslashreplace")
                result.put_aside(BadLine(line=line, reason=reason, row=row))
        else:
            out.write(record)
            out.write(b"\n")
            written += len(record) + 1
            result.records += 1
        at, line = end + 1, line + lines


def undecodable(record: bytes) -> str:
    try:
        record.decode("utf-8")
    except UnicodeDecodeError as error:
        byte = record[error.start]
        return f"Byte 0x{byte:02x} at position {error.start + 1} of the row is not utf-8; `encoding:` may be another."
    return ""


def _written(value: bytes, dialect: Dialect) -> bytes:
    """A value written so that every reader agrees on it."""
    q, e = dialect.quote, dialect.escape
    if not q or not value or not (q in value or b"\r" in value or b"\n" in value or dialect.delimiter in value):
        return value
    if e != q:
        value = value.replace(e, e + e)
    return q + value.replace(q, e + q) + q


def first_record(head: bytes, dialect: Dialect, skip: int) -> tuple[list[bytes], list[bool], int]:
    """The first record of a text that is not blank: its values, which were quoted, and how many lines come before."""
    at, before = 0, 0
    while at < len(head):
        end = line_end(head, at, len(head))
        if before >= skip and head[at:end].strip(b"\r"):
            values, _, _, problem = fields_of(head, at, dialect)
            if problem:
                values = head[at:end].removesuffix(b"\r").split(dialect.delimiter)
            return values, [], before
        at, before = end + 1, before + 1
    return [], [], before
