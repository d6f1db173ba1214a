"""PostgreSQL obeys the contract of every source, in both modes."""

from __future__ import annotations

import pytest

from sources.database import Server
from wherry.sources.databases.postgres import source
from wherry.testing import check_source

pytestmark = pytest.mark.needs("postgres")
EVENTS = """
    CREATE TABLE events (id int PRIMARY KEY, at timestamptz, what text);
    INSERT INTO events SELECT i, timestamptz '2026-01-01' + i / 3 * interval '1 minute', 'e' || i
    FROM generate_series(1, 1000) AS i
"""


@pytest.fixture
def server(postgres: str) -> Server:
    server = Server(postgres)
    server.run(EVENTS)
    return server


def test_full(server: Server) -> None:
    def change() -> int:
        server.run("DELETE FROM events WHERE id = 5", "INSERT INTO events VALUES (5, NULL, 'again')")
        return 1000

    check_source(source, server.options, server.request("public.events"), 1000, change)


@pytest.mark.parametrize("lanes", [1, 3])
def test_full_in_lanes(server: Server, lanes: int) -> None:
    check_source(source, server.options, server.request("public.events", parallel=lanes), 1000)


@pytest.mark.parametrize("key", ["", "id"])
def test_incremental(server: Server, key: str) -> None:
    def change() -> int:
        # One more of the newest value, and one beyond.
        server.run("INSERT INTO events SELECT 1001, max(at), 'tie' FROM events")
        server.run("INSERT INTO events VALUES (1002, timestamptz '2027-01-01', 'new')")
        return 1002

    table = server.request("public.events", "incremental", cursor="at", key=key, batch_rows=100)
    check_source(source, server.options, table, 1000, change)


@pytest.mark.parametrize("key", ["", "id"])
def test_incremental_with_nulls(server: Server, key: str) -> None:
    server.run("UPDATE events SET at = NULL WHERE id % 50 = 0")

    def change() -> int:
        server.run("UPDATE events SET at = timestamptz '2027-01-01' WHERE id = 50")
        return 1000

    table = server.request("public.events", "incremental", cursor="at", key=key, batch_rows=100)
    check_source(source, server.options, table, 1000, change)


def test_incremental_with_deletes(server: Server) -> None:
    def change() -> int:
        server.run("DELETE FROM events WHERE id BETWEEN 10 AND 19")
        return 990

    table = server.request("public.events", "incremental", cursor="at", key="id", batch_rows=300, deletes="compare")
    check_source(source, server.options, table, 1000, change)
