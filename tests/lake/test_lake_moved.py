"""A lake's files name each other by their full path: what becomes of one that is moved or copied."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest

from fixtures.buckets import Objects, azure, objects, scheme, server, store
from wherry.errors import LakeError, MissingFile
from wherry.lake.attach import connect
from wherry.lake.lake import Lake
from wherry.lake.storage import open_storage
from wherry.lake.upkeep.upkeep import Options, keep_up

__all__ = ["azure", "objects", "scheme", "server", "store"]

AT_ONCE = Options(keep=timedelta(0), grace=timedelta(0))


@contextmanager
def opened(database: Path, root: Path | str) -> Iterator[tuple[Lake, duckdb.DuckDBPyConnection]]:
    with Lake.open(str(database), root) as lake, connect() as connection:
        lake.attach(connection, "main", "m", author="ada")
        yield lake, connection


def on_disk(root: Path) -> set[Path]:
    return {path.relative_to(root) for path in root.rglob("*.*") if path.is_file()}


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A folder that holds a lake with a partitioned table."""
    home = tmp_path / "first"
    home.mkdir()
    with opened(home / "w.db", home / "lake") as (_, connection):
        connection.execute("CREATE SCHEMA m.s")
        connection.execute("CREATE TABLE m.s.t (i BIGINT, k VARCHAR)")
        connection.execute("ALTER TABLE m.s.t SET PARTITIONED BY (k)")
        for number in range(3):
            connection.execute(f"INSERT INTO m.s.t VALUES ({number}, 'a'), ({number}, 'b')")
        connection.execute("DELETE FROM m.s.t WHERE i = 1")
    return home


def total(connection: duckdb.DuckDBPyConnection) -> Any:
    return connection.execute("SELECT count(*), sum(i) FROM m.s.t").fetchone()


def test_a_moved_lake_says_where_its_files_were(home: Path, tmp_path: Path) -> None:
    second = home.rename(tmp_path / "second")
    before = on_disk(second / "lake")
    with opened(second / "w.db", second / "lake") as (lake, connection):
        location = lake.pointer("main", "s.t").location or ""  # type: ignore[union-attr]
        with pytest.raises(MissingFile) as told:
            lake.storage.read(location)
        assert f"is in `{second}/lake` now" in str(told.value)
        assert f"`ln -s {second}/lake {home}/lake`" in str(told.value)
        with pytest.raises(duckdb.Error, match="Move it back, or leave a link there"):
            connection.execute("FROM m.s.t")
        with pytest.raises(LakeError, match="nothing is removed"):
            keep_up(lake, AT_ONCE)
    assert on_disk(second / "lake") == before


def test_a_moved_lake_goes_on_when_a_link_leads_to_it(home: Path, tmp_path: Path) -> None:
    second = home.rename(tmp_path / "second")
    home.mkdir()
    (home / "lake").symlink_to(second / "lake")
    for database, root in (second / "w.db", second / "lake"), (second / "w.db", home / "lake"):
        with opened(database, root) as (lake, connection):
            rows, added = total(connection)
            connection.execute("INSERT INTO m.s.t VALUES (7, 'c')")
            connection.execute("DROP TABLE IF EXISTS m.s.u")
            connection.execute("CREATE TABLE m.s.u AS SELECT 1 AS i")
            stray = second / "lake" / "stray.parquet"
            stray.write_bytes(b"x")
            keep_up(lake, AT_ONCE)
            keep_up(lake, AT_ONCE)
            assert not stray.exists()
        with opened(database, root) as (_, connection):  # nothing is remembered of the first
            assert total(connection) == (rows + 1, added + 7)
            assert connection.execute("FROM m.s.u").fetchall() == [(1,)]


@pytest.mark.parametrize("part", ["s", "s/t", "s/t/data", "s/t/data/k=a"])
@pytest.mark.parametrize("outside", [False, True])
def test_a_folder_of_the_lake_that_lies_elsewhere_behind_a_link(
    home: Path, tmp_path: Path, part: str, outside: bool
) -> None:
    [table] = (home / "lake" / "s").iterdir()
    linked = home / "lake" / part.replace("s/t", f"s/{table.name}")
    linked.symlink_to(linked.rename((tmp_path if outside else home / "lake") / "elsewhere"))
    for _ in range(2):
        with opened(home / "w.db", home / "lake") as (lake, connection):
            before = total(connection)
            connection.execute("INSERT INTO m.s.t VALUES (0, 'a')")
            keep_up(lake, AT_ONCE)
            keep_up(lake, AT_ONCE)
        with opened(home / "w.db", home / "lake") as (_, connection):
            assert total(connection) == (before[0] + 1, before[1])


def test_a_folder_that_moves_behind_a_link_while_the_lake_is_open(home: Path) -> None:
    with opened(home / "w.db", home / "lake") as (lake, connection):
        before = total(connection)
        keep_up(lake, AT_ONCE)
        [table] = (home / "lake" / "s").iterdir()
        table.symlink_to(table.rename(home / "lake" / "elsewhere"))
        keep_up(lake, AT_ONCE)
        keep_up(lake, AT_ONCE)
    with opened(home / "w.db", home / "lake") as (_, connection):
        assert total(connection) == before


def test_nothing_of_a_copied_lake_is_removed(home: Path, tmp_path: Path) -> None:
    copy = Path(shutil.copytree(home, tmp_path / "copy"))
    before = on_disk(copy / "lake"), on_disk(home / "lake")
    with opened(copy / "w.db", copy / "lake") as (lake, connection):
        with pytest.raises(LakeError, match=f"`{copy}/lake` is a copy of them"):
            keep_up(lake, AT_ONCE)
        with pytest.raises(duckdb.Error, match="is a copy of them"):
            connection.execute("INSERT INTO m.s.t VALUES (9, 'z')")
    assert on_disk(copy / "lake") == before[0]
    assert on_disk(home / "lake") >= before[1]


def made_in(database: Path, root: str, variables: dict[str, str]) -> None:
    with Lake.open(str(database), root, variables) as lake, connect() as connection:
        lake.attach(connection, "main", "m", author="ada")
        for schema in ("s", '"ä"'):  # the second's folder is listed before that of the notes
            connection.execute(f"CREATE SCHEMA m.{schema}")
            connection.execute(f"CREATE TABLE m.{schema}.t AS SELECT 1 AS i")


@pytest.mark.parametrize("inner", ["lake", "lake/other/one"])
def test_upkeep_takes_nothing_of_another_lake_in_a_folder(inner: str, tmp_path: Path) -> None:
    expect_both_kept(f"{tmp_path}/lake", f"{tmp_path}/{inner}", tmp_path, {})


@pytest.mark.parametrize("inner", ["lake", "lake/other/one"])
def test_upkeep_takes_nothing_of_another_lake_in_a_bucket(
    scheme: str, objects: Objects, inner: str, tmp_path: Path
) -> None:
    expect_both_kept(f"{scheme}://lake/lake", f"{scheme}://lake/{inner}", tmp_path, objects.variables)


def expect_both_kept(outer: str, inner: str, folder: Path, variables: dict[str, str]) -> None:
    """Of two lakes in the same place, or the second below the first."""
    lakes = {folder / "a.db": outer, folder / "b.db": inner}
    for database, root in lakes.items():
        made_in(database, root, variables)
    storage = open_storage(inner, variables)
    before = {found.location for found in storage.listing()}
    for database, root in lakes.items():
        with Lake.open(str(database), root, variables) as lake:
            if outer == inner:
                with pytest.raises(LakeError, match=r"another lake, .* nothing is removed"):
                    keep_up(lake, AT_ONCE)
                continue
            alone = lake.storage.lakes()
            keep_up(lake, Options(keep=timedelta(days=1), grace=timedelta(0), dry_run=True))
            assert lake.storage.lakes() == alone
            stray = f"{lake.storage.location}/x/stray.parquet"
            lake.storage.put(stray, b"x")
            keep_up(lake, Options(keep=timedelta(days=1), grace=timedelta(0)))
            assert stray not in {found.location for found in lake.storage.listing()}
    assert {found.location for found in storage.listing()} == before


def test_nothing_of_a_copied_bucket_is_removed(scheme: str, objects: Objects, tmp_path: Path) -> None:
    first, second = f"{scheme}://lake/first", f"{scheme}://lake/second"
    with Lake.open(str(tmp_path / "w.db"), first, objects.variables) as lake, connect() as connection:
        lake.attach(connection, "main", "m", author="ada")
        connection.execute("CREATE SCHEMA m.s")
        connection.execute("CREATE TABLE m.s.t AS SELECT 1 AS i")
    old, new = (open_storage(root, objects.variables) for root in (first, second))
    for found in old.listing():
        new.put(found.location.replace(first, second), old.read_bytes(found.location))
    before = {found.location for found in new.listing()}
    with Lake.open(str(tmp_path / "w.db"), second, objects.variables) as lake:
        with pytest.raises(LakeError, match="is a copy of them"):
            keep_up(lake, AT_ONCE)
        old.remove([found.location for found in old.listing()])
        with pytest.raises(LakeError, match="Move it back; nothing is removed"):
            keep_up(lake, AT_ONCE)
    assert {found.location for found in new.listing()} == before
