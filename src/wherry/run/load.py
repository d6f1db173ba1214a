"""Rows and the cursor that says they were read go to the lake in one transaction, batch by batch."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import field, replace
from typing import TYPE_CHECKING, Any

from wherry.engines.duckdb import DuckDB
from wherry.errors import DataError
from wherry.model.asset import Asset
from wherry.model.dataclass import dataclass
from wherry.model.finding import Finding
from wherry.model.plan import Built, Step
from wherry.model.run import Drift
from wherry.ports import Batch, Passed, Query, Source, TableRequest
from wherry.quoting import full_name
from wherry.run.batch import Beside, Target, prepared
from wherry.run.data_files import DataFiles
from wherry.run.layout import declare_order, partitioned_by
from wherry.run.record import from_state, to_state
from wherry.run.rejected import rejected_name
from wherry.run.replace import NEW, place_for, take_place
from wherry.run.session import Session
from wherry.run.standing import standing

if TYPE_CHECKING:
    from wherry.lake.pointer import Pointer

#: What the table of rows that could not be read is called, after its table's name.
REJECTS = "__rejects"

#: Seconds between two looks at how far a query is.
_LOOK = 1.0
#: Hears, while rows come in: how many rows and bytes so far, how many rows are expected in all and which part of the
#: work is done, from 0 to 1 (None: unknown).
Progress = Callable[[int, int, int | None, float | None], None]


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


@dataclass(slots=True)
class Loaded:
    """What a load did."""

    built: Built
    rejected: int = 0
    #: Rows that went because the source no longer has them.
    gone: int = 0
    drifts: list[Drift] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)


def load(session: Session, cursor: DuckDB, loading: Loading, progress: Progress) -> Loaded | None:
    """Load what is new. Returns what was done; None when nothing was new.

    After a crash every batch that was committed stays; a load in mode ``incremental`` goes on behind it. A table that
    is loaded anew takes the old one's place when it is whole.
    """
    written = _written(session, loading)
    state = session.lake.pointer(session.branch, written.rows)
    begun = loading.before if written.anew is False else _left(state, loading)
    # A full load that was cut off cannot be gone on with; its cursor only says that nothing changed since it was whole.
    whole = loading.before if loading.request.mode == "full" and loading.before and not loading.before.partial else None
    known = begun or whole
    done = Loaded(replace(loading.built, unlike=known.unlike if known else {}))
    create = written.anew and begun is None
    seen, size, fresh = 0, 0, False
    total: int | None = None
    reached = (0, 0)

    def told(rows: int, bytes_read: int, share: float | None) -> None:
        nonlocal reached
        # What was told before a batch came is not told again as it passes.
        reached = max(reached[0], rows), max(reached[1], bytes_read)
        progress(*reached, total, share)

    def ahead(passed: Passed) -> None:
        nonlocal total
        total = total if passed.expected is None else seen + passed.expected
        told(seen + passed.rows, size + passed.size, passed.share)

    request = replace(loading.request, tell=ahead)
    batches = loading.source.read(loading.options, request, (known or loading.built).cursor)
    try:
        for batch in batches:
            done.built = replace(done.built, partial=True)
            # What one batch says of those after it holds until another says it anew.
            total = total if batch.expected is None else seen + batch.expected
            counted = _Counted(batch, lambda rows, more: told(seen + rows, size + more, batch.share()))  # noqa: B023
            with _telling_where_it_stands(loading, done.built.cursor or (known.cursor if known else None)):
                _commit_batch(session, cursor, loading, written, counted.batch, done, create=create)
            create, fresh = False, True
            seen, size = seen + counted.rows, size + batch.size()
            told(seen, size, batch.share())
            done.findings += [each for each in batch.findings() if each not in done.findings]
    finally:
        if close := getattr(batches, "close", None):
            close()
    if not fresh and (begun is None or begun is loading.before):
        return None
    if begun is not None and not fresh:
        done.built = replace(done.built, cursor=begun.cursor)
    if written.anew:
        table = loading.asset.name
        old = (rejected_name(written.rows), rejected_name(table))
        take_place(session, (written.rows, table), (written.rejects, table + REJECTS), old)
        session.built(rejected_name(table))
    session.built(loading.asset.name)
    session.built(loading.asset.name + REJECTS)
    done.built = replace(done.built, partial=False)
    return done


@contextmanager
def _telling_where_it_stands(loading: Loading, reached: Mapping[str, Any] | None) -> Iterator[None]:
    """What is wrong with a batch, with the place behind which the next run goes on."""
    try:
        yield
    except DataError as error:
        stands = standing(reached, loading.request.cursor_column) if loading.request.mode != "full" else ""
        if stands and type(error) is DataError:  # a source says itself where it stands
            said = f" The cursor stands at {stands}."
            error.findings = tuple(replace(each, message=each.message + said) for each in error.findings)
        raise


class _Counted:
    """A batch whose rows are counted as they pass."""

    def __init__(self, batch: Batch, told: Callable[[int, int], None]) -> None:
        self.rows, self._told, self._size = 0, told, batch.size
        if isinstance(batch.rows, Query):
            self.batch = replace(batch, rows=self._watched(batch.rows))
            return
        import pyarrow as pa

        if isinstance(batch.rows, pa.RecordBatchReader):
            batch = replace(batch, rows=pa.RecordBatchReader.from_batches(batch.rows.schema, self._passing(batch.rows)))
        elif isinstance(batch.rows, pa.Table):
            self.rows = batch.rows.num_rows
        self.batch = batch

    def _watched(self, query: Query) -> Query:
        def counted(rows: int) -> None:
            self.rows = rows
            query.counted(rows)

        @contextmanager
        def reading(connection: Any) -> Iterator[None]:
            done = threading.Event()

            def look() -> None:
                furthest, pause = 0, 2 * _LOOK  # what is soon done is not looked at: it may take a connection
                try:
                    while not done.wait(pause):
                        pause = _LOOK
                        if (rows := query.passed()) is None or done.is_set():
                            return
                        # 0 again from a server that has sent all while some is on its way
                        furthest = max(furthest, rows)
                        self._told(furthest, self._size())
                finally:
                    query.unwatched()

            watching = threading.Thread(target=look, daemon=True)
            watching.start()
            try:
                with query.reading(connection):
                    yield
            finally:
                done.set()
                watching.join(_LOOK)  # a server that does not answer it must not hold the rows up

        return replace(query, reading=reading, counted=counted)

    def _passing(self, reader: Any) -> Iterator[Any]:
        for piece in reader:
            self.rows += piece.num_rows
            self._told(self.rows, self._size())
            yield piece


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
    session: Session, cursor: DuckDB, loading: Loading, written: _Written, batch: Batch, done: Loaded, *, create: bool
) -> None:
    """One batch and its cursor, in one transaction; ``done`` hears what came of it."""
    with ExitStack() as stack:
        if isinstance(batch.rows, Query):
            # Before the lake is, since from then on the signature of each extension is checked: 40 MB are hashed.
            stack.enter_context(batch.rows.attached(cursor.connection))
        session.attach()
        _commit_attached(session, cursor, loading, written, batch, done, create=create)


def _commit_attached(
    session: Session, cursor: DuckDB, loading: Loading, written: _Written, batch: Batch, done: Loaded, *, create: bool
) -> None:
    asset = loading.asset
    session.make_lake_schema(asset.name, cursor)
    target = Target(
        asset=asset,
        table=written.rows,
        place=f"lake.{full_name(written.rows)}",
        columns=() if create else tuple(cursor.schema(f"FROM lake.{full_name(written.rows)}")),
        before=_published_columns(session, cursor, loading) if create else (),
        unlike=done.built.unlike,
        rejected=_rejected(session, cursor, asset.name) if not written.anew else None,
    )
    with prepared(session, cursor, batch, target) as rows:
        if create:
            # Made empty first: DuckDB commits only changes of existing tables together, rows and rejects.
            cursor.execute(f"CREATE TABLE {target.place}{partitioned_by(asset)} AS {rows.select} WITH NO DATA")
            declare_order(session, written.rows, asset)
        else:
            rows.make_room(session, cursor)
        built = replace(done.built, unlike=rows.unlike)
        files = DataFiles.of(session, asset, written.rows, rows) if create else None
        try:
            with ExitStack() as unless_done:
                with cursor.transaction():
                    if not create:
                        done.gone += rows.clear(cursor)
                    if files is None:
                        rows.insert(cursor)
                    else:
                        unless_done.callback(files.forget)
                        rows.copy(cursor, files)
                    done.rejected += _reject(session, cursor, written.rejects, batch, rows.refused)
                    built = replace(built, cursor=batch.reached())
                    session.lake.carry(session.branch, written.rows, to_state(built))
                unless_done.pop_all()
            if files is not None:
                files.commit(cursor)
        except BaseException:
            session.lake.uncarry(session.branch, written.rows)
            raise
        done.built = built
        done.drifts += [each for each in rows.drifts if each not in done.drifts]


def _rejected(session: Session, cursor: DuckDB, table: str) -> Beside | None:
    """The table of the rows that broke a check, where there is one."""
    beside = rejected_name(table)
    if beside.lower() not in session.pointers:
        return None
    place = f"lake.{full_name(beside)}"
    return Beside(place=place, columns=tuple(cursor.schema(f"FROM {place}")))


def _published_columns(session: Session, cursor: DuckDB, loading: Loading) -> tuple[tuple[str, str], ...]:
    """The columns of the table that is to be replaced, where they came from the same file as those that come."""
    before = loading.before
    if before is None or before.lineage != loading.built.lineage:
        return ()
    return tuple(cursor.schema(f"FROM lake.{full_name(loading.asset.name)}"))


def _reject(session: Session, cursor: DuckDB, table: str, batch: Batch, refused: str) -> int:
    """Store the rows that could not be read, in the transaction of the others; how many.

    ``refused`` is a query of more of them, or empty. A row that is refused again as it was before is stored once.
    """
    rejects = batch.rejects()
    target = f"lake.{full_name(table)}"
    exists = session.lake.pointer(session.branch, table) is not None
    if exists and batch.replaces is not None and not batch.replaces.onward:
        cursor.execute(f"DELETE FROM {target} WHERE file = $file", {"file": batch.replaces.value})
    columns = "file::VARCHAR AS file, line::BIGINT AS line, reason::VARCHAR AS reason, row::VARCHAR AS row"
    count = 0
    with _registered(session, cursor, rejects) as relation:
        sources = [f"SELECT {columns} FROM {relation}"] if rejects is not None and rejects.num_rows else []
        sources += [refused] if refused and cursor.execute(f"SELECT count(*) FROM ({refused})")[0][0] else []
        if sources and not exists:
            beside = cursor.cursor()
            beside.execute(f"CREATE TABLE {target} (file VARCHAR, line BIGINT, reason VARCHAR, row VARCHAR)")
            beside.close()
        again = batch.upsert or (batch.replaces is not None and batch.replaces.onward)
        for source in sources:
            new = f"SELECT * FROM ({source}) AS r"
            if again and exists:
                same = " AND ".join(f"s.{c} IS NOT DISTINCT FROM r.{c}" for c in ("file", "line", "reason", "row"))
                new += f" WHERE NOT EXISTS (SELECT 1 FROM {target} AS s WHERE {same})"
            count += int(cursor.execute(f"INSERT INTO {target} BY NAME {new}")[0][0])
    return count


@contextmanager
def _registered(session: Session, cursor: DuckDB, rows: Any) -> Iterator[str]:
    relation = session.fresh_name()
    if rows is None:
        yield relation
        return
    cursor.connection.register(relation, rows)
    try:
        yield relation
    finally:
        with suppress(Exception):
            cursor.connection.unregister(relation)
