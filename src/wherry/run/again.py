"""Where rows that broke a check are in the files that they came from: found by what is in them, in files read again."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from typing import TYPE_CHECKING, Protocol

from wherry.engines.duckdb import DuckDB
from wherry.errors import WherryError
from wherry.ports import FILE_COLUMN, Batch
from wherry.quoting import name, names
from wherry.run.origins import NUMBER, write_origins
from wherry.run.session import Session

if TYPE_CHECKING:
    from wherry.run.project import ReadySource

#: What tells a row of a table from all others: the data file that it is in, and its number there.
AT = ("__wherry_file", "__wherry_row")
_GROUP, _COPY = "__wherry_group", "__wherry_copy"


class Again(Protocol):
    """Reads files of a table once more; see ``ReadsAgain``."""

    def __call__(self, known: Mapping[str, str], files: Sequence[str]) -> Iterator[Batch]: ...


def reader_of(ready: ReadySource | None) -> Again | None:
    """What reads the files of a table again; None for a table that comes from none."""
    again = getattr(ready.source, "again", None) if ready is not None else None
    return partial(again, ready.options, ready.request) if ready is not None and again is not None else None


@contextmanager
def located(
    session: Session, cursor: DuckDB, table: str, bad: str, columns: Sequence[tuple[str, str]], again: Again
) -> Iterator[str]:
    """A temporary table of places: ``AT`` says which of the rows of ``table``, ``file`` and ``line`` where its source
    has it. ``bad`` is a relation of those that are looked for, by ``AT``.

    A row that a file does not have any more has no place there, nor have those of a file that cannot be read.
    """
    own = names([column for column, _ in columns])
    places, rows, groups = (session.fresh_name() for _ in range(3))
    try:
        at_file, at_row = AT
        cursor.execute(f"CREATE TEMP TABLE {places} ({at_file} VARCHAR, {at_row} BIGINT, file VARCHAR, line BIGINT)")
        cursor.execute(
            f"CREATE TEMP TABLE {rows} AS SELECT * FROM "
            f"(SELECT *, filename AS {at_file}, file_row_number AS {at_row} FROM {table}) JOIN "
            f"(SELECT DISTINCT {at_file}, {at_row} FROM {bad}) USING ({at_file}, {at_row})"
        )
        cursor.execute(
            f"CREATE TEMP TABLE {groups} AS SELECT *, row_number() OVER () AS {_GROUP} "
            f"FROM (SELECT DISTINCT {own} FROM {rows})"
        )
        in_files = any(column == FILE_COLUMN for column, _ in columns)
        files = (
            [row[0] for row in cursor.execute(f"SELECT DISTINCT {FILE_COLUMN} FROM {rows} ORDER BY 1")]
            if in_files
            else []
        )
        known = dict(columns)
        with suppress(WherryError):  # a file that is gone, or is another now
            for batch in again({c: kind for c, kind in known.items() if c != FILE_COLUMN}, files):
                _look_through(session, cursor, batch, columns, (rows, groups, places))
        yield places
    finally:
        for each in (places, rows, groups):
            cursor.execute(f"DROP TABLE IF EXISTS {each}")


def _look_through(
    session: Session,
    cursor: DuckDB,
    batch: Batch,
    columns: Sequence[tuple[str, str]],
    of: tuple[str, str, str],
) -> None:
    """Find rows of a batch that are the same as some that are looked for, and write down where they are."""
    rows, groups, places = of
    relation, met, origins = (session.fresh_name() for _ in range(3))
    cursor.connection.register(relation, batch.rows)
    try:
        there = {column.lower() for column, _ in cursor.schema(f"FROM {relation}")}
        same = " AND ".join(
            f"TRY_CAST(s.{name(column)} AS {kind}) IS NOT DISTINCT FROM g.{name(column)}"
            if column.lower() in there
            else f"g.{name(column)} IS NULL"
            for column, kind in columns
        )
        try:
            numbered = f"(SELECT *, row_number() OVER () - 1 AS {NUMBER} FROM {relation})"
            cursor.execute(
                f"CREATE TEMP TABLE {met} AS SELECT s.{NUMBER}, g.{_GROUP}, "
                f"row_number() OVER (PARTITION BY g.{_GROUP} ORDER BY s.{NUMBER} DESC) AS {_COPY} "
                f"FROM {numbered} AS s JOIN {groups} AS g ON {same}"
            )
        except Exception:
            batch.rejects()  # a source's own error comes through DuckDB as text only
            raise
    finally:
        cursor.connection.unregister(relation)
    try:
        write_origins(cursor, batch, met, NUMBER, "true", origins)
        at = ", ".join(AT)
        own = " AND ".join(f"r.{name(column)} IS NOT DISTINCT FROM g.{name(column)}" for column, _ in columns)
        cursor.execute(
            # Of copies of a row of which some stay, the last ones are those that went.
            f"INSERT INTO {places} SELECT {at}, o.file, o.line FROM ("
            f"SELECT {at}, g.{_GROUP}, row_number() OVER (PARTITION BY g.{_GROUP} ORDER BY {at}) AS {_COPY} "
            f"FROM {rows} AS r JOIN {groups} AS g ON {own}) AS b "
            f"JOIN {met} AS m USING ({_GROUP}, {_COPY}) JOIN {origins} AS o ON o.n = m.{NUMBER}"
        )
    finally:
        for each in (met, origins):
            cursor.execute(f"DROP TABLE IF EXISTS {each}")
