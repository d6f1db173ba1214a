"""JSON and JSON Lines: every value becomes a row or a reject."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from wherry.errors import SourceError
from wherry.model.dataclass import dataclass
from wherry.ports import FILE_COLUMN
from wherry.sources.files.database import failed, literal_path, named, quoted, texts
from wherry.sources.files.formats import kinds
from wherry.sources.files.formats.json_values import LONGEST, Part, Places, clean, places_of
from wherry.sources.files.formats.placed import Placed, numbers_of, places, record_numbers
from wherry.sources.files.formats.scan import (
    Job,
    Scan,
    check_file_column,
    check_types_are_used,
    common_type,
    distinct_names,
    given_types,
    misfit,
)
from wherry.sources.files.formats.structure import NUMBERS, is_nested, merged, nested_type, text_structure
from wherry.sources.files.formats.text import Text, chunks, count_records, open_text
from wherry.sources.files.options import format_of

if TYPE_CHECKING:
    from wherry.sources.files.work import Piece


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """One key of the objects, and the column it becomes."""

    key: str
    column: str
    #: What DuckDB's ``json_structure`` says of its values.
    structure: Any


class JsonScan:
    """Works out the query for a batch of JSON files, in the order of its methods."""

    #: Whether texts are looked at for numbers and booleans too, in formats that have nothing but text.
    all_text = False

    def __init__(self, job: Job) -> None:
        self.job = job
        self.con, self.table, self.work, self.with_file = job.con, job.table, job.work, job.with_file
        self.known = {name: kind for name, kind in job.known.items() if name != FILE_COLUMN}
        self.types = given_types(job.con, job.table)
        self.rejects = job.rejects
        self.complaint = ""

    def scan(self, pieces: Sequence[Piece]) -> Scan:
        """Raises ``SourceError`` for a batch that cannot be read as a whole."""
        return self.scan_parts(self.parts(pieces), pieces)

    def parts(self, pieces: Sequence[Piece]) -> list[Part]:
        opened = [open_text(piece, self.table, self.work) for piece in pieces]
        return [p for p in map(self.part, opened) if p]

    def scan_parts(self, parts: list[Part], pieces: Sequence[Piece]) -> Scan:
        told = self.first_reading(parts)
        if told is None:
            for part in parts:
                if self.first_reading([part]) is None:
                    clean(part, self.job, self.malformed)
            told = self.first_reading(parts)
            if told is None:
                raise self.malformed(parts)
        self.fields = self.find_fields(told, parts, pieces)
        if self.with_file:
            check_file_column([f.column for f in self.fields])
        check_types_are_used(self.table, [f.column for f in self.fields], self.known)
        rows, misfits, columns = self.find_types(parts)
        if misfits:
            self.find_misfits(parts)
        ordered = [self.placed(part, misfits) for members in self.groups(parts) for part in members]
        return Scan(
            sql=self.query(parts, columns, misfits), columns=columns, rows=rows - misfits,
            places=lambda wanted: places(ordered, wanted),
        )  # fmt: skip

    def part(self, text: Text) -> Part | None:
        start = text.head.lstrip()
        if not start and not any(c.strip() for c in chunks(text)):
            return None
        by_line = format_of(text.piece.name, self.table) == "jsonl"
        layout = "newline_delimited" if by_line else "array" if start.startswith(b"[") else "unstructured"
        prefix = self.work.prefix(text.path, text.piece.file.name)
        return Part(text=text, path=text.path, compression=text.compression, layout=layout, prefix=prefix)

    def source(self, parts: Sequence[Part]) -> str:
        """SQL: ``j``, one JSON text for each value, null for a line that is none."""
        selects = []
        for members in self.groups(parts):
            prefix, compression, layout = members[0].prefix, members[0].compression, members[0].layout
            paths = texts(literal_path(p.path) for p in members)
            packed = "uncompressed" if compression == "none" else compression
            broken = ", ignore_errors = true" if layout == "newline_delimited" else ""
            selects.append(
                f"SELECT j, {self.work.name_sql('path', prefix)} AS {named(FILE_COLUMN)} FROM read_json({paths},"
                f" format = '{layout}', records = false, columns = {{j: 'JSON'}}, auto_detect = false,"
                f" compression = {quoted(packed)}, maximum_object_size = {LONGEST}, filename = 'path',"
                f" hive_partitioning = false{broken})"
            )
        return " UNION ALL ".join(selects) or f"SELECT NULL::JSON AS j, NULL AS {named(FILE_COLUMN)} WHERE false"

    def groups(self, parts: Sequence[Part]) -> Sequence[Sequence[Part]]:
        """The parts that are read together, because they are written alike."""
        found: dict[tuple[str, str, str], list[Part]] = {}
        for part in parts:
            found.setdefault((part.prefix, part.compression, part.layout), []).append(part)
        return list(found.values())

    def first_reading(self, parts: Sequence[Part]) -> dict[str, Any] | None:
        """The structure of all objects. None when a line or a value is none: what DuckDB skips is counted here."""
        from wherry import duckdb

        structure: dict[str, Any] = {}
        rows = objects = 0
        by_line = [p for p in parts if p.layout == "newline_delimited"]
        expected = sum(p.kept if p.kept is not None else count_records(chunks(p.text)) for p in by_line)
        if by_line and len(by_line) < len(parts):
            others = [p for p in parts if p.layout != "newline_delimited"]
            row = self.con.execute(f"SELECT count(*) FROM ({self.source(others)})").fetchone()
            expected += row[0] if row else 0
        try:
            # Far fewer structures than rows: merging them here is twice as fast as json_group_structure.
            found = self.con.execute(f"SELECT json_structure(j), count(*) FROM ({self.source(parts)}) GROUP BY 1")
            while told := found.fetchmany(1000):
                for text, count in told:
                    rows += count
                    one = json.loads(text) if text else None
                    if isinstance(one, dict):
                        objects += count
                        structure = merged(structure, one)
        except duckdb.InvalidInputException as error:
            self.complaint = str(error)
            return None
        if rows != objects or (by_line and rows != expected):
            self.complaint = f'{rows - objects:,} of its {rows:,} values are not objects such as {{"id": 1}}.'
            return None
        return structure

    def find_fields(self, structure: dict[str, Any], parts: Sequence[Part], pieces: Sequence[Piece]) -> list[Field]:
        """The keys of all objects, in order of appearance, and the columns that were known before."""
        keys = list(structure)
        lowered = {name.lower() for name in keys}
        extra = [name for name in self.known if name.lower() not in lowered]
        if not keys and not extra and not parts:
            extra = list(self.table.types)
        if not keys and not extra:
            raise failed(
                "empty-file",
                f"`{pieces[0].label}` is empty: nothing tells its columns.",
                "Write it again, or give `types:` so that an empty file is a table without rows.",
            )
        every = [*keys, *extra]
        return [
            Field(key=key, column=column, structure=structure.get(key, "NULL"))
            for key, column in zip(every, distinct_names(every), strict=True)
        ]

    def malformed(self, parts: Sequence[Part]) -> SourceError:
        """Which file is not JSON, and where."""
        complaint = re.sub(r"^([A-Z]\w+ )+Error: ", "", self.complaint.split("\n")[0]).strip()
        guilty = next((p for p in parts if p.path in complaint), parts[0])
        name = guilty.text.piece.label
        line = re.search(r"in line (\d+)", complaint)
        return failed(
            "not-json",
            f"`{name}` is not JSON that can be read: {complaint.replace(guilty.path, name)}",
            "Write it again; set `format: jsonl` when each line is an object of its own.",
            file=name,
            line=int(line[1]) if line else 0,
        )

    def values(self, parts: Sequence[Part]) -> str:
        """SQL: ``v0``, ``v1``... the text of each field, and the row's JSON as ``j``."""
        taken: set[str] = set()
        plain: dict[str, str] = {}
        texts_of = []
        for i, f in enumerate(self.fields):
            nested = isinstance(f.structure, (dict, list))
            if f.key.lower() in taken or not f.key:
                pointer = "/" + f.key.replace("~", "~0").replace("/", "~1")
                texts_of.append(f"json_extract_string(j, {quoted(pointer)}) AS v{i}")
            else:
                plain[f.key] = "JSON" if nested else "VARCHAR"
                texts_of.append(f"s.{named(f.key)}::VARCHAR AS v{i}")
            taken.add(f.key.lower())
        source = self.source(parts)
        if plain:
            source = (
                f"SELECT *, json_transform(j, {quoted(json.dumps(plain, ensure_ascii=False))}) AS s FROM ({source})"
            )
        return f"SELECT j, {named(FILE_COLUMN)}, {', '.join(texts_of)} FROM ({source})"

    def find_types(self, parts: Sequence[Part]) -> tuple[int, int, dict[str, str]]:
        """How many rows there are, how many do not fit the given types, and the type of each column."""
        asked = ["count(*)", f"count(*) FILTER (NOT ({self.fits()}))"]
        nested: dict[int, str] = {}
        for i, f in enumerate(self.fields):
            if isinstance(f.structure, (dict, list)):
                nested[i] = nested_type(f.structure) or ""
                # A number of more than 64 bits inside a value has become a double: such a value stays JSON text.
                asked.append(
                    f"bool_and({self.nested(i, nested[i], trying=True)} IS NOT NULL"
                    rf" AND NOT regexp_matches(v{i}, '[:\[,] *-?[0-9]{{20}}')) FILTER (v{i} IS NOT NULL)"
                    if nested[i]
                    else "false"
                )
            else:
                asked.append(f"bit_and({kinds.mask(f'v{i}', self.table)})")
        row = self.con.execute(f"SELECT {', '.join(asked)} FROM ({self.values(parts)})").fetchone() or (0, 0)
        lower_known = {n.lower(): k for n, k in self.known.items()}
        columns: dict[str, str] = {}
        for i, (f, found) in enumerate(zip(self.fields, row[2:], strict=True)):
            known = lower_known.get(f.column.lower(), "")
            given = self.types.get(f.column.lower())
            if given:
                columns[f.column] = given
            elif i in nested:
                columns[f.column] = common_type(self.con, nested[i], known) if found else "VARCHAR"
            elif f.structure == "NULL":
                columns[f.column] = known or "VARCHAR"
            elif known and known not in {name for _, name in kinds.KINDS}:
                columns[f.column] = "VARCHAR"
            else:
                allowed = (
                    kinds.ALL if self.all_text
                    else kinds.NUMBERS if f.structure in NUMBERS
                    else kinds.BOOLEAN if f.structure == "BOOLEAN"
                    else kinds.TIMES if f.structure == "VARCHAR" else 0
                )  # fmt: skip
                columns[f.column] = kinds.narrowest(None if found is None else found & allowed, known)
        return row[0], row[1], columns

    def converted(self, i: int, kind: str, *, trying: bool) -> str:
        """SQL: field ``i`` as ``kind``."""
        if is_nested(kind):
            return self.nested(i, kind, trying=trying)
        return kinds.conversion(f"v{i}", kind, self.table, trying=trying)

    def nested(self, i: int, kind: str, *, trying: bool) -> str:
        """SQL: field ``i`` as a nested type; a missing key is a null, and a value that does not fit makes it fail."""
        leaves = json.dumps(text_structure(self.con.type(kind)), ensure_ascii=False)
        value = f"CAST(json_transform(v{i}, {quoted(leaves)}) AS {kind})"
        return f"TRY({value})" if trying else value

    def fits(self) -> str:
        """SQL: whether a row fits the given types."""
        given = ((i, self.types.get(f.column.lower(), "VARCHAR")) for i, f in enumerate(self.fields))
        return " AND ".join(self.one_fits(i, kind) for i, kind in given if kind != "VARCHAR") or "true"

    def one_fits(self, i: int, kind: str) -> str:
        if is_nested(kind):
            return f"(v{i} IS NULL OR {self.nested(i, kind, trying=True)} IS NOT NULL)"
        return kinds.fits(f"v{i}", kind, self.table)

    def find_misfits(self, parts: Sequence[Part]) -> None:
        """Put the rows aside that do not fit the given types."""
        given = {i: kind for i, f in enumerate(self.fields) if (kind := self.types.get(f.column.lower()))}
        judged = [f"v{i}, {self.one_fits(i, kind) if kind != 'VARCHAR' else 'true'}" for i, kind in given.items()]
        for part in parts:
            found = self.con.cursor().execute(
                f"SELECT n, j, {', '.join(judged)} FROM (SELECT *, row_number() OVER () AS n"
                f" FROM ({self.values([part])})) WHERE NOT ({self.fits()}) ORDER BY n"
            )
            lines: Places | None = None
            while rows := found.fetchmany(1000):
                lines = lines or places_of(part)
                for n, j, *values in rows:
                    reasons = [
                        misfit(self.fields[i].column, value, kind)
                        for (i, kind), value, fits in zip(given.items(), values[::2], values[1::2], strict=True)
                        if not fits
                    ]
                    self.rejects.add(part.text.piece, lines.line(n), " ".join(reasons), j)

    def placed(self, part: Part, misfits: int) -> Placed:
        """Where the rows of a part are, once they were read."""
        fits = f" WHERE {self.fits()}" if misfits else ""

        def rows() -> int:
            source = self.values([part]) if misfits else self.source([part])
            return int(self.con.cursor().execute(f"SELECT count(*) FROM ({source}){fits}").fetchall()[0][0])

        def lines(wanted: Iterator[int]) -> Iterator[int | None]:
            numbers = record_numbers(wanted)
            if misfits:
                numbered = f"SELECT *, row_number() OVER () AS n FROM ({self.values([part])})"
                found = self.con.cursor().execute(f"SELECT n FROM ({numbered}){fits} ORDER BY n")
                numbers = numbers_of(found, wanted)
            there = places_of(part)
            return (there.line(n) for n in numbers)

        return Placed(piece=part.text.piece, rows=rows, lines=lines)

    def query(self, parts: Sequence[Part], columns: Mapping[str, str], misfits: int) -> str:
        values = [
            f"{self.converted(i, columns[f.column], trying=False)} AS {named(f.column)}"
            for i, f in enumerate(self.fields)
        ]
        if self.with_file:
            values.append(named(FILE_COLUMN))
        where = f" WHERE {self.fits()}" if misfits else ""
        return f"SELECT {', '.join(values)} FROM ({self.values(parts)}){where}"


def scan(job: Job) -> Scan:
    """All files by the keys of their objects."""
    return JsonScan(job).scan(job.pieces)
