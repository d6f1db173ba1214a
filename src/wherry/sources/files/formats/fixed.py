"""Fixed width: columns are characters of a line, by position."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice

from wherry.errors import ProjectError
from wherry.model.finding import Finding
from wherry.sources.files.database import quoted
from wherry.sources.files.formats.csv import CsvScan, Part
from wherry.sources.files.formats.elements import lines
from wherry.sources.files.formats.records import LONGEST, Dialect
from wherry.sources.files.formats.scan import Job, Scan
from wherry.sources.files.formats.text import Text, chunks, without_lines
from wherry.sources.files.options import TableOptions, bad_option
from wherry.sources.files.unpack import unpacked

#: A delimiter that no line has: each line is one value.
NO_DELIMITER = b"\x1f\x1e\x1d\x1c"
_PLACE = re.compile(r"(\d+)(?:\s*(-)\s*(\d*))?\Z")


class FixedScan(CsvScan):
    """Reads each line as one value and cuts it; a line that is too short has no value in the columns it lacks."""

    def __init__(self, job: Job) -> None:
        super().__init__(job)
        self.cuts = positions(self.table)

    def find_dialect(self, text: Text) -> Dialect:
        return Dialect(delimiter=NO_DELIMITER, quote=b"", escape=b"")

    def find_columns(self, filled: Sequence[Text]) -> list[Part]:
        return [
            Part(
                text=text, path=text.path, compression=text.compression, names=tuple(self.cuts),
                skip=0 if text.piece.tail else self.table.skip + bool(self.table.header), header=False, width=1,
                prefix=self.work.prefix(text.path, text.piece.file.name),
            )
            for text in filled
        ]  # fmt: skip

    def cells(self, names: Sequence[str]) -> tuple[str, dict[str, str]]:
        nulls = ", ".join(quoted(n) for n in (*self.table.null, ""))
        cells = {}
        for name, (start, length) in self.cuts.items():
            value = f"trim(substring(line, {start}{f', {length}' if length else ''}))"
            cells[name.lower()] = f"CASE WHEN {value} NOT IN ({nulls}) THEN {value} END"
        return "{line: 'VARCHAR'}", cells

    def nulls_by_hand(self) -> bool:
        return True

    def where(self) -> str:
        return r" WHERE NOT regexp_full_match(coalesce(line, ''), '[ \t\r\f\v]*')"

    def said_names(self) -> Sequence[str]:
        return tuple(self.cuts)

    def records(self, part: Part) -> int:
        return self.count(part)

    def count(self, part: Part) -> int:
        """How many lines are not blank, of what is read: the file, or the copy of it that can be read."""
        pieces = unpacked(part.path, "none") if part.split else chunks(part.text)
        pieces = without_lines(pieces, part.skip) if part.skip and not part.split else pieces
        return sum(1 for _ in filled_lines(pieces))

    def record_places(self, part: Part, numbers: Iterator[int]) -> Iterator[tuple[int | None, str]]:
        """Line and text of the n-th lines that are not blank."""
        split = part.split or self.split_copy(part, lambda bad: None)
        yield from split.places(nth(filled_lines(unpacked(split.path, "none")), numbers), self.dialect)


def filled_lines(pieces: Iterator[bytes]) -> Iterator[int]:
    """The numbers of the lines that are not blank."""
    return (each.line for each in lines(pieces, LONGEST) if each.text.strip(b" \t\r\f\v"))


def nth(found: Iterator[int], numbers: Iterator[int]) -> Iterator[int]:
    """The n-th of them, from 1; ``numbers`` goes up. Raises ``ValueError`` where there are fewer."""
    at = 0
    for number in numbers:
        each = next(islice(found, number - at - 1, None), None)
        if each is None:
            raise ValueError(f"it has fewer than {number:,} lines now, and had more")
        yield each
        at = number


def positions(table: TableOptions) -> Mapping[str, tuple[int, int]]:
    """Start (from 1) and length (0: to the end) of each column. Raises ``ProjectError``."""
    found, problems = {}, []
    for name, text in table.positions.items():
        place = _PLACE.match(str(text).strip())
        first = int(place[1]) if place else 0
        last = int(place[3] or 0) if place and place[2] else first
        if place is None or first < 1 or (last and last < first):
            problems.append(
                bad_option(
                    "positions", f"{name}: {text}", "It is the first and the last character: `1-5`, `7` or `9-`."
                )
            )
            continue
        found[name] = (first, last - first + 1 if last else 0)
    if not table.positions:
        problems.append(
            Finding(
                code="missing-option",
                message="A fixed-width file needs `positions:`, which characters each column has.",
                hint="Such as `positions: {id: 1-5, name: 6-25}`.",
            )
        )
    if problems:
        raise ProjectError(findings=problems)
    return found


def scan(job: Job) -> Scan:
    """All lines of all files, cut at the same places."""
    return FixedScan(job).scan(job)
