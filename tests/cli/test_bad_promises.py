"""A promise that cannot be kept as it is written: told with its line, failed alone, and the rest is done."""

from pathlib import Path

import pytest

from fixtures.commands import Wherry
from fixtures.projects import write

TABLE = """-- columns:
--   x: {checks: [not_null, unique]}
--   y: {checks: ["> 0"]}
SELECT 1 AS x, 2 AS y
"""
FILES = {
    "tables/s/t.sql": TABLE,
    "tables/s/reader.sql": "SELECT x FROM s.t\n",
    "tables/s/good.sql": "-- columns: {x: {checks: [not_null]}}\nSELECT 1 AS x\n",
}
CONTRACT = """apiVersion: v3.1.0
kind: DataContract
id: shop
version: '1'
status: active
schema:
  - name: s.t
    properties:
      - {name: x, logicalType: integer, required: true}
"""


def header(line: str) -> dict[str, str]:
    return {"tables/s/t.sql": TABLE.replace("SELECT", f"{line}\nSELECT")}


def suite(kind: str, **kwargs: object) -> dict[str, str]:
    import json

    expectations = [
        {"type": "expect_column_values_to_not_be_null", "kwargs": {"column": "y"}},
        {"type": kind, "kwargs": kwargs},
    ]
    return {"checks/s.t.json": json.dumps({"name": "s.t", "expectations": expectations}, indent=0)}


#: What is wrong -> the files that are other than they should be, where it is told, and what is told.
CASES: dict[str, tuple[dict[str, str], str, int, str]] = {
    # A column that is not there.
    "column": (header('--   z: {checks: ["> 0", not_null]}'), "tables/s/t.sql", 4, "no column `z`"),
    "column without checks": (header("--   z: {about: gone}"), "tables/s/t.sql", 4, "no column `z`"),
    "column that warns": (
        header("--   z: {checks: [{check: not_null, severity: warn}]}"),
        "tables/s/t.sql",
        4,
        "no column `z`",
    ),
    "column in a file of checks": (
        {"checks/t.yml": "table: s.t\ncolumns:\n  z: {checks: [not_null]}\n"},
        "checks/t.yml",
        3,
        "no column `z`",
    ),
    "column of a contract": (
        {"contracts/t.yaml": CONTRACT + "      - {name: z}\n"},
        "contracts/t.yaml",
        10,
        "no column `z`",
    ),
    "column in SQL": ({"checks/t.sql": "SELECT *\nFROM s.t WHERE z > 0\n"}, "checks/t.sql", 2, "no column `z`"),
    # No column where one is needed.
    "no column": (header("-- checks: [not_null]"), "tables/s/t.sql", 4, "check of a column"),
    "no column, Soda": (
        {"checks/t.yml": "checks for t:\n  - row_count > 0\n  - missing_count = 0\n"},
        "checks/t.yml",
        3,
        "names no column",
    ),
    "no column, dbt": (
        {"checks/t.yml": "models:\n  - name: t\n    data_tests:\n      - not_null\n"},
        "checks/t.yml",
        4,
        "names no column",
    ),
    "no column, GX": (suite("expect_column_values_to_be_unique"), "checks/s.t.json", 10, "no `column`"),
    # A bound of the wrong type.
    "bound": (
        {"tables/s/t.sql": TABLE.replace('"> 0"', '"> 0", "max < many"')},
        "tables/s/t.sql",
        3,
        "the bound `many`",
    ),
    "bound of another type": (
        {"tables/s/t.sql": TABLE.replace('"> 0"', '"> 0", "< date \'2026-01-01\'"')},
        "tables/s/t.sql",
        3,
        "cannot run",
    ),
    "bound, Soda": ({"checks/t.yml": "checks for t:\n  - max(x) < many\n"}, "checks/t.yml", 2, "no bound"),
    "bound, GX": (
        suite("expect_column_value_lengths_to_be_between", column="x", min_value="a"),
        "checks/s.t.json",
        10,
        "not understood",
    ),
    # A regular expression that does not compile.
    "regex": ({"tables/s/t.sql": TABLE.replace('"> 0"', '"> 0", \'matches "("\'')}, "tables/s/t.sql", 3, "missing )"),
    "regex, GX": (
        suite("expect_column_values_to_match_regex", column="x", regex="("),
        "checks/s.t.json",
        10,
        "missing )",
    ),
    # A check that does not exist.
    "check": ({"tables/s/t.sql": TABLE.replace("unique", "unique, not_nul")}, "tables/s/t.sql", 2, "`not_nul`"),
    "key of a column": (
        {"tables/s/t.sql": TABLE.replace('"> 0"]', '"> 0"], cheks: [not_null]')},
        "tables/s/t.sql",
        3,
        "no key `cheks`",
    ),
    "key of a table": (header("-- chekcs: [rows > 0]"), "tables/s/t.sql", 4, "no key `chekcs`"),
    "no check": ({"tables/s/t.sql": TABLE.replace("unique", "unique, null")}, "tables/s/t.sql", 2, "check is empty"),
    "kind that does not load": (
        header("-- checks: [{check: broken}]") | {"plugins/broken.py": "def bad_row(check:\n"},
        "tables/s/t.sql",
        4,
        "does not load",
    ),
    "kind that raises": (
        header("-- checks: [{check: raises}]")
        | {"plugins/raises.py": "def bad_row(check):\n    raise OSError('boom')\n"},
        "tables/s/t.sql",
        4,
        "boom",
    ),
    "kind that is none": (
        header("-- checks: [{check: other}]") | {"plugins/other.py": "def anything(check):\n    return 1\n"},
        "tables/s/t.sql",
        4,
        "is no check",
    ),
    "expectation": (suite("expect_column_values_to_be_nice", column="x"), "checks/s.t.json", 10, "no such expectation"),
    "test of dbt": (
        {"checks/t.yml": "models:\n  - name: t\n    columns:\n      - {name: x, tests: [uniqe]}\n"},
        "checks/t.yml",
        4,
        "no test `uniqe`",
    ),
    "check of Soda": ({"checks/t.yml": "checks for t:\n  - averge(x) = 1\n"}, "checks/t.yml", 2, "no metric `averge`"),
    "key": ({"checks/t.yml": "table: s.t\ncheks: [rows > 0]\nchecks: [rows > 0]\n"}, "checks/t.yml", 2, "`cheks`"),
    # A file that cannot be read.
    "SQL": ({"checks/t.sql": "SELEC *\nFROM s.t\n"}, "checks/t.sql", 1, "does not parse"),
    "table in SQL": ({"checks/t.sql": "SELECT * FROM s.tt\n"}, "checks/t.sql", 1, "no table `s.tt`"),
    "YAML": ({"checks/t.yml": "checks for t:\n  - row_count > 0\n - x: [\n"}, "checks/t.yml", 3, "not YAML"),
    "JSON": ({"checks/s.t.json": '{"name": "s.t",\n "expectations": [{]}\n'}, "checks/s.t.json", 2, "not JSON"),
    "table": ({"checks/t.yml": "table: s.tt\nchecks: [rows > 0]\n"}, "checks/t.yml", 2, "no table `s.tt`"),
    # A contract that does not validate.
    "contract": (
        {"contracts/t.yaml": CONTRACT.replace("required", "requird")},
        "contracts/t.yaml",
        9,
        "no key `requird`",
    ),
    "contract of nothing": (
        {"contracts/t.yaml": CONTRACT.replace("schema:", "shema:")},
        "contracts/t.yaml",
        6,
        "shema",
    ),
    "contract of another type": (
        {"contracts/t.yaml": CONTRACT.replace("integer", "string")},
        "contracts/t.yaml",
        9,
        "promises string",
    ),
    "rule of a contract": (
        {"contracts/t.yaml": CONTRACT + "    quality:\n      - {metric: rowCont, mustBe: 1}\n"},
        "contracts/t.yaml",
        11,
        "rowCont",
    ),
    "contract that is no YAML": ({"contracts/t.yaml": f"{CONTRACT} - [\n"}, "contracts/t.yaml", 10, "not YAML"),
}


@pytest.mark.parametrize("case", CASES)
def test_it_is_told_with_its_line_and_holds_back_its_table_alone(wherry: Wherry, tmp_path: Path, case: str) -> None:
    files, file, line, message = CASES[case]
    folder = write(tmp_path, FILES | files)
    told = wherry("check", "--project", folder, "--json")
    found = [each for each in told.json["findings"] if each["severity"] == "error"]
    assert told.code == 2 and (file, line) in {(each["file"], each["line"]) for each in found}, found
    assert any(message in each["message"] for each in found), found
    run = wherry("run", "--project", folder, "--json")
    assert run.code == 1
    assets = {asset["name"]: asset for asset in run.json["assets"]}
    assert {name: asset["state"] for name, asset in assets.items()} == {
        "s.t": "failed",
        "s.reader": "blocked",
        "s.good": "built",
    }
    verdicts = [(each["column"], each["check"], each["state"]) for each in assets["s.t"]["checks"]]
    passed = {(column, check) for column, check, state in verdicts if state == "passed"}
    assert {("x", "not_null"), ("x", "unique"), ("y", "> 0")} <= passed
    failed = [each for each in assets["s.t"]["checks"] if each["state"] == "failed"]
    assert failed and all(each["error"] for each in failed)
    assert wherry("sql", "SELECT * FROM s.good", "--project", folder).code == 0
    assert wherry("sql", "SELECT * FROM s.t", "--project", folder).code == 2
    # As soon as it is mended, what was built is published.
    for each in files:
        (folder / each).unlink()
    write(folder, FILES)
    assert wherry("run", "--project", folder).code == 0
    assert wherry("sql", "SELECT * FROM s.t", "--project", folder).code == 0


def test_what_is_wrong_beside_the_rows_is_told_and_holds_back_nothing(wherry: Wherry, tmp_path: Path) -> None:
    files = {
        "contracts/t.yaml": CONTRACT.replace("schema:", "price: {priceAmout: 3}\nschema:"),
        "checks/other.yml": "hello: world\n",
        "tests/t.yml": "table: s.good\nit holds:\n  given: {}\n  expect: [{nope: 1}]\n",
    }
    folder = write(tmp_path, FILES | files)
    told = wherry("check", "--project", folder, "--json")
    assert [(each["file"], each["severity"]) for each in told.json["findings"]] == [
        (file, "error") for file in sorted(files)
    ]
    run = wherry("run", "--project", folder)
    assert run.code == 0 and "3 built" in run.out
    assert all(file in run.err for file in files)
    # Unit tests are refused as long as one of them is wrong.
    assert wherry("test", "--project", folder).code == 2


def test_sql_that_names_no_table_holds_back_all(wherry: Wherry, tmp_path: Path) -> None:
    folder = write(tmp_path, FILES | {"checks/what.sql": "SELEC 1\n"})
    run = wherry("run", "--project", folder, "--json")
    assert run.code == 1 and not run.json["commit"]


EXPECTED = '{"name": "%s", "expectations": [{"type": "expect_column_values_to_be_null", "kwargs": {"column": "y"}}]}'
CHECKPOINT = '{"name": "c", "validation_definitions": [{"data": {"asset": {"name": "t"}}, "suite": {"name": "%s"}}]}'
#: How a file calls a table that it promises something of -> the file, what it says, and a file beside it.
CALLED: dict[str, tuple[str, str, dict[str, str]]] = {
    "by its suite": ("checks/t_suite.json", EXPECTED % "t_suite", {}),
    "by a checkpoint": ("checks/quality.json", EXPECTED % "quality", {"checks/c.json": CHECKPOINT % "quality"}),
    "beside another": ("checks/x.yml", "checks for t:\n  - values in (y) must exist in s.good (x)\n", {}),
    "by its source": (
        "checks/x.yml",
        "table: files.o.csv\ncolumns: {id: {checks: [unique]}}\n",
        {
            "sources/files.yml": "connector: files\npath: data/\ntables: {o.csv: {as: s.t}}\n",
            "data/o.csv": "id\n1\n1\n",
            "tables/s/reader.sql": "SELECT * FROM s.t\n",
        },
    ),
    "in UTF-16": ("contracts/x.yaml", CONTRACT.replace("x, logicalType: integer", "y, unique: true"), {}),
}


@pytest.mark.parametrize("case", CALLED)
def test_a_table_is_held_back_whatever_a_file_that_cannot_be_read_calls_it(
    wherry: Wherry, tmp_path: Path, case: str
) -> None:
    """What failed does not pass because nobody can read any longer what it failed."""
    file, text, beside = CALLED[case]
    folder = write(tmp_path, FILES | beside | {file: text})
    if "data/o.csv" in beside:
        (folder / "tables/s/t.sql").unlink()
    else:
        write(folder, {"tables/s/t.sql": TABLE.replace("2 AS y", "7 AS y UNION ALL SELECT 2, 7")})

    def state() -> str:
        run = wherry("run", "--project", folder, "--json")
        return next(str(asset["state"]) for asset in run.json["assets"] if asset["name"] == "s.t")

    assert state() == "failed"
    encoding = "utf-16" if case == "in UTF-16" else "utf-8"
    (folder / file).write_text(text if encoding == "utf-16" else text[:-1] + "[", encoding)
    assert state() == "failed"
    assert wherry("sql", "FROM s.t", "--project", folder).code == 2


@pytest.mark.parametrize("file", ["checks/x.yml", "contracts/x.yaml"])
def test_a_file_of_which_nothing_can_be_read_holds_back_all(wherry: Wherry, tmp_path: Path, file: str) -> None:
    folder = write(tmp_path, FILES)
    (folder / file).parent.mkdir()
    (folder / file).symlink_to(tmp_path / "nowhere")
    run = wherry("run", "--project", folder, "--json")
    assert run.code == 1 and not run.json["commit"]


@pytest.mark.parametrize(
    ("file", "text"),
    [
        ("checks/x.YML", "checks for t:\n  - row_count > 100\n"),
        ("checks/x.SQL", "SELECT * FROM s.t\n"),
        ("contracts/x.YAML", CONTRACT.replace("integer", "string")),
    ],
)
def test_a_file_counts_however_its_ending_is_written(wherry: Wherry, tmp_path: Path, file: str, text: str) -> None:
    run = wherry("run", "--project", write(tmp_path, FILES | {file: text}), "--json")
    assert {asset["name"]: asset["state"] for asset in run.json["assets"]}["s.t"] == "failed"


def test_a_suite_of_a_table_that_the_project_does_not_have_is_listed(wherry: Wherry, tmp_path: Path) -> None:
    """A file of another tool may speak of tables that stayed there."""
    text = "checks for elsewhere:\n  - row_count > 0\n  - averge(x) = 1\n"
    folder = write(tmp_path, FILES | {"checks/t.yml": text})
    told = wherry("check", "--project", folder, "--json")
    assert told.code == 0 and {each["severity"] for each in told.json["findings"]} == {"warning"}
    run = wherry("run", "--project", folder)
    assert run.code == 0
    assert "2 warnings" in run.err and "wherry check" in run.err


def test_a_promise_that_goes_bad_leaves_what_is_published(wherry: Wherry, tmp_path: Path) -> None:
    folder = write(tmp_path, FILES)
    assert wherry("run", "--project", folder).code == 0
    write(folder, {"checks/t.sql": "SELECT nope FROM s.t\n"})
    run = wherry("run", "--project", folder, "--json")
    assert run.code == 1
    assert "See what cannot be asked: wherry show s.t --failing" in wherry("run", "--project", folder).out
    states = {asset["name"]: asset["state"] for asset in run.json["assets"]}
    assert (states["s.t"], states["s.good"]) == ("failed", "skipped")
    assert wherry("sql", "SELECT * FROM s.t", "--project", folder).code == 0
    shown = wherry("show", "s.t", "--failing", "--project", folder)
    assert "checks/t.sql" in shown.out + shown.err


def test_what_cannot_be_read_is_not_exported_as_a_rule(wherry: Wherry, tmp_path: Path) -> None:
    folder = write(tmp_path, FILES | header("--   z: {checks: [not_null]}"))
    answer = wherry("contract", "export", "s.t", "--project", folder)
    assert answer.code in (0, 2) and "cannot run" not in answer.out


PYTHON = """from wherry import table


@table(columns={"x": {"checks": ["not_null"]}, "z": {%s"checks": %s}})
def made():
    import pyarrow

    return pyarrow.table({"x": [1]})
"""


@pytest.mark.parametrize("declared", ["", '"type": "DOUBLE", '])
@pytest.mark.parametrize("checks", ['["> 0"]', "[]"])
def test_a_column_that_is_found_missing_when_the_table_is_made(
    wherry: Wherry, tmp_path: Path, declared: str, checks: str
) -> None:
    """Nobody knows what a function returns, or what reads from it, before it ran."""
    files = {
        "tables/s/made.py": PYTHON % (declared, checks),
        "tables/s/after.sql": "-- columns: {x: {checks: [not_null]}, y: {checks: [unique]}}\nSELECT x FROM s.other\n",
        "tables/s/other.py": PYTHON.replace('"z": {%s"checks": %s}', "").replace("def made", "def other"),
        "tables/s/good.sql": "SELECT 1 AS x\n",
    }
    folder = write(tmp_path, files)
    for _ in range(2):
        run = wherry("run", "--project", folder, "--json")
        assets = {asset["name"]: asset for asset in run.json["assets"]}
        assert run.code == 1
        assert (assets["s.made"]["state"], assets["s.after"]["state"]) == ("failed", "failed")
        assert assets["s.good"]["state"] in ("built", "skipped")
        (wrong,) = [each for each in assets["s.made"]["checks"] if each["state"] == "failed"]
        assert wrong["column"] == "z" and "`s.made` has no column `z`" in wrong["error"]
        (wrong,) = [each for each in assets["s.after"]["checks"] if each["state"] == "failed"]
        assert wrong["column"] == "y" and "`s.after` has no column `y`" in wrong["error"]
    assert wherry("sql", "FROM s.made", "--project", folder).code == 2
    assert wherry("sql", "FROM s.good", "--project", folder).code == 0


def test_a_column_that_a_source_no_longer_has_is_missed_before_it_is_published(wherry: Wherry, tmp_path: Path) -> None:
    """A tag on it hides nothing from then on."""
    columns = "columns: {id: {checks: [unique]}, email: {tags: [pii]}}"
    source = f"connector: files\npath: data/\ntables:\n  o.csv: {{as: raw.o, {columns}}}\n"
    folder = write(tmp_path, {"sources/d.yml": source, "data/o.csv": "id,email\n1,a@b.de\n"})
    assert wherry("run", "--project", folder).code == 0
    write(folder, {"data/o.csv": "id,mail\n1,c@d.de\n2,e@f.de\n"})
    run = wherry("run", "--project", folder)
    assert run.code == 1 and "sources/d.yml:4:" in run.err and "`raw.o` has no column `email`" in run.err
    assert "c@d.de" not in wherry("sql", "FROM raw.o", "--project", folder).out
