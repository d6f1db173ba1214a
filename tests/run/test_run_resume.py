"""A run that was mended or stopped goes on from what was built."""

import signal
import subprocess
import sys
from typing import Any

import pytest
from run_folder import NOON, Folder, result, states

from wherry.errors import Conflict, LakeError
from wherry.lake import database as db
from wherry.lake.pointer import Put, as_put
from wherry.state.runs import last_runs

#: Runs the project of a folder, and tells each event's kind and table.
DRIVER = """
import faulthandler
import os
import sys
from datetime import datetime
from pathlib import Path
from wherry.model.plan import Request
from wherry.project.config import read_config
from wherry.run.project import open_lake, open_project
from wherry.run.runner import RunOptions, run

faulthandler.dump_traceback_later(50)  # where every thread is, should it not have ended by then
config = read_config(Path(sys.argv[1]))
with open_lake(config) as lake:
    # One write a line: print would let two threads meet in one.
    tell = lambda kind, **what: os.write(1, f"{kind} {what.get('name', '')}\\n".encode()) and None
    run(open_project(config, lake), lake, Request(now=datetime(2026, 1, 10)), RunOptions(jobs=2), tell)
"""
#: Hours of work for one query.
ENDLESS = "SELECT count(*) AS n FROM range(100_000_000) AS a(i), range(100_000_000) AS b(j) WHERE (i * j) % 7 = 8"


def versions(folder: Folder, branch: str) -> dict[str, str]:
    return {key: pointer.state["version"] for key, pointer in folder.lake.pointers(branch).items()}


def test_what_was_built_is_not_built_again(folder: Folder) -> None:
    folder.tables(
        a="SELECT 1 AS x",
        b="-- build: append\nSELECT x FROM s.a",
        c="SELECT error('no ' || x) AS x FROM s.b",
        d="-- build: view\nSELECT x FROM s.c",
        e="SELECT x FROM s.b",
    )
    made = folder.run()
    assert states(made) == {"a": "built", "b": "built", "c": "failed", "d": "blocked", "e": "built"}
    assert result(made, "s.c").reason == "Invalid Input Error: no 1"
    assert set(folder.lake.pointers("main")) == {"s.a", "s.b", "s.e"}
    before = versions(folder, "main")
    folder.tables(c="SELECT x + 1 AS x FROM s.b")
    made = folder.done()
    assert states(made) == {"a": "skipped", "b": "skipped", "c": "built", "d": "built", "e": "skipped"}
    assert {key: version for key, version in versions(folder, "main").items() if key in before} == before
    assert folder.rows("s.d") == [(2,)]
    assert folder.leftovers() == []


def test_what_was_built_but_held_back_is_not_built_again(folder: Folder) -> None:
    folder.tables(a="-- checks: [x > 1]\nSELECT 1 AS x", b="SELECT 1 AS y")
    folder.write({"checks/b.sql": "SELECT * FROM s.b WHERE y < 2"})
    assert states(folder.run()) == {"a": "failed", "b": "failed"}
    (left,) = folder.leftovers()
    before = versions(folder, left)
    folder.tables(a="SELECT 1 AS x")
    folder.write({"checks/b.sql": "SELECT * FROM s.b WHERE y > 2"})
    assert states(folder.done()) == {"a": "skipped", "b": "skipped"}
    assert versions(folder, "main") == before


def test_a_table_alone_without_its_inputs(folder: Folder) -> None:
    folder.tables(a="SELECT 1 AS x", b="SELECT x FROM s.a")
    made = folder.run("s.b")
    failed = result(made, "s.b")
    assert (failed.state, failed.fault, failed.findings[0].code) == ("failed", 2, "not-built")
    assert "s.a" in failed.reason and "+s.b" in failed.findings[0].hint
    folder.done("+s.b")
    assert folder.rows("s.b") == [(1,)]


def test_files_of_an_unfinished_run_do_not_outlive_the_machine(folder: Folder) -> None:
    """They were not flushed to the disk one by one; after a restart all is built again."""
    folder.tables(a="SELECT 1 AS x", b="-- checks: [x > 1]\nSELECT x FROM s.a")
    folder.write({"checks/a.sql": "SELECT * FROM s.a WHERE x < 2"})
    assert folder.run().state == "failed"
    with db.writing(folder.lake.database) as connection:
        connection.change("UPDATE branch SET boot = 'another' WHERE name <> 'main'")
    (folder.path / "checks/a.sql").unlink()
    folder.tables(b="SELECT x FROM s.a")
    assert states(folder.done()) == {"a": "built", "b": "built"}
    assert folder.rows("s.b") == [(1,)]
    assert folder.leftovers() == []


def test_states_of_runs_are_told(folder: Folder) -> None:
    folder.tables(a="SELECT 1 AS x")
    folder.done()

    old = folder.lake.pointer("main", "s.a")
    assert old is not None

    def meddle(kind: str, **what: Any) -> None:
        if kind == "started":
            gone = folder.lake.pointer("main", "s.a") is None
            put = as_put(old) if gone else Put(name="s.a", kind="dropped")
            folder.lake.put("main", [put], author="eve", message="by hand")

    folder.tables(a="SELECT 2 AS x")
    with pytest.raises(Conflict):
        folder.run(tell=meddle)
    folder.tables(a="SELECT error('no')::INTEGER AS x")
    folder.run()
    assert [made.state for made in last_runs(folder.lake.database)] == ["failed", "failed", "done"]


SLOW = {
    "sql": {"slow": ENDLESS, "slow2": ENDLESS},
    "python": {
        "one": "SELECT 1 AS x",
        "slow": "from wherry import Table, table\n"
        "@table()\n"
        'def slow(t: Table["s.one"]):\n'
        f'    return t.duckdb().query("t", "{ENDLESS}").to_arrow_table()\n',
    },
    "check": {"slow": f"-- checks: ['x < ({ENDLESS})']\nSELECT 1 AS x"},
}


@pytest.mark.parametrize("where", sorted(SLOW))
def test_ctrl_c_stops_the_longest_query(folder: Folder, where: str) -> None:
    folder.tables(a="-- build: append\nSELECT 1 AS x")
    folder.done()
    folder.tables(a="-- build: append\nSELECT 2 AS x", **SLOW[where])
    command = [sys.executable, "-c", DRIVER, str(folder.path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        waiting = {f"started s.{name}" for name in SLOW[where] if name.startswith("slow")}
        while waiting:
            line = process.stdout.readline()
            assert line, process.stderr and process.stderr.read()
            waiting.discard(line.strip())
        try:
            with pytest.raises(LakeError, match=f"process {process.pid}"):
                folder.run()
            process.send_signal(signal.SIGINT)
            _, errors = process.communicate(timeout=60)
        except subprocess.TimeoutExpired as late:
            pytest.fail(f"it goes on: {late.stderr!r}")
        finally:
            process.kill()  # else it is waited for, and its query has no end
        assert "KeyboardInterrupt" in errors
    assert last_runs(folder.lake.database)[0].state == "killed"
    assert folder.contents("s.a", "s.slow") == {"s.a": [(1,)], "s.slow": None}
    for name in SLOW[where]:
        (folder.path / f"tables/s/{name}.{'py' if '@table' in SLOW[where][name] else 'sql'}").unlink()
    folder.done()
    assert folder.rows("s.a") == [(1,), (2,)]
    assert folder.leftovers() == []


def test_the_lock_of_a_killed_run_is_free(folder: Folder) -> None:
    folder.tables(slow=ENDLESS)
    command = [sys.executable, "-c", DRIVER, str(folder.path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        while process.stdout.readline().strip() != "started s.slow":
            pass
        process.kill()
    folder.tables(slow="SELECT 1 AS n")
    folder.done()
    assert [made.state for made in last_runs(folder.lake.database)] == ["done", "killed"]
    assert NOON and folder.rows("s.slow") == [(1,)]
