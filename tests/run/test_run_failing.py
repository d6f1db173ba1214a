"""The rows that break a check are shown where the run that found them left them."""

from typing import Any

from run_folder import Folder

from wherry.run.failing import failing_rows


def rows_of(folder: Folder, table: str, limit: int) -> list[dict[str, Any]]:
    graph = folder.project().graph
    return failing_rows(folder.config, folder.lake, graph, graph[table], "main", limit)


def failing(folder: Folder, table: str, limit: int = 10) -> dict[str, tuple[int, list[dict[str, Any]]]]:
    found = rows_of(folder, table, limit)
    return {each["check"]: (each["failing"], each["rows"]) for each in found}


def test_rows_that_break_each_kind_of_check(folder: Folder) -> None:
    folder.write({"functions/f.sql": "CREATE MACRO small(x) AS x < 3;\n"})
    folder.tables(
        there="SELECT 1 AS id",
        t="-- columns:\n"
        "--   k: {checks: [not_null, unique, refers to s.there.id]}\n"
        "--   x: {checks: ['>= 0', {check: 'in [0, 1]', severity: warn}, between 0 and 9]}\n"
        "-- checks: [rows > 5, small(x), 'unique [k, x]']\n"
        "SELECT * FROM (VALUES (1, 0), (1, -1), (NULL, 1), (2, 7)) AS t(k, x)",
    )
    folder.run()
    assert "s.t" not in folder.lake.pointers("main")
    assert failing(folder, "s.t") == {
        "not_null": (1, [{"k": None, "x": 1}]),
        "unique": (2, [{"k": 1, "x": 0}, {"k": 1, "x": -1}]),
        "refers to s.there.id": (1, [{"k": 2, "x": 7}]),
        ">= 0": (1, [{"k": 1, "x": -1}]),
        "in [0, 1]": (2, [{"k": 1, "x": -1}, {"k": 2, "x": 7}]),
        "between 0 and 9": (1, [{"k": 1, "x": -1}]),
        "rows > 5": (1, [{"row_count": 4}]),
        "small(x)": (1, [{"k": 2, "x": 7}]),
    }
    assert len(failing(folder, "s.t", limit=1)["in [0, 1]"][1]) == 1


def test_nothing_is_shown_of_what_passes_or_never_ran(folder: Folder) -> None:
    folder.tables(t="-- checks: [x > 0]\nSELECT 1 AS x")
    assert failing(folder, "s.t") == {}
    folder.done()
    assert failing(folder, "s.t") == {}


def test_checks_of_one_text_are_told_apart(folder: Folder) -> None:
    folder.tables(
        t="-- columns: {x: {checks: [{check: '> 0', where: 'x > 5'}, {check: '> 0', where: 'x < 5'}]}}\nSELECT -1 AS x"
    )
    folder.run()
    (found,) = rows_of(folder, "s.t", 10)
    assert (found["failing"], found["rows"]) == (1, [{"x": -1}])


def test_a_check_that_cannot_be_decided_says_why(folder: Folder) -> None:
    folder.tables(t="-- checks: ['x::INTEGER > 0', \"x != 'b'\"]\nSELECT * FROM (VALUES ('a'), ('b')) AS t(x)")
    folder.run()
    found = rows_of(folder, "s.t", 10)
    assert [(each["check"], each["failing"], each["rows"]) for each in found] == [
        ("x::INTEGER > 0", 0, []),
        ("x != 'b'", 1, [{"x": "b"}]),
    ]
    assert "Could not convert string 'a'" in found[0]["error"] and found[1]["error"] == ""


def test_bad_rows_are_still_shown_after_a_run_of_other_tables(folder: Folder) -> None:
    folder.tables(t="SELECT 1 AS x", other="SELECT 1 AS x")
    folder.done()
    folder.tables(t="-- checks: [x > 0]\nSELECT -1 AS x")
    folder.run()
    folder.tables(other="SELECT 2 AS x")
    folder.done("s.other")
    assert failing(folder, "s.t") == {"x > 0": (1, [{"x": -1}])}
    assert folder.rows("s.t") == [(1,)]


def test_rows_that_a_file_of_sql_returns(folder: Folder) -> None:
    folder.tables(t="SELECT range AS x FROM range(3)", u="SELECT x FROM s.t")
    folder.write({"checks/small.sql": "SELECT t.x FROM s.t JOIN s.u USING (x) WHERE t.x > 1"})
    run = folder.run()
    assert {result.name: result.state for result in run.assets} == {"s.t": "failed", "s.u": "failed"}
    assert [(check.check, check.failing) for check in run.assets[0].checks] == [("small", 1)]
    assert failing(folder, "s.u") == {"small": (1, [{"x": 2}])}
    folder.write({"checks/small.sql": "-- severity: warn\nSELECT x FROM s.t WHERE x > 1"})
    run = folder.run()
    assert run.state == "done"
    assert [check.state for check in run.assets[0].checks] == ["warned"]
