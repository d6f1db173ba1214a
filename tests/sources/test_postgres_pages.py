"""A large table read by ranges of its pages: the same values as by one connection, of one moment, or an error."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import nullcontext, suppress
from typing import Any

import duckdb
import pytest

from sources.database import Server
from wherry.engines.duckdb import read_query
from wherry.errors import SourceError
from wherry.ports import Batch, Query
from wherry.sources.databases.postgres import source

pytestmark = pytest.mark.needs("postgres")

#: A value of every type that is read this way, its odd ones included.
VALUES: dict[str, tuple[str, ...]] = {
    "bool": ("true", "false"),
    "int2": ("-32768", "32767"),
    "int4": ("-2147483648", "0"),
    "int8": ("-9223372036854775808", "9223372036854775807"),
    "float4": ("NaN", "-Infinity", "1e-40", "0.1"),
    "float8": ("NaN", "Infinity", "-0", "5e-324", "0.1"),
    "numeric(4,2)": ("-99.99", "0", "0.01"),
    "numeric(9,0)": ("999999999", "-1"),
    "numeric(18,17)": ("-9.99999999999999999", "0.00000000000000001"),
    "numeric(38,10)": ("9999999999999999999999999999.9999999999", "-0.0000000001", "10000"),
    "text": ("", "ä", "a\\b\t\"'", "x" * 5000),
    "varchar(5)": ("", "a b  "),
    "char(4)": ("", "ab", "abcd"),
    "date": ("4714-11-24 BC", "0044-03-15 BC", "1970-01-01", "5874897-12-31"),
    "time": ("00:00", "23:59:59.999999"),
    "timestamp": ("4714-11-24 00:00:00 BC", "1969-12-31 23:59:59.999999", "290000-01-01"),
    "timestamptz": ("4714-11-24 00:00:00+00 BC", "2026-03-29 01:30+01", "290000-01-01 00:00+00"),
    "uuid": ("00000000-0000-0000-0000-000000000000", "ffffffff-ffff-ffff-ffff-ffffffffffff"),
    "bytea": ("", "\\x00ff00"),
    "json": ('{ "b":1, "a":  [] , "a":2}', "null", '"\\u00e4"'),
    "jsonb": ('{"b":1, "a":2.50}', "null", "[]"),
}


@pytest.fixture
def server(postgres: str) -> Server:
    server = Server(postgres)
    server.run(
        "CREATE TABLE t (id int PRIMARY KEY, amount numeric(8,2), filler text)",
        "INSERT INTO t SELECT i, i / 4.0, repeat('x', 1000) FROM generate_series(1, 2000) AS i",
        "ANALYZE t",
    )
    return server


@pytest.fixture
def connection() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect(config={"allow_unsigned_extensions": "true"}) as connection:
        connection.execute("SET threads = 4")
        yield connection


def asked(server: Server, table: str = "public.t", **options: Any) -> tuple[Iterator[Batch], Batch, Query]:
    """A read by several connections that has begun, its batch and query."""
    batches = source.read(server.options, server.request(table, parallel=options.pop("parallel", 3), **options), None)
    batch = next(batches)
    assert isinstance(batch.rows, Query)
    assert batch.rows.parallel == ("postgres_query" not in batch.rows.sql)
    return batches, batch, batch.rows


def rows(connection: duckdb.DuckDBPyConnection, query: Query, columns: str = "*") -> list[tuple[Any, ...]]:
    """The rows of a query, after all threads had to do with them."""
    with query.attached(connection):
        connection.execute("BEGIN")
        try:
            with query.reading(connection):
                connection.execute(f"CREATE OR REPLACE TABLE got AS {query.sql}")
            connection.execute("COMMIT")
        except BaseException:
            with suppress(duckdb.Error):
                connection.execute("ROLLBACK")
            raise
    return connection.execute(f"SELECT {columns} FROM got ORDER BY id").fetchall()


def test_every_value_is_what_one_connection_gives(server: Server, connection: duckdb.DuckDBPyConnection) -> None:
    most = max(map(len, VALUES.values()))
    columns = ", ".join(f"c{number} {kind}" for number, kind in enumerate(VALUES))
    server.run(f"CREATE TABLE every (id int, {columns}, filler text)")
    for turn in range(most + 1):  # the last has nulls only
        each = ", ".join(
            "NULL" if turn == most else f"'{values[turn % len(values)].replace(chr(39), chr(39) * 2)}'::{kind}"
            for kind, values in VALUES.items()
        )
        server.run(f"INSERT INTO every SELECT i * 10 + {turn}, {each}, repeat('x', 500) FROM generate_series(1, 999) i")
    server.run("ANALYZE every")
    _first, _, wide = asked(server, "public.every")
    _second, _, narrow = asked(server, "public.every", parallel=1)
    assert wide.parallel and not narrow.parallel
    shown = "id, " + ", ".join(f"typeof(c{n}), c{n}::VARCHAR" for n in range(len(VALUES)))
    found = rows(connection, wide, shown)
    assert found == rows(connection, narrow, shown)
    assert len(found) == 999 * (most + 1)


def test_all_connections_see_the_moment_at_which_it_began(
    server: Server, connection: duckdb.DuckDBPyConnection
) -> None:
    _batches, _batch, query = asked(server)
    assert query.parallel
    server.run(
        "INSERT INTO t SELECT i, 0, repeat('y', 1000) FROM generate_series(2001, 6000) AS i",
        "UPDATE t SET amount = -1 WHERE id % 2 = 0",
        "DELETE FROM t WHERE id % 3 = 0",
        "VACUUM t",
    )
    found = rows(connection, query, "id, amount")
    assert [(number, float(amount)) for number, amount in found] == [(i, i / 4) for i in range(1, 2001)]


def test_rows_on_pages_that_the_planner_does_not_know_of(server: Server, connection: duckdb.DuckDBPyConnection) -> None:
    server.run(
        "ALTER TABLE t SET (autovacuum_enabled = off)",
        "INSERT INTO t SELECT i, 0, repeat('y', 1000) FROM generate_series(2001, 6000) AS i",
    )
    _batches, _batch, query = asked(server)
    assert query.parallel and len(rows(connection, query)) == 6000


@pytest.mark.parametrize("row", [1, 1999])
def test_a_decimal_that_is_not_a_number(server: Server, connection: duckdb.DuckDBPyConnection, row: int) -> None:
    server.run(f"UPDATE t SET amount = 'NaN' WHERE id = {row}")
    _batches, _batch, query = asked(server)
    assert query.parallel
    with pytest.raises(SourceError) as raised:
        rows(connection, query)
    [finding] = raised.value.findings
    assert finding.code == "value-not-kept" and "`amount`" in finding.message and "NaN" in finding.message


@pytest.mark.parametrize(
    ("kind", "value"),
    [("date", "infinity"), ("timestamp", "-infinity"), ("timestamptz", "infinity"), ("time", "24:00:00")],
)
def test_a_moment_that_the_lake_cannot_hold(
    server: Server, connection: duckdb.DuckDBPyConnection, kind: str, value: str
) -> None:
    server.run(f"ALTER TABLE t ADD COLUMN moment {kind}", f"UPDATE t SET moment = '{value}' WHERE id = 1500")
    server.run("ANALYZE t")
    _batches, _batch, query = asked(server)
    assert query.parallel
    with pytest.raises(SourceError) as raised:
        rows(connection, query)
    [finding] = raised.value.findings
    assert finding.code == "value-not-kept" and "`moment`" in finding.message and value in finding.message


@pytest.mark.parametrize(
    ("why", "statements", "options"),
    [
        ("domain", ["CREATE DOMAIN many AS int", "ALTER TABLE t ADD COLUMN c many DEFAULT 7"], {}),
        ("enum", ["CREATE TYPE kind AS ENUM ('a', 'b')", "ALTER TABLE t ADD COLUMN c kind DEFAULT 'b'"], {}),
        ("list", ["ALTER TABLE t ADD COLUMN c int[] DEFAULT '{1,2}'"], {}),
        ("numeric", ["ALTER TABLE t ADD COLUMN c numeric DEFAULT 1.50"], {}),
        ("wide numeric", ["ALTER TABLE t ADD COLUMN c numeric(50,2) DEFAULT 1.50"], {}),
        ("interval", ["ALTER TABLE t ADD COLUMN c interval DEFAULT '1 year'"], {}),
        ("type asked for", [], {"types": {"amount": "text"}}),
        ("decimal asked for", [], {"types": {"amount": "decimal(20,2)"}}),
        ("condition", [], {"where": "id > 0"}),
        ("query", [], {"query": "SELECT * FROM t"}),
        ("another of its name", ['CREATE TABLE "T" (id int)'], {}),
        ("another column of its name", ['ALTER TABLE t ADD COLUMN "ID" int'], {"columns": ("id", "amount")}),
        ("child", ["CREATE TABLE u () INHERITS (t)", "INSERT INTO u SELECT * FROM t WHERE false"], {}),
        ("Aurora", ["CREATE FUNCTION aurora_version() RETURNS text LANGUAGE sql AS $$SELECT '1'$$"], {}),
    ],
)
def test_what_is_not_exact_this_way_is_read_in_another(
    server: Server, why: str, statements: list[str], options: dict[str, Any]
) -> None:
    server.run(*statements, "VACUUM ANALYZE t")
    batch = next(source.read(server.options, server.request("public.t", parallel=2, **options), None))
    assert not isinstance(batch.rows, Query), why
    assert len(server.read(server.request("public.t", parallel=2, **options)).rows) == 2000


def test_who_may_not_ask_is_read_in_another_way(server: Server) -> None:
    [(database,)] = server.run("REVOKE ALL ON pg_catalog.pg_stat_wal_receiver FROM PUBLIC", "SELECT current_database()")
    server.run(f"CREATE ROLE {database} LOGIN", f"GRANT SELECT ON t TO {database}")
    try:
        reader = Server(server.url.replace("wherry@", f"{database}@"))
        request = reader.request("public.t", parallel=2)
        assert not isinstance(next(source.read(reader.options, request, None)).rows, Query)
        assert len(reader.read(request).rows) == 2000
    finally:
        server.run(f"DROP OWNED BY {database}", f"DROP ROLE {database}")


def test_the_first_rows_are_exact_and_wait_for_no_others(server: Server) -> None:
    server.run("UPDATE t SET amount = 'NaN' WHERE id = 1999")
    _batches, _batch, query = asked(server)
    assert query.parallel and read_query(query, 3)["id"].to_pylist() == [1, 2, 3]
    server.run("UPDATE t SET amount = 'NaN'")
    _more, _batch, query = asked(server)
    with pytest.raises(SourceError, match="NaN"):
        read_query(query, 3)


def test_a_materialized_view(server: Server, connection: duckdb.DuckDBPyConnection) -> None:
    server.run(
        """CREATE MATERIALIZED VIEW m AS SELECT id, amount AS "a, ""b", amount AS c, filler FROM t""",
        "ANALYZE m",
    )
    batches, _batch, query = asked(server, "public.m")
    assert query.parallel and len(rows(connection, query)) == 2000
    batches.close()  # type: ignore[attr-defined]  # a refresh waits for those who look at it
    server.run("UPDATE t SET amount = 'NaN' WHERE id = 7", "REFRESH MATERIALIZED VIEW m", "ANALYZE m")
    _more, _batch, query = asked(server, "public.m")
    with pytest.raises(SourceError, match="NaN"):
        rows(connection, query)


def test_names_of_any_case(server: Server, connection: duckdb.DuckDBPyConnection) -> None:
    server.run(
        'CREATE SCHEMA "My Schema"',
        'CREATE TABLE "My Schema"."Tab.le ""x""" (id int, "Über ""all""" numeric(5,1), "select" jsonb)',
        'INSERT INTO "My Schema"."Tab.le ""x""" SELECT i, 1.5, \'[]\' FROM generate_series(1, 9999) AS i',
        'ANALYZE "My Schema"."Tab.le ""x"""',
    )
    _batches, _batch, query = asked(server, '"My Schema"."Tab.le ""x"""')
    assert query.parallel
    found = rows(connection, query)
    assert len(found) == 9999 and str(found[0]) == "(1, Decimal('1.5'), '[]')"


def test_a_connection_that_is_lost(server: Server, connection: duckdb.DuckDBPyConnection) -> None:
    _batches, _batch, query = asked(server)
    with query.attached(connection):
        connection.execute("BEGIN")
        try:
            with pytest.raises(SourceError) as raised, query.reading(connection):
                server.run(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                    "WHERE datname = current_database() AND application_name LIKE 'wherry %'"
                )
                connection.execute(f"CREATE TABLE got AS {query.sql}")
        finally:
            with suppress(duckdb.Error):
                connection.execute("ROLLBACK")
    [finding] = raised.value.findings
    assert finding.code == "connection-lost", finding.message


@pytest.mark.parametrize("odd", [False, True])
def test_nothing_is_left(server: Server, connection: duckdb.DuckDBPyConnection, odd: bool) -> None:
    server.run(f"ALTER TABLE t ADD COLUMN day date DEFAULT '{'infinity' if odd else 'today'}'")
    _batches, _batch, query = asked(server)
    told = "SELECT current_setting('enable_progress_bar'), current_setting('preserve_insertion_order')"
    connection.execute("SET enable_progress_bar = false")
    usual = connection.execute(told).fetchall()
    with pytest.raises(SourceError) if odd else nullcontext():
        assert rows(connection, query)
    assert connection.execute(told).fetchall() == usual
    assert connection.execute("SELECT count(*) FROM duckdb_secrets()").fetchall() == [(0,)]
    assert connection.execute("SELECT count(*) FROM duckdb_databases() WHERE NOT internal").fetchall() == [(1,)]
    assert query.passed() is not None
