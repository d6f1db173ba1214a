"""Files that only grew: read on from where the last reading stopped, once the part before is known to be the same."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from wherry.model.dataclass import dataclass
from wherry.sources.files.formats.records import Dialect, first_record
from wherry.sources.files.formats.text import HEAD, RecordCount, is_utf8
from wherry.sources.files.options import TableOptions, compression_of
from wherry.sources.files.work import Piece, Tail, WorkFolder

CHUNK = 1 << 20
#: Formats whose files can be read on: what was read of them does not depend on what comes after.
LINES = ("csv", "jsonl", "fixed")


@dataclass(frozen=True, slots=True, kw_only=True)
class Read:
    """How far a file is read this time."""

    piece: Piece
    #: Hash of all bytes up to the end of what is read.
    sha: str
    end: int


def can_grow(piece: Piece, kind: str, table: TableOptions) -> bool:
    return kind in LINES and compression_of(piece.name, table) == "none" and is_utf8(table)


def read_on(
    piece: Piece, kind: str, table: TableOptions, known: Mapping[str, Any] | None, work: WorkFolder
) -> Read | None:
    """The part of a file that was added to it, copied out. None when it has to be read from its beginning.

    That is, unless its bytes up to where it was read are those that were read (by their hash), end with a line end
    that is not within quotes, and hold a header where one is.
    """
    start = int(known.get("end", known.get("size", 0))) if known and known.get("sha") else 0
    end = last_line_end(piece.path, start) if table.grows else Path(piece.path).stat().st_size
    if not start or end < start:
        return _from_beginning(piece, end, work) if table.grows else None
    assert known is not None
    seen = hashlib.sha256()
    quote = table.quote.encode() if kind == "csv" else b""
    count = RecordCount(quote, table.escape.encode() or quote)
    newlines, last, head = 0, b"", b""
    for chunk in _bytes(piece.path, 0, start):
        seen.update(chunk)
        count.feed(chunk)
        newlines += chunk.count(b"\n")
        last = chunk[-1:]
        head = head or chunk[:HEAD]
    records = count.end()
    if seen.hexdigest()[:32] != known["sha"] or last != b"\n" or count.inside or not records:
        return _from_beginning(piece, end, work) if table.grows else None
    if kind == "csv" and not _has_header(head, table):
        return _from_beginning(piece, end, work) if table.grows else None
    target = work.new(piece.file.name)
    with target.open("wb") as out:
        for chunk in _bytes(piece.path, start, end):
            out.write(chunk)
            seen.update(chunk)
    tail = Tail(lines=newlines, head=head.removeprefix(b"\xef\xbb\xbf"))
    made = Piece(file=piece.file, path=str(target), name=piece.name, label=piece.label, tail=tail)
    return Read(piece=made, sha=seen.hexdigest()[:32], end=end)


def _from_beginning(piece: Piece, end: int, work: WorkFolder) -> Read:
    """A copy of all whole lines."""
    seen = hashlib.sha256()
    target = work.new(piece.file.name)
    with target.open("wb") as out:
        for chunk in _bytes(piece.path, 0, end):
            out.write(chunk)
            seen.update(chunk)
    made = Piece(file=piece.file, path=str(target), name=piece.name, label=piece.label)
    return Read(piece=made, sha=seen.hexdigest()[:32], end=end)


def _has_header(head: bytes, table: TableOptions) -> bool:
    """Whether the first record, which may hold the names, was read whole."""
    plain = Dialect(delimiter=b",", quote=b"", escape=b"")
    values, _, before = first_record(head, plain, table.skip)
    return bool(values) and head.count(b"\n") > before


def last_line_end(path: str, start: int) -> int:
    """Where the last whole line of a file ends; before ``start`` nobody looks."""
    with Path(path).open("rb") as stream:
        end = stream.seek(0, 2)
        while end > start:
            begin = max(start, end - CHUNK)
            stream.seek(begin)
            found = stream.read(end - begin).rfind(b"\n")
            if found >= 0:
                return begin + found + 1
            end = begin
    return start


def _bytes(path: str, start: int, end: int) -> Iterator[bytes]:
    with Path(path).open("rb") as stream:
        stream.seek(start)
        while start < end and (chunk := stream.read(min(CHUNK, end - start))):
            start += len(chunk)
            yield chunk
