"""Rows and the cursor that says they were read go to the lake in one transaction, batch by batch."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from wherry.engines.duckdb import DuckDB
from wherry.lake.types import select_storable
from wherry.model.asset import Asset
from wherry.model.plan import Built, Step
from wherry.ports import Batch, Source, TableRequest
from wherry.quoting import full_name, name
from wherry.run.evolve import evolve
from wherry.run.layout import declare_order, partitioned_by
from wherry.run.quarantine import rejected_name, taken_back
from wherry.run.record import from_state, to_state
from wherry.run.replace import NEW, place_for, take_place
from wherry.run.session import Session

if TYPE_CHECKING:
    from wherry.lake.pointer import Pointer

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

    After a crash every batch that was committed stays; a load in mode ``incremental`` goes on behind it. A table that
    is loaded anew takes the old one's place when it is whole. ``progress`` is told rows and bytes after each batch.
    """
    written = _written(session, loading)
    state = session.lake.pointer(session.branch, written.rows)
    begun = loading.before if written.anew is False else _left(state, loading)
    # A full load that was cut off cannot be gone on with; its cursor only says that nothing changed since it was whole.
    whole = loading.before if loading.request.mode == "full" and loading.before and not loading.before.partial else None
    built = begun
    rejected = 0
    for batch in loading.source.read(loading.options, loading.request, (begun or whole or loading.built).cursor):
        create = written.anew and built is None
        built = replace(loading.built, cursor=dict(batch.cursor), partial=True)
        rejected += _commit_batch(session, cursor, loading.asset, written, batch, built, create=create)
        pointer = session.lake.pointer(session.branch, written.rows)
        progress((pointer.rows if pointer else 0) or 0, batch.size())
    if built is None or built is loading.before:
        return None
    if written.anew:
        table = loading.asset.name
        old = (rejected_name(written.rows), rejected_name(table))
        take_place(session, (written.rows, table), (written.rejects, table + REJECTS), old)
        session.built(rejected_name(table))
    session.built(loading.asset.name)
    session.built(loading.asset.name + REJECTS)
    return replace(loading.built, cursor=built.cursor), rejected


@dataclass(frozen=True, slots=True, kw_only=True)
class _Written:
    """Where rows and rejects go while they are loaded."""

    rows: str
    rejects: str
    #: Whether they take the place of what is there.
    anew: bool


def _written(session: Session, loading: Loading) -> _Written:
    table = loading.asset.name
    if loading.before is not None and loading.request.mode != "full":
        return _Written(rows=table, rejects=table + REJECTS, anew=False)
    left = session.lake.pointer(session.branch, table + NEW)
    resume = _left(left, loading) is not None
    return _Written(
        rows=place_for(session, table, resume=resume),
        rejects=place_for(session, table + REJECTS, resume=resume),
        anew=True,
    )


def _left(pointer: Pointer | None, loading: Loading) -> Built | None:
    """What an earlier attempt at the same load left to go on with."""
    left = from_state(pointer.state) if pointer is not None and loading.request.mode != "full" else None
    return left if left is not None and left.partial and left.lineage == loading.built.lineage else None


def _commit_batch(
    session: Session, cursor: DuckDB, asset: Asset, written: _Written, batch: Batch, built: Built, *, create: bool
) -> int:
    target = f"lake.{full_name(written.rows)}"
    session.attach()
    session.make_lake_schema(asset.name, cursor)
    with _registered(session, cursor, batch.rows) as relation:
        select = select_storable(cursor.schema(f"FROM {relation}"), f"SELECT * FROM {relation}")
        if create:
            # Made empty first: DuckDB commits only changes of existing tables together, rows and rejects.
            cursor.execute(f"CREATE TABLE {target}{partitioned_by(asset)} AS {select} WITH NO DATA")
            declare_order(session, written.rows, asset)
        else:
            evolve(cursor, asset, target, cursor.schema(select))
        session.lake.carry(session.branch, written.rows, to_state(built))
        try:
            with cursor.transaction():
                if batch.replaces is not None and not create:
                    column, value = batch.replaces
                    cursor.execute(f"DELETE FROM {target} WHERE {name(column)} = $value", {"value": value})
                    for sql, values in taken_back(session, asset.name, f"t.{name(column)} = $value", {"value": value}):
                        cursor.execute(sql, values)
                try:
                    cursor.execute(f"INSERT INTO {target} BY NAME {select}")
                except Exception:
                    batch.rejects()  # a source's own error comes through DuckDB as text only; this raises it
                    raise
                return _reject(session, cursor, written.rejects, batch)
        except BaseException:
            session.lake.uncarry(session.branch, written.rows)
            raise


def _reject(session: Session, cursor: DuckDB, table: str, batch: Batch) -> int:
    """Store the rows that could not be read, in the transaction of the others; how many."""
    rejects = batch.rejects()
    target = f"lake.{full_name(table)}"
    exists = session.lake.pointer(session.branch, table) is not None
    if exists and batch.replaces is not None:
        cursor.execute(f"DELETE FROM {target} WHERE file = $file", {"file": batch.replaces[1]})
    if rejects is None or not rejects.num_rows:
        return 0
    if not exists:
        beside = cursor.cursor()
        beside.execute(f"CREATE TABLE {target} (file VARCHAR, line BIGINT, reason VARCHAR, row VARCHAR)")
        beside.close()
    with _registered(session, cursor, rejects) as relation:
        columns = "file::VARCHAR AS file, line::BIGINT AS line, reason::VARCHAR AS reason, row::VARCHAR AS row"
        cursor.execute(f"INSERT INTO {target} BY NAME SELECT {columns} FROM {relation}")
    return int(rejects.num_rows)


@contextmanager
def _registered(session: Session, cursor: DuckDB, rows: Any) -> Iterator[str]:
    relation = session.fresh_name()
    cursor.connection.register(relation, rows)
    try:
        yield relation
    finally:
        with suppress(Exception):
            cursor.connection.unregister(relation)
