"""A table whose own keys are not understood is held back with what needs it; everything else runs and is published."""

import csv
from pathlib import Path

import pytest

from fixtures.commands import Wherry
from fixtures.projects import write

SOUND = "-- build: merge on id\n-- columns:\n--   id: {checks: [not_null]}\nSELECT id, n FROM s.given\n"
PYTHON = '''"""Counted."""
from wherry import Table, table


@table(build="replace", columns={"n": {"checks": ["not_null"]}})
def t(given: Table["s.given"]):
    return given.arrow()
'''
FILES = {
    "tables/s/given.sql": "SELECT * FROM (VALUES (1, 10)) AS v(id, n)\n",
    "tables/s/t.sql": SOUND,
    "tables/s/reader.sql": "SELECT n FROM s.t\n",
    "tables/s/last.sql": "SELECT n FROM s.reader\n",
    "tables/s/good.sql": "-- columns: {id: {checks: [not_null]}}\nSELECT id FROM s.given\n",
}
MORE = {"tables/s/given.sql": "SELECT * FROM (VALUES (2, 20)) AS v(id, n)\n"}


def header(line: str) -> dict[str, str]:
    return {"tables/s/t.sql": SOUND.replace("SELECT", f"{line}\nSELECT")}


#: What is wrong -> the file that is wrong, the line where it is told, and what is told.
CASES: dict[str, tuple[dict[str, str], int, str]] = {
    "no YAML": (header("--   n: {checks: [not_null}"), 4, "not YAML"),
    "never closed": (header("-- checks: [rows > 0"), 4, "not YAML"),
    "no YAML, with parameters": (
        {"tables/s/t.sql": "-- build: incremental by d: e\nSELECT n FROM s.given WHERE n < $end\n"},
        1,
        "not YAML",
    ),
    "said twice": (header("-- columns: {n: {checks: [not_null]}}"), 4, "given twice"),
    "checks where keys belong": (header("--   n: [not_null]"), 4, "must be a mapping"),
    "columns as a list": ({"tables/s/t.sql": SOUND.replace("id: {", "- id: {")}, 2, "must map each column"),
    "key that is unknown": (header("-- ownr: finance"), 4, "`ownr`"),
    "build word": ({"tables/s/t.sql": SOUND.replace("merge on", "merg on")}, 1, "build word"),
    "build word that is misspelt": (
        {"tables/s/t.sql": "-- biuld: append\n-- owner: x\nSELECT n FROM s.given\n"},
        1,
        "`biuld:`",
    ),
    "quarantine": (header("-- quarantine: some"), 4, "true or false"),
}


@pytest.mark.parametrize("case", CASES)
def test_what_needs_it_waits_and_the_rest_is_published(wherry: Wherry, tmp_path: Path, case: str) -> None:
    files, line, message = CASES[case]
    folder = write(tmp_path, FILES)
    assert wherry("run", "--project", folder).code == 0
    write(folder, MORE | files)
    told = wherry("check", "--project", folder, "--json")
    found = {(each["file"], each["line"]) for each in told.json["findings"]}
    assert told.code == 2 and found == {("tables/s/t.sql", line)}, told.json
    plan = wherry("plan", "--project", folder)
    assert plan.code == 2 and "2 to do, 0 unchanged, 3 held back." in plan.out and message in plan.out + plan.err
    run = wherry("run", "--project", folder, "--json")
    assets = {asset["name"]: asset for asset in run.json["assets"]}
    assert {name: asset["state"] for name, asset in assets.items()} == {
        "s.given": "built",
        "s.good": "built",
        "s.t": "failed",
        "s.reader": "blocked",
        "s.last": "blocked",
    }
    assert run.code == 2 and f"tables/s/t.sql:{line}: " in assets["s.t"]["reason"]
    assert (assets["s.reader"]["reason"], assets["s.last"]["reason"]) == (
        "held back: it needs s.t",
        "held back: it needs s.reader",
    )
    # What was published of them is as it was, and it stays so when nothing else is to be done.
    again = wherry("run", "--project", folder, "--json")
    assert again.code == 2 and again.json["commit"] is None
    rows = "SELECT (SELECT list(id) FROM s.good), (SELECT list(id) FROM s.t), (SELECT list(n) FROM s.last)"
    assert table(wherry, folder, rows) == [["[2]", "[1]", "[10]"]]
    # Mended, it goes on from there: the row that was merged before is still there.
    write(folder, FILES | MORE)
    assert wherry("run", "--project", folder).code == 0
    assert table(wherry, folder, "SELECT id, n FROM s.t ORDER BY id") == [["1", "10"], ["2", "20"]]
    assert table(wherry, folder, "SELECT list_sort(list(n)) FROM s.last") == [["[10, 20]"]]


def test_a_table_that_was_never_built_is_held_back_too(wherry: Wherry, tmp_path: Path) -> None:
    folder = write(tmp_path, FILES | header("--   n: {checks: [not_null}"))
    run = wherry("run", "--project", folder)
    assert run.code == 2 and "2 built, 1 failed, 2 blocked" in run.out
    assert wherry("sql", "SELECT * FROM s.good", "--project", folder).code == 0
    assert wherry("sql", "SELECT * FROM s.t", "--project", folder).code == 2
    # Asking for what needs it alone does not go around it.
    alone = wherry("run", "s.last", "--project", folder, "--json")
    assert alone.code == 2 and [each["state"] for each in alone.json["assets"]] == ["blocked"]
    assert wherry("run", "s.good", "--project", folder).code == 0


def test_nothing_is_held_back_by_a_table_that_is_published_as_each_passes(wherry: Wherry, tmp_path: Path) -> None:
    folder = write(tmp_path, FILES | header("-- ownr: x"))
    run = wherry("run", "--publish", "each", "--full", "--prune", "--project", folder, "--json")
    assert run.code == 2 and run.json["commit"]
    assert wherry("sql", "SELECT * FROM s.good", "--project", folder).code == 0


def test_a_python_table_and_a_source_are_held_back_likewise(wherry: Wherry, tmp_path: Path) -> None:
    with (tmp_path / "rows.csv").open("w", newline="") as file:
        csv.writer(file).writerows([["id", "n"], [1, 10]])
    source = "connector: files\npath: .\ntables:\n  rows.csv: {as: s.loaded}\n"
    files = {name: text for name, text in FILES.items() if name != "tables/s/t.sql"}
    files |= {"tables/s/t.py": PYTHON, "sources/drop.yml": source, "tables/s/of.sql": "SELECT n FROM s.loaded\n"}
    folder = write(tmp_path, files)
    assert wherry("run", "--project", folder).code == 0
    write(
        folder,
        MORE
        | {
            "tables/s/t.py": PYTHON.replace('"checks": [', '"cheks": 1, "abuot": ['),
            "sources/drop.yml": source.replace("s.loaded", "s.loaded, columns: {n: [not_null]}"),
        },
    )
    run = wherry("run", "--project", folder, "--json")
    assert run.code == 2
    assert {each["name"]: each["state"] for each in run.json["assets"]} == {
        "s.given": "built",
        "s.good": "built",
        "s.t": "failed",
        "s.reader": "blocked",
        "s.last": "blocked",
        "s.loaded": "failed",
        "s.of": "blocked",
    }
    assert table(wherry, folder, "SELECT (SELECT n FROM s.t), (SELECT n FROM s.of)") == [["10", "10"]]


def test_what_says_no_more_which_table_it_is_drops_nothing(wherry: Wherry, tmp_path: Path) -> None:
    (tmp_path / "rows.csv").write_text("id,n\n1,10\n")
    source = "connector: files\npath: .\ntables:\n  rows.csv: {as: s.loaded}\n"
    folder = write(tmp_path, FILES | {"sources/drop.yml": source})
    assert wherry("run", "--project", folder).code == 0
    write(folder, {"sources/drop.yml": source.replace("{as: s.loaded}", "s.loaded")})
    run = wherry("run", "--prune", "--project", folder)
    assert run.code == 2 and "sources/drop.yml:4" in run.err
    assert table(wherry, folder, "SELECT id, n FROM s.loaded") == [["1", "10"]]


def table(wherry: Wherry, folder: Path, query: str) -> list[list[str]]:
    answer = wherry("sql", query, "--format", "csv", "--project", folder)
    assert answer.code == 0, answer.err
    return list(csv.reader(answer.out.splitlines()))[1:]
