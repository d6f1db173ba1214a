"""A run whose branch moves underneath it builds anew what moved, a bounded number of times."""

from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from wherry.errors import Conflict, LakeError
from wherry.lake.attach import connect
from wherry.lake.lake import Lake
from wherry.model.plan import Request
from wherry.model.run import Run
from wherry.project.config import read_config
from wherry.run.project import open_lake, open_project
from wherry.run.runner import REBASES, RunOptions, run

Tell = Callable[..., None]


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.needs("postgres"))])
def folder(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    database = ""
    if request.param == "postgres":
        database = f'database = "{request.getfixturevalue("postgres")}"\n'
    (tmp_path / "wherry.toml").write_text('name = "shop"\n' + database)
    write(tmp_path, a="SELECT 1 AS x", b="SELECT x + 1 AS x FROM s.a")
    return tmp_path


def write(folder: Path, **tables: str) -> None:
    (folder / "tables" / "s").mkdir(parents=True, exist_ok=True)
    for name, text in tables.items():
        (folder / "tables" / "s" / f"{name}.sql").write_text(text)


def go(folder: Path, lake: Lake, tell: Tell) -> Run:
    project = open_project(read_config(folder), lake)
    return run(project, lake, Request(now=datetime(2026, 1, 10)), RunOptions(jobs=1, author="ada"), tell)


def meddle(lake: Lake, value: int) -> None:
    with connect() as connection:
        lake.attach(connection, "main", "m", author="eve")
        connection.execute(f"UPDATE m.s.a SET x = {value}")


def rows(lake: Lake, name: str) -> list[tuple[Any, ...]]:
    with connect() as connection:
        lake.attach(connection, "main", "m")
        return connection.execute(f"FROM m.{name}").fetchall()


def test_it_builds_again_on_the_new_ground(folder: Path) -> None:
    with open_lake(read_config(folder)) as lake:
        go(folder, lake, lambda kind, **what: None)
        write(folder, a="SELECT 5 AS x", c="SELECT 7 AS x")
        told = []

        def tell(kind: str, **what: Any) -> None:
            told.append(kind)
            if kind == "started" and what["name"] == "s.a" and told.count("moved") == 0:
                meddle(lake, 100)

        done = go(folder, lake, tell)
        assert done.state == "done" and told.count("moved") == 1
        assert {r.name: r.state for r in done.assets} == dict.fromkeys(("s.a", "s.b", "s.c"), "built")
        assert [rows(lake, f"s.{name}") for name in "abc"] == [[(5,)], [(6,)], [(7,)]]
        assert [b.name for b in lake.branches()] == ["main"]
        # What did not move was not built again.
        assert sum(1 for c in lake.log(None) if c.message == "create s.c") == 1


def test_it_gives_up_and_says_who_moved_what(folder: Path) -> None:
    with open_lake(read_config(folder)) as lake:
        go(folder, lake, lambda kind, **what: None)
        write(folder, a="SELECT 5 AS x")
        times = []

        def tell(kind: str, **what: Any) -> None:
            if kind == "started" and what["name"] == "s.a":
                times.append(1)
                meddle(lake, 100 + len(times))

        with pytest.raises(
            Conflict, match=r"and on `main`: `s\.a`\n`s\.a`: .* on `main` 1 rows by eve, .* \(write s\.a\)"
        ):
            go(folder, lake, tell)
        assert len(times) == REBASES + 1
        assert rows(lake, "s.a") == [(100 + len(times),)] and rows(lake, "s.b") == [(2,)]
        # The next run goes on from there.
        assert go(folder, lake, lambda kind, **what: None).state == "done"
        assert rows(lake, "s.b") == [(6,)]


def test_who_was_taken_over_publishes_nothing(folder: Path) -> None:
    from wherry.lake import database as db

    with open_lake(read_config(folder)) as lake:

        def tell(kind: str, **what: Any) -> None:
            if kind == "started":
                with db.writing(lake.database) as connection:
                    connection.change("UPDATE lease SET holder = 'somebody else'")

        with pytest.raises(LakeError, match="took over"):
            go(folder, lake, tell)
        assert lake.pointers("main") == {}
