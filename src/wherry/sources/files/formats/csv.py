"""CSV, TSV and the like: every line becomes a row or a reject."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from wherry.model.dataclass import dataclass
from wherry.ports import FILE_COLUMN
from wherry.sources.files.database import failed, literal_path, named, quoted, texts
from wherry.sources.files.formats import kinds
from wherry.sources.files.formats.dialect import looks_like_header, sniff_delimiter
from wherry.sources.files.formats.placed import Placed, numbers_of, places, record_numbers
from wherry.sources.files.formats.records import BadLine, Dialect, Split, first_record, split_records
from wherry.sources.files.formats.scan import (
    Job,
    Places,
    Scan,
    check_file_column,
    check_types_are_used,
    distinct_names,
    given_types,
    misfit,
)
from wherry.sources.files.formats.text import (
    Text,
    chunks,
    count_lines,
    count_records,
    open_text,
    plain_copy,
    with_line_feeds,
    without_lines,
    wrong_encoding,
)

#: A null text that no file has.
NO_TEXT = ("\x02\x02",)
_numbers = itertools.count(1)


@dataclass(slots=True, kw_only=True)
class Part:
    """One file of a batch, and how it is read."""

    text: Text
    path: str
    compression: str
    names: tuple[str, ...]
    skip: int
    header: bool
    #: How many values a record has, when that is not one for each name.
    width: int = 0
    #: Set when the file had to be split by hand.
    split: Split | None = None
    #: What comes before the part of ``path`` that tells the file.
    prefix: str = ""
    #: How many records it has as it is written, and how many of those that are read do not fit the given types.
    counted: int = 0
    misfits: int = 0


@dataclass(slots=True, kw_only=True)
class Reading:
    """What a first reading of all rows tells."""

    rows: int
    #: How many of the rows do not fit the given types.
    misfits: int
    masks: dict[str, int | None]
    #: How many problems DuckDB found in the writing of the files.
    problems: int


class CsvScan:
    """Works out the query for a batch of CSV files, in the order of its methods."""

    def __init__(self, job: Job) -> None:
        self.con, self.table, self.work, self.with_file = job.con, job.table, job.work, job.with_file
        self.known = {name: kind for name, kind in job.known.items() if name != FILE_COLUMN}
        self.types = given_types(job.con, job.table)
        self.rejects = job.rejects

    def scan(self, job: Job) -> Scan:
        """Raises ``SourceError`` for a batch that cannot be read as a whole."""
        opened = [with_line_feeds(open_text(piece, self.table, self.work), self.work) for piece in job.pieces]
        filled = [t for t in opened if t.head.strip(b"\r\n")]
        self.dialect = self.find_dialect(filled[0]) if filled else Dialect(delimiter=b",", quote=b"", escape=b"")
        parts = self.find_columns(filled)
        self.columns = self.all_columns(parts, opened)
        if self.with_file:
            check_file_column(self.columns)
        check_types_are_used(self.table, self.columns, self.known)
        #: The names that columns have inside of the query, where nothing in the data can be called alike.
        self.at = {c: f"v{i}" for i, c in enumerate(self.columns)}
        self.given = {c: k for c in self.columns if (k := self.types.get(c.lower(), "VARCHAR")) != "VARCHAR"}
        self.fits = " AND ".join(kinds.fits(self.at[c], kind, self.table) for c, kind in self.given.items()) or "true"
        for part in parts:
            part.counted = self.count(part)
        expected = sum(part.counted for part in parts)
        reading = self.first_reading(parts)
        if reading is None or reading.problems or reading.rows != expected:
            reading = self.repair(parts)
        known = {name.lower(): kind for name, kind in self.known.items()}
        types = {
            c: self.types.get(c.lower()) or kinds.narrowest(reading.masks.get(c), known.get(c.lower(), ""))
            for c in self.columns
        }
        if reading.misfits:
            self.misfits(parts)
        there = {name.lower() for part in parts for name in part.names}
        return Scan(
            sql=self.query(parts, types, reading.misfits),
            columns=types,
            rows=reading.rows - reading.misfits,
            absent=tuple(name for name in self.columns if there and name.lower() not in there),
            places=self.places([part for members in self.groups(parts) for part in members]),
        )

    def places(self, parts: Sequence[Part]) -> Places:
        """Where the rows are that the parts give, in this order."""

        def placed(part: Part) -> Placed:
            return Placed(
                piece=part.text.piece,
                rows=lambda: (part.split.records if part.split else part.counted) - part.misfits,
                lines=lambda wanted: self.record_lines(part, self.kept_numbers(part, wanted)),
            )

        return lambda wanted: places(map(placed, parts), wanted)

    def kept_numbers(self, part: Part, wanted: Iterator[int]) -> Iterator[int]:
        """The numbers, from 1, that rows have among the records of a part."""
        if not part.misfits:
            return record_numbers(wanted)
        numbered = f"SELECT *, row_number() OVER () AS n FROM ({self.source([part])})"
        return numbers_of(self.con.cursor().execute(f"SELECT n FROM ({numbered}) WHERE {self.fits} ORDER BY n"), wanted)

    def find_dialect(self, text: Text) -> Dialect:
        quote = self.table.quote.encode()
        escape = self.table.escape.encode() or quote
        delimiter = self.table.delimiter.replace("\\t", "\t")
        if not delimiter:
            delimiter = sniff_delimiter(text, quote, escape, self.table)
        return Dialect(delimiter=delimiter.encode(), quote=quote, escape=escape)

    def find_columns(self, filled: Sequence[Text]) -> list[Part]:
        parts: list[Part] = []
        header = self.table.header
        for text in filled:
            values, _, skip = first_record(text.head, self.dialect, self.table.skip)
            if not values:
                continue
            if header is None:
                header = not self.table.names and looks_like_header(values, self.table)
            names = list(self.table.names)
            if not names:
                try:
                    found = [v.decode("utf-8") for v in values] if header else [""] * len(values)
                except UnicodeDecodeError:
                    raise wrong_encoding(text.piece.label, self.table.encoding, f"line {skip + 1}") from None
                names = distinct_names(found)
            parts.append(
                Part(
                    text=text,
                    path=text.path,
                    compression=text.compression,
                    names=tuple(names),
                    skip=0 if text.piece.tail else skip,
                    header=header and text.piece.tail is None,
                    prefix=self.work.prefix(text.path, text.piece.file.name),
                )
            )
        return parts

    def all_columns(self, parts: Sequence[Part], opened: Sequence[Text]) -> list[str]:
        wanted: list[str] = [*self.known]
        if not parts:
            wanted += self.said_names()
        for names in dict.fromkeys(p.names for p in parts):
            wanted += names
        spelled: dict[str, str] = {}
        for name in wanted:
            spelled.setdefault(name.lower(), name)
        columns = list(spelled.values())
        if not columns:
            raise failed(
                "empty-file",
                f"`{opened[0].piece.label}` is empty: it has not even a header.",
                "Write it again, or give `names:` or `types:` so that an empty file is a table without rows.",
            )
        return columns

    def said_names(self) -> Sequence[str]:
        """Columns of files that are empty."""
        return self.table.names or tuple(self.table.types)

    def records(self, part: Part) -> int:
        """How many records are read of a file."""
        return part.split.records if part.split else self.count(part)

    def count(self, part: Part) -> int:
        pieces = without_lines(chunks(part.text), part.skip) if part.skip else chunks(part.text)
        found = count_records(pieces, self.dialect.quote, self.dialect.escape, blanks=len(part.names) == 1)
        return found - part.header

    def source(self, parts: Sequence[Part], rejects: str = "") -> str:
        """SQL: rows of all files with every column, all as text."""
        selects = [self.group(members, rejects) for members in self.groups(parts)]
        if not selects:
            nulls = [f"NULL::VARCHAR AS {v}" for v in self.at.values()]
            selects = [f"SELECT {', '.join(nulls)}, NULL::VARCHAR AS file WHERE false"]
        return " UNION ALL ".join(selects)

    def groups(self, parts: Sequence[Part]) -> Sequence[Sequence[Part]]:
        """The parts that are read together, because they are written alike."""
        found: dict[tuple[Any, ...], list[Part]] = {}
        for part in parts:
            key = (part.names, part.prefix, part.compression, part.skip, part.header, part.split is None)
            found.setdefault(key, []).append(part)
        return list(found.values())

    def group(self, members: Sequence[Part], rejects: str) -> str:
        one, table = members[0], self.table
        columns, mine = self.cells(one.names)
        settings = {
            "columns": columns,
            "auto_detect": "false",
            "header": str(one.header and one.split is None).lower(),
            "skip": str(0 if one.split else one.skip),
            "delim": quoted(self.dialect.delimiter.decode()),
            "quote": quoted(self.dialect.quote.decode()),
            "escape": quoted(self.dialect.escape.decode()),
            "nullstr": texts(NO_TEXT if self.nulls_by_hand() else table.null),
            "compression": quoted(one.compression),
            "filename": "'path'",
            "parallel": str(one.split is None).lower(),
            "hive_partitioning": "false",
        }
        if one.split:
            # Else a line end inside quotes that differs from the others stops DuckDB's reader.
            settings["new_line"] = r"'\n'"
        if rejects:
            settings |= {
                "store_rejects": "true",
                "rejects_table": quoted(rejects),
                "rejects_scan": quoted(rejects + "s"),
            }
        else:
            settings["ignore_errors"] = "true"
        values = [f"{mine.get(c.lower(), 'NULL::VARCHAR')} AS {v}" for c, v in self.at.items()]
        return self.select(members, values, settings)

    def cells(self, names: Sequence[str]) -> tuple[str, dict[str, str]]:
        """SQL: the columns that are read, and the text of each column, by its lower-case name."""
        mine = {name.lower(): f"c{i}" for i, name in enumerate(names)}
        columns = ", ".join(f"{alias}: 'VARCHAR'" for alias in mine.values())
        if self.nulls_by_hand() and self.table.null:
            nulls = ", ".join(quoted(n) for n in self.table.null)
            mine = {name: f"CASE WHEN {c} NOT IN ({nulls}) THEN {c} END" for name, c in mine.items()}
        return "{" + columns + "}", mine

    def where(self) -> str:
        """SQL: which records are none."""
        return ""

    def select(self, members: Sequence[Part], values: Sequence[str], settings: Mapping[str, str]) -> str:
        """SQL: these values of the rows of some files, and the file's name."""
        paths = texts(literal_path(p.path) for p in members)
        arguments = ", ".join(f"{name} = {value}" for name, value in settings.items())
        file = self.work.name_sql("path", members[0].prefix)
        return f"SELECT {', '.join(values)}, {file} AS file FROM read_csv({paths}, {arguments}){self.where()}"

    def nulls_by_hand(self) -> bool:
        """Whether DuckDB refuses the null texts: those that hold a quote, an escape or a delimiter."""
        special = (self.dialect.escape.decode(), self.dialect.quote.decode(), self.dialect.delimiter.decode())
        return not self.table.null or any(c and c in text for c in special for text in self.table.null)

    def first_reading(self, parts: Sequence[Part]) -> Reading | None:
        """Read all rows once: how many there are, and what types hold them. None: DuckDB cannot make sense of them."""
        from wherry import duckdb

        open_columns = [c for c in self.columns if c.lower() not in self.types and self.known.get(c) != "VARCHAR"]
        masks = [f"bit_and({kinds.mask(self.at[c], self.table)})" for c in open_columns]
        # A column that the query does not use is not decoded, and bad bytes in it are not found.
        others = [f"count({self.at[c]})" for c in self.columns if c not in open_columns]
        asked = ["count(*)", f"count(*) FILTER (NOT ({self.fits}))", *masks, *others]
        name = f"rejects_{next(_numbers)}"
        try:
            # Rejects are stored at the end of the result: read it to there.
            row = self.con.execute(f"SELECT {', '.join(asked)} FROM ({self.source(parts, name)})").fetchall()[0]
        except duckdb.InvalidInputException:
            return None
        problems = 0
        if parts:
            problems = self.con.execute(f"SELECT count(*) FROM {name}").fetchall()[0][0]
            self.con.execute(f"DROP TABLE {name}")
            self.con.execute(f"DROP TABLE {name}s")
        found = dict(zip(open_columns, row[2:], strict=False))
        return Reading(rows=row[0], misfits=row[1], masks=found, problems=problems)

    def repair(self, parts: list[Part]) -> Reading:
        """Split the files by hand in which DuckDB finds problems or not all records; read again."""
        for part in parts:
            alone = self.first_reading([part]) if len(parts) > 1 else None
            if alone is None or alone.problems or alone.rows != part.counted:
                self.split(part)
        reading = self.first_reading(parts)
        kept = sum(self.records(p) for p in parts)
        if reading is None or reading.problems or reading.rows != kept:
            raise failed(
                "unreadable-csv",
                f"{', '.join(f'`{p.text.piece.label}`' for p in parts if p.split)} cannot be read as CSV"
                f" with delimiter {self.dialect.delimiter.decode()!r} and quote {self.dialect.quote.decode()!r}.",
                "Set `delimiter:`, `quote:`, `escape:` and `encoding:` to what the file is written with.",
            )
        return reading

    def split(self, part: Part) -> Split:
        """Read the records that can be read; the other lines are put aside."""
        piece = part.text.piece

        def tell(bad: BadLine) -> None:
            self.rejects.add(piece, bad.line, bad.reason, bad.row)

        part.split = self.split_copy(part, tell)
        part.path, part.compression = part.split.path, "none"
        part.prefix = self.work.prefix(part.path, piece.file.name)
        if part.split.undecodable * 10 > part.split.records + part.split.bad:
            raise wrong_encoding(piece.label, self.table.encoding, f"line {part.split.undecodable_line}")
        return part.split

    def split_copy(self, part: Part, tell: Callable[[BadLine], None]) -> Split:
        piece = part.text.piece
        plain = plain_copy(part.text, self.work)
        target = self.work.new(piece.file.name)
        return split_records(
            plain, target, self.dialect, part.width or len(part.names), tell, skip=part.skip, header=part.header,
            lines_before=piece.tail.lines if piece.tail else 0,
        )  # fmt: skip

    def record_lines(self, part: Part, numbers: Iterator[int]) -> Iterator[int | None]:
        """Lines of the n-th records of a part, from 1: simply counted where there are as many lines as records."""
        before = part.skip + part.header
        if not part.split and count_lines(chunks(part.text)) == before + part.counted:
            before += part.text.piece.tail.lines if part.text.piece.tail else 0
            yield from (before + n for n in numbers)
            return
        yield from (line for line, _ in self.record_places(part, numbers))

    def record_places(self, part: Part, numbers: Iterator[int]) -> Iterator[tuple[int | None, str]]:
        """Line and text of the n-th records of a part, from 1: it is split to know them."""
        split = part.split or self.split_copy(part, lambda bad: None)
        if not part.split and split.records != part.counted:
            # Line ends that only DuckDB takes for such.
            yield from ((None, "") for _ in numbers)
            return
        yield from split.places(numbers, self.dialect)

    def misfits(self, parts: Sequence[Part]) -> None:
        """Put the rows aside that do not fit the given types, with their lines."""
        judged = [f"{self.at[c]}, {kinds.fits(self.at[c], kind, self.table)}" for c, kind in self.given.items()]
        told = self.con.execute(f"SELECT DISTINCT file FROM ({self.source(parts)}) WHERE NOT ({self.fits})").fetchall()
        guilty = {row[0] for row in told}
        for part in parts:
            if part.text.piece.file.name not in guilty:
                continue
            found = self.con.cursor().execute(
                f"SELECT n, {', '.join(judged)} FROM (SELECT *, row_number() OVER () AS n"
                f" FROM ({self.source([part])})) WHERE NOT ({self.fits}) ORDER BY n"
            )
            rows, again = itertools.tee(_rows(found))
            placed = self.record_places(part, (row[0] for row in again))
            for (_, *values), (line, text) in zip(rows, placed, strict=True):
                part.misfits += 1
                reasons = [
                    misfit(column, value, kind)
                    for (column, kind), value, fits in zip(self.given.items(), values[::2], values[1::2], strict=True)
                    if not fits
                ]
                self.rejects.add(part.text.piece, line, " ".join(reasons), text)

    def query(self, parts: Sequence[Part], types: Mapping[str, str], misfits: int) -> str:
        values = [f"{kinds.conversion(self.at[c], types[c], self.table)} AS {named(c)}" for c in self.columns]
        if self.with_file:
            values.append(f"file AS {named(FILE_COLUMN)}")
        where = f" WHERE {self.fits}" if misfits else ""
        return f"SELECT {', '.join(values)} FROM ({self.source(parts)}){where}"


def _rows(found: Any) -> Iterator[tuple[Any, ...]]:
    """The rows of a result, a few at a time."""
    while rows := found.fetchmany(1000):
        yield from rows


def scan(job: Job) -> Scan:
    """All files by column name, every value as what it is in all rows."""
    return CsvScan(job).scan(job)
