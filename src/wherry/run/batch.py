"""A batch made ready for its table: what it changes there, which rows fit, and which take the place of others."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import field
from typing import TYPE_CHECKING, Any

from wherry.engines.duckdb import DuckDB
from wherry.errors import DataError
from wherry.lake.types import select_storable
from wherry.model.asset import Asset
from wherry.model.dataclass import dataclass
from wherry.model.finding import Finding
from wherry.model.run import Drift
from wherry.ports import FILE_COLUMN, Batch, Query
from wherry.quoting import name, names, text
from wherry.run.evolve import Columns, drifts, expect_frozen, misfits, unlike
from wherry.run.origins import numbered, write_origins
from wherry.run.session import Session
from wherry.run.widen import make_room

if TYPE_CHECKING:
    from wherry.run.data_files import DataFiles


@dataclass(frozen=True, slots=True, kw_only=True)
class Beside:
    """A table with rows of another: what goes from that goes from it too."""

    #: Its name in SQL.
    place: str
    columns: Columns


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """The table that a batch goes to."""

    asset: Asset
    #: Its name in the lake, and in SQL.
    table: str
    place: str
    #: Its columns and their DuckDB types; empty when it is still to be made.
    columns: Columns
    #: Where it is still to be made: the columns of the table whose place it will take; empty when there is none.
    before: Columns = ()
    #: In what the source's last batch was unlike the table; see ``Built.unlike``.
    unlike: dict[str, str] | Any = field(default_factory=dict)
    #: The table of its rows that broke a check.
    rejected: Beside | None = None


@contextmanager
def prepared(session: Session, cursor: DuckDB, batch: Batch, target: Target) -> Iterator[Ready]:
    """The rows of ``batch`` (a query of which is ``attached`` already), ready to go to ``target``.

    They stream through, unless their keys are looked up or some are held back: then they are kept aside first, in
    memory or spilled to disk. Raises ``DataError`` for columns that may not be, and for a key that two rows share.
    """
    made: list[tuple[str, str]] = []

    def register(rows: Any) -> str:
        relation = session.fresh_name()
        cursor.connection.register(relation, rows)
        made.append(("", relation))
        return relation

    def keep(select: str) -> str:
        relation = session.fresh_name()
        cursor.execute(f"CREATE TEMP TABLE {relation} AS {select}")
        made.append(("TABLE", relation))
        return relation

    def keep_rows(select: str) -> str:
        if not isinstance(batch.rows, Query):
            with _own_errors(batch):
                return keep(select)
        relation = session.fresh_name()
        with cursor.transaction():
            _run(cursor, batch.rows, f"CREATE TEMP TABLE {relation} AS {select}", relation)
        made.append(("TABLE", relation))
        return relation

    try:
        relation = f"({batch.rows.sql})" if isinstance(batch.rows, Query) else register(batch.rows)
        given = cursor.schema(f"FROM {relation}")
        select = select_storable(given, f"SELECT * FROM {relation}")
        columns = cursor.schema(select) if select != f"SELECT * FROM {relation}" else given
        known, policy = target.columns or target.before, target.asset.source and target.asset.source.on_schema_change
        if known and policy == "freeze":
            expect_frozen(target.asset, known, columns)
        held = misfits(known, columns) if known and policy == "quarantine" else []
        refused, kept = "", False
        if held or (batch.upsert and target.columns):
            relation = keep_rows(select)
            kept = True
            select = f"SELECT * FROM {relation}"
        if batch.upsert and target.columns:
            _expect_key(cursor, target.asset, relation, batch.upsert)
        if known and policy == "quarantine":
            if held:
                places = session.fresh_name()
                made.append(("TABLE", places))
                write_origins(cursor, batch, *numbered(relation, columns), _misses(held), places)
                refused = _refused(target.asset, relation, columns, held, places)
            select = _fitting(known, columns, select, held)
        yield Ready(
            batch=batch,
            target=target,
            select=select,
            columns=columns if policy != "quarantine" or not known else known,
            drifts=drifts(known, target.unlike, columns) if known else (),
            unlike=unlike(known, columns) if known else {},
            refused=refused,
            coming=f"(SELECT * FROM {relation} WHERE {_fits(held)})" if held else relation,
            query=batch.rows if isinstance(batch.rows, Query) and not kept else None,
            present=keep(f"SELECT * FROM {register(batch.present)}") if batch.present is not None else "",
            gone=register(batch.gone) if batch.gone is not None and batch.gone.num_rows and target.columns else "",
        )
    finally:
        for kind, relation in made:
            with suppress(Exception):
                if kind:
                    cursor.execute(f"DROP TABLE {relation}")
                else:
                    cursor.connection.unregister(relation)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ready:
    """A batch on its way into its table."""

    batch: Batch
    target: Target
    #: A SELECT of the rows that go in.
    select: str
    #: Names and types of what goes in.
    columns: Columns
    drifts: tuple[Drift, ...]
    #: In what the source is unlike the table as it was; see ``Built.unlike``.
    unlike: dict[str, str]
    #: A SELECT of the rows that are held back, as rejects; empty for none.
    refused: str
    #: The rows that take others' place, where they are kept aside: those that are not held back.
    coming: str
    #: The query that gives the rows when they go in; None where they are at hand.
    query: Query | None
    #: The keys that the source holds, by name; empty when they were not asked for.
    present: str
    #: Values whose rows go, by name; empty for none.
    gone: str

    def make_room(self, session: Session, cursor: DuckDB) -> None:
        """Fit the table's columns to the rows, where it may be."""
        make_room(session, cursor, self.target.asset, self.target.table, self.target.columns, self.columns)

    def clear(self, cursor: DuckDB) -> int:
        """Take away the rows that these replace, and those that the source lost; how many of the latter."""
        if (rejected := self.target.rejected) is not None:
            self._clear(cursor, rejected.place, rejected.columns)
        return self._clear(cursor, self.target.place, self.target.columns)

    def _clear(self, cursor: DuckDB, place: str, there: Columns) -> int:
        kinds = {column.lower(): kind for column, kind in there}
        gone = 0
        if (old := self.batch.replaces) is not None and old.column.lower() in kinds:
            column = name(old.column)
            condition = f"{column} {'>=' if old.onward else '='} CAST($value AS {kinds[old.column.lower()]})"
            condition += f" OR {column} IS NULL" if old.nulls else ""
            cursor.execute(f"DELETE FROM {place} WHERE {condition}", {"value": old.value})
        if self.batch.upsert and all(column.lower() in kinds for column in self.batch.upsert):
            # The first column alone prunes files by its range; a comparison of several does not.
            first, *others = map(name, self.batch.upsert)
            condition = f"t.{first} IN (SELECT s.{first} FROM {self.coming} AS s)"
            if others:
                same = " AND ".join(f"s.{column} = t.{column}" for column in (first, *others))
                condition += f" AND EXISTS (SELECT 1 FROM {self.coming} AS s WHERE {same})"
            cursor.execute(f"DELETE FROM {place} AS t WHERE {condition}")
        if self.gone:
            columns = [column for column, _ in cursor.schema(f"FROM {self.gone}") if column.lower() in kinds]
            same = ", ".join(f"CAST({name(column)} AS {kinds[column.lower()]})" for column in columns)
            cursor.execute(f"DELETE FROM {place} WHERE ({names(columns)}) IN (SELECT ({same}) FROM {self.gone})")
        if self.present:
            columns = [column for column, _ in cursor.schema(f"FROM {self.present}")]
            same = " AND ".join(f"k.{name(column)} = t.{name(column)}" for column in columns)
            absent = f"NOT EXISTS (SELECT 1 FROM {self.present} AS k WHERE {same})"
            gone = int(cursor.execute(f"DELETE FROM {place} AS t WHERE {absent}")[0][0])
        return gone

    def insert(self, cursor: DuckDB) -> None:
        insert = f"INSERT INTO {self.target.place} BY NAME {self.select}"
        if self.query is not None:
            _run(cursor, self.query, insert, self.target.place)
            return
        with _own_errors(self.batch):
            cursor.execute(insert)

    def copy(self, cursor: DuckDB, into: DataFiles) -> None:
        """Write the rows of the query to files that ``into`` commits."""
        assert self.query is not None
        with _reading(cursor, self.query):
            into.write(cursor, self.select)
            with into.shown(cursor) as relation:
                self.query.written(cursor.connection, relation)
        self.query.counted(into.rows)


def _run(cursor: DuckDB, query: Query, sql: str, into: str) -> None:
    """Run a statement that puts the rows of the query into a relation, in a transaction."""
    with _reading(cursor, query):
        rows = int(cursor.execute(sql)[0][0])
        query.written(cursor.connection, into)
    query.counted(rows)


@contextmanager
def _reading(cursor: DuckDB, query: Query) -> Iterator[None]:
    threads = nullcontext() if query.parallel else cursor.alone()
    with threads, query.reading(cursor.connection):
        yield


@contextmanager
def _own_errors(batch: Batch) -> Iterator[None]:
    """A source's own error comes through DuckDB as text only; asking for the rejects raises it."""
    try:
        yield
    except Exception:
        batch.rejects()
        raise


def _expect_key(cursor: DuckDB, asset: Asset, staged: str, key: tuple[str, ...]) -> None:
    columns = {column.lower() for column, _ in cursor.schema(f"FROM {staged}")}
    if missing := [column for column in key if column.lower() not in columns]:
        raise _bad_key(asset, f"`{asset.name}` has no column `{missing[0]}`, which `key:` names")
    null = " OR ".join(f"{name(column)} IS NULL" for column in key)
    if without := cursor.execute(f"SELECT count(*) FROM {staged} WHERE {null}")[0][0]:
        raise _bad_key(asset, f"The key of `{asset.name}` ({', '.join(key)}) has no value in {without:,} rows")
    twice = cursor.execute(f"SELECT {names(key)}, count(*) FROM {staged} GROUP BY ALL HAVING count(*) > 1 LIMIT 1")
    if twice:
        *values, copies = twice[0]
        example = ", ".join(f"{column} = {value!r}" for column, value in zip(key, values, strict=True))
        raise _bad_key(asset, f"The key of `{asset.name}` is not unique: {copies} rows have {example}")


def _bad_key(asset: Asset, message: str) -> DataError:
    kept = "Nothing of this batch was loaded; what was loaded before stays, and so does the cursor."
    hint = "Name all columns of the key (`key: [a, b]`), or mend the rows at the source."
    finding = Finding(code="bad-key", message=f"{message}. {kept}", hint=hint, file=asset.file, line=asset.line)
    return DataError(findings=[finding])


def _refused(asset: Asset, staged: str, columns: Columns, held: list[tuple[str, str]], places: str) -> str:
    """Rows that do not fit, as rejects: the table or file they came from, the line, every reason, the row as JSON."""
    reasons = ", ".join(f"CASE WHEN {condition} THEN {text(reason)} END" for condition, reason in held)
    source = text(asset.source.table if asset.source is not None else asset.name)
    if (
        asset.source is not None
        and asset.source.connector == "files"
        and any(column == FILE_COLUMN for column, _ in columns)
    ):
        source = name(FILE_COLUMN)
    rows, number = numbered(staged, columns)
    row = f"to_json(struct_pack({', '.join(f'{name(c)} := {name(c)}' for c, _ in columns)}))::VARCHAR"
    held_rows = (
        f"SELECT {source} AS file, concat_ws('; ', {reasons}) AS reason, {row} AS row, {number} AS n FROM {rows}"
    )
    member = "CASE WHEN p.member <> '' THEN 'In `' || p.member || '`: ' ELSE '' END"
    return (
        f"SELECT coalesce(p.file, h.file) AS file, p.line AS line, {member} || h.reason AS reason, h.row AS row "
        f"FROM ({held_rows} WHERE {_misses(held)}) AS h LEFT JOIN {places} AS p USING (n)"
    )


def _misses(held: list[tuple[str, str]]) -> str:
    return " OR ".join(condition for condition, _ in held)


def _fitting(known: Columns, columns: Columns, select: str, held: list[tuple[str, str]]) -> str:
    """The rows that fit, in the table's own columns and types."""
    given = {column.lower() for column, _ in columns}
    picked = ", ".join(
        f"CAST({name(column) if column.lower() in given else 'NULL'} AS {kind}) AS {name(column)}"
        for column, kind in known
    )
    return f"SELECT {picked} FROM ({select}) WHERE {_fits(held)}"


def _fits(held: list[tuple[str, str]]) -> str:
    return " AND ".join(f"NOT ({condition})" for condition, _ in held) or "true"
