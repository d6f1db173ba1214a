"""One broken file, of any kind, holds back its own tables and what needs them; all else runs and is published."""

import csv
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from fixtures.commands import Wherry
from fixtures.projects import write
from wherry.lake.pointer import Pointer
from wherry.run.project import open_config, open_lake

DROP = """connector: files
path: data/
tables:
  rows.csv: {as: raw.rows}
  log/*.csv: {as: raw.log, mode: incremental}
"""
PYTHON = """from wherry import Table, table


@table(build="replace")
def counted(rows: Table["raw.rows"]):
    import pyarrow

    return pyarrow.table({"n": [rows.arrow().num_rows]})
"""
FILES = {
    "sources/drop.yml": DROP,
    "sources/more.yml": "connector: files\npath: data/\ntables:\n  more.csv: {as: raw.more}\n",
    "functions/twice.sql": "CREATE MACRO twice(x) AS x * 2;\n",
    "functions/other.sql": "CREATE MACRO thrice(x) AS x * 3;\nCREATE MACRO six(x) AS thrice(twice(x));\n",
    "tables/s/of_rows.sql": "SELECT id FROM raw.rows\n",
    "tables/s/of_log.sql": "SELECT id FROM raw.log\n",
    "tables/s/of_more.sql": "SELECT id FROM raw.more\n",
    "tables/s/doubled.sql": "SELECT twice(id) AS id FROM s.of_more\n",
    "tables/s/sixfold.sql": "SELECT six(id) AS id FROM s.of_more\n",
    "tables/s/last.sql": "SELECT id FROM s.doubled\n",
    "tables/s/counted.py": PYTHON,
    "tables/s/alone.sql": "SELECT 1 AS id\n",
    "tests/all.yml": "table: s.alone\nit is:\n  given: {}\n  expect: [{id: 2}]\n",
    "tests/rows.yml": "table: s.of_rows\nit is:\n  given: {raw.rows: [{id: 5}]}\n  expect: [{id: 5}]\n",
    "tests/last.yml": "table: s.last\nit is:\n  given: {s.doubled: [{id: 5}]}\n  expect: [{id: 5}]\n",
}
#: What changes while a file is broken: everything would move.
MOVED = {"tables/s/alone.sql": "SELECT 2 AS id\n"}
ALL = {"raw.rows", "raw.log", "raw.more", "s.of_rows", "s.of_log", "s.of_more"} | {
    *("s.doubled", "s.sixfold", "s.last", "s.counted", "s.alone")
}
OF_ROWS, OF_LOG = {"s.of_rows", "s.counted"}, {"s.of_log"}
OF_MORE = {"s.of_more", "s.doubled", "s.sixfold", "s.last"}


@dataclass(frozen=True, kw_only=True)
class Case:
    """A file that is wrong, where it is told, and which tables wait for it."""

    files: Mapping[str, str | bytes | None]
    at: str
    told: str
    failed: Collection[str]
    blocked: Collection[str]


def of_drop(text: str, at: str, told: str) -> Case:
    """The whole of a source's file is wrong."""
    tables = {"raw.rows", "raw.log"}
    at = f"sources/drop.yml:{at}"
    return Case(files={"sources/drop.yml": text}, at=at, told=told, failed=tables, blocked=OF_ROWS | OF_LOG)


def of_rows(text: str, at: str, told: str) -> Case:
    """One table of a source's file is wrong."""
    at = f"sources/drop.yml:{at}"
    return Case(files={"sources/drop.yml": text}, at=at, told=told, failed={"raw.rows"}, blocked=OF_ROWS)


def of_table(name: str, text: str | bytes, line: int, told: str, blocked: Collection[str] = ()) -> Case:
    file = f"tables/{name.replace('.', '/')}.{'py' if name == 's.counted' else 'sql'}"
    return Case(files={file: text}, at=f"{file}:{line}:", told=told, failed={name}, blocked=blocked)


def of_twice(text: str | bytes, line: int, told: str, failed: Collection[str] = ("s.doubled", "s.sixfold")) -> Case:
    blocked = {"s.last"} - set(failed)
    at = f"functions/twice.sql:{line}:"
    return Case(files={"functions/twice.sql": text}, at=at, told=told, failed=failed, blocked=blocked)


CASES = {
    "source that is no YAML": of_drop(DROP + "  x: [\n", "7:", "not YAML"),
    "source that is empty": of_drop("", "1:", "is a mapping"),
    "source that is a list": of_drop("- connector: files\n", "1:", "is a mapping"),
    "source without tables": of_drop(
        "connector: files\npath: data/\ntabels:\n  rows.csv: {as: raw.rows}\n", "1:", "tables"
    ),
    "source with a list of tables": of_drop(
        "connector: files\npath: data/\ntables: [rows.csv]\n", "3:", "must be a map"
    ),
    "source whose tables are one that is twice": of_drop(
        DROP.replace("log/*.csv: {as: raw.log, mode: incremental}", "rows.csv: {as: raw.log}"), "5:", "given twice"
    ),
    "source without a connector": of_drop(DROP.replace("connector", "conector"), "1:", "needs `connector:`"),
    "connector that is unknown": of_drop(DROP.replace("files", "fils"), "1:", "no connector `fils`"),
    "connector that does not import": Case(
        files={"sources/drop.yml": DROP.replace("files", "broken"), "plugins/broken.py": "import nowhere_at_all\n"},
        at="plugins/broken.py:1:",
        told="does not load",
        failed={"raw.rows", "raw.log"},
        blocked=OF_ROWS | OF_LOG,
    ),
    "connector that ends the program": Case(
        files={"sources/drop.yml": DROP.replace("files", "ends"), "plugins/ends.py": "import sys\n\nsys.exit(0)\n"},
        at="plugins/ends.py:3:",
        told="does not load",
        failed={"raw.rows", "raw.log"},
        blocked=OF_ROWS | OF_LOG,
    ),
    "connector that is none": Case(
        files={"sources/drop.yml": DROP.replace("files", "none"), "plugins/none.py": "source = object()\n"},
        at="plugins/none.py:1:",
        told="is no source",
        failed={"raw.rows", "raw.log"},
        blocked=OF_ROWS | OF_LOG,
    ),
    "option that is unknown": of_drop(DROP.replace("path:", "pth:"), "2:", "pth"),
    "option that is missing": of_drop(DROP.replace("files\npath: data/", "sqlite"), "1:", "path"),
    "option of the wrong type": of_drop(DROP.replace("data/", "[data/]"), "2:", "path"),
    "variable that is not set": of_drop(DROP.replace("data/", "${NOT_SET_ANYWHERE}"), "2:", "NOT_SET_ANYWHERE"),
    "variable of a table": of_rows(
        DROP.replace("raw.rows}", 'raw.rows, delimiter: "${NOT_SET_HERE}"}'), "4:", "NOT_SET_HERE"
    ),
    "option of a table": of_rows(DROP.replace("raw.rows}", "raw.rows, delimitr: ';'}"), "4:", "delimitr"),
    "option of a table of the wrong type": of_rows(DROP.replace("raw.rows}", "raw.rows, header: [1]}"), "4:", "header"),
    "mode of a table": of_rows(DROP.replace("raw.rows}", "raw.rows, mode: ful}"), "4:", "mode"),
    "table that is only a name": of_rows(DROP.replace("{as: raw.rows}", "raw.rows"), "4:", "must be a mapping"),
    "table whose name is none": of_rows(DROP.replace("raw.rows", "rawrows"), "4:", "schema.table"),
    "table with braces in its name": of_rows(DROP.replace("raw.rows", '"raw.{tabel}"'), "4:", "in braces"),
    "SQL that does not parse": of_table(
        "s.of_more", "SELEC id FROM raw.more\n", 1, "does not parse", OF_MORE - {"s.of_more"}
    ),
    "SQL that is not there": of_table("s.doubled", "-- Nothing.\n", 1, "no statement", {"s.last"}),
    "SQL of a column that is not there": of_table(
        "s.doubled", "SELECT nope AS id FROM s.of_more\n", 1, "nope", {"s.last"}
    ),
    "SQL of a table that is not there": of_table(
        "s.doubled", "SELECT id\nFROM s.mor\n", 2, "no table `s.mor`", {"s.last"}
    ),
    "SQL that reads itself": of_table("s.doubled", "SELECT id FROM s.doubled\n", 1, "reads itself", {"s.last"}),
    "SQL with a parameter": of_table("s.doubled", "SELECT $x AS id\n", 1, "`$x`", {"s.last"}),
    "SQL that is not UTF-8": of_table("s.doubled", b"SELECT 1 AS id -- \xff\n", 1, "UTF-8", {"s.last"}),
    "SQL with a layout that is wrong": of_table(
        "s.doubled", "-- partition: nope\nSELECT id FROM s.of_more\n", 1, "not there", {"s.last"}
    ),
    "Python that does not parse": of_table("s.counted", PYTHON.replace("):", ")"), 5, "not Python"),
    "Python without a table": of_table("s.counted", "x = 1\n", 1, "@table"),
    "Python of a table that is not there": of_table("s.counted", PYTHON.replace("raw.rows", "raw.rws"), 5, "no table"),
    "Python that is not UTF-8": of_table("s.counted", b"# \xff\n", 1, "UTF-8"),
    "function that does not parse": of_twice("CREATE MACRO twice(x) AS x *;\n", 1, "does not parse"),
    "function that is misspelt": of_twice("CREATE MACRRO twice(x) AS x * 2;\n", 1, "does not parse"),
    "function that is not UTF-8": of_twice(b"CREATE MACRO twice(x) AS x * 2; -- \xff\n", 1, "UTF-8"),
    "function that is made twice": of_twice(
        "CREATE MACRO twice(x) AS x * 2;\nCREATE MACRO twice(x) AS x + x;\n", 2, "already made"
    ),
    "function of a table that is not there": of_twice(
        "CREATE MACRO twice(x) AS x * (SELECT max(id) FROM s.nope);\n", 1, "no table `s.nope`"
    ),
    "two tables of one name": Case(
        files={"tables/s/doubled.py": PYTHON.replace("counted", "doubled")},
        at="tables/s/doubled.sql:1:",
        told="already made",
        failed={"s.doubled"},
        blocked={"s.last"},
    ),
    "two tables of one name, one of them broken": Case(
        files={"tables/s/doubled.py": "def doubled(:\n"},
        at="tables/s/doubled.py:1:",
        told="not Python",
        failed={"s.doubled"},
        blocked={"s.last"},
    ),
    "tables that need one another": Case(
        files={"tables/s/doubled.sql": "SELECT id FROM s.last\n"},
        at="tables/s/doubled.sql:1:",
        told="need one another",
        failed={"s.doubled", "s.last"},
        blocked=(),
    ),
    "checks that have tables wait for one another": Case(
        files={
            "tables/s/doubled.sql": "-- columns:\n--   id: {checks: [refers to s.last.id]}\n"
            "SELECT twice(id) AS id FROM s.of_more\n"
        },
        at="tables/s/doubled.sql:2:",
        told="wait for one another",
        failed={"s.doubled"},
        blocked={"s.last"},
    ),
    "file that names no table": Case(
        files={"tables/s/doubled.sql": None, "tables/s/new/doubled.sql": FILES["tables/s/doubled.sql"]},
        at="tables/s/new/doubled.sql:1:",
        told="does not name a table",
        failed={"s.doubled"},
        blocked={"s.last"},
    ),
}


def spoil(folder: Path, files: Mapping[str, str | bytes | None]) -> None:
    for file, text in files.items():
        (folder / file).parent.mkdir(parents=True, exist_ok=True)
        if text is None:
            (folder / file).unlink()
        else:
            (folder / file).write_bytes(text if isinstance(text, bytes) else text.encode())


def more_rows(folder: Path, number: int) -> None:
    for name in ("rows", "more", f"log/{number}"):
        (folder / f"data/{name}.csv").parent.mkdir(parents=True, exist_ok=True)
        (folder / f"data/{name}.csv").write_text("id\n" + "".join(f"{n}\n" for n in range(1, number + 1)))


def pointers(folder: Path) -> dict[str, Pointer]:
    with open_lake(open_config(folder, "")) as lake:
        return dict(lake.pointers("main"))


def values(wherry: Wherry, folder: Path, table: str) -> list[str]:
    answer = wherry("sql", f"FROM {table} ORDER BY ALL", "--format", "csv", "--project", folder)
    assert answer.code == 0, answer.err
    return [row[0] for row in csv.reader(answer.out.splitlines())][1:]


#: Those of the cases that are driven through every command; the others go the shorter way.
THROUGH_ALL = (
    "source that is no YAML",
    "option of a table",
    "SQL that does not parse",
    "function that is misspelt",
    "two tables of one name, one of them broken",
    "tables that need one another",
)


def broken(wherry: Wherry, tmp_path: Path, it: Case) -> tuple[Path, dict[str, Pointer]]:
    """A project that ran, of which everything would move and a file broke since; and what was published."""
    folder = write(tmp_path, FILES)
    more_rows(folder, 1)
    assert wherry("run", "--project", folder).code == 0
    before = pointers(folder)
    spoil(folder, MOVED | dict(it.files))
    more_rows(folder, 2)
    return folder, before


@pytest.mark.parametrize("case", CASES)
def test_it_is_told_and_what_is_not_concerned_is_published(wherry: Wherry, tmp_path: Path, case: str) -> None:
    it = CASES[case]
    folder, before = broken(wherry, tmp_path, it)
    held = {*it.failed, *it.blocked}
    told = wherry("check", "--project", folder, "--json")
    errors = [each for each in told.json["findings"] if each["severity"] == "error"]
    places = [f"{each['file']}:{each['line']}:{each['column']}: {each['message']}" for each in errors]
    assert told.code == 2 and any(each.startswith(it.at) and it.told in each for each in places), places
    assert all(each["hint"] or " must be " in each["message"] or "missing" in each["message"] for each in errors)
    run = wherry("run", "--prune", "--project", folder, "--json")
    assets = {each["name"]: each for each in run.json["assets"]}
    assert run.code == 2 and run.json["state"] == "failed", run.err
    assert {name: each["state"] for name, each in assets.items()} == {
        name: "failed" if name in it.failed else "blocked" if name in it.blocked else "built" for name in ALL
    }
    assert all(assets[name]["reason"].startswith("held back: ") for name in held)
    after = pointers(folder)
    assert set(after) == set(before) and {name: after[name] for name in held} == {name: before[name] for name in held}
    mend(wherry, folder, it)


def mend(wherry: Wherry, folder: Path, it: Case) -> None:
    """Put right, all is as if nothing had been: no file is loaded twice, and none is left out."""
    for file in it.files:
        (folder / file).unlink(missing_ok=True)
    write(folder, FILES | MOVED)
    assert wherry("run", "--project", folder).code == 0
    query = (
        "SELECT list_sort((SELECT list(id) FROM raw.log)), list_sort((SELECT list(id) FROM s.last)), (FROM s.counted)"
    )
    assert wherry("sql", query, "--format", "csv", "--project", folder).out.splitlines()[1] == '"[1, 1, 2]","[2, 4]",2'


@pytest.mark.parametrize("case", THROUGH_ALL)
def test_every_command_goes_on_with_what_is_not_concerned(wherry: Wherry, tmp_path: Path, case: str) -> None:
    it = CASES[case]
    folder, before = broken(wherry, tmp_path, it)
    held = {*it.failed, *it.blocked}
    plan = wherry("plan", "--prune", "--project", folder, "--json")
    steps = {step["name"]: step for step in plan.json["steps"]}
    assert plan.code == 2 and set(steps) == ALL and plan.json["findings"]
    assert {name for name, step in steps.items() if step["reason"].startswith("held back: ")} == held
    assert not [name for name, step in steps.items() if step["action"] == "drop"]
    shown = wherry("plan", "--project", folder)
    assert shown.code == 2 and f"{len(held)} held back" in shown.out
    assert (
        wherry("plan", "s.alone", "--project", folder).code,
        wherry("plan", "+s.last", "--project", folder).code,
    ) == (
        0,
        2 if held & {"s.last", "s.doubled", "s.of_more", "raw.more"} else 0,
    )
    # What is asked for alone is done, or held back, as it would be among all.
    one = wherry("run", "s.alone", "--project", folder, "--json")
    assert one.code == 0 and one.json["commit"] and wherry("sql", "FROM s.alone", "--project", folder).out
    for name in sorted(held):
        one = wherry("run", name, "--full", "--project", folder, "--json")
        assert one.code == 2 and one.json["commit"] is None
    assert wherry("run", "--publish", "each", "--project", folder).code == 2
    assert {name: pointers(folder)[name] for name in held} == {name: before[name] for name in held}
    # Again, with nothing left to do.
    again = wherry("run", "--project", folder, "--json")
    assert again.code == 2 and again.json["commit"] is None
    assert {each["state"] for each in again.json["assets"]} == {
        "failed",
        "skipped",
        *(["blocked"] if it.blocked else []),
    }
    # What is published of what is held back is there to be read.
    for name in sorted(held):
        assert wherry("sql", f"FROM {name}", "--project", folder).code == 0
        shown = wherry("show", name, "--project", folder)
        assert shown.code == 0 and ("held back: " in shown.out) == (name in it.failed)
    listed = wherry("show", "--project", folder)
    assert listed.code == 0 and all(name in listed.out for name in ALL)
    # Unit tests of tables that are not concerned are run.
    tests = wherry("test", "--project", folder, "--json")
    states = {each["table"]: each["state"] for each in tests.json["tests"]}
    assert tests.code == 2
    assert states == {name: "held" if name in held else "passed" for name in ("s.alone", "s.of_rows", "s.last")}
    assert wherry("test", "s.alone", "--project", folder).code == 0
    assert wherry("upkeep", "--project", folder).code == 0
    mend(wherry, folder, it)
