"""Bad rows go to a table of their own, with the reasons, and the rest is published.

They are split off after a table is built and before it is published, in one transaction of the run's branch: no row is
in both tables or in neither. Once done, nothing is left to do, so a run that was killed in between just does it.
Rows that a build makes anew are taken out of the table of rejected rows by the build, in its own transaction.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from dataclasses import replace
from datetime import datetime
from types import ModuleType
from typing import TYPE_CHECKING

from wherry.engines.duckdb import DuckDB
from wherry.errors import DataError, ProjectError
from wherry.model.asset import Asset, Check
from wherry.model.finding import Finding
from wherry.quoting import full_name, text
from wherry.run import check_plan
from wherry.run.again import Again, located
from wherry.run.record import with_other_rows
from wherry.run.rejected import rejected_name
from wherry.run.session import Session
from wherry.run.verdict import first_line
from wherry.run.widen import make_room

if TYPE_CHECKING:
    from wherry.run.check_subject import Find

#: Columns of the table of rejected rows beside those of its table; the last two only of a table of files.
REASONS, MOMENT = "rejected_for", "rejected_at"
PLACE = (("rejected_file", "VARCHAR"), ("rejected_line", "BIGINT"))
_FILE, _ROW = "__wherry_file", "__wherry_row"


def expect_tables(session: Session, asset: Asset, checks: Sequence[Check]) -> None:
    """Raises ``ProjectError`` when there are no stored rows that could be split."""
    pointer = session.pointers.get(asset.name.lower())
    if pointer is not None and pointer.kind == "view":
        raise ProjectError(
            findings=[
                Finding(
                    code="bad-check",
                    message=f"`{asset.name}` is a view: it has no rows of its own to put into quarantine.",
                    hint="Build it as a table (`build: replace`), or take `quarantine` away.",
                    file=check.file,
                    line=check.line,
                )
                for check in checks[:1]
            ]
        )


def split(
    session: Session,
    cursor: DuckDB,
    asset: Asset,
    checks: Sequence[Check],
    find: Find,
    now: datetime,
    again: Again | None = None,
) -> list[int]:
    """Move the rows that break ``checks`` to the table of rejected rows; how many each gave.

    ``again`` reads the files that they came from, to tell where in them they are.
    """
    if not checks:
        return []
    session.attach()
    table, target = f"lake.{full_name(asset.name)}", f"lake.{full_name(rejected_name(asset.name))}"
    columns = cursor.schema(f"FROM {table}")
    _expect_room(asset, [column for column, _ in columns])
    place = PLACE if again is not None else ()
    staged = session.fresh_name()
    placed = f"(SELECT *, filename AS {_FILE}, file_row_number AS {_ROW} FROM {table})"
    selects = [
        f"SELECT {_FILE}, {_ROW}, {number} AS number, {text(_reason(check))} AS reason "
        f"FROM ({_to_split(check, find(check.kind), placed, [column for column, _ in columns])})"
        for number, check in enumerate(checks)
    ]
    try:
        _stage(cursor, asset, check_plan.at(f"CREATE TABLE {staged} AS {' UNION ALL '.join(selects)}", now))
        counted = dict(cursor.execute(f"SELECT number, count(*) FROM {staged} GROUP BY number"))
        _make(session, cursor, asset, table, columns, place)
        why = f"SELECT {_FILE}, {_ROW}, list(DISTINCT reason ORDER BY reason) AS reasons FROM {staged} GROUP BY ALL"
        bad = f"(SELECT {_FILE} AS at_file, {_ROW} AS at_row FROM {staged})"
        found = located(session, cursor, table, bad, columns, again) if again is not None else nullcontext("")
        session.lake.carry(session.branch, asset.name, with_other_rows(session.pointers[asset.name.lower()].state))
        with found as places, cursor.transaction():
            told = joined = ""
            if places:
                told = ", p.file AS rejected_file, p.line AS rejected_line"
                joined = f" LEFT JOIN {places} AS p ON p.at_file = w.{_FILE} AND p.at_row = w.{_ROW}"
            cursor.execute(
                f"INSERT INTO {target} BY NAME SELECT t.*, w.reasons AS {REASONS}, TIMESTAMP '{now}' AS {MOMENT}{told} "
                f"FROM {table} AS t JOIN ({why}) AS w ON t.filename = w.{_FILE} AND t.file_row_number = w.{_ROW}"
                f"{joined}"
            )
            cursor.execute(
                f"DELETE FROM {table} WHERE (filename, file_row_number) IN (SELECT ({_FILE}, {_ROW}) FROM {staged})"
            )
    except BaseException:
        session.lake.uncarry(session.branch, asset.name)
        raise
    finally:
        cursor.execute(f"DROP TABLE IF EXISTS {staged}")
    session.built(asset.name)
    session.built(rejected_name(asset.name))
    return [int(counted.get(number, 0)) for number in range(len(checks))]


def in_turn(checks: Sequence[tuple[int, Check]]) -> Iterator[list[tuple[int, Check]]]:
    """Which checks split together: copies of whole rows go first, so that what is unique without them stays."""
    copies = [(index, check) for index, check in checks if check.kind == "duplicates"]
    yield copies
    yield [each for each in checks if each not in copies]


def trial(check: Check, kind: ModuleType, table: str, columns: Sequence[str]) -> str:
    """A statement that binds when the rows of a table which a check finds bad can be split off, and not otherwise."""
    placed = f"(SELECT *, '' AS {_FILE}, 0 AS {_ROW} FROM {table})"
    return f"SELECT {_FILE}, {_ROW} FROM ({_to_split(check, kind, placed, columns)})"


def _to_split(check: Check, kind: ModuleType, placed: str, columns: Sequence[str]) -> str:
    """A SELECT of the rows of ``placed`` that go."""
    if hasattr(kind, "surplus"):
        return str(kind.surplus(check, check_plan.looked_at(check, placed), columns, (_FILE, _ROW)))
    return check_plan.bad_rows_sql(check, kind, placed)


def _stage(cursor: DuckDB, asset: Asset, statement: str) -> None:
    from wherry import duckdb

    try:
        cursor.execute(statement)
    except duckdb.BinderException as error:
        raise DataError(
            f"The rows of `{asset.name}` cannot be split: a check with `quarantine` does not give them as they are "
            f"({first_line(error)}).",
            hint="Take `quarantine` away from that check. The table is as it was.",
        ) from None


def _make(
    session: Session,
    cursor: DuckDB,
    asset: Asset,
    like: str,
    columns: Sequence[tuple[str, str]],
    place: Sequence[tuple[str, str]],
) -> None:
    """The table of rejected rows, with every column of the table."""
    table = rejected_name(asset.name)
    target = f"lake.{full_name(table)}"
    if table.lower() not in session.pointers:
        further = ((REASONS, "VARCHAR[]"), (MOMENT, "TIMESTAMP"), *place)
        empty = f"SELECT *, {', '.join(f'CAST(NULL AS {kind}) AS {each}' for each, kind in further)} FROM {like}"
        cursor.execute(f"CREATE TABLE {target} AS {empty} WITH NO DATA")
        session.built(table)
        return
    plain = replace(asset, partition=(), sort=())
    make_room(session, cursor, plain, table, cursor.schema(f"FROM {target}"), (*columns, *place))


def _reason(check: Check) -> str:
    return f"{check.column}: {check.text}" if check.column else check.text


def _expect_room(asset: Asset, columns: Sequence[str]) -> None:
    own = {REASONS, MOMENT, "filename", "file_row_number", *(column for column, _ in PLACE)}
    taken = {column.lower() for column in columns} & own
    if taken:
        raise DataError(
            f"The rows of `{asset.name}` cannot be split: a column is called `{min(taken)}`, which quarantine needs.",
            hint="Rename that column. The table is as it was.",
        )
