"""Several levels on one check, in runs: the error level alone holds the table back."""

import pytest
from run_folder import Folder, result


def test_the_error_level_alone_holds_the_table_back(folder: Folder) -> None:
    folder.tables(
        t="""-- columns:
--   x: {checks: [{check: "> 0", warn: from 1 row, error: from 20%}]}
-- checks: [{check: rows, warn: "< 10", error: "< 5"}]
SELECT range AS x FROM range(10)""",
        reader="SELECT count(*) AS n FROM s.t",
    )
    made = folder.done()
    assert [(each.check, each.state, each.failing) for each in result(made, "s.t").checks] == [
        ("> 0", "warned", 1),
        ("rows", "passed", 0),
    ]
    assert folder.rows("s.reader") == [(10,)]
    folder.tables(t=(folder.path / "tables/s/t.sql").read_text().replace("range(10)", "range(9)"))
    assert [each.state for each in result(folder.done(), "s.t").checks] == ["warned", "warned"]
    folder.tables(t=(folder.path / "tables/s/t.sql").read_text().replace("range(9)", "range(5)"))
    made = folder.run()
    assert made.state == "failed"
    assert [(each.state, each.why) for each in result(made, "s.t").checks] == [
        ("failed", ""),
        ("warned", "5 rows, not >= 10"),
    ]
    assert folder.rows("s.reader") == [(9,)]
    # Another level is another promise.
    folder.tables(t=(folder.path / "tables/s/t.sql").read_text().replace("from 20%", "above 20%"))
    assert [each.state for each in result(folder.done(), "s.t").checks] == ["warned", "warned"]
    assert folder.rows("s.reader") == [(5,)]


def test_bad_rows_are_split_off_up_to_the_error_level(folder: Folder) -> None:
    text = """-- columns:
--   x: {checks: [{check: "> 0", warn: from 2 rows, error: from 3 rows, quarantine: true}]}
SELECT x FROM (VALUES (1), (2), (0), (-1), (-2)) AS v(x) LIMIT """
    for rows, state, there in ((3, "done", [(1,), (2,)]), (4, "done", [(1,), (2,)]), (5, "failed", [(1,), (2,)])):
        folder.tables(t=f"{text}{rows}")
        made = folder.run()
        assert made.state == state
        (check,) = result(made, "s.t").checks
        assert (check.state, check.quarantined) == (("failed", 0) if rows == 5 else ("warned", rows - 2))
        assert folder.rows("s.t") == there
        assert len(folder.rows("s.t__rejected")) == min(rows, 4) - 2


def test_levels_over_a_slice(folder: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is kept of a check is what it counts: each level is told from the whole."""
    monkeypatch.setattr("wherry.run.inspecting.WORTH", 1)
    monkeypatch.setattr("wherry.run.session.MIRRORED_VALUES", 0)
    first = "{check: '< 30', warn: from 1 row, error: from 10%}"
    header = f"-- build: append\n-- columns:\n--   x: {{checks: [{first}, {{check: avg, warn: '> 15'}}]}}\n"
    folder.write({"sources/d.yml": "connector: files\npath: d/\ntables: {o.csv: {as: raw.o}}\n"})
    folder.tables(t=f"{header}SELECT k AS x FROM raw.o")
    found = []
    for rows in (range(30), range(1, 3), (40, 41, 42), (43,)):
        folder.write({"d/o.csv": "k\n" + "".join(f"{row}\n" for row in rows)})
        made = folder.run()
        found += [(each.state, each.failing, each.how) for each in result(made, "s.t").checks]
    assert found[::2] == [
        ("passed", 0, "metadata"),
        ("passed", 0, "metadata"),
        ("warned", 3, "slice"),
        ("failed", 4, "slice"),
    ]
    assert found[1::2] == [
        ("passed", 0, "table"),
        ("passed", 0, "slice"),
        ("warned", 1, "slice"),
        ("warned", 1, "slice"),
    ]


def test_a_file_of_sql_has_levels_too(folder: Folder) -> None:
    def check(levels: str) -> None:
        folder.write({"checks/odd.sql": f"-- Odd numbers.\n--\n{levels}SELECT * FROM s.t WHERE x % 2 = 1"})

    folder.tables(t="SELECT range AS x FROM range(10)")
    for levels, state in (
        ("-- warn: from 1 row\n-- error: above 5 rows\n", "warned"),
        ("-- warn: from 6 rows\n", "passed"),
        ("-- warn: from 1 row\n-- error: from 5 rows\n", "failed"),
    ):
        check(levels)
        folder.run()
        (found,) = (what["result"] for kind, what in folder.told if kind == "checked")
        assert (found.check, found.state, found.failing) == ("odd", state, 5)
    for levels, line, why in (
        ("-- error: 5%\n", 3, "does not say of how many"),
        ("-- severity: warn\n-- warn: from 1 row\n", 4, "does not go with that"),
        ("-- warn: often\n", 3, "must be a number"),
    ):
        check(levels)
        (finding,) = folder.project().graph.findings
        assert (finding.file, finding.line) == ("checks/odd.sql", line)
        assert why in finding.message
