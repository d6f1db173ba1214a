"""Tests of dbt_expectations about deviations and gaps, held against their literal meaning in Python."""

from __future__ import annotations

import math
import statistics
from collections import defaultdict
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from wherry.engines.duckdb import DuckDB
from wherry.imports.binding import attach
from wherry.imports.dbt import read
from wherry.model.asset import Asset, Column
from wherry.model.graph import Graph
from wherry.run.checking import run_checks

NOW = datetime(2026, 1, 30, 15)
Row = tuple[date | None, int | None, str]
DAYS = st.integers(0, 24).map(lambda day: date(2026, 1, 8) + timedelta(days=day))
ROWS = st.lists(st.tuples(DAYS, st.integers(1, 40), st.sampled_from("ab")), max_size=40)
QUICK = settings(max_examples=50, deadline=None)


@pytest.fixture(scope="module")
def db(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DuckDB]:
    folder: Path = tmp_path_factory.mktemp("deviations")
    engine = DuckDB(folder=folder, scratch=folder)
    engine.execute("CREATE SCHEMA s")
    yield engine
    engine.close()


def passes(db: DuckDB, rows: list[Row], kind: str, **arguments: Any) -> bool:
    db.execute("CREATE OR REPLACE TABLE s.t (day DATE, v INTEGER, g VARCHAR)")
    if rows:
        db.connection.executemany("INSERT INTO s.t VALUES (?, ?, ?)", rows)
    model = {"name": "t", "columns": [{"name": "v", "tests": [{f"dbt_expectations.{kind}": arguments}]}]}
    columns = tuple(
        Column(name=name, type=type_) for name, type_ in (("day", "DATE"), ("v", "INTEGER"), ("g", "VARCHAR"))
    )
    asset = Asset(name="s.t", kind="sql", file="f.sql", columns=columns, bound=True)
    graph = attach(Graph(assets={"s.t": asset}), read(yaml.safe_dump({"models": [model]}), "f.yml"), "f.yml")
    assert graph.findings == ()
    (verdict,) = run_checks(db, "s.t", graph["s.t"].checks, now=NOW)
    assert verdict.error == ""
    return verdict.state == "passed"


def far(value: float, others: list[float], low: float, high: float) -> bool:
    """Whether a value lies outside; with fewer than two others, or others that are all the same, nothing does."""
    if len(others) < 2 or not (spread := statistics.stdev(others)):
        return False
    # Where it rests on how numbers are rounded, nothing is expected.
    assume(spread > 1e-9)
    distance = (value - statistics.fmean(others)) / spread
    assume(min(abs(distance - low), abs(distance - high)) > 1e-9)
    return not low <= distance <= high


@QUICK
@given(ROWS, st.sampled_from([0.5, 0.8, 1.1, 1.5]), st.booleans())
def test_within_n_stdevs(db: DuckDB, rows: list[Row], sigma: float, grouped: bool) -> None:
    values = [float(v or 0) for _, v, _ in rows]
    if grouped:
        sums: dict[tuple[Any, str], float] = defaultdict(float)
        for day, v, g in rows:
            sums[day, g] += v or 0
        values = list(sums.values())
    wanted = not any(far(value, values, -sigma, sigma) for value in values)
    given_ = {"group_by": ["day", "g"]} if grouped else {}
    assert passes(db, rows, "expect_column_values_to_be_within_n_stdevs", sigma_threshold=sigma, **given_) == wanted


@QUICK
@given(ROWS, st.sampled_from([0.55, 1.05, 1.95, 3.05]), st.booleans(), st.booleans(), st.booleans(), st.integers(1, 2))
def test_within_n_moving_stdevs(
    db: DuckDB, rows: list[Row], sigma: float, diffs: bool, logs: bool, grouped: bool, lookback: int
) -> None:
    low, high, tested, trend = -2 * sigma, sigma, 10, 4
    sums: dict[str, dict[date, int]] = defaultdict(lambda: defaultdict(int))
    for day, v, g in rows:
        assert day is not None
        sums[g if grouped else ""][day] += v or 0

    def measure(total: int | None) -> float:
        return (math.log(total) if logs else float(total)) if total else 0.0

    wanted = True
    for days in sums.values():
        ordered = sorted(days)
        values = [measure(days[day]) for day in ordered]
        if diffs:
            before = [None] * lookback + [days[day] for day in ordered]
            values = [value - measure(old) for value, old in zip(values, before, strict=False)]
        for place, day in enumerate(ordered):
            if NOW.date() - timedelta(days=tested) <= day < NOW.date():
                wanted &= not far(values[place], values[max(0, place - trend) : place], low, high)
    found = passes(
        db,
        rows,
        "expect_column_values_to_be_within_n_moving_stdevs",
        date_column_name="day",
        sigma_threshold=99,
        sigma_threshold_lower=low,
        sigma_threshold_upper=high,
        take_diffs=diffs,
        take_logs=logs,
        lookback_periods=lookback,
        test_periods=tested,
        trend_periods=trend,
        **({"group_by": ["g"]} if grouped else {}),
    )
    assert found == wanted


@QUICK
@given(ROWS, st.integers(1, 4), st.booleans(), st.booleans())
@example([(date(2026, 1, day), 1, "a") for day in (8, 13, 16, 19)], 3, True, False)
@example([(date(2026, 1, day), 1, "a") for day in (7, 13, 16, 19)], 3, True, False)
def test_data_for_every_n_days(db: DuckDB, rows: list[Row], interval: int, ends: bool, excluded: bool) -> None:
    days = sorted(day for day, _, _ in rows if day is not None)
    arguments: dict[str, Any] = {"date_col": "day", "date_part": "day"}
    arguments |= {"interval": interval} if interval > 1 else {}
    arguments |= {"test_start_date": "2026-01-10", "test_end_date": "2026-01-20"} if ends else {}
    arguments |= {"exclusion_condition": "date_day <> '2026-01-12' and is_missing"} if excluded else {}
    first, last = (date(2026, 1, 10), date(2026, 1, 20)) if ends else (days[0], days[-1]) if days else (None, None)
    wanted = True
    if first is not None and last is not None:
        # As dbt's `mod` has it, days before the first by less than an interval stand for the first.
        there = {day - timedelta(days=int(math.fmod((day - first).days, interval))) for day in days}
        slots = (first + timedelta(days=after) for after in range(0, (last - first).days, interval))
        wanted = not any(slot not in there and not (excluded and slot == date(2026, 1, 12)) for slot in slots)
    assert passes(db, rows, "expect_row_values_to_have_data_for_every_n_datepart", **arguments) == wanted


@pytest.mark.parametrize(
    ("part", "days", "expected"),
    [
        # Weeks begin on Mondays, and what is looked for begins with the first day: 5 January is one.
        ("week", [5, 14, 22, 30], True),
        ("week", [5, 22, 30], False),
        ("week", [6, 14, 22, 30], False),
        ("month", [1, 30, 61], False),
        ("month", [1, 33, 61], True),
        ("quarter", [1, 99, 181], True),
        ("year", [1, 367], True),
        ("hour", [1, 2], False),
    ],
)
def test_other_periods(db: DuckDB, part: str, days: list[int], expected: bool) -> None:
    rows: list[Row] = [(date(2026, 1, 1) + timedelta(days=day - 1), 1, "a") for day in days]
    assert (
        passes(db, rows, "expect_row_values_to_have_data_for_every_n_datepart", date_col="day", date_part=part)
        == expected
    )


def test_a_period_that_there_is_not(db: DuckDB) -> None:
    text = (
        "{dbt_expectations.expect_row_values_to_have_data_for_every_n_datepart: {date_col: day, date_part: fortnight}}"
    )
    (found,) = read(f"models: [{{name: t, tests: [{text}]}}]", "f.yml")
    assert "no period `fortnight`" in found.findings[0].message
