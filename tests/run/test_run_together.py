"""A file of SQL that looks at several tables: they are published together, or what was not looked at stays behind."""

import csv
from pathlib import Path

import pytest

from fixtures.commands import Wherry
from fixtures.projects import write

CHECK = "SELECT b.x FROM s.b AS b LEFT JOIN s.a AS a USING (x) WHERE a.x IS NULL\n"
A = '-- columns: {x: {checks: ["< 100"]}}\nSELECT 1 AS x\n'
FILES = {
    "checks/orphans.sql": CHECK,
    "tables/s/a.sql": A,
    "tables/s/b.sql": "SELECT 1 AS x\n",
    "tables/s/reader.sql": "SELECT x FROM s.b\n",
    "tables/s/other.sql": "SELECT 1 AS x\n",
}
#: Each of them alone would be published, and `checks/orphans.sql` would not hold for what readers see.
APART = {name: text.replace("1 AS", "2 AS") for name, text in FILES.items()}


def rows(wherry: Wherry, folder: Path) -> list[str]:
    query = "SELECT (SELECT x FROM s.a), (SELECT x FROM s.b), (SELECT x FROM s.reader), (SELECT x FROM s.other)"
    answer = wherry("sql", query, "--format", "csv", "--project", folder)
    assert answer.code == 0, answer.err
    return list(csv.reader(answer.out.splitlines()))[1]


def states(wherry: Wherry, folder: Path, *more: str) -> dict[str, str]:
    run = wherry("run", *more, "--project", folder, "--json")
    assert (run.code == 0) == all(each["state"] in ("built", "skipped") for each in run.json["assets"])
    return {each["name"][2:]: each["state"] for each in run.json["assets"]}


@pytest.mark.parametrize("publish", ["end", "each"])
def test_a_table_waits_for_another_that_failed(wherry: Wherry, tmp_path: Path, publish: str) -> None:
    folder = write(tmp_path, FILES)
    assert wherry("run", "--project", folder).code == 0
    write(folder, APART | {"tables/s/a.sql": A.replace("1 AS", "1000 AS")})
    for other in ("built", "skipped"):  # a run that goes on from there finds the same
        told = states(wherry, folder, "--publish", publish)
        assert told == {"a": "failed", "b": "blocked", "reader": "blocked", "other": other}
        assert rows(wherry, folder) == ["1", "1", "1", "2"]
    write(folder, APART)
    assert set(states(wherry, folder).values()) <= {"built", "skipped"}
    assert rows(wherry, folder) == ["2", "2", "2", "2"]


def test_what_is_published_is_asked_where_the_other_table_stays_as_it_is(wherry: Wherry, tmp_path: Path) -> None:
    """Of a table that could not be made, the version that is there counts."""
    folder = write(tmp_path, FILES)
    assert wherry("run", "--project", folder).code == 0
    fails = A.replace("1 AS x", "error('no')::INTEGER AS x")
    write(folder, APART | {"tables/s/a.sql": fails})
    told = states(wherry, folder)
    assert told == {"a": "failed", "b": "failed", "reader": "blocked", "other": "built"}
    assert rows(wherry, folder) == ["1", "1", "1", "2"]
    write(folder, FILES | {"tables/s/a.sql": fails, "tables/s/b.sql": "SELECT 1 AS x WHERE true\n"})
    told = states(wherry, folder)
    assert (told["a"], told["b"]) == ("failed", "built")


def test_a_table_waits_for_another_that_was_never_made(wherry: Wherry, tmp_path: Path) -> None:
    folder = write(tmp_path, FILES | {"tables/s/a.sql": A.replace("1 AS x", "error('no')::INTEGER AS x")})
    assert states(wherry, folder) == {"a": "failed", "b": "blocked", "reader": "blocked", "other": "built"}
    write(folder, FILES)
    assert set(states(wherry, folder).values()) <= {"built", "skipped"}
    assert rows(wherry, folder) == ["1", "1", "1", "1"]


@pytest.mark.parametrize("says", ["severity: warn", "warn: from 1 row"])
def test_a_check_that_only_warns_holds_nothing_back(wherry: Wherry, tmp_path: Path, says: str) -> None:
    folder = write(tmp_path, FILES | {"checks/orphans.sql": f"-- {says}\n{CHECK}"})
    assert wherry("run", "--project", folder).code == 0
    write(folder, {"tables/s/a.sql": A.replace("1 AS", "1000 AS"), "tables/s/b.sql": "SELECT 2 AS x\n"})
    assert states(wherry, folder) == {"a": "failed", "b": "built", "reader": "built", "other": "skipped"}
    assert rows(wherry, folder) == ["1", "2", "2", "1"]


def test_a_file_of_sql_is_asked_though_other_checks_of_its_table_failed(wherry: Wherry, tmp_path: Path) -> None:
    files = FILES | {
        "tables/s/a.sql": A.replace('"< 100"', '"< 100", nonsense').replace("1 AS", "1000 AS"),
        "checks/big.sql": "SELECT * FROM s.a WHERE x > 10\n",
        "checks/small.sql": "-- severity: warn\nSELECT * FROM s.a WHERE x > 20\n",
        "checks/fine.sql": "SELECT * FROM s.a WHERE x > 2000\n",
    }
    folder = write(tmp_path, files)
    run = wherry("run", "--project", folder, "--json")
    assets = {each["name"]: each for each in run.json["assets"]}
    assert run.code == 1
    assert {check["check"]: check["state"] for check in assets["s.a"]["checks"]} == {
        "< 100": "failed",
        "nonsense": "failed",
        "big": "failed",
        "small": "warned",
        "fine": "passed",
        "orphans": "failed",
    }
    # The other table of that file is not at fault: it waits.
    assert assets["s.b"]["state"] == "blocked" and assets["s.b"]["reason"].startswith("s.a is not published")
    shown = wherry("show", "s.a", "--failing", "--project", folder)
    assert "big" in shown.out and "x: 1000" in shown.out
