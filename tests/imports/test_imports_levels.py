"""What warns and fails in one check of another tool is one check with levels here, with the worse of two verdicts."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wherry.engines.duckdb import DuckDB
from wherry.imports.folder import read_checks
from wherry.imports.levels import with_levels
from wherry.imports.writing import written
from wherry.model.asset import Check
from wherry.project.check_form import read_check
from wherry.run.checking import run_checks

SODACL = """checks for orders:
  - missing_count(id):
      warn: when > 0
      fail: when > 5
  - invalid_percent(id):
      valid min: 1
      warn: when >= 1%
      fail: when > 10%
  - row_count:
      warn: when < 10
      fail: when < 1
  - missing_percent(id):
      warn: when > 1%
      fail: when > 10%
  - freshness(at):
      warn: when > 1h
      fail: when > 1d
  - row_count:
      warn: when between 5 and 10
      fail: when < 5
"""
DBT = """models:
  - name: orders
    columns:
      - name: id
        data_tests:
          - not_null: {config: {warn_if: ">0", error_if: ">10"}}
          - dbt_utils.accepted_range: {min_value: 0, config: {error_if: ">=5"}}
          - accepted_values: {values: [1], quote: false, config: {warn_if: ">0", error_if: ">2"}}
          - relationships: {to: ref('t'), field: id, config: {warn_if: "between 1 and 5", error_if: ">5"}}
"""


def made(text: str, file: str) -> tuple[Check, ...]:
    (found,) = read_checks(text, file)
    assert found.findings == ()
    return found.checks


def forms(checks: tuple[Check, ...]) -> list[dict[str, str]]:
    """The levels of each as they would stand in a header; none for a check with one verdict."""
    return [
        {key: str(form[key]) for key in ("warn", "error") if key in form} if isinstance(form, dict) else {}
        for form in map(written, checks)
    ]


def test_sodacl() -> None:
    found = made(SODACL, "checks/f.yml")
    assert forms(found) == [
        {"warn": "above 0 rows", "error": "above 5 rows"},
        {"warn": ">= 1", "error": "> 10"},
        {"warn": "< 10", "error": "< 1"},
        {"warn": "> 1", "error": "> 10"},
        {"warn": "above 3600 seconds", "error": "above 86400 seconds"},
        {}, {},
    ]  # fmt: skip


def test_dbt() -> None:
    found = made(DBT, "checks/f.yml")
    assert forms(found)[:2] == [
        {"warn": "above 0 rows", "error": "above 10 rows"},
        {"warn": "above 0 rows", "error": "above 4 rows"},
    ]
    # Values are counted by dbt where there may be some, and `between` is no number that may be.
    assert forms(found)[2:] == [{}] * 4
    assert [each.severity for each in found[2:]] == ["error", "warn"] * 2


@pytest.fixture(scope="module")
def db(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DuckDB]:
    folder: Path = tmp_path_factory.mktemp("levels")
    engine = DuckDB(folder=folder, scratch=folder)
    engine.execute("CREATE SCHEMA s")
    yield engine
    engine.close()


BOUNDS = st.sampled_from(["most: 0", "most: 1", "most: 3", "mostly: 0.9", "mostly: 0.7", "mostly: 0.55", "mostly: 0"])
NUMBERS = st.sampled_from(["avg > 0.5", "avg between 0 and 1", "null_share <= 0.25", "max < 2", "count >= 3"])


@settings(max_examples=60, deadline=None)
@given(st.lists(st.sampled_from([None, 0, 1, 2]), max_size=10), BOUNDS, BOUNDS, NUMBERS, NUMBERS)
def test_one_check_with_levels_has_the_worse_verdict_of_two(
    db: DuckDB, rows: list[int | None], error: str, warn: str, must: str, should: str
) -> None:
    db.execute("CREATE OR REPLACE TABLE s.r (x INTEGER)")
    if rows:
        db.connection.executemany("INSERT INTO s.r VALUES (?)", [(row,) for row in rows])

    def tolerant(bound: str, severity: str) -> Check:
        key, value = bound.split(": ")
        number = float(value) if key == "mostly" else int(value)
        long = {"check": "null", key: number, "severity": severity, "name": "n"}
        return read_check(long, column="x", file="f", line=1)

    def measured(short: str, severity: str) -> Check:
        return read_check({"check": short, "severity": severity, "name": "n"}, column="x", file="f", line=1)

    pairs = [(tolerant(error, "error"), tolerant(warn, "warn")), (measured(must, "error"), measured(should, "warn"))]
    for pair in pairs:
        one = with_levels(pair)
        same = pair[0].arguments.get("measure") == pair[1].arguments.get("measure")
        assert len(one) == (1 if same else 2)
        apart, together = (
            min((each.state for each in run_checks(db, "s.r", checks)), key=["failed", "warned", "passed"].index)
            for checks in (pair, one)
        )
        assert apart == together


def test_what_is_about_different_things_stays_two() -> None:
    pair = [
        read_check({"check": "not_null", "severity": each}, column="x", file="f", line=1) for each in ("error", "warn")
    ]
    for other in ({"where": "y"}, {"column": "y"}, {"kind": "null"}, {"sample": 5}, {"severity": "error"}):
        found = [pair[0], replace(pair[1], **other)]  # type: ignore[arg-type]
        assert with_levels(found) == found
    assert len(with_levels(pair)) == 1
    assert with_levels(pair[:1]) == pair[:1]
    columns = [
        read_check({"check": "type text", "severity": each}, column="x", file="f", line=1) for each in ("error", "warn")
    ]
    assert with_levels(columns) == columns
