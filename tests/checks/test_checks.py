"""What each check means, on nulls, on nothing, on text, numbers and dates."""

from collections import Counter
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from wherry.checks import KINDS
from wherry.engines.duckdb import DuckDB
from wherry.model.asset import Check
from wherry.model.run import CheckResult
from wherry.project.check_form import read_check
from wherry.run.checking import bad_rows_sql, run_checks

MANY = settings(
    max_examples=80, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
#: Few values, so that they meet; text that SQL or a pattern could stumble over.
WORDS = st.sampled_from(["a", "A", "", " ", "é", "NULL", "o'clock", 'say "x"', "a%", "[b]"])
TEXTS = st.none() | WORDS
NUMBERS = st.none() | st.integers(-2, 2)


@pytest.fixture(scope="module")
def db(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DuckDB]:
    folder: Path = tmp_path_factory.mktemp("checks")
    engine = DuckDB(folder=folder, scratch=folder)
    engine.execute("CREATE SCHEMA s")
    yield engine
    engine.close()


def fill(db: DuckDB, columns: str, rows: list[tuple[Any, ...]], table: str = "s.t") -> None:
    db.execute(f"CREATE OR REPLACE TABLE {table} ({columns})")
    if rows:
        db.connection.executemany(f"INSERT INTO {table} VALUES ({', '.join('?' * len(rows[0]))})", rows)


def check(short: str, column: str = "x", **long: Any) -> Check:
    written = {"check": short, **long} if long else short
    return read_check(written, column=column, file="t.sql", line=1)


def judge(db: DuckDB, *checks: Check) -> tuple[CheckResult, ...]:
    return run_checks(db, "s.t", checks)


def bad(db: DuckDB, short: str, column: str = "x", **long: Any) -> list[tuple[Any, ...]]:
    """The rows that break a check; also expects that as many are counted."""
    one = check(short, column, **long)
    rows = db.execute(f"SELECT * FROM ({bad_rows_sql(one, 's.t')}) ORDER BY ALL")
    (verdict,) = judge(db, one)
    assert (verdict.error, verdict.failing) == ("", len(rows))
    return rows


@pytest.mark.parametrize(
    ("kind", "values", "short", "breaking"),
    [
        ("INTEGER", [1, None, -1], "not_null", [None]),
        ("INTEGER", [1, None, 0, -1], ">= 0", [-1]),
        ("INTEGER", [1, None, 2], "= 1", [2]),
        ("INTEGER", [1, None, 2], "!= 1", [1]),
        ("INTEGER", [1, None, 2], "<> 1", [1]),
        ("DOUBLE", [0.5, None, float("nan"), 2.0], "<= 1", [2.0, "nan"]),
        ("INTEGER", [0, 1, 2, None], "between 0 and 1", [2]),
        ("INTEGER", [0, 1, 2, None], "in [0, 1]", [2]),
        ("DOUBLE", [0.5, 1.0, None], "in [0.5, 2]", [1.0]),
        ("BOOLEAN", [True, False, None], "in [true]", [False]),
        ("VARCHAR", ["a", "b'c", "B", None, ""], 'in [a, "b\'c"]', ["", "B"]),
        ("VARCHAR", ["1", "x", None], "in ['1', x]", []),
        ("VARCHAR", ["no", "yes", "maybe", None], "in ['no', 'yes']", ["maybe"]),
        ("VARCHAR", ["AB", "ab", "ABC", "", None], 'matches "^[A-Z]{2}$"', ["", "ABC", "ab"]),
        ("VARCHAR", ["it's", "x", None], "matches it's", ["x"]),
        ("INTEGER", [10, 7, None], "matches ^1", [7]),
        ("DATE", [date(2026, 1, 1), date(2025, 12, 31), None], ">= 2026-01-01", [date(2025, 12, 31)]),
        ("DATE", [date(2026, 1, 1), date(2026, 2, 1), None], "between 2026-01-01 and 2026-01-31", [date(2026, 2, 1)]),
        ("DATE", [date(2026, 1, 1), date(2026, 1, 2), None], "in [2026-01-01]", [date(2026, 1, 2)]),
        ("DATE", [date(2026, 1, 1), date(2025, 1, 2), None], "matches ^2026-", [date(2025, 1, 2)]),
        ("VARCHAR", ["b", "a", None], ">= 'b'", ["a"]),
    ],
)
def test_a_check_of_a_column(db: DuckDB, kind: str, values: list[Any], short: str, breaking: list[Any]) -> None:
    fill(db, f"x {kind}", [(value,) for value in values])
    assert [str(x) for (x,) in bad(db, short)] == [str(x) for x in breaking]
    assert judge(db, check(short))[0].state == ("failed" if breaking else "passed")
    fill(db, f"x {kind}", [])
    assert bad(db, short) == []
    fill(db, f"x {kind}", [(None,), (None,)])
    assert len(bad(db, short)) == (2 if short == "not_null" else 0)


@pytest.mark.parametrize(
    ("short", "rows", "passes"),
    [
        ("rows > 0", 0, False),
        ("rows > 0", 1, True),
        ("rows = 0", 0, True),
        ("rows != 0", 0, False),
        ("rows <= 2", 3, False),
        ("a < b", 3, True),
        ("a > b", 1, False),
        ("a > b", 0, True),
        ("a IS NULL", 0, True),
        ("a + NULL > 1", 3, True),
    ],
)
def test_a_check_of_a_table(db: DuckDB, short: str, rows: int, passes: bool) -> None:
    fill(db, "a INTEGER, b INTEGER", [(n, n + 1) for n in range(rows)])
    (verdict,) = judge(db, check(short, ""))
    assert (verdict.state, verdict.error) == ("passed" if passes else "failed", "")


def test_every_kind_is_tried_here() -> None:
    assert set(KINDS) >= {"not_null", "unique", "compare", "between", "in", "matches", "refers", "rows", "condition"}


@given(rows=st.lists(st.tuples(TEXTS, NUMBERS), max_size=8))
@MANY
def test_not_null_means_that_no_row_is_null(db: DuckDB, rows: list[tuple[Any, ...]]) -> None:
    fill(db, "x VARCHAR, y INTEGER", rows)
    assert Counter(bad(db, "not_null")) == Counter(row for row in rows if row[0] is None)
    narrowed = bad(db, "not_null", where="y > 0")
    assert Counter(narrowed) == Counter(row for row in rows if row[0] is None and row[1] is not None and row[1] > 0)


@given(rows=st.lists(st.tuples(TEXTS, NUMBERS), max_size=8))
@MANY
def test_unique_means_that_no_two_rows_share_a_key(db: DuckDB, rows: list[tuple[Any, ...]]) -> None:
    fill(db, "x VARCHAR, y INTEGER", rows)
    ones = Counter(x for x, _ in rows if x is not None)
    assert Counter(bad(db, "unique")) == Counter(row for row in rows if ones[row[0]] > 1)
    pairs = Counter(row for row in rows if None not in row)
    assert Counter(bad(db, "unique [x, y]", "")) == Counter(row for row in rows if pairs[row] > 1)
    positive = [row for row in rows if row[1] is not None and row[1] > 0]
    ones = Counter(x for x, _ in positive if x is not None)
    assert Counter(bad(db, "unique", where="y > 0")) == Counter(row for row in positive if ones[row[0]] > 1)


@given(rows=st.lists(st.tuples(TEXTS), max_size=8), allowed=st.lists(WORDS, min_size=1, max_size=5))
@MANY
def test_in_means_that_every_value_is_one_of_those(db: DuckDB, rows: list[tuple[Any, ...]], allowed: list[Any]) -> None:
    fill(db, "x VARCHAR", rows)
    one = Check(kind="in", column="x", arguments={"values": allowed}, text="in")
    found = db.execute(bad_rows_sql(one, "s.t"))
    assert Counter(found) == Counter(row for row in rows if row[0] is not None and row[0] not in allowed)
    assert judge(db, one)[0].failing == len(found)


@given(
    rows=st.lists(st.tuples(TEXTS, NUMBERS), max_size=8),
    there=st.lists(st.tuples(TEXTS), max_size=6),
)
@MANY
def test_refers_means_that_every_value_is_there(
    db: DuckDB, rows: list[tuple[Any, ...]], there: list[tuple[Any, ...]]
) -> None:
    fill(db, "x VARCHAR, y INTEGER", rows)
    fill(db, "Id VARCHAR", there, table="s.there")
    known = {value for (value,) in there}
    expected = [row for row in rows if row[0] is not None and row[0] not in known]
    assert Counter(bad(db, "refers to s.there.id")) == Counter(expected)
    assert Counter(bad(db, "refers to s.there.id", where="y = 1")) == Counter(r for r in expected if r[1] == 1)


@given(rows=st.lists(NUMBERS, max_size=12), mostly=st.sampled_from([0, 0.1, 0.25, 0.5, 0.9, 1]))
@MANY
def test_mostly_means_a_share_of_the_rows_looked_at(db: DuckDB, rows: list[int | None], mostly: float) -> None:
    fill(db, "x INTEGER", [(row,) for row in rows])
    broken = {
        "not_null": sum(x is None for x in rows),
        "unique": sum(c for x, c in Counter(rows).items() if c > 1 and x is not None),
    }
    for short, failing in broken.items():
        (verdict,) = judge(db, check(short, mostly=mostly))
        # 100 times, so that the shares are whole numbers.
        passes = (len(rows) - failing) * 100 >= round(mostly * 100) * len(rows)
        assert (verdict.failing, verdict.state) == (failing, "passed" if passes else "failed")


def test_names_and_values_may_be_anything(db: DuckDB) -> None:
    odd = 'a "b" c'
    fill(db, '"a ""b"" c" VARCHAR, "select" INTEGER', [("x", 1), ("x", 1), (None, 3)])
    made = judge(
        db,
        check("not_null", odd),
        check("unique", odd),
        check("in ['x']", odd),
        check("> 0", "select"),
        check('unique ["select"]', ""),
    )
    assert [(verdict.state, verdict.failing) for verdict in made] == [
        ("failed", 1),
        ("failed", 2),
        ("passed", 0),
        ("passed", 0),
        ("failed", 2),
    ]
    assert made[0].column == odd


def test_an_error_fails_its_own_check_alone(db: DuckDB) -> None:
    fill(db, "x VARCHAR", [("7",), ("seven",)])
    made = judge(
        db,
        check("not_null"),
        check("x::INTEGER > 0", ""),
        check("in [1]"),
        check("refers to s.nowhere.id"),
        check("unique"),
        check("x::INTEGER > 0", "", severity="warn"),
    )
    assert [verdict.state for verdict in made] == ["passed", "failed", "failed", "failed", "passed", "failed"]
    assert [bool(verdict.error) for verdict in made] == [False, True, True, True, False, True]
    assert "Could not convert string 'seven'" in made[1].error and "\n" not in made[1].error


def test_no_checks_no_verdicts(db: DuckDB) -> None:
    fill(db, "x INTEGER", [])
    assert judge(db) == ()
