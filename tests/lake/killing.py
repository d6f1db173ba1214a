"""Kill a process that works on a lake, at any point of its work, and look at what is left.

    python tests/lake/killing.py [--times 500] [--seed 1] [--postgres]

Each child counts the calls that its Python makes (ours, the drivers', the system's) and sends itself SIGKILL at a call
drawn by lot: between any two of them, in a commit, a merge, a restore or a migration.
"""

import argparse
import os
import random
import shutil
import signal
import sys
import tempfile
import threading
from collections import Counter
from pathlib import Path
from types import FrameType
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

from wherry.errors import LakeError
from wherry.lake.attach import connect
from wherry.lake.lake import Lake

WAYS = ("commit", "merge", "restore", "migrate")
#: About how many calls a child makes before its work is done, by way: lots are drawn below.
CALLS = {"commit": 18_000, "merge": 38_000, "restore": 40_000, "migrate": 5_000}
ROWS = 3


class Killer:
    """Ends this process at its ``at``-th call after ``arm``; counts those of all threads that begin later."""

    def __init__(self, at: int) -> None:
        self.at, self.calls, self.armed = at, 0, False
        threading.setprofile(self)
        sys.setprofile(self)

    def __call__(self, frame: FrameType, event: str, argument: Any) -> None:
        if self.armed:
            self.calls += 1
            if self.calls == self.at:
                os.kill(os.getpid(), signal.SIGKILL)

    def arm(self) -> None:
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
        if way == "merge":
            branch = f"run/{number}"
            lake.create_branch(branch)
            lake.attach(connection, branch, "r")
            killer.arm()
            write(connection, "r", number)
            lake.merge(branch, author="ada", message="publish")
        else:
            lake.attach(connection, "main", "m")
            killer.arm()
            write(connection, "m", number)
        ground.acknowledge(number)
        if way == "restore":
            newest, before = lake.log("main", limit=2)
            lake.restore(before.id, author="ada")
            ground.acknowledge(-number)
            lake.restore(newest.id, author="ada")


def killed(ground: Ground, way: str, number: int, at: int) -> bool:
    """Run a child that is killed at its ``at``-th call; whether it was, rather than done before."""
    sys.stdout.flush()
    child = os.fork()
    if child == 0:
        code = 1
        try:
            work(ground, way, number, Killer(at))
            code = 0
        finally:
            os._exit(code)
    _, status = os.waitpid(child, 0)
    code = os.waitstatus_to_exitcode(status)
    if code not in (0, -signal.SIGKILL):
        raise AssertionError(f"the child ended with {code}")
    return code != 0


def wrong(ground: Ground, way: str, number: int, seen: set[int]) -> tuple[str, set[int]]:
    """What is wrong with the lake after piece ``number``, given the pieces ``seen`` before; and the pieces now."""
    with ground.open() as lake, connect() as connection:
        lake.attach(connection, "main", "m")
        pieces = []
        for table in "ab":
            found = Counter(row[0] for row in connection.execute(f"SELECT number FROM m.s.{table}").fetchall())
            if any(count != ROWS for count in found.values()):
                return f"pieces are torn or doubled in {table}: {found}", seen
            pieces.append(set(found))
            pointer = lake.pointer("main", f"s.{table}")
            if pointer is None or pointer.rows != sum(found.values()):
                return f"the lake counts other rows than {table} has", seen
        if way == "migrate":
            number = 0
        if pieces[0] != pieces[1]:
            return f"one table has what the other lacks: {pieces[0] ^ pieces[1]}", seen
        told = ground.acknowledged()
        # Going back takes the newest piece away for a moment.
        sure = seen | ({number} & told if way != "restore" else set())
        if not sure <= pieces[0] <= seen | {number}:
            return f"there are {pieces[0]}, acknowledged were {sure}", seen
        for info in lake.branches():
            lake.attach(connection, info.name, "b")
            connection.execute("SELECT count(*) FROM b.s.a").fetchall()
            connection.execute("DETACH b")
            if info.name != "main":
                lake.drop_branch(info.name)
        return "", pieces[0]


def torture(ground: Ground, way: str, lots: random.Random, times: int) -> tuple[int, str]:
    """Kill ``times`` children; how many were hit before they were done, and what went wrong."""
    hits, seen = 0, set[int]()
    for number in range(1, times + 1):
        hits += killed(ground, way, number, lots.randrange(1, CALLS[way]))
        try:
            problem, seen = wrong(ground, way, number, seen)
        except LakeError as error:
            problem = str(error)
        ground.forget()
        if problem:
            return hits, f"after {way} {number}: {problem}"
    return hits, ""


def old_ground(database: str, folder: Path) -> Ground:
    """A lake whose database is of version 1."""
    from wherry.lake import database as db

    ground = Ground(database, folder)
    with ground.open() as lake, lake.engine.begin() as connection:
        db.lease.drop(connection)
        connection.execute(db.meta.update().values(value="1"))
    return ground


def main() -> int:
    words = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    words.add_argument("--times", type=int, default=500, help="children to kill, over all ways")
    words.add_argument("--seed", type=int, default=1)
    words.add_argument("--postgres", action="store_true", help="pointers in a PostgreSQL of its own")
    asked = words.parse_args()
    lots, failed = random.Random(asked.seed), 0
    import postgres_server

    own = postgres_server.VARIABLE not in os.environ
    for way in WAYS:
        folder = Path(tempfile.mkdtemp(prefix="wherry-kill-"))
        total, hits, problem = asked.times // len(WAYS), 0, ""
        database = str(folder / "wherry.db")
        try:
            if way == "migrate":
                for _ in range(total):
                    inside = Path(tempfile.mkdtemp(dir=folder))
                    place = postgres_server.new_database(postgres_server.start()) if asked.postgres else ""
                    hit, problem = torture(old_ground(place or str(inside / "wherry.db"), inside), way, lots, 1)
                    hits += hit
                    if problem:
                        break
            else:
                if asked.postgres:
                    database = postgres_server.new_database(postgres_server.start())
                hits, problem = torture(Ground(database, folder), way, lots, total)
            print(f"{way:8} {total:5} children, {hits:5} killed before they were done: {problem or 'nothing wrong'}")
            failed += bool(problem)
        finally:
            shutil.rmtree(folder)
    if asked.postgres and own:
        postgres_server.stop()
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
