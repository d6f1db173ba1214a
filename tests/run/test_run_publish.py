"""What passes its checks is published together; what fails, and what needs it, waits."""

from itertools import count
from typing import Any

import pytest
from run_folder import NOON, Folder, result, states

from wherry.errors import Conflict, LakeError
from wherry.lake.pointer import Put
from wherry.model.plan import Request
from wherry.model.run import CheckResult, Run
from wherry.run.runner import RunOptions, exit_code, run


def checks(made: Run, name: str) -> list[tuple[str, str, int]]:
    return [(check.check, check.state, check.failing) for check in result(made, name).checks]


def chain(folder: Folder, bad: int) -> None:
    """``a`` and ``b`` and what is made of them; ``a`` has that many bad rows."""
    rows = ", ".join(["(1)"] + ["(-1)"] * bad)
    folder.tables(
        a=f"-- checks: [x > 0]\nSELECT x FROM (VALUES {rows}) AS t(x)",
        b=f"SELECT {bad} AS x",
        a2="SELECT x FROM s.a",
        ab="-- build: view\nSELECT a2.x FROM s.a2, s.b",
        b2="SELECT x FROM s.b",
    )


def test_a_failing_check_holds_back_its_table_and_what_needs_it(folder: Folder) -> None:
    chain(folder, bad=0)
    folder.done()
    names = ("s.a", "s.b", "s.a2", "s.ab", "s.b2")
    old = folder.contents(*names)
    chain(folder, bad=2)
    made = folder.run()
    assert states(made) == {"a": "failed", "b": "built", "a2": "blocked", "ab": "blocked", "b2": "built"}
    assert result(made, "s.a").reason == "check failed: x > 0 (2 bad rows)"
    assert (made.state, exit_code(made), bool(made.commit)) == ("failed", 1, True)
    assert folder.contents(*names) == {**old, "s.b": [(2,)], "s.b2": [(2,)], "s.ab": [(1,)]}
    # The next run looks at those again, and at nothing else.
    again = folder.run()
    assert states(again) == {"a": "failed", "b": "skipped", "a2": "blocked", "ab": "blocked", "b2": "skipped"}
    assert checks(again, "s.a") == [("x > 0", "failed", 2)]
    chain(folder, bad=0)
    folder.tables(b="SELECT 2 AS x")
    assert states(folder.done())["b2"] == "skipped"
    assert folder.contents(*names) == {**old, "s.b": [(2,)], "s.b2": [(2,)]}
    assert folder.leftovers() == []


def test_a_mended_check_publishes_what_was_built(folder: Folder) -> None:
    folder.tables(a="-- checks: [x > 1]\nSELECT 1 AS x", b="SELECT x FROM s.a")
    assert folder.run().state == "failed"
    folder.tables(a="-- checks: [x > 0]\nSELECT 1 AS x")
    made = folder.done()
    assert states(made) == {"a": "skipped", "b": "built"}
    assert checks(made, "s.a") == [("x > 0", "passed", 0)]
    assert folder.contents("s.a", "s.b") == {"s.a": [(1,)], "s.b": [(1,)]}


def test_a_warning_publishes(folder: Folder) -> None:
    folder.tables(a="-- checks: [{check: x > 1, severity: warn}]\nSELECT 1 AS x")
    made = folder.done()
    assert checks(made, "s.a") == [("x > 1", "warned", 1)]
    assert folder.rows("s.a") == [(1,)]


@pytest.mark.parametrize(
    ("mostly", "bad", "rows", "passes"),
    [
        (0.9, 1, 10, True),
        (0.9, 2, 10, False),
        (0.7, 3, 10, True),
        (0.57, 43, 100, True),
        (0.57, 44, 100, False),
        (0.07, 93, 100, True),
        (0, 5, 5, True),
        (1, 1, 1000, False),
        (0.999, 1, 999, False),
    ],
)
def test_mostly_is_exact(folder: Folder, mostly: float, bad: int, rows: int, passes: bool) -> None:
    folder.tables(
        a=f"-- columns: {{x: {{checks: [{{check: '> 0', mostly: {mostly}}}]}}}}\n"
        f"SELECT if(i < {bad}, -1, 1) AS x FROM range({rows}) AS t(i)"
    )
    made = folder.run()
    assert (made.state == "done", checks(made, "s.a")[0][2]) == (passes, bad)


def test_where_narrows_a_check(folder: Folder) -> None:
    folder.tables(
        a="-- columns:\n"
        "--   x:\n"
        "--     checks:\n"
        "--     - {check: not_null, where: kind = 'paid'}\n"
        "--     - {check: unique, where: \"kind = 'paid' OR false\"}\n"
        "--     - {check: not_null, where: kind = 'paid', mostly: 0.5}\n"
        "--     - {check: not_null, where: kind = 'open', severity: warn, mostly: 0.6}\n"
        "SELECT * FROM (VALUES (1, 'paid'), (2, 'paid'), (NULL, 'open'), (2, 'open'), (2, NULL)) AS t(x, kind)"
    )
    made = folder.done()
    verdicts = [
        ("not_null", "passed", 0),
        ("unique", "passed", 0),
        ("not_null", "passed", 0),
        ("not_null", "warned", 1),
    ]
    assert checks(made, "s.a") == verdicts


def test_an_error_inside_a_check_fails_that_check_alone(folder: Folder) -> None:
    folder.tables(
        a="-- columns: {x: {checks: [not_null, 'in [7, 8]', unique, {check: '> error(x)', severity: warn}]}}\n"
        "-- checks: [\"x::INTEGER > 5\", \"x != 'z'\"]\nSELECT * FROM (VALUES ('7'), ('nine')) AS t(x)"
    )
    made = folder.run()
    verdicts = {check.check: (check.state, bool(check.error)) for check in result(made, "s.a").checks}
    assert verdicts == {
        "not_null": ("passed", False),
        "unique": ("passed", False),
        "in [7, 8]": ("failed", True),
        "> error(x)": ("failed", True),
        "x::INTEGER > 5": ("failed", True),
        "x != 'z'": ("passed", False),
    }
    assert "s.a" not in folder.lake.pointers("main")


def test_a_file_of_sql_may_check_several_tables(folder: Folder) -> None:
    folder.tables(a="SELECT 1 AS x", b="SELECT 1 AS x", c="SELECT x FROM s.b", d="SELECT 1 AS one")
    folder.write({"checks/both.sql": "-- All of a is in b.\nSELECT x FROM s.a WHERE x NOT IN (FROM s.b)"})
    folder.done()
    folder.tables(b="SELECT 2 AS x", d="SELECT 2 AS one")
    made = folder.run()
    assert states(made) == {"a": "skipped", "b": "failed", "c": "blocked", "d": "built"}
    assert result(made, "s.b").reason == "check failed: checks/both.sql (1 bad row)"
    assert folder.contents("s.a", "s.b", "s.c", "s.d") == {"s.a": [(1,)], "s.b": [(1,)], "s.c": [(1,)], "s.d": [(2,)]}
    told = [what["result"] for kind, what in folder.told if kind == "checked"]
    assert told == [CheckResult(check="both", column="", state="failed", failing=1)]
    folder.tables(a="SELECT 2 AS x")
    made = folder.done()
    assert states(made) == {"a": "built", "b": "skipped", "c": "skipped", "d": "skipped"}
    assert folder.contents("s.a", "s.b", "s.c") == {"s.a": [(2,)], "s.b": [(2,)], "s.c": [(2,)]}


def test_a_file_of_sql_that_only_warns_publishes(folder: Folder) -> None:
    folder.tables(a="SELECT 1 AS x")
    folder.write({"checks/w.sql": "-- severity: warn\nFROM s.a"})
    folder.done()
    assert [what["result"].state for kind, what in folder.told if kind == "checked"] == ["warned"]
    assert folder.rows("s.a") == [(1,)]


def test_a_new_check_runs_without_building(folder: Folder) -> None:
    folder.tables(a="SELECT 1 AS x", b="SELECT x FROM s.a")
    folder.done()
    places = {key: pointer.location for key, pointer in folder.lake.pointers("main").items()}
    folder.tables(a="-- checks: [x = 1]\nSELECT 1 AS x")
    made = folder.done()
    assert states(made) == {"a": "skipped", "b": "skipped"}
    assert (result(made, "s.a").reason, checks(made, "s.a")) == (
        "only its checks run: they changed",
        [("x = 1", "passed", 0)],
    )
    assert checks(folder.done(), "s.a") == []
    folder.tables(a="-- checks: [x = 2]\nSELECT 1 AS x")
    assert states(folder.run()) == {"a": "failed", "b": "blocked"}
    folder.write({"checks/c.sql": "SELECT * FROM s.b WHERE x > 5"})
    folder.tables(a="SELECT 1 AS x")
    assert states(folder.done()) == {"a": "skipped", "b": "skipped"}
    assert [what["result"].state for kind, what in folder.told if kind == "checked"] == ["passed"]
    assert {key: pointer.location for key, pointer in folder.lake.pointers("main").items()} == places
    assert folder.leftovers() == []


def test_a_reference_to_a_table_that_is_held_back_holds_back_too(folder: Folder) -> None:
    """What ``b`` refers to is not published, so that ``b`` would refer to nothing."""
    folder.tables(
        z="-- checks: [x > 0]\nSELECT 1 AS x",
        b="-- columns: {x: {checks: [refers to s.z.x]}}\nSELECT 1 AS x",
    )
    folder.done()
    folder.tables(
        z="-- checks: [x > 0]\nSELECT * FROM (VALUES (2), (-1)) AS t(x)",
        b="-- columns: {x: {checks: [refers to s.z.x]}}\nSELECT 2 AS x",
    )
    assert states(folder.run()) == {"z": "failed", "b": "blocked"}
    assert folder.contents("s.b", "s.z") == {"s.b": [(1,)], "s.z": [(1,)]}
    folder.tables(z="-- checks: [x > 0]\nSELECT 2 AS x")
    folder.done()
    assert folder.contents("s.b", "s.z") == {"s.b": [(2,)], "s.z": [(2,)]}


def test_publishing_each_table_as_it_passes(folder: Folder) -> None:
    chain(folder, bad=1)
    made = folder.run(each=True)
    assert states(made) == {"a": "failed", "b": "built", "a2": "blocked", "ab": "blocked", "b2": "built"}
    assert folder.contents("s.a", "s.a2", "s.b", "s.b2") == {"s.a": None, "s.a2": None, "s.b": [(1,)], "s.b2": [(1,)]}
    published = [{c.full_name for c in what["commit"].changes} for kind, what in folder.told if kind == "published"]
    assert published == [{"s.b"}, {"s.b2"}]
    chain(folder, bad=0)
    folder.done(each=True)
    assert folder.leftovers() == []
    assert folder.contents("s.a2", "s.ab") == {"s.a2": [(1,)], "s.ab": [(1,)]}


def test_a_table_that_a_file_of_sql_checks_waits_for_it(folder: Folder) -> None:
    folder.tables(a="SELECT -1 AS x", b="SELECT x FROM s.a", c="SELECT 1 AS x")
    folder.write({"checks/positive.sql": "SELECT * FROM s.a WHERE x < 0"})
    made = folder.run(each=True)
    assert states(made) == {"a": "failed", "b": "blocked", "c": "built"}
    assert folder.contents("s.a", "s.b", "s.c") == {"s.a": None, "s.b": None, "s.c": [(1,)]}


def test_a_table_that_moved_on_main_is_not_overwritten(folder: Folder) -> None:
    folder.tables(a="SELECT 1 AS x", b="SELECT 1 AS x")
    folder.done()
    theirs = folder.lake.pointers("main")["s.a"]
    folder.tables(a="SELECT 2 AS x", b="SELECT 2 AS x")
    folder.done()

    hands = count()

    def meddle(kind: str, **what: Any) -> None:
        if kind == "started" and what["name"] == "s.a":
            # Another change each time the run tries again.
            put = Put(name="s.a", kind="table", location=theirs.location, state={"hand": next(hands)})
            folder.lake.put("main", [put], author="eve", message="by hand")

    folder.tables(a="SELECT 3 AS x", b="SELECT 3 AS x")
    with pytest.raises(Conflict, match=r"`s\.a`"):
        folder.run(tell=meddle)
    assert folder.contents("s.a", "s.b") == {"s.a": [(1,)], "s.b": [(2,)]}
    assert "eve" in {commit.author for commit in folder.lake.log("main", table="s.a")}
    made = folder.done()
    assert states(made)["b"] == "skipped"
    assert folder.contents("s.a", "s.b") == {"s.a": [(3,)], "s.b": [(3,)]}
    assert folder.leftovers() == []


def test_one_run_at_a_time(folder: Folder) -> None:
    folder.tables(a="SELECT 1 AS x")
    refused: list[LakeError] = []

    def second(kind: str, **what: Any) -> None:
        if kind == "started":
            with pytest.raises(LakeError) as caught:
                run(folder.project(), folder.lake, Request(now=NOON), RunOptions(jobs=1))
            refused.append(caught.value)

    folder.done(tell=second)
    assert [(error.findings[0].code, error.exit_code) for error in refused] == [("run-in-progress", 1)]
    # Another branch is another place.
    folder.lake.create_branch("dev")
    folder.tables(a="SELECT 2 AS x")

    def elsewhere(kind: str, **what: Any) -> None:
        if kind == "started":
            run(folder.project("dev"), folder.lake, Request(now=NOON), RunOptions(jobs=1, branch="dev"))

    folder.done(tell=elsewhere)
    assert folder.rows("s.a") == folder.rows("s.a", "dev") == [(2,)]


def test_a_table_whose_file_is_gone_goes(folder: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    folder.tables(a="SELECT 1 AS x", old="SELECT 1 AS x", kept="-- build: append\nSELECT 1 AS x")
    folder.done()
    folder.remove("tables/s/old.sql")
    folder.remove("tables/s/kept.sql")

    def killed(*given: Any, **more: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr(folder.lake, "merge", killed)
        folder.run()
    assert folder.rows("s.old") == [(1,)]
    assert states(folder.done()) == {"a": "skipped", "kept": "skipped", "old": "dropped"}
    assert set(folder.lake.pointers("main")) == {"s.a", "s.kept"}
    assert states(folder.done(prune=True)) == {"a": "skipped", "kept": "dropped"}
    assert set(folder.lake.pointers("main")) == {"s.a"}


def test_a_file_that_is_back_before_its_table_was_gone(folder: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    folder.tables(a="SELECT 1 AS x", b="SELECT x FROM s.a")
    folder.done()
    folder.remove("tables/s/a.sql")
    folder.remove("tables/s/b.sql")
    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr(folder.lake, "merge", lambda *given, **more: (_ for _ in ()).throw(KeyboardInterrupt()))
        folder.run()
    folder.tables(a="SELECT 1 AS x", b="SELECT x + 1 AS x FROM s.a")
    folder.done()
    assert folder.contents("s.a", "s.b") == {"s.a": [(1,)], "s.b": [(2,)]}
    assert folder.leftovers() == []
