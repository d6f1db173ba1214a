"""Incremental loads miss no row and double none: ties, transactions that commit late, nulls, restored databases."""

from __future__ import annotations

import os
from typing import Any

import pytest

from sources.database import Server
from wherry.errors import SourceError
from wherry.ports import Batch
from wherry.sources.databases.postgres import PostgresLook, source
from wherry.testing import Loaded, fingerprint, load

pytestmark = pytest.mark.needs("postgres")


@pytest.fixture
def server(postgres: str) -> Server:
    server = Server(postgres)
    server.run(
        "CREATE TABLE t (id int PRIMARY KEY, at timestamptz, x int)",
        "INSERT INTO t SELECT i, timestamptz '2026-01-01' + i * interval '1 minute', i FROM generate_series(1, 100) i",
    )
    return server


def rows(server: Server) -> list[str]:
    return fingerprint(server.read(server.request("t")).rows)


def findings(server: Server, table: Any, loaded: Loaded) -> list[str]:
    found: list[str] = []
    for batch in source.read(server.options, table, loaded.cursor):
        loaded.commit(batch, first=False)
        found += [f"{each.severity} {each.code}: {each.message}" for each in batch.findings()]
    return found


def request(server: Server, key: str = "id", **options: Any) -> Any:
    return server.request("t", "incremental", cursor="at", key=key, **options)


@pytest.mark.parametrize("key", ["", "id"])
@pytest.mark.parametrize("how", ["written", "opened", "savepoint"])
def test_a_transaction_that_commits_after_the_load(server: Server, key: str, how: str) -> None:
    import psycopg

    table = request(server, key)
    late = "INSERT INTO t VALUES (1000, '2026-01-01 00:30:30', 0)"
    with psycopg.connect(server.url) as writer:
        writer.execute("SELECT now()")
        if how == "written":
            writer.execute(late)
        elif how == "savepoint":
            writer.execute("SAVEPOINT s")
            writer.execute(late)
            writer.execute("RELEASE s")
        server.run("INSERT INTO t VALUES (101, '2026-02-01', 101)")
        loaded = server.read(table)
        assert len(loaded.rows) == 101
        if how == "opened":
            writer.execute(late)
        writer.commit()
    assert "late" in str(server.changed(table, loaded.cursor))
    server.read(table, loaded)
    assert fingerprint(loaded.rows) == rows(server)
    assert len(loaded.rows) == 102
    assert server.changed(table, loaded.cursor) is None


@pytest.mark.parametrize("key", ["", "id"])
def test_a_load_cut_off_while_others_write(server: Server, key: str) -> None:
    """What is late against the first attempt is found by the second, or by the one after it."""
    import psycopg

    table = request(server, key, batch_rows=10)
    with psycopg.connect(server.url) as writer:
        writer.execute("INSERT INTO t VALUES (1000, '2026-01-01 00:05:30', 0)")
        loaded = Loaded("incremental")
        load(source, server.options, table, loaded, stop_after=4)
        writer.commit()
    load(source, server.options, table, loaded, stop_after=1)
    server.read(table, loaded)
    assert fingerprint(loaded.rows) == rows(server)
    assert len(loaded.rows) == 101


def test_resumed_it_reads_again_no_more_than_the_last_value(server: Server) -> None:
    server.run("UPDATE t SET at = timestamptz '2026-01-01' + id / 7 * interval '1 hour'")
    table = request(server, batch_rows=10)
    whole = server.read(table)
    for kept in range(1, len(whole.counts)):
        loaded = Loaded("incremental")
        load(source, server.options, table, loaded, stop_after=kept)
        before = {row["id"] for row in loaded.rows}
        again: set[int] = set()
        for batch in source.read(server.options, table, loaded.cursor):
            again |= {row["id"] for row in batch.rows.read_all().to_pylist()} & before  # type: ignore[union-attr]
        assert len(again) <= 7


def test_a_value_that_most_rows_share_is_not_parted(server: Server) -> None:
    server.run("UPDATE t SET at = '2026-03-01' WHERE id BETWEEN 21 AND 95")
    table = request(server, batch_rows=10)
    loaded = server.read(table)
    assert loaded.counts == [10, 20, 100]
    assert fingerprint(loaded.rows) == rows(server)


def test_rows_without_a_cursor_are_told_and_kept(server: Server) -> None:
    server.run("UPDATE t SET at = NULL WHERE id < 4")
    for key in ("", "id"):
        table, loaded = request(server, key), Loaded("incremental")
        [told] = findings(server, table, loaded)
        assert told.startswith("warning null-cursor: 3 rows of `public.t` have no `at`")
        assert server.changed(table, loaded.cursor) is None
        server.run(f"UPDATE t SET x = x + 1{len(key)} WHERE id = 2")
        findings(server, table, loaded)
        assert fingerprint(loaded.rows) == rows(server)


def test_a_database_restored_to_an_earlier_state(server: Server) -> None:
    for key in ("", "id"):
        server.run("INSERT INTO t VALUES (101, '2026-02-01', 1), (102, '2026-02-02', 1)")
        table, loaded = request(server, key), Loaded("incremental")
        server.read(table, loaded)
        server.run("DELETE FROM t WHERE id > 100")
        [told] = findings(server, table, loaded)
        assert "cursor-backwards" in told and "2026-02-02" in told and "2026-01-01 01:40" in told
        assert server.changed(table, loaded.cursor) is None
        assert len(loaded.rows) == (102 if key else 100)
        # Values that the cursor had passed before are seen.
        server.run("INSERT INTO t VALUES (103, '2026-01-15', 1)")
        findings(server, table, loaded)
        assert 103 in {row["id"] for row in loaded.rows}
        server.run("DELETE FROM t WHERE id > 100")


def test_an_emptied_table(server: Server) -> None:
    table = request(server)
    loaded = server.read(table)
    server.run("TRUNCATE t")
    assert "backwards" in findings(server, table, loaded)[0]
    assert server.changed(table, loaded.cursor) is None
    server.run("INSERT INTO t VALUES (5, '2020-01-01', 7)")
    server.read(table, loaded)
    assert [row["x"] for row in loaded.rows if row["id"] == 5] == [7]


def test_an_empty_table_has_columns(server: Server) -> None:
    server.run("TRUNCATE t")
    table = request(server)
    loaded = server.read(table)
    assert loaded.schema is not None and loaded.schema.names == ["id", "at", "x"]
    assert server.changed(table, loaded.cursor) is None


def test_lookback_finds_older_rows(server: Server) -> None:
    table = request(server, lookback="30 minutes")
    loaded = server.read(table)
    server.run("INSERT INTO t VALUES (200, timestamptz '2026-01-01 01:15', 0)")
    assert server.changed(table, loaded.cursor)
    server.read(table, loaded)
    assert fingerprint(loaded.rows) == rows(server)
    assert server.changed(table, loaded.cursor) is None
    with pytest.raises(SourceError, match="such as `2 hours`"):
        server.read(request(server, lookback="some"))


def test_deletes_are_found_by_key(server: Server) -> None:
    table = request(server, deletes="compare", batch_rows=30)
    loaded = server.read(table)
    server.run("DELETE FROM t WHERE id % 3 = 0", "UPDATE t SET at = '2026-05-01', x = -1 WHERE id = 1")
    server.read(table, loaded)
    assert fingerprint(loaded.rows) == rows(server)
    assert server.changed(table, loaded.cursor) is None


@pytest.mark.parametrize("index", [True, False])
def test_a_key_that_is_not_unique(server: Server, index: bool) -> None:
    server.run("CREATE TABLE d (id int, at timestamptz)", "INSERT INTO d VALUES (1, '2026-01-01'), (2, '2026-01-02')")
    if index:
        server.run("CREATE UNIQUE INDEX ON d (id, at)")
    table = server.request("d", "incremental", cursor="at", key="id")
    loaded = server.read(table)
    server.run("INSERT INTO d VALUES (2, '2026-01-03')")
    with pytest.raises(SourceError) as raised:
        server.read(table, loaded)
    [finding] = raised.value.findings
    assert finding.code == "bad-key" and "2 rows have id = 2" in finding.message
    assert "the cursor stands at `at` = 2026-01-02" in finding.message
    server.run("DELETE FROM d WHERE id = 2", "INSERT INTO d VALUES (NULL, '2026-01-04')")
    with pytest.raises(SourceError, match="1 row has no value in it"):
        server.read(table, loaded)


def test_a_cursor_whose_type_changed(server: Server) -> None:
    loaded = server.read(request(server))
    server.run("ALTER TABLE t ALTER at TYPE bigint USING extract(epoch FROM at)")
    with pytest.raises(SourceError) as raised:
        server.read(request(server), loaded)
    [finding] = raised.value.findings
    assert finding.code == "cursor-type-changed" and "--full" in finding.hint
    assert "What was loaded is kept, and the cursor stands at `at` = 2026-01-01 01:40:00+00:00" in finding.message


@pytest.mark.parametrize("deletes", ["ignore", "compare"])
def test_a_key_that_an_earlier_version_spelled_in_another_way(server: Server, deletes: str) -> None:
    """10.0.0.1/32 in the lake and 10.0.0.1 now would be two rows; to compare keys would take the first away."""
    server.run(
        "CREATE DOMAIN host AS inet",
        "CREATE TABLE hosts (address host PRIMARY KEY, n int, at int, net inet)",
        "INSERT INTO hosts SELECT '10.0.0.0'::inet + g, g, g, '10.0.0.1' FROM generate_series(1, 5) AS g",
    )
    for key, fails in (("address", True), ("n", False)):
        table = server.request("public.hosts", "incremental", "at", key, deletes=deletes)
        loaded = server.read(table)
        assert loaded.cursor is not None and loaded.cursor.pop("printed") is True
        for row in loaded.rows:
            row["address"] += "/32"
        before = [dict(row) for row in loaded.rows]
        server.run("UPDATE hosts SET at = at + 10 WHERE n = 5")
        if not fails:
            server.read(table, loaded)
            assert sorted(row["n"] for row in loaded.rows) == [1, 2, 3, 4, 5]
            continue
        with pytest.raises(SourceError) as raised:
            server.read(table, loaded)
        [finding] = raised.value.findings
        assert finding.code == "key-respelled" and "--full" in finding.hint and "`at` = 5" in finding.message
        assert loaded.rows == before
        again = server.read(table)
        server.run("UPDATE hosts SET at = at + 10 WHERE n = 5")
        server.read(table, again)
        assert sorted(row["address"] for row in again.rows) == [f"10.0.0.{n}" for n in range(1, 6)]


@pytest.mark.parametrize("kind", ["int", "numeric(10,2)", "date", "timestamp", "text", "double precision"])
def test_every_kind_of_cursor(server: Server, kind: str) -> None:
    value = {
        "text": "chr(60 + i) || '\u00e9Z'",
        "date": "date '2026-01-01' + i",
        "timestamp": "timestamp '2026-01-01 00:00:00.000001' + i * interval '1 day'",
    }.get(kind, "i / 2")
    fill = f"INSERT INTO k SELECT ({value})::{kind}, i FROM generate_series({{}}) AS i"
    server.run(f"CREATE TABLE k (c {kind}, i int)", fill.format("1, 50"))
    table = server.request("k", "incremental", cursor="c", batch_rows=7)
    loaded = server.read(table)
    assert server.changed(table, loaded.cursor) is None
    server.run(fill.format("50, 60"))
    server.read(table, loaded)
    assert len(loaded.rows) == 61


def test_a_server_that_dies_half_way(server: Server) -> None:
    server.run(
        "INSERT INTO t SELECT i, '2026-02-01'::timestamptz + i * interval '1 s' FROM generate_series(101, 400000) i"
    )
    table = request(server, batch_rows=20_000)
    batches = source.read(server.options, table, None)
    first: Batch = next(batches)
    first.rows.read_all()  # type: ignore[union-attr]
    stands = first.reached()["value"]
    server.run(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
        "WHERE application_name = 'wherry' AND datname = current_database()"
    )
    with pytest.raises(SourceError) as raised:
        for batch in batches:
            batch.rows.read_all()  # type: ignore[union-attr]
            batch.reached()
    [finding] = raised.value.findings
    assert finding.code == "connection-lost", finding
    assert "kept; the cursor stands at" in finding.message and stands[:4] in finding.message


def test_a_field_of_many_megabytes(server: Server) -> None:
    """One value of 200 MB (8 MB in the ordinary suite), among others."""
    size = (200 if os.environ.get("WHERRY_DEEP") else 8) << 20
    server.run("ALTER TABLE t ADD big text", f"UPDATE t SET big = repeat('x', {size}) WHERE id = 50")
    for mode in ("full", "incremental"):
        table = server.request("t", mode, cursor="at" if mode != "full" else "", key="id", batch_rows=20)
        [row] = [row for row in server.read(table).rows if row["big"]]
        assert row["id"] == 50 and len(row["big"]) == size


def test_another_database_does_not_matter(server: Server, postgres: str) -> None:
    """A long transaction in another database of the same server makes nothing be read again."""
    import psycopg

    import postgres_server

    other = postgres_server.new_database(postgres_server.start())
    with psycopg.connect(other) as writer:
        writer.execute("CREATE TABLE w (x int)")
        server.run("INSERT INTO t VALUES (101, '2026-01-01 00:10:30', 1)")
        for mode in ("full", "incremental"):
            table = server.request("t", mode, cursor="at" if mode != "full" else "", key="id")
            loaded = server.read(table)
            assert server.changed(table, loaded.cursor) is None


def test_another_database_whose_writer_ends_meanwhile(
    server: Server, postgres: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is in the snapshot, and nobody can say any more where it was."""
    import psycopg

    import postgres_server

    with psycopg.connect(postgres_server.new_database(postgres_server.start())) as writer:
        writer.execute("CREATE TABLE w (x int)")
        server.run("INSERT INTO t VALUES (101, '2026-01-01 00:10:30', 1)")
        asked: list[set[int]] = []
        ask = PostgresLook._elsewhere

        def ended(look: PostgresLook) -> set[int]:
            if asked:
                writer.commit()
            asked.append(ask(look))
            return asked[-1]

        monkeypatch.setattr(PostgresLook, "_elsewhere", ended)
        table = server.request("t", "incremental", cursor="at", key="id")
        loaded = server.read(table)
        assert asked[0] - asked[1]
        assert server.changed(table, loaded.cursor) is None
