"""What is synced when: before a pointer says that a file is there, the file and its folder are on the disk.

A power cut itself cannot be had in a test; what the system was asked to write down before the commit can.
"""

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import duckdb
import pytest

from wherry.errors import LakeError
from wherry.lake import folder
from wherry.lake.attach import connect
from wherry.lake.connecting import Connection
from wherry.lake.lake import Lake
from wherry.lake.pointer import Pointer


@dataclass
class Disk:
    """What was synced so far, and at each commit of the database."""

    synced: set[str] = field(default_factory=set)
    #: How long each file was when it was synced.
    sizes: dict[str, int] = field(default_factory=dict)
    #: What was synced when the database's transaction was committed.
    at_commit: list[set[str]] = field(default_factory=list)
    #: ``synchronous`` (SQLite) or ``synchronous_commit`` (PostgreSQL) of these transactions.
    sure: list[str] = field(default_factory=list)


@pytest.fixture
def disk(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> Iterator[Disk]:
    disk = Disk()
    right = os.fsync

    def fsync(handle: int) -> None:
        path = str(Path(f"/proc/self/fd/{handle}").readlink())
        right(handle)
        # Metadata gets its name when it is whole, before its folder is synced.
        path = re.sub(r"\.[0-9a-f]{8}\.tmp$", "", path)
        disk.synced.add(path)
        disk.sizes[path] = os.fstat(handle).st_size

    def sync_file_system(root: Path) -> bool:
        for path in [root, *root.rglob("*")]:
            disk.synced.add(str(path))
            disk.sizes[str(path)] = path.stat().st_size
        return True

    opened = lake.database.open

    def watched() -> Connection:
        connection = opened()
        commit = connection.commit

        def committed() -> None:
            asked = "PRAGMA synchronous" if connection.is_sqlite else "SHOW synchronous_commit"
            disk.sure.append(str(connection.value(asked)))
            disk.at_commit.append(set(disk.synced))
            commit()

        monkeypatch.setattr(connection, "commit", committed)
        return connection

    monkeypatch.setattr(os, "fsync", fsync)
    monkeypatch.setattr(folder, "_sync_file_system", sync_file_system)
    monkeypatch.setattr(lake.database, "open", watched)
    lake.database.close_idle()
    yield disk


def sure(lake: Lake) -> str:
    """What the database calls a transaction that survives."""
    return "2" if lake.database.is_sqlite else "on"


def reachable(pointer: Pointer, connection: duckdb.DuckDBPyConnection, lake: Lake) -> set[str]:
    """Every file that a reader of the table opens, and the folders that hold them."""
    assert pointer.location is not None
    metadata: dict[str, Any] = lake.storage.read(pointer.location)
    files = {pointer.location}
    for snapshot in metadata["snapshots"]:
        files.add(snapshot["manifest-list"])
        for (manifest,) in connection.execute(
            "SELECT manifest_path FROM read_avro(?)", [snapshot["manifest-list"]]
        ).fetchall():
            files.add(manifest)
            entries = connection.execute("SELECT data_file.file_path FROM read_avro(?)", [manifest]).fetchall()
            files |= {path for (path,) in entries}
    folders = {str(Path(file).parent) for file in files}
    table = str(Path(metadata["location"]))
    return files | folders | {table, str(Path(table).parent)}


def expect_safe(lake: Lake, disk: Disk, connection: duckdb.DuckDBPyConnection, name: str) -> None:
    pointer = lake.pointer("main", name)
    assert pointer is not None
    files = reachable(pointer, connection, lake)
    assert len(files) >= 8
    assert files - disk.at_commit[-1] == set()
    assert disk.sure[-1] == sure(lake)
    assert {f: disk.sizes[f] for f in files if Path(f).is_file()} == {
        f: Path(f).stat().st_size for f in files if Path(f).is_file()
    }


def test_what_is_written_straight_to_main(lake: Lake, db: duckdb.DuckDBPyConnection, disk: Disk) -> None:
    db.execute("CREATE TABLE m.s.t AS SELECT range AS i FROM range(10)")
    expect_safe(lake, disk, db, "s.t")
    for statement in ("INSERT INTO m.s.t VALUES (10)", "DELETE FROM m.s.t WHERE i = 3", "UPDATE m.s.t SET i = i + 1"):
        db.execute(statement)
        expect_safe(lake, disk, db, "s.t")


@pytest.mark.parametrize("tables", [1, 5])
def test_what_a_run_publishes(lake: Lake, db: duckdb.DuckDBPyConnection, disk: Disk, tables: int) -> None:
    lake.create_branch("run/1")
    with connect() as connection:
        lake.attach(connection, "run/1", "r")
        for number in range(tables):
            connection.execute(f"CREATE TABLE r.s.t{number} AS SELECT range AS i FROM range(10)")
            connection.execute(f"INSERT INTO r.s.t{number} VALUES (10)")
    # A run's own branch need not survive.
    assert all(each != sure(lake) for each in disk.sure)
    assert disk.synced == set()
    lake.merge("run/1", author="ada", message="publish")
    for number in range(tables):
        expect_safe(lake, disk, db, f"s.t{number}")


def test_what_is_restored(lake: Lake, db: duckdb.DuckDBPyConnection, disk: Disk) -> None:
    db.execute("CREATE TABLE m.s.t AS SELECT range AS i FROM range(10)")
    first = lake.log()[0]
    db.execute("INSERT INTO m.s.t VALUES (10)")
    lake.restore(first.id, author="ada")
    expect_safe(lake, disk, db, "s.t")
    assert db.execute("SELECT count(*) FROM m.s.t").fetchall() == [(10,)]


def test_what_is_made_on_a_branch_of_a_run(lake: Lake, db: duckdb.DuckDBPyConnection, disk: Disk) -> None:
    lake.create_branch("run/1")
    with connect() as connection:
        lake.attach(connection, "run/1", "r")
        connection.execute("CREATE TABLE r.s.t AS SELECT range AS i FROM range(10)")
    # What it would read may not survive, so neither could it.
    with pytest.raises(LakeError, match="branch of a run"):
        lake.create_branch("dev", parent="run/1")
    lake.create_branch("run/2", parent="run/1")
