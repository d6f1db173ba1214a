"""A whole table as a query that another DuckDB runs: of one moment, exact, and nothing of it left behind."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import nullcontext, suppress
from threading import Event, Thread

import duckdb
import pytest

from sources.database import Server
from wherry.engines.duckdb import read_query
from wherry.errors import SourceError
from wherry.ports import Batch, Query
from wherry.run.load import _Counted
from wherry.sources.databases.postgres import source

pytestmark = pytest.mark.needs("postgres")
LEFT = "SELECT count(*) FROM duckdb_databases() WHERE NOT internal AND database_name <> 'memory'"


@pytest.fixture
def server(postgres: str) -> Server:
    server = Server(postgres.replace("wherry@", "wherry:open-sesame@"))
    server.run("CREATE TABLE t (id int, day date)", "INSERT INTO t SELECT i, '2026-01-01' FROM generate_series(1, 9) i")
    return server


@pytest.fixture
def connection() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect(config={"allow_unsigned_extensions": "true"}) as connection:
        yield connection


def asked(server: Server) -> tuple[Iterator[Batch], Batch, Query]:
    """A read that has begun, its batch and query."""
    batches = source.read(server.options, server.request("public.t"), None)
    batch = next(batches)
    assert isinstance(batch.rows, Query)
    return batches, batch, batch.rows


def test_it_sees_the_moment_at_which_the_read_began(server: Server, connection: duckdb.DuckDBPyConnection) -> None:
    _batches, batch, query = asked(server)
    server.run("INSERT INTO t VALUES (10, '2026-01-02')", "UPDATE t SET day = '2020-01-01'")
    with query.attached(connection):
        connection.execute("BEGIN")
        with query.reading(connection):
            rows = connection.execute(query.sql).fetchall()
        connection.execute("COMMIT")
    assert len(rows) == 9 and {str(day) for _, day in rows} == {"2026-01-01"}
    query.counted(9)
    assert source.changed(server.options, server.request("public.t"), batch.reached()) is not None


def test_nothing_is_left_and_no_password_can_be_looked_up(
    server: Server, connection: duckdb.DuckDBPyConnection
) -> None:
    _batches, _batch, query = asked(server)
    with query.attached(connection):
        shown = connection.execute("SELECT path FROM duckdb_databases()").fetchall()
        shown += connection.execute("SELECT secret_string FROM duckdb_secrets()").fetchall()
        assert "dbname=" in repr(shown) and "sesame" not in repr(shown)
    assert connection.execute(LEFT).fetchall() == [(0,)]
    assert connection.execute("SELECT count(*) FROM duckdb_secrets()").fetchall() == [(0,)]


@pytest.mark.parametrize("end", ["infinity", "-infinity"])
def test_a_day_that_the_lake_cannot_hold(server: Server, connection: duckdb.DuckDBPyConnection, end: str) -> None:
    server.run(f"INSERT INTO t VALUES (10, '{end}')")
    _batches, _batch, query = asked(server)
    with query.attached(connection):
        connection.execute("BEGIN")
        with pytest.raises(SourceError) as raised, query.reading(connection):
            connection.execute(query.sql).fetchall()
        connection.execute("ROLLBACK")
    [finding] = raised.value.findings
    assert finding.code == "value-not-kept" and "`day`" in finding.message and end in finding.message
    assert "Nothing was loaded: the table is as it was." in finding.message


def test_a_connection_lost_half_way(server: Server, connection: duckdb.DuckDBPyConnection) -> None:
    server.run(
        "ALTER TABLE t RENAME TO kept",
        "INSERT INTO kept SELECT i, '2026-01-01' FROM generate_series(10, 300000) i",
        "CREATE VIEW t AS SELECT *, CASE WHEN id = 200000 THEN pg_terminate_backend(pg_backend_pid()) END FROM kept",
    )
    _batches, _batch, query = asked(server)
    with query.attached(connection):
        connection.execute("BEGIN")
        try:
            with pytest.raises(SourceError) as raised, query.reading(connection):
                connection.execute(f"CREATE TABLE got AS {query.sql}")
        finally:
            with suppress(duckdb.Error):
                connection.execute("ROLLBACK")
    [finding] = raised.value.findings
    assert finding.code == "connection-lost" and "sesame" not in finding.message
    assert connection.execute(LEFT).fetchall() == [(0,)]


def test_an_interrupt_ends_a_table_without_end(server: Server, connection: duckdb.DuckDBPyConnection) -> None:
    server.run("DROP TABLE t", "CREATE VIEW t AS SELECT generate_series(1, 1000000000000) AS id")
    _batches, _batch, query = asked(server)

    def interrupt() -> None:
        while not query.passed():
            pass
        query.unwatched()
        connection.interrupt()

    with query.attached(connection):
        connection.execute("BEGIN")
        thread = Thread(target=interrupt)
        with pytest.raises(duckdb.InterruptException), query.reading(connection):
            thread.start()
            connection.execute(f"SELECT max(id) FROM ({query.sql})").fetchall()
        thread.join()
        connection.execute("ROLLBACK")
    assert connection.execute(LEFT).fetchall() == [(0,)]


def test_lists_of_days_and_lanes_asked_for_come_by_arrow(server: Server) -> None:
    for request in (server.request("public.t", parallel=2), server.request("public.lists")):
        server.run("CREATE TABLE IF NOT EXISTS lists (days date[])")
        assert not isinstance(next(source.read(server.options, request, None)).rows, Query)


def test_a_few_rows_of_a_table_without_end(server: Server) -> None:
    server.run("DROP TABLE t", "CREATE VIEW t AS SELECT generate_series(1, 1000000000000) AS id")
    _batches, _batch, query = asked(server)
    assert read_query(query, 3)["id"].to_pylist() == [1, 2, 3]


WATCHERS = "FROM pg_stat_activity WHERE query LIKE '%pg_stat_progress_copy%' AND pid <> pg_backend_pid()"


def test_one_connection_watches_and_a_lost_one_is_replaced(
    server: Server, connection: duckdb.DuckDBPyConnection
) -> None:
    def watchers() -> list[int]:
        return [int(row[0]) for row in server.run(f"SELECT pid {WATCHERS}")]

    _batches, _batch, query = asked(server)
    with query.attached(connection):
        connection.execute("BEGIN")
        with query.reading(connection):
            assert [query.passed() for _ in range(3)] == [0, 0, 0]
            [first] = watchers()
            server.run(f"SELECT pg_terminate_backend(pid) {WATCHERS}")
            assert query.passed() == 0 and query.passed() == 0  # once in vain, once by another connection
            [second] = watchers()
            assert second != first
            rows = connection.execute(query.sql).fetchall()
            query.unwatched()
            query.unwatched()
        connection.execute("COMMIT")
    assert len(rows) == 9


def test_who_does_not_answer_is_not_asked_for_ever(server: Server, connection: duckdb.DuckDBPyConnection) -> None:
    import psycopg

    [(database,)] = server.run("SELECT current_database()")
    _batches, _batch, query = asked(server)
    with query.attached(connection), psycopg.connect(server.url, dbname="postgres", autocommit=True) as keeper:
        connection.execute("BEGIN")
        with query.reading(connection):
            # This database alone: other tests use the same server, and the same role.
            keeper.execute(f"ALTER DATABASE {database} ALLOW_CONNECTIONS false".encode())
            try:
                assert [query.passed() for _ in range(3)] == [0, 0, None]
            finally:
                keeper.execute(f"ALTER DATABASE {database} ALLOW_CONNECTIONS true".encode())
            assert len(connection.execute(query.sql).fetchall()) == 9
        connection.execute("COMMIT")


def test_a_watcher_that_hangs_does_not_hold_the_rows_up(connection: duckdb.DuckDBPyConnection) -> None:
    asked, answer, gone = Event(), Event(), Event()

    def hang() -> int:
        asked.set()
        answer.wait()
        return 5

    told: list[int] = []
    query = Query(
        sql="SELECT 1", attached=lambda c: nullcontext(), reading=lambda c: nullcontext(), passed=hang,
        unwatched=gone.set,
    )  # fmt: skip
    counted = _Counted(Batch(rows=query, cursor={}), lambda rows, size: told.append(rows)).batch.rows
    assert isinstance(counted, Query)
    with counted.reading(connection):
        asked.wait()
    assert not gone.is_set()  # it hangs, and the rows are through
    answer.set()
    gone.wait()
    assert told == []
