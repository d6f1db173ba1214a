"""Slices of time against a naive model: a set of hours."""

from datetime import datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wherry.model.slice import BEGINNING, Slice, ceil, floor, shift, subtract, union

ZERO = datetime(2025, 12, 30)
GRAINS = ("hour", "day", "month")


def hour(n: int) -> datetime:
    return ZERO + timedelta(hours=n)


slices = st.tuples(st.integers(0, 72), st.integers(0, 72)).map(
    lambda pair: Slice(start=hour(pair[0]), end=hour(pair[1]))
)
moments = st.datetimes(datetime(1, 1, 2), datetime(9998, 12, 30))


def hours(*pieces: Slice) -> set[datetime]:
    return {hour(n) for n in range(73) if any(piece.start <= hour(n) < piece.end for piece in pieces)}


def tidy(pieces: tuple[Slice, ...]) -> bool:
    """In order, none empty, none touching the next."""
    return all(p.start < p.end for p in pieces) and all(a.end < b.start for a, b in pairwise(pieces))


@given(st.lists(slices, max_size=8))
def test_union_holds_the_same_hours_in_as_few_slices_as_possible(pieces: list[Slice]) -> None:
    merged = union(pieces)
    assert hours(*merged) == hours(*pieces)
    assert tidy(merged)
    assert union(merged) == merged
    assert union(reversed(pieces)) == merged


@given(slices, st.lists(slices, max_size=8))
def test_subtract_leaves_the_hours_that_are_not_filled(wanted: Slice, filled: list[Slice]) -> None:
    gaps = subtract(wanted, filled)
    assert hours(*gaps) == hours(wanted) - hours(*filled)
    assert tidy(gaps)
    if wanted.start < wanted.end:
        assert hours(*union([*gaps, *filled])) == hours(wanted, *filled)


@given(moments, st.sampled_from(GRAINS))
def test_a_moment_lies_in_the_interval_from_floor_up_to_its_end(moment: datetime, grain: str) -> None:
    start = floor(moment, grain)
    end = shift(start, grain, 1)
    assert start <= moment < end
    assert floor(start, grain) == start == ceil(start, grain)
    assert ceil(moment, grain) == (start if start == moment else end)
    assert floor(end - timedelta(microseconds=1), grain) == start


@given(st.datetimes(datetime(1900, 1, 1), datetime(2100, 1, 1)), st.sampled_from(GRAINS), st.integers(-500, 500))
def test_shifting_there_and_back_changes_nothing_on_a_boundary(moment: datetime, grain: str, count: int) -> None:
    start = floor(moment, grain)
    assert shift(shift(start, grain, count), grain, -count) == start
    assert (shift(start, grain, count) > start) == (count > 0)


@given(st.datetimes(datetime(1900, 1, 1), datetime(2100, 1, 1)), st.integers(0, 60))
def test_shifting_by_months_steps_through_each(moment: datetime, count: int) -> None:
    start = floor(moment, "month")
    at = start
    for _ in range(count):
        at = floor(at + timedelta(days=31), "month")
    assert shift(start, "month", count) == at


@pytest.mark.parametrize(
    ("moment", "grain", "count", "expected"),
    [
        (datetime(2026, 12, 31), "day", 1, datetime(2027, 1, 1)),
        (datetime(2027, 1, 1), "day", -1, datetime(2026, 12, 31)),
        (datetime(2028, 2, 28), "day", 1, datetime(2028, 2, 29)),
        (datetime(2026, 12, 1), "month", 1, datetime(2027, 1, 1)),
        (datetime(2026, 1, 1), "month", -1, datetime(2025, 12, 1)),
        (datetime(2026, 1, 1), "month", -13, datetime(2024, 12, 1)),
        (datetime(2026, 12, 31, 23), "hour", 1, datetime(2027, 1, 1)),
        (datetime(1, 1, 1), "day", -1, BEGINNING),
        (datetime(1, 3, 1), "month", -5, BEGINNING),
        (datetime(1, 1, 1), "hour", -400, BEGINNING),
    ],
)
def test_ends_of_months_and_years_and_of_time(moment: datetime, grain: str, count: int, expected: datetime) -> None:
    assert shift(moment, grain, count) == expected


def test_the_end_of_time_does_not_fall_back_to_the_beginning() -> None:
    last = datetime(9999, 12, 31)
    for grain in GRAINS:
        assert ceil(last.replace(hour=23, minute=30), grain) > last
        assert shift(last.replace(day=1), "month", 1) > last.replace(day=1)


def test_a_slice_is_told_in_the_shortest_words() -> None:
    day = Slice(start=datetime(2026, 1, 1), end=datetime(2026, 1, 2))
    assert str(day) == "2026-01-01 to 2026-01-02"
    assert str(Slice(start=BEGINNING, end=datetime(2026, 1, 2, 10))) == "up to 2026-01-02 10:00:00"
