"""``per``: a number is held against its bounds in every group, as if each group were a table of its own."""

from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wherry.engines.duckdb import DuckDB
from wherry.imports.writing import written
from wherry.model.asset import Check
from wherry.project.check_form import CheckFormError, read_check
from wherry.quoting import literal
from wherry.run.checking import bad_rows_sql, run_checks


@pytest.fixture(scope="module")
def db(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DuckDB]:
    folder: Path = tmp_path_factory.mktemp("groups")
    engine = DuckDB(folder=folder, scratch=folder)
    engine.execute("CREATE SCHEMA s")
    yield engine
    engine.close()


def fill(db: DuckDB, columns: str, rows: list[tuple[Any, ...]]) -> None:
    db.execute(f"CREATE OR REPLACE TABLE s.t ({columns})")
    if rows:
        db.connection.executemany(f"INSERT INTO s.t VALUES ({', '.join('?' * len(rows[0]))})", rows)


def read(short: str, column: str = "x", **long: Any) -> Check:
    return read_check({"check": short, **long} if long else short, column=column, file="f", line=1)


FORMS: list[tuple[str, str, dict[str, Any]]] = [
    ("rows between 1 and 2", "", {"of": "rows", "low": 1, "high": 2}),
    ("aggregate sum(x) > 1", "", {"of": "aggregate", "sql": "sum(x)", "operator": ">", "value": 1}),
    ("avg > 0.5", "x", {"of": "aggregate", "measure": "avg", "operator": ">", "value": 0.5}),
    ("null_share <= 5%", "x", {"of": "aggregate", "measure": "null_share", "operator": "<=", "value": 0.05}),
    ("median < 2", "x", {"of": "quantile", "quantile": 0.5, "operator": "<", "value": 2}),
    ("distinct_count = 1", "x", {"of": "distinct", "measure": "distinct_count", "operator": "=", "value": 1}),
]


@pytest.mark.parametrize(("short", "column", "arguments"), FORMS)
def test_forms(short: str, column: str, arguments: dict[str, Any]) -> None:
    for per in (["g"], ["g", "h"]):
        wanted = ("each_group", column, {**arguments, "per": per})
        check = read(f"{short} per {', '.join(per)}", column)
        assert (check.kind, check.column, check.arguments) == wanted
        long = read(short, column, per=per if len(per) > 1 else per[0], where="g > 0")
        assert long.text == check.text
        assert (long.kind, long.column, long.arguments) == wanted
        for each in (check, long):
            again = read_check(written(each), column=column, file="f", line=1)
            assert again == each


def test_words_that_are_no_groups() -> None:
    assert read("unit <> 'km per hour'", "").kind == "condition"
    assert read("aggregate max(unit) = 'km per hour'", "").kind == "aggregate"
    assert read("fresh within 1 day per country", "t").kind == "fresh_each"
    assert read("increasing by t per country").kind == "increasing"


@pytest.mark.parametrize(
    ("short", "column", "long", "message"),
    [
        ("avg", "x", {"per": "g"}, "needs a bound"),
        ("rows", "", {"per": "g"}, "needs"),
        ("not_null", "x", {"per": "g"}, "has no `per`"),
        ("quantile", "x", {"per": "g", "quantiles": [0.1], "bounds": [[1, 2]]}, "has no `quantiles`"),
        ("avg > 1", "x", {"per": {"a": 1}}, "must be a list of names"),
        ("avg > 1", "x", {"per": []}, "must be a list of names"),
        ("avg > 1", "x", {"per": "g", "warn": "< 5"}, "must be a number or a share"),
        ("each_group", "x", {"of": "fresh", "per": "g", "must": "> 1"}, "must be one of"),
        ("each_group", "", {"of": "quantile", "per": "g", "must": "> 1"}, "is a check of a column"),
        ("each_group", "x", {"of": "aggregate", "per": "g", "must": "> 1"}, "needs `measure:`"),
        ("avg > 1 per g", "x", {"quarantine": True}, "takes no `quarantine`"),
    ],
)
def test_what_cannot_be_read(short: str, column: str, long: dict[str, Any], message: str) -> None:
    with pytest.raises(CheckFormError, match=message):
        read(short, column, **long)


NUMBERS = st.one_of(st.none(), st.sampled_from([float("nan"), -1.0, 0.0, 0.5, 1.0, 2.0, 3.0]))
ROWS = st.lists(st.tuples(NUMBERS, st.sampled_from(["a", "b", None]), st.integers(1, 2)), max_size=12)
MEASURES = (
    *("min", "max", "sum", "avg", "stddev", "variance", "count", "null_count", "null_share", "not_null_share"),
    *("distinct_count", "distinct_share", "unique_count", "unique_share", "duplicate_count", "duplicate_share"),
    *("median", "quantile(0.9)", "rows", "aggregate sum(x * x)", "aggregate count(DISTINCT x)"),
)
BOUNDS = ("> 0.5", ">= 1", "< 1", "<= 0.5", "= 1", "!= 1", "between 0 and 1", "strictly between 0 and 2")


@settings(max_examples=150, deadline=None)
@given(ROWS, st.sampled_from(MEASURES), st.sampled_from(BOUNDS), st.sampled_from([["g"], ["g", "h"]]), st.booleans())
def test_each_group_is_judged_as_a_table_of_its_own(
    db: DuckDB, rows: list[tuple[Any, ...]], measure: str, bound: str, per: list[str], narrow: bool
) -> None:
    if measure in ("stddev", "variance"):  # DuckDB refuses those of NaN
        rows = [row for row in rows if row[0] is None or row[0] == row[0]]
    fill(db, "x DOUBLE, g VARCHAR, h INTEGER", rows)
    of_table = measure.startswith(("rows", "aggregate"))
    if measure == "rows":
        bound = bound.replace("0.5", "1")
    column, short = "" if of_table else "x", f"{measure} {bound}"
    if measure.startswith("aggregate") and bound.startswith("strictly"):
        short = f"{measure} between 0 and 2"
    where = "h = 1 OR g IS NULL" if narrow else "true"
    check = read(short, column, per=per, where=where)
    groups = db.execute(f"SELECT DISTINCT {', '.join(per)} FROM s.t WHERE {where}")
    broken = set()
    for group in groups:
        same = " AND ".join(
            f"{key} IS NOT DISTINCT FROM {literal(value)}" for key, value in zip(per, group, strict=True)
        )
        db.execute(f"CREATE OR REPLACE TABLE s.one AS FROM s.t WHERE ({where}) AND {same}")
        (alone,) = run_checks(db, "s.one", [read(short, column)])
        assert alone.error == ""
        if alone.state == "failed":
            broken.add(group)
    (verdict,) = run_checks(db, "s.t", [check])
    assert verdict.error == ""
    assert (verdict.failing, verdict.looked) == (len(broken), len(groups))
    assert verdict.state == ("failed" if broken else "passed")
    shown = db.execute(bad_rows_sql(check, "s.t"))
    assert {row[: len(per)] for row in shown} == broken
    assert len(verdict.observed or ()) == min(len(broken), 5)


def test_the_worst_are_named_and_no_more_than_five(db: DuckDB) -> None:
    fill(db, "x INTEGER, g VARCHAR", [(n, f"g{n:02}") for n in range(30)] + [(None, "none"), (None, None)])
    (verdict,) = run_checks(db, "s.t", [read("max between 3 and 20 per g")])
    assert verdict.failing == 14
    assert verdict.observed == [
        {"g": "none", "max": None},
        {"g": None, "max": None},
        {"g": "g29", "max": 29},
        {"g": "g28", "max": 28},
        {"g": "g27", "max": 27},
    ]
    assert verdict.why == (
        "max is not >= 3 and <= 20 in 14 of 32 groups: none (no value), null (no value), g29 (29), g28 (28), "
        "g27 (27) and others"
    )


@pytest.mark.parametrize(
    ("kind", "values", "short", "broken"),
    [
        ("DATE", [date(2026, 1, 1), date(2025, 1, 1)], "max >= 2025-06-01 per g", 1),
        ("DATE", [date(2026, 1, 1), date(2026, 1, 2)], "max >= '2026-01-01 00:00:01' per g", 1),
        ("TIMESTAMP", ["2026-01-01", "2026-01-01 00:00:02"], "max >= '2026-01-01 00:00:01' per g", 1),
        ("INTEGER", [2, 3], "max <= '2.5' per g", 1),
        ("VARCHAR", ["2.4", "3"], "max <= '2.5' per g", 1),
        ("DECIMAL(9,2)", [Decimal("0.10"), Decimal("0.11")], "sum <= 0.1 per g", 1),
        ("VARCHAR", ["b", "a"], "min >= b per g", 1),
        ("VARCHAR", ["long text", "a"], "max_length < 5 per g", 1),
        ("TIME", ["10:30", "18:45"], "max <= '18:00' per g", 1),
        ("BOOLEAN", [True, False], "count >= 1 per g", 0),
    ],
)
def test_values_of_other_types(db: DuckDB, kind: str, values: list[Any], short: str, broken: int) -> None:
    fill(db, f"x {kind}, g INTEGER", [(value, number) for number, value in enumerate(values)])
    (verdict,) = run_checks(db, "s.t", [read(short)])
    assert (verdict.error, verdict.failing) == ("", broken)


def test_some_groups_may_break_it(db: DuckDB) -> None:
    fill(db, "x INTEGER, g INTEGER", [(n, n) for n in range(20)])
    found = {
        tuple(long.items()): run_checks(db, "s.t", [read("max > 0 per g", **long)])[0].state
        for long in (
            {"mostly": 0.95}, {"mostly": 0.96}, {"most": 1}, {"warn": 1, "error": "10%"}, {"warn": 1, "error": "5%"},
        )
    }  # fmt: skip
    assert list(found.values()) == ["passed", "failed", "passed", "warned", "failed"]


def test_no_rows_no_groups(db: DuckDB) -> None:
    fill(db, "x INTEGER, g INTEGER", [])
    (verdict,) = run_checks(db, "s.t", [read("rows > 5 per g", "")])
    assert (verdict.state, verdict.failing, verdict.looked) == ("passed", 0, 0)


def test_columns_of_any_name(db: DuckDB) -> None:
    fill(db, '"a ""b" INTEGER, "k1" INTEGER, copies INTEGER', [(1, 1, 1), (2, 1, 1)])
    checks = [read("distinct_count = 1", 'a "b', per=["k1", "copies"]), read('rows = 1 per "k1"', "")]
    assert [(each.error, each.failing) for each in run_checks(db, "s.t", checks)] == [("", 1), ("", 1)]


def test_a_million_groups_in_bounded_memory(tmp_path: Path) -> None:
    engine = DuckDB(folder=tmp_path, scratch=tmp_path)
    engine.execute("SET memory_limit = '150MB'")
    engine.execute("CREATE SCHEMA s")
    engine.execute("CREATE TABLE s.t AS SELECT range // 2 AS g, range AS x FROM range(1_000_000)")
    (verdict,) = run_checks(engine, "s.t", [read("max < 999_990 per g".replace("_", ""))])
    assert (verdict.error, verdict.failing, verdict.looked) == ("", 5, 500_000)
    engine.close()
