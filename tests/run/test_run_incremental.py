"""Incremental tables: slice by slice they become what one full build makes."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import duckdb
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from run_folder import Folder, result, states

from wherry.model.slice import BEGINNING, Slice

STEP = {"hour": timedelta(hours=1), "day": timedelta(days=1), "month": timedelta(days=31)}
START = datetime(2026, 1, 30)
ONE = settings(
    max_examples=7,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)

Rows = list[tuple[datetime, int]]


def feed(folder: Folder, rows: Rows) -> None:
    """The rows of ``raw.t``, read anew as a whole by the next run."""
    path = folder.path / "data"
    path.mkdir(exist_ok=True)
    with duckdb.connect() as connection:
        connection.execute("CREATE TABLE t (moment TIMESTAMP, x BIGINT)")
        if rows:
            connection.executemany("INSERT INTO t VALUES (?, ?)", rows)
        connection.execute(f"COPY t TO '{path}/t.parquet' (FORMAT parquet)")


def project(folder: Folder, header: str = "", text: str = "") -> None:
    folder.write({"sources/d.yml": "connector: files\npath: data/\ntables:\n  t.parquet: {as: raw.t}\n"})
    query = "SELECT moment, x FROM raw.t WHERE moment >= $start AND moment < $end"
    folder.tables(i=f"-- build: incremental by moment\n{header}{text or query}")


def slices(folder: Folder, **asked: Any) -> tuple[Slice, ...]:
    return folder.plan(**asked).by_name["s.i"].slices


@st.composite
def histories(draw: st.DrawFn) -> tuple[str, int, list[tuple[datetime, Rows]]]:
    """A grain, a lookback, and moments of runs with the rows that arrived right before each, none of them too late."""
    grain = draw(st.sampled_from(sorted(STEP)))
    lookback = draw(st.integers(0, 2))
    now, runs, x = START, [], 0
    reached: datetime | None = None
    for _ in range(draw(st.integers(2, 4))):
        now += STEP[grain] * draw(st.floats(0.1, 3, allow_nan=False))
        # Months have 28 days at least: a row is never later than the lookback promises.
        allowed = {"hour": timedelta(hours=lookback), "day": timedelta(days=lookback)}.get(
            grain, timedelta(days=28 * lookback)
        )
        oldest = START if reached is None else max(START, reached - allowed)
        share = st.floats(0, 1, allow_nan=False, exclude_max=True)
        rows = []
        for part in draw(st.lists(share, max_size=5)):
            moment = oldest + (now - oldest) * part if now > oldest else oldest
            rows.append((moment.replace(microsecond=0), x := x + 1))
        if rows:
            reached = max([reached or START, *(moment for moment, _ in rows)])
        runs.append((now.replace(microsecond=0), rows))
    return grain, lookback, runs


@given(history=histories())
@ONE
def test_slice_by_slice_is_what_a_full_build_makes(
    folders: Callable[[], Folder], history: tuple[str, int, list[tuple[datetime, Rows]]]
) -> None:
    grain, lookback, runs = history
    folder = folders()
    project(folder, f"-- grain: {grain}\n-- lookback: {lookback}\n")
    there: Rows = []
    for now, rows in runs:
        there += rows
        feed(folder, there)
        folder.done(now=now, jobs=1)
        assert folder.rows("s.i") == sorted(there)
    folder.done(now=runs[-1][0], jobs=1, full=True)
    assert folder.rows("s.i") == sorted(there)


@given(
    pieces=st.lists(st.tuples(st.integers(0, 9), st.integers(1, 4)), min_size=1, max_size=3),
    order=st.randoms(use_true_random=False),
)
@ONE
def test_gaps_between_backfills_are_filled(
    folders: Callable[[], Folder], pieces: list[tuple[int, int]], order: Any
) -> None:
    folder = folders()
    project(folder, "-- start: 2026-01-01\n")
    rows = [(datetime(2025, 12, 30, 7) + timedelta(days=day), day) for day in range(20)]
    feed(folder, rows)
    now = datetime(2026, 1, 15, 8)
    first = datetime(2026, 1, 1)
    asked = [(first + timedelta(days=a), first + timedelta(days=a + length)) for a, length in pieces]
    filled: set[datetime] = set()
    for start, until in asked:
        folder.done(now=now, jobs=1, start=start, until=until)
        filled |= {moment for moment, _ in rows if start <= moment < until}
        assert {row[0] for row in folder.rows("s.i")} == filled
    folder.done(now=now, jobs=1)
    expected = [row for row in rows if first <= row[0] < datetime(2026, 1, 16)]
    assert folder.rows("s.i") == expected
    assert states(folder.done(now=now))["i"] == "skipped"


def test_only_gaps_and_what_is_looked_back_on_are_built(folder: Folder) -> None:
    project(folder, "-- lookback: 2\n-- start: 2026-01-01\n")
    feed(folder, [(datetime(2026, 1, 9, 5), 1)])
    day = lambda number: datetime(2026, 1, number)  # noqa: E731
    assert slices(folder, now=day(10)) == (Slice(start=day(1), end=day(11)),)
    folder.done(now=day(10))
    assert slices(folder, now=day(10)) == ()
    assert slices(folder, now=day(12)) == (Slice(start=day(11), end=day(13)),)
    feed(folder, [(datetime(2026, 1, 9, 5), 1), (datetime(2026, 1, 11, 5), 2)])
    assert slices(folder, now=day(12)) == (Slice(start=day(7), end=day(13)),)
    assert slices(folder, now=day(12), start=day(3), until=day(4)) == (Slice(start=day(3), end=day(4)),)


def test_rows_later_than_the_lookback_wait_for_a_backfill(folder: Folder) -> None:
    project(folder, "-- lookback: 1\n")
    rows = [(datetime(2026, 1, 9, 5), 1)]
    feed(folder, rows)
    folder.done(now=datetime(2026, 1, 9, 12))
    rows += [(datetime(2026, 1, 8, 5), 2), (datetime(2026, 1, 7, 5), 3)]
    feed(folder, rows)
    folder.done(now=datetime(2026, 1, 9, 13))
    assert [x for _, x in folder.rows("s.i")] == [2, 1]
    folder.done(now=datetime(2026, 1, 9, 14), start=datetime(2026, 1, 7), until=datetime(2026, 1, 8))
    assert [x for _, x in folder.rows("s.i")] == [3, 2, 1]


def test_a_backfill_of_the_future_does_not_hide_what_comes(folder: Folder) -> None:
    project(folder)
    feed(folder, [])
    folder.done(now=datetime(2026, 1, 9, 12), until=datetime(2030, 1, 1))
    feed(folder, [(datetime(2026, 1, 9, 15), 1)])
    folder.done(now=datetime(2026, 1, 9, 16))
    assert folder.rows("s.i") == [(datetime(2026, 1, 9, 15), 1)]


def test_start_and_end_are_bound(folder: Folder) -> None:
    project(folder, text="SELECT moment, $start AS a, $end AS b, x FROM raw.t WHERE moment BETWEEN $start AND $end")
    feed(folder, [(datetime(2026, 1, day, 5), day) for day in (1, 5, 9)])
    folder.done(now=datetime(2026, 1, 9, 12), start=datetime(2026, 1, 5))
    assert folder.rows("s.i", columns="x, a::TIMESTAMP, b::TIMESTAMP") == [
        (day, datetime(2026, 1, 5), datetime(2026, 1, 10)) for day in (5, 9)
    ]
    folder.done(now=datetime(2026, 1, 9, 12))
    assert (1, BEGINNING, datetime(2026, 1, 5)) in folder.rows("s.i", columns="x, a::TIMESTAMP, b::TIMESTAMP")


def test_a_statement_without_start_and_end_is_cut_to_its_slices(folder: Folder) -> None:
    project(folder, text="SELECT x, moment::DATE AS moment FROM raw.t")
    feed(folder, [(datetime(2026, 1, day, 5), day) for day in (1, 5, 9)])
    folder.done(now=datetime(2026, 1, 9, 12), start=datetime(2026, 1, 5), until=datetime(2026, 1, 6))
    assert [x for x, _ in folder.rows("s.i")] == [5]
    folder.done(now=datetime(2026, 1, 9, 12))
    assert [x for x, _ in folder.rows("s.i")] == [1, 5, 9]


def test_another_meaning_fills_everything_anew(folder: Folder) -> None:
    project(folder)
    feed(folder, [(datetime(2026, 1, day, 5), day) for day in (1, 9)])
    folder.done(now=datetime(2026, 1, 9, 12))
    project(folder, text="SELECT moment, -x AS x FROM raw.t WHERE moment >= $start AND moment < $end")
    made = folder.done(now=datetime(2026, 1, 9, 12))
    assert result(made, "s.i").reason == "its file was changed"
    assert [x for _, x in folder.rows("s.i")] == [-1, -9]


def test_nothing_new_does_nothing(folder: Folder) -> None:
    project(folder)
    feed(folder, [(datetime(2026, 1, 9, 5), 1)])
    folder.done(now=datetime(2026, 1, 9, 12))
    before = folder.seqs()
    assert states(folder.done(now=datetime(2026, 1, 9, 23))) == {"t": "skipped", "i": "skipped"}
    assert folder.seqs() == before


def test_a_column_that_comes_at_the_source_is_added(folder: Folder) -> None:
    project(folder, text="SELECT * FROM raw.t")
    feed(folder, [(datetime(2026, 1, 9, 5), 1)])
    folder.done(now=datetime(2026, 1, 9, 12))
    with duckdb.connect() as connection:
        rows = "(TIMESTAMP '2026-01-09 05:00', 1, 'a'), (TIMESTAMP '2026-01-10 05:00', 2, 'b')"
        connection.execute(
            f"COPY (SELECT * FROM (VALUES {rows}) AS t(moment, x, more)) TO '{folder.path}/data/t.parquet'"
        )
    folder.done(now=datetime(2026, 1, 10, 12))
    assert folder.rows("s.i", columns="x, more") == [(1, "a"), (2, "b")]


@pytest.mark.parametrize("given", ["DATE", "TIMESTAMP", "TIMESTAMPTZ"])
def test_the_time_column_may_be_of_any_kind_of_time(folder: Folder, given: str) -> None:
    project(folder, text=f"SELECT CAST(moment AS {given}) AS moment, x FROM raw.t")
    feed(folder, [(datetime(2026, 1, day), day) for day in (8, 9)])
    folder.done(now=datetime(2026, 1, 8, 23))
    assert [x for _, x in folder.rows("s.i", columns="moment::TIMESTAMP, x")] == [8]
    folder.done(now=datetime(2026, 1, 9, 1))
    assert [x for _, x in folder.rows("s.i", columns="moment::TIMESTAMP, x")] == [8, 9]
