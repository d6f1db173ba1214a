"""Statements that a small commit waits for: compiled once, then handed to the driver as they are.

SQLAlchemy's way to the driver is long. Where other work comes between two statements, its length is most of what a
look-up costs.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import sqlalchemy as sa

#: The text, values that never change, and the order of all values where the driver wants them in order.
_Compiled = tuple[str, dict[str, Any], tuple[str, ...] | None]


class Statement:
    """A query or change whose values are texts and numbers.

    The connection's transaction must have begun, unless it has none. Raises what SQLAlchemy would.
    """

    def __init__(self, statement: Any = None, *, text: Path | None = None) -> None:
        """``statement``: one of SQLAlchemy's, or what makes it; ``text``: a file with it in the words of one driver."""
        self._statement = statement
        self._text = text
        self._compiled: dict[str, _Compiled] = {}  # by database

    def rows(self, connection: sa.Connection, values: Mapping[str, Any]) -> list[tuple[Any, ...]]:
        """What it answers."""
        rows: list[tuple[Any, ...]] = self.run(connection, values).fetchall()
        return rows

    def row(self, connection: sa.Connection, values: Mapping[str, Any]) -> tuple[Any, ...] | None:
        """The first row of the answer."""
        rows = self.rows(connection, values)  # all: SQLite goes on reading until it has come to the end
        return rows[0] if rows else None

    def run(self, connection: sa.Connection, values: Mapping[str, Any]) -> Any:
        """The driver's cursor."""
        text, fixed, order = self._compile(connection)
        return _told(connection, text, lambda raw: raw.execute(text, _given(fixed, values, order)))

    def begin(self, connection: sa.Connection, values: Mapping[str, Any]) -> tuple[Any, ...] | None:
        """The first row of its answer, as the first statement of a transaction in PostgreSQL: both are one message."""
        import psycopg

        text, fixed, order = self._compile(connection)

        def ask(raw: Any) -> Any:
            with raw.pipeline() if psycopg.Pipeline.is_supported() else nullcontext():
                cursor = raw.execute(text, _given(fixed, values, order))
            return cursor.fetchone()

        row: tuple[Any, ...] | None = _told(connection, text, ask)
        return row

    def run_all(self, connection: sa.Connection, values: Iterable[Mapping[str, Any]]) -> None:
        """Once with each of ``values``."""
        text, fixed, order = self._compile(connection)
        _told(connection, text, lambda raw: raw.executemany(text, [_given(fixed, each, order) for each in values]))

    def _compile(self, connection: sa.Connection) -> _Compiled:
        name = connection.dialect.name
        if name in self._compiled:
            return self._compiled[name]
        if self._text is not None:
            made: _Compiled = (re.sub(r"^ *--.*\n", "", self._text.read_text("utf-8"), flags=re.MULTILINE), {}, None)
        else:
            statement = self._statement() if callable(self._statement) else self._statement
            compiled = statement.compile(dialect=connection.dialect)
            fixed = {name: value for name, value in compiled.params.items() if value is not None}
            made = (str(compiled), fixed, None if compiled.positiontup is None else tuple(compiled.positiontup))
        self._compiled[name] = made
        return made


def _given(fixed: Mapping[str, Any], values: Mapping[str, Any], order: Iterable[str] | None) -> Any:
    given = {**fixed, **values}
    return given if order is None else [given[name] for name in order]


def _told(connection: sa.Connection, text: str, ask: Callable[[Any], Any]) -> Any:
    """What the driver's connection answers; its complaints as SQLAlchemy's."""
    raw: Any = connection.connection.dbapi_connection
    dialect = connection.dialect
    error: Any = dialect.loaded_dbapi.Error
    try:
        return ask(raw)
    except error as problem:
        if dialect.is_disconnect(problem, raw, None):
            # Asked by SQLAlchemy, it fails again, and SQLAlchemy knows what else of the pool to throw away.
            connection.exec_driver_sql("SELECT 1")
        raise sa.exc.DBAPIError.instance(text, None, problem, error, dialect=dialect) from problem
