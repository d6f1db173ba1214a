"""States move with the rows they describe, also when the process dies in between."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import pytest

from wherry.lake.attach import connect
from wherry.lake.lake import Lake
from wherry.lake.outside import OUTSIDE

Rows = Callable[[str], list[tuple[Any, ...]]]


def state(lake: Lake, name: str = "s.t", branch: str = "main") -> dict[str, Any]:
    pointer = lake.pointer(branch, name)
    assert pointer is not None
    # What is noted of commits that carried nothing is the business of other tests.
    return {key: value for key, value in pointer.state.items() if key != OUTSIDE}


def test_a_carried_state_moves_with_the_next_commit_once(lake: Lake, rows: Rows) -> None:
    lake.carry("main", "S.T", {"v": 1})
    rows("CREATE TABLE m.s.t AS SELECT 1 AS i")
    assert state(lake) == {"v": 1}
    rows("INSERT INTO m.s.t VALUES (2)")
    assert state(lake) == {"v": 1}
    lake.carry("main", "s.t", {"v": 2})
    lake.carry("main", "s.t", {"v": 3})
    assert state(lake) == {"v": 1}
    rows("INSERT INTO m.s.t VALUES (3)")
    assert state(lake) == {"v": 3}
    lake.carry("main", "s.t", {"v": 4})
    lake.uncarry("main", "s.t")
    lake.uncarry("main", "s.t")
    rows("INSERT INTO m.s.t VALUES (3)")
    assert state(lake) == {"v": 3}
    rows("DROP TABLE m.s.t")
    rows("CREATE TABLE m.s.t AS SELECT 1 AS i")
    assert state(lake) == {}


def test_it_waits_for_its_own_table_and_branch(lake: Lake, db: duckdb.DuckDBPyConnection, rows: Rows) -> None:
    rows("CREATE TABLE m.s.t AS SELECT 1 AS i")
    lake.create_branch("dev")
    lake.attach(db, "dev", "d")
    lake.carry("dev", "s.t", {"v": 1})
    rows("INSERT INTO m.s.t VALUES (2)")
    rows("CREATE TABLE d.s.u AS SELECT 1 AS i")
    assert state(lake) == state(lake, "s.u", "dev") == {}
    rows("BEGIN")
    rows("INSERT INTO d.s.t VALUES (2)")
    rows("INSERT INTO d.s.u VALUES (2)")
    rows("COMMIT")
    assert state(lake, "s.t", "dev") == {"v": 1}


def test_it_moves_by_transactions_of_several_tables(lake: Lake, rows: Rows) -> None:
    rows("CREATE TABLE m.s.a (i INTEGER)")
    rows("CREATE TABLE m.s.b (i INTEGER)")
    lake.carry("main", "s.a", {"v": "a"})
    lake.carry("main", "s.b", {"v": "b"})
    rows("BEGIN")
    rows("INSERT INTO m.s.a VALUES (1)")
    rows("INSERT INTO m.s.b VALUES (1)")
    rows("COMMIT")
    assert (state(lake, "s.a"), state(lake, "s.b")) == ({"v": "a"}, {"v": "b"})
    assert len(lake.log()[0].changes) == 2


def test_a_failed_commit_leaves_it_waiting(lake: Lake, rows: Rows) -> None:
    rows("CREATE TABLE m.s.t AS SELECT 1 AS i")
    with connect() as other:
        lake.attach(other, "main", "m")
        rows("BEGIN")
        rows("INSERT INTO m.s.t VALUES (2)")
        other.execute("INSERT INTO m.s.t VALUES (3)")
        lake.carry("main", "s.t", {"v": 1})
        with pytest.raises(duckdb.TransactionException):
            rows("COMMIT")
    assert state(lake) == {}
    rows("INSERT INTO m.s.t VALUES (2)")
    assert state(lake) == {"v": 1}


def test_only_what_json_can_hold(lake: Lake) -> None:
    with pytest.raises(TypeError):
        lake.carry("main", "s.t", {"when": object()})


DIE = """
import os, sys
import duckdb
from pathlib import Path
from wherry.lake import commit
from wherry.lake.attach import connect
from wherry.lake.lake import Lake
from wherry.lake.sqlite import SqliteConnection

folder, moment = Path(sys.argv[1]), sys.argv[2]
lake = Lake.open(str(folder / "wherry.db"), folder / "lake")
connection = connect()
lake.attach(connection, "main", "m")
lake.carry("main", "s.t", {"rows": 2})

def die(*_):
    os._exit(42)

if moment == "statement":  # inside the transaction, when half of it is written
    write = SqliteConnection.change_all
    def written(connection, statement, *arguments):
        write(connection, statement, *arguments)
        if statement is commit._INSERT_CHANGE:
            die()
    SqliteConnection.change_all = written
elif moment == "before":
    SqliteConnection.commit = die
else:  # after COMMIT, before anybody hears of it
    done = SqliteConnection.commit
    SqliteConnection.commit = lambda connection: (done(connection), die())
connection.execute("INSERT INTO m.s.t VALUES (2)")
"""


@pytest.mark.parametrize(("moment", "count"), [("statement", 1), ("before", 1), ("after", 2)])
def test_death_leaves_rows_and_state_agreeing(tmp_path: Path, moment: str, count: int) -> None:
    with Lake.open(str(tmp_path / "wherry.db"), tmp_path / "lake") as lake, connect() as connection:
        lake.attach(connection, "main", "m")
        connection.execute("CREATE SCHEMA m.s")
        lake.carry("main", "s.t", {"rows": 1})
        connection.execute("CREATE TABLE m.s.t AS SELECT 1 AS i")
    done = subprocess.run([sys.executable, "-c", DIE, str(tmp_path), moment], capture_output=True, timeout=60)
    assert done.returncode == 42, done.stderr.decode()
    with Lake.open(str(tmp_path / "wherry.db"), tmp_path / "lake") as lake, connect() as connection:
        lake.attach(connection, "main", "m")
        assert connection.execute("SELECT count(*) FROM m.s.t").fetchall() == [(count,)]
        pointer = lake.pointer("main", "s.t")
        assert pointer is not None
        assert (pointer.state, pointer.rows) == ({"rows": count}, count)
        connection.execute("INSERT INTO m.s.t VALUES (3)")
