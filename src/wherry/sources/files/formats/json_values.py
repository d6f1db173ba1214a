"""JSON whose values are not all objects: those that are become a file of their own, the others are put aside."""

from __future__ import annotations

from array import array
from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from dataclasses import field
from typing import TYPE_CHECKING

from wherry.errors import SourceError
from wherry.model.dataclass import dataclass
from wherry.sources.files.database import failed
from wherry.sources.files.formats.elements import Element, elements, lines
from wherry.sources.files.formats.records import undecodable
from wherry.sources.files.formats.text import Text, chunks, wrong_encoding

if TYPE_CHECKING:
    from wherry import duckdb
    from wherry.sources.files.formats.scan import Job

#: Longest JSON value, in bytes.
LONGEST = 16 << 20


@dataclass(slots=True, kw_only=True)
class Part:
    """One file of a batch."""

    text: Text
    path: str
    compression: str
    #: ``newline_delimited``, ``array`` or ``unstructured`` (values one after the other).
    layout: str
    #: What comes before the part of ``path`` that tells the file.
    prefix: str
    #: How many values were kept, when the file had to be cleaned, and where each of them was.
    kept: int | None = None
    places: Places | None = None


@dataclass(slots=True)
class Places:
    """The lines of the n-th values of a file, kept as the places where they do not simply go up by one."""

    _from: array[int] = field(default_factory=lambda: array("q"))
    _line: array[int] = field(default_factory=lambda: array("q"))

    def add(self, n: int, line: int) -> None:
        if not self._from or self.line(n) != line:
            self._from.append(n)
            self._line.append(line)

    def line(self, n: int) -> int:
        if not self._from:
            raise ValueError("it has no values now, and had some")
        at = bisect_right(self._from, n) - 1
        return self._line[at] + n - self._from[at]


def clean(part: Part, job: Job, malformed: Callable[[Sequence[Part]], SourceError]) -> None:
    """Copy the values that are objects, one a line; put the others aside."""
    piece = part.text.piece
    target = job.work.new(piece.file.name)
    places, kept, bad, undecoded, first_bad = Places(), 0, 0, 0, 0
    by_line = part.layout == "newline_delimited"
    found = (lines if by_line else elements)(chunks(part.text), LONGEST)
    before = piece.tail.lines if piece.tail else 0
    with target.open("wb") as out:
        for group in groups(found):
            for each, reason in zip(group, judge(job.con, group), strict=True):
                line = each.line + before
                if not reason:
                    kept += 1
                    out.write((each.text if by_line else b" ".join(each.text.splitlines())) + b"\n")
                    places.add(kept, line)
                    continue
                if not each.whole:
                    # Without its end nothing tells where the next value of an array begins.
                    raise malformed([part])
                bad += 1
                first_bad = first_bad or line
                undecoded += "not utf-8" in reason
                job.rejects.add(piece, line, reason, each.text.decode("utf-8", "backslashreplace"))
    if undecoded * 10 > kept + bad:
        raise wrong_encoding(piece.label, job.table.encoding, f"line {first_bad}")
    if not kept and by_line:
        raise failed(
            "not-json-lines",
            f"No line of `{piece.label}` is a JSON object.",
            "Set `format: json` if it holds one value over several lines, or an array.",
            file=piece.file.name,
            line=first_bad,
        )
    if not kept:
        raise malformed([part])
    part.path, part.compression, part.layout = str(target), "none", "newline_delimited"
    part.prefix = job.work.prefix(part.path, piece.file.name)
    part.kept, part.places = kept, places


def judge(con: duckdb.DuckDBPyConnection, values: Sequence[Element]) -> list[str]:
    """Why each value is not a JSON object; empty where it is one."""
    reasons = [each.problem or undecodable(each.text) for each in values]
    readable = ["" if reason else each.text.decode() for each, reason in zip(values, reasons, strict=True)]
    rows = con.execute(
        "SELECT CASE WHEN NOT json_valid(l) THEN '' ELSE json_type(l) END FROM"
        " (SELECT unnest(?) AS l, generate_subscripts(?, 1) AS i) ORDER BY i",
        [readable, readable],
    ).fetchall()
    told = {"": "It is not JSON.", "OBJECT": ""}
    return [
        reason or told.get(row[0], f"It is JSON, but {row[0].lower()} rather than an object.")
        for reason, row in zip(reasons, rows, strict=True)
    ]


def groups(found: Iterator[Element]) -> Iterator[list[Element]]:
    """About a megabyte of values at a time."""
    group: list[Element] = []
    size = 0
    for each in found:
        group.append(each)
        size += len(each.text)
        if size > 1 << 20 or len(group) == 10_000:
            yield group
            group, size = [], 0
    if group:
        yield group


def places_of(part: Part) -> Places:
    """Lines of the values of a file."""
    if part.places is not None:
        return part.places
    before = part.text.piece.tail.lines if part.text.piece.tail else 0
    places = Places()
    find = lines if part.layout == "newline_delimited" else elements
    for n, each in enumerate(find(chunks(part.text), LONGEST), 1):
        places.add(n, each.line + before)
    return places
