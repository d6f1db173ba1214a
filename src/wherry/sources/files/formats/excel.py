"""Excel workbooks: cells are read as they are typed, and as text where a column mixes types."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING
from zipfile import ZipFile

from wherry.ports import FILE_COLUMN
from wherry.sources.files.database import failed, load_extension, named, quoted
from wherry.sources.files.formats import kinds
from wherry.sources.files.formats.placed import Placed, numbers_of, places
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
from wherry.sources.files.options import TableOptions

if TYPE_CHECKING:
    from wherry import duckdb
    from wherry.sources.files.work import Piece


class Sheet:
    """One sheet: every cell as text, next to what Excel says it is."""

    def __init__(self, con: duckdb.DuckDBPyConnection, table: TableOptions, piece: Piece) -> None:
        self.con, self.table, self.piece = con, table, piece
        with ZipFile(piece.path):  # DuckDB never ends with an archive that is cut off
            pass
        settings = ["stop_at_empty = false" if not table.range else ""]
        if table.header is not None or table.names:
            settings.append(f"header = {str(bool(table.header)).lower()}")
        settings += [f"sheet = {quoted(table.sheet)}"] if table.sheet else []
        settings += [f"range = {quoted(table.range)}"] if table.range else []
        extra = "".join(f", {s}" for s in settings if s)
        self.text = f"read_xlsx({quoted(piece.path)}, all_varchar = true{extra})"
        self.typed = f"read_xlsx({quoted(piece.path)}, ignore_errors = true, empty_as_varchar = true{extra})"
        told = [r[0] for r in self.describe(self.text)]
        self.kinds = [r[1] for r in self.describe(self.typed)]
        self.names = distinct_names(table.names or told)
        if len(self.names) != len(told):
            raise failed(
                "columns", f"`{piece.label}` has {len(told)} columns, and `names:` has {len(self.names)}.",
                "Give one name for each column.",
            )  # fmt: skip

    def describe(self, source: str) -> list[tuple[str, str]]:
        return self.con.execute(f"DESCRIBE SELECT * FROM {source}").fetchall()

    def cells(self) -> str:
        """SQL: ``v0``... texts and ``t0``... typed values, null where a cell is of another type; ``n`` counts rows."""
        width = range(len(self.names))
        return (
            "SELECT *, row_number() OVER () AS n FROM"
            f" (SELECT * FROM {self.text}) AS a({', '.join(f'x{i}' for i in width)}) POSITIONAL JOIN"
            f" (SELECT * FROM {self.typed}) AS b({', '.join(f't{i}' for i in width)})"
        )

    def texts(self) -> str:
        """SQL: ``v0``... the text that people see in each cell (dates as dates), without rows that are empty."""
        values = []
        for i, kind in enumerate(self.kinds):
            if kind == "BOOLEAN" or kind.startswith(("DATE", "TIME")):
                values.append(f"coalesce(t{i}::VARCHAR, x{i}) AS v{i}")
            else:
                values.append(f"x{i} AS v{i}")
        filled = " OR ".join(f"x{i} IS NOT NULL" for i in range(len(self.names)))
        return f"SELECT n, {', '.join(values)} FROM ({self.cells()}) WHERE {filled}"

    def masks(self) -> dict[str, int | None]:
        """Which types hold each column."""
        asked = ", ".join(f"bit_and({kinds.mask(f'v{i}', self.table)})" for i in range(len(self.names)))
        row = self.con.execute(f"SELECT {asked} FROM ({self.texts()})").fetchone() or ()
        found: dict[str, int | None] = {}
        for name, kind, mask in zip(self.names, self.kinds, row, strict=True):
            allowed = kinds.ALL if kind != "VARCHAR" else 0
            found[name] = None if mask is None else mask & allowed
        return found


def scan(job: Job) -> Scan:
    """All workbooks by column name."""
    con, table, known, with_file = job.con, job.table, job.known, job.with_file
    load_extension(con, "excel")
    types = given_types(con, table)
    sheets = [Sheet(con, table, piece) for piece in job.pieces]
    columns: dict[str, str] = {name: kind for name, kind in known.items() if name != FILE_COLUMN}
    names = {name.lower(): name for name in columns}
    for sheet in sheets:
        for name, mask in sheet.masks().items():
            spelled = names.setdefault(name.lower(), name)
            before = columns.get(spelled, "")
            if said := types.get(name.lower()):
                columns[spelled] = said
            elif mask is None:
                columns[spelled] = before
            else:
                now = kinds.narrowest(mask, before if before in {k for _, k in kinds.KINDS} else "")
                columns[spelled] = common_type(con, before, now) if before == "VARCHAR" else now
    columns = {name: kind or "VARCHAR" for name, kind in columns.items()}
    if with_file:
        check_file_column(columns)
    check_types_are_used(table, columns, known)
    selects: list[str] = []
    all_rows: list[Placed] = []
    rows = 0
    for sheet in sheets:
        mine = {name.lower(): i for i, name in enumerate(sheet.names)}
        given = {n: kind for n, kind in types.items() if n in mine}
        conditions = {n: kinds.fits(f"v{mine[n]}", kind, table) for n, kind in given.items()}
        fits = " AND ".join(conditions.values()) or "true"
        values = [
            f"{kinds.conversion(f'v{mine[c.lower()]}', kind, table)} AS {named(c)}" if c.lower() in mine
            else f"NULL::{kind} AS {named(c)}"
            for c, kind in columns.items()
        ]  # fmt: skip
        if with_file:
            values.append(f"{quoted(sheet.piece.file.name)} AS {named(FILE_COLUMN)}")
        selects.append(f"SELECT {', '.join(values)} FROM ({sheet.texts()}) WHERE {fits}")
        if given:
            put_aside(job, sheet, given, conditions, fits)
        counted = int(con.execute(f"SELECT count(*) FROM ({sheet.texts()}) WHERE {fits}").fetchall()[0][0])
        rows += counted
        all_rows.append(placed(job, sheet, fits, counted))
    there = {name.lower() for sheet in sheets for name in sheet.names}
    absent = tuple(name for name in columns if there and name.lower() not in there)
    return Scan(
        sql=" UNION ALL ".join(selects), columns=columns, rows=rows, absent=absent,
        places=lambda wanted: places(all_rows, wanted),
    )  # fmt: skip


def placed(job: Job, sheet: Sheet, fits: str, rows: int) -> Placed:
    """Where the rows of a sheet are: by their numbers below the header."""

    def lines(wanted: Iterator[int]) -> Iterator[int | None]:
        found = job.con.cursor().execute(f"SELECT n FROM ({sheet.texts()}) WHERE {fits} ORDER BY n")
        return numbers_of(found, wanted)

    return Placed(piece=sheet.piece, rows=lambda: rows, lines=lines)


def put_aside(job: Job, sheet: Sheet, given: dict[str, str], conditions: dict[str, str], fits: str) -> None:
    """Put the rows aside that do not fit the given types, with their numbers below the header."""
    mine = {name.lower(): i for i, name in enumerate(sheet.names)}
    cells = ", ".join(f"{named(n)} := v{i}" for i, n in enumerate(sheet.names))
    judged = ", ".join(f"v{mine[n]}, {condition}" for n, condition in conditions.items())
    found = job.con.cursor().execute(
        f"SELECT n, to_json(struct_pack({cells})), {judged} FROM ({sheet.texts()}) WHERE NOT ({fits}) ORDER BY n"
    )
    while rows := found.fetchmany(1000):
        for n, row, *values in rows:
            reasons = [
                misfit(sheet.names[mine[name]], value, kind)
                for (name, kind), value, fit in zip(given.items(), values[::2], values[1::2], strict=True)
                if not fit
            ]
            job.rejects.add(sheet.piece, n, " ".join(reasons), row)
