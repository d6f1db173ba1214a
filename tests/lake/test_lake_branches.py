"""Branches: what they see, and what they keep apart."""

from collections.abc import Callable
from typing import Any

import duckdb
import pytest

from wherry.errors import LakeError, NoSuchBranch, UsageError
from wherry.lake.lake import Lake
from wherry.lake.pointer import Put

Rows = Callable[[str], list[tuple[Any, ...]]]


def view(name: str, sql: str, **state: Any) -> Put:
    return Put(name=name, kind="view", sql=sql, state=state)


def drop(name: str) -> Put:
    return Put(name=name, kind="dropped")


def put(lake: Lake, branch: str, *puts: Put) -> int:
    return lake.put(branch, puts, author="ada", message="test").seq


def seen(lake: Lake, branch: str, at: int | None = None) -> dict[str, str | None]:
    return {k: p.sql for k, p in lake.pointers(branch, at).items()}


def test_a_branch_reads_through_and_keeps_to_itself(lake: Lake, db: duckdb.DuckDBPyConnection, rows: Rows) -> None:
    rows("CREATE TABLE m.s.t AS SELECT 1 AS i")
    rows("CREATE TABLE m.s.u AS SELECT 1 AS i")
    lake.create_branch("run/2026-ab")
    lake.attach(db, "run/2026-ab", "r")
    rows("INSERT INTO r.s.t VALUES (2)")
    rows("CREATE TABLE r.s.n AS SELECT 9 AS i")
    rows("DROP TABLE r.s.u")
    assert rows("SELECT count(*) FROM r.s.t") == [(2,)]
    assert rows("SELECT count(*) FROM m.s.t") == [(1,)]
    assert rows("SELECT count(*) FROM m.s.u") == [(1,)]
    assert set(lake.pointers("run/2026-ab")) == {"s.t", "s.n"}
    assert {k: p.kind for k, p in lake.own_pointers("run/2026-ab").items()} == {
        "s.t": "table",
        "s.n": "table",
        "s.u": "dropped",
    }
    assert set(lake.base_pointers("run/2026-ab")) == {"s.t", "s.u"}


def test_a_branch_is_a_stable_snapshot_of_its_parent(lake: Lake, db: duckdb.DuckDBPyConnection, rows: Rows) -> None:
    rows("CREATE TABLE m.s.t AS SELECT 1 AS i")
    rows("CREATE TABLE m.s.gone AS SELECT 1 AS i")
    lake.create_branch("dev")
    rows("INSERT INTO m.s.t VALUES (2)")
    rows("DROP TABLE m.s.gone")
    rows("CREATE TABLE m.s.new AS SELECT 1 AS i")
    lake.attach(db, "dev", "d")
    assert rows("SELECT count(*) FROM d.s.t") == [(1,)]
    assert rows("SELECT count(*) FROM d.s.gone") == [(1,)]
    assert set(lake.pointers("dev")) == {"s.t", "s.gone"}
    assert lake.pointer("dev", "S.GONE") is not None
    assert lake.pointer("dev", "s.new") is None


def test_branches_of_branches(lake: Lake) -> None:
    put(lake, "main", view("s.a", "main"), view("s.b", "main"))
    lake.create_branch("dev")
    put(lake, "dev", view("s.a", "dev"))
    lake.create_branch("deep", parent="dev")
    put(lake, "deep", view("s.c", "deep"))
    put(lake, "dev", view("s.a", "dev 2"), drop("s.b"))
    put(lake, "main", view("s.z", "main"))
    assert seen(lake, "deep") == {"s.a": "dev", "s.b": "main", "s.c": "deep"}
    assert seen(lake, "dev") == {"s.a": "dev 2"}
    lake.merge("dev", author="ada", message="publish")
    assert seen(lake, "deep") == {"s.a": "dev", "s.b": "main", "s.c": "deep"}
    for key in ("s.a", "s.b", "s.c"):
        assert lake.pointer("deep", key) == lake.pointers("deep")[key]


def test_merge_refused_while_main_moved_the_dropped_table(lake: Lake) -> None:
    put(lake, "main", view("s.b", "main"))
    lake.create_branch("dev")
    put(lake, "dev", drop("s.b"))
    put(lake, "main", view("s.b", "main 2"))
    with pytest.raises(LakeError, match=r"s\.b"):
        lake.merge("dev", author="ada", message="publish")


def test_a_branch_from_the_past(lake: Lake) -> None:
    first = put(lake, "main", view("s.a", "1"))
    put(lake, "main", view("s.a", "2"))
    lake.create_branch("old", at=first)
    assert seen(lake, "old") == {"s.a": "1"}
    put(lake, "old", view("s.b", "old"))
    assert seen(lake, "old") == {"s.a": "1", "s.b": "old"}
    assert seen(lake, "old", at=first) == {"s.a": "1"}


def test_a_name_can_be_used_again_and_starts_fresh(lake: Lake) -> None:
    put(lake, "main", view("s.a", "1"))
    for number in range(3):
        lake.create_branch("dev")
        assert seen(lake, "dev") == {"s.a": "1"}
        put(lake, "dev", view("s.b", str(number)))
        lake.drop_branch("dev")
    lake.create_branch("dev")
    assert seen(lake, "dev", at=10**6) == {"s.a": "1"}


def test_listing(lake: Lake) -> None:
    put(lake, "main", view("s.a", "1"))
    lake.create_branch("dev", author="ada")
    seq = put(lake, "dev", view("s.b", "1"), view("s.c", "1"))
    main, dev = lake.branches()
    assert (main.name, main.parent, main.base, main.head_seq, main.changed) == ("main", None, None, 1, 0)
    assert (dev.name, dev.parent, dev.base, dev.head_seq, dev.changed) == ("dev", "main", 1, seq, 2)
    assert dev.author == "ada"


def test_refusals(lake: Lake) -> None:
    lake.create_branch("dev")
    lake.create_branch("deep", parent="dev")
    with pytest.raises(LakeError, match="exists already"):
        lake.create_branch("dev")
    with pytest.raises(LakeError, match="`deep` read"):
        lake.drop_branch("dev")
    with pytest.raises(LakeError, match="main"):
        lake.drop_branch("main")
    for name in ("", "a b", "a@1", "/a", "a\n", "x" * 300, "-a", 'q"'):
        with pytest.raises(UsageError):
            lake.create_branch(name)
    for wrong in (
        lambda: lake.pointers("nope"),
        lambda: lake.pointer("nope", "s.a"),
        lambda: lake.own_pointers("nope"),
        lambda: lake.base_pointers("nope"),
        lambda: put(lake, "nope", view("s.a", "1")),
        lambda: put(lake, "nope", *(view(f"s.a{i}", "1") for i in range(30))),
        lambda: lake.create_branch("x", parent="nope"),
        lambda: lake.drop_branch("nope"),
        lambda: lake.merge("nope", author="", message=""),
        lambda: lake.merge("dev", onto="nope", author="", message=""),
        lambda: lake.continue_branch("nope", "x"),
        lambda: lake.log("nope"),
    ):
        with pytest.raises(NoSuchBranch):
            wrong()
    assert [b.name for b in lake.branches()] == ["main", "dev", "deep"]


def test_attaching_an_unknown_branch_says_so(lake: Lake, db: duckdb.DuckDBPyConnection) -> None:
    with pytest.raises(NoSuchBranch):
        lake.attach(db, "nope", "n")


def test_continue_takes_what_still_stands_on_the_same_ground(
    lake: Lake, db: duckdb.DuckDBPyConnection, rows: Rows
) -> None:
    rows("CREATE TABLE m.s.a AS SELECT 1 AS i")
    rows("CREATE TABLE m.s.b AS SELECT 1 AS i")
    put(lake, "main", view("s.v", "1"))
    lake.create_branch("run/1")
    lake.attach(db, "run/1", "r")
    lake.carry("run/1", "s.a", {"version": 2})
    rows("INSERT INTO r.s.a VALUES (2)")
    rows("INSERT INTO r.s.b VALUES (2)")
    rows("CREATE SCHEMA r.made")
    rows("CREATE TABLE r.made.c AS SELECT 1 AS i")
    put(lake, "run/1", drop("s.v"))
    rows("INSERT INTO m.s.b VALUES (3)")
    assert sorted(lake.continue_branch("run/1", "run/2")) == ["made.c", "s.a", "s.v"]
    assert [b.name for b in lake.branches()] == ["main", "run/2"]
    lake.attach(db, "run/2", "r2")
    assert rows("SELECT i FROM r2.s.a ORDER BY i") == [(1,), (2,)]
    assert rows("SELECT i FROM r2.s.b ORDER BY i") == [(1,), (3,)]
    assert lake.pointers("run/2")["s.a"].state == {"version": 2}
    assert "s.v" not in lake.pointers("run/2")
    done = lake.merge("run/2", author="ada", message="publish", run="2")
    assert done is not None and sorted(c.full_name for c in done.changes) == ["made.c", "s.a", "s.v"]
    assert set(lake.pointers("main")) == {"s.a", "s.b", "made.c"}


def test_continue_is_all_or_nothing(lake: Lake) -> None:
    lake.create_branch("run/1")
    put(lake, "run/1", view("s.a", "1"))
    lake.create_branch("run/child", parent="run/1")
    with pytest.raises(LakeError):
        lake.continue_branch("run/1", "run/2")
    assert [b.name for b in lake.branches()] == ["main", "run/1", "run/child"]


def test_many_branches(lake: Lake) -> None:
    put(lake, "main", *(view(f"s.t{i}", "1") for i in range(50)))
    for number in range(200):
        lake.create_branch(f"run/{number}")
    put(lake, "run/150", view("s.t0", "2"))
    assert len(lake.branches()) == 201
    assert seen(lake, "run/150")["s.t0"] == "2"
    assert seen(lake, "run/151")["s.t0"] == "1"


def test_put_expects(lake: Lake) -> None:
    seq = put(lake, "main", view("s.a", "1"))
    lake.put("main", [view("s.a", "2")], author="a", message="", expected={"s.A": seq, "s.b": None})
    with pytest.raises(LakeError, match=r"s\.a"):
        lake.put("main", [view("s.a", "3")], author="a", message="", expected={"s.a": seq})
    with pytest.raises(LakeError, match=r"s\.b"):
        lake.put("main", [view("s.a", "3")], author="a", message="", expected={"s.b": 7})
    assert seen(lake, "main") == {"s.a": "2"}


def test_put_keeps_what_is_not_said(lake: Lake, rows: Rows) -> None:
    rows("CREATE TABLE m.s.t AS SELECT 1 AS i")
    lake.put("main", [Put(name="S.T", kind="table", state={"v": 3})], author="a", message="state")
    assert rows("SELECT * FROM m.s.t") == [(1,)]
    pointer = lake.pointers("main")["s.t"]
    assert (pointer.full_name, pointer.state, pointer.rows) == ("s.t", {"v": 3}, 1)
    put(lake, "main", view("s.v", "SELECT 1", v=1))
    lake.put("main", [Put(name="s.v", kind="view", sql="SELECT 2")], author="a", message="")
    assert (lake.pointers("main")["s.v"].sql, lake.pointers("main")["s.v"].state) == ("SELECT 2", {"v": 1})
    with pytest.raises(LakeError):
        lake.put("main", [Put(name="s.none", kind="table", state={})], author="a", message="")
    with pytest.raises(LakeError):
        lake.put("main", [Put(name="s.none", kind="view")], author="a", message="")
    with pytest.raises(LakeError, match="not the name"):
        lake.put("main", [Put(name="none", kind="view", sql="")], author="a", message="")


def test_a_view_is_no_table_for_other_engines(lake: Lake, rows: Rows) -> None:
    put(lake, "main", view("s.v", "SELECT 1"))
    with pytest.raises(duckdb.CatalogException):
        rows("SELECT * FROM m.s.v")
    with pytest.raises(duckdb.Error):
        rows("CREATE TABLE m.s.v AS SELECT 1 AS i")
    assert lake.pointers("main")["s.v"].kind == "view"
