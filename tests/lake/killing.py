"""Kill a process that works on a lake, at any point of its work, and look at what is left.

    python tests/lake/killing.py [--times 500] [--seed 1] [--postgres] [--ways commit merge ...]

Children commit, merge, restore, keep up and migrate, in turns on one lake, and end by SIGKILL: one half by their own
hand at a call of their Python (ours, the drivers', the system's) drawn by lot, the other half by their parent's at a
moment drawn by lot, in the middle of whatever DuckDB or the database is doing then. After each one every branch is read
whole, every row is accounted for, and one upkeep leaves no file that nothing leads to.
"""

import argparse
import os
import random
import shutil
import signal
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from types import FrameType
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

from wherry.errors import LakeError
from wherry.lake import database as db
from wherry.lake.attach import connect
from wherry.lake.lake import Lake
from wherry.lake.upkeep.forget import Kept
from wherry.lake.upkeep.reach import Reach
from wherry.lake.upkeep.upkeep import Options, keep_up

WAYS = ("commit", "merge", "restore", "upkeep", "migrate")
ROWS = 3
#: What the branch ``dev`` has that ``main`` has not.
ON_DEV = 1_000_000
AT_ONCE = Options(keep=timedelta(0), grace=timedelta(0))


class Killer:
    """Ends this process at its ``at``-th call after ``arm`` (0: never), those of threads that begin later included."""

    def __init__(self, at: int, armed: Callable[[], None]) -> None:
        self.at, self.calls, self.armed, self.tell = at, 0, False, armed

    def __call__(self, frame: FrameType, event: str, argument: Any) -> None:
        if self.armed:
            self.calls += 1
            if self.calls == self.at:
                os.kill(os.getpid(), signal.SIGKILL)

    def arm(self) -> None:
        self.tell()
        self.armed = True


class Ground:
    """A lake that children work on, and what they were told was done."""

    def __init__(self, database: str, folder: Path) -> None:
        self.database, self.folder = database, folder
        self.told = folder / "told"
        self.told.touch()
        with self.open() as lake, connect() as connection:
            lake.attach(connection, "main", "m")
            connection.execute("CREATE SCHEMA m.s")
            for table in "ab":
                connection.execute(f"CREATE TABLE m.s.{table} (number INTEGER, part INTEGER)")
            lake.create_branch("dev")
            lake.attach(connection, "dev", "d")
            write(connection, "d", ON_DEV)

    def open(self) -> Lake:
        return Lake.open(self.database, self.folder / "lake")

    def acknowledge(self, number: int) -> None:
        """Note, outside the process, that a piece of work was told to be done."""
        handle = os.open(self.told, os.O_WRONLY | os.O_APPEND)
        os.write(handle, f"{number}\n".encode())
        os.close(handle)

    def acknowledged(self) -> set[int]:
        return {int(line) for line in self.told.read_text().split()}

    def forget(self) -> None:
        self.told.write_text("")


def write(connection: Any, catalog: str, number: int) -> None:
    """Rows in both tables in one transaction."""
    connection.begin()
    for table in "ab":
        rows = f"SELECT {number}, range FROM range({ROWS})"
        connection.execute(f"INSERT INTO {catalog}.s.{table} {rows}")
    connection.commit()


def work(ground: Ground, way: str, number: int, killer: Killer) -> None:
    """What a child does until it is killed."""
    if way == "migrate":
        killer.arm()
        with ground.open():
            ground.acknowledge(number)
        return
    with ground.open() as lake, connect() as connection:
        lake.attach(connection, "main", "m")
        if way == "merge":
            branch = f"run/{number}"
            lake.create_branch(branch)
            lake.attach(connection, branch, "r")
            killer.arm()
            write(connection, "r", number)
            lake.merge(branch, author="ada", message="publish")
        elif way == "upkeep":
            # Small files, deletes, a branch that nobody needs, and commits to forget.
            write(connection, "m", number)
            connection.execute(f"UPDATE m.s.a SET part = part WHERE number = {number}")
            lake.create_branch(f"run/{number}")
            lake.attach(connection, f"run/{number}", "r")
            connection.execute("CREATE TABLE r.s.left_over AS SELECT 1 AS i")
            lake.drop_branch(f"run/{number}")
            killer.arm()
            keep_up(lake, AT_ONCE)
        else:
            killer.arm()
            write(connection, "m", number)
        ground.acknowledge(number)
        if way == "restore":
            newest, before = lake.log("main", limit=2)
            lake.restore(before.id, author="ada")
            lake.restore(newest.id, author="ada")
            ground.acknowledge(-number)


@dataclass(slots=True)
class Child:
    """How one child ended."""

    #: Whether it was killed, rather than done before.
    killed: bool
    #: Calls and seconds from ``arm`` to the end, of one that came to it.
    calls: int = 0
    seconds: float = 0.0


def run(ground: Ground, way: str, number: int, *, at: int = 0, after: float = 0.0) -> Child:
    """Run a child that is killed at its ``at``-th call, or ``after`` seconds; with neither it comes to its end."""
    sys.stdout.flush()
    hears, tells = os.pipe()
    child = os.fork()
    if child == 0:
        code = 1
        try:
            os.close(hears)
            killer = Killer(at, lambda: os.write(tells, b"armed\n"))
            if not after:
                threading.setprofile(killer)
                sys.setprofile(killer)
            work(ground, way, number, killer)
            sys.setprofile(None)
            os.write(tells, f"{killer.calls}\n".encode())
            code = 0
        finally:
            os._exit(code)
    os.close(tells)
    began, calls = time.monotonic(), 0
    with os.fdopen(hears) as told:
        if told.readline() and after:
            began = time.monotonic()
            time.sleep(after)
            os.kill(child, signal.SIGKILL)
        elif not after:
            began = time.monotonic()
            calls = int(told.readline() or 0)
    _, status = os.waitpid(child, 0)
    code = os.waitstatus_to_exitcode(status)
    if code not in (0, -signal.SIGKILL):
        raise AssertionError(f"the child ended with {code}")
    return Child(code != 0, calls, time.monotonic() - began)


@dataclass(slots=True)
class Torture:
    """Children killed on one lake, and what is known to be in it."""

    ground: Ground
    lots: random.Random
    #: Pieces on ``main``.
    seen: set[int] = field(default_factory=set)
    number: int = 0
    #: By way: how long a child that is left alone works.
    known: dict[str, Child] = field(default_factory=dict)
    tried: Counter[str] = field(default_factory=Counter)
    hit: Counter[str] = field(default_factory=Counter)

    def one(self, way: str) -> str:
        """Kill one child; what is wrong afterwards."""
        if way not in self.known:
            self.number += 1
            self.known[way] = run(self.ground, way, self.number)
            if problem := self._look(way):
                return problem
            if way == "migrate":
                make_old(self.ground)
        alone = self.known[way]
        self.number += 1
        self.tried[way] += 1
        if self.tried[way] % 2:
            child = run(self.ground, way, self.number, at=self.lots.randrange(1, alone.calls))
        else:
            # Without the counting of calls it works faster.
            child = run(self.ground, way, self.number, after=self.lots.uniform(0.001, alone.seconds))
        self.hit[way] += child.killed
        return self._look(way)

    def _look(self, way: str) -> str:
        try:
            problem = self._wrong(way)
        except LakeError as error:
            problem = str(error)
        self.ground.forget()
        return f"after {way} {self.number}: {problem}" if problem else ""

    def _wrong(self, way: str) -> str:
        """What is wrong with the lake now."""
        told = self.ground.acknowledged()
        may = self.seen if way == "migrate" else self.seen | {self.number}
        must = {"restore": -self.number in told, "migrate": False, "upkeep": True}.get(way, self.number in told)
        with self.ground.open() as lake:
            with connect() as connection:
                lake.attach(connection, "main", "m")
                pieces, problem = _pieces(lake, connection, "main", "m")
                if problem:
                    return problem
                sure = may if must else self.seen
                if not sure <= pieces <= may:
                    return f"there are {pieces}, and {sure} must be there"
                self.seen = pieces
                for info in lake.branches():
                    if info.name != "main":
                        lake.attach(connection, info.name, "b")
                        found, problem = _pieces(lake, connection, info.name, "b")
                        connection.execute("DETACH b")
                        if problem or (info.name == "dev" and found != {ON_DEV}):
                            return problem or f"dev has {found}"
                        if info.name != "dev":
                            lake.drop_branch(info.name)
            report = keep_up(lake, AT_ONCE)
            if bad := [result for result in report.tables if result.state not in ("done", "unchanged")]:
                return f"upkeep could not keep up {bad}"
            reach = Reach(lake.storage)
            with db.reading(lake.database) as connection:
                reach.mark(connection, Kept(connection, 0))
            leaked = {found.location for found in lake.storage.listing()} ^ reach.files
            return f"these files are leaked or missing: {leaked}" if leaked else ""


def _pieces(lake: Lake, connection: Any, branch: str, alias: str) -> tuple[set[int], str]:
    """The pieces that a branch has whole, and what is wrong with it."""
    pieces = []
    for table in "ab":
        found = Counter(row[0] for row in connection.execute(f"SELECT number FROM {alias}.s.{table}").fetchall())
        if any(count != ROWS for count in found.values()):
            return set(), f"pieces are torn or doubled in {table} of {branch}: {found}"
        pieces.append(set(found))
        pointer = lake.pointer(branch, f"s.{table}")
        if pointer is None or (table == "b" and pointer.rows != sum(found.values())):
            return set(), f"the lake counts other rows than {table} of {branch} has"
    if pieces[0] != pieces[1]:
        return set(), f"in {branch} one table has what the other lacks: {pieces[0] ^ pieces[1]}"
    return pieces[0], ""


def make_old(ground: Ground) -> None:
    """Take the database back to version 1."""
    with ground.open() as lake, db.writing(lake.database) as connection:
        connection.change("DROP TABLE lease")
        connection.change("UPDATE meta SET value = '1' WHERE name = 'version'")


def torture(ways: Sequence[str], times: int, lots: random.Random, *, postgres: bool) -> tuple[str, str]:
    """Kill so many children; how many of each way were hit, and what went wrong."""
    import postgres_server

    folder = Path(tempfile.mkdtemp(prefix="wherry-kill-"))
    database = str(folder / "wherry.db")
    if postgres:
        database = postgres_server.new_database(postgres_server.start())
    try:
        under_way = Torture(Ground(database, folder), lots)
        problem = ""
        order = [ways[number % len(ways)] for number in range(times)]
        lots.shuffle(order)
        for way in order:
            if way == "migrate":
                make_old(under_way.ground)
            if problem := under_way.one(way):
                break
        told = ", ".join(f"{way} {under_way.hit[way]} of {under_way.tried[way]}" for way in ways)
        return told, problem
    finally:
        shutil.rmtree(folder)


def main() -> int:
    words = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    words.add_argument("--times", type=int, default=500, help="children to kill, over all ways")
    words.add_argument("--seed", type=int, default=1)
    words.add_argument("--postgres", action="store_true", help="pointers in a PostgreSQL of its own")
    words.add_argument("--ways", nargs="+", choices=WAYS, default=WAYS)
    asked = words.parse_args()
    import postgres_server

    own = postgres_server.VARIABLE not in os.environ
    began = time.monotonic()
    told, problem = torture(asked.ways, asked.times, random.Random(asked.seed), postgres=asked.postgres)
    where = "PostgreSQL" if asked.postgres else "SQLite"
    print(
        f"{where}, killed before they were done: {told}; {time.monotonic() - began:.0f} s: {problem or 'nothing wrong'}"
    )
    if asked.postgres and own:
        postgres_server.stop()
    return 1 if problem else 0


if __name__ == "__main__":
    sys.exit(main())
