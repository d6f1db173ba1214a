"""Read tables of other systems: as a whole, or only what was added since they were read."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import Any

from wherry.errors import ProjectError
from wherry.model.finding import Finding
from wherry.ports import FILE_COLUMN, Batch, Replaced, TableRequest
from wherry.sources.files.database import named, open_database, quoted
from wherry.sources.files.formats.parquet import project
from wherry.sources.files.formats.scan import Job, Scan, check_file_column
from wherry.sources.files.options import Options, TableOptions
from wherry.sources.files.places.patterns import has_magic
from wherry.sources.files.places.place import File, Place
from wherry.sources.files.reading import Reading
from wherry.sources.files.tables.version import Step, Version
from wherry.sources.files.work import Piece


def _module(chosen: TableOptions) -> Any:
    return import_module(f"wherry.sources.files.tables.{chosen.format}")


def open_table(place: Place, options: Options, table: TableRequest, chosen: TableOptions) -> Version:
    """The table as it is now. Raises ``ProjectError`` for a name that is a pattern."""
    if has_magic(table.name):
        message = f"`{table.name}` is a pattern, and `format: {chosen.format}` is one table."
        hint = "Name each table's folder in `tables:`."
        raise ProjectError(findings=[Finding(code="bad-option", message=message, hint=hint)])
    return _module(chosen).open_table(place, options, table.name.rstrip("/"))  # type: ignore[no-any-return]


def changed(
    place: Place, options: Options, table: TableRequest, chosen: TableOptions, cursor: Mapping[str, Any] | None
) -> str | None:
    """Which version is new, or None."""
    now = open_table(place, options, table, chosen)
    if cursor is None or "table" not in cursor:
        return f"never read: {now.shown}"
    return None if cursor["table"] == now.cursor else f"{now.shown} is new"


def read(
    place: Place, options: Options, table: TableRequest, chosen: TableOptions, cursor: Mapping[str, Any] | None,
    folder: Path,
) -> Iterator[Batch]:  # fmt: skip
    """What was added since ``cursor``, or all rows in place of those that were read before."""
    now = open_table(place, options, table, chosen)
    before = (cursor or {}).get("table")
    if before == now.cursor:
        return
    columns = dict((cursor or {}).get("columns", {}))
    full = table.mode == "full"
    with closing(open_database(options, folder)) as con:
        _module(chosen).prepare(con)
        steps = now.added(con, before) if before and not full else None
        replaces = None
        if steps is None and before and not full:
            replaces = Replaced(column=FILE_COLUMN, value=table.name)
        for number, step in enumerate(steps if steps is not None else [now.whole(con, folder)]):
            reading = TableReading(
                con, place, options, chosen, (File(name=table.name, path="", size=-1),), folder / str(number),
                known={} if full else columns, with_file=not full, only=table.columns,
                kept=f"Nothing of {now.shown} was loaded; what was loaded before stays.",
            )  # fmt: skip
            reading.step = step
            batch = reading.batch({}, replaces)
            columns = dict(batch.reached().get("columns", {}))
            told = {"table": dict(step.cursor)} | ({} if full else {"columns": columns})
            yield replace(batch, cursor=told, size=lambda: 0)


class TableReading(Reading):
    """One step of a table on its way to rows."""

    step: Step

    def scan(self) -> Scan:
        step = self.step
        if step.source.startswith("hudi:"):
            step = self.copied(step)
        source = step.source + (f" WHERE {step.where}" if step.where else "")
        described = self.con.execute(f"DESCRIBE SELECT * FROM {source}").fetchall()
        there = {row[0]: row[1] for row in described if not row[0].startswith(step.without or "\0")}
        piece = Piece(file=self.files[0], path="", name=self.files[0].name, label=self.files[0].name)
        job = Job(
            con=self.con, table=self.table, work=self.work, pieces=[piece], known=self.known,
            with_file=self.with_file, rejects=self.rejects,
        )  # fmt: skip
        found = project(job, there)
        values = list(found.values)
        if self.with_file:
            check_file_column(there)
            values.append(f"{quoted(self.files[0].name)} AS {named(FILE_COLUMN)}")
        conditions = [condition for _, condition in found.given.values()]
        rows = step.rows
        if conditions:
            bad = self.con.cursor().execute(
                f"SELECT to_json(t) FROM (SELECT {', '.join(map(named, there))} FROM {source}) AS t"
                f" WHERE NOT ({' AND '.join(conditions)})"
            )
            while some := bad.fetchmany(1000):
                for row in some:
                    self.rejects.add(piece, None, "A value does not fit the given types.", row[0])
            rows = None if rows is None else rows - self.rejects.count
        where = " AND ".join(f"({each})" for each in (*([step.where] if step.where else []), *conditions))
        sql = f"SELECT {', '.join(values)} FROM {step.source}" + (f" WHERE {where}" if where else "")
        return Scan(sql=sql, columns=found.columns, rows=rows)

    def copied(self, step: Step) -> Step:
        from wherry.sources.files.tables.hudi import copy_rows

        target = self.work.new(self.files[0].name)
        copy_rows(step.source.removeprefix("hudi:"), target, self.files[0].name)
        return replace(step, source=f"read_parquet({quoted(str(target))})")

    def check_same(self) -> None:
        """A version stays what it is."""

    def entry(self, file: File) -> dict[str, Any]:
        return {}
