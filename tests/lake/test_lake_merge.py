"""Publishing a branch: all of it, some of it, or nothing because somebody was faster."""

from collections.abc import Callable
from typing import Any

import duckdb
import pytest

from wherry.errors import Conflict, LakeError
from wherry.lake.lake import Lake
from wherry.lake.pointer import Put

Rows = Callable[[str], list[tuple[Any, ...]]]


def view(name: str, sql: str, **state: Any) -> Put:
    return Put(name=name, kind="view", sql=sql, state=state)


def put(lake: Lake, branch: str, *puts: Put) -> int:
    return lake.put(branch, puts, author="ada", message="test").seq


def seen(lake: Lake, branch: str, at: int | None = None) -> dict[str, str | None]:
    return {k: p.sql for k, p in lake.pointers(branch, at).items()}


def merge(lake: Lake, source: str, **more: Any) -> list[str] | None:
    done = lake.merge(source, author="ada", message="publish", **more)
    return None if done is None else sorted(c.full_name for c in done.changes)


def test_publish_tables_states_and_rows(lake: Lake, db: duckdb.DuckDBPyConnection, rows: Rows) -> None:
    rows("CREATE TABLE m.s.t AS SELECT 1 AS i")
    lake.create_branch("run/1")
    lake.attach(db, "run/1", "r")
    lake.carry("run/1", "s.t", {"cursor": 7})
    rows("INSERT INTO r.s.t VALUES (2)")
    rows("CREATE TABLE r.s.n AS SELECT range AS i FROM range(5)")
    done = lake.merge("run/1", author="ada", message="publish", run="1")
    assert done is not None
    assert [(c.full_name, c.rows, c.state, c.old_seq) for c in done.changes] == [
        ("s.n", 5, {}, None),
        ("s.t", 2, {"cursor": 7}, 1),
    ]
    assert rows("SELECT count(*) FROM m.s.t") == [(2,)]
    assert rows("SELECT count(*) FROM m.s.n") == [(5,)]
    assert lake.own_pointers("run/1") == {}
    assert lake.pointers("run/1") == lake.pointers("main")
    assert {b.name: b.base for b in lake.branches()} == {"main": None, "run/1": done.seq}
    rows("INSERT INTO r.s.t VALUES (3)")
    assert merge(lake, "run/1") == ["s.t"]
    assert rows("SELECT count(*) FROM m.s.t") == [(3,)]


def test_replace_by_drop_and_create(lake: Lake, db: duckdb.DuckDBPyConnection, rows: Rows) -> None:
    rows("CREATE TABLE m.s.t AS SELECT 1 AS i")
    lake.create_branch("run/1")
    lake.attach(db, "run/1", "r")
    rows("DROP TABLE r.s.t")
    rows("CREATE TABLE r.s.t AS SELECT 'new' AS other")
    assert rows("SELECT i FROM m.s.t") == [(1,)]
    assert merge(lake, "run/1") == ["s.t"]
    assert rows("SELECT other FROM m.s.t") == [("new",)]


def test_nothing_to_publish(lake: Lake) -> None:
    lake.create_branch("dev")
    assert merge(lake, "dev") is None
    put(lake, "dev", Put(name="s.never", kind="dropped"))
    assert merge(lake, "dev") is None


def test_conflict_names_every_table_and_moves_none(lake: Lake) -> None:
    put(lake, "main", view("s.a", "1"), view("s.b", "1"), view("s.c", "1"))
    lake.create_branch("dev")
    put(lake, "dev", view("s.a", "dev"), view("s.b", "dev"), view("s.c", "dev"), view("s.new", "dev"))
    put(lake, "main", view("s.a", "2"))
    put(lake, "main", Put(name="s.b", kind="dropped"), view("s.new", "main"))
    before = lake.pointers("main"), lake.own_pointers("dev")
    with pytest.raises(Conflict, match=r"`s\.a`, `s\.b`, `s\.new`"):
        merge(lake, "dev")
    with pytest.raises(Conflict):
        merge(lake, "dev", dry_run=True)
    assert before == (lake.pointers("main"), lake.own_pointers("dev"))
    assert merge(lake, "dev", only=["s.C"]) == ["s.c"]


def test_there_and_back_is_no_conflict(lake: Lake) -> None:
    put(lake, "main", view("s.a", "1"))
    lake.create_branch("dev")
    put(lake, "dev", view("s.a", "dev"))
    put(lake, "main", view("s.a", "2"))
    put(lake, "main", view("s.a", "1"))
    assert merge(lake, "dev") == ["s.a"]


def test_both_made_the_same_is_no_conflict(lake: Lake) -> None:
    lake.create_branch("dev")
    put(lake, "dev", view("s.a", "1"), view("s.b", "dev"))
    put(lake, "main", view("s.a", "1"))
    assert merge(lake, "dev") == ["s.b"]


def test_dry_run_changes_nothing(lake: Lake) -> None:
    lake.create_branch("dev")
    put(lake, "dev", view("s.a", "1"))
    tried = lake.merge("dev", author="ada", message="publish", dry_run=True)
    assert tried is not None and tried.seq == 0
    assert [c.full_name for c in tried.changes] == ["s.a"]
    assert seen(lake, "main") == {} and set(lake.own_pointers("dev")) == {"s.a"}


def test_partial_merge(lake: Lake) -> None:
    put(lake, "main", view("s.a", "1"), view("s.b", "1"), view("s.c", "1"))
    lake.create_branch("dev")
    put(lake, "dev", view("s.a", "dev"), view("s.b", "dev"))
    put(lake, "main", view("s.c", "2"))
    assert merge(lake, "dev", only=["s.a"]) == ["s.a"]
    assert seen(lake, "main") == {"s.a": "dev", "s.b": "1", "s.c": "2"}
    assert seen(lake, "dev") == {"s.a": "dev", "s.b": "dev", "s.c": "1"}
    assert set(lake.own_pointers("dev")) == {"s.b"}
    assert lake.base_pointers("dev")["s.a"].sql == "dev"
    # Changing it again derives from what was published, so it can be published again ...
    put(lake, "dev", view("s.a", "dev 2"))
    assert merge(lake, "dev", only=["s.a"]) == ["s.a"]
    # ... but not over somebody else's change.
    put(lake, "dev", view("s.a", "dev 3"))
    put(lake, "main", view("s.a", "main"))
    with pytest.raises(Conflict, match=r"s\.a"):
        merge(lake, "dev")
    assert merge(lake, "dev", only=["s.b"]) == ["s.b"]
    put(lake, "main", view("s.a", "dev 2"))
    assert merge(lake, "dev") == ["s.a"]
    assert seen(lake, "dev") == seen(lake, "main") == {"s.a": "dev 3", "s.b": "dev", "s.c": "2"}


def test_what_a_partial_merge_published_is_not_published_again(lake: Lake) -> None:
    lake.create_branch("dev")
    put(lake, "dev", view("s.a", "1"), view("s.b", "1"))
    merge(lake, "dev", only=["s.a"])
    put(lake, "main", view("s.a", "main"))
    assert merge(lake, "dev") == ["s.b"]
    assert seen(lake, "main") == {"s.a": "main", "s.b": "1"}


def test_extra_puts_move_in_the_same_commit(lake: Lake) -> None:
    lake.create_branch("dev")
    put(lake, "dev", view("s.a", "1"))
    put(lake, "main", view("s.v", "old"))
    assert merge(lake, "dev", puts=[view("s.v", "new"), Put(name="s.a", kind="view", state={"n": 1})]) == ["s.a", "s.v"]
    assert seen(lake, "main") == {"s.a": "1", "s.v": "new"}
    assert lake.pointers("main")["s.a"].state == {"n": 1}
    assert merge(lake, "dev", puts=[view("s.w", "1")]) == ["s.w"]


def test_merge_onto_another_branch_leaves_the_source_alone(lake: Lake) -> None:
    put(lake, "main", view("s.a", "1"))
    lake.create_branch("prod")
    lake.create_branch("dev")
    put(lake, "dev", view("s.a", "2"))
    assert merge(lake, "dev", onto="prod") == ["s.a"]
    assert (seen(lake, "prod"), seen(lake, "main")) == ({"s.a": "2"}, {"s.a": "1"})
    assert merge(lake, "dev", onto="prod") is None
    assert merge(lake, "dev") == ["s.a"]
    assert merge(lake, "prod") is None


def test_a_merge_of_a_grandchild(lake: Lake) -> None:
    put(lake, "main", view("s.a", "1"))
    lake.create_branch("dev")
    put(lake, "dev", view("s.b", "1"))
    lake.create_branch("deep", parent="dev")
    put(lake, "deep", view("s.a", "2"), view("s.b", "2"))
    assert merge(lake, "deep") == ["s.a", "s.b"]
    assert merge(lake, "dev") == ["s.a", "s.b"]
    assert seen(lake, "main") == {"s.a": "2", "s.b": "2"}
    assert seen(lake, "deep") == {"s.a": "2", "s.b": "2"}


def test_merge_needs_two_branches(lake: Lake) -> None:
    lake.create_branch("dev")
    for source, onto in (("main", None), ("main", "main"), ("dev", "dev")):
        with pytest.raises(LakeError):
            lake.merge(source, onto=onto, author="", message="")


def test_the_past_stays_readable_over_merges(lake: Lake) -> None:
    moments = {put(lake, "main", view("s.a", "1")): {"s.a": "1"}}
    lake.create_branch("dev")
    put(lake, "dev", view("s.a", "2"))
    own = put(lake, "dev", view("s.b", "2"))
    merge(lake, "dev")
    moments[lake.log()[0].seq] = {"s.a": "2", "s.b": "2"}
    moments[put(lake, "main", Put(name="s.a", kind="dropped"))] = {"s.b": "2"}
    moments[put(lake, "main", view("s.A", "3"))] = {"s.b": "2", "s.a": "3"}
    for seq, wanted in moments.items():
        assert seen(lake, "main", seq) == wanted
        for key in ("s.a", "s.b"):
            found = lake.pointer("main", key, seq)
            assert (found and found.sql) == wanted.get(key)
    assert seen(lake, "dev", own) == {"s.a": "2", "s.b": "2"}
    assert seen(lake, "dev", own - 1) == {"s.a": "2"}
