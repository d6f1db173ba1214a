"""Three-way merges: publishing, bringing a branch up to date, merging side by side; branches against their parents."""

from typing import Any

import pytest

from wherry.errors import Conflict, LakeError, NoSuchBranch, UsageError
from wherry.lake.lake import Lake
from wherry.lake.pointer import Put


def view(name: str, sql: str) -> Put:
    return Put(name=name, kind="view", sql=sql, state={})


def drop(name: str) -> Put:
    return Put(name=name, kind="dropped")


def put(lake: Lake, branch: str, *puts: Put, author: str = "ada") -> str:
    return lake.put(branch, puts, author=author, message=f"on {branch}").id


def seen(lake: Lake, branch: str) -> dict[str, str | None]:
    return {k: p.sql for k, p in lake.pointers(branch).items()}


def merge(lake: Lake, source: str, onto: str | None = None, **more: Any) -> list[str] | None:
    done = lake.merge(source, onto=onto, author="ada", message="merge", **more)
    return None if done is None else [c.full_name for c in done.changes]


def test_what_each_side_changed_alone_is_taken(lake: Lake) -> None:
    put(lake, "main", view("s.a", "1"), view("s.b", "1"), view("s.c", "1"))
    lake.create_branch("dev")
    put(lake, "dev", view("s.a", "dev"), drop("s.c"), view("s.new", "dev"))
    put(lake, "main", view("s.b", "main"))
    told = lake.preview_merge("dev")
    assert [(m.name, m.change) for m in told.moves] == [("s.a", "changed"), ("s.c", "dropped"), ("s.new", "added")]
    assert not told.fast_forward and not told.conflicts
    assert merge(lake, "dev") == ["s.a", "s.c", "s.new"]
    assert seen(lake, "main") == seen(lake, "dev") == {"s.a": "dev", "s.b": "main", "s.new": "dev"}


def test_a_fast_forward_is_told(lake: Lake) -> None:
    put(lake, "main", view("s.a", "1"))
    lake.create_branch("dev")
    put(lake, "dev", view("s.a", "2"))
    assert lake.preview_merge("dev").fast_forward


def test_a_conflict_tells_both_hands_and_what_to_do(lake: Lake) -> None:
    put(lake, "main", view("s.a", "1"), view("s.b", "1"))
    lake.create_branch("dev")
    ours = put(lake, "dev", view("s.a", "dev"), drop("s.b"), author="ada")
    theirs = put(lake, "main", view("s.a", "main"), view("s.b", "main"), author="bob")
    with pytest.raises(Conflict) as told:
        merge(lake, "dev")
    first, *tables = told.value.findings
    assert "`s.a`, `s.b`" in first.message and "--take s.a=source" in first.hint
    assert [t.message.partition(":")[0] for t in tables] == ["`s.a`", "`s.b`"]
    for part in (ours, theirs, "ada", "bob", "on `dev`", "on `main`", "dropped by ada"):
        assert part in tables[1].message
    conflict = lake.preview_merge("dev").conflicts[0]
    assert (conflict.source.commit, conflict.target.commit, conflict.target.author) == (ours, theirs, "bob")


def test_taking_sides(lake: Lake) -> None:
    put(lake, "main", view("s.a", "1"), view("s.b", "1"))
    lake.create_branch("dev")
    put(lake, "dev", view("s.a", "dev"), view("s.b", "dev"), view("s.c", "dev"))
    put(lake, "main", view("s.a", "main"), view("s.b", "main"))
    with pytest.raises(Conflict, match=r"s\.b"):
        merge(lake, "dev", take={"S.A": "source"})
    with pytest.raises(UsageError, match=r"s\.nope"):
        merge(lake, "dev", take={"s.nope": "source"})
    assert lake.preview_merge("dev", take={"s.a": "source", "s.b": "target"}).kept == ("s.b",)
    assert merge(lake, "dev", take={"s.A": "source", "s.b": "target"}) == ["s.a", "s.c"]
    assert seen(lake, "main") == seen(lake, "dev") == {"s.a": "dev", "s.b": "main", "s.c": "dev"}


def test_bringing_a_branch_up_to_date(lake: Lake) -> None:
    put(lake, "main", view("s.a", "1"), view("s.b", "1"), view("s.c", "1"))
    lake.create_branch("dev")
    put(lake, "dev", view("s.a", "dev"))
    put(lake, "main", view("s.b", "main"), drop("s.c"), view("s.new", "main"))
    assert lake.standing("dev").behind == ("s.b", "s.c", "s.new")
    assert merge(lake, "main", "dev") == ["s.b", "s.c", "s.new"]
    assert seen(lake, "dev") == {"s.a": "dev", "s.b": "main", "s.new": "main"}
    assert lake.standing("dev").ahead == ("s.a",) and lake.standing("dev").behind == ()
    assert merge(lake, "main", "dev") is None
    # What came from main is not a change of dev's own ...
    put(lake, "main", view("s.b", "main 2"))
    assert merge(lake, "main", "dev") == ["s.b"]
    # ... until dev changes it, starting from what it took.
    put(lake, "dev", view("s.b", "dev"))
    assert merge(lake, "dev") == ["s.a", "s.b"]
    assert seen(lake, "main") == seen(lake, "dev") == {"s.a": "dev", "s.b": "dev", "s.new": "main"}


def test_a_conflict_settled_on_the_branch_is_none_for_the_merge_back(lake: Lake) -> None:
    put(lake, "main", view("s.a", "1"), view("s.b", "1"))
    lake.create_branch("dev")
    put(lake, "dev", view("s.a", "dev"), view("s.b", "dev"))
    put(lake, "main", view("s.a", "main"), view("s.b", "main"))
    with pytest.raises(Conflict):
        merge(lake, "main", "dev")
    assert merge(lake, "main", "dev", take={"s.a": "target", "s.b": "source"}) == ["s.b"]
    assert lake.standing("dev").ahead == ("s.a",)
    assert merge(lake, "dev") == ["s.a"]
    assert seen(lake, "main") == {"s.a": "dev", "s.b": "main"}


def test_keeping_all_that_the_branch_has_settles_the_conflict_too(lake: Lake) -> None:
    put(lake, "main", view("s.a", "1"))
    lake.create_branch("dev")
    put(lake, "dev", view("s.a", "dev"))
    put(lake, "main", view("s.a", "main"))
    assert merge(lake, "main", "dev", take="target") == []
    assert merge(lake, "dev") == ["s.a"]


def test_a_branch_made_of_a_branch_is_brought_up_to_date_from_main(lake: Lake) -> None:
    put(lake, "main", view("s.a", "1"), view("s.b", "1"))
    lake.create_branch("dev")
    lake.create_branch("deep", parent="dev")
    put(lake, "deep", view("s.b", "deep"))
    for value in ("2", "3"):
        put(lake, "main", view("s.a", value))
        assert merge(lake, "main", "deep") == ["s.a"]
    assert seen(lake, "deep") == {"s.a": "3", "s.b": "deep"}


def test_side_by_side_again_and_again(lake: Lake) -> None:
    put(lake, "main", view("s.a", "1"), view("s.b", "1"))
    lake.create_branch("one")
    put(lake, "main", view("s.b", "2"))
    lake.create_branch("two")
    put(lake, "one", view("s.a", "one"))
    assert merge(lake, "one", "two") == ["s.a"]
    assert seen(lake, "two") == {"s.a": "one", "s.b": "2"}
    put(lake, "one", view("s.a", "one 2"))
    assert merge(lake, "one", "two") == ["s.a"]
    assert merge(lake, "one", "two") is None
    # What two changes of it later is its own: one did not change it since.
    put(lake, "two", view("s.a", "two"))
    assert merge(lake, "one", "two") is None
    assert merge(lake, "two", "one") == ["s.a", "s.b"]
    put(lake, "one", view("s.a", "x"))
    put(lake, "two", view("s.a", "y"))
    with pytest.raises(Conflict, match=r"s\.a"):
        merge(lake, "one", "two")


def test_a_merge_onto_the_grandparent_brings_what_lies_between(lake: Lake) -> None:
    put(lake, "main", view("s.a", "1"))
    lake.create_branch("dev")
    put(lake, "dev", view("s.a", "dev"))
    lake.create_branch("deep", parent="dev")
    put(lake, "deep", view("s.b", "deep"))
    assert merge(lake, "deep", "main") == ["s.a", "s.b"]
    assert merge(lake, "deep") == ["s.b"]
    assert merge(lake, "dev") is None
    assert seen(lake, "main") == {"s.a": "dev", "s.b": "deep"}


def test_a_run_is_refused_where_the_table_moved(lake: Lake) -> None:
    put(lake, "main", view("s.a", "1"), view("s.b", "1"))
    lake.create_branch("run/1")
    put(lake, "run/1", view("s.a", "run"), view("s.b", "run"))
    put(lake, "main", view("s.a", "2"))
    with pytest.raises(Conflict, match=r"`s\.a`") as told:
        merge(lake, "run/1", only=["s.a", "s.b"])
    assert "run again" in told.value.findings[0].hint
    assert seen(lake, "main") == {"s.a": "2", "s.b": "1"}


def test_dropping_says_what_is_lost(lake: Lake) -> None:
    put(lake, "main", view("s.a", "1"))
    lake.create_branch("dev")
    put(lake, "dev", view("s.a", "2"), view("s.b", "2"))
    with pytest.raises(LakeError, match=r"2 tables .* not published: s\.a, s\.b"):
        lake.drop_branch("dev", force=False)
    assert lake.drop_branch("dev", force=True) == ("s.a", "s.b")
    lake.create_branch("dev")
    put(lake, "dev", view("s.a", "2"))
    put(lake, "dev", view("s.a", "1"))
    assert lake.drop_branch("dev", force=False) == ()


def test_renaming_keeps_changes_history_and_children(lake: Lake) -> None:
    put(lake, "main", view("s.a", "1"))
    lake.create_branch("dev")
    then = put(lake, "dev", view("s.a", "2"))
    put(lake, "dev", view("s.a", "3"))
    lake.create_branch("deep", parent="dev")
    lake.rename_branch("dev", "prices")
    assert {b.name: b.parent for b in lake.branches()} == {"main": None, "prices": "main", "deep": "prices"}
    assert seen(lake, "deep") == seen(lake, "prices") == {"s.a": "3"}
    assert lake.pointers("prices", lake.moment("prices", then))["s.a"].sql == "2"
    assert [c.message for c in lake.log("prices")] == ["on dev", "on dev", "on main"]
    with pytest.raises(NoSuchBranch):
        lake.pointers("dev")
    assert merge(lake, "prices") == ["s.a"]


def test_renamings_that_are_refused(lake: Lake) -> None:
    lake.create_branch("dev")
    lake.create_branch("gone")
    put(lake, "gone", view("s.a", "gone"))
    lake.drop_branch("gone")
    lake.create_branch("run/1")
    for old, new in (("main", "x"), ("dev", "main"), ("dev", "run/2"), ("run/1", "x"), ("nope", "x"), ("dev", "a b")):
        with pytest.raises((LakeError, UsageError)):
            lake.rename_branch(old, new)
    with pytest.raises(LakeError, match="was called"):
        lake.rename_branch("dev", "gone")
