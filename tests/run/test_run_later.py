"""What is asked of a table once it is published is asked, whoever was killed in between."""

import os
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import pytest
from run_folder import Folder, result, states
from test_run_killed import Scene, killer

from wherry.run.failing import failing_rows
from wherry.state.runs import last_runs

DEEP = os.environ.get("WHERRY_DEEP") == "1"
NOW = datetime(2026, 1, 12, 12)
HEAD = "-- checks: [x > -100, {check: x > 5, when: after}]\n"


def asked(folder: Folder, name: str = "s.t") -> list[tuple[str, int]]:
    """Of each run that asked a table what is asked after publishing, the newest first: state and number of bad rows."""
    results = [each for run in last_runs(folder.lake.database) for each in run.assets if each.name == name]
    return [(c.state, c.failing) for each in results for c in each.checks if c.after]


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Folder]:
    """A table with one bad row that is published and asked, and the file that gives it two."""
    path = tmp_path / "project"
    path.mkdir()
    folder = Folder(path)
    folder.tables(t=HEAD + "SELECT 1 AS x", reader="SELECT x FROM s.t")
    folder.done(now=NOW)
    assert asked(folder) == [("failed", 1)]
    folder.tables(t=HEAD + "SELECT unnest([1, 2, 9]) AS x")
    yield folder
    folder.close()


def kill(folder: Folder, what: str, number: int) -> str:
    with killer(folder.path, NOW) as at:
        return at(what, number)


def test_a_run_killed_after_publishing_leaves_the_question_to_the_next(scene: Folder) -> None:
    assert kill(scene, "published", 1) == "killed"
    assert scene.rows("s.t") == [(1,), (2,), (9,)] and asked(scene) == [("failed", 1)]
    step = scene.plan(now=NOW).by_name["s.t"]
    assert (step.action, step.only_checks) == ("skip", True) and "not asked" in step.reason
    made = scene.done(now=NOW)
    assert set(states(made).values()) == {"skipped"}
    found = [(each.check, each.state, each.after) for each in result(made, "s.t").checks]
    assert found == [("x > -100", "passed", False), ("x > 5", "failed", True)]
    assert asked(scene) == [("failed", 2), ("failed", 1)]
    graph = scene.project().graph
    (told,) = failing_rows(scene.config, scene.lake, graph, graph["s.t"], "main", 10)
    assert told["rows"] == [{"x": 1}, {"x": 2}]
    # Asked once, and not again.
    assert all(not each.only_checks for each in scene.plan(now=NOW).steps)
    assert not any(each.checks for each in scene.done(now=NOW).assets)


def test_what_the_killed_run_found_before_publishing_is_known(scene: Folder) -> None:
    assert kill(scene, "checked", 1) == "killed"
    newest = last_runs(scene.lake.database)[0]
    assert [each.check for each in result(newest, "s.t").checks] == ["x > -100"]


def test_a_run_of_other_tables_leaves_the_question_open(scene: Folder) -> None:
    assert kill(scene, "published", 1) == "killed"
    scene.done("s.reader", now=NOW)
    assert asked(scene) == [("failed", 1)]
    scene.done(now=NOW)
    assert asked(scene)[0] == ("failed", 2)


def test_what_is_published_is_asked_though_a_newer_one_does_not_pass(scene: Folder) -> None:
    assert kill(scene, "published", 1) == "killed"
    scene.tables(t=HEAD + "SELECT unnest([1, 2, 3, -200]) AS x")
    made = scene.run(now=NOW)
    assert made.state == "failed" and scene.rows("s.t") == [(1,), (2,), (9,)]
    found = [(each.check, each.state, each.failing, each.after) for each in result(made, "s.t").checks]
    assert found == [("x > -100", "failed", 1, False), ("x > 5", "failed", 2, True)]
    assert not any(each.after for each in result(scene.run(now=NOW), "s.t").checks)


def test_a_question_that_is_asked_no_more_is_forgotten(scene: Folder) -> None:
    assert kill(scene, "published", 1) == "killed"
    scene.tables(t="SELECT unnest([1, 2, 9]) AS x")
    assert not any(each.after for each in result(scene.done(now=NOW), "s.t").checks)
    scene.done(now=NOW)
    assert all(not each.only_checks for each in scene.plan(now=NOW).steps)


def test_checks_of_every_face_are_asked_after_publishing(folder: Folder) -> None:
    short = ("'< 5'", "max < 5", "median < 5", "unique", "refers to s.known.x", "same values as s.known.x", "type text")
    later = ", ".join(f"{{check: {each}, when: after}}" for each in short)
    folder.tables(
        t=f"-- columns: {{x: {{checks: [not_null, {later}]}}}}\nSELECT unnest([9, 9]) AS x", known="SELECT 1 AS x"
    )
    found = [(each.check, each.state, each.after) for each in result(folder.done(), "s.t").checks]
    assert found == [("not_null", "passed", False), *((each.strip("'"), "failed", True) for each in short)]
    assert folder.rows("s.t") == [(9,), (9,)]


def test_a_table_published_by_itself_is_asked_too(scene: Folder) -> None:
    scene.done(now=NOW, each=True)
    assert asked(scene) == [("failed", 2), ("failed", 1)]


def test_views_sources_and_python_are_asked_too(folder: Folder) -> None:
    later = "{check: '> 5', when: after}"
    folder.write(
        {
            "sources/d.yml": "connector: files\npath: d/\ntables:\n"
            f"  o.csv: {{as: raw.o, columns: {{x: {{checks: [{later}]}}}}}}\n",
            "d/o.csv": "x\n1\n2\n9\n",
        }
    )
    folder.tables(
        v=f"-- build: view\n-- columns: {{x: {{checks: [{later}]}}}}\nSELECT x FROM raw.o",
        p="from wherry import Table, table\n\n"
        '@table(columns={"x": {"checks": [{"check": "> 5", "when": "after"}]}})\n'
        'def p(rows: Table["raw.o"]):\n    return rows.df()\n',
    )
    folder.close()
    assert kill(folder, "published", 1) == "killed"
    folder = Folder(folder.path)
    made = folder.done(now=NOW)
    for name in ("raw.o", "s.v", "s.p"):
        assert [(c.check, c.failing, c.after) for c in result(made, name).checks] == [("> 5", 2, True)], name
    assert not any(each.checks for each in folder.done(now=NOW).assets)
    folder.close()


def test_a_change_cannot_be_asked_when_what_it_is_held_against_is_gone(folder: Folder) -> None:
    folder.tables(t="-- checks: [{check: rows change between -10% and 50%, when: after}]\nSELECT 1 AS x")
    (finding,) = folder.project().errors
    assert (finding.code, finding.file, finding.line) == ("bad-check", "tables/s/t.sql", 1)
    assert "before" in finding.message


class Asked(Scene):
    """Every kill leaves a table that is asked of its new rows by somebody."""

    tables = ("s.t", "s.reader")

    def recover(self) -> set[str]:
        built = super().recover()
        with self.opened() as folder:
            assert ("failed", 2) in asked(folder)
        return built


def test_killed_at_any_commit(scene: Folder) -> None:
    Asked(scene.path, scene.path.with_name("kept"), NOW).killed_times("commit", 0 if DEEP else 5)
