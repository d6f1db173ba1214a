"""``wherry show NAME --profile`` tells what is there, in memory that does not grow with the rows."""

from collections import Counter
from collections.abc import Iterator
from datetime import UTC
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fixtures.commands import Wherry, wherry
from fixtures.projects import write
from wherry.engines.duckdb import DuckDB
from wherry.run.profile import SAMPLE, TRACKED, profile
from wherry.run.proposals import propose

__all__ = ["wherry"]

EVERY_TYPE = {
    "b": "BOOLEAN", "i1": "TINYINT", "i16": "HUGEINT", "u8": "UBIGINT", "f": "FLOAT", "d": "DECIMAL(12,2)",
    "t": "VARCHAR", "x": "BLOB", "day": "DATE", "at": "TIMESTAMP", "z": "TIMESTAMP WITH TIME ZONE", "clock": "TIME",
    "u": "UUID", "iv": "INTERVAL", "l": "INTEGER[]", "s": "STRUCT(a INTEGER)", "m": "MAP(VARCHAR, INTEGER)",
    "j": "JSON", "e": "ENUM('p', 'q')", 'quo"ted name': "INTEGER",
}  # fmt: skip


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DuckDB]:
    folder = tmp_path_factory.mktemp("profile")
    made = DuckDB(folder=folder, scratch=folder / "scratch")
    made.execute("CREATE TABLE small (n INTEGER, t VARCHAR)")
    yield made
    made.close()


def of(engine: DuckDB, relation: str) -> Any:
    return profile(engine, relation, engine.schema(f"SELECT * FROM {relation}"))


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.none() | st.integers(-5, 5), st.none() | st.text("ab", max_size=3)), max_size=30))
def test_a_small_table_is_counted_exactly(engine: DuckDB, rows: list[tuple[Any, Any]]) -> None:
    engine.execute("DELETE FROM small")
    for row in rows:
        engine.connection.execute("INSERT INTO small VALUES (?, ?)", row)
    found = of(engine, "small")
    assert found.rows == len(rows)
    for column, index in zip(found.columns, (0, 1), strict=True):
        values = [row[index] for row in rows if row[index] is not None]
        assert column.nulls == len(rows) - len(values)
        assert (column.distinct, column.distinct_exact) == (len(set(values)), True)
        assert (column.min, column.max) == ((min(values), max(values)) if values else (None, None))
        assert dict(column.top).items() <= Counter(values).items()
        assert set(column.values) == set(values)
    numbers, texts = found.columns
    assert sum(count for _, _, count in numbers.histogram) == len(rows) - numbers.nulls
    given_texts = [row[1] for row in rows if row[1] is not None]
    if given_texts:
        lengths = [len(text) for text in given_texts]
        assert texts.lengths == (min(lengths), max(lengths), pytest.approx(sum(lengths) / len(lengths)))
    else:
        assert texts.lengths is None


def test_every_type_and_no_rows(engine: DuckDB) -> None:
    columns = ", ".join(f'''"{name.replace('"', '""')}" {kind}''' for name, kind in EVERY_TYPE.items())
    engine.execute(f"CREATE TABLE wide ({columns})")
    found = of(engine, "wide")
    assert (found.rows, len(found.columns)) == (0, len(EVERY_TYPE))
    assert all(column.nulls == 0 and column.distinct == 0 for column in found.columns)
    engine.execute("INSERT INTO wide (i1) VALUES (1)")
    assert [column.nulls for column in of(engine, "wide").columns] == [0 if n == "i1" else 1 for n in EVERY_TYPE]


@pytest.mark.parametrize("width", [1, 500])
@pytest.mark.parametrize("rows", [0, 1, 30])
def test_one_column_and_five_hundred(engine: DuckDB, width: int, rows: int) -> None:
    columns = ", ".join(f"range + {number} AS c{number}" for number in range(width))
    engine.execute(f"CREATE OR REPLACE SCHEMA s{width}_{rows}")
    table = f"s{width}_{rows}.t"
    engine.execute(f"CREATE TABLE {table} AS SELECT {columns} FROM range({rows})")
    found = of(engine, table)
    assert (found.rows, len(found.columns)) == (rows, width)
    assert all((column.nulls, column.distinct) == (0, rows) for column in found.columns)
    proposals = propose(engine, table, found)
    assert {each.check.kind for each in proposals} == {0: set(), 1: {"rows", "not_null", "compare"}}.get(
        rows, {"rows", "not_null", "unique"}
    )
    assert len({each.check.column for each in proposals if each.check.column}) == (width if rows else 0)


def test_infinity_and_nan_do_not_spoil_the_rest(engine: DuckDB) -> None:
    engine.execute("CREATE TABLE odd AS SELECT unnest(['nan', 'inf', '-inf', '1', '3']::DOUBLE[]) AS x")
    (column,) = of(engine, "odd").columns
    assert (column.mean, column.nulls, column.distinct) == (2.0, 0, 5)
    assert sum(count for _, _, count in column.histogram) == 2
    (column,) = of(
        engine, "(SELECT CASE WHEN i % 3 = 0 THEN 'nan'::DOUBLE ELSE i % 3 END AS x FROM range(30) AS r(i))"
    ).columns
    assert column.distinct == 3 and sorted(count for _, count in column.top) == [10, 10, 10]


def test_moments_with_a_zone(engine: DuckDB) -> None:
    moments = "TIMESTAMPTZ '2026-01-01 01:00:00+02' + INTERVAL 1 DAY * i"
    (column,) = of(engine, f"(SELECT {moments} AS x FROM range(3) AS r(i))").columns
    assert [each.astimezone(UTC).isoformat() for each in (column.min, column.max)] == [
        "2025-12-31T23:00:00+00:00",
        "2026-01-02T23:00:00+00:00",
    ]
    assert column.distinct == 3 and len(column.quantiles) == 5 and len(column.top) == 3


@pytest.mark.parametrize(
    ("kind", "values", "mean", "stddev"),
    [
        ("DECIMAL(38,0)", ["9" * 38] * 30, 1e38, 0.0),
        ("HUGEINT", [str(2**127 - 1)] * 30, 2.0**127, 0.0),
        ("UHUGEINT", [str(2**128 - 1)] * 3, 2.0**128, 0.0),
        ("DOUBLE", ["1e308", "-1e308", "1e300"], 1e300 / 3, 1e308),
        ("DOUBLE", ["1e-200", "3e-200"], 2e-200, 0.0),
    ],
)
def test_numbers_whose_sums_or_squares_are_too_large(
    engine: DuckDB, kind: str, values: list[str], mean: float, stddev: float
) -> None:
    rows = ", ".join(f"('{value}'::{kind}, 1)" for value in values)
    found, beside = of(engine, f"(SELECT * FROM (VALUES {rows}) AS v(n, other))").columns
    assert found.mean == pytest.approx(mean) and found.stddev == pytest.approx(stddev, rel=1e-6, abs=1e-100)
    assert (beside.mean, beside.stddev) == (1, 0)


def test_a_large_table_is_estimated_within_bounds(engine: DuckDB) -> None:
    engine.execute(
        "CREATE TABLE large AS SELECT i AS id, (i % 7)::INTEGER AS few, 'v' || (i % 1000) AS many, "
        "repeat('x', 500) AS long FROM range(50000) t(i)"
    )
    found = of(engine, "large")
    by_name = {column.name: column for column in found.columns}
    assert by_name["id"].distinct == pytest.approx(50_000, rel=0.2) and not by_name["id"].distinct_exact
    assert (by_name["few"].distinct, by_name["few"].distinct_exact) == (7, True)
    assert by_name["many"].distinct == pytest.approx(1000, rel=0.2)
    assert len(by_name["many"].sample) == SAMPLE and by_name["many"].values == ()
    assert all(count == pytest.approx(50_000 / 7, rel=0.2) for _, count in by_name["few"].top)
    assert dict(by_name["id"].quantiles)[0.5] == pytest.approx(25_000, rel=0.05)
    assert sum(count for _, _, count in by_name["id"].histogram) == pytest.approx(50_000, rel=0.01)
    assert max(len(value) for value in by_name["long"].sample) < 300
    assert len(by_name["few"].values) < TRACKED


def test_show_profile(wherry: Wherry, tmp_path: Path) -> None:
    sql = "SELECT i AS id, i % 3 AS kind, CASE WHEN i > 4 THEN 'it''s' END AS word FROM range(10) t(i)\n"
    folder = write(tmp_path, {"tables/a/one.sql": sql})
    assert wherry("run", "--project", folder).code == 0
    answer = wherry("show", "a.one", "--profile", "--project", folder, "--json").json
    assert answer["rows"] == 10
    columns = {column["name"]: column for column in answer["columns"]}
    assert (columns["word"]["nulls"], columns["word"]["top"]) == (5, [{"value": "it's", "rows": 5}])
    assert columns["word"]["lengths"] == {"min": 4, "max": 4, "mean": 4.0}
    assert columns["kind"]["quantiles"]["0.5"] == 1
    told = wherry("show", "a.one", "--profile", "--project", folder).out
    assert "50.0% null, 1 different" in told and "most common: it's (5)" in told
    assert wherry("show", "--profile", "--project", folder).code == 2
