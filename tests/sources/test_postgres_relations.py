"""Whatever a table of PostgreSQL is (in partitions, inherited, a view, somewhere else, oddly named): every row once."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from sources.database import Server, rows_of
from wherry.errors import SourceError
from wherry.sources.databases.postgres import source
from wherry.testing import Loaded

pytestmark = pytest.mark.needs("postgres")

MODES: dict[str, dict[str, Any]] = {
    "full": {},
    "lanes": {"parallel": 2},
    "incremental": {"mode": "incremental", "cursor": "at", "batch_rows": 700},
    "by key": {"mode": "incremental", "cursor": "at", "key": "id", "batch_rows": 700},
}


@pytest.fixture
def server(postgres: str) -> Server:
    return Server(postgres)


@pytest.fixture(params=MODES)
def mode(request: pytest.FixtureRequest) -> dict[str, Any]:
    return MODES[request.param]


PARTITIONED = (
    "CREATE TABLE t (id int, at timestamptz NOT NULL, pad text) PARTITION BY RANGE (at)",
    "CREATE TABLE t_1 PARTITION OF t FOR VALUES FROM ('2026-01-01') TO ('2026-02-01')",
    "CREATE TABLE t_2 PARTITION OF t FOR VALUES FROM ('2026-02-01') TO ('2026-03-01') PARTITION BY LIST (id)",
    "CREATE TABLE t_2_odd PARTITION OF t_2 FOR VALUES IN (1, 3, 5, 1501, 1503)",
    "CREATE TABLE t_2_rest PARTITION OF t_2 DEFAULT",
    "CREATE TABLE t_rest PARTITION OF t DEFAULT",
    "INSERT INTO t SELECT i, timestamptz '2026-01-01' + i * interval '1 hour', repeat('x', 100) "
    "FROM generate_series(1, 3000) AS i",
)


def expect_same(server: Server, loaded: Loaded, table: str = "t") -> None:
    wanted = server.run(f"SELECT id, at FROM {table}")
    assert sorted((row["id"], row["at"].timestamp()) for row in loaded.rows) == sorted(
        (number, at.timestamp()) for number, at in wanted
    )


def test_partitions_come_and_go_between_loads(server: Server, mode: dict[str, Any]) -> None:
    server.run(*PARTITIONED)
    table = server.request("t", **mode)
    loaded = server.read(table)
    expect_same(server, loaded)
    assert server.changed(table, loaded.cursor) is None
    # A partition of its own for rows that were in the default one, and one more.
    server.run(
        "BEGIN; ALTER TABLE t DETACH PARTITION t_rest; "
        "CREATE TABLE t_3 PARTITION OF t FOR VALUES FROM ('2026-03-01') TO ('2026-07-01'); "
        "INSERT INTO t SELECT * FROM t_rest; DROP TABLE t_rest; COMMIT",
        "CREATE TABLE t_4 PARTITION OF t FOR VALUES FROM ('2026-07-01') TO ('2027-01-01')",
        "INSERT INTO t VALUES (3001, '2026-12-01')",
    )
    server.read(table, loaded)
    expect_same(server, loaded)
    assert server.changed(table, loaded.cursor) is None
    if table.mode == "full":
        server.run("DROP TABLE t_1")
        assert server.changed(table, loaded.cursor)
        server.read(table, loaded)
        expect_same(server, loaded)


def test_partitions_come_and_go_while_it_is_read(server: Server, mode: dict[str, Any]) -> None:
    import psycopg

    server.run(*PARTITIONED)
    before = server.run("SELECT id, at, pad FROM t")
    table, loaded = server.request("t", **mode), Loaded(mode.get("mode", "full"))
    dropped = False
    for number, batch in enumerate(source.read(server.options, table, None)):
        if number == 0:
            with psycopg.connect(server.url, autocommit=True) as other:
                other.execute("SET lock_timeout = '100ms'")
                for statement in (
                    "CREATE TABLE t_9 PARTITION OF t FOR VALUES FROM ('2030-01-01') TO ('2031-01-01')",
                    "INSERT INTO t VALUES (9001, '2030-05-01')",
                    "INSERT INTO t VALUES (9002, '2026-01-05')",
                    "DROP TABLE t_1",
                ):
                    try:
                        other.execute(statement)
                        dropped = dropped or statement.startswith("DROP")
                    except (psycopg.errors.LockNotAvailable, psycopg.errors.CheckViolation):
                        pass  # it has to wait for the load
        loaded.commit(batch, first=number == 0)
    got = sorted((row["id"], row["at"].timestamp(), row["pad"]) for row in loaded.rows)
    was = sorted((number, at.timestamp(), pad) for number, at, pad in before)
    february = datetime(2026, 2, 1, tzinfo=UTC).timestamp()
    # As of the moment at which it began: nothing that came later, and all that was there and still is.
    assert got in (was, [row for row in was if not dropped or row[1] >= february])
    server.read(table, loaded)
    if table.mode == "full":
        expect_same(server, loaded)


def test_inheritance(server: Server, mode: dict[str, Any]) -> None:
    filled = "SELECT i, timestamptz '2026-01-01' + i * interval '1 hour', repeat('x', 100) FROM generate_series"
    server.run(
        "CREATE TABLE t (id int, at timestamptz NOT NULL, pad text)",
        "CREATE TABLE child (more int) INHERITS (t)",
        "CREATE TABLE grandchild () INHERITS (child)",
        f"INSERT INTO t {filled}(1, 1000) AS i",
        f"INSERT INTO child {filled}(1001, 4000) AS i",  # more pages than its parent has
        f"INSERT INTO grandchild {filled}(4001, 4500) AS i",
        "ANALYZE",
    )
    table = server.request("t", **mode)
    loaded = server.read(table)
    expect_same(server, loaded)
    assert server.changed(table, loaded.cursor) is None
    server.run("INSERT INTO grandchild VALUES (5000, '2027-01-01')")
    assert server.changed(table, loaded.cursor)
    server.read(table, loaded)
    expect_same(server, loaded)


@pytest.mark.parametrize("kind", ["VIEW", "MATERIALIZED VIEW"])
def test_views(server: Server, kind: str, mode: dict[str, Any]) -> None:
    server.run(*PARTITIONED, f"CREATE {kind} v AS SELECT id, at, pad FROM t WHERE id % 2 = 0")
    table = server.request("v", **mode)
    loaded = server.read(table)
    expect_same(server, loaded, "v")
    assert server.changed(table, loaded.cursor) is None
    server.run("INSERT INTO t VALUES (4000, '2026-12-01')")
    if kind == "MATERIALIZED VIEW":
        assert server.changed(table, loaded.cursor) is None
        server.run("REFRESH MATERIALIZED VIEW v")
    assert server.changed(table, loaded.cursor)
    server.read(table, loaded)
    expect_same(server, loaded, "v")


def test_a_table_of_another_server(server: Server, postgres: str, mode: dict[str, Any]) -> None:
    host, database = postgres.partition("?host=")[2].replace("%2F", "/"), postgres.split("/")[3].partition("?")[0]
    server.run(
        "CREATE SCHEMA there",
        "CREATE TABLE there.t (id int PRIMARY KEY, at timestamptz NOT NULL, pad text)",
        "INSERT INTO there.t SELECT i, timestamptz '2026-01-01' + i * interval '1 hour', repeat('x', 100) "
        "FROM generate_series(1, 3000) AS i",
        "CREATE EXTENSION postgres_fdw",
        f"CREATE SERVER other FOREIGN DATA WRAPPER postgres_fdw OPTIONS (host '{host}', dbname '{database}')",
        "CREATE USER MAPPING FOR wherry SERVER other OPTIONS (user 'wherry', password_required 'false')",
        "IMPORT FOREIGN SCHEMA there FROM SERVER other INTO public",
    )
    table = server.request("public.t", **mode)
    loaded = server.read(table)
    expect_same(server, loaded, "there.t")
    assert server.changed(table, loaded.cursor) is None
    server.run("INSERT INTO there.t VALUES (4000, '2026-12-01')")
    assert server.changed(table, loaded.cursor)
    server.read(table, loaded)
    expect_same(server, loaded, "there.t")
    found = {each.name: each.kind for each in source.tables(server.options)}
    assert found["public.t"] == "foreign table" and found["there.t"] == "table"


def test_names_of_mixed_case(server: Server) -> None:
    server.run(
        'CREATE SCHEMA "Ship Ping"',
        'CREATE TABLE "Ship Ping"."Or""ders.2026" ("Id" int PRIMARY KEY, "Updated At" timestamptz, '
        '"sélect" text, "Ab" int)',
        """INSERT INTO "Ship Ping"."Or""ders.2026" VALUES (1, '2026-01-01', 'a', 1), (2, '2026-01-02', 'b', 2)""",
        'CREATE TABLE orders (id int)', 'CREATE TABLE "Orders" (id int)', 'INSERT INTO "Orders" VALUES (7)',
    )  # fmt: skip
    (name,) = (each.name for each in source.tables(server.options) if "ders.2026" in each.name)
    for said in ({}, {"mode": "incremental", "cursor": "Updated At", "key": "Id"}):
        table = server.request(name, **said)
        loaded = server.read(table)
        assert [tuple(row) for row in loaded.rows] == [("Id", "Updated At", "sélect", "Ab")] * 2
        server.run("""UPDATE "Ship Ping"."Or""ders.2026" SET "Updated At" = "Updated At" + interval '1 year'""")
        assert [(row["Id"], row["sélect"]) for row in server.read(table, loaded).rows] == [(1, "a"), (2, "b")]
    assert server.read(server.request("Orders")).rows == [{"id": 7}]
    assert server.read(server.request("orders")).rows == []
    whole = server.request("Orders")
    assert [rows_of(batch).num_rows for batch in source.read(server.options, whole, None)] == [1]


def test_a_table_without_columns(server: Server) -> None:
    server.run("CREATE TABLE t ()", "INSERT INTO t DEFAULT VALUES")
    with pytest.raises(SourceError, match=r"`public\.t` has no column"):
        server.read(server.request("t"))


def test_what_goes_away_between_loads(server: Server) -> None:
    """What was loaded stays, and the finding says where the cursor stands."""
    server.run("CREATE TABLE t (id int, at date, v text)", "INSERT INTO t VALUES (1, '2026-01-02', 'a')")
    table = server.request("t", "incremental", cursor="at", key="id")
    loaded = server.read(table)
    for statement, code in (("ALTER TABLE t DROP at", "unknown-column"), ("DROP TABLE t", "no-table")):
        server.run(statement)
        with pytest.raises(SourceError) as raised:
            server.read(table, loaded)
        (finding,) = raised.value.findings
        assert finding.code == code
        assert "What was loaded is kept; the cursor stands at `at` = 2026-01-02" in finding.message
    assert len(loaded.rows) == 1


@pytest.mark.parametrize("mode", [{}, {"mode": "incremental", "cursor": "id"}])
def test_a_view_that_fails_half_way(server: Server, mode: dict[str, Any]) -> None:
    server.run(
        "CREATE TABLE t AS SELECT i AS id FROM generate_series(1, 3) AS i",
        "CREATE VIEW v AS SELECT id, 1 / (id - 2) AS x FROM t",
    )
    with pytest.raises(SourceError, match=r"PostgreSQL says: division by zero\."):
        server.read(server.request("v", **mode))
