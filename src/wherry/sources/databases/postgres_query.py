"""A whole table of PostgreSQL as a query for the DuckDB that writes it, exact as it is by way of Arrow."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import field
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from wherry.model.dataclass import dataclass
from wherry.ports import Query
from wherry.quoting import name, text
from wherry.sources.databases.look import Described, Field
from wherry.sources.databases.postgres_errors import explained, fills_disk, without
from wherry.sources.databases.postgres_lanes import expect_types, load_scanner
from wherry.sources.databases.postgres_types import REFUSED

if TYPE_CHECKING:
    import psycopg

    from wherry.duckdb import DuckDBPyConnection

_MOMENT = re.compile(r"DATE|TIMESTAMP( WITH TIME ZONE)?")
#: The first day that PostgreSQL has. What lies before was too large for a DuckDB timestamp, or is -infinity.
_FIRST = "4714-11-24 (BC)"
#: How many rows and bytes the server has sent to the connection with that number; PostgreSQL 14 and later.
_PASSED = "SELECT tuples_processed, bytes_processed FROM pg_stat_progress_copy WHERE pid = %s"
#: How often in a row nobody may answer that before it is asked no more.
_TRIES = 3

_CANCEL = (
    "SELECT pg_cancel_backend(pid) FROM pg_stat_activity "
    "WHERE pid = %s AND application_name = current_setting('application_name')"
)


def can_query(described: Described) -> bool:
    """Whether DuckDB can tell all values that it must not take; it cannot look into lists of moments."""
    return not any(field.type.endswith("[]") and _MOMENT.match(field.type) for field in described.fields)


@dataclass(slots=True, kw_only=True)
class Reading:
    """One table on its way: a connection of the scanner's, in a transaction of the given snapshot."""

    described: Described
    #: What the server is to run.
    sql: str
    #: What libpq connects with, but for the password.
    address: str
    password: str
    snapshot: str
    secrets: tuple[str, ...]
    #: Another connection, to ask how far the first one is.
    beside: Callable[[], psycopg.Connection[Any]]
    alias: str = field(default_factory=lambda: f"__wherry_postgres_{uuid4().hex}")
    pid: int | None = None
    #: Bytes that the server had sent when it was asked last.
    sent: int = field(default=0, init=False)
    #: What the thread asks with that shows how far the reading is; it alone uses it.
    _watch: psycopg.Connection[Any] | None = field(default=None, init=False)
    _unanswered: int = field(default=0, init=False)

    def query(self) -> Query:
        columns = ", ".join(f"{self.column(each)} AS {name(each.name)}" for each in self.described.fields)
        sql = f"SELECT {columns} FROM {self.given()}"
        return Query(
            sql=sql,
            attached=self.attached,
            reading=self.reading,
            passed=self.passed,
            size=lambda: self.sent,
            unwatched=self.unwatched,
        )

    def given(self) -> str:
        """What follows FROM in DuckDB's SQL."""
        return f"postgres_query({text(self.alias)}, {text(self.sql)})"

    def column(self, of: Field) -> str:
        """A column of what is given."""
        return kept(of)

    def attach(self, connection: DuckDBPyConnection) -> None:
        how = f"(TYPE postgres, READ_ONLY, SECRET {self.alias})"
        connection.execute(f"ATTACH {text(self.address)} AS {self.alias} {how}")

    @contextmanager
    def attached(self, connection: DuckDBPyConnection) -> Iterator[None]:
        """The database under a name of its own, without its password where that could be looked up."""
        try:
            with self._told():
                load_scanner(connection)
                secret = f"CREATE TEMPORARY SECRET {self.alias} (TYPE postgres, PASSWORD {text(self.password)})"
                connection.execute(secret)
                self.attach(connection)
                found = connection.sql(f"FROM {self.given()}")
                expect_types(self.described, zip(found.columns, found.types, strict=True))
                del found
            yield
        finally:
            with suppress(Exception):  # never attached, or the connection to it is lost
                connection.execute(f"DETACH {self.alias}")
            with suppress(Exception):
                connection.execute(f"DROP TEMPORARY SECRET {self.alias}")

    @contextmanager
    def reading(self, connection: DuckDBPyConnection) -> Iterator[None]:
        """The snapshot, for the transaction that the connection is in."""
        with self._told():
            alias = text(self.alias)
            follow = f"SET TRANSACTION SNAPSHOT {text(self.snapshot)}"
            connection.execute(f"CALL postgres_execute({alias}, {text(follow)})")
            own = connection.execute(f"FROM postgres_query({alias}, 'SELECT pg_backend_pid() AS pid')").fetchone()
            self.pid = int(own[0]) if own is not None else None
            try:
                yield
            except BaseException:
                self.cancel()
                raise

    def passed(self) -> int | None:
        """Rows so far; None where the server does not tell. One connection serves every look, until it is lost."""
        import psycopg

        if self.pid is None:
            return 0
        try:
            if self._watch is None:
                self._watch = self.beside()
            found = self._watch.execute(_PASSED, [self.pid]).fetchone()
        except psycopg.Error:
            self.unwatched()
            self._unanswered += 1
            return None if self._unanswered == _TRIES else 0
        self._unanswered = 0
        if found is None:
            return 0
        self.sent = int(found[1])
        return int(found[0])

    def unwatched(self) -> None:
        """Let go of the connection that was asked."""
        if self._watch is not None:
            self._watch.close()
        self._watch = None

    def cancel(self) -> None:
        """Have the server send no more: to end the transaction, all that it sends would have to be taken first."""
        import psycopg

        with suppress(psycopg.Error), self.beside() as beside:  # else it is taken, or the server is gone
            beside.execute(_CANCEL, [self.pid])

    @contextmanager
    def _told(self) -> Iterator[None]:
        from wherry import duckdb

        try:
            yield
        except duckdb.InterruptException:
            raise
        except duckdb.Error as error:
            if fills_disk(error):
                raise
            raise explained(without(str(error), self.secrets), self.secrets) from None


def kept(of: Field) -> str:
    """The column, but an error for a date or time that the lake would not hold as it is."""
    column = name(of.name)
    if not _MOMENT.fullmatch(of.type):
        return column
    high, low = f"{column} >= CAST('infinity' AS {of.type})", f"{column} < CAST({text(_FIRST)} AS {of.type})"
    late, early = refused(of, "infinity"), refused(of, "-infinity, or a moment beyond the year 294246")
    return f"CASE WHEN {high} THEN {late} WHEN {low} THEN {early} ELSE {column} END"


def refused(of: Field, what: str) -> str:
    """SQL that fails, with an error that tells the column and what it has."""
    said = f'"{REFUSED} <{of.name}> {what}"'
    return f"error({text(said)})"
