"""Bad rows go to a table of their own, atomically with the table, for every build word and for sources."""

import os
import zipfile
from datetime import datetime
from pathlib import Path

import pytest
from run_folder import Folder, result, states
from test_run_killed import Scene

DEEP = os.environ.get("WHERRY_DEEP") == "1"
CSV = {"sources/d.yml": "connector: files\npath: d/\ntables: {o.csv: {as: raw.o}}\n"}
X = "columns: {x: {checks: [{check: '>= 0', quarantine: true}]}}"
HEAD = f"-- {X}\n"
DAYS = [datetime(2026, 1, 10 + n, 12) for n in range(4)]


def orders(folder: Folder, *rows: str) -> None:
    folder.write(CSV | {"d/o.csv": "k,x,day\n" + "".join(f"{row}\n" for row in rows)})


def split(folder: Folder, table: str = "s.t") -> tuple[list[object], list[object]]:
    """Keys of the good and of the bad rows."""
    good = [row[0] for row in folder.rows(table, columns="k")]
    beside = f"{table}__rejected"
    return good, [r[0] for r in folder.rows(beside, columns="k")] if beside in folder.lake.pointers("main") else []


@pytest.mark.parametrize("word", ["replace", "append", "merge on k", "incremental by day", "history on k"])
def test_each_build_word(folder: Folder, word: str) -> None:
    """Bad rows go aside; one that is good later leaves again where its rows are built again."""
    where = " WHERE day >= $start AND day < $end" if word.startswith("incremental") else ""
    folder.tables(t=f"-- build: {word}\n{HEAD}SELECT k, x, day::TIMESTAMP AS day FROM raw.o{where}")
    orders(folder, "1,1,2026-01-09", "2,-2,2026-01-10")
    made = folder.done(now=DAYS[0])
    (check,) = result(made, "s.t").checks
    assert (check.state, check.failing, check.quarantined) == ("warned", 1, 1)
    assert split(folder) == ([1], [2])
    reasons = folder.rows("s.t__rejected", columns="rejected_for, rejected_at")
    assert reasons == [(["x: >= 0"], DAYS[0])]
    assert set(states(folder.done(now=DAYS[0])).values()) == {"skipped"}
    orders(folder, "1,1,2026-01-09", "2,2,2026-01-10", "3,-3,2026-01-10")
    folder.done(now=DAYS[1])
    # What is appended is never built again.
    assert split(folder) == (([1, 1, 2], [2, 3]) if word == "append" else ([1, 2], [3]))
    if word != "append":
        folder.done("s.t", now=DAYS[1], full=True)
        assert split(folder) == ([1, 2], [3])


def test_a_loaded_table_whole_and_file_by_file(folder: Folder) -> None:
    folder.write(
        {
            "sources/d.yml": "connector: files\npath: d/\ntables:\n"
            f"  o.csv: {{as: raw.o, {X}}}\n  'e/*.csv': {{as: raw.e, mode: incremental, {X}}}\n",
            "d/o.csv": "k,x\n1,1\n2,-2\n",
            "d/e/1.csv": "k,x\n1,1\n2,-2\n",
            "d/e/2.csv": "k,x\n3,-3\n",
        }
    )
    folder.done()
    assert split(folder, "raw.o") == ([1], [2])
    assert split(folder, "raw.e") == ([1], [2, 3])
    folder.write({"d/o.csv": "k,x\n1,1\n2,2\n", "d/e/1.csv": "k,x\n1,1\n2,2\n4,-4\n"})
    folder.done()
    assert split(folder, "raw.o") == ([1, 2], [])
    assert split(folder, "raw.e") == ([1, 2], [3, 4])


def test_readers_get_the_good_rows_and_other_checks_hold_for_them(folder: Folder) -> None:
    folder.tables(
        t="-- columns: {x: {checks: [{check: '>= 0', quarantine: true}]}}\n-- checks: [rows = 2, x > 0]\n"
        "SELECT * FROM (VALUES (1, 1), (2, -2), (3, 3)) AS v(k, x)",
        reader="SELECT sum(x) AS total FROM s.t",
    )
    folder.done()
    assert folder.rows("s.reader") == [(4,)]


@pytest.mark.parametrize("alone", [False, True])
def test_what_is_made_of_a_table_that_was_not_built_is_made_again(folder: Folder, alone: bool) -> None:
    """Its rows are others all the same, for its readers and for what refers to it."""
    select = "SELECT range AS k, range - 2 AS x FROM range(5)"
    refers = "-- columns: {k: {checks: [refers to s.t.k]}}\n"
    folder.tables(t=select, reader="SELECT count(*) AS n FROM s.t", other=f"{refers}SELECT 1 AS k")
    folder.done()
    folder.tables(t=HEAD + select)
    if alone:
        assert states(folder.done("s.t")) == {"t": "skipped"}
        assert folder.rows("s.reader") == [(5,)]
    made = folder.run()
    assert result(made, "s.reader").reason == "its inputs changed since it was built"
    assert result(made, "s.other").checks[0].failing == 1
    assert (split(folder), folder.rows("s.reader")) == (([2, 3, 4], [0, 1]), [(3,)])


def test_every_reason_of_a_row_is_told_and_copies_of_a_key_all_go(folder: Folder) -> None:
    folder.tables(
        t="-- columns:\n"
        "--   k: {checks: [{check: unique, quarantine: true}]}\n"
        "--   x: {checks: [{check: not_null, quarantine: true}, {check: 'in [1, 2]', quarantine: true}]}\n"
        "SELECT * FROM (VALUES (1, 1), (1, NULL), (2, 9), (3, 2)) AS v(k, x)",
    )
    folder.done()
    assert folder.rows("s.t") == [(3, 2)]
    assert folder.rows("s.t__rejected", columns="k, x, rejected_for") == [
        (1, 1, ["k: unique"]),
        (1, None, ["k: unique", "x: not_null"]),
        (2, 9, ["x: in [1, 2]"]),
    ]


def test_quarantine_of_a_table_is_that_of_each_check_that_tells_rows(folder: Folder) -> None:
    folder.tables(
        t="-- columns: {x: {checks: [not_null, '>= 0', avg > 0]}}\n-- checks: [rows = 1, k < 9]\n-- quarantine: true\n"
        "SELECT * FROM (VALUES (1, 1), (2, -2), (3, NULL), (9, 9)) AS v(k, x)",
    )
    folder.done()
    assert split(folder) == ([1], [2, 3, 9])


def test_what_cannot_be_split_is_told_before_anything_runs(folder: Folder) -> None:
    folder.tables(
        t="-- columns: {x: {checks: [{check: avg > 0, quarantine: true}]}}\n"
        "-- checks: [{check: x > 0, quarantine: true, when: after}]\n-- quarantine: perhaps\nSELECT 1 AS x",
    )
    found = [(each.code, each.line, each.message) for each in folder.project().errors]
    assert [(code, line) for code, line, _ in found] == [("bad-check", 1), ("bad-check", 2), ("bad-value", 3)]
    assert "does not tell bad rows from good" in found[0][2] and "before they are published" in found[1][2]


def test_a_column_of_a_name_that_is_needed_is_told(folder: Folder) -> None:
    folder.tables(t=HEAD + "SELECT -1 AS x, 'a' AS filename")
    (finding,) = result(folder.run(), "s.t").findings
    assert "a column is called `filename`" in finding.message


def test_more_bad_rows_than_are_tolerated_stop_the_table(folder: Folder) -> None:
    head = "-- columns: {{x: {{checks: [{{check: '>= 0', quarantine: true, {}}}]}}}}\n"
    rows = "SELECT * FROM (VALUES (1, 1), (2, -2), (3, -3), (4, 4)) AS v(k, x)"
    folder.tables(t=head.format("mostly: 0.6") + rows)
    assert folder.run().state == "failed"
    assert "s.t" not in folder.lake.pointers("main")
    folder.tables(t=head.format("most: 2") + rows)
    folder.done()
    assert split(folder) == ([1, 4], [2, 3])


def test_nothing_is_split_for_readers_when_another_check_fails(folder: Folder) -> None:
    folder.tables(t=HEAD + "-- checks: [rows > 5]\nSELECT * FROM (VALUES (1, 1), (2, -2)) AS v(k, x)")
    assert folder.run().state == "failed"
    assert not {"s.t", "s.t__rejected"} & set(folder.lake.pointers("main"))
    folder.tables(t=HEAD + "SELECT * FROM (VALUES (1, 1), (2, -2)) AS v(k, x)")
    folder.done()
    assert split(folder) == ([1], [2])


def test_a_view_has_no_rows_to_split(folder: Folder) -> None:
    folder.tables(t="-- build: view\n" + HEAD + "SELECT -1 AS x")
    made = folder.run()
    (finding,) = result(made, "s.t").findings
    assert (finding.code, finding.line) == ("bad-check", 2) and "is a view" in finding.message


def test_the_rejected_go_with_their_table(folder: Folder) -> None:
    folder.tables(t=HEAD + "SELECT * FROM (VALUES (1, 1), (2, -2)) AS v(k, x)")
    folder.done()
    folder.remove("tables/s/t.sql")
    folder.done()
    assert not {"s.t", "s.t__rejected"} & set(folder.lake.pointers("main"))


def test_what_a_failed_run_rejected_is_given_up_with_what_it_gathered(folder: Folder) -> None:
    head = "-- build: append\n" + HEAD + "-- checks: [count(*) OVER () < 99, k != 7]\n"
    folder.tables(t=head.replace("count(*) OVER () < 99, ", "") + "SELECT k, x FROM raw.o")
    orders(folder, "1,1,2026-01-09", "2,-2,2026-01-09")
    folder.done()
    orders(folder, "7,7,2026-01-09", "8,-8,2026-01-09")
    assert folder.run().state == "failed"
    orders(folder, "9,9,2026-01-09", "10,-10,2026-01-09")
    folder.done()
    assert split(folder) == ([1, 9], [2, 10])


class Split(Scene):
    """The tables of this test's project."""

    tables = tuple(
        f"{table}{end}" for table in ("raw.o", "s.r", "s.a", "s.i", "s.m", "s.h") for end in ("", "__rejected")
    )


def prepared(path: Path) -> Split:
    path.mkdir()
    folder = Folder(path)
    where = " WHERE day >= $start AND day < $end"
    folder.write(
        {
            "sources/d.yml": "connector: files\npath: d/\ntables:\n"
            "  o.csv: {as: raw.o, columns: {x: {checks: [{check: '!= 5', quarantine: true}]}}}\n",
            "d/o.csv": "k,x,day\n1,1,2026-01-09\n2,-2,2026-01-10\n3,5,2026-01-10\n",
        }
    )
    select = "SELECT k, x, day::TIMESTAMP AS day FROM raw.o"
    folder.tables(
        r=HEAD + select,
        a="-- build: append\n" + HEAD + select,
        i="-- build: incremental by day\n" + HEAD + select + where,
        m="-- build: merge on k\n" + HEAD + select,
        h="-- build: history on k\n" + HEAD + select,
    )
    folder.done(now=DAYS[0], jobs=1)
    folder.write({"d/o.csv": "k,x,day\n1,-1,2026-01-09\n2,2,2026-01-10\n4,-4,2026-01-11\n5,5,2026-01-11\n"})
    folder.close()
    return Split(path, path.with_name("kept"), DAYS[1])


@pytest.mark.parametrize(("what", "times"), [("commit", 0 if DEEP else 5), ("statement", 0 if DEEP else 4)])
def test_killed_at_any_step(tmp_path: Path, what: str, times: int) -> None:
    prepared(tmp_path / "project").killed_times(what, times)


def test_what_was_rejected_stays_beside_the_published_table_when_a_later_build_fails(folder: Folder) -> None:
    text = (
        "-- checks: [{check: x > 0, most: 1, quarantine: true}]\nSELECT * FROM (VALUES (1), (0), (-1)) AS v(x) LIMIT "
    )
    folder.tables(t=f"{text}2")
    folder.done()
    folder.tables(t=f"{text}3")
    made = folder.run()
    assert (made.state, made.commit) == ("failed", "")
    assert folder.rows("s.t") == [(1,)]
    assert folder.rows("s.t__rejected", columns="x") == [(0,)]


def test_rows_of_files_say_where_they_were(folder: Folder) -> None:
    """Also where rows are there more than once, in archives, of types that widened, with line ends in them."""
    folder.write(
        {
            "sources/d.yml": "connector: files\npath: d/\ntables:\n"
            f"  o.csv: {{as: raw.o, {X}}}\n  'e/*.csv': {{as: raw.e, mode: incremental, {X}}}\n"
            f"  'z/*.zip': {{as: raw.z, mode: incremental, {X}}}\n  p.jsonl: {{as: raw.p, {X}}}\n"
            "  c.csv: {as: raw.c, checks: [{check: duplicates, quarantine: true}]}\n",
            "d/o.csv": 'k,x,t\n1,1,"a\nb"\n\n2,-2,"c\n\nd"\n3,-3,\n2,-2,"c\n\nd"\n',
            "d/e/1.csv": "k,x\n1,1\n2,-2\n",
            "d/p.jsonl": '{"k": 1, "x": -1, "o": {"a": [1, null]}}\n\n{"k": 2, "x": -1, "o": {"a": [1, 2]}}\n',
            "d/c.csv": "k\n1\n2\n1\n3\n1\n",
        }
    )
    (folder.path / "d/z").mkdir()
    with zipfile.ZipFile(folder.path / "d/z/1.zip", "w") as archive:
        archive.writestr("a.csv", "k,x\n1,1\n")
        archive.writestr("b.csv", "k,x\n7,7\n8,-8\n")
    folder.done()
    told = "k, rejected_file, rejected_line"
    assert folder.rows("raw.o__rejected", columns=told) == [(2, "o.csv", 5), (2, "o.csv", 9), (3, "o.csv", 8)]
    assert folder.rows("raw.e__rejected", columns=told) == [(2, "e/1.csv", 3)]
    assert folder.rows("raw.z__rejected", columns=told) == [(8, "z/1.zip", 3)]
    assert folder.rows("raw.p__rejected", columns=told) == [(1, "p.jsonl", 1), (2, "p.jsonl", 3)]
    assert folder.rows("raw.c__rejected", columns=told) == [(1, "c.csv", 4), (1, "c.csv", 6)]
    folder.write({"d/e/2.csv": "k,x\n3,0.5\n4,-4.5\n5,-5\n"})
    folder.done()
    assert folder.rows("raw.e__rejected", columns=told) == [
        (2, "e/1.csv", 3), (4, "e/2.csv", 3), (5, "e/2.csv", 4),
    ]  # fmt: skip
    assert split(folder, "raw.e") == ([1, 3], [2, 4, 5])


def test_rows_whose_file_is_gone_have_no_place(folder: Folder) -> None:
    """A check that comes later finds rows of files of long ago; they go aside all the same."""
    source = "connector: files\npath: d/\ntables:\n  'e/*.csv': {as: raw.e, mode: incremental%s}\n"
    folder.write({"sources/d.yml": source % "", "d/e/1.csv": "k,x\n1,1\n2,-2\n", "d/e/2.csv": "k,x\n3,-3\n4,4\n"})
    folder.done()
    folder.remove("d/e/1.csv")
    folder.write({"sources/d.yml": source % f", {X}"})
    folder.done()
    assert folder.rows("raw.e__rejected", columns="k, rejected_file, rejected_line") == [
        (2, None, None), (3, "e/2.csv", 2),
    ]  # fmt: skip
    assert split(folder, "raw.e") == ([1, 4], [2, 3])


def test_tables_that_come_from_no_files_have_no_places(folder: Folder) -> None:
    folder.tables(t=f"{HEAD}SELECT 1 AS k, -1 AS x")
    folder.done()
    assert "rejected_line" not in folder.schema("s.t__rejected")
