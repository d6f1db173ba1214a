"""Every kind of database obeys the contract of every source, in both modes."""

from __future__ import annotations

from pathlib import Path

import pytest

from run.run_folder import Folder
from services import ready as service_ready
from services import required
from sources.systems import KINDS, System
from wherry.testing import check_source

EVENTS = "CREATE TABLE events (id int PRIMARY KEY, at {moment}, what varchar(20))"
ROWS = "INSERT INTO events VALUES " + ", ".join(
    f"({i}, '2026-01-01 {i // 180:02}:{i // 3 % 60:02}:00', 'e{i}')" for i in range(1, 1001)
)
#: How a moment is declared where it can be a cursor.
MOMENT = {"mariadb": "datetime(6)", "sqlite": "text", "sql-sqlite": "datetime", "sql-postgres": "timestamptz"}
NEXT = "'2027-01-01 00:00:00'"


@pytest.fixture(params=KINDS)
def system(request: pytest.FixtureRequest, tmp_path: Path) -> System:
    kind, service = KINDS[request.param]
    if service and not service_ready(service):
        assert not required(service), f"needs {service}"
        pytest.skip(f"needs {service}: see tests/services.py")
    made: System = kind(request.getfixturevalue(service) if service else str(tmp_path / "events.db"))
    moment = MOMENT[request.param]
    rows = ROWS.replace(":00'", ":00.000000'") if request.param == "sql-sqlite" else ROWS
    made.run(EVENTS.format(moment=moment), rows)
    return made


def test_full(system: System) -> None:
    def change() -> int:
        system.run("DELETE FROM events WHERE id = 5", "INSERT INTO events VALUES (5, NULL, 'again')")
        return 1000

    check_source(system.source, system.options(), system.request("events"), 1000, change)


@pytest.mark.parametrize("key", ["", "id"])
def test_incremental(system: System, key: str) -> None:
    def change() -> int:
        # One more of the newest value, and one beyond.
        system.run("INSERT INTO events SELECT 1001, max(at), 'tie' FROM events")
        system.run(f"INSERT INTO events VALUES (1002, {NEXT}, 'new')")
        return 1002

    table = system.request("events", "incremental", cursor="at", key=key, batch_rows=400)
    check_source(system.source, system.options(), table, 1000, change)


@pytest.mark.parametrize("key", ["", "id"])
def test_incremental_by_number(system: System, key: str) -> None:
    def change() -> int:
        system.run(f"INSERT INTO events VALUES (1001, {NEXT}, 'new')")
        return 1001

    table = system.request("events", "incremental", cursor="id", key=key, batch_rows=400)
    check_source(system.source, system.options(), table, 1000, change)


@pytest.mark.parametrize("key", ["", "id"])
def test_incremental_by_text(system: System, key: str) -> None:
    def change() -> int:
        system.run(
            f"INSERT INTO events VALUES (1001, {NEXT}, 'ÿ')", f"INSERT INTO events VALUES (1002, {NEXT}, 'zebra')"
        )
        return 1002

    table = system.request("events", "incremental", cursor="what", key=key, batch_rows=400)
    check_source(system.source, system.options(), table, 1000, change)


@pytest.mark.parametrize("key", ["", "id"])
def test_incremental_with_nulls(system: System, key: str) -> None:
    system.run("UPDATE events SET at = NULL WHERE id % 50 = 0")

    def change() -> int:
        system.run(f"UPDATE events SET at = {NEXT} WHERE id = 50")
        return 1000

    table = system.request("events", "incremental", cursor="at", key=key, batch_rows=400)
    check_source(system.source, system.options(), table, 1000, change)


def test_incremental_with_deletes(system: System) -> None:
    def change() -> int:
        system.run("DELETE FROM events WHERE id BETWEEN 10 AND 19")
        return 990

    table = system.request("events", "incremental", cursor="at", key="id", batch_rows=300, deletes="compare")
    check_source(system.source, system.options(), table, 1000, change)


def test_incremental_with_lookback(system: System) -> None:
    def change() -> int:
        system.run("INSERT INTO events VALUES (1001, '2026-01-01 05:00:30.000000', 'late')")
        return 1001

    table = system.request("events", "incremental", cursor="id", key="id", lookback=5)
    check_source(system.source, system.options(), table, 1000, change)


def test_a_run_brings_it_into_the_lake(system: System, tmp_path: Path) -> None:
    options = system.options()
    address = f"path: {options.path}" if hasattr(options, "path") else f"url: {options.url}"
    folder = Folder(tmp_path / "project")
    tables = (
        "tables:\n  events: {as: raw.events}\n"
        "  grown: {as: raw.grown, mode: incremental, cursor: id, batch_rows: 300, query: SELECT * FROM events}\n"
    )
    folder.write({"sources/shop.yml": f"connector: {system.connector}\n{address}\n{tables}"})
    assert folder.run().state == "done"
    system.run(f"INSERT INTO events VALUES (1001, {NEXT}, 'new')")
    assert folder.run().state == "done"
    for table in ("raw.events", "raw.grown"):
        assert [row[0] for row in folder.rows(table, columns="id")] == list(range(1, 1002))
    assert folder.run().state == "done"
    folder.close()


@pytest.mark.parametrize("key", ["", "id"])
def test_a_table_that_was_emptied(system: System, key: str) -> None:
    table = system.request("events", "incremental", cursor="at", key=key)
    loaded = system.read(table)
    system.run("DELETE FROM events")
    # Without a key, those of the cursor's own value go.
    assert len(system.read(table, loaded).rows) >= 997
    assert system.changed(table, loaded.cursor) is None
    system.run(f"INSERT INTO events VALUES (1001, {NEXT}, 'new')")
    assert 1001 in [row["id"] for row in system.read(table, loaded).rows]
