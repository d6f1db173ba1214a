"""Several levels on one check: one look, and the worst level reached is its verdict."""

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wherry.engines.duckdb import DuckDB
from wherry.imports.writing import written
from wherry.model.asset import Check
from wherry.model.levels import written as level
from wherry.project.check_form import CheckFormError, read_check
from wherry.run.check_plan import Item, plan_checks
from wherry.run.checking import run_checks


@pytest.fixture(scope="module")
def db(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DuckDB]:
    folder: Path = tmp_path_factory.mktemp("levels")
    engine = DuckDB(folder=folder, scratch=folder)
    engine.execute("CREATE SCHEMA s")
    engine.execute("CREATE TABLE s.t AS SELECT range AS k, 1000 - range AS x FROM range(1000)")
    engine.execute("CREATE TABLE s.few AS FROM s.t WHERE k < 500")
    yield engine
    engine.close()


def read(short: str, column: str = "x", **long: Any) -> Check:
    return read_check({"check": short, **long}, column=column, file="f", line=1)


def state(db: DuckDB, short: str, column: str = "x", **long: Any) -> str:
    (verdict,) = run_checks(db, "s.t", [read(short, column, **long)])
    assert verdict.error == ""
    return verdict.state


@pytest.mark.parametrize(
    ("bad", "expected"), [(0, "passed"), (1, "warned"), (49, "warned"), (50, "failed"), (1000, "failed")]
)
@pytest.mark.parametrize(
    "levels",
    [
        {"warn": "from 1 row", "error": "5%"},
        {"warn": 1, "error": 50},
        {"warn": "1 bad row", "error": 0.05},
        {"warn": "> 0", "error": ">= 50 rows"},
        {"warn": "above 0%", "error": "above 49 rows"},
        {"warn": "0.1 %", "error": "from 5 %"},
    ],
)
def test_the_worst_level_reached_is_the_verdict(db: DuckDB, levels: dict[str, Any], bad: int, expected: str) -> None:
    assert state(db, f"> {bad}", **levels) == expected


def test_one_level_alone(db: DuckDB) -> None:
    assert [state(db, f"> {bad}", error="above 10 rows") for bad in (0, 10, 11)] == ["passed", "passed", "failed"]
    assert [state(db, f"> {bad}", warn="above 1%") for bad in (0, 10, 11, 1000)] == [
        "passed", "passed", "warned", "warned",
    ]  # fmt: skip


@pytest.mark.parametrize("short", ["unique", "refers to s.few.k", "increasing by x"])
def test_kinds_of_every_face_that_counts_rows(db: DuckDB, short: str) -> None:
    column = {"unique": "half", "refers to s.few.k": "x", "increasing by x": "k"}[short]
    table = "(SELECT *, x // 2 AS half FROM s.t)"
    (count,) = db.execute(
        {
            "unique": f"SELECT sum(n) FROM (SELECT count(*) AS n FROM {table} GROUP BY half HAVING n > 1)",
            "refers to s.few.k": "SELECT count(*) FROM s.t WHERE x NOT IN (SELECT k FROM s.few)",
            "increasing by x": "SELECT 999",
        }[short]
    )[0]
    db.execute(f"CREATE OR REPLACE VIEW s.v AS FROM {table}")
    for error, expected in ((f"from {count} rows", "failed"), (f"above {count} rows", "warned")):
        check = read(short, column, warn=1, error=error)
        (verdict,) = run_checks(db, "s.v", [check])
        assert (verdict.state, verdict.failing, verdict.error) == (expected, count, "")
    (verdict,) = run_checks(db, "s.v", [read(short, column, warn=f"from {count / 10}%", error="above 99.99%")])
    assert verdict.state == "warned"
    assert verdict.looked == 1000


@pytest.mark.parametrize(
    ("short", "long", "expected"),
    [
        ("rows", {"warn": "< 2000", "error": "< 1000"}, "warned"),
        ("rows", {"warn": "< 2000", "error": "<= 1000"}, "failed"),
        ("rows > 0", {"warn": "< 1000"}, "passed"),
        ("rows > 0", {"warn": "= 1000"}, "warned"),
        ("rows > 1000", {"warn": "= 1000"}, "failed"),
        ("avg", {"warn": "not between 0 and 500", "error": "> 501"}, "warned"),
        ("avg", {"error": "not strictly between 0 and 500.5"}, "failed"),
        ("max <= 1000", {"warn": "not strictly between 0 and 1000"}, "warned"),
        ("median", {"warn": "> 500", "error": "> 501"}, "warned"),
        ("quantile(0.5)", {"error": "> 500"}, "failed"),
        ("distinct_count", {"warn": "!= 999", "error": "< 5"}, "warned"),
        ("null_share", {"warn": "> 0", "error": "> 5%"}, "passed"),
        ("aggregate sum(x) > 3", {"warn": "> 5"}, "warned"),
        ("aggregate sum(x)", {"warn": "> 5", "error": "> 1000000"}, "warned"),
        ("ks against s.t.k", {"warn": "> 0.0001", "error": "> 0.5"}, "warned"),
    ],
)
def test_numbers(db: DuckDB, short: str, long: dict[str, Any], expected: str) -> None:
    column = "" if short.startswith(("rows", "aggregate")) else "x"
    check = read(short, column, **long)
    (verdict,) = run_checks(db, "s.t", [check])
    assert verdict.error == ""
    assert verdict.state == expected
    assert (verdict.why == "") == (expected == "passed")


def test_no_value_is_the_worst_level(db: DuckDB) -> None:
    assert state(db, "avg", where="false", warn="< 0", error="> 5") == "failed"
    assert state(db, "avg", where="false", warn="< 0") == "warned"


def test_fresh(db: DuckDB) -> None:
    from datetime import datetime

    db.execute("CREATE OR REPLACE TABLE s.times AS SELECT TIMESTAMP '2026-01-01 00:00' AS at")
    check = read("fresh", "at", warn="above 2 hours", error="1 day")
    found = []
    for day, hour in ((1, 2), (1, 3), (2, 0), (2, 1)):
        (verdict,) = run_checks(db, "s.times", [check], now=datetime(2026, 1, day, hour))
        found.append(verdict.state)
    assert found == ["passed", "warned", "warned", "failed"]
    (verdict,) = run_checks(db, "s.times", [read("fresh within 1 day", "at", warn="2 hours")], now=datetime(2026, 1, 3))
    assert verdict.state == "failed"


def test_change(db: DuckDB) -> None:
    db.execute("CREATE OR REPLACE TABLE s.before AS FROM s.t LIMIT 800")
    check = read("rows change", "", warn="not between -10% and 10%", error="> 25%")
    (verdict,) = run_checks(db, "s.t", [check], before="s.before")
    assert (verdict.state, verdict.observed) == ("warned", 25)
    check = read("rows change", "", warn="> 10%", error=">= 25%")
    assert run_checks(db, "s.t", [check], before="s.before")[0].state == "failed"


@pytest.mark.parametrize(
    ("short", "long", "state"),
    [
        ("rows change between -50% and 50%", {"warn": "> 100"}, "warned"),
        ("rows change between -50% and 50%", {"warn": "> 100%"}, "passed"),
        ("rows change between -500 and 500", {"warn": "> 20%"}, "warned"),
        ("rows change between -20% and 20%", {"warn": "> 300"}, "failed"),
        ("rows change", {"percent": True, "high": 50, "warn": "> 100"}, "passed"),
        ("rows change", {"percent": True, "high": 50, "warn": "> 10"}, "warned"),
    ],
)
def test_each_level_of_a_change_is_in_percent_or_not(db: DuckDB, short: str, long: dict[str, Any], state: str) -> None:
    db.execute("CREATE OR REPLACE TABLE s.before AS FROM s.t LIMIT 800")
    (verdict,) = run_checks(db, "s.t", [read(short, "", **long)], before="s.before")
    assert (verdict.state, verdict.error) == (state, "")


def test_one_scan_for_all_levels() -> None:
    from wherry.checks import find

    checks = [read("> 0", warn=1, error="5%"), read("avg", warn="< 5", error="< 3"), read("not_null")]
    items = [Item(index=n, check=check, kind=find(check.kind)) for n, check in enumerate(checks)]
    (job,) = plan_checks(items, "s.t")
    assert job.sql.count("SELECT") == 1
    assert job.sql.count("avg(") == 1


THRESHOLDS = st.one_of(
    st.integers(0, 8).map(lambda n: (f"above {n} rows", lambda bad, rows: bad > n)),
    st.integers(1, 8).map(lambda n: (f"from {n} rows", lambda bad, rows: bad >= n)),
    st.integers(0, 100).map(lambda n: (f"above {n}%", lambda bad, rows: bad and bad > Fraction(n, 100) * rows)),
    st.integers(1, 100).map(lambda n: (f"{n}%", lambda bad, rows: bad and bad >= Fraction(n, 100) * rows)),
)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.sampled_from([None, 0, 1, 2]), max_size=12), THRESHOLDS, THRESHOLDS, st.booleans())
def test_levels_mean_the_number_or_share_of_bad_rows(
    db: DuckDB, rows: list[int | None], warn: Any, error: Any, narrow: bool
) -> None:
    db.execute("CREATE OR REPLACE TABLE s.r (x INTEGER)")
    if rows:
        db.connection.executemany("INSERT INTO s.r VALUES (?)", [(row,) for row in rows])
    looked = [row for row in rows if row is not None and row < 2] if narrow else rows
    bad = sum(row is None or row > 0 for row in looked)
    where = {"where": "x < 2"} if narrow else {}
    for short, column in (("x IS NOT NULL AND x <= 0", ""), ("null", "x")):
        bad = sum(row is None or row > 0 for row in looked) if not column else sum(row is not None for row in looked)
        try:
            check = read(short, column, warn=warn[0], error=error[0], **where)
        except CheckFormError as refused:
            assert "never be told" in str(refused)
            return
        (verdict,) = run_checks(db, "s.r", [check])
        expected = "failed" if error[1](bad, len(looked)) else "warned" if warn[1](bad, len(looked)) else "passed"
        assert (verdict.state, verdict.failing) == (expected, bad)


@pytest.mark.parametrize(
    ("short", "column", "long", "message"),
    [
        ("not_null", "x", {"warn": "often"}, "must be a number or a share of bad rows"),
        ("not_null", "x", {"warn": "0 rows"}, "reached without a bad row"),
        ("not_null", "x", {"error": "0%"}, "reached without a bad row"),
        ("not_null", "x", {"error": "101%"}, "from 0% to 100%"),
        ("not_null", "x", {"error": -1}, "must be a number or a share"),
        ("not_null", "x", {"error": True}, "must be a number or a share"),
        ("not_null", "x", {"error": "5%", "warn": "5%"}, "would never be told"),
        ("not_null", "x", {"error": "from 2 rows", "warn": "above 1 row"}, "would never be told"),
        ("not_null", "x", {"warn": 1, "severity": "warn"}, "`severity` does not go with that"),
        ("not_null", "x", {"warn": 1, "error": 2, "mostly": 0.5}, "`warn`"),
        ("not_null", "x", {"warn": 1, "most": 5}, "`most` does not go with that"),
        ("avg", "x", {"warn": "5 rows"}, "must say what is bad"),
        ("avg", "x", {"warn": "between 1 and 5"}, "must say what is bad"),
        ("avg > 5", "x", {"error": "< 3"}, "says twice"),
        ("avg", "x", {}, "needs a bound"),
        ("averge", "x", {"warn": "< 5"}, "is no check of a column"),
        ("rows", "", {"warn": "< many"}, "is no number"),
        ("fresh", "x", {"warn": "soon"}, "is no length of time"),
        ("type integer", "x", {"warn": "1 row"}, "takes neither `warn` nor `error`"),
        ("values cover [1]", "x", {"error": "1 row"}, "takes neither `warn` nor `error`"),
    ],
)
def test_what_cannot_be_read(short: str, column: str, long: dict[str, Any], message: str) -> None:
    with pytest.raises(CheckFormError, match=message):
        read(short, column, **long)


@pytest.mark.parametrize(
    ("short", "column", "long"),
    [
        ("not_null", "x", {"warn": "from 1 row", "error": "above 0.1%"}),
        ("> 0", "x", {"error": "from 7%"}),
        ("unique", "x", {"warn": "above 3 rows"}),
        ("rows", "", {"warn": "< 100", "error": "< 10"}),
        ("max", "x", {"warn": "not between 1 and 5", "error": "not strictly between 0 and 9"}),
        ("median", "x", {"error": "= 5"}),
        ("fresh", "x", {"warn": "above 7200 seconds", "error": "above 86400 seconds"}),
        ("rows change", "", {"error": "not between -10 and 10"}),
    ],
)
def test_written_and_read_back(short: str, column: str, long: dict[str, Any]) -> None:
    check = read(short, column, **long)
    form = written(check)
    again = read_check(form, column=column, file="f", line=1)
    assert (again.kind, again.arguments, again.levels) == (check.kind, check.arguments, check.levels)
    assert {key: level(must) for key, must in check.levels.items()} == long


@pytest.mark.parametrize("short", ["not_null", "max", "rows change"])
def test_in_a_contract_and_back(short: str) -> None:
    from wherry.contracts.engines import own_check
    from wherry.contracts.export import as_document
    from wherry.imports.making import Making

    long = {
        "not_null": {"warn": "from 1 row", "error": "above 5%"},
        "max": {"warn": "> 5", "error": "not between 1 and 9"},
        "rows change": {"error": "not between -10% and 10%"},
    }[short]
    check = read(short, "" if short == "rows change" else "x", **long)
    again = own_check(as_document(check), Making(file="f", line=1))
    assert again == check
