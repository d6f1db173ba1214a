"""One entry under ``columns:`` for all columns whose names match."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from run_folder import Folder, result

from wherry.model.column_pattern import as_written, is_open, matching, spread
from wherry.model.run import Run
from wherry.project.check_form import read_check
from wherry.run.comparing import key_of

AMOUNTS = "SELECT 1 AS id, 5 AS amount_net, -5 AS amount_gross, NULL::INTEGER AS Amount_Tax"


def told(made: Run, name: str = "s.t") -> list[tuple[str, str, str]]:
    return [(each.column, each.check, each.state) for each in result(made, name).checks]


def test_a_check_stands_for_every_column_that_matches(folder: Folder) -> None:
    folder.tables(
        t=f"""-- columns:
--   id: {{checks: [not_null]}}
--   /^amount_/: {{checks: [">= 0", {{check: not_null, severity: warn}}]}}
--   "*_net": {{checks: [unique, max < 10]}}
{AMOUNTS}"""
    )
    assert told(folder.run()) == [
        ("id", "not_null", "passed"),
        ("amount_net", ">= 0", "passed"),
        ("amount_gross", ">= 0", "failed"),
        ("Amount_Tax", ">= 0", "passed"),
        ("amount_net", "not_null", "passed"),
        ("amount_gross", "not_null", "passed"),
        ("Amount_Tax", "not_null", "warned"),
        ("amount_net", "unique", "passed"),
        ("amount_net", "max < 10", "passed"),
    ]


def test_its_bad_rows_are_split_off_with_the_column_that_they_break(folder: Folder) -> None:
    folder.tables(
        t="""-- columns:
--   "a_*": {checks: [{check: "> 0", quarantine: true}]}
SELECT * FROM (VALUES (1, 1, 1), (2, 0, 1), (3, 0, 0)) AS v(k, a_x, a_y)"""
    )
    folder.done()
    assert folder.rows("s.t") == [(1, 1, 1)]
    assert folder.rows("s.t__rejected", columns="k, rejected_for") == [
        (2, ["a_x: > 0"]),
        (3, ["a_x: > 0", "a_y: > 0"]),
    ]


def test_a_column_may_be_called_as_the_pattern_is(folder: Folder) -> None:
    folder.tables(t='-- columns: {"p*": {checks: [not_null, unique]}}\nSELECT NULL::INTEGER AS "p*", 1 AS p1')
    made = folder.run()
    assert folder.project().graph.findings == ()
    assert told(made) == [
        ("p*", "not_null", "failed"),
        ("p1", "not_null", "passed"),
        ("p*", "unique", "passed"),
        ("p1", "unique", "passed"),
    ]


def test_a_pattern_is_no_key_to_compare_rows_by(folder: Folder) -> None:
    text = """from wherry import table
@table(columns={"a_*": {"checks": ["unique"]}, "id": {"checks": ["unique"]}})
def t():
    return [{"id": 1, "a_x": 1}]
"""
    folder.tables(t=text)
    assert key_of(folder.project().graph["s.t"]) == ("id",)


def test_a_pattern_that_matches_nothing_is_told_with_its_line(folder: Folder) -> None:
    folder.tables(
        t="-- columns:\n--   id: {checks: [unique]}\n--   sum_*: {checks: [not_null]}\nSELECT 1 AS id, 2 AS x"
    )
    (finding,) = folder.project().graph.findings
    assert (finding.code, finding.severity, finding.file, finding.line) == (
        "no-column",
        "warning",
        "tables/s/t.sql",
        3,
    )
    assert "`sum_*`" in finding.message
    assert finding.hint == "Its columns are: id, x."
    made = folder.done()
    assert told(made) == [("id", "unique", "passed")]
    assert result(made, "s.t").findings == ()


@pytest.mark.parametrize(
    ("entry", "code", "message"),
    [
        ("/^(a/: {checks: [not_null]}", "bad-check", "is no regular expression"),
        ("x*: {type: INTEGER, checks: [not_null]}", "unknown-key", "is for checks, and has no key `type`"),
        ("x*: {checks: [not_nul]}", "bad-check", "no check of a column"),
        ("x*: {check: [not_null]}", "bad-check", "has no key `check`"),
        ("x*: {checks: ['matches \"(\"']}", "bad-check", "missing )"),
    ],
)
def test_what_cannot_be_read_under_a_pattern(folder: Folder, entry: str, code: str, message: str) -> None:
    folder.tables(t=f"-- columns:\n--   {entry}\nSELECT 'a' AS x1, 'b' AS x2")
    findings = folder.project().graph.findings
    assert {(finding.code, finding.line) for finding in findings} == {(code, 2)}
    assert all(message in finding.message for finding in findings)
    if code == "bad-check":
        assert {state for _, _, state in told(folder.run())} == {"failed"}


def test_a_column_that_a_source_brings_later_is_checked_too(folder: Folder) -> None:
    folder.write(
        {
            "drop/a.csv": "id,x_one,x_two\n1,2,-3\n",
            "sources/drop.yml": "connector: files\npath: drop/\ntables:\n  a.csv:\n    as: raw.a\n"
            '    columns: {/^x_/: {checks: [{check: "> 0", severity: warn}]}, "y*": {checks: [not_null]}}\n',
        }
    )
    # The columns of files are known before they are loaded.
    assert [(each.code, each.file, each.line) for each in folder.project().graph.findings] == [
        ("no-column", "sources/drop.yml", 6)
    ]
    made = folder.done()
    first = [("x_one", "> 0", "passed"), ("x_two", "> 0", "warned")]
    assert told(made, "raw.a") == first
    assert result(folder.done(), "raw.a").state == "skipped"
    assert result(folder.done(), "raw.a").checks == ()
    # A column that comes is checked without a word in the project.
    folder.write({"drop/a.csv": "id,x_one,x_two,x_three\n1,2,-3,-4\n"})
    assert told(folder.done(), "raw.a") == [*first, ("x_three", "> 0", "warned")]


def test_columns_that_are_known_after_building_only(folder: Folder) -> None:
    folder.tables(
        t="""from wherry import table

@table(columns={
    "a_*": {"checks": ["> 0", "unique"]},
    "/^b/": {"checks": ["null"]},
    "c*": {"checks": [{"check": "null", "when": "after"}]},
})
def t():
    import pyarrow as pa
    return pa.table({"a_x": [1, 1], "a_y": [0, 1]})
"""
    )
    assert folder.project().graph.findings == ()
    made = folder.run()
    assert [state for column, check, state in told(made)] == ["passed", "failed", "failed", "passed"]
    (finding,) = result(made, "s.t").findings
    assert (finding.code, finding.severity) == ("no-column", "warning")
    assert "`/^b/`" in finding.message
    folder.write({"tables/s/t.py": (folder.path / "tables/s/t.py").read_text().replace("[1, 1]", "[1, 2]")})
    folder.write({"tables/s/t.py": (folder.path / "tables/s/t.py").read_text().replace("[0, 1]", "[1, 2]")})
    made = folder.done()
    assert [each[2] for each in told(made)] == ["passed"] * 4
    assert [each.code for each in result(made, "s.t").findings] == ["no-column"] * 2
    # Known now: it is told beforehand, and nothing is asked again because of that.
    assert [each.code for each in folder.project().graph.findings] == ["no-column"] * 2
    assert result(folder.done(), "s.t").state == "skipped"
    assert result(folder.done(), "s.t").checks == ()


def test_after_publishing_and_for_rows_shown_later(folder: Folder) -> None:
    from wherry.run.failing import failing_rows

    folder.tables(t="-- columns:\n--   /^x/: {checks: [{check: '> 0', when: after}]}\nSELECT 1 AS x1, 0 AS x2, 0 AS y")
    assert told(folder.done()) == [("x1", "> 0", "passed"), ("x2", "> 0", "failed")]
    project = folder.project()
    found = failing_rows(project.config, folder.lake, project.graph, project.graph["s.t"], "main", 10)
    assert [(each["column"], each["rows"]) for each in found] == [("x2", [{"x1": 1, "x2": 0, "y": 0}])]


def test_in_a_file_of_checks_and_written_back(folder: Folder) -> None:
    from wherry.imports.writing import as_keys

    folder.tables(t="SELECT 1 AS a_x, NULL AS a_y")
    keys = {"columns": {"a_*": {"checks": ["not_null", "unique", {"check": "> 0", "mostly": 0.5}]}}}
    folder.write(
        {"checks/t.yml": 'table: s.t\ncolumns: {"a_*": {checks: [not_null, unique, {check: "> 0", mostly: 0.5}]}}\n'}
    )
    checks = folder.project().graph["s.t"].checks
    assert [(each.column, each.kind) for each in checks] == [
        (column, kind) for kind in ("not_null", "unique", "compare") for column in ("a_x", "a_y")
    ]
    assert as_keys(checks) == (keys, [])
    assert ("a_y", "not_null", "failed") in told(folder.run())


NAMES = st.lists(st.text(alphabet="abAB_1", min_size=1, max_size=4), max_size=5, unique_by=str.lower)


@given(NAMES, st.sampled_from(["a*", "*b", "*_*", "/^a/", "/b$/", "/[0-9]/", "/^(?!a)/", "*"]))
def test_a_pattern_is_a_check_beside_each_column_that_matches(names: list[str], pattern: str) -> None:
    def meant(name: str) -> bool:
        low = name.lower()
        return {
            "a*": low.startswith("a"),
            "*b": low.endswith("b"),
            "*_*": "_" in low,
            "/^a/": low.startswith("a"),
            "/b$/": low.endswith("b"),
            "/[0-9]/": "1" in low,
            "/^(?!a)/": not low.startswith("a"),
            "*": True,
        }[pattern]

    from dataclasses import replace

    def read(column: str) -> list[object]:
        return [read_check(short, column=column, file="f", line=1) for short in ("unique", "> 0")]

    wanted = [name for name in names if meant(name)]
    assert matching(pattern, names) == wanted
    open_checks = tuple(replace(each, matching=pattern) for each in read(pattern))  # type: ignore[type-var]
    found = spread(open_checks, names)
    assert as_written(found) == open_checks == as_written(open_checks)
    if not wanted:
        assert found == open_checks
        assert all(map(is_open, found))
        return
    plain = [replace(each, matching="", matched=False) for each in found]
    assert sorted(map(repr, plain)) == sorted(repr(each) for name in wanted for each in read(name))
    assert spread(found, names) == found


def test_checks_are_tried_on_the_columns_that_they_read_whatever_those_are_called(folder: Folder) -> None:
    folder.tables(
        t="""-- columns:
--   'A "b': {checks: ["> 0", "matches 1", {check: not_null, where: other * 2 > 0}]}
--   Ünder*: {checks: ["> 'a'", '<> cast("A ""b" as varchar)', "> 5"]}
SELECT 1 AS "a ""B", 'w' AS "ünder", 2 AS other"""
    )
    (finding,) = folder.project().graph.findings
    assert (finding.code, finding.line) == ("bad-check", 3)
    assert "`> 5`" in finding.message
    found = told(folder.run())
    assert [state for _, _, state in found] == ["passed"] * 5 + ["failed"]
