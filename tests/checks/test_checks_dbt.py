"""dbt's four generic tests, held against their literal meaning on random data: nulls, duplicates, empty tables."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from wherry.engines.duckdb import DuckDB
from wherry.model.asset import Check
from wherry.model.run import CheckResult
from wherry.project.check_form import read_check
from wherry.run.checking import run_checks

MANY = settings(
    max_examples=120, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
NUMBERS = st.none() | st.integers(-2, 3)
TEXTS = st.none() | st.sampled_from(["", "a", "A", " a", "null", "é", "o'k", "1"])
#: A DuckDB type, and rows of two columns of it.
ROWS = st.one_of(
    st.tuples(st.just("INTEGER"), st.lists(st.tuples(NUMBERS, NUMBERS), max_size=9)),
    st.tuples(st.just("VARCHAR"), st.lists(st.tuples(TEXTS, TEXTS), max_size=9)),
)


@pytest.fixture(scope="module")
def db(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DuckDB]:
    folder: Path = tmp_path_factory.mktemp("dbt")
    engine = DuckDB(folder=folder, scratch=folder)
    engine.execute("CREATE SCHEMA s")
    yield engine
    engine.close()


def fill(db: DuckDB, kind: str, rows: list[Any], table: str = "s.t") -> None:
    db.execute(f"CREATE OR REPLACE TABLE {table} (x {kind}, y {kind})")
    if rows:
        db.connection.executemany(f"INSERT INTO {table} VALUES (?, ?)", rows)


def judge(db: DuckDB, written: Any) -> CheckResult:
    check: Check = read_check(written, column="x", file="t.sql", line=1)
    (verdict,) = run_checks(db, "s.t", [check])
    assert verdict.error == ""
    return verdict


def literally(db: DuckDB, failures: str) -> bool:
    """Whether a dbt test passes: its query of failures returns none."""
    return not db.execute(failures)


@given(made=ROWS, narrowed=st.booleans())
@MANY
def test_not_null(db: DuckDB, made: tuple[str, list[Any]], narrowed: bool) -> None:
    kind, rows = made
    fill(db, kind, rows)
    where = "y IS NOT NULL" if narrowed else ""
    verdict = judge(db, {"check": "not_null", "where": where})
    failures = [row for row in rows if row[0] is None and (row[1] is not None or not narrowed)]
    assert (verdict.state == "passed", verdict.failing) == (not failures, len(failures))
    assert literally(db, f"SELECT x FROM s.t WHERE x IS NULL AND {where or 'true'}") == (verdict.state == "passed")


@given(made=ROWS, narrowed=st.booleans())
@MANY
def test_unique(db: DuckDB, made: tuple[str, list[Any]], narrowed: bool) -> None:
    kind, rows = made
    fill(db, kind, rows)
    where = "y IS NOT NULL" if narrowed else ""
    verdict = judge(db, {"check": "unique", "where": where})
    counts = Counter(x for x, y in rows if x is not None and (y is not None or not narrowed))
    twice = {value: count for value, count in counts.items() if count > 1}
    assert (verdict.state == "passed", verdict.failing) == (not twice, sum(twice.values()))
    failures = f"SELECT x FROM s.t WHERE x IS NOT NULL AND {where or 'true'} GROUP BY x HAVING count(*) > 1"
    assert literally(db, failures) == (verdict.state == "passed")


@given(made=ROWS, data=st.data())
@MANY
def test_accepted_values(db: DuckDB, made: tuple[str, list[Any]], data: st.DataObject) -> None:
    kind, rows = made
    fill(db, kind, rows)
    known = st.integers(-2, 3) if kind == "INTEGER" else st.sampled_from(["", "a", "A", "null", "o'k", "1"])
    accepted = data.draw(st.lists(known, min_size=1, max_size=4))
    verdict = judge(db, {"check": "in", "values": accepted})
    failures = [x for x, _ in rows if x is not None and x not in accepted]
    assert (verdict.state == "passed", verdict.failing) == (not failures, len(failures))
    quoted = ", ".join("'" + str(value).replace("'", "''") + "'" for value in accepted)  # as dbt does, numbers too
    grouped = f"WITH v AS (SELECT x, count(*) AS n FROM s.t GROUP BY x) SELECT * FROM v WHERE x NOT IN ({quoted})"
    assert literally(db, grouped) == (verdict.state == "passed")


@given(made=ROWS, data=st.data())
@MANY
def test_relationships(db: DuckDB, made: tuple[str, list[Any]], data: st.DataObject) -> None:
    kind, rows = made
    fill(db, kind, rows)
    value = NUMBERS if kind == "INTEGER" else TEXTS
    parents = data.draw(st.lists(st.tuples(value, value), max_size=5))
    fill(db, kind, parents, table="s.parent")
    verdict = judge(db, "refers to s.parent.y")
    there = {y for _, y in parents if y is not None}
    failures = [x for x, _ in rows if x is not None and x not in there]
    assert (verdict.state == "passed", verdict.failing) == (not failures, len(failures))
    joined = (
        "SELECT child.x FROM (SELECT x FROM s.t WHERE x IS NOT NULL) AS child "
        "LEFT JOIN (SELECT y FROM s.parent) AS parent ON child.x = parent.y WHERE parent.y IS NULL"
    )
    assert literally(db, joined) == (verdict.state == "passed")
