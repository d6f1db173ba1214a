"""Files that nothing leads to go; nothing else does, whenever upkeep is killed."""

import json
import os
from collections.abc import Callable, Collection, Iterator
from datetime import timedelta
from pathlib import Path
from random import Random
from typing import Any

import duckdb
import pytest

from wherry.errors import LakeError
from wherry.lake import database
from wherry.lake.attach import connect
from wherry.lake.folder import Folder
from wherry.lake.lake import Lake
from wherry.lake.pointer import Put
from wherry.lake.storage import NOTES, Storage, StoredFile
from wherry.lake.upkeep import forget
from wherry.lake.upkeep.reach import Reach
from wherry.lake.upkeep.upkeep import Options, Report, keep_up
from wherry.model.run import Run
from wherry.state.runs import start_run

Rows = Callable[[str], list[tuple[Any, ...]]]

NOTHING = timedelta(0)
HOUR = timedelta(hours=1)


def at_once(**more: Any) -> Options:
    return Options(keep=NOTHING, grace=NOTHING, **more)


def on_disk(lake: Lake) -> set[str]:
    return {found.location for found in lake.storage.listing()}


def needed(lake: Lake) -> set[str]:
    """What branches and all commits of the log lead to."""
    reach = Reach(lake.storage)
    with database.reading(lake.database) as connection:
        reach.mark(connection, forget.Kept(connection, 0))
    return reach.files


def age(lake: Lake, hours: float) -> None:
    """Have all files written so long ago."""
    for path in on_disk(lake):
        written = os.stat(path).st_mtime - hours * 3600  # noqa: PTH116
        os.utime(path, (written, written))


def test_what_a_dropped_table_leaves_goes_with_its_last_commit(lake: Lake, rows: Rows) -> None:
    rows("CREATE TABLE m.s.t AS SELECT 1 AS i")
    folder = Path(lake.pointer("main", "s.t").location or "").parent.parent  # type: ignore[union-attr]
    rows("DROP TABLE m.s.t")
    kept = keep_up(lake, Options(grace=NOTHING)).swept
    assert (kept.files, kept.kept) == (0, 4) and folder.exists()
    rows("CREATE TABLE m.s.u AS SELECT 1 AS i")
    report = keep_up(lake, at_once())
    assert (report.commits, report.swept.files) == (1, 4) and report.swept.bytes > 500
    assert [path for path in folder.rglob("*") if path.is_file()] == []
    keep_up(lake, at_once())
    assert not folder.exists()
    assert rows("FROM m.s.u") == [(1,)]


def test_a_file_out_of_reach_goes_in_two_steps(lake: Lake, rows: Rows) -> None:
    stray = lake.storage.root / "s" / "stray.parquet"
    rows("CREATE TABLE m.s.t AS SELECT 1 AS i")
    stray.write_bytes(b"x" * 100)
    # It may be about to be committed.
    assert (keep_up(lake, Options(grace=HOUR)).swept.waiting, stray.exists()) == (1, True)
    age(lake, 2)
    # It is old, but somebody may have begun to read it just before it went out of reach.
    first = keep_up(lake, Options(grace=HOUR)).swept
    assert (first.files, first.waiting, first.waiting_bytes, stray.exists()) == (0, 1, 100, True)
    notes = lake.storage.root / NOTES / "out-of-reach.jsonl"
    notes.write_text(json.dumps([str(stray), 0.0]))  # noted long ago
    dry = keep_up(lake, Options(grace=HOUR, dry_run=True)).swept
    assert (dry.files, dry.bytes, stray.exists()) == (1, 100, True)
    second = keep_up(lake, Options(grace=HOUR)).swept
    assert (second.files, second.bytes, second.waiting, stray.exists()) == (1, 100, 0, False)
    assert rows("FROM m.s.t") == [(1,)]


def test_what_a_run_under_way_writes_is_left_alone(lake: Lake, rows: Rows) -> None:
    rows("CREATE TABLE m.s.t AS SELECT 1 AS i")
    stray = lake.storage.root / "s" / "stray.parquet"
    stray.write_bytes(b"x")
    began = "2020-01-01T00:00:00Z"
    start_run(lake.database, Run(id="1", branch="main", work_branch="run/1", state="running", started_at=began), 1)
    assert keep_up(lake, at_once()).swept.waiting == 1 and stray.exists()
    idle = Options(keep=NOTHING, grace=NOTHING, idle={"main"})
    assert keep_up(lake, idle).swept.files == 1 and not stray.exists()


def test_a_reader_under_way_finishes(lake: Lake, rows: Rows) -> None:
    rows("CREATE TABLE m.s.t AS SELECT range AS i FROM range(10)")
    for number in range(5):
        rows(f"INSERT INTO m.s.t VALUES ({number})")
    age(lake, 48)
    with connect() as reader:
        lake.attach(reader, "main", "m")
        reader.execute("BEGIN")
        assert reader.execute("SELECT count(*) FROM m.s.t").fetchall() == [(15,)]
        for _ in range(3):
            assert keep_up(lake, Options(keep=NOTHING, grace=HOUR)).swept.files == 0
        assert reader.execute("SELECT sum(i) FROM m.s.t").fetchall() == [(55,)]


def test_a_file_that_is_committed_during_the_sweep_stays(
    lake: Lake, rows: Rows, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows("CREATE TABLE m.s.t AS SELECT 1 AS i")
    lake.create_branch("dev")
    with connect() as other:
        lake.attach(other, "dev", "d")
        other.execute("INSERT INTO d.s.t VALUES (2)")
    location = lake.pointer("dev", "s.t").location  # type: ignore[union-attr]
    lake.drop_branch("dev")
    listing = Folder.listing

    def listed(storage: Folder) -> Iterator[StoredFile]:
        yield from listing(storage)
        monkeypatch.setattr(Folder, "listing", listing)
        lake.put("main", [Put(name="s.t", kind="table", location=location)], author="", message="found again")

    monkeypatch.setattr(Folder, "listing", listed)
    keep_up(lake, Options(tables=["none"], keep=NOTHING, grace=NOTHING))
    assert rows("FROM m.s.t ORDER BY i") == [(1,), (2,)]


def test_nothing_is_removed_while_something_is_missing(lake: Lake, rows: Rows) -> None:
    rows("CREATE TABLE m.s.t AS SELECT 1 AS i")
    rows("CREATE TABLE m.s.u AS SELECT 1 AS i")
    stray = lake.storage.root / "stray"
    stray.write_bytes(b"x")
    pointer = lake.pointer("main", "s.t")
    assert pointer is not None and pointer.location is not None
    Path(lake.storage.read(pointer.location)["snapshots"][0]["manifest-list"]).unlink()
    with pytest.raises(LakeError, match="missing"):
        keep_up(lake, at_once())
    assert stray.exists()


def test_empty_folders_of_what_was_given_up_go(lake: Lake, rows: Rows) -> None:
    rows("CREATE TABLE m.s.t (i INTEGER)")
    lake.storage.new_table("gone", "t")
    assert keep_up(lake, Options(grace=HOUR)).swept.folders == 0
    assert keep_up(lake, Options(grace=NOTHING)).swept.folders == 4
    assert [p.name for p in lake.storage.root.iterdir() if p.name != NOTES] == ["s"]
    # DuckDB does not make the folder of a table's data itself.
    rows("INSERT INTO m.s.t VALUES (1)")


# Killed at any point


class Killed(BaseException):
    """Nothing more is done."""


class Killer:
    """Lets so many changes to files and database through, then none."""

    def __init__(self, patch: pytest.MonkeyPatch, allowed: int) -> None:
        self.left = allowed
        for owner, name in [
            (Folder, "put"),
            (Folder, "remove_empty"),
            (Storage, "write"),
            (Storage, "forget"),
            (database, "writing"),
        ]:
            patch.setattr(owner, name, self._guarded(getattr(owner, name)))
        one = self._guarded(Folder.remove)

        def remove(folder: Folder, locations: Collection[str]) -> None:
            for location in locations:
                one(folder, [location])

        patch.setattr(Folder, "remove", remove)

    def _guarded(self, function: Callable[..., Any]) -> Callable[..., Any]:
        def guarded(*arguments: Any, **named: Any) -> Any:
            if self.left <= 0:
                raise Killed
            self.left -= 1
            return function(*arguments, **named)

        return guarded


def wear(lake: Lake, connection: duckdb.DuckDBPyConnection) -> None:
    """Two tables with much to do, a branch, an unfinished run and files of nobody."""
    for statement in (
        "CREATE TABLE m.s.t AS SELECT range AS i FROM range(10)",
        *(f"INSERT INTO m.s.t VALUES ({number})" for number in range(4)),
        "DELETE FROM m.s.t WHERE i = 3",
        "CREATE TABLE m.s.gone AS SELECT 1 AS i",
        "DROP TABLE m.s.gone",
    ):
        connection.execute(statement)
    lake.create_branch("dev")
    lake.create_branch("run/1")
    for branch, alias in (("dev", "d"), ("run/1", "r")):
        lake.attach(connection, branch, alias)
        connection.execute(f"INSERT INTO {alias}.s.t VALUES (100)")
    connection.execute("INSERT INTO m.s.t VALUES (200)")
    (lake.storage.root / "s" / "stray.avro").write_bytes(b"x")


def test_killed_anywhere_every_table_is_whole_and_nothing_leaks(lake: Lake, tmp_path: Path) -> None:
    with connect() as connection:
        lake.attach(connection, "main", "m")
        connection.execute("CREATE SCHEMA m.s")
        wear(lake, connection)
    points = 0
    allowed = 0
    while True:
        with pytest.MonkeyPatch.context() as patch:
            killer = Killer(patch, allowed)
            try:
                keep_up(lake, at_once())
            except Killed:
                points += 1
            survived = killer.left > 0
        with connect() as reader:
            lake.attach(reader, "main", "m")
            lake.attach(reader, "dev", "d")
            assert reader.execute("SELECT count(*), sum(i) FROM m.s.t").fetchall() == [(13, 245)]
            assert reader.execute("SELECT count(*), sum(i) FROM d.s.t").fetchall() == [(13, 145)]
        if survived:
            break
        # Each point is met with as much to do as it leaves: steps of one until nothing is left to do.
        allowed += 1
    assert points > 12
    keep_up(lake, at_once())
    keep_up(lake, at_once())
    assert on_disk(lake) == needed(lake)
    assert [info.name for info in lake.branches()] == ["main", "dev"]


# Anything in any order


class Model:
    """The rows of one table on each branch, beside the lake that should hold them."""

    def __init__(self, lake: Lake, seed: int) -> None:
        self.lake, self.random = lake, Random(seed)
        self.rows: dict[str, list[int]] = {"main": [0]}
        self.connection = connect()
        lake.attach(self.connection, "main", "on_main")
        self.connection.execute("CREATE SCHEMA on_main.s")
        self.connection.execute("CREATE TABLE on_main.s.t AS SELECT 0 AS i")
        self.numbers = 0

    def insert(self, branch: str) -> None:
        self.numbers += 1
        self.connection.execute(f"INSERT INTO on_{branch}.s.t VALUES ({self.numbers})")
        self.rows[branch] = [*self.rows[branch], self.numbers]

    def delete(self, branch: str) -> None:
        rest = self.random.choice((2, 3))
        self.connection.execute(f"DELETE FROM on_{branch}.s.t WHERE i % {rest} = 1")
        self.rows[branch] = [i for i in self.rows[branch] if i % rest != 1]

    def fork(self, branch: str) -> None:
        self.numbers += 1
        name = f"b{self.numbers}"
        if name not in self.rows and len(self.rows) < 5:
            self.lake.create_branch(name, parent=branch)
            self.lake.attach(self.connection, name, f"on_{name}")
            self.rows[name] = self.rows[branch]

    def merge(self, branch: str) -> None:
        parent = next(info.parent for info in self.lake.branches() if info.name == branch)
        if parent is None or not self.lake.own_pointers(branch):
            return
        try:
            made = self.lake.merge(branch, author="", message="")
        except LakeError:
            return
        if made is not None:
            self.rows[parent] = self.rows[branch]

    def drop(self, branch: str) -> None:
        try:
            self.lake.drop_branch(branch)
        except LakeError:
            return
        del self.rows[branch]

    def restore(self, branch: str) -> None:
        commit = self.random.choice(self.lake.log(branch))
        try:
            self.lake.restore(commit.id, branch=branch, author="")
        except LakeError:
            return
        (total,) = self.connection.execute(f"SELECT list(i ORDER BY i) FROM on_{branch}.s.t").fetchone() or ()
        self.rows[branch] = total or []

    def upkeep(self, branch: str) -> None:
        keep = self.random.choice((NOTHING, HOUR))
        self.report: Report = keep_up(self.lake, Options(branch=branch, keep=keep, grace=NOTHING))
        assert all(result.state in ("done", "unchanged") for result in self.report.tables)

    def check(self) -> None:
        for branch, expected in self.rows.items():
            found = self.connection.execute(f"SELECT i FROM on_{branch}.s.t").fetchall()
            assert sorted(i for (i,) in found) == sorted(expected), branch


@pytest.mark.parametrize("seed", range(3))
def test_every_branch_and_kept_commit_stays_readable(lake: Lake, seed: int) -> None:
    model = Model(lake, seed)
    steps = [model.insert] * 6 + [model.delete, model.fork, model.fork, model.merge, model.drop, model.restore]
    steps += [model.upkeep] * 3
    for _ in range(45):
        step = model.random.choice(steps)
        step(model.random.choice(sorted(model.rows)))
        if step == model.upkeep:
            model.check()
            assert_kept(lake)
    model.upkeep("main")
    model.check()
    assert on_disk(lake) - needed(lake) == set()
    model.connection.close()


def assert_kept(lake: Lake) -> None:
    """Every commit that the log lists can be read whole."""
    for info in lake.branches():
        for commit in lake.log(info.name, limit=1000):
            for pointer in lake.pointers(info.name, lake.resolve(commit.id)).values():
                reach = Reach(lake.storage)
                reach._past(pointer.location or "", lake.storage.read_bytes(pointer.location or ""))
                assert all(Path(path).exists() for path in reach.files), commit


def test_the_database_is_small_again(lake: Lake, rows: Rows) -> None:
    rows("CREATE TABLE m.s.t AS SELECT 1 AS i")
    for number in range(10):
        rows(f"INSERT INTO m.s.t VALUES ({number})")
    keep_up(lake, at_once())
    keep_up(lake, at_once())
    with database.reading(lake.database) as connection:
        counted = [connection.value(f"SELECT count(*) FROM {table}") for table in ('"commit"', "change")]
    assert counted == [1, 1]


def test_a_link_stays_with_all_that_it_leads_to(lake: Lake, rows: Rows, tmp_path: Path) -> None:
    rows("CREATE TABLE m.s.t AS SELECT 1 AS i")
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "precious").write_bytes(b"x")
    (lake.storage.root / "linked").symlink_to(elsewhere)
    age(lake, 5)
    for _ in range(2):
        keep_up(lake, at_once())
    assert (lake.storage.root / "linked" / "precious").exists()
