"""A NaN among decimals, which DuckDB's scanner gives as 0: found, however it is looked for, before the rows count."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Any

import duckdb
import pytest

from sources.database import Server
from wherry.errors import SourceError
from wherry.ports import Query
from wherry.sources.databases.postgres import source
from wherry.sources.databases.postgres_nan import Search

pytestmark = pytest.mark.needs("postgres")

#: Columns of a key, their types, and what the row with that number has in them.
KEYS = {
    "number": {"id": ("bigint", "i")},
    "small number": {"id": ("smallint", "i")},
    "text": {"id": ("text", """'%s "' || chr(39) || ', {}' || i""")},
    "short text": {"id": ("varchar(20)", "i || ' '")},
    "uuid": {"id": ("uuid", "md5(i::text)::uuid")},
    "several": {"id": ("int", "i / 2"), "b": ("text", "'k' || i % 2")},
    "odd name": {'a "%s" b': ("int", "i")},
}


@pytest.fixture
def server(postgres: str) -> Server:
    return Server(postgres)


@pytest.fixture
def searched(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """The columns of each search through a whole table."""
    seen: list[list[str]] = []
    go_through = Search._go_through

    def noted(self: Search, columns: list[str]) -> None:
        seen.extend([columns] if columns else [])
        go_through(self, columns)

    monkeypatch.setattr(Search, "_go_through", noted)
    return seen


def made(server: Server, key: dict[str, tuple[str, str]], *, unique: bool = True, zeros: str = "i % 500 = 0") -> None:
    """2,000 rows with few zeros: columns of the key, ``amount`` and a wide one."""
    quoted = {'"' + column.replace('"', '""') + '"': kind for column, kind in key.items()}
    columns = ", ".join(f"{column} {kind} NOT NULL" for column, (kind, _) in quoted.items())
    values = ", ".join(value for _, value in quoted.values())
    server.run(
        f"""CREATE TABLE t ({columns}, "amount %" numeric(8,2), other numeric(8,2), filler text)
        WITH (autovacuum_enabled = off)""",
        f"INSERT INTO t SELECT {values}, CASE WHEN {zeros} THEN 0 ELSE i / 4.0 END, i, repeat('x', 1000) "
        "FROM generate_series(1, 2000) AS i",
        *([f"ALTER TABLE t ADD PRIMARY KEY ({', '.join(quoted)})"] if unique else []),
        "ANALYZE t",
    )


@contextmanager
def begun(server: Server, **options: Any) -> Iterator[tuple[duckdb.DuckDBPyConnection, Query]]:
    """A read by ranges of pages that has begun: the connection that is to run its query, and that."""
    request = server.request("public.t", parallel=3, **options)
    with closing(source.read(server.options, request, None)) as batches:  # type: ignore[type-var]
        query = next(batches).rows
        assert isinstance(query, Query) and query.parallel
        with duckdb.connect(config={"allow_unsigned_extensions": "true"}) as connection, query.attached(connection):
            yield connection, query


def load(server: Server, **options: Any) -> int:
    """How many rows were read and looked at, as a load does it."""
    with begun(server, **options) as (connection, query):
        with query.reading(connection):
            connection.execute(f"CREATE TABLE got AS {query.sql}")
            query.written(connection, "got")
        return len(connection.execute("FROM got").fetchall())


def refused(server: Server, column: str = "amount %", **options: Any) -> None:
    with pytest.raises(SourceError) as raised:
        load(server, **options)
    [finding] = raised.value.findings
    assert finding.code == "value-not-kept" and f"`{column}`" in finding.message and "NaN" in finding.message


@pytest.mark.parametrize("key", KEYS)
def test_few_zeros_are_asked_about_by_their_keys(server: Server, searched: list[list[str]], key: str) -> None:
    made(server, KEYS[key])
    assert load(server) == 2000
    server.run("""UPDATE t SET "amount %" = 'NaN' WHERE other = 1333""")
    refused(server)
    assert searched == []


def test_no_zero_is_no_question(server: Server, searched: list[list[str]]) -> None:
    made(server, KEYS["number"], unique=False, zeros="false")
    assert load(server) == 2000
    assert searched == []


def test_one_column_of_several(server: Server, searched: list[list[str]]) -> None:
    made(server, KEYS["number"])
    server.run("UPDATE t SET other = 'NaN' WHERE id = 7")
    refused(server, "other")
    assert searched == []


def test_zeros_without_a_key_are_searched_for(server: Server, searched: list[list[str]]) -> None:
    made(server, KEYS["number"], unique=False)
    assert load(server) == 2000
    server.run("""UPDATE t SET "amount %" = 'NaN' WHERE id = 1""")
    refused(server)
    assert searched == [["amount %"], ["amount %"]]


def test_a_key_that_is_not_read(server: Server, searched: list[list[str]]) -> None:
    made(server, KEYS["number"])
    server.run("UPDATE t SET other = 'NaN' WHERE id = 1")
    refused(server, "other", columns=("other", "filler"))
    assert searched == [["other"]]


def test_more_zeros_than_the_statistics_say(server: Server, searched: list[list[str]]) -> None:
    made(server, KEYS["number"])
    server.run("""UPDATE t SET "amount %" = 0 WHERE id % 2 = 0""")
    server.run("""INSERT INTO t SELECT i, 0, 1, '' FROM generate_series(2001, 3000) AS i""")
    assert load(server) == 3000
    server.run("""UPDATE t SET "amount %" = 'NaN' WHERE id = 999""")
    refused(server)
    assert searched == [["amount %"], ["amount %"]]


@pytest.mark.parametrize("why", ["zero is common", "no statistics", "they may not be read"])
def test_without_a_hint_the_whole_table_is_searched(server: Server, searched: list[list[str]], why: str) -> None:
    made(server, KEYS["number"], zeros="i % 4 > 0" if why == "zero is common" else "false")
    if why == "no statistics":
        server.run("""ALTER TABLE t ALTER "amount %" TYPE numeric(9,2), ALTER other TYPE numeric(9,2)""")
    reader, [(database,)] = server, server.run("SELECT current_database()")
    if why == "they may not be read":
        server.run(
            f"CREATE ROLE {database} LOGIN", f"GRANT SELECT ON t TO {database}", "REVOKE ALL ON pg_stats FROM PUBLIC"
        )
        reader = Server(server.url.replace("wherry@", f"{database}@"))
    try:
        assert load(reader) == 2000
        server.run("""UPDATE t SET "amount %" = 'NaN' WHERE id = 2""")
        refused(reader)
    finally:
        if reader is not server:
            server.run(f"DROP OWNED BY {database}", f"DROP ROLE {database}")
    assert searched == [["amount %"] if why == "zero is common" else ["amount %", "other"]] * 2


def test_rows_that_arrive_as_another_type(server: Server, searched: list[list[str]]) -> None:
    made(server, KEYS["number"])
    server.run("""UPDATE t SET "amount %" = 'NaN' WHERE id = 2""")
    with (
        begun(server) as (connection, query),
        pytest.raises(SourceError, match="NaN"),
        query.reading(connection),
    ):
        sql = f"""SELECT * REPLACE ("amount %"::VARCHAR AS "amount %") FROM ({query.sql})"""
        connection.execute(f"CREATE TABLE got AS {sql}")
        query.written(connection, "got")
    assert searched == [["amount %"]]


def test_after_the_connection_is_lost(server: Server) -> None:
    made(server, KEYS["number"])
    with begun(server) as (connection, query), pytest.raises(SourceError) as raised, query.reading(connection):
        connection.execute(f"CREATE TABLE got AS {query.sql}")
        server.run(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
        query.written(connection, "got")
    assert raised.value.findings[0].code == "connection-lost"
