"""Make the rows of one table, by its build word, in one transaction of the run's branch."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from wherry.engines.duckdb import DuckDB
from wherry.errors import DataError
from wherry.lake.types import select_storable
from wherry.model.asset import Asset
from wherry.model.dataclass import dataclass
from wherry.model.plan import Built, Step
from wherry.model.slice import Slice, union
from wherry.quoting import full_name, name, names
from wherry.run.layout import declare_order, ordered, partitioned_by
from wherry.run.record import to_state
from wherry.run.rejected import rejected_name, taken_back
from wherry.run.replace import place_for, take_place
from wherry.run.session import Session
from wherry.sql.bind import HISTORY_COLUMNS


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """A table to build and everything that says how."""

    asset: Asset
    step: Step
    #: A SELECT of the new rows; may name ``$start`` and ``$end`` where the table is incremental.
    select: str
    #: What to remember of the table once built; intervals are added here.
    built: Built
    #: The clock of the run, UTC without a zone.
    now: datetime
    #: Whether the table is on the branch and its rows count.
    exists: bool


def build(session: Session, cursor: DuckDB, work: Work) -> bool:
    """Build one table. Returns whether its rows changed; when they did not, nothing was written."""
    word = work.asset.build.word
    if word == "incremental":
        return _incremental(session, cursor, work)
    if work.exists and not work.step.refill and word != "replace":
        return {"append": _append, "merge": _merge, "history": _history}[word](session, cursor, work)
    if word not in ("merge", "history"):
        _create(session, cursor, work, work.select)
        return True
    staged = _stage(cursor, work.select, session.fresh_name())
    try:
        _expect_key(cursor, work.asset, staged, work.asset.build.columns)
        first = f"SELECT * FROM {staged}" if word == "merge" else _opened(f"FROM {staged}", work.now)
        _create(session, cursor, work, first)
    finally:
        cursor.execute(f"DROP TABLE {staged}")
    return True


def _opened(source: str, now: datetime) -> str:
    kinds = dict(HISTORY_COLUMNS)
    return (
        f"SELECT *, TIMESTAMP '{now}' AS valid_from, CAST(NULL AS {kinds['valid_to']}) AS valid_to, "
        f"true AS is_current {source}"
    )


def _create(session: Session, cursor: DuckDB, work: Work, select: str) -> None:
    """Make the table anew from ``select``: in memory first where all it reads is small, so that its readers need not
    open it from the lake."""
    table = work.asset.name
    target = full_name(table)
    columns = cursor.schema(select)
    select = select_storable(columns, select)
    in_memory = work.asset.kind == "sql" and session.small(work.asset.inputs)
    session.clear(table)
    if in_memory:
        cursor.execute(f"CREATE TABLE {target} AS {select}")
        select = f"FROM {target}"
    session.attach()
    session.make_lake_schema(table, cursor)
    beside = place_for(session, table)
    session.lake.carry(session.branch, beside, to_state(work.built))
    try:
        rows = ordered(work.asset, select)
        cursor.execute(f"CREATE TABLE lake.{full_name(beside)}{partitioned_by(work.asset)} AS {rows}")
    except BaseException:
        session.lake.uncarry(session.branch, beside)
        if in_memory:
            cursor.execute(f"DROP TABLE IF EXISTS {target}")
        raise
    declare_order(session, beside, work.asset)
    _take_place(session, beside, table)
    if not in_memory or not session.mirrored(table, len(columns)):
        session.built(table)


def _commit(
    session: Session,
    cursor: DuckDB,
    work: Work,
    statements: Sequence[tuple[str, Mapping[str, Any] | None]],
    built: Callable[[], Built] | None = None,
    written: str = "",
) -> None:
    """Change the table and what is remembered of it in one transaction; ``built`` may look at the changed table.

    ``written`` is the name it is written under, where that is not its own yet.
    """
    table = written or work.asset.name
    try:
        with cursor.transaction():
            for sql, values in statements:
                cursor.execute(sql, values)
            session.lake.carry(session.branch, table, to_state(built() if built else work.built))
    except BaseException:
        session.lake.uncarry(session.branch, table)
        raise
    if written:
        declare_order(session, table, work.asset)
    _take_place(session, table, work.asset.name)
    session.built(work.asset.name)


def _take_place(session: Session, written: str, table: str) -> None:
    """Rows that were rejected from what was there before go with it."""
    if written == table:
        return
    take_place(session, (written, table), (rejected_name(written), rejected_name(table)))
    session.built(rejected_name(table))


def _incremental(session: Session, cursor: DuckDB, work: Work) -> bool:
    """Each slice replaces the rows of its own moments, all in one transaction; ``filled`` moves with them."""
    by = name(work.asset.build.columns[0])
    cut = within(work.select, by)
    slices, anew = work.step.slices, work.step.refill or not work.exists
    select = select_storable(cursor.schema(cut, _moments(slices[0])), cut)
    session.clear(work.asset.name)
    session.attach()
    session.make_lake_schema(work.asset.name, cursor)
    written = place_for(session, work.asset.name) if anew else work.asset.name
    target = f"lake.{full_name(written)}"
    if not anew:
        _widen(cursor, target, cursor.schema(select, _moments(slices[0])))
    statements: list[tuple[str, Mapping[str, Any] | None]] = []
    for piece in slices:
        moments = _moments(piece)
        if anew and piece is slices[0]:
            rows = ordered(work.asset, select)
            statements.append((f"CREATE TABLE {target}{partitioned_by(work.asset)} AS {rows}", moments))
        else:
            statements.append((f"DELETE FROM {target} WHERE {by} >= $start AND {by} < $end", moments))
            statements.append((f"INSERT INTO {target} BY NAME {ordered(work.asset, select)}", moments))
        if not anew:
            statements += taken_back(session, work.asset.name, f"t.{by} >= $start AND t.{by} < $end", moments)
    filled = union((*(() if anew else work.built.filled), *slices))

    def built() -> Built:
        reached = cursor.execute(f"SELECT max({by})::TIMESTAMP FROM {target}")[0][0]
        return replace(work.built, filled=filled, reached=reached)

    _commit(session, cursor, work, statements, built, written=written)
    return True


def within(select: str, by: str) -> str:
    """The rows of a statement that belong to the slice from ``$start`` to ``$end``."""
    return f"SELECT * FROM (\n{select}\n) WHERE {by} >= $start AND {by} < $end"


def _moments(piece: Slice) -> dict[str, datetime]:
    return {"start": piece.start, "end": piece.end}


def _append(session: Session, cursor: DuckDB, work: Work) -> bool:
    """New rows behind the old ones."""
    staged = _stage(cursor, work.select, session.fresh_name())
    try:
        if not cursor.execute(f"SELECT 1 FROM {staged} LIMIT 1"):
            return False
        target = _widened(session, cursor, work, staged)
        _commit(session, cursor, work, [(f"INSERT INTO {target} BY NAME FROM {staged}", None)])
        return True
    finally:
        cursor.execute(f"DROP TABLE {staged}")


def _merge(session: Session, cursor: DuckDB, work: Work) -> bool:
    """Rows whose key is new come in, rows that differ take the place of the old, equal ones are left alone."""
    key = work.asset.build.columns
    staged = _stage(cursor, work.select, session.fresh_name())
    changed = session.fresh_name()
    try:
        _expect_key(cursor, work.asset, staged, key)
        target = _widened(session, cursor, work, staged)
        columns = [column for column, _ in cursor.schema(f"FROM {staged}")]
        cursor.execute(
            f"CREATE TABLE {changed} AS SELECT s.* FROM {staged} AS s LEFT JOIN {target} AS t ON {_same_key(key)} "
            f"WHERE t.{name(key[0])} IS NULL OR {_differs(columns, key)}"
        )
        if not cursor.execute(f"SELECT 1 FROM {changed} LIMIT 1"):
            return False
        gone = f"DELETE FROM {target} AS t WHERE EXISTS (SELECT 1 FROM {changed} AS s WHERE {_same_key(key)})"
        again = taken_back(session, work.asset.name, f"EXISTS (SELECT 1 FROM {staged} AS s WHERE {_same_key(key)})")
        new = (f"INSERT INTO {target} BY NAME FROM {changed}", None)
        _commit(session, cursor, work, [(gone, None), new, *again])
        return True
    finally:
        cursor.execute(f"DROP TABLE IF EXISTS {changed}")
        cursor.execute(f"DROP TABLE {staged}")


def _history(session: Session, cursor: DuckDB, work: Work) -> bool:
    """Slowly changing dimension, type 2: rows that changed or disappeared are closed, what is new is opened."""
    key = work.asset.build.columns
    staged = _stage(cursor, work.select, session.fresh_name())
    closing, opening = session.fresh_name(), session.fresh_name()
    try:
        _expect_key(cursor, work.asset, staged, key)
        target = _widened(session, cursor, work, staged)
        columns = [column for column, _ in cursor.schema(f"FROM {staged}")]
        current = f"(SELECT * FROM {target} WHERE is_current)"
        same, differs = _same_key(key), _differs(columns, key)
        cursor.execute(
            f"CREATE TABLE {closing} AS SELECT {', '.join('t.' + name(k) for k in key)} FROM {current} AS t "
            f"LEFT JOIN {staged} AS s ON {same} WHERE s.{name(key[0])} IS NULL OR {differs}"
        )
        joined = f"FROM {staged} AS s LEFT JOIN {current} AS t ON {same}"
        new = f"(SELECT s.* {joined} WHERE t.{name(key[0])} IS NULL OR {differs})"
        cursor.execute(f"CREATE TABLE {opening} AS {_opened(f'FROM {new}', work.now)}")
        statements: list[tuple[str, Mapping[str, Any] | None]] = []
        if cursor.execute(f"SELECT 1 FROM {closing} LIMIT 1"):
            found = f"EXISTS (SELECT 1 FROM {closing} AS s WHERE {same})"
            closed = f"valid_to = TIMESTAMP '{work.now}', is_current = false"
            statements.append((f"UPDATE {target} AS t SET {closed} WHERE is_current AND {found}", None))
        if cursor.execute(f"SELECT 1 FROM {opening} LIMIT 1"):
            statements.append((f"INSERT INTO {target} BY NAME FROM {opening}", None))
            found = f"EXISTS (SELECT 1 FROM {opening} AS s WHERE {same})"
            statements += taken_back(session, work.asset.name, f"t.is_current AND {found}")
        if statements:
            _commit(session, cursor, work, statements)
        return bool(statements)
    finally:
        for relation in (opening, closing):
            cursor.execute(f"DROP TABLE IF EXISTS {relation}")
        cursor.execute(f"DROP TABLE {staged}")


def _stage(cursor: DuckDB, select: str, relation: str) -> str:
    """The new rows as a table of the session, which spills to disk when it is large."""
    cursor.execute(f"CREATE OR REPLACE TABLE {relation} AS {select_storable(cursor.schema(select), select)}")
    return relation


def _same_key(key: Sequence[str]) -> str:
    return " AND ".join(f"s.{name(column)} = t.{name(column)}" for column in key)


def _differs(columns: Sequence[str], key: Sequence[str]) -> str:
    lower = {column.lower() for column in key}
    rest = [column for column in columns if column.lower() not in lower]
    return " OR ".join(f"s.{name(c)} IS DISTINCT FROM t.{name(c)}" for c in rest) or "false"


def _expect_key(cursor: DuckDB, asset: Asset, staged: str, key: Sequence[str]) -> None:
    """Raises ``DataError`` when the key is null somewhere or not unique."""
    empty = " OR ".join(f"{name(column)} IS NULL" for column in key)
    nulls = cursor.execute(f"SELECT count(*) FROM {staged} WHERE {empty}")[0][0]
    shown = ", ".join(key)
    if nulls:
        raise DataError(
            f"The key ({shown}) of `{asset.name}` is null in {nulls} row{'s' if nulls > 1 else ''}.",
            hint="Leave such rows out, or choose another key. The table is as it was.",
        )
    twice = cursor.execute(
        f"SELECT {names(key)}, count(*) FROM {staged} GROUP BY {names(key)} HAVING count(*) > 1 LIMIT 1"
    )
    if twice:
        *values, copies = twice[0]
        example = ", ".join(f"{column} = {value!r}" for column, value in zip(key, values, strict=True))
        raise DataError(
            f"The key ({shown}) of `{asset.name}` is not unique: {copies} rows have {example}.",
            hint="Take one row per key, for example with QUALIFY row_number() OVER (...) = 1. The table is as it was.",
        )


def _widened(session: Session, cursor: DuckDB, work: Work, staged: str) -> str:
    """The lake's table, with a column added for each that the new rows have beyond it."""
    session.attach()
    target = f"lake.{full_name(work.asset.name)}"
    _widen(cursor, target, cursor.schema(f"FROM {staged}"))
    return target


def _widen(cursor: DuckDB, target: str, columns: Sequence[tuple[str, str]]) -> None:
    there = {column.lower() for column, _ in cursor.schema(f"FROM {target}")}
    for column, kind in columns:
        if column.lower() not in there:
            cursor.execute(f"ALTER TABLE {target} ADD COLUMN {name(column)} {kind}")
