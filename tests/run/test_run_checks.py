"""What a run does with checks: when they are asked, what stays of them, how little is read for them."""

from typing import Any

import pytest
from run_folder import Folder, result

from wherry.model.run import CheckResult
from wherry.run import check_slices, check_subject, inspecting
from wherry.run.failing import failing_rows


def verdicts(folder: Folder, name: str = "s.t", **how: Any) -> dict[str, CheckResult]:
    return {each.check: each for each in result(folder.run(**how), name).checks}


def failing(folder: Folder, limit: int = 100) -> dict[str, list[dict[str, Any]]]:
    graph = folder.project().graph
    found = failing_rows(folder.config, folder.lake, graph, graph["s.t"], "main", limit)
    return {each["check"]: each["rows"] for each in found}


def test_a_check_after_publishing_is_told_and_blocks_nothing(folder: Folder) -> None:
    folder.tables(
        t="-- checks: [x > 0, {check: x > 5, when: after}, {check: 'x < 9', when: after}]\nSELECT 1 AS x",
        reader="SELECT x FROM s.t",
    )
    made = folder.done()
    found = [(each.check, each.state, each.after) for each in result(made, "s.t").checks]
    assert found == [("x > 0", "passed", False), ("x > 5", "failed", True), ("x < 9", "passed", True)]
    assert result(made, "s.t").state == "built"
    assert folder.rows("s.reader") == [(1,)]
    assert failing(folder) == {"x > 5": [{"x": 1}]}
    assert [what["result"].check for kind, what in folder.told if kind == "checked"] == ["x > 5", "x < 9"]


def test_nothing_is_asked_after_publishing_of_what_is_not_published(folder: Folder) -> None:
    folder.tables(t="-- checks: [x > 5, {check: x > 6, when: after}]\nSELECT 1 AS x")
    assert list(verdicts(folder)) == ["x > 5"]


def test_bad_rows_are_kept_when_the_branch_of_the_run_is_gone(folder: Folder) -> None:
    folder.tables(t="-- checks: [x > 0]\nSELECT -1 AS x, DATE '2026-01-02' AS day")
    folder.run()
    for branch in folder.leftovers():
        folder.lake.drop_branch(branch)
    assert failing(folder) == {"x > 0": [{"x": -1, "day": "2026-01-02"}]}
    folder.lake.close()
    later = Folder(folder.path)
    assert failing(later) == {"x > 0": [{"x": -1, "day": "2026-01-02"}]}
    later.close()


def test_so_many_bad_rows_are_kept_and_more_are_looked_up_where_they_are(folder: Folder) -> None:
    folder.tables(t="-- checks: [x < 0]\nSELECT range AS x FROM range(500)")
    folder.run()
    assert len(failing(folder, limit=300)["x < 0"]) == 300
    for branch in folder.leftovers():
        folder.lake.drop_branch(branch)
    assert len(failing(folder, limit=300).get("x < 0", [])) in (0, 100)


def test_what_was_measured_is_told(folder: Folder) -> None:
    folder.tables(t="-- columns: {x: {checks: [avg between 1 and 9]}}\nSELECT unnest([1, 2, 6]) AS x")
    (found,) = verdicts(folder).values()
    assert (found.observed, found.state, found.why) == (3, "passed", "")
    folder.tables(t="-- columns: {x: {checks: [avg between 5 and 9]}}\nSELECT unnest([1, 2, 6]) AS x")
    made = folder.run()
    assert "avg is 3" in result(made, "s.t").reason


def test_one_check_that_cannot_be_decided_takes_no_other_with_it(folder: Folder) -> None:
    folder.tables(
        t="-- columns: {x: {checks: [not_null, unique]}}\n"
        "-- checks: ['x::INTEGER > 0', \"x != 'q'\", {check: 'x::DATE > x::DATE', severity: warn}]\n"
        "SELECT unnest(['a', 'b']) AS x"
    )
    found = verdicts(folder)
    assert {text: each.state for text, each in found.items()} == {
        "not_null": "passed",
        "unique": "passed",
        "x::INTEGER > 0": "failed",
        "x != 'q'": "passed",
        # Not known to hold, it is not let pass as a warning.
        "x::DATE > x::DATE": "failed",
    }
    assert "Could not convert" in found["x::INTEGER > 0"].error


def test_a_check_that_was_not_understood_fails_alone_and_says_why(folder: Folder) -> None:
    folder.tables(
        t="-- columns: {x: {checks: [not_nul, '> 0']}}\n-- checks: [between 1 and 2]\nSELECT 1 AS x",
        other="SELECT 2 AS x",
    )
    assert [(each.code, each.line) for each in folder.project().errors] == [("bad-check", 1), ("bad-check", 2)]
    made = folder.run()
    found = {each.check: each for each in result(made, "s.t").checks}
    assert {text: each.state for text, each in found.items()} == {
        "not_nul": "failed",
        "> 0": "passed",
        "between 1 and 2": "failed",
    }
    assert found["not_nul"].error.startswith("it cannot run: `not_nul` is no check of a column")
    assert result(made, "s.other").state == "built" and folder.rows("s.other") == [(2,)]


def test_tolerance_by_share_by_count_and_for_a_sample(folder: Folder) -> None:
    rows = "SELECT range AS x FROM range(10)"
    folder.tables(
        t="-- checks:\n"
        "--   - {check: x > 0, mostly: 0.9, name: share}\n--   - {check: x > 1, mostly: 0.9, name: less}\n"
        "--   - {check: x > 1, most: 2, name: count}\n--   - {check: x > 2, most: 2, name: more}\n"
        "--   - {check: x > 9, most: 4, sample: 4, name: sampled}\n"
        "--   - {check: x > 9, most: 3, sample: 4, name: more of a sample}\n"
        "--   - {check: x > 8, severity: warn, name: warned}\n"
        f"{rows}"
    )
    found = verdicts(folder)
    assert {text: each.state for text, each in found.items()} == {
        "share": "passed",
        "less": "failed",
        "count": "passed",
        "more": "failed",
        "sampled": "passed",
        "more of a sample": "failed",
        "warned": "warned",
    }
    assert found["sampled"].looked == 4 and found["less"].looked == 10


GROWING = (
    "-- build: append\n-- columns:\n--   x: {checks: [not_null, '>= 0', unique, sum > 0, refers to s.known.id]}\n"
    "--   y: {checks: [{check: '< 1000', most: 1}]}\n-- checks: [rows > 1]\n"
    "SELECT k AS x, k AS y FROM raw.o"
)


@pytest.fixture
def growing(folder: Folder, monkeypatch: pytest.MonkeyPatch) -> Folder:
    """A table that grows by what is loaded, where less than everything is always looked at."""
    monkeypatch.setattr(inspecting, "WORTH", 1)
    monkeypatch.setattr("wherry.run.session.MIRRORED_VALUES", 0)
    monkeypatch.setattr(check_slices, "MOST", 100)
    folder.write({"sources/d.yml": "connector: files\npath: d/\ntables: {o.csv: {as: raw.o}}\n"})
    folder.write({"d/o.csv": "k\n1\n2\n3\n"})
    folder.tables(t=GROWING, known="SELECT range AS id FROM range(2000)")
    found = verdicts(folder)
    assert {each.state for each in found.values()} == {"passed"}
    assert found["not_null"].how == found["sum > 0"].how.replace("table", "metadata") == "metadata"
    return folder


def test_after_an_append_only_what_came_is_looked_at(growing: Folder) -> None:
    growing.write({"d/o.csv": "k\n4\n1500\n"})
    found = verdicts(growing)
    assert {each.state for each in found.values()} == {"passed"}
    assert {each.how for each in found.values()} == {"slice", "metadata"}
    # The one row that is tolerated is counted on.
    assert found["< 1000"].failing == 1
    growing.write({"d/o.csv": "k\n5\n1600\n"})
    assert verdicts(growing)["< 1000"].failing == 2
    assert growing.lake.pointer("main", "s.t").rows == 5  # type: ignore[union-attr]


def test_a_value_that_meets_one_of_before_is_found_in_the_slice(growing: Folder) -> None:
    growing.write({"d/o.csv": "k\n2\n7\n"})
    found = verdicts(growing)
    assert (found["unique"].state, found["unique"].failing, found["unique"].how) == ("failed", 2, "slice")
    assert failing(growing)["unique"] == [{"x": 2, "y": 2}, {"x": 2, "y": 2}]


def test_a_check_that_changed_and_one_whose_other_table_did_look_at_all(growing: Folder) -> None:
    growing.tables(t=GROWING.replace("'>= 0'", "'> 0'"), known="SELECT range AS id FROM range(1999)")
    growing.write({"d/o.csv": "k\n9\n"})
    found = verdicts(growing)
    assert found["refers to s.known.id"].how == "table"
    assert found["unique"].how == "slice"


@pytest.mark.parametrize("large", [False, True])
def test_a_view_is_what_it_reads(growing: Folder, monkeypatch: pytest.MonkeyPatch, large: bool) -> None:
    """Where only the table was built that the view reads, its own version is what it was."""
    if large:
        monkeypatch.setattr(check_subject, "LARGE", 0)
    text = GROWING.replace("s.known", "s.seen")
    growing.tables(t=text, seen="-- build: view\nSELECT id FROM s.known")
    growing.write({"d/o.csv": "k\n4\n"})
    assert verdicts(growing)["refers to s.seen.id"].state == "passed"
    growing.tables(known="SELECT range AS id FROM range(3, 2000)")
    growing.run("s.known")
    growing.write({"d/o.csv": "k\n6\n"})
    found = result(growing.run("raw.o", "s.t"), "s.t").checks
    assert [(each.state, each.failing) for each in found if each.check == "refers to s.seen.id"] == [("failed", 2)]


@pytest.mark.parametrize("source", ["'ids.csv'", '"ids.csv"', "read_csv('ids.csv')"])
def test_a_view_that_changes_by_itself_is_looked_at_whenever(growing: Folder, source: str) -> None:
    growing.write({"ids.csv": "id\n1\n2\n3\n4\n5\n"})
    growing.tables(t=GROWING.replace("s.known", "s.seen"), seen=f"-- build: view\nSELECT id FROM {source}")
    growing.write({"d/o.csv": "k\n4\n"})
    assert verdicts(growing)["refers to s.seen.id"].state == "passed"
    growing.write({"ids.csv": "id\n4\n5\n", "d/o.csv": "k\n5\n"})
    found = result(growing.run("raw.o", "s.t"), "s.t").checks
    assert [(each.state, each.failing) for each in found if each.check == "refers to s.seen.id"] == [("failed", 3)]


def test_what_was_true_of_an_age_is_asked_again(growing: Folder) -> None:
    day = "DATE '2026-01-01' - k::INTEGER"
    growing.tables(
        t=f"-- build: append\n-- checks: [age(day) < INTERVAL 1 DAY]\nSELECT {day} AS day FROM raw.o",
    )
    growing.write({"d/o.csv": "k\n-100000\n"})
    assert [each.how for each in verdicts(growing).values()] == ["table"]
    growing.write({"d/o.csv": "k\n-100001\n"})
    assert [each.how for each in verdicts(growing).values()] == ["table"]


def test_rows_that_somebody_else_wrote_are_looked_at(growing: Folder) -> None:
    """A commit from outside is in the files like any other; the check fails on it at the next look."""
    import duckdb

    connection = duckdb.connect(config={"allow_unsigned_extensions": "true"})
    growing.lake.attach(connection, "main", "lake")
    connection.execute("INSERT INTO lake.s.t VALUES (-7, 1)")
    connection.close()
    growing.write({"d/o.csv": "k\n9\n"})
    found = verdicts(growing)
    assert (found[">= 0"].state, found[">= 0"].failing) == ("failed", 1)


def test_what_is_kept_is_right_after_rows_went_and_came_back(growing: Folder) -> None:
    import duckdb

    connection = duckdb.connect(config={"allow_unsigned_extensions": "true"})
    growing.lake.attach(connection, "main", "lake")
    connection.execute("DELETE FROM lake.s.t WHERE x = 1")
    connection.execute("INSERT INTO lake.s.t VALUES (2, 5000)")
    connection.close()
    growing.write({"d/o.csv": "k\n1\n"})
    found = verdicts(growing)
    assert (found["unique"].failing, found["unique"].how) == (2, "slice")
    assert found["< 1000"].failing == 1 and found["< 1000"].looked == 4
