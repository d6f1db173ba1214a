"""A check that an error keeps from a verdict: told with its place, once, and the others are asked."""

from pathlib import Path

from fixtures.commands import Wherry
from fixtures.projects import write

FILES = {
    "tables/s/a.sql": (
        "-- columns:\n--   id:\n--     checks: [not_null]\n"
        "--   t: {checks: [not_blank]}\n"
        "-- checks:\n--   - t::INTEGER > 0\n--   - aggregate sum(t::INTEGER) > 0\n"
        "--   - {check: t::DATE > now(), when: after}\n--   - rows = 3\n"
        "SELECT i AS id, 'x' || i AS t FROM range(3) AS r(i)\n"
    ),
    "tables/s/p.py": (
        'from wherry import Table, table\n\n\n@table(\n    checks=[\n        "rows = 3",\n        "nope > 1",\n'
        '        "t::INTEGER > 0",\n    ],\n)\ndef p(rows: Table["s.a"]):\n    return rows.arrow()\n'
    ),
    "checks/f.sql": "SELECT * FROM s.a WHERE t::INTEGER > 0\n",
    "checks/own.yml": "table: s.a\ncolumns:\n  t:\n    checks:\n      - {check: not_null, where: 't::INTEGER > 0'}\n",
}


def test_each_is_told_with_its_file_and_line_and_the_others_are_asked(wherry: Wherry, tmp_path: Path) -> None:
    folder = write(tmp_path, FILES | {"tables/s/p.py": FILES["tables/s/p.py"].replace('"s.a"', '"s.fine"')})
    write(folder, {"tables/s/fine.sql": "SELECT i AS id, 'x' || i AS t FROM range(3) AS r(i)\n"})
    assert wherry("check", "--project", folder).code == 0
    run = wherry("run", "--project", folder, "--json")
    assets = {each["name"]: each for each in run.json["assets"]}
    told = {name: [(f["file"], f["line"]) for f in each["findings"]] for name, each in assets.items()}
    assert run.code == 1 and told == {
        "s.a": [("tables/s/a.sql", 6), ("tables/s/a.sql", 7), ("checks/own.yml", 5), ("checks/f.sql", 1)],
        "s.p": [("tables/s/p.py", 5), ("tables/s/p.py", 5)],
        "s.fine": [],
    }
    assert all("x0" in f["message"] for f in assets["s.a"]["findings"][:2])
    states = {c["check"]: c["state"] for c in (*assets["s.a"]["checks"], *assets["s.p"]["checks"]) if not c["error"]}
    assert states == {"not_null": "passed", "not_blank": "passed", "rows = 3": "passed"}


def test_what_was_told_before_the_run_is_not_told_again(wherry: Wherry, tmp_path: Path) -> None:
    broken = FILES["tables/s/a.sql"].replace("rows = 3", "nope > 3").replace("t::INTEGER > 0", "id >= 0")
    folder = write(tmp_path, {"tables/s/a.sql": broken})
    run = wherry("run", "--project", folder)
    assert run.code == 1 and run.err.count("`nope > 3`") == 1
    assert run.err.count("could not be asked") == 1 and "sum(t::INTEGER)" in run.err


def test_what_is_asked_after_publishing_is_told_too(wherry: Wherry, tmp_path: Path) -> None:
    only = "-- checks:\n--   - {check: t::DATE > now(), when: after}\nSELECT 'x' AS t\n"
    folder = write(tmp_path, {"tables/s/a.sql": only})
    run = wherry("run", "--project", folder, "--json")
    (asset,) = run.json["assets"]
    assert (run.code, asset["state"]) == (0, "built")
    assert [(f["file"], f["line"]) for f in asset["findings"]] == [("tables/s/a.sql", 2)]
