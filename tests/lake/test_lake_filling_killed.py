"""A process that dies while copied files become rows of a table leaves all of them, or none."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from datetime import timedelta

import duckdb

from wherry.lake import database as databases
from wherry.lake.lake import Lake
from wherry.lake.upkeep.forget import Kept
from wherry.lake.upkeep.reach import Reach
from wherry.lake.upkeep.upkeep import Options, keep_up

AT_ONCE = Options(keep=timedelta(0), grace=timedelta(0))

WORKER = """
import os, signal, sys
from wherry.lake.attach import connect
from wherry.lake.lake import Lake
from wherry.lake import filling

database, root, at = sys.argv[1], sys.argv[2], int(sys.argv[3])
with Lake.open(database, root) as lake, connect() as db:
    lake.attach(db, "main", "m")
    db.execute("CREATE TABLE m.s.t AS SELECT 1 AS i WITH NO DATA")
    pointer = lake.pointer("main", "s.t")
    calls = 0

    def tick(frame, event, argument):
        global calls
        if event == "call" and "wherry" in frame.f_code.co_filename:
            calls += 1
            if calls == at:
                os.kill(os.getpid(), signal.SIGKILL)

    lake.carry("main", "s.t", {"v": 1})
    sys.setprofile(tick)
    query = "SELECT i::INTEGER AS i FROM range(1000) AS t(i)"
    metadata = lake.storage.read(pointer.location)
    statement = filling.copy_statement(query, metadata, 40_960)
    files = filling.written(db.execute(statement).fetchall(), metadata)
    lake.fill("main", "s.t", metadata, files, db)
    sys.setprofile(None)
    print(calls)
"""


def worker(lake: Lake, database: str, at: int) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", WORKER, database, lake.storage.location, str(at)]
    return subprocess.run(command, capture_output=True, text=True)


def test_killed_at_any_step(lake: Lake, db: duckdb.DuckDBPyConnection, database: str) -> None:
    whole = worker(lake, database, 0)
    assert whole.returncode == 0, whole.stderr
    steps = int(whole.stdout)
    deep = bool(os.environ.get("WHERRY_DEEP"))
    ways = range(1, steps + 1) if deep else sorted({1 + n * (steps - 1) // 7 for n in range(8)})
    db.execute("DROP TABLE m.s.t")
    seen = set()
    for at in ways:
        died = worker(lake, database, at)
        # How often a database is asked whether it has answered is not the same each time.
        ended = died.returncode == 0 and int(died.stdout) < at
        assert died.returncode == -signal.SIGKILL or ended, (at, died.stderr)
        pointer = lake.pointer("main", "s.t")
        assert pointer is not None
        # All rows with their state, or none of both.
        rows = db.execute("SELECT count(*), coalesce(sum(i), 0) FROM m.s.t").fetchall()[0]
        assert (*rows, pointer.state.get("v")) in {(0, 0, None), (1000, 499_500, 1)}, at
        seen.add(rows[0])
        keep_up(lake, AT_ONCE)
        keep_up(lake, AT_ONCE)
        assert db.execute("SELECT count(*), coalesce(sum(i), 0) FROM m.s.t").fetchall()[0] == rows, at
        reach = Reach(lake.storage)
        with databases.reading(lake.database) as connection:
            reach.mark(connection, Kept(connection, 0))
        assert {found.location for found in lake.storage.listing()} == reach.files, at
        db.execute("DROP TABLE m.s.t")
    assert seen == {0, 1000}
