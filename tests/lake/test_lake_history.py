"""The log, naming commits, and going back."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import duckdb
import pytest

from wherry.errors import LakeError
from wherry.lake.lake import Lake
from wherry.lake.pointer import Put

Rows = Callable[[str], list[tuple[Any, ...]]]


def view(name: str, sql: str) -> Put:
    return Put(name=name, kind="view", sql=sql, state={"of": sql})


def seen(lake: Lake, branch: str = "main") -> dict[str, str | None]:
    return {k: p.sql for k, p in lake.pointers(branch).items()}


def test_restore_everything(lake: Lake, rows: Rows) -> None:
    rows("CREATE TABLE m.s.t AS SELECT 1 AS i")
    lake.put("main", [view("s.v", "1"), Put(name="s.t", kind="table", state={"cursor": 1})], author="ada", message="")
    good = lake.log()[0]
    rows("INSERT INTO m.s.t VALUES (2)")
    lake.put("main", [view("s.v", "2"), Put(name="s.t", kind="table", state={"cursor": 2})], author="ada", message="")
    rows("CREATE TABLE m.s.extra AS SELECT 1 AS i")
    done = lake.restore(good.id[:7], author="bob")
    assert {c.full_name: c.kind for c in done.changes} == {"s.t": "table", "s.v": "view", "s.extra": "dropped"}
    assert (done.author, done.message) == ("bob", f"restore {good.id}")
    assert rows("SELECT * FROM m.s.t") == [(1,)]
    pointers = lake.pointers("main")
    assert {k: (p.sql, p.state) for k, p in pointers.items()} == {
        "s.t": (None, {"cursor": 1}),
        "s.v": ("1", {"of": "1"}),
    }
    assert lake.restore(good.id, author="bob").changes == ()
    rows("INSERT INTO m.s.t VALUES (7)")
    assert rows("SELECT sum(i) FROM m.s.t") == [(8,)]


def test_restore_one_table_even_when_it_was_dropped(lake: Lake, rows: Rows) -> None:
    rows("CREATE TABLE m.s.t AS SELECT 1 AS i")
    rows("CREATE TABLE m.s.u AS SELECT 1 AS i")
    good = lake.log()[0]
    rows("INSERT INTO m.s.u VALUES (2)")
    rows("DROP TABLE m.s.t")
    done = lake.restore(good.id, only=["S.T"], author="bob")
    assert [c.full_name for c in done.changes] == ["s.t"]
    assert rows("SELECT count(*) FROM m.s.t") == [(1,)]
    assert rows("SELECT count(*) FROM m.s.u") == [(2,)]
    with pytest.raises(LakeError, match=r"s\.nope"):
        lake.restore(good.id, only=["s.nope"], author="bob")


def test_restore_on_a_branch_and_not_from_a_stranger(lake: Lake) -> None:
    lake.put("main", [view("s.a", "1")], author="ada", message="")
    first = lake.log()[0]
    lake.create_branch("dev")
    lake.put("dev", [view("s.a", "2")], author="ada", message="")
    lake.create_branch("other")
    foreign = lake.put("other", [view("s.a", "9")], author="ada", message="")
    lake.restore(first.id, branch="dev", author="ada")
    assert seen(lake, "dev") == {"s.a": "1"}
    with pytest.raises(LakeError, match="`other`"):
        lake.restore(foreign.id, branch="main", author="ada")


def test_unknown_and_ambiguous_commits(lake: Lake) -> None:
    ids = [lake.put("main", [view("s.a", str(i))], author="ada", message="").id for i in range(40)]
    with pytest.raises(LakeError, match="no commit"):
        lake.restore("zz", author="ada")
    with pytest.raises(LakeError, match="no commit"):
        lake.restore("", author="ada")
    with pytest.raises(LakeError, match="no commit"):
        lake.restore("%", author="ada")
    shared = next(c for c in "0123456789abcdef" if sum(i.startswith(c) for i in ids) > 1)
    with pytest.raises(LakeError, match="could be any of"):
        lake.restore(shared, author="ada")


def test_log_filters(lake: Lake) -> None:
    lake.put("main", [view("s.a", "1")], author="ada", message="one")
    lake.put("main", [view("s.b", "1")], author="bob", message="two", run="r1")
    lake.create_branch("dev")
    lake.put("dev", [view("s.A", "2")], author="ada", message="three")
    lake.put("main", [view("s.c", "1")], author="ada", message="four")

    def told(*branch: str | None, **more: Any) -> list[str]:
        return [c.message for c in lake.log(*branch, **more)]

    assert told() == ["four", "two", "one"]
    assert told("dev") == ["three", "two", "one"]
    assert told(None) == ["four", "three", "two", "one"]
    assert told(table="S.A") == ["one"]
    assert told("dev", table="s.a") == ["three", "one"]
    assert told(author="ada") == ["four", "one"]
    assert told(run="r1") == ["two"]
    assert told(limit=1) == ["four"]
    lake.merge("dev", author="ada", message="five")
    assert told("dev") == ["five", "four", "three", "two", "one"]


def test_resolve(lake: Lake) -> None:
    assert lake.resolve("2020-01-01") == 0
    one = lake.put("main", [view("s.a", "1")], author="ada", message="")
    two = lake.put("main", [view("s.a", "2")], author="ada", message="")
    assert lake.resolve(one.id) == one.seq
    assert lake.resolve(two.id[:8].upper()) == two.seq
    assert lake.resolve(one.at) == one.seq
    assert lake.resolve(two.at.replace("Z", "")) == two.seq
    assert lake.resolve("2020-01-01 10:00") == 0
    tomorrow = datetime.now(UTC) + timedelta(days=1)
    assert lake.resolve(tomorrow.isoformat()) == two.seq
    assert lake.resolve(tomorrow.astimezone().isoformat()) == two.seq
    for wrong in ("", "yesterday", "zz", "2020-13-01"):
        with pytest.raises(LakeError):
            lake.resolve(wrong)


def test_a_branch_from_a_moment(lake: Lake, db: duckdb.DuckDBPyConnection, rows: Rows) -> None:
    rows("CREATE TABLE m.s.t AS SELECT 1 AS i")
    then = lake.log()[0].at
    rows("INSERT INTO m.s.t VALUES (2)")
    lake.create_branch("then", at=lake.resolve(then))
    lake.attach(db, "then", "t")
    assert rows("SELECT * FROM t.s.t") == [(1,)]
    rows("INSERT INTO t.s.t VALUES (5)")
    assert rows("SELECT sum(i) FROM t.s.t") == [(6,)]
    assert rows("SELECT sum(i) FROM m.s.t") == [(3,)]
