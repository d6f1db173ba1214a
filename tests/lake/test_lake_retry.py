"""Lost races are run again, a bounded number of times, and nothing else is."""

import duckdb
import pytest

from wherry.errors import Conflict
from wherry.lake import retry
from wherry.lake.attach import connect
from wherry.lake.lake import Lake
from wherry.lake.pointer import Put
from wherry.lake.turns import turn


def test_work_that_lost_is_done_again_on_what_is_there(lake: Lake, db: duckdb.DuckDBPyConnection) -> None:
    db.execute("CREATE TABLE m.s.t AS SELECT 1 AS n")
    tries = 0

    def work() -> int:
        nonlocal tries
        tries += 1
        with connect() as other:
            lake.attach(other, "main", "o", author="bob")
            other.execute("BEGIN")
            other.execute("UPDATE o.s.t SET n = n + 1")
            if tries == 1:
                db.execute("UPDATE m.s.t SET n = n * 10")
            other.execute("COMMIT")
        return tries

    assert lake.retrying(work, tables=["s.t"]) == 2
    assert db.execute("FROM m.s.t").fetchall() == [(11,)]


def test_it_ends_with_the_table_its_ground_and_who_moved_it(lake: Lake) -> None:
    lake.put("main", [Put(name="s.v", kind="view", sql="0")], author="ada", message="made")
    waits: list[float] = []
    tries = 0

    def work() -> None:
        nonlocal tries
        tries += 1
        seen = lake.pointers("main")["s.v"].seq
        lake.put("main", [Put(name="s.v", kind="view", sql=str(tries))], author="bob", message="faster")
        lake.put("main", [Put(name="s.v", kind="view", sql="9")], author="ada", message="", expected={"s.v": seen})

    with pytest.raises(Conflict, match=r"`s\.v` on `main` moved .* 3 .* built on commit number 3.* of bob \(faster\)"):
        retry.retrying(lake, work, tables=["s.v"], branch="main", attempts=3, wait=waits.append)
    assert tries == 3 and len(waits) == 2 and max(waits) < 1


def test_other_errors_are_not_tried_again(lake: Lake, db: duckdb.DuckDBPyConnection) -> None:
    tries = []

    def work() -> None:
        tries.append(1)
        db.execute("INSERT INTO m.s.missing VALUES (1)")

    with pytest.raises(duckdb.Error, match="missing"):
        lake.retrying(work, tables=["s.missing"])
    db.execute("CREATE TABLE m.s.t AS SELECT 1 AS i")
    with pytest.raises(duckdb.Error, match="exists"):
        lake.retrying(lambda: (tries.append(1), db.execute("CREATE TABLE m.s.t AS SELECT 1 AS i")))
    assert len(tries) == 2


def test_who_waits_too_long_for_a_turn_goes_on_without(lake: Lake) -> None:
    with turn(lake.database, "main s.t") as first, turn(lake.database, "main s.t", patience=0.001) as second:
        assert (first, second) == (True, False)
    with (
        turn(lake.database, "main s.t", patience=0.001) as third,
        turn(lake.database, "main s.u", patience=0.001) as other,
    ):
        assert third and other
