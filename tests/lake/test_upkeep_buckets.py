"""A lake in a bucket is kept up like one in a folder."""

import json
import re
import threading
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest

from fixtures.buckets import Objects, ObjectStore, azure, objects, scheme, server, store
from wherry.errors import LakeError
from wherry.lake import database
from wherry.lake.attach import connect
from wherry.lake.bucket import Bucket
from wherry.lake.lake import Lake
from wherry.lake.storage import LAKES, NOTES, StoredFile, open_storage
from wherry.lake.upkeep import rewrite
from wherry.lake.upkeep.forget import Kept
from wherry.lake.upkeep.layout import Layout
from wherry.lake.upkeep.reach import Reach
from wherry.lake.upkeep.upkeep import Options, Report, keep_up
from wherry.model.asset import Partition, Sort

__all__ = ["azure", "objects", "scheme", "server", "store"]

NOTHING = timedelta(0)
HOUR = timedelta(hours=1)


@pytest.fixture
def lake(scheme: str, objects: Objects, tmp_path: Path) -> Iterator[Lake]:
    with Lake.open(str(tmp_path / "w.db"), f"{scheme}://lake/some.where", objects.variables) as opened:
        yield opened


@pytest.fixture
def con(lake: Lake) -> Iterator[duckdb.DuckDBPyConnection]:
    with connect() as connection:
        lake.attach(connection, "main", "m", author="ada")
        connection.execute("CREATE SCHEMA m.s")
        yield connection


def wear(con: duckdb.DuckDBPyConnection, table: str = "t") -> list[tuple[Any, ...]]:
    """A table of many small files and deletes; its rows."""
    con.execute(f"CREATE TABLE m.s.{table} AS SELECT range AS i, 'n' || range AS n FROM range(10)")
    for number in range(10, 14):
        con.execute(f"INSERT INTO m.s.{table} VALUES ({number}, 'late')")
    con.execute(f"DELETE FROM m.s.{table} WHERE i IN (3, 12)")
    return con.execute(f"FROM m.s.{table} ORDER BY i").fetchall()


def needed(lake: Lake) -> set[str]:
    reach = Reach(lake.storage)
    with database.reading(lake.database) as connection:
        reach.mark(connection, Kept(connection, 0))
    return reach.files


def there(lake: Lake) -> dict[str, StoredFile]:
    return {found.location: found for found in lake.storage.listing()}


def at_once(lake: Lake, **more: Any) -> Report:
    return keep_up(lake, Options(keep=NOTHING, grace=NOTHING, **more))


def test_files_are_written_together_and_the_rest_is_removed(
    lake: Lake, con: duckdb.DuckDBPyConnection, objects: Objects
) -> None:
    before = wear(con)
    con.execute("CREATE TABLE m.s.gone AS SELECT 1 AS i")
    con.execute("DROP TABLE m.s.gone")
    worn = there(lake)
    dry = at_once(lake, dry_run=True)
    assert there(lake) == worn and dry.tables[0].state == "due" and dry.tables[0].rewritten > 1000
    gone = [file for key, file in worn.items() if "/gone-" in key]
    # What the last commit that shows it leads to goes with that commit; told with its bytes before.
    assert dry.swept.files == len(gone) == 4 and dry.swept.bytes == sum(file.size for file in gone)
    (result,) = at_once(lake).tables
    assert (result.state, result.files_before, result.files_after) == ("done", 5, 1)
    assert (result.deletes_after, result.manifests_after) == (0, 1)
    at_once(lake)
    assert set(there(lake)) == needed(lake)
    assert con.execute("FROM m.s.t ORDER BY i").fetchall() == before
    # Upkeep's notes are beside the tables, and no file of theirs.
    notes = [f"some.where/{LAKES}/{name}" for name in lake.storage.lakes()] + [f"some.where/{NOTES}/out-of-reach.jsonl"]
    assert [key for key in objects.objects() if NOTES in key] == notes and len(notes) == 2
    (result,) = at_once(lake).tables
    assert result.state == "unchanged"


def test_a_layout_is_carried_out(lake: Lake, con: duckdb.DuckDBPyConnection) -> None:
    before = wear(con)
    layout = Layout(partition=(Partition(column="n"),), sort=(Sort(column="i", descending=True),))
    (result,) = at_once(lake, layouts={"s.t": layout}).tables
    assert (result.state, result.files_after, result.deletes_after) == ("done", 10, 0)
    assert con.execute("FROM m.s.t ORDER BY i").fetchall() == before


def test_many_manifests_become_one(lake: Lake, con: duckdb.DuckDBPyConnection, monkeypatch: pytest.MonkeyPatch) -> None:
    con.execute("CREATE TABLE m.s.t AS SELECT 0 AS i")
    for number in range(1, 12):
        con.execute(f"INSERT INTO m.s.t VALUES ({number})")
    monkeypatch.setattr("wherry.lake.upkeep.choose._FEW", 1000)
    (result,) = keep_up(lake, Options()).tables
    assert (result.manifests_before, result.manifests_after, result.rewritten) == (12, 1, 0)
    assert con.execute("SELECT count(*), sum(i) FROM m.s.t").fetchall() == [(12, 66)]


def test_a_file_out_of_reach_goes_in_two_steps(lake: Lake, con: duckdb.DuckDBPyConnection, objects: Objects) -> None:
    con.execute("CREATE TABLE m.s.t AS SELECT 1 AS i")
    stray = f"{lake.storage.location}/s/stray.parquet"
    lake.storage.put(stray, b"x" * 100)
    assert keep_up(lake, Options(grace=HOUR)).swept.waiting == 1
    notes = f"{lake.storage.location}/{NOTES}/out-of-reach.jsonl"
    lake.storage.put(notes, json.dumps([stray, 0.0]).encode())  # noted long ago
    # It was written a moment ago, and may be about to be committed.
    swept = keep_up(lake, Options(grace=HOUR)).swept
    assert (swept.files, swept.waiting, swept.waiting_bytes) == (0, 1, 100) and stray in there(lake)
    dry = at_once(lake, dry_run=True).swept
    assert (dry.files, dry.bytes) == (1, 100) and stray in there(lake)
    swept = at_once(lake).swept
    assert (swept.files, swept.bytes) == (1, 100) and stray not in there(lake)
    # A bucket is often shared: what lies beside the lake is not its own.
    objects.put("some.where.else/x", b"x")
    at_once(lake)
    at_once(lake)
    assert "some.where.else/x" in objects.objects()


def test_writers_and_branches_beside_it_lose_nothing(
    lake: Lake, con: duckdb.DuckDBPyConnection, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = wear(con)
    lake.create_branch("dev")
    write = rewrite.write_anew

    def written(*arguments: Any) -> Any:
        made = write(*arguments)
        monkeypatch.setattr(rewrite, "write_anew", write)
        con.execute("INSERT INTO m.s.t VALUES (99, 'meanwhile')")
        return made

    monkeypatch.setattr(rewrite, "write_anew", written)
    for _ in range(3):
        (result,) = at_once(lake).tables
        assert result.state in ("done", "unchanged")
    assert con.execute("FROM m.s.t ORDER BY i").fetchall() == [*before, (99, "meanwhile")]
    lake.attach(con, "dev", "d")
    assert con.execute("FROM d.s.t ORDER BY i").fetchall() == before
    assert set(there(lake)) == needed(lake)


def test_a_writer_that_never_stops_is_not_harmed(lake: Lake, con: duckdb.DuckDBPyConnection) -> None:
    con.execute("CREATE TABLE m.s.t (i INTEGER)")
    stop, done, problems = threading.Event(), [0], list[str]()

    def write() -> None:
        with connect() as connection:
            lake.attach(connection, "main", "w")
            while not stop.is_set():
                try:
                    lake.retrying(lambda: connection.execute(f"INSERT INTO w.s.t VALUES ({done[0]})"), tables=["s.t"])
                    done[0] += 1
                except (LakeError, duckdb.Error) as problem:
                    problems.append(str(problem))
                    return

    writer = threading.Thread(target=write)
    writer.start()
    try:
        for _ in range(3):
            keep_up(lake, Options(keep=NOTHING, grace=HOUR))
            assert len(con.execute("FROM m.s.t").fetchall()) <= done[0] + 1
    finally:
        stop.set()
        writer.join()
    assert problems == []
    assert sorted(i for (i,) in con.execute("FROM m.s.t").fetchall()) == list(range(done[0]))


def test_nothing_is_removed_while_something_is_missing(lake: Lake, con: duckdb.DuckDBPyConnection) -> None:
    wear(con)
    stray = f"{lake.storage.location}/stray"
    lake.storage.put(stray, b"x")
    pointer = lake.pointer("main", "s.t")
    assert pointer is not None and pointer.location is not None
    lake.storage.remove([lake.storage.read(pointer.location)["snapshots"][-1]["manifest-list"]])
    with pytest.raises(LakeError, match="missing"):
        at_once(lake)
    assert stray in there(lake)


def test_a_lake_that_came_from_a_folder_keeps_what_is_there(store: ObjectStore, tmp_path: Path) -> None:
    with Lake.open(str(tmp_path / "w.db"), tmp_path / "old") as old, connect() as connection:
        old.attach(connection, "main", "m")
        connection.execute("CREATE SCHEMA m.s")
        connection.execute("CREATE TABLE m.s.old AS SELECT 1 AS i")
        lying = there(old)
    with Lake.open(str(tmp_path / "w.db"), "s3://lake/new", store.variables) as lake, connect() as con:
        lake.attach(con, "main", "m")
        rows = wear(con)
        results = {result.name: result for result in at_once(lake).tables}
        assert results["s.old"].state == "unchanged" and results["s.t"].state == "done"
        at_once(lake)
        assert con.execute("FROM m.s.old").fetchall() == [(1,)]
        assert con.execute("FROM m.s.t ORDER BY i").fetchall() == rows
        assert there(old) == lying


def test_what_the_storage_refuses_is_told(lake: Lake, con: duckdb.DuckDBPyConnection, objects: Objects) -> None:
    wear(con)
    # The same store, as if its machine were gone.
    away = {name: re.sub(r"127\.0\.0\.1:\d+", "127.0.0.1:9", text) for name, text in objects.variables.items()}
    with (
        Lake.open(str(lake.database.path), lake.storage.location, away) as cut_off,
        pytest.raises(LakeError) as told,
    ):
        at_once(cut_off)
    assert told.value.findings[0].code == "storage-unreachable"


@pytest.mark.parametrize(
    ("written", "spelled"),
    [
        ("s3a://lake/x/y.parquet", "s3://lake/x/y.parquet"),
        ("s3://lake/x/y.parquet", "s3://lake/x/y.parquet"),
        ("abfss://lake@me.dfs.core.windows.net/x/y.parquet", "az://lake/x/y.parquet"),
        ("wasbs://lake@me.blob.core.windows.net/x", "az://lake/x"),
    ],
)
def test_other_spellings_of_an_address_are_known(written: str, spelled: str) -> None:
    variables = {f"AWS_{name}": "abcdefgh" for name in ("ACCESS_KEY_ID", "SECRET_ACCESS_KEY")}
    azure = {"AZURE_STORAGE_ACCOUNT": "me", "AZURE_STORAGE_KEY": "YWJj"}
    storage = open_storage(f"{spelled.partition(':')[0]}://lake/x", {**variables, **azure})
    assert isinstance(storage, Bucket) and storage.spelled(written) == spelled
    assert not storage.elsewhere(written) and storage.elsewhere("/lake/x") and storage.elsewhere("s3://other/x")
