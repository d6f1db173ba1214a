"""What is wrong with a file, a folder or a function stops nothing that it does not concern, and drops nothing."""

import os
from pathlib import Path

import pytest

from fixtures.commands import Wherry
from fixtures.projects import write

DROP = "connector: files\npath: data/\ntables:\n  rows.csv: {as: raw.rows}\n"
FILES = {
    "data/rows.csv": "id\n1\n",
    "sources/drop.yml": DROP,
    "tables/s/of_rows.sql": "SELECT id FROM raw.rows\n",
    "tables/s/good.sql": "SELECT upper('a') AS a\n",
}
ALL = ("raw.rows", "s.of_rows", "s.good")


def states(wherry: Wherry, folder: Path, *words: str) -> tuple[int, dict[str, str]]:
    run = wherry("run", "--project", folder, "--json", *words)
    return run.code, {each["name"]: each["state"] for each in run.json["assets"]}


def rows(wherry: Wherry, folder: Path, query: str) -> list[str]:
    return wherry("sql", query, "--format", "csv", "--project", folder).out.splitlines()[1:]


@pytest.mark.parametrize(
    ("file", "text"),
    [
        ("sources/x.yml", "connector: files\npath: ${NOT_SET}\ntables:\n  x.csv: {as: rawx}\n"),
        ("sources/x.yml", "path: ${NOT_SET}\n"),
        ("sources/x.yml", "connector: files\npath: ${NOT_SET}\ntables: {x.csv: raw.x}\n"),
        ("sources/x.yml", 'connector: sqlite\npath: ${NOT_SET}/${NOR_THIS}\ntables: {"*": {as: "x.{table}"}}\n'),
        ("functions/x.sql", "CREATE MACRO twice(x) AS x *;\n"),
        ("functions/x.sql", "CREATE MACRO twice(x) AS (SELECT max(id) FROM no.where);\n"),
    ],
)
def test_every_error_of_a_file_that_makes_nothing_known(wherry: Wherry, tmp_path: Path, file: str, text: str) -> None:
    folder = write(tmp_path, FILES)
    assert wherry("run", "--project", folder).code == 0
    write(folder, {file: text, "data/rows.csv": "id\n2\n"})
    assert wherry("plan", "--project", folder).code == 2
    assert states(wherry, folder, "--prune") == (2, {"raw.rows": "built", "s.of_rows": "built", "s.good": "skipped"})
    assert states(wherry, folder) == (2, dict.fromkeys(ALL, "skipped"))
    assert states(wherry, folder, "s.good") == (0, {"s.good": "skipped"})
    assert wherry("test", "--project", folder).code == 2
    (folder / file).unlink()
    assert states(wherry, folder) == (0, dict.fromkeys(ALL, "skipped"))


def test_a_bad_check_of_a_source_concerns_its_table_alone(wherry: Wherry, tmp_path: Path) -> None:
    bad = DROP.replace("{as: raw.rows}", "{as: raw.rows, columns: {id: {checks: [not_nul]}}}")
    folder = write(tmp_path, FILES | {"sources/drop.yml": bad, "tables/s/lost.sql": "SELECT 1 AS id\n"})
    wherry("run", "--project", folder)
    (folder / "tables/s/lost.sql").unlink()
    _, found = states(wherry, folder)
    assert found["raw.rows"] == "failed" and found["s.lost"] == "dropped"


@pytest.mark.parametrize("lost", ["tables", "tables/s", "sources"])
@pytest.mark.parametrize("how", ["link", "circle", "locked"])
def test_a_folder_that_cannot_be_looked_into_is_not_empty(wherry: Wherry, tmp_path: Path, lost: str, how: str) -> None:
    if how == "locked" and os.geteuid() == 0:
        pytest.skip("nothing is locked for root")
    folder = write(tmp_path, FILES)
    assert wherry("run", "--project", folder).code == 0
    (folder / lost).rename(tmp_path / "away")
    if how == "locked":
        (folder / lost).mkdir(mode=0)
    else:
        (folder / lost).symlink_to(tmp_path / "nowhere" if how == "link" else folder / lost)
    told = wherry("check", "--project", folder, "--json").json["findings"]
    assert {(each["file"], each["code"]) for each in told if each["severity"] == "error"} == {
        (f"{lost}/", "unreadable")
    }
    waits = {"s.of_rows", "s.good"} if lost.startswith("tables") else {"raw.rows", "s.of_rows"}
    code, found = states(wherry, folder, "--prune")
    assert code == 2 and {name for name, state in found.items() if state in ("failed", "blocked")} == waits
    assert rows(wherry, folder, "FROM s.of_rows") == ["1"] and rows(wherry, folder, "FROM s.good") == ["A"]
    if how == "locked":
        (folder / lost).rmdir()
    else:
        (folder / lost).unlink()
    # As good as the folder: a link to where it is now, though it has one in it that leads back.
    (folder / lost).symlink_to(tmp_path / "away")
    (tmp_path / "away/back").symlink_to(tmp_path / "away")
    (tmp_path / "away/root").symlink_to("/")
    assert states(wherry, folder) == (0, dict.fromkeys(ALL, "skipped"))


@pytest.mark.parametrize("lost", ["checks", "contracts", "functions"])
def test_nothing_is_published_whose_checks_or_functions_cannot_be_read(
    wherry: Wherry, tmp_path: Path, lost: str
) -> None:
    folder = write(tmp_path, FILES)
    assert wherry("run", "--project", folder).code == 0
    (folder / lost).symlink_to(tmp_path / "nowhere")
    write(folder, {"tables/s/good.sql": "SELECT upper('b') AS a\n"})
    code, found = states(wherry, folder)
    assert code and found["s.good"] == "failed" and rows(wherry, folder, "FROM s.good") == ["A"]


@pytest.mark.parametrize("source", ["connector: [\n", DROP.replace("raw.rows", "raw.other")])
def test_a_table_asked_for_alone_waits_for_what_a_check_holds_it_against(
    wherry: Wherry, tmp_path: Path, source: str
) -> None:
    both = "SELECT a FROM s.good WHERE a NOT IN (SELECT id::VARCHAR FROM raw.other)\n"
    folder = write(tmp_path, FILES | {"checks/both.sql": both, "sources/x.yml": source})
    code, found = states(wherry, folder, "s.good")
    assert code == 1 and found == {"s.good": "blocked"}
    assert wherry("sql", "FROM s.good", "--project", folder).code == 2


def test_a_folder_in_the_place_of_a_file(wherry: Wherry, tmp_path: Path) -> None:
    folder = write(tmp_path, FILES)
    assert wherry("run", "--project", folder).code == 0
    (folder / "tables/s/good.sql").unlink()
    (folder / "tables/s/good.sql").mkdir()
    assert states(wherry, folder) == (2, {"raw.rows": "skipped", "s.of_rows": "skipped", "s.good": "failed"})


def test_a_file_whose_name_is_not_utf8(wherry: Wherry, tmp_path: Path) -> None:
    folder = write(tmp_path, FILES)
    (folder / os.fsdecode(b"tables/s/b\xff.sql")).write_text("SELECT 1 AS id\n")
    (folder / os.fsdecode(b"sources/b\xff.yml")).write_text(DROP)
    code, found = states(wherry, folder)
    assert code == 2 and found == dict.fromkeys(ALL, "built") | {"s.b\ufffd": "failed"}
    told = wherry("check", "--project", folder, "--json").json["findings"]
    assert {each["message"] for each in told} == {"The name of this file is not UTF-8."}


@pytest.mark.parametrize("other", ["CREAT MACR upper(x) AS 'mine';\n", "upper(x) AS 'mine';\n"])
def test_a_function_whose_name_is_lost_may_be_any(wherry: Wherry, tmp_path: Path, other: str) -> None:
    """DuckDB has one of that name, and the table would be published with another meaning."""
    functions = "CREATE MACRO ends_so(x) AS x || ';'; -- One; or two.\n"
    folder = write(tmp_path, FILES | {"functions/f.sql": functions + "CREATE MACRO upper(x) AS 'mine';\n"})
    assert wherry("run", "--project", folder).code == 0
    write(folder, {"functions/f.sql": functions + other, "tables/s/good.sql": "SELECT upper('b') AS a\n"})
    assert states(wherry, folder) == (2, {"raw.rows": "skipped", "s.of_rows": "skipped", "s.good": "failed"})
    assert rows(wherry, folder, "FROM s.good") == ["mine"]
    # Where every statement says its name, these alone are not understood.
    write(folder, {"functions/f.sql": functions + "CREATE MACRO other(x) AS x +;\n"})
    assert states(wherry, folder)[1]["s.good"] == "built"


LISTS = """from dataclasses import dataclass


@dataclass
class Options:
    where: str = ''


class source:
    Options = Options
    TableOptions = Options

    def tables(options):
        raise KeyError('no ' + options.where)

    def changed(options, table, cursor):
        raise KeyError('nor this ' + options.where)

    def columns(options, table):
        return None

    def read(options, table, cursor):
        return iter(())
"""


def test_a_connector_that_fails_when_it_is_asked_for_its_tables(
    wherry: Wherry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WHERE", "open-sesame")
    odd = 'connector: odd\nwhere: ${WHERE}\ntables: {"*": {as: "q.{table}"}, one: {as: w.one}}\n'
    folder = write(tmp_path, FILES | {"plugins/odd.py": LISTS, "sources/odd.yml": odd})
    code, found = states(wherry, folder)
    assert code == 2 and found == dict.fromkeys(ALL, "built") | {"w.one": "skipped"}
    told = wherry("check", "--connect", "--project", folder)
    assert told.code == 2 and "sources/odd.yml:1:1" in told.err and "fails when it is asked" in told.err
    assert "defect" not in told.err and "sesame" not in told.err


TELLS = """from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from wherry.ports import Batch


@dataclass
class Options:
    where: str = ''


class source:
    Options = Options
    TableOptions = Options

    def said_elsewhere(options, table):
        return (Path(__file__).parent.parent / "said").read_text()

    def changed(options, table, cursor):
        return None

    def columns(options, table):
        return {"n": "BIGINT"}

    def read(options, table, cursor):
        yield Batch(rows=pa.table({"n": [1]}), cursor={"read": 1})
"""


def test_a_table_is_not_loaded_anew_where_what_is_said_of_it_elsewhere_cannot_be_read(
    wherry: Wherry, tmp_path: Path
) -> None:
    files = {
        "plugins/tells.py": TELLS,
        "sources/it.yml": "connector: tells\ntables: {one: {as: w.one, mode: incremental}}\n",
        "said": "all of it",
    }
    folder = write(tmp_path, FILES | files)
    assert states(wherry, folder)[0] == 0
    (folder / "said").unlink()
    code, found = states(wherry, folder)
    assert code == 2 and found == dict.fromkeys(ALL, "skipped") | {"w.one": "failed"}
    told = wherry("check", "--project", folder)
    assert told.code == 2 and "sources/it.yml:2:" in told.err and "defect" not in told.err
    assert wherry("run", "--full", "w.one", "--project", folder).code == 2
    write(folder, files)
    assert states(wherry, folder) == (0, dict.fromkeys(ALL, "skipped") | {"w.one": "skipped"})


def test_a_password_in_the_wrong_place_is_not_shown(wherry: Wherry, tmp_path: Path) -> None:
    text = "connector: postgres://u:sesame@host/db\ntables: {x: {as: raw.x}}\n"
    folder = write(tmp_path, FILES | {"sources/x.yml": text})
    for command in ("check", "plan", "run", "show", "test"):
        for more in ((), ("--json",)):
            told = wherry(command, "--project", folder, *more)
            assert "sesame" not in told.out + told.err and told.code == (0 if command == "show" else 2)


@pytest.mark.parametrize(
    "header", ["-- tags: [daily\n", "-- tgas: [daily]\n", "-- owner: me\n-- owner: you\n-- tags: [daily]\n"]
)
def test_a_table_whose_tags_are_not_understood_may_have_any(wherry: Wherry, tmp_path: Path, header: str) -> None:
    """Else a run of what has a tag would pass over it and end well."""
    folder = write(tmp_path, FILES | {"tables/s/daily.sql": "-- tags: [daily]\nSELECT 1 AS id\n"})
    assert states(wherry, folder)[0] == 0
    write(folder, {"tables/s/good.sql": f"{header}SELECT 'b' AS a\n"})
    for words in (("tag:daily",), ("owner:me", "s.daily"), ("s.daily", "changed")):
        assert states(wherry, folder, *words) == (2, {"s.daily": "skipped", "s.good": "failed"})
    # Where the header is understood, what is wrong is elsewhere.
    write(folder, {"tables/s/good.sql": "-- tags: [weekly]\nSELEC 1\n"})
    assert states(wherry, folder, "tag:daily") == (0, {"s.daily": "skipped"})
    assert states(wherry, folder, "changed") == (2, {"s.good": "failed"})
