"""``wherry serve`` keeps the lake in order meanwhile."""

import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from test_serve import serving

from fixtures.commands import Wherry
from wherry.errors import LakeError
from wherry.lake.attach import connect
from wherry.lake.lake import Lake
from wherry.lake.upkeep.upkeep import Options, Report
from wherry.lake.upkeep.upkeep import keep_up as keep_lake_up
from wherry.project.config import NEVER
from wherry.run.lock import upkeep_lock
from wherry.run.upkeep import next_upkeep
from wherry.serve import upkeep
from wherry.serve.upkeep import keep_up_until
from wherry.state.leases import held

AT_ONCE = timedelta(0)


@pytest.fixture
def worn(shop: Path, wherry: Wherry) -> Path:
    """A project with a table of many files."""
    (shop / "wherry.toml").write_text(
        'name = "shop"\n[upkeep]\nkeep = "0 days"\ngrace = "0 hours"\nevery = "0 seconds"\n'
    )
    with opened(shop) as lake, connect() as db:
        lake.attach(db, "main", "m", author="ada")
        db.execute("CREATE SCHEMA m.mine; CREATE TABLE m.mine.t AS SELECT 0 AS i")
        for number in range(1, 8):
            db.execute(f"INSERT INTO m.mine.t VALUES ({number})")
    return shop


def opened(shop: Path) -> Lake:
    return Lake.open(shop / ".wherry" / "wherry.db", shop / ".wherry" / "lake")


def test_it_is_done_while_the_server_runs(worn: Path, wherry: Wherry) -> None:
    with serving(worn) as (process, told):
        assert process.stderr is not None
        assert process.stderr.readline().startswith("Upkeep: 1 of 1 table put in order; ")
        assert told["endpoint"]
        process.terminate()
        assert process.wait(30) == 0
    count = wherry("sql", "SELECT count(*) AS n, sum(i) AS i FROM mine.t", "--project", worn, "--json").json
    assert count == [{"n": 8, "i": 28}]
    with opened(worn) as lake:
        assert lake.log()[0].message == "upkeep of mine.t"
        due = next_upkeep(lake, timedelta(days=1))
        assert due is not None and due > datetime.now(UTC) + timedelta(hours=23)


def test_what_is_wrong_with_every_is_told(worn: Path, wherry: Wherry) -> None:
    (worn / "wherry.toml").write_text('name = "shop"\n[upkeep]\nevery = "now and then"\n')
    answer = wherry("serve", "--project", worn)
    assert answer.code == 2 and "every = now and then" in answer.err


# When it is due


def test_a_new_lake_is_left_alone_and_any_upkeep_of_all_counts(worn: Path, wherry: Wherry) -> None:
    with opened(worn) as lake:
        assert next_upkeep(lake, NEVER) is None
        first = datetime.fromisoformat(lake.log()[-1].at)
        assert next_upkeep(lake, timedelta(days=1)) == first + timedelta(days=1)
        for words in (["--dry-run"], ["mine.t", "--keep", "30d"]):
            assert wherry("upkeep", *words, "--project", worn).code == 0
            assert next_upkeep(lake, timedelta(days=1)) == first + timedelta(days=1)
        assert wherry("upkeep", "--project", worn).code == 0
        due = next_upkeep(lake, timedelta(days=1))
        assert due is not None and due > first + timedelta(days=1)


def test_an_empty_lake_has_nothing_due(tmp_path: Path) -> None:
    with Lake.open(tmp_path / "w.db", tmp_path / "lake") as lake:
        assert next_upkeep(lake, AT_ONCE) is None


# The rounds


@pytest.fixture
def lake(worn: Path) -> Iterator[Lake]:
    with opened(worn) as made:
        yield made


def rounds(lake: Lake, every: timedelta, work: Callable[..., Any], enough: int) -> list[Any]:
    """What is told until so many rounds ended."""
    stop, told = threading.Event(), list[Any]()

    def tell(ended: Any) -> None:
        told.append(ended)
        if len(told) == enough:
            stop.set()

    keep_up_until(stop, lake, every, work, tell)
    return told


def test_a_round_that_fails_is_told_and_the_next_one_comes(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(upkeep, "_AGAIN", 0.0)
    failing = [True, False]

    def work(going_on: Callable[..., None]) -> Report:
        if failing.pop(0):
            raise LakeError("the disk is away")
        return keep_lake_up(lake, Options(keep=AT_ONCE, grace=AT_ONCE), going_on)

    problem, report = rounds(lake, AT_ONCE, work, 2)
    assert "the disk is away" in str(problem) and report.tables[0].state == "done"


def test_one_of_several_does_it(lake: Lake) -> None:
    def never(going_on: Callable[..., None]) -> Report:
        raise AssertionError("somebody else is at it")

    with upkeep_lock(lake.database, "main", "bob") as mine:
        assert mine
        assert [(lease.task, lease.owner) for lease, _ in held(lake.database)] == [("upkeep", "bob")]
        assert upkeep._once(threading.Event(), lake, AT_ONCE, never, "ada") is None
    assert held(lake.database) == []
    # Somebody did it since this one found it due.
    assert upkeep._once(threading.Event(), lake, timedelta(days=1), never, "ada") is None


def test_it_stops_in_the_middle_when_the_server_does(lake: Lake) -> None:
    stop = threading.Event()

    def work(going_on: Callable[..., None]) -> Report:
        stop.set()
        going_on("table")
        raise AssertionError("it went on")

    keep_up_until(stop, lake, AT_ONCE, work, lambda ended: pytest.fail(str(ended)))
    assert held(lake.database) == []
