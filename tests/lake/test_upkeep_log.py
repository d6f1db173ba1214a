"""Old commits leave the log; heads, and what branches forked from, stay."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import duckdb
import pytest

from wherry.errors import NoSuchCommit
from wherry.lake import database
from wherry.lake.clock import stamp
from wherry.lake.lake import Lake
from wherry.lake.upkeep.upkeep import Options, Report, keep_up
from wherry.model.run import Run
from wherry.state.runs import start_run

Rows = Callable[[str], list[tuple[Any, ...]]]

NOW = datetime(2026, 6, 1, tzinfo=UTC)


def days_ago(days: float) -> str:
    return stamp(NOW - timedelta(days=days))


def date(lake: Lake, days: dict[int, float]) -> None:
    """Have commits (by number) made so many days ago."""
    with database.writing(lake.database) as connection:
        for seq, ago in days.items():
            connection.change('UPDATE "commit" SET at = :at WHERE seq = :seq', {"seq": seq, "at": days_ago(ago)})


def upkeep(lake: Lake, **options: Any) -> Report:
    return keep_up(lake, Options(tables=["none"], now=NOW, grace=timedelta(0), **options))


@pytest.fixture
def history(lake: Lake, rows: Rows) -> list[str]:
    """Ids of six commits, 50 to 0 days old: each table is written by every second one."""
    rows("CREATE TABLE m.s.a AS SELECT 1 AS i")
    rows("CREATE TABLE m.s.b AS SELECT 1 AS i")
    for number in (2, 3):
        rows(f"INSERT INTO m.s.a VALUES ({number})")
        rows(f"INSERT INTO m.s.b VALUES ({number})")
    date(lake, {seq: 60 - 10 * seq for seq in range(1, 7)})
    return [commit.id for commit in reversed(lake.log())]


def test_commits_beyond_the_retention_go(lake: Lake, db: duckdb.DuckDBPyConnection, rows: Rows, history: Any) -> None:
    # Commits 3 to 6 are 30 days old or younger; what was there at the third is needed.
    report = upkeep(lake)
    assert report.commits == 1
    assert [commit.id for commit in reversed(lake.log())] == history[2:]
    for seq, expected in {3: (2, 1), 4: (2, 2), 5: (3, 2), 6: (3, 3)}.items():
        lake.attach(db, "main", f"past{seq}", at=seq)
        found = tuple(rows(f"SELECT count(*) FROM past{seq}.s.{table}")[0][0] for table in "ab")
        assert found == expected
    assert upkeep(lake).commits == 0


def test_a_commit_that_is_gone_cannot_be_named(lake: Lake, db: Any, history: list[str]) -> None:
    upkeep(lake)
    for name in (history[1], days_ago(45), "2020-01-01"):
        with pytest.raises(NoSuchCommit):
            lake.resolve(name)
    with pytest.raises(NoSuchCommit):
        lake.restore(history[1], author="ada")
    status, answer = lake.catalog.handle("GET", "/v1/config", {"warehouse": "main@2"})
    assert (status, "older than" in str(answer)) == (404, True)
    assert lake.resolve(history[2]) == 3


def test_the_newest_commit_stays_whatever_its_age(lake: Lake, rows: Rows, history: list[str]) -> None:
    lake.create_branch("dev")
    report = upkeep(lake, keep=timedelta(0))
    assert report.commits == 4
    assert [commit.id for commit in lake.log()] == history[5:]
    lake.restore(history[5], author="ada")
    assert rows("SELECT count(*) FROM m.s.a, m.s.b") == [(9,)]


def test_where_a_branch_forked_stays(lake: Lake, db: Any, rows: Rows, history: list[str]) -> None:
    lake.create_branch("old", at=2)
    lake.create_branch("older", parent="old", at=1)
    lake.attach(db, "old", "old")
    lake.attach(db, "older", "older")
    for _ in range(2):
        upkeep(lake, keep=timedelta(0))
        assert rows("SELECT count(*) FROM old.s.a, old.s.b") == [(1,)]
        assert rows("SELECT count(*) FROM older.s.a") == [(1,)]
        assert set(lake.pointers("older")) == {"s.a"}
    lake.drop_branch("older")
    lake.drop_branch("old")
    report = upkeep(lake, keep=timedelta(0))
    assert report.commits == 2
    assert rows("SELECT count(*) FROM m.s.a, m.s.b") == [(9,)]


def test_a_branch_that_published_and_went_on_can_publish_again(lake: Lake, db: Any, rows: Rows, history: Any) -> None:
    lake.create_branch("dev")
    lake.attach(db, "dev", "d")
    rows("INSERT INTO d.s.a VALUES (10)")
    lake.merge("dev", only=["s.a"], author="", message="one")
    rows("INSERT INTO d.s.a VALUES (11)")
    rows("INSERT INTO d.s.b VALUES (11)")
    upkeep(lake, keep=timedelta(0))
    lake.merge("dev", author="", message="all")
    rows("INSERT INTO d.s.b VALUES (12)")
    upkeep(lake, keep=timedelta(0))
    lake.merge("dev", author="", message="again")
    assert rows("SELECT (SELECT count(*) FROM m.s.a), (SELECT count(*) FROM m.s.b)") == [(5, 5)]


def test_a_dry_run_counts_what_would_go(lake: Lake, history: list[str]) -> None:
    lake.create_branch("run/1")
    date_of_branch(lake, "run/1", 40)
    dry = upkeep(lake, keep=timedelta(days=15), dry_run=True)
    assert len(lake.log()) == 6
    done = upkeep(lake, keep=timedelta(days=15))
    assert (dry.commits, dry.branches, dry.swept.files, dry.swept.bytes) == (
        done.commits,
        done.branches,
        done.swept.files,
        done.swept.bytes,
    )
    assert done.commits == 3


# Branches of runs that did not finish


def date_of_branch(lake: Lake, name: str, days: float) -> None:
    with database.writing(lake.database) as connection:
        made = {"name": name, "at": days_ago(days)}
        connection.change("UPDATE branch SET created_at = :at WHERE name = :name", made)


def test_unfinished_runs_that_nobody_went_on_with_are_dropped(lake: Lake, db: Any, rows: Rows, history: Any) -> None:
    for name, days in {"run/old": 31, "run/late": 31, "run/new": 29, "run/busy": 31, "kept": 31, "Run/it": 31}.items():
        lake.create_branch(name)
        date_of_branch(lake, name, days)
    lake.attach(db, "run/late", "late")
    rows("INSERT INTO late.s.a VALUES (1)")
    date(lake, {7: 1})
    busy = Run(id="1", branch="main", work_branch="run/busy", state="running", started_at=days_ago(31))
    start_run(lake.database, busy, 1)
    assert upkeep(lake, dry_run=True).branches == ("run/old",)
    assert upkeep(lake).branches == ("run/old",)
    assert {info.name for info in lake.branches()} == {"main", "kept", "Run/it", "run/late", "run/new", "run/busy"}
    assert upkeep(lake, idle=["main"]).branches == ("run/busy",)
