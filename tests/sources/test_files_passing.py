"""What is told of how far a load of files is, before its rows come and while they pass."""

from __future__ import annotations

from threading import Event
from typing import Any

import pytest

from fixtures.file_servers import web_server
from wherry.ports import Passed, TableRequest
from wherry.sources.files import passing, source
from wherry.sources.files.passing import Passing


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def test_fetching_is_a_part_of_the_work_as_long_as_it_takes() -> None:
    """150 MB in 9 seconds, then two looks at the rate that is assumed: 2 seconds more."""
    told: list[Passed] = []
    clock = Clock()
    made = Passing(tell=told.append, size=150_000_000, whole=300_000_000, before=150_000_000, clock=clock, looks=1)
    hear = made.fetching(0)
    for at in (50_000_000, 100_000_000):
        clock.now += 3
        hear(at)
    clock.now += 0.1
    hear(100_000_001)  # too soon to be told again
    clock.now += 2.9
    made.fetching(100_000_000)(50_000_000)
    assert [each.size for each in told] == [50_000_000, 100_000_000, 150_000_000]
    assert [each.share for each in told] == [pytest.approx(0.5 + 0.5 * spent / 11) for spent in (3, 6, 9)]
    assert made.fetched == pytest.approx(9 / 11)
    assert made.of_rows(0) == pytest.approx(0.5 + 0.5 * 10 / 11) and made.of_rows(1.0) == 1.0


class Running:
    """A DuckDB that is asked how far it is."""

    def __init__(self, *percent: float) -> None:
        self.percent, self.ended = list(percent), Event()

    def query_progress(self) -> float:
        at = self.percent.pop(0)
        if not self.percent:
            self.ended.set()
        return at


def test_looking_through_files_is_told_look_by_look(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(passing, "_LOOK", 0.0)
    told: list[Passed] = []
    made = Passing(tell=told.append, size=900, whole=900, looks=2)
    running: Any = Running(-1, 10, 50, 99, 0, 50, 99, 3, -1)
    made._watch(running, running.ended)
    assert [each.share for each in told] == [pytest.approx(at / 3) for at in (0.1, 0.5, 0.99, 1.0, 1.5, 1.99, 1.99)]
    assert [each.size for each in told] == [90, 450, 891, 0, 450, 891, 27]


def test_nothing_is_guessed_where_nothing_tells() -> None:
    of_nobody_knows = Passing(tell=lambda passed: None, size=10, whole=10)
    assert of_nobody_knows.of_rows(0.5) is None
    without_size = Passing(tell=lambda passed: None, size=10, looks=1)
    assert without_size.of_rows(0.5) is None


@pytest.mark.parametrize("mode", ["full", "incremental"])
def test_shares_of_a_load_go_up_to_the_whole(folder: Any, monkeypatch: pytest.MonkeyPatch, mode: str) -> None:
    monkeypatch.setattr(passing, "_LOOK", 0.0)
    monkeypatch.setattr(passing, "WORTH", 0)
    monkeypatch.setattr("wherry.sources.files.GROUP_BYTES", 3_000_000)
    for n in range(3):
        folder.write(f"{n}.csv", "id,t\n" + f"{n},{'x' * 90}\n" * 20_000)
    shares: list[float] = []

    def hear(passed: Passed) -> None:
        assert passed.share is not None
        shares.append(passed.share)

    with web_server(folder.path) as web:
        options = source.Options(path=web.url if mode == "full" else str(folder.path))
        name = "1.csv" if mode == "full" else "*.csv"
        request = TableRequest(name=name, mode=mode, options=source.TableOptions(), tell=hear)
        heard = 0
        for batch in source.read(options, request, None):
            heard += len(shares)
            for _ in batch.rows:  # type: ignore[union-attr]
                share = batch.share()
                assert share is not None
                shares.append(share)
    assert shares == sorted(shares) and shares[-1] == 1.0 and all(0 <= share <= 1 for share in shares)
    if mode == "full":
        assert heard  # of bytes that were fetched
