"""Rows that broke a check are kept with the run: so many, so large, of so many runs, and for so long."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from run_folder import Folder

from fixtures.commands import Wherry
from fixtures.projects import write
from wherry.lake import database as db
from wherry.run.failing import failing_rows
from wherry.run.upkeep import UpkeepOptions, keep_up
from wherry.state import bad_rows
from wherry.state.runs import last_runs

BAD = "-- checks: [x > 0, {check: x > 5, severity: warn}]\nSELECT "


def kept(folder: Folder, table: str = "s.t") -> dict[str, int]:
    """For each run that rows are kept of, of how many checks."""
    query = "SELECT run, count(*) FROM event WHERE kind = :kind AND asset = :asset GROUP BY run"
    with db.reading(folder.lake.database) as connection:
        return dict(connection.rows(query, {"kind": bad_rows.BAD_ROWS, "asset": table}))


def failing(folder: Folder, limit: int = 100) -> dict[str, list[dict[str, Any]]]:
    graph = folder.project().graph
    found = failing_rows(folder.config, folder.lake, graph, graph["s.t"], "main", limit)
    return {each["check"]: each["rows"] for each in found}


def age(folder: Folder, run: str, days: float) -> None:
    """Have what a run kept found so many days ago."""
    at = (datetime.now(UTC) - timedelta(days=days)).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    with db.writing(folder.lake.database) as connection:
        connection.change("UPDATE event SET at = :at WHERE run = :run", {"at": at, "run": run})


def upkeep(folder: Folder, **how: Any) -> bad_rows.Forgotten:
    return keep_up(folder.project(), folder.lake, UpkeepOptions(tables=["none"], **how)).bad_rows


@pytest.fixture
def old_and_new(folder: Folder) -> tuple[Folder, str, str]:
    folder.tables(t=BAD + "-1 AS x")
    old = folder.run().id
    folder.tables(t=BAD + "-2 AS x")
    new = folder.run().id
    age(folder, old, 31)
    age(folder, new, 8)
    return folder, old, new


def test_they_go_with_the_commits_of_their_time(old_and_new: tuple[Folder, str, str]) -> None:
    folder, old, new = old_and_new
    assert kept(folder) == {old: 2, new: 2}
    told = upkeep(folder, dry_run=True)
    assert told.checks == 2 and told.bytes > 20
    assert kept(folder) == {old: 2, new: 2}
    assert upkeep(folder) == told
    assert kept(folder) == {new: 2}
    assert upkeep(folder) == bad_rows.Forgotten()
    # Verdicts stay, and so does all else that is known of the run.
    assert [c.failing for run in last_runs(folder.lake.database) for c in run.assets[0].checks] == [1, 1, 1, 1]


@pytest.mark.parametrize(
    ("said", "asked", "stay"),
    [
        ('[upkeep]\nbad_rows = "7 days"\n', {}, 0),
        ('[upkeep]\nbad_rows = "60 days"\nkeep = "90 days"\n', {}, 2),
        ('[upkeep]\nkeep = "9 days"\n', {}, 1),
        ('[upkeep]\nbad_rows = "60 days"\n', {"bad_rows": timedelta(days=9)}, 1),
        ('[upkeep]\nbad_rows = "60 days"\n', {"keep": timedelta(days=1)}, 0),
    ],
)
def test_how_long_is_said_in_the_project_or_once(
    old_and_new: tuple[Folder, str, str], said: str, asked: dict[str, Any], stay: int
) -> None:
    folder = old_and_new[0]
    folder.write({"wherry.toml": f'name = "t"\n{said}'})
    upkeep(folder, **asked)
    assert len(kept(folder)) == stay


def test_what_is_gone_is_looked_up_where_the_run_left_it(old_and_new: tuple[Folder, str, str]) -> None:
    folder = old_and_new[0]
    upkeep(folder, bad_rows=timedelta(0))
    assert kept(folder) == {}
    assert failing(folder) == {"x > 0": [{"x": -2}], "x > 5": [{"x": -2}]}


def test_upkeep_tells_of_them(old_and_new: tuple[Folder, str, str], wherry: Wherry) -> None:
    folder = old_and_new[0]
    place = ("--project", str(folder.path))
    told = wherry("upkeep", "--dry-run", "--json", *place).json
    assert told["bad_rows"]["checks"] == 2
    assert "the bad rows of 2 old verdicts would be forgotten" in wherry("upkeep", "--dry-run", *place).out
    said = wherry("upkeep", "--bad-rows", "8d", *place).out
    assert "the bad rows of 4 old verdicts forgotten" in said
    assert kept(folder) == {}


def test_of_a_table_those_of_the_newest_runs_are_kept(folder: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bad_rows, "RUNS", 2)
    folder.tables(t=BAD + "-1 AS x", other="-- checks: [x > 0]\nSELECT -1 AS x")
    folder.run(branch="main")
    folder.lake.create_branch("dev", parent="main", author="ada")
    folder.run(branch="dev")
    runs = [folder.run("s.t").id for _ in range(3)]
    dev = last_runs(folder.lake.database, "dev")[0].id
    assert set(kept(folder)) == {*runs[1:], dev}
    # Another table was not asked as often, and another branch has runs of its own.
    assert len(kept(folder, "s.other")) == 2


def test_large_rows_are_cut_and_the_others_looked_up(folder: Folder) -> None:
    wide = ", ".join(f"repeat('{n}', 900) AS c{n}" for n in range(100, 200))
    folder.tables(t=f"-- checks: [x < 0]\nSELECT range AS x, {wide} FROM range(90)")
    made = folder.run()
    (there,) = bad_rows.kept_bad_rows(folder.lake.database, made.id, "s.t").values()
    assert there.cut and 0 < len(there.rows) < 10
    assert len(json.dumps(there.rows)) <= bad_rows.BYTES
    assert len(failing(folder)["x < 0"]) == 90
    for branch in folder.leftovers():
        folder.lake.drop_branch(branch)
    # Nothing to look them up in: those that were kept are shown.
    assert len(failing(folder)["x < 0"]) == len(there.rows)


@pytest.mark.needs("postgres")
def test_in_postgres_too(tmp_path: Path, postgres: str, monkeypatch: pytest.MonkeyPatch, wherry: Wherry) -> None:
    monkeypatch.setattr(bad_rows, "RUNS", 2)
    write(tmp_path, {"wherry.toml": f'name = "t"\ndatabase = "{postgres}"\n', "tables/s/t.sql": BAD + "-1 AS x"})
    place = ("--project", str(tmp_path))
    for _ in range(4):
        assert wherry("run", *place).code == 1
    # Two runs of two checks are left.
    assert wherry("upkeep", "--bad-rows", "0d", "--dry-run", "--json", *place).json["bad_rows"]["checks"] == 4
    assert wherry("upkeep", "--bad-rows", "0d", "--json", *place).json["bad_rows"]["checks"] == 4
    assert wherry("upkeep", "--bad-rows", "0d", "--json", *place).json["bad_rows"] == {"checks": 0, "bytes": 0}
    # What is asked after publishing is noted there, and asked once.
    write(tmp_path, {"tables/s/t.sql": "-- checks: [{check: x > 5, when: after}]\nSELECT 1 AS x"})
    assert "x > 5 (1 bad row)" in wherry("run", *place).err
    assert wherry("run", *place).out.startswith("Nothing to do: 1 table is up to date.")
