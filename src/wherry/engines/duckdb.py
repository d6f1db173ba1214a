"""DuckDB, in this process."""

from __future__ import annotations

import os
import sys
import threading
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wherry.memory import allowed_memory
from wherry.quoting import text

if TYPE_CHECKING:
    import pyarrow as pa

    from wherry import duckdb
    from wherry.ports import Query

#: Share of what this process may have that the database takes at most.
SHARE = 0.4
#: Rows of one Arrow batch.
BATCH_ROWS = 122_880


class DuckDB:
    """An in-memory database whose tables may spill to ``scratch``; relative files are those of ``folder``."""

    dialect = "duckdb"

    def __init__(
        self, *, folder: Path, scratch: Path, parent: DuckDB | None = None, beside: DuckDB | None = None
    ) -> None:
        self._folder, self._scratch = folder, scratch
        #: Every connection that may be busy, to the same database and to those beside it.
        self._all: dict[int, duckdb.DuckDBPyConnection] = near._all if (near := parent or beside) is not None else {}
        limit = memory_limit()
        if limit is not None and beside is not None:
            limit //= 2
        self.connection: duckdb.DuckDBPyConnection = (
            parent.connection.cursor() if parent is not None else self._open(limit)
        )
        #: Databases that are closed with this one.
        self._apart: list[DuckDB] = []
        self._all[id(self.connection)] = self.connection
        #: Statements under way by connection, and the one that has the database for itself; the same for all.
        self._turns: _Turns = parent._turns if parent is not None else _Turns()
        # What takes longer than two seconds would draw one on stdout, into what --json prints there.
        self.connection.execute("SET enable_progress_bar = false")

    @property
    def scratch(self) -> Path:
        """Where it may write what nothing depends on."""
        return self._scratch

    def _open(self, limit: int | None) -> duckdb.DuckDBPyConnection:
        from wherry import duckdb

        self._scratch.mkdir(parents=True, exist_ok=True)
        config: dict[str, str | bool | int | float | list[str]] = {
            "autoinstall_known_extensions": "false",
            "autoload_known_extensions": "false",
            # No table may be taken for one of this program's own variables.
            "python_enable_replacements": "false",
            # Until the lake is attached: its extensions come from installed packages, and hashing them takes 150 ms.
            "allow_unsigned_extensions": "true",
            "temp_directory": str(self._scratch / "spill"),
        }
        if limit is not None:
            config["memory_limit"] = f"{limit}B"
        connection = duckdb.connect(":memory:", config=config)
        connection.execute(f"SET GLOBAL file_search_path = {text(str(self._folder))}")
        connection.execute("SET GLOBAL TimeZone = 'UTC'")
        return connection

    def cursor(self) -> DuckDB:
        """The same database for another thread."""
        return DuckDB(folder=self._folder, scratch=self._scratch, parent=self)

    def apart(self) -> DuckDB:
        """Another, empty database with half as much memory; what is done in it is broken off with this one, and it is
        closed with it."""
        made = DuckDB(folder=self._folder, scratch=self._scratch, beside=self)
        self._apart.append(made)
        return made

    def close(self) -> None:
        while self._apart:
            self._apart.pop().close()
        self._all.pop(id(self.connection), None)
        self.connection.close()

    def interrupt(self) -> None:
        """Break off what the database is doing for anyone, now."""
        for connection in list(self._all.values()):
            with suppress(Exception):  # closed meanwhile
                connection.interrupt()

    def execute(self, sql: str, values: Mapping[str, Any] | None = None) -> list[tuple[Any, ...]]:
        """Run one statement; the rows it returns, for small answers."""
        with self._turns.taken(self.connection):
            return self.connection.execute(sql, dict(values) if values else None).fetchall()

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Statements of the block do without further threads, until another connection has something to do.

        For what is read in one stream: the threads left over would spin until it ends, at the cost of those that send.
        """
        self._turns.limit(self.connection)
        try:
            yield
        finally:
            self._turns.lift(self.connection)

    def schema(self, sql: str, values: Mapping[str, Any] | None = None) -> list[tuple[str, str]]:
        """Names and DuckDB types of what a SELECT returns, without running it."""
        if values:
            return [(str(row[0]), str(row[1])) for row in self.execute(f"DESCRIBE\n{sql}", values)]
        relation = self.connection.sql(sql)  # bound, not run: a third of what DESCRIBE costs
        return list(zip(relation.columns, map(str, relation.types), strict=True))

    def rows(self, sql: str, values: Mapping[str, Any] | None = None) -> tuple[list[str], Iterator[tuple[Any, ...]]]:
        """Names of the columns of what a statement returns, and its rows as Python values, streamed."""
        cursor = self.connection.execute(sql, dict(values) if values else None)
        columns = [(str(column[0]), str(column[1])) for column in cursor.description or ()]
        # duckdb makes Python values of moments with a zone with pytz only; Arrow needs no such thing.
        zoned = any("TIME ZONE" in kind or "TIMESTAMPTZ" in kind for _, kind in columns)
        return [column for column, _ in columns], _from_arrow(cursor) if zoned else _fetched(cursor)

    def arrow(self, sql: str, values: Mapping[str, Any] | None = None) -> pa.RecordBatchReader:
        """What a SELECT returns, streamed."""
        cursor = self.connection.cursor()
        return cursor.execute(sql, dict(values) if values else None).to_arrow_reader(BATCH_ROWS)

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All of the block or nothing of it."""
        self.execute("BEGIN")
        try:
            yield
            self.execute("COMMIT")
        except BaseException:
            # The transaction may have ended by itself, with the error.
            with suppress(Exception):
                self.connection.execute("ROLLBACK")
            raise


def read_query(query: Query, limit: int | None = None) -> pa.Table:
    """The rows of a query (at most ``limit`` of them), read by a database made for it."""
    from wherry import duckdb

    query = query.few if limit is not None and query.few is not None else query
    with duckdb.connect(":memory:", config={"allow_unsigned_extensions": "true"}) as connection:
        connection.execute("SET GLOBAL TimeZone = 'UTC'; SET arrow_lossless_conversion = true")
        with query.attached(connection):
            connection.execute("BEGIN")
            try:
                with query.reading(connection):
                    bound = f" LIMIT {limit}" if limit is not None else ""
                    rows = connection.execute(f"FROM ({query.sql}){bound}").to_arrow_table()
            finally:
                with suppress(Exception):  # what was read counts; the connection to it may be lost
                    connection.execute("ROLLBACK")
    query.counted(rows.num_rows)
    return rows


class _Turns:
    """Who runs statements in a database, so that one who needs a single thread leaves the others theirs."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._busy: Counter[int] = Counter()
        self._limited: int | None = None
        # Of its own, since that of a statement may be in a transaction that failed.
        self._setting: duckdb.DuckDBPyConnection | None = None

    @contextmanager
    def taken(self, connection: duckdb.DuckDBPyConnection) -> Iterator[None]:
        """A statement is under way."""
        key = id(connection)
        with self._lock:
            self._busy[key] += 1
            if self._limited not in (None, key):
                self._unlimit()
        try:
            yield
        finally:
            with self._lock:
                self._busy[key] -= 1

    def limit(self, connection: duckdb.DuckDBPyConnection) -> None:
        """Do with one thread, unless others are busy."""
        with self._lock:
            if self._limited is None and not +self._busy:
                self._setting = connection.cursor()
                self._setting.execute("SET GLOBAL threads = 1")
                self._limited = id(connection)

    def lift(self, connection: duckdb.DuckDBPyConnection) -> None:
        with self._lock:
            if self._limited == id(connection):
                self._unlimit()

    def _unlimit(self) -> None:
        self._limited = None
        if self._setting is not None:
            self._setting.execute("RESET GLOBAL threads")
            self._setting.close()


def memory_limit() -> int | None:
    """Bytes that the database may take before it spills; the rest is for Python, Arrow, what writes files, and others.

    Half of the machine's memory (DuckDB would take four fifths), or ``SHARE`` of what this process may have (a
    container, ``ulimit -v`` or ``-d``), which DuckDB does not always know. None: as DuckDB thinks fit.
    """
    if sys.platform == "win32":
        return None
    machine = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    allowed = allowed_memory()
    return min(machine // 2, int(allowed * SHARE)) if allowed is not None else machine // 2


def _fetched(cursor: duckdb.DuckDBPyConnection) -> Iterator[tuple[Any, ...]]:
    while rows := cursor.fetchmany(10_000):
        yield from rows


def _from_arrow(cursor: duckdb.DuckDBPyConnection) -> Iterator[tuple[Any, ...]]:
    for batch in cursor.to_arrow_reader(10_000):
        yield from zip(*(column.to_pylist() for column in batch.columns), strict=True)
