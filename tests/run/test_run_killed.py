"""A run killed at any moment changes nothing, and the next one ends with what an undisturbed run would have made."""

import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from itertools import count, pairwise
from pathlib import Path

from run_folder import Folder, states

FIRST, SECOND = datetime(2026, 1, 10, 12), datetime(2026, 1, 12, 12)
TABLES = ("raw.customers", "raw.events", "s.v", "s.r", "s.a", "s.i", "s.m", "s.h", "s.p", "s.w", "s.old")

PYTHON = """
from wherry import Table, table

@table(columns={"twice": {"checks": ["not_null"]}})
def p(events: Table["s.v"]):
    frame = events.df()
    frame["twice"] = frame["x"] * 2
    return frame[["id", "twice"]]
"""


def begin(folder: Folder) -> None:
    """A project with every build word, and data for its first run."""
    folder.write(
        {
            "sources/drop.yml": "connector: files\npath: data/\ntables:\n"
            "  customers.csv: {as: raw.customers, columns: {id: {checks: [unique]}}}\n"
            '  "events/*.csv": {as: raw.events, mode: incremental}\n',
            "data/customers.csv": "id,name\n1,ann\n2,bob\n3,cid\n",
            "data/events/1.csv": "id,moment,x\n1,2026-01-08 01:00:00,10\n2,2026-01-09 02:00:00,20\n",
            "data/events/2.csv": "id,moment,x\n3,2026-01-10 03:00:00,30\nbad,row\n",
            "checks/sums.sql": "SELECT 1 FROM s.r, s.m WHERE s.r.n < 0",
        }
    )
    folder.tables(
        v="-- build: view\nSELECT id, moment, x FROM raw.events",
        r="-- checks: [rows > 0]\nSELECT moment::DATE AS day, count(*) AS n, sum(x) AS total FROM s.v GROUP BY ALL",
        a="-- build: append\nSELECT count(*) AS events, sum(x) AS total FROM raw.events",
        i="-- build: incremental by moment\nSELECT moment, id FROM raw.events WHERE moment >= $start AND moment < $end",
        m="-- build: merge on id\nSELECT id, name FROM raw.customers",
        h="-- build: history on id\nSELECT id, name FROM raw.customers",
        p=PYTHON,
        w="-- build: view\nSELECT count(*) AS n FROM s.m",
        old="SELECT 1 AS one",
    )


def go_on(folder: Folder) -> None:
    """News for every table: a view becomes a table, a file of a table goes, rows come, change and disappear."""
    folder.write(
        {
            "data/customers.csv": "id,name\n1,ann\n2,BOB\n4,dot\n",
            "data/events/2.csv": "id,moment,x\n3,2026-01-10 03:00:00,31\n",
            "data/events/3.csv": "id,moment,x\n4,2026-01-11 04:00:00,40\n5,2026-01-12 05:00:00,50\n",
        }
    )
    folder.tables(
        r="-- checks: [rows > 0]\nSELECT moment::DATE AS day, count(*) AS n, max(x) AS most FROM s.v GROUP BY ALL",
        w="SELECT count(*) AS n FROM s.m",
    )
    folder.remove("tables/s/old.sql")


@contextmanager
def killer(folder: Path, now: datetime) -> Iterator[Callable[[str, int], str]]:
    command = [sys.executable, str(Path(__file__).with_name("killed.py")), str(folder), now.isoformat()]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None and process.stdout is not None

        def kill(what: str, number: int) -> str:
            process.stdin.write(f"{what} {number}\n")  # type: ignore[union-attr]
            process.stdin.flush()  # type: ignore[union-attr]
            return process.stdout.readline().strip()  # type: ignore[union-attr]

        yield kill
        process.stdin.close()


class Scene:
    """A project right before a run, to go back to as often as one likes."""

    #: What is looked at.
    tables = TABLES

    def __init__(self, path: Path, kept: Path, now: datetime) -> None:
        self.path, self.kept, self.now = path, kept, now
        shutil.copytree(path, kept)
        with self.opened() as folder:
            self.old = folder.contents(*self.tables)
            folder.done(now=now, jobs=1)
            self.new = folder.contents(*self.tables)

    def back(self) -> None:
        shutil.rmtree(self.path)
        shutil.copytree(self.kept, self.path)

    @contextmanager
    def opened(self) -> Iterator[Folder]:
        folder = Folder(self.path)
        yield folder
        folder.close()

    def killed_at(self, what: str, every: int) -> list[set[str]]:
        """Kill a run before every so many commits or statements until it ends by itself.

        Returns for each kill the tables that the next run had to build.
        """
        built: list[set[str]] = []
        with killer(self.path, self.now) as kill:
            for number in count(every, every):
                self.back()
                outcome = kill(what, number)
                if outcome.startswith("ended"):
                    break
                assert outcome == "killed"
                built.append(self.recover())
        return built

    def killed_times(self, what: str, times: int) -> None:
        """Kill a run at so many moments (0: at each), from the first on, as far from one another as can be."""
        with killer(self.path, self.now) as kill:
            self.back()
            ended, _, counted = kill(what, sys.maxsize).partition(" ")
            assert ended == "ended" and int(counted) >= max(times, 1)
            times = times or int(counted)
            for number in (1 + n * int(counted) // times for n in range(times)):
                self.back()
                assert kill(what, number) == "killed", (what, number, counted)
                self.recover()

    def recover(self) -> set[str]:
        """What a killed run left is whole; the next run ends well. Returns the tables that it had to build."""
        with self.opened() as folder:
            assert folder.contents(*self.tables) in (self.old, self.new)
            made = folder.done(now=self.now, jobs=1)
            assert folder.contents(*self.tables) == self.new
            assert folder.leftovers() == []
            commits = len(folder.lake.log(None, limit=1000))
            again = folder.done(now=self.now, jobs=1)
            assert set(states(again).values()) == {"skipped"}
            assert len(folder.lake.log(None, limit=1000)) == commits
            return {name for name, state in states(made).items() if state == "built"} - {"v", "w"}


def prepared(path: Path, *, first: bool) -> Scene:
    """Right before everything is made, or before everything changes."""
    path.mkdir()
    folder = Folder(path)
    begin(folder)
    if not first:
        folder.done(now=FIRST, jobs=1)
        go_on(folder)
    folder.close()
    return Scene(path, path.with_name("kept"), FIRST if first else SECOND)


def test_killed_before_every_commit(tmp_path: Path) -> None:
    built = prepared(tmp_path / "project", first=False).killed_at("commit", every=1)
    assert len(built) > 20
    # What was finished before the kill is never built again.
    assert all(later <= earlier for earlier, later in pairwise(built)), built
    assert len(built[0]) == 8 and not built[-1]


def test_killed_between_statements_of_the_first_run(tmp_path: Path) -> None:
    built = prepared(tmp_path / "project", first=True).killed_at("statement", every=9)
    assert len(built) > 3
    assert all(later <= earlier for earlier, later in pairwise(built)), built
