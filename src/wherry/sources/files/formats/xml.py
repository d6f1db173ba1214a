"""XML: each element of a path is a row; attributes and elements inside of it are its columns."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import IO, TYPE_CHECKING, Any
from xml.parsers import expat

from wherry.sources.files.database import failed
from wherry.sources.files.formats.json import JsonScan
from wherry.sources.files.formats.json_values import LONGEST, Part, Places
from wherry.sources.files.formats.scan import Job, Scan
from wherry.sources.files.formats.structure import is_nested
from wherry.sources.files.formats.text import Text, chunks, is_utf8, open_text

if TYPE_CHECKING:
    from wherry.sources.files.work import Piece

#: Elements within elements of one record.
DEEPEST = 100
#: The text of an element that has attributes or elements too.
VALUE = "_value"


class XmlScan(JsonScan):
    """Copies each record as a line of JSON, and goes on as with these."""

    all_text = True

    def parts(self, pieces: Sequence[Piece]) -> list[Part]:
        parts = [self.convert(open_text(piece, self.table, self.work)) for piece in pieces]
        return [part for part in parts if part]

    def convert(self, text: Text) -> Part | None:
        """A file's records, written as lines."""
        if not text.head.strip():
            return None
        piece = text.piece
        target = self.work.new(piece.file.name)
        records = Records(self, text)
        while True:
            with target.open("wb") as out:
                places, kept = records.write(out)
            if not records.lists_found - records.lists:
                break
            # What is repeated in one record is a list in all of them: once more, now that it is known.
            records.lists |= records.lists_found
        for line, reason, row in records.bad:
            self.rejects.add(piece, line, reason, row)
        if not kept and not records.bad:
            wanted = f"`records: {self.table.records}`" if self.table.records else "the root, which has no children"
            raise failed(
                "no-records", f"`{piece.label}` has no element that is a row by {wanted}.",
                f"Set `records:` to the path of such elements. There are {', '.join(records.seen)}.",
            )  # fmt: skip
        prefix = self.work.prefix(str(target), piece.file.name)
        return Part(
            text=text, path=str(target), compression="none", layout="newline_delimited", prefix=prefix, kept=kept,
            places=places,
        )  # fmt: skip


class Records:
    """The records of one file, one at a time."""

    def __init__(self, scan: XmlScan, text: Text) -> None:
        self.scan, self.text = scan, text
        path = scan.table.records.strip()
        self.rooted = path.startswith("/") or not path
        self.path = path.strip("/").split("/") if path else []
        #: Paths below a record of elements that are lists: found in this file, or told by the types of the table.
        self.lists: set[tuple[str, ...]] = set()
        for name, kind in {**scan.known, **scan.table.types}.items():
            if is_nested(str(kind)) or str(kind).endswith("]"):
                self.lists |= set(_lists((name,), scan.con.type(str(kind))))
        self.lists_found: set[tuple[str, ...]] = set()
        self.bad: list[tuple[int, str, str]] = []
        #: Paths of the first elements, for whoever has to say which are rows.
        self.seen: dict[str, None] = {}

    def write(self, out: IO[bytes]) -> tuple[Places, int]:
        """Write the records as lines; where each began, and how many there are."""
        self.out, self.places, self.kept, self.bad = out, Places(), 0, []
        #: Names of the elements that are open, and of those of them that belong to a record the value so far.
        self.open: list[str] = []
        self.values: list[dict[str, Any]] = []
        self.size = self.line = 0
        encoding = None if is_utf8(self.scan.table) else "utf-8"
        parser = expat.ParserCreate(encoding)
        parser.buffer_text = True
        parser.StartElementHandler, parser.EndElementHandler = self.start, self.end
        parser.CharacterDataHandler = self.characters
        parser.EntityDeclHandler = self.entity
        parser.ExternalEntityRefHandler = self.entity
        self.parser = parser
        label = self.text.piece.label
        try:
            for piece in chunks(self.text):
                parser.Parse(piece, False)
            parser.Parse(b"", True)
        except expat.ExpatError as error:
            raise failed(
                "not-xml", f"`{label}` is not XML that can be read: {expat.ErrorString(error.code)} at line"
                f" {error.lineno}, character {error.offset + 1}.",
                "It may be cut off: write or copy it again, and run again.", self.text.piece.file.name, error.lineno,
            ) from None  # fmt: skip
        return self.places, self.kept

    def entity(self, *told: Any) -> int:
        raise failed(
            "entities", f"`{self.text.piece.label}` declares entities, which can be made to fill all memory.",
            "Have it written without a DTD.", self.text.piece.file.name, self.parser.CurrentLineNumber,
        )  # fmt: skip

    def is_record(self) -> bool:
        if not self.path:
            return len(self.open) == 2
        found = self.open if self.rooted else self.open[-len(self.path) :]
        return len(found) == len(self.path) and all(w in ("*", n) for w, n in zip(self.path, found, strict=True))

    def start(self, name: str, attributes: dict[str, str]) -> None:
        name = name.rpartition(":")[2]
        self.open.append(name)
        if len(self.seen) < 10 and not self.values and len(self.open) < DEEPEST:
            self.seen.setdefault(f"`{'/'.join(self.open)}`")
        if not self.values:
            if not self.is_record():
                return
            self.size, self.line, self.depth = 0, self.parser.CurrentLineNumber, len(self.open)
        if self.size > LONGEST or len(self.values) > DEEPEST:
            self.values.append({})
            self.size = max(self.size, LONGEST + 1) if len(self.values) > DEEPEST else self.size
            return
        self.size += len(name) + sum(len(n) + len(v) for n, v in attributes.items()) + 8
        own = {f"_{n.rpartition(':')[2]}": v for n, v in attributes.items() if not n.startswith("xmlns")}
        self.values.append({**own, VALUE: []})

    def characters(self, text: str) -> None:
        if self.values:
            self.size += len(text)
            if self.size <= LONGEST:
                self.values[-1][VALUE].append(text)

    def end(self, name: str) -> None:
        path = tuple(self.open[self.depth :]) if self.values else ()
        here = self.open.pop()
        if not self.values:
            return
        inner = self.values.pop()
        value: Any = None
        if self.size <= LONGEST:
            text = "".join(inner.pop(VALUE, ())).strip()
            value = {**inner, VALUE: text} if inner and text else inner or text or None
        if not self.values:
            self.record(value)
        elif self.size <= LONGEST:
            outer = self.values[-1]
            if here in outer:
                self.lists_found.add(path)
                if path in self.lists:
                    outer[here].append(value)
            else:
                outer[here] = [value] if path in self.lists else value

    def record(self, value: Any) -> None:
        if self.size > LONGEST:
            reason = f"It is longer than {LONGEST:,} characters, or has more than {DEEPEST} elements within elements."
            self.bad.append((self.line, reason, ""))
            return
        self.kept += 1
        self.places.add(self.kept, self.line)
        row = value if isinstance(value, dict) else {VALUE: value}
        self.out.write(json.dumps(row, ensure_ascii=False).encode() + b"\n")


def _lists(path: tuple[str, ...], kind: Any) -> Iterator[tuple[str, ...]]:
    """Paths of what is a list in a DuckDB type."""
    if kind.id == "list":
        yield path
        yield from _lists(path, kind.children[0][1])
    elif kind.id == "struct":
        for name, child in kind.children:
            yield from _lists((*path, name), child)


def scan(job: Job) -> Scan:
    """All records of all files, by the names of their attributes and elements."""
    return XmlScan(job).scan(job.pieces)
