"""Rows and the cursor that says they were read go to the lake in one transaction, batch by batch."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from typing import Any

from wherry.engines.duckdb import DuckDB
from wherry.errors import DataError
from wherry.lake.types import select_storable
from wherry.model.asset import Asset
from wherry.model.finding import Finding
from wherry.model.plan import Built, Step
from wherry.ports import Batch, Source, TableRequest
from wherry.quoting import full_name, name
from wherry.run.record import to_state
from wherry.run.session import Session

#: What the table of rows that could not be read is called, after its table's name.
REJECTS = "__rejects"


@dataclass(frozen=True, slots=True, kw_only=True)
class Loading:
    """A source's table to load."""

    asset: Asset
    step: Step
    source: Source
    options: Any
    request: TableRequest
    #: What was loaded before; None: nothing, or it is to be loaded anew.
    before: Built | None
    #: What to remember once loaded; the cursor of each batch is added here.
    built: Built


def load(
    session: Session, cursor: DuckDB, loading: Loading, progress: Callable[[int, int], None]
) -> tuple[Built, int] | None:
    """Load what is new. Returns what is built and how many rows were rejected; None when nothing was new.

    After a crash every batch that was committed stays; a load in mode ``incremental`` goes on behind it. ``progress``
    is told rows and bytes after each batch.
    """
    full = loading.request.mode == "full"
    before = loading.before
    cursor_before = None if before is None or (full and before.partial) else before.cursor
    rejected, built, first = 0, loading.built, before is None or full
    for batch in loading.source.read(loading.options, loading.request, cursor_before):
        built = replace(loading.built, cursor=dict(batch.cursor), partial=True)
        rejected += _commit_batch(session, cursor, loading.asset, batch, built, create=first)
        first = False
        progress(session.row_count(loading.asset.name) or 0, batch.size())
    if built is loading.built:
        return None
    return replace(built, partial=False), rejected


def _commit_batch(session: Session, cursor: DuckDB, asset: Asset, batch: Batch, built: Built, *, create: bool) -> int:
    target = f"lake.{full_name(asset.name)}"
    session.attach()
    with _registered(session, cursor, batch.rows) as relation:
        select = select_storable(cursor.schema(f"FROM {relation}"), f"SELECT * FROM {relation}")
        exists = asset.name.lower() in session.pointers
        if create:
            session.clear(asset.name)
            for old in (asset.name, asset.name + REJECTS):
                if old.lower() in session.pointers:
                    cursor.execute(f"DROP TABLE IF EXISTS lake.{full_name(old)}")
            if not exists:
                session.make_lake_schema(asset.name, cursor)
        else:
            _evolve(cursor, asset, target, select)
        session.lake.carry(session.branch, asset.name, to_state(built))
        try:
            cursor.execute("BEGIN")
            if create:
                cursor.execute(f"CREATE TABLE {target} AS {select}")
            else:
                if batch.replaces is not None:
                    column, value = batch.replaces
                    cursor.execute(f"DELETE FROM {target} WHERE {name(column)} = $value", {"value": value})
                cursor.execute(f"INSERT INTO {target} BY NAME {select}")
            rejected = _reject(session, cursor, asset, batch, keep=not create)
            cursor.execute("COMMIT")
        except BaseException:
            cursor.rollback()
            session.lake.uncarry(session.branch, asset.name)
            raise
    session.built(asset.name)
    return rejected


def _reject(session: Session, cursor: DuckDB, asset: Asset, batch: Batch, *, keep: bool) -> int:
    """Store the rows that could not be read, in the transaction of the others; how many."""
    rejects = batch.rejects()
    table = asset.name + REJECTS
    target = f"lake.{full_name(table)}"
    exists = keep and session.lake.pointer(session.branch, table) is not None
    if exists and batch.replaces is not None:
        cursor.execute(f"DELETE FROM {target} WHERE file = $file", {"file": batch.replaces[1]})
    if rejects is None or not rejects.num_rows:
        return 0
    with _registered(session, cursor, rejects) as relation:
        columns = "file::VARCHAR AS file, line::BIGINT AS line, reason::VARCHAR AS reason, row::VARCHAR AS row"
        lead = f"INSERT INTO {target} BY NAME" if exists else f"CREATE TABLE {target} AS"
        cursor.execute(f"{lead} SELECT {columns} FROM {relation}")
    return int(rejects.num_rows)


def _evolve(cursor: DuckDB, asset: Asset, target: str, select: str) -> None:
    """Make room for columns that are new at the source, or say that they came."""
    there = {column.lower() for column, _ in cursor.schema(f"FROM {target}")}
    new = [(column, kind) for column, kind in cursor.schema(select) if column.lower() not in there]
    source = asset.source
    if new and source is not None and source.on_schema_change == "freeze":
        shown = ", ".join(f"`{column}` ({kind})" for column, kind in new)
        message = f"`{source.table}` has new columns, and `{asset.name}` is frozen: {shown}."
        hint = "Set `on_schema_change: evolve`, or list the columns you want. Nothing of this batch was loaded."
        raise DataError(
            findings=[Finding(code="schema-changed", message=message, hint=hint, file=asset.file, line=asset.line)]
        )
    for column, kind in new:
        cursor.execute(f"ALTER TABLE {target} ADD COLUMN {name(column)} {kind}")


@contextmanager
def _registered(session: Session, cursor: DuckDB, rows: Any) -> Iterator[str]:
    relation = session.fresh_name()
    cursor.connection.register(relation, rows)
    try:
        yield relation
    finally:
        with suppress(Exception):
            cursor.connection.unregister(relation)


def rejects_of(pointers: Mapping[str, Any], table: str) -> str | None:
    """The reject table of ``table`` if it has one."""
    key = (table + REJECTS).lower()
    return pointers[key].full_name if key in pointers else None
