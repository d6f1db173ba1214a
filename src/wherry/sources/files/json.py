"""JSON and JSON Lines: every value becomes a row or a reject."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from wherry.errors import SourceError
from wherry.sources.files import kinds
from wherry.sources.files.database import failed, literal_path, named, quoted, texts
from wherry.sources.files.listing import File
from wherry.sources.files.options import TableOptions, format_of
from wherry.sources.files.records import undecodable
from wherry.sources.files.scan import (
    FILE_COLUMN,
    Reject,
    Scan,
    check_file_column,
    check_types_are_used,
    common_type,
    distinct_names,
    given_types,
    misfit,
)
from wherry.sources.files.structure import NUMBERS, is_nested, merged, nested_type, text_structure
from wherry.sources.files.text import Text, WorkFolder, chunks, count_records, open_text, wrong_encoding

if TYPE_CHECKING:
    import duckdb

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
    #: Line numbers of the lines kept, when the file had to be cleaned.
    lines: list[int] | None = None

    @property
    def prefix(self) -> str:
        return self.path.removesuffix(self.text.file.name)


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """One key of the objects, and the column it becomes."""

    key: str
    column: str
    #: What DuckDB's ``json_structure`` says of its values.
    structure: Any


class JsonScan:
    """Works out the query for a batch of JSON files, in the order of its methods."""

    def __init__(
        self,
        con: duckdb.DuckDBPyConnection,
        table: TableOptions,
        work: WorkFolder,
        known: Mapping[str, str],
        with_file: bool,
    ) -> None:
        self.con, self.table, self.work, self.with_file = con, table, work, with_file
        self.known = {name: kind for name, kind in known.items() if name != FILE_COLUMN}
        self.types = given_types(con, table)
        self.bad: list[Reject] = []
        self.complaint = ""

    def scan(self, files: Sequence[File], local: Mapping[str, str]) -> Scan:
        """Raises ``SourceError`` for a batch that cannot be read as a whole."""
        opened = [open_text(f, self.table, self.work, local.get(f.name)) for f in files]
        parts = [p for p in map(self.part, opened) if p]
        told = self.first_reading(parts)
        if told is None:
            for part in parts:
                if part.layout == "newline_delimited" and self.first_reading([part]) is None:
                    self.clean(part)
            told = self.first_reading(parts)
            if told is None:
                raise self.malformed(parts)
        self.fields = self.find_fields(told, parts, files)
        if self.with_file:
            check_file_column([f.column for f in self.fields])
        check_types_are_used(self.table, [f.column for f in self.fields], self.known)
        rows, misfits, columns = self.find_types(parts)
        if misfits:
            self.find_misfits(parts)
        return Scan(
            sql=self.query(parts, columns, misfits), columns=columns, rows=rows - misfits,
            rejects=sorted(self.bad, key=lambda r: (r.file, r.line or 0)),
        )  # fmt: skip

    def part(self, text: Text) -> Part | None:
        start = text.head.lstrip()
        if not start and not any(c.strip() for c in chunks(text)):
            return None
        lines = format_of(text.file.name, self.table) == "jsonl"
        layout = "newline_delimited" if lines else "array" if start.startswith(b"[") else "unstructured"
        return Part(text=text, path=text.path, compression=text.compression, layout=layout)

    def source(self, parts: Sequence[Part]) -> str:
        """SQL: ``j``, one JSON text for each value, null for a line that is none."""
        groups: dict[tuple[str, str, str], list[Part]] = {}
        for part in parts:
            groups.setdefault((part.prefix, part.compression, part.layout), []).append(part)
        selects = []
        for (prefix, compression, layout), members in groups.items():
            paths = texts(literal_path(p.path) for p in members)
            packed = "uncompressed" if compression == "none" else compression
            broken = ", ignore_errors = true" if layout == "newline_delimited" else ""
            selects.append(
                f"SELECT j, substr(path, {len(prefix) + 1}) AS {named(FILE_COLUMN)} FROM read_json({paths},"
                f" format = '{layout}', records = false, columns = {{j: 'JSON'}}, auto_detect = false,"
                f" compression = {quoted(packed)}, maximum_object_size = {LONGEST}, filename = 'path',"
                f" hive_partitioning = false{broken})"
            )
        return " UNION ALL ".join(selects) or f"SELECT NULL::JSON AS j, NULL AS {named(FILE_COLUMN)} WHERE false"

    def first_reading(self, parts: Sequence[Part]) -> dict[str, Any] | None:
        """The structure of all objects. None when a line or a value is none: what DuckDB skips is counted here."""
        import duckdb

        structure: dict[str, Any] = {}
        rows = objects = 0
        lines = [p for p in parts if p.layout == "newline_delimited"]
        expected = sum(len(p.lines) if p.lines is not None else count_records(chunks(p.text)) for p in lines)
        if lines and len(lines) < len(parts):
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
        if rows != objects or (lines and rows != expected):
            self.complaint = f'{rows - objects:,} of its {rows:,} values are not objects such as {{"id": 1}}.'
            return None
        return structure

    def clean(self, part: Part) -> None:
        """Copy the lines that are objects; put the others aside."""
        name = part.text.file.name
        target = self.work.new("split", name)
        part.lines, undecoded = [], 0
        with target.open("wb") as out:
            for numbers, lines in batches(chunks(part.text)):
                for number, line, reason in zip(numbers, lines, self.judge(lines), strict=True):
                    if not reason:
                        out.write(line + b"\n")
                        part.lines.append(number)
                        continue
                    undecoded += "not utf-8" in reason
                    row = line.decode("utf-8", "backslashreplace")
                    self.bad.append(Reject(file=name, line=number, reason=reason, row=row))
        if undecoded * 10 > len(part.lines) + len(self.bad):
            raise wrong_encoding(name, self.table.encoding, f"line {self.bad[0].line}")
        if not part.lines:
            raise failed(
                "not-json-lines",
                f"No line of `{name}` is a JSON object.",
                "Set `format: json` if it holds one value over several lines, or an array.",
                file=name,
                line=self.bad[0].line or 0,
            )
        part.path, part.compression = str(target), "none"

    def judge(self, lines: Sequence[bytes]) -> list[str]:
        """Why each line is not a JSON object; empty where it is one."""
        reasons = [undecodable(line) for line in lines]
        readable = ["" if reason else line.decode() for line, reason in zip(lines, reasons, strict=True)]
        rows = self.con.execute(
            "SELECT CASE WHEN NOT json_valid(l) THEN '' ELSE json_type(l) END FROM"
            " (SELECT unnest(?) AS l, generate_subscripts(?, 1) AS i) ORDER BY i",
            [readable, readable],
        ).fetchall()
        told = {"": "It is not JSON.", "OBJECT": ""}
        return [
            reason or told.get(row[0], f"It is JSON, but {row[0].lower()} rather than an object.")
            for reason, row in zip(reasons, rows, strict=True)
        ]

    def find_fields(self, structure: dict[str, Any], parts: Sequence[Part], files: Sequence[File]) -> list[Field]:
        """The keys of all objects, in order of appearance, and the columns that were known before."""
        keys = list(structure)
        lowered = {name.lower() for name in keys}
        extra = [name for name in self.known if name.lower() not in lowered]
        if not keys and not extra and not parts:
            extra = list(self.table.types)
        if not keys and not extra:
            raise failed(
                "empty-file",
                f"`{files[0].name}` is empty: nothing tells its columns.",
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
        name = guilty.text.file.name
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
                # A number beyond 64 bits inside a value would become a double: such a value stays JSON text.
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
                    kinds.NUMBERS if f.structure in NUMBERS
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
            rows = self.con.execute(
                f"SELECT n, j, {', '.join(judged)} FROM (SELECT *, row_number() OVER () AS n"
                f" FROM ({self.values([part])})) WHERE NOT ({self.fits()}) ORDER BY n"
            ).fetchall()
            numbers = line_numbers(part, {row[0] for row in rows}) if rows else {}
            for n, j, *values in rows:
                reasons = [
                    misfit(self.fields[i].column, value, kind)
                    for (i, kind), value, fits in zip(given.items(), values[::2], values[1::2], strict=True)
                    if not fits
                ]
                self.bad.append(Reject(file=part.text.file.name, line=numbers.get(n), reason=" ".join(reasons), row=j))

    def query(self, parts: Sequence[Part], columns: Mapping[str, str], misfits: int) -> str:
        values = [
            f"{self.converted(i, columns[f.column], trying=False)} AS {named(f.column)}"
            for i, f in enumerate(self.fields)
        ]
        if self.with_file:
            values.append(named(FILE_COLUMN))
        where = f" WHERE {self.fits()}" if misfits else ""
        return f"SELECT {', '.join(values)} FROM ({self.values(parts)}){where}"


def batches(pieces: Iterator[bytes]) -> Iterator[tuple[list[int], list[bytes]]]:
    """Lines that are not blank, with their numbers, about a megabyte at a time."""
    rest, number = b"", 1
    for piece in pieces:
        lines = (rest + piece).split(b"\n")
        rest = lines.pop()
        yield _filled(number, lines)
        number += len(lines)
    yield _filled(number, [rest])


def _filled(number: int, lines: list[bytes]) -> tuple[list[int], list[bytes]]:
    kept = [(n, line.rstrip(b"\r")) for n, line in enumerate(lines, number) if line.strip(b"\r")]
    return [n for n, _ in kept], [line for _, line in kept]


def line_numbers(part: Part, wanted: set[int]) -> dict[int, int]:
    """Lines of the n-th values of a file that has one value a line; nothing is known of others."""
    if part.layout != "newline_delimited":
        return {}
    if part.lines is not None:
        return {n: part.lines[n - 1] for n in wanted}
    found, n = {}, 0
    for numbers, _ in batches(chunks(part.text)):
        for number in numbers:
            n += 1
            if n in wanted:
                found[n] = number
    return found
