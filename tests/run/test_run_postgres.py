"""Runs over PostgreSQL: drift, mistakes, permissions, kill -9 at any moment."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from threading import Event, Thread
from typing import Any
from urllib.parse import quote

import psycopg
import pytest
from run_folder import Folder

import postgres_server
from fixtures.tap import copied, postgres_messages, tapped
from sources.database import Server
from wherry.run.project import open_project
from wherry.sources.databases.postgres_pages import Pages

pytestmark = pytest.mark.needs("postgres")
DEEP = bool(os.environ.get("WHERRY_DEEP"))


@pytest.fixture
def server(postgres: str) -> Server:
    server = Server(postgres)
    server.run(
        "CREATE TABLE orders (id int PRIMARY KEY, at timestamptz DEFAULT clock_timestamp(), "
        "amount numeric(8,2), note text)",
        "INSERT INTO orders SELECT i, timestamptz '2026-01-01' + i * interval '1 second', i / 4.0, 'n' || i "
        "FROM generate_series(1, 1000) AS i",
    )
    return server


def source(folder: Folder, server: Server, table: str = "mode: incremental, cursor: at, key: id", **more: str) -> None:
    lines = "".join(f"{key}: {value}\n" for key, value in more.items())
    url = more.get("url", server.url)
    folder.write(
        {
            "sources/shop.yml": f"connector: postgres\n{'' if 'url' in more else f'url: {url}'}\n{lines}"
            f"tables:\n  public.orders: {{as: raw.orders, {table}}}\n"
        }
    )


def held(folder: Folder) -> list[tuple[Any, ...]]:
    return folder.rows("raw.orders", columns="id, amount::VARCHAR, note")


def there(server: Server) -> list[tuple[Any, ...]]:
    return server.run("SELECT id, amount::text, note FROM orders ORDER BY id")


@pytest.mark.parametrize("mode", ["mode: full", "mode: full, parallel: 2", "mode: incremental, cursor: at, key: id"])
def test_a_table_follows_its_source(folder: Folder, server: Server, mode: str) -> None:
    source(folder, server, mode)
    folder.done()
    assert held(folder) == there(server)
    server.run("UPDATE orders SET at = '2026-02-01', note = 'x' WHERE id = 7", "INSERT INTO orders VALUES (1001)")
    folder.done()
    assert held(folder) == there(server)
    assert folder.done().assets[0].state == "skipped"


def test_drift_between_runs(folder: Folder, server: Server) -> None:
    source(folder, server)
    folder.done()
    server.run("ALTER TABLE orders ADD COLUMN country text DEFAULT 'NL'", "INSERT INTO orders (id) VALUES (1001)")
    made = folder.done()
    assert [str(drift) for drift in made.assets[0].drifts] == ["column `country` (VARCHAR) is new"]
    server.run("ALTER TABLE orders RENAME note TO remark", "INSERT INTO orders (id, remark) VALUES (1002, 'r')")
    made = folder.done()
    assert [drift.kind for drift in made.assets[0].drifts] == ["added", "renamed"]
    server.run(
        "ALTER TABLE orders ALTER amount TYPE numeric(20,2)", "INSERT INTO orders VALUES (1003, now(), 123456789012)"
    )
    made = folder.done()
    assert [drift.kind for drift in made.assets[0].drifts] == ["widened"]
    server.run("ALTER TABLE orders ALTER amount TYPE text", "INSERT INTO orders VALUES (1004, now(), 'abc')")
    stands = server.run("SELECT max(at)::text FROM orders WHERE id < 1004")[0][0].removesuffix("+00")
    made = folder.run()
    assert made.state == "failed"
    assert made.assets[0].findings[0].code == "schema-changed"
    assert f"The cursor stands at `at` = {stands}" in made.assets[0].findings[0].message
    assert len(folder.rows("raw.orders", columns="id")) == 1003


def test_a_whole_table_in_quarantine(folder: Folder, server: Server) -> None:
    source(folder, server, "on_schema_change: quarantine")
    folder.done()
    server.run("ALTER TABLE orders ALTER amount TYPE text", "INSERT INTO orders VALUES (1001, now(), 'abc')")
    made = folder.done()
    assert made.assets[0].rejected == 1 and made.assets[0].rows == 1000
    [(row,)] = folder.rows("raw.orders__rejects", columns="row")
    assert "abc" in row
    assert [each.state for each in folder.done().assets] == ["skipped"]


def test_a_whole_table_cut_off(folder: Folder, server: Server) -> None:
    broken = "CASE WHEN id = 900 THEN pg_terminate_backend(pg_backend_pid())::text ELSE note END AS note"
    server.run("ALTER TABLE orders RENAME TO all_orders")
    server.run(f"CREATE VIEW orders AS SELECT id, at, amount, {broken} FROM all_orders")
    source(folder, server, "")
    made = folder.run()
    assert [finding.code for finding in made.assets[0].findings] == ["connection-lost"]
    server.run("CREATE OR REPLACE VIEW orders AS SELECT * FROM all_orders")
    folder.done()
    assert held(folder) == there(server)


def test_a_large_table_by_ranges_of_pages(folder: Folder, server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """Large by the threshold of this test; what is odd among its values is told, and nothing of it kept."""
    monkeypatch.setattr("wherry.sources.databases.postgres.LARGE", 1)
    monkeypatch.setattr("os.cpu_count", lambda: 2)
    ways: list[bool] = []
    made = Pages.query
    monkeypatch.setattr(Pages, "query", lambda self: ways.append(True) or made(self))
    source(folder, server, "")
    more = "INSERT INTO orders SELECT i, now(), i, repeat('x', 2000) FROM generate_series(1001, 9000) AS i"
    server.run(more, "ANALYZE orders")
    folder.done()
    assert held(folder) == there(server) and ways == [True]
    server.run("UPDATE orders SET amount = 'NaN' WHERE id = 4000", "INSERT INTO orders VALUES (9001)")
    finding = folder.run().assets[0].findings[0]
    assert finding.code == "value-not-kept" and "`amount`" in finding.message and "NaN" in finding.message
    assert len(held(folder)) == 9000
    server.run("UPDATE orders SET amount = 0 WHERE id = 4000")
    folder.done()
    assert held(folder) == there(server) and len(ways) == 3


def test_a_whole_table_tells_how_far_it_is(folder: Folder, server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("wherry.run.load._LOOK", 0.001)
    waits = "CASE WHEN id = 50000 THEN pg_advisory_xact_lock_shared(7)::text ELSE note END AS note"
    server.run(
        "INSERT INTO orders (id, amount) SELECT i, 1 FROM generate_series(1001, 60000) AS i",
        "ALTER TABLE orders RENAME TO all_orders",
        f"CREATE VIEW orders AS SELECT id, at, amount, {waits} FROM all_orders",
    )
    source(folder, server, "")
    told: list[int] = []
    sizes: list[int] = []
    with psycopg.connect(server.url, autocommit=True) as holding:
        holding.execute("SELECT pg_advisory_lock(7)")

        def tell(kind: str, **what: Any) -> None:
            if kind != "progress":
                return
            told.append(what["rows"])
            sizes.append(what["bytes"])
            if 0 < what["rows"] < 60_000:
                holding.execute("SELECT pg_advisory_unlock_all()")

        folder.done(tell=tell)
    assert told == sorted(told) and told[-1] == 60_000
    assert any(0 < rows < 60_000 for rows in told)
    # A row is some 20 bytes on the way.
    assert all(size > 10 * rows for rows, size in zip(told, sizes, strict=True) if 0 < rows < 60_000)


def test_mistakes_are_findings(folder: Folder, server: Server) -> None:
    data = Path(os.environ[postgres_server.VARIABLE]) / "data"
    hba = data / "pg_hba.conf"
    rule = "local all locked scram-sha-256\n"
    if rule not in hba.read_text():
        hba.write_text(rule + hba.read_text())
    server.run("SELECT pg_reload_conf()")
    server.run(
        "DO $$ BEGIN IF NOT EXISTS (SELECT 1 FROM pg_roles WHERE rolname = 'locked') THEN "
        "CREATE ROLE locked LOGIN PASSWORD 'right-secret'; END IF; END $$"
    )
    host = str(data.parent)
    name = server.url.split("/")[3].partition("?")[0]
    right = f"postgresql://locked:right-secret@/{name}?host={host}"
    wrong = right.replace("right-secret", "wrong%20secret")
    server.run("CREATE TABLE seen (id int, hidden int)", "GRANT SELECT (id) ON seen TO locked")
    for url, table, options, code, words in (
        (wrong, "public.orders", "", "wrong-password", "locked"),
        ("postgresql://u:sesame@127.0.0.1:1/x", "public.orders", "", "unreachable", "127.0.0.1"),
        ("postgresql://u:sesame@nowhere.invalid/x", "public.orders", "", "unreachable", "nowhere.invalid"),
        (right.replace(name, "nothing"), "public.orders", "", "no-database", "nothing"),
        (f"{right}&sslmode=sometimes", "public.orders", "", "tls", "sometimes"),
        ("http://u:sesame@x", "public.orders", "", "bad-url", "address"),
        (right, "public.orders", "", "no-permission", "orders"),
        (right, "public.seen", "", "no-permission", "seen"),
        (right, "public.orderz", "", "no-table", "orderz"),
        (server.url, "public.orders", "columns: [id, amuont]", "unknown-column", "amuont"),
        (server.url, "public.orders", "mode: incremental, cursor: att", "unknown-column", "att"),
        (server.url, "public.orders", "mode: incremental", "missing-cursor", "cursor"),
        (server.url, "public.orders", "mode: incremental, cursor: at, key: nr", "unknown-column", "nr"),
        (server.url, "public.orders", "mode: incremental, cursor: at, columns: [id]", "column-left-out", "at"),
        (server.url, "public.orders", "where: 'no such'", "bad-sql", "such"),
        (server.url, "public.orders", "types: {note: integer}", "value-not-kept", "n1"),
        (server.url, "public.orders", "types: {note: whole}", "bad-option", "whole"),
    ):
        folder.write(
            {"sources/shop.yml": f"connector: postgres\nurl: {url}\ntables:\n  {table}: {{as: raw.t, {options}}}\n"}
        )
        made = folder.run()
        assert made.state == "failed", (url, table, options)
        finding = made.assets[0].findings[0]
        assert finding.code == code, finding
        assert words in finding.message + finding.hint, finding
        assert finding.file == "sources/shop.yml" and finding.line == 4
        told = repr(made) + repr(folder.told)
        assert not any(secret in told for secret in ("right-secret", "wrong secret", "wrong%20secret", "sesame"))
    folder.write(
        {"sources/shop.yml": f"connector: postgres\nurl: {right}\ntables:\n  seen: {{as: raw.t, columns: [id]}}\n"}
    )
    folder.done()
    server.run("INSERT INTO seen VALUES (1, 2)")
    folder.done()
    assert folder.rows("raw.t") == [(1,)]
    assert folder.done().assets[0].state == "skipped"


def test_killed_at_any_moment(folder: Folder, server: Server) -> None:
    """kill -9 while others insert, update and add columns: every row once, the cursor never goes back, and no run is
    sent more than one batch again, with what is on the way behind it."""
    kills, size, batch = (100, 1_000_000, 50_000) if DEEP else (4, 120_000, 20_000)
    server.run(
        "TRUNCATE orders",
        "INSERT INTO orders SELECT i, timestamptz '2026-01-01' + i / 3 * interval '1 second', i / 4.0, 'n' || i "
        f"FROM generate_series(1, {size}) AS i",
        "CREATE INDEX ON orders (at)",
    )
    sockets = Path(tempfile.mkdtemp(prefix="wherry-tap-"))  # the path of a socket may not be long
    own = Path(os.environ[postgres_server.VARIABLE])
    url = server.url.partition("?")[0] + f"?host={quote(str(sockets))}"
    source(folder, server, f"mode: incremental, cursor: at, key: id, batch_rows: {batch}", url=url)
    rng, stop = random.Random(7), Event()
    writer = Thread(target=write_on, args=(server, size, stop))
    writer.start()
    reached, resumed, killed, ended = "", 0, 0, 0
    told: list[tuple[int, int]] = []
    at, there_is = sockets / ".s.PGSQL.5432", own / ".s.PGSQL.5432"
    with tapped(there_is, at, postgres_messages, copied(4)) as tap:
        try:
            while killed < kills or not resumed:
                # A kill in the first batch changes nothing: where there are few of them, most come behind it.
                tap.hold_at(rng.randrange(1, 300 if ended else 5 * batch // 4 if DEEP else 4 * batch))
                process = start(folder.path)
                # Until enough rows came; what is done with them then is at any point when it is killed.
                while not tap.held.wait(0.01) and process.poll() is None:
                    pass
                try:
                    process.wait(timeout=rng.uniform(0, 0.5))
                except subprocess.TimeoutExpired:
                    os.kill(process.pid, signal.SIGKILL)
                    process.wait()
                    killed += 1
                else:
                    assert process.returncode == 0, (folder.path / "said").read_text()
                    ended += 1
                    assert ended < 10 * kills, "runs end before they are killed"
                tap.let_go()
                told.append(tap.again())
                state = progress_of(folder)
                if state is not None:
                    assert state >= reached, "the cursor went back"
                    resumed += state > reached
                    reached = state
        finally:
            stop.set()
            writer.join()
        folder.done()
        told.append(tap.again())
    shutil.rmtree(sockets)
    print(f"{killed} killed, {ended} ended; rows sent and of these again, by run: {told}")
    assert sum(rows for rows, _ in told) >= size
    # Beside the batch: the piece in which its end is seen, and some 300 kB in buffers on the way.
    assert max(again for _, again in told) <= batch + 10_000
    got = folder.rows("raw.orders", columns='id, amount::VARCHAR, note, epoch_us("at")')
    moment = "(extract(epoch FROM at) * 1000000)::int8"
    assert got == server.run(f"SELECT id, amount::text, note, {moment} FROM orders ORDER BY id")


def write_on(server: Server, size: int, stop: Event) -> None:
    """Insert, update and add columns, as another client would."""
    import psycopg

    number = size
    with psycopg.connect(server.url) as connection:
        for turn in range(1_000_000):
            if stop.is_set():
                return
            number += 1
            connection.execute("INSERT INTO orders (id, amount, note) VALUES (%s, 1, 'new')", (number,))
            connection.execute(
                "UPDATE orders SET note = 'updated', at = clock_timestamp() WHERE id = %s", (1 + turn * 37 % size,)
            )
            connection.commit()
            if turn % 200 == 50 and turn < 1000:
                connection.execute("SET lock_timeout = '200ms'")
                try:
                    connection.execute(f"ALTER TABLE orders ADD COLUMN extra_{turn} int DEFAULT 5")
                    connection.commit()
                except psycopg.errors.LockNotAvailable:
                    connection.rollback()
            time.sleep(0.005)


def start(path: Path) -> subprocess.Popen[bytes]:
    with (path / "said").open("wb") as said:
        command = [sys.executable, "-m", "wherry", "run", "--project", str(path)]
        return subprocess.Popen(command, stdout=said, stderr=said)


def progress_of(folder: Folder) -> str | None:
    """The greatest value that is committed on the branch of the run, or published."""
    values = []
    for branch in folder.lake.branches():
        for pointer in folder.lake.pointers(branch.name).values():
            if pointer.full_name.startswith("raw.orders") and (cursor := pointer.state.get("cursor")):
                values.append(str(cursor["value"]))
    return max(values, default=None)


def test_secrets_do_not_reach_the_lake(folder: Folder, server: Server) -> None:
    source(folder, server, url=server.url.replace("wherry@", "wherry:open-sesame@"))
    made = folder.done()
    states = [pointer.state for pointer in folder.lake.pointers("main").values()]
    assert "sesame" not in json.dumps(states) + repr(made)


def test_a_pattern_stands_for_many_tables(folder: Folder, server: Server) -> None:
    server.run("CREATE TABLE people (id int)", "CREATE SCHEMA other", "CREATE TABLE other.orders (id int)")
    folder.write(
        {
            "sources/shop.yml": f"connector: postgres\nurl: {server.url}\ntables:\n"
            '  "public.*": {as: "raw.{table}"}\n'
            '  "other.*": {as: "{schema}.{table}", mode: full}\n'
            "  public.people: {as: hr.people}\n"
        }
    )
    offline = folder.project()
    assert [finding.code for finding in offline.graph.findings] == ["not-listed", "not-listed"]
    assert set(offline.graph.assets) == {"hr.people"}
    online = open_project(folder.config, folder.lake, online=True)
    assert set(online.graph.assets) == {"hr.people", "raw.orders", "other.orders"}
    # From now on they are known without asking.
    folder.done()
    text = (folder.path / "sources/shop.yml").read_text()
    folder.write({"sources/shop.yml": text + '  "pubic.*": {as: "no.{table}"}\n'})
    (none,) = folder.project().graph.findings
    assert (none.code, none.line, none.severity) == ("no-match", 7, "warning")
    assert none.hint == "There are `other.orders`, `public.orders`, `public.people`."
    folder.write({"sources/shop.yml": text})
    assert len(folder.rows("raw.orders", columns="id")) == 1000
    assert not folder.project().graph.findings
    server.run("CREATE TABLE more (id int)")
    assert "raw.more" not in folder.project().graph.assets
    assert "raw.more" in open_project(folder.config, folder.lake, online=True).graph.assets
    folder.write({"sources/shop.yml": (folder.path / "sources/shop.yml").read_text().replace("t=", "t=/nowhere")})
    assert "raw.more" in open_project(folder.config, folder.lake, online=True).graph.assets
    (folder.config.scratch / "tables.json").unlink()
    unknown = open_project(folder.config, folder.lake, online=True)
    assert unknown.fault == 1 and {(each.code, each.file) for each in unknown.errors} == {
        ("unreachable", "sources/shop.yml")
    }
    assert {key for key, asset in unknown.graph.assets.items() if asset.held} == {"raw.orders", "other.orders"}
