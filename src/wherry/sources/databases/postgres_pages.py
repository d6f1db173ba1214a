"""A whole table of PostgreSQL read by several connections at once, each with ranges of its pages, in one query.

DuckDB's scanner of an attached table does that, and keeps most types as they are. Which tables it may read, and what it
would take for another value without a word, is told here.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import field, replace
from typing import TYPE_CHECKING, Any

from wherry.model.dataclass import dataclass
from wherry.ports import Query
from wherry.quoting import name, text
from wherry.sources.databases.look import Described, Field
from wherry.sources.databases.postgres_catalog import Relation
from wherry.sources.databases.postgres_nan import Search, numeric
from wherry.sources.databases.postgres_query import Reading, kept, refused
from wherry.sources.databases.postgres_types import NATIVE

if TYPE_CHECKING:
    import psycopg

    from wherry.duckdb import DuckDBPyConnection

#: Types that come as text: their exact text, as ``::text`` prints it.
_AS_TEXT = frozenset(["json", "jsonb"])
#: Pages that one connection reads at a go: at most, and at least.
_MOST, _LEAST = 1000, 64
#: Ranges for each connection, so that none is long alone at the end.
_RANGES = 16

#: The pages that the planner knows of, where a table may be read by ranges of pages; no row where it may not.
#:
#: - By more than one connection DuckDB reads one snapshot only where a transaction may export it: not on a standby, and
#:   it never does on what it takes for Aurora. It asks for ``pg_stat_wal_receiver`` too.
#: - Ranges of pages are a heap's, from PostgreSQL 14 on; of a table's own, so it must have no children.
#: - DuckDB's names know no case; two that differ in nothing else would be taken for one another.
#: - Types are those that come with PostgreSQL: DuckDB reads no domain as what it is over, and an enum by its labels.
_READABLE = """
SELECT c.relpages FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
WHERE c.oid = %s AND c.relkind IN ('r', 'm') AND c.relpages > 0
  AND c.relam = (SELECT oid FROM pg_am WHERE amname = 'heap')
  AND NOT EXISTS (SELECT 1 FROM pg_inherits AS i WHERE i.inhparent = c.oid)
  AND 1 = (SELECT count(*) FROM pg_class AS o WHERE o.relnamespace = n.oid AND lower(o.relname) = lower(c.relname))
  AND 1 = (SELECT count(*) FROM pg_namespace AS o WHERE lower(o.nspname) = lower(n.nspname))
  AND NOT EXISTS (SELECT 1 FROM pg_attribute AS a WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
                  GROUP BY lower(a.attname) HAVING count(*) > 1)
  AND NOT EXISTS (SELECT 1 FROM pg_attribute AS a JOIN pg_type AS t ON t.oid = a.atttypid
                  WHERE a.attrelid = c.oid AND a.attname = ANY (%s) AND (a.atttypid >= 16384 OR t.typtype <> 'b'))
  AND NOT pg_is_in_recovery() AND NOT EXISTS (SELECT 1 FROM pg_stat_wal_receiver)
  AND NOT EXISTS (SELECT 1 FROM pg_settings WHERE name LIKE 'rds%%')
  AND to_regproc('aurora_version') IS NULL
  AND current_setting('server_version_num')::int >= 140000
"""
_CANCEL = (
    "SELECT pg_cancel_backend(pid) FROM pg_stat_activity "
    "WHERE application_name = %s AND state = 'active' AND pid <> pg_backend_pid()"
)


def pages(connection: psycopg.Connection[Any], described: Described, relation: Relation | None) -> int | None:
    """How many pages a table has that may be read by ranges of them, exact as otherwise; None where it may not.

    Columns with a type of the user's choice, and conditions, are the server's SQL: those come by a query of one's own.
    """
    import psycopg

    if relation is None or described.where or not all(map(_as_it_is, described.fields)):
        return None
    try:
        with connection.transaction():  # what fails in it leaves the one around it as it was
            found = connection.execute(_READABLE, (relation.oid, [each.name for each in described.fields])).fetchone()
    except psycopg.Error:  # Aurora has no such view, or it may not be read
        return None
    return int(found[0]) if found is not None else None


def _as_it_is(column: Field) -> bool:
    quoted = name(column.name)
    if numeric(column) or column.native == "time":
        odd = "NaN" if numeric(column) else "24:00"
        return column.read.startswith(f"CASE WHEN {quoted} = {text(odd)} THEN ")
    if column.native in _AS_TEXT:
        return column.read == f"{quoted}::text"
    return column.read == quoted and NATIVE.get(column.native) == column.type


@dataclass(slots=True, kw_only=True)
class Pages(Reading):
    """One table on its way: connections of the scanner's, all in transactions of the given snapshot."""

    relation: Relation
    #: How many the planner knows of.
    pages: int
    #: How many connections.
    width: int
    #: A connection that sees the same snapshot, for the time of the load.
    look: psycopg.Connection[Any]
    _nan: Search | None = field(default=None, init=False)
    _running: DuckDBPyConnection | None = field(default=None, init=False)

    def query(self) -> Query:
        from psycopg.conninfo import make_conninfo

        # So that all of them can be told to stop. What is told of ours elsewhere goes by the first word.
        self.address = make_conninfo(self.address, application_name=self._called)
        return replace(Reading.query(self), parallel=True, written=self._written)

    @property
    def _called(self) -> str:
        return f"wherry {self.alias[-32:]}"

    def given(self) -> str:
        return f"{self.alias}.{name(self.relation.schema)}.{name(self.relation.table)}"

    def column(self, of: Field) -> str:
        if of.native in _AS_TEXT:
            return f"CAST({name(of.name)} AS VARCHAR)"
        if of.native == "time":
            column = name(of.name)
            return f"CASE WHEN {column} = TIME '24:00:00' THEN {refused(of, '24:00:00')} ELSE {column} END"
        return kept(of)

    def attach(self, connection: DuckDBPyConnection) -> None:
        how = f"(TYPE postgres, READ_ONLY, SECRET {self.alias}, SCHEMA {text(self.relation.schema)})"
        connection.execute(f"ATTACH {text(self.address)} AS {self.alias} {how}")
        # No more connections than these: threads that get none leave the pages to the others.
        pool = f"catalog_name={text(self.alias)}, max_connections={self.width}, acquire_mode='try'"
        connection.execute(f"FROM postgres_configure_pool({pool})").fetchall()
        at_once = min(max(self.pages // (self.width * _RANGES), _LEAST), _MOST)
        connection.execute(f"SET pg_pages_per_task = {at_once}")
        # Rows are written as they come: none waits for those of pages before its own.
        connection.execute("SET SESSION preserve_insertion_order = false")
        # Without it DuckDB does not tell how far it is; it is never shown.
        connection.execute("SET enable_progress_bar_print = false; SET enable_progress_bar = true")

    @contextmanager
    def attached(self, connection: DuckDBPyConnection) -> Iterator[None]:
        """The database by a name of its own; meanwhile the server may look for what DuckDB would not tell."""
        self._nan = Search(self.look, self.described, self.relation, self.secrets)
        try:
            with Reading.attached(self, connection):
                yield
        finally:
            self._nan.stop()
            with suppress(Exception):  # never set, or the connection is closed
                connection.execute("SET enable_progress_bar = false; RESET SESSION preserve_insertion_order")
                connection.execute("RESET pg_pages_per_task")

    @contextmanager
    def reading(self, connection: DuckDBPyConnection) -> Iterator[None]:
        self._running = connection
        try:
            with Reading.reading(self, connection):
                yield
                if self._nan is not None:
                    self._nan.end()
        finally:
            self._running = None

    def _written(self, connection: DuckDBPyConnection, relation: str) -> None:
        if self._nan is not None:
            self._nan.look_at(connection, relation)

    def passed(self) -> int | None:
        """About how many rows so far, by the pages; and of the bytes that the table has there."""
        from wherry import duckdb

        if self.described.rows is None or (running := self._running) is None:
            return 0
        try:
            share = min(max(running.query_progress(), 0.0), 100.0) / 100
        except duckdb.Error:  # it is closed
            return None
        self.sent = int(share * (self.described.size or 0))
        return int(share * self.described.rows)

    def cancel(self) -> None:
        import psycopg

        with suppress(psycopg.Error), self.beside() as beside:  # else it is taken, or the server is gone
            beside.execute(_CANCEL, [self._called])
