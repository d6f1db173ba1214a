"""Every kind of check: what it finds, on nulls, on nothing, at its edges."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import date, datetime
from pathlib import Path
from typing import Any

import pytest

from wherry.checks import KINDS, find
from wherry.engines.duckdb import DuckDB
from wherry.model.asset import Check
from wherry.model.run import CheckResult
from wherry.run.check_plan import at
from wherry.run.checking import bad_rows_sql, run_checks

NOW = datetime(2026, 1, 10, 12)
NAN, INF = float("nan"), float("inf")


@pytest.fixture(scope="module")
def db(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DuckDB]:
    folder: Path = tmp_path_factory.mktemp("kinds")
    engine = DuckDB(folder=folder, scratch=folder)
    engine.execute("CREATE SCHEMA s")
    yield engine
    engine.close()


def fill(db: DuckDB, columns: str, rows: list[Any], table: str = "s.t") -> None:
    db.execute(f"CREATE OR REPLACE TABLE {table} ({columns})")
    rows = [row if isinstance(row, tuple) else (row,) for row in rows]
    if rows:
        db.connection.executemany(f"INSERT INTO {table} VALUES ({', '.join('?' * len(rows[0]))})", rows)


def of(kind: str, column: str = "x", columns: tuple[str, ...] = (), **arguments: Any) -> Check:
    given = {key: arguments.pop(key) for key in ("mostly", "most", "where", "sample") if key in arguments}
    return Check(kind=kind, column="" if columns else column, columns=columns, arguments=arguments, text=kind, **given)


def judge(db: DuckDB, check: Check, **more: Any) -> CheckResult:
    (verdict,) = run_checks(db, "s.t", [check], now=NOW, **more)
    assert verdict.error == ""
    return verdict


#: Kind, arguments, type, values, and those that break it.
ROWS: list[tuple[str, dict[str, Any], str, list[Any], list[Any]]] = [
    ("null", {}, "INTEGER", [None, 1], [1]),
    ("not_blank", {}, "VARCHAR", ["a", "", " \t\n", None], ["", " \t\n"]),
    ("not_nan", {}, "DOUBLE", [1.0, NAN, INF, None], [NAN]),
    ("finite", {}, "DOUBLE", [1.0, NAN, INF, None], [NAN, INF]),
    ("between", {"low": "1"}, "INTEGER", [0, 1, None], [0]),
    ("between", {"high": "1"}, "INTEGER", [1, 2, None], [2]),
    ("between", {"low": "1", "high": "3", "strict_low": True}, "INTEGER", [1, 2, 3], [1]),
    ("between", {"low": "1", "high": "3", "strict_high": True}, "INTEGER", [1, 2, 3], [3]),
    ("between", {}, "INTEGER", [1], []),
    ("between", {"low": "3", "high": "1"}, "INTEGER", [2], [2]),
    ("between", {"low": "0", "high": "1"}, "DOUBLE", [0.5, NAN], [NAN]),
    ("in", {"values": [1, None]}, "INTEGER", [1, 2, None], [2]),
    ("in", {"values": []}, "INTEGER", [1, None], [1]),
    ("not_in", {"values": ["a"]}, "VARCHAR", ["a", "A", None], ["a"]),
    ("not_in", {"values": [1, None]}, "INTEGER", [1, 2, None], [1]),
    ("not_in", {"values": []}, "INTEGER", [1], []),
    ("matches", {"patterns": ["a", "b"]}, "VARCHAR", ["a", "ab", None], ["a"]),
    ("matches", {"patterns": ["a", "b"], "how": "any"}, "VARCHAR", ["a", "ab", "c", None], ["c"]),
    ("not_matches", {"pattern": "^a"}, "VARCHAR", ["a", "ba", None], ["a"]),
    ("not_matches", {"patterns": ["a", "b"]}, "VARCHAR", ["a", "b", "c", None], ["a", "b"]),
    ("like", {"pattern": "a%"}, "VARCHAR", ["ab", "Ab", "ba", None], ["Ab", "ba"]),
    ("like", {"pattern": "a%", "ignore_case": True}, "VARCHAR", ["Ab", "ba"], ["ba"]),
    ("like", {"pattern": "a\\%"}, "VARCHAR", ["a%", "ab"], ["ab"]),
    ("like", {"patterns": ["a%", "%b"], "how": "any"}, "VARCHAR", ["ax", "xb", "x"], ["x"]),
    ("like", {"patterns": ["a%", "%b"]}, "VARCHAR", ["ab", "ax"], ["ax"]),
    ("not_like", {"patterns": ["a%", "%b"]}, "VARCHAR", ["xb", "x", None], ["xb"]),
    ("length", {"low": 1, "high": 2}, "VARCHAR", ["", "é", "abc", None], ["", "abc"]),
    ("length", {"operator": "=", "value": 2}, "INTEGER", [10, 7, None], [7]),
    ("length", {"low": 1, "of": "items"}, "INTEGER[]", [[1], [], None], [[]]),
    ("length", {"low": 3, "of": "bytes"}, "BLOB", [b"abc", b"ab", None], [b"ab"]),
    ("length", {"low": 1, "strict_low": True, "high": 3, "strict_high": True}, "VARCHAR", ["a", "ab", "abc"],
     ["a", "abc"]),
    ("format", {"format": "uuid"}, "VARCHAR", ["x", None], ["x"]),
    ("format", {"format": "integer"}, "DOUBLE", [1.5, None], [1.5]),
    ("time_format", {"format": "%Y-%m-%d"}, "VARCHAR", ["2026-01-31", "2026-02-31", " 2026-01-31", "", None],
     ["2026-02-31", " 2026-01-31", ""]),
    ("time_format", {"formats": ["%d.%m.%Y", "%Y"]}, "VARCHAR", ["31.01.2026", "2026", "x"], ["x"]),
    ("casts_to", {"type": "DATE"}, "VARCHAR", ["2026-01-01", "x", None], ["x"]),
    ("casts_to", {"type": "TINYINT"}, "INTEGER", [127, 128], [128]),
    ("increasing", {}, "INTEGER", [1, 1, None, 2, 1], [1]),
    ("increasing", {"strictly": True}, "INTEGER", [1, 1, 2], [1]),
    ("decreasing", {}, "INTEGER", [3, 3, None, 4], [4]),
    ("decreasing", {"strictly": True}, "INTEGER", [3, 3, 2], [3]),
    ("sequential", {}, "INTEGER", [3, 1, 2, None, 5], [5]),
    ("sequential", {"step": 2}, "INTEGER", [1, 3, 4], [4]),
    ("sequential", {"step": "1 day"}, "DATE", [date(2026, 1, 1), date(2026, 1, 2), date(2026, 1, 4)],
     [date(2026, 1, 4)]),
    ("outliers", {"distance": 1.5}, "INTEGER", [1, 1, 1, 1, 9, None], [9]),
    ("outliers", {"distance": 1.5, "side": "low"}, "INTEGER", [1, 1, 1, 1, 9], []),
    ("outliers", {"distance": 1.5, "side": "high"}, "INTEGER", [9, 9, 9, 9, 1], []),
    ("outliers", {"distance": 1.5, "method": "iqr"}, "INTEGER", [1, 2, 3, 4, 100, None], [100]),
    ("outliers", {}, "INTEGER", [5, 5, 5], []),
    ("outliers", {"distance": 0, "edge": "far"}, "INTEGER", [5, 5, 5], []),
    ("outliers", {"distance": 1}, "INTEGER", [1, 2, 3], []),
    ("outliers", {"distance": 1, "edge": "far"}, "INTEGER", [1, 2, 3], [1, 3]),
    ("outliers", {"distance": 1, "edge": "far", "side": "low"}, "INTEGER", [1, 2, 3], [1]),
    ("sql", {"sql": "SELECT * FROM {table} WHERE x > 1"}, "INTEGER", [1, 2, None], [2]),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "arguments", "type_", "values", "breaking"), ROWS)
def test_a_kind_that_finds_rows(
    db: DuckDB, kind: str, arguments: dict[str, Any], type_: str, values: list[Any], breaking: list[Any]
) -> None:
    check = of(kind, **arguments)
    fill(db, f"x {type_}", [(value,) for value in values])
    assert sorted(map(str, (x for (x,) in db.execute(at(bad_rows_sql(check, "s.t"), NOW))))) == sorted(
        map(str, breaking)
    )
    verdict = judge(db, check)
    assert (verdict.failing, verdict.state) == (len(breaking), "failed" if breaking else "passed")
    fill(db, f"x {type_}", [])
    assert judge(db, check).state == "passed"
    fill(db, f"x {type_}", [(None,), (None,)])
    assert judge(db, check).state == "passed"


#: Kind, arguments, columns of the table, rows, how many break it.
TABLES: list[tuple[str, dict[str, Any], str, list[tuple[Any, ...]], int]] = [
    ("complete", {"columns": ("a", "b")}, "a INT, b INT", [(1, 2), (1, None), (None, None)], 2),
    ("columns_compare", {"columns": ("a", "b"), "operator": ">"}, "a INT, b INT",
     [(2, 1), (1, 1), (1, None), (None, None)], 1),
    ("columns_compare", {"columns": ("a", "b"), "operator": "=", "nulls": "both"}, "a INT, b INT",
     [(1, 1), (1, None), (None, None), (1, 2)], 2),
    ("columns_compare", {"columns": ("a", "b"), "operator": "=", "nulls": "fail"}, "a INT, b INT",
     [(1, 1), (1, None), (None, None), (1, 2)], 3),
    ("columns_sum", {"columns": ("a", "b"), "total": 3}, "a INT, b INT", [(1, 2), (2, 2), (1, None)], 1),
    ("columns_sum", {"columns": ("a", "b"), "total": "c"}, "a INT, b INT, c INT", [(1, 2, 3), (1, 2, 4)], 1),
    ("columns_sum", {"columns": ("a", "b"), "total": 3, "nulls": "zero"}, "a INT, b INT",
     [(3, None), (1, None), (None, None)], 1),
    ("columns_sum", {"columns": ("a", "b"), "total": 3, "nulls": "fail"}, "a INT, b INT",
     [(1, 2), (3, None), (None, None)], 2),
    ("pairs_in", {"columns": ("a", "b"), "values": [[1, "x"], [2, None]]}, "a INT, b VARCHAR",
     [(1, "x"), (2, None), (1, None), (None, None), (2, "x")], 2),
    ("pairs_in", {"columns": ("a", "b"), "values": [[1, "x"]], "nulls": "pass"}, "a INT, b VARCHAR",
     [(1, "x"), (1, None), (None, None), (2, "x")], 1),
    ("pairs_in", {"columns": ("a", "b"), "values": [[1, "x"]], "nulls": "fail"}, "a INT, b VARCHAR",
     [(1, "x"), (1, None), (None, None), (2, "x")], 3),
    ("pairs_in", {"columns": ("a", "b"), "values": []}, "a INT, b VARCHAR", [(1, "x")], 1),
    ("distinct_in_row", {"columns": ("a", "b", "c")}, "a INT, b INT, c INT",
     [(1, 2, 3), (1, 2, 1), (None, None, 1)], 1),
    ("distinct_in_row", {"columns": ("a", "b", "c"), "nulls": "same"}, "a INT, b INT, c INT",
     [(1, 2, 3), (1, 2, 1), (None, None, 1), (None, None, None)], 3),
    ("unique", {"columns_": ["a", "b"]}, "a INT, b INT",
     [(1, 1), (1, 1), (1, None), (1, None), (None, None), (None, None)], 2),
    ("unique", {"columns_": ["a", "b"], "nulls": "same"}, "a INT, b INT",
     [(1, 1), (1, 1), (1, None), (1, None), (None, None), (None, None)], 4),
    ("duplicates", {}, "a INT, b INT", [(1, None), (1, None), (1, 1), (None, None)], 2),
    ("increasing", {"column": "v", "by": ["n"]}, "v INT, n INT", [(2, 2), (1, 1), (3, 3)], 0),
    ("increasing", {"column": "v", "by": ["n"], "per": ["g"]}, "v INT, n INT, g INT",
     [(1, 1, 1), (2, 2, 1), (1, 1, 2), (0, 2, 2)], 1),
    ("sequential", {"column": "v", "per": ["g"]}, "v INT, g INT", [(1, 1), (2, 1), (5, 2), (6, 2)], 0),
    ("no_overlap", {"columns": ("a", "b")}, "a INT, b INT", [(1, 3), (3, 5), (4, 6)], 1),
    ("no_overlap", {"columns": ("a", "b")}, "a INT, b INT", [(1, None), (3, 5)], 1),
    ("no_overlap", {"columns": ("a", "b"), "gaps": "forbidden"}, "a INT, b INT", [(1, 3), (3, 5), (6, 7)], 1),
    ("no_overlap", {"columns": ("a", "b"), "gaps": "required"}, "a INT, b INT", [(1, 3), (3, 5), (6, 7)], 1),
    ("no_overlap", {"columns": ("a", "b"), "per": ["g"]}, "a INT, b INT, g INT", [(1, 3, 1), (2, 5, 2)], 0),
    ("no_overlap", {"columns": ("a", "b"), "empty": False}, "a INT, b INT", [(1, 1), (2, 3)], 1),
    ("no_overlap", {"columns": ("a", "b")}, "a INT, b INT", [(3, 1)], 1),
    ("condition", {"sql": "a < b"}, "a INT, b INT", [(1, 2), (2, 1), (None, 1)], 1),
    ("json_schema", {"column": "a", "schema": {"type": "object"}}, "a VARCHAR", [("{}",), ("[]",), ("x",), (None,)], 2),
    ("fresh_each", {"column": "t", "per": ["g"], "seconds": 3600}, "t TIMESTAMP, g INT",
     [(datetime(2026, 1, 10, 11, 30), 1), (datetime(2026, 1, 9), 1), (datetime(2026, 1, 9), 2), (None, 3)], 2),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "arguments", "columns", "rows", "failing"), TABLES)
def test_a_kind_of_several_columns(
    db: DuckDB, kind: str, arguments: dict[str, Any], columns: str, rows: list[Any], failing: int
) -> None:
    given = dict(arguments)
    key = given.pop("columns_", None)
    check = of(kind, **given)
    if key:
        check = Check(kind=kind, arguments={"columns": key, **given}, text=kind)
    fill(db, columns, rows)
    verdict = judge(db, check)
    assert (verdict.failing, verdict.state) == (failing, "failed" if failing else "passed")
    if kind != "duplicates":  # which are shown once, with how often they are there
        assert len(db.execute(at(bad_rows_sql(check, "s.t"), NOW))) == failing
    fill(db, columns, [])
    assert judge(db, check).state == "passed"


#: Kind, arguments, type, values, what is measured, whether it passes.
MEASURES: list[tuple[str, dict[str, Any], str, list[Any], Any, bool]] = [
    ("rows", {"operator": "=", "value": 2}, "INT", [1, None], 2, True),
    ("rows", {"low": 1, "high": 3}, "INT", [], 0, False),
    ("aggregate", {"measure": "min", "operator": ">=", "value": 1}, "INT", [1, 2, None], 1, True),
    ("aggregate", {"measure": "max", "operator": "<", "value": "2026-01-02"}, "DATE",
     [date(2026, 1, 1)], "2026-01-01", True),
    ("aggregate", {"measure": "max", "low": "2026-01-02"}, "TIMESTAMP",
     [datetime(2026, 1, 1)], "2026-01-01T00:00:00", False),
    ("aggregate", {"measure": "sum", "operator": "=", "value": 0.3}, "DECIMAL(4,1)", ["0.1", "0.2"], 0.3, True),
    ("aggregate", {"measure": "avg", "low": 0.5, "high": 0.5}, "BOOLEAN", [True, False, None], 0.5, True),
    ("aggregate", {"measure": "avg", "low": 0}, "INT", [], None, False),
    ("aggregate", {"measure": "avg"}, "INT", [], None, False),
    ("aggregate", {"measure": "avg"}, "INT", [1], 1, True),
    ("aggregate", {"measure": "not_null_share", "operator": "<", "value": 1}, "INT", [], 0, True),
    ("aggregate", {"measure": "avg", "low": 0}, "DOUBLE", [NAN], "nan", False),
    ("aggregate", {"measure": "avg", "low": 1, "strict_low": True}, "INT", [1], 1, False),
    ("aggregate", {"measure": "stddev", "low": 0.70, "high": 0.71}, "INT", [1, 2], 0.7071067811865476, True),
    ("aggregate", {"measure": "stddev", "low": 0}, "INT", [1], None, False),
    ("aggregate", {"measure": "variance", "operator": "=", "value": 0.5}, "INT", [1, 2], 0.5, True),
    ("aggregate", {"measure": "count", "operator": "=", "value": 1}, "INT", [1, None], 1, True),
    ("aggregate", {"measure": "null_count", "operator": "<=", "value": 0}, "INT", [1, None], 1, False),
    ("aggregate", {"measure": "null_share", "operator": "<=", "value": 0.5}, "INT", [1, None], 0.5, True),
    ("aggregate", {"measure": "null_share", "operator": "=", "value": 0}, "INT", [], 0, True),
    ("aggregate", {"measure": "not_null_share", "operator": ">=", "value": 0.5}, "INT", [1, None], 0.5, True),
    ("aggregate", {"measure": "max_length", "operator": "<=", "value": 2}, "VARCHAR", ["abc"], 3, False),
    ("aggregate", {"measure": "min_length", "operator": ">=", "value": 2}, "VARCHAR", ["abc", "ab"], 2, True),
    ("aggregate", {"measure": "avg_length", "operator": "=", "value": 2.5}, "VARCHAR", ["abc", "ab"], 2.5, True),
    ("aggregate", {"sql": "sum(x * x)", "operator": "=", "value": 5}, "INT", [1, 2], 5, True),
    ("aggregate", {"measure": "max", "operator": "=", "value": "b"}, "VARCHAR", ["a", "b"], "b", True),
    ("quantile", {"low": 2.5, "high": 2.5}, "INT", [1, 2, 3, 4, None], 2.5, True),
    ("quantile", {"quantile": 0.5, "between": "lower", "operator": "=", "value": 2}, "INT", [1, 2, 3, 4], 2, True),
    ("quantile", {"quantile": 0.7, "between": "nearest", "low": 3}, "INT", [4, None, 2, 3, 1], 3, True),
    ("quantile", {"quantile": 0.5, "between": "nearest", "operator": "=", "value": 3}, "INT", [1, 2, 3, 4], 3, True),
    ("quantile", {"quantile": 0.5, "between": "nearest", "low": 0}, "INT", [], None, False),
    ("quantile", {"low": 0}, "INT", [], None, False),
    ("quantile", {"quantiles": [0, 1], "bounds": [[1, 1], [None, 3]]}, "INT", [1, 4], [1, 4], False),
    ("quantile", {"quantiles": [0, 1], "bounds": [[1, 1], [None, 4]]}, "INT", [1, 4], [1, 4], True),
    ("distinct", {"measure": "distinct_count", "operator": "=", "value": 2}, "INT", [1, 1, 2, None], 2, True),
    ("distinct", {"measure": "distinct_share", "operator": "=", "value": 0.5}, "INT", [1, 1, None], 0.5, True),
    ("distinct", {"measure": "unique_count", "operator": "=", "value": 1}, "INT", [1, 1, 2, None], 1, True),
    ("distinct", {"measure": "unique_share", "operator": ">", "value": 0.5}, "INT", [1, 2, 2, None], 1 / 3, False),
    ("distinct", {"measure": "duplicate_count", "operator": "=", "value": 0}, "INT", [1, 1, 2, None, None], 1, False),
    ("distinct", {"measure": "duplicate_share", "operator": "<=", "value": 0.5}, "INT", [1, 1, 2, 3, None], 0.5, True),
    ("distinct", {"measure": "distinct_share", "low": 0.1}, "INT", [None], 0, False),
    ("distinct", {"measure": "duplicate_share", "high": 0.1}, "INT", [None], 0, True),
    ("values_in", {"values": [1, 2, 3]}, "INT", [1, 2, 2, None], [1, 2], True),
    ("values_in", {"values": [1, 3]}, "INT", [1, 2, 2, None], [1, 2], False),
    ("values_in", {"values": []}, "INT", [None], [], True),
    ("values_cover", {"values": [1, 2.0]}, "INT", [1, 2, 3], [1, 2, 3], True),
    ("values_cover", {"values": [1, 4]}, "INT", [1, 2, 3], [1, 2, 3], False),
    ("values_cover", {"values": []}, "INT", [], [], True),
    ("values_equal", {"values": ["a", "b"]}, "VARCHAR", ["b", "a", "a", None], ["a", "b"], True),
    ("values_equal", {"values": ["a"]}, "VARCHAR", ["b", "a"], ["a", "b"], False),
    ("values_equal", {"values": ["a", "b"]}, "VARCHAR", ["a"], ["a"], False),
    ("most_common_in", {"values": [1]}, "INT", [1, 1, 2, None, None, None], [1], True),
    ("most_common_in", {"values": [2]}, "INT", [1, 1, 2], [1], False),
    ("most_common_in", {"values": [1], "ties": "any"}, "INT", [1, 2], [1, 2], True),
    ("most_common_in", {"values": [1]}, "INT", [1, 2], [1, 2], False),
    ("most_common_in", {"values": [1, 2]}, "INT", [1, 2], [1, 2], True),
    ("most_common_in", {"values": [1, 2], "ties": "none"}, "INT", [1, 2], [1, 2], False),
    ("most_common_in", {"values": [3]}, "INT", [], [], False),
    ("fresh", {"seconds": 3600}, "TIMESTAMP", [datetime(2026, 1, 10, 11), datetime(2020, 1, 1), None], 3600.0, True),
    ("fresh", {"seconds": 3599}, "TIMESTAMP", [datetime(2026, 1, 10, 11)], 3600.0, False),
    ("fresh", {"seconds": 86400}, "DATE", [date(2026, 1, 10)], 43200.0, True),
    ("fresh", {"seconds": 60}, "TIMESTAMP", [datetime(2027, 1, 1)], -30715200.0, True),
    ("fresh", {"seconds": 60}, "TIMESTAMP", [], None, False),
    ("type", {"type": "INTEGER"}, "INTEGER", [], "INTEGER", True),
    ("type", {"type": "integer"}, "BIGINT", [], "BIGINT", True),
    ("type", {"type": "INTEGER"}, "BIGINT", [], "BIGINT", False),
    ("type", {"types": ["text", "number"]}, "DECIMAL(5,2)", [], "DECIMAL(5,2)", True),
    ("type", {"type": "DECIMAL"}, "DECIMAL(5,2)", [], "DECIMAL(5,2)", True),
    ("type", {"type": "DECIMAL(5,3)"}, "DECIMAL(5,2)", [], "DECIMAL(5,2)", False),
    ("type", {"type": "list"}, "INTEGER[]", [], "INTEGER[]", True),
    ("type", {"type": "timestamp"}, "TIMESTAMPTZ", [], "TIMESTAMP WITH TIME ZONE", True),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "arguments", "type_", "values", "observed", "passes"), MEASURES)
def test_a_kind_that_measures(
    db: DuckDB, kind: str, arguments: dict[str, Any], type_: str, values: list[Any], observed: Any, passes: bool
) -> None:
    fill(db, f"x {type_}", [(value,) for value in values])
    verdict = judge(db, of(kind, **arguments))
    assert (verdict.observed, verdict.state) == (observed, "passed" if passes else "failed")
    assert bool(verdict.why) != passes
    db.execute(at(bad_rows_sql(of(kind, **arguments), "s.t"), NOW))


def test_columns_are(db: DuckDB) -> None:
    fill(db, "a INT, B VARCHAR, c_tmp DATE", [])

    def passes(*columns: str, **arguments: Any) -> bool:
        return judge(db, Check(kind="columns_are", columns=columns, arguments=arguments, text="")).state == "passed"

    assert passes("b", "A", "c_tmp") and not passes("a", "b") and not passes("a", "b", "c_tmp", "d")
    assert passes("a", "b", "c_tmp", how="ordered") and not passes("b", "a", "c_tmp", how="ordered")
    assert passes("b", how="contains") and not passes("d", how="contains")
    assert passes(forbid=["d*"]) and not passes(forbid=["*_tmp"])
    assert passes(types={"a": "INTEGER", "b": "varchar"}) and not passes(types={"a": "BIGINT"})
    assert passes(index={"b": 1}) and not passes(index={"b": 0}) and not passes(index={"b": 9})
    assert passes(count={"operator": "=", "value": 3}) and not passes(count={"low": 4})
    verdict = judge(db, Check(kind="columns_are", columns=("a", "x"), text=""))
    assert verdict.observed == ["a", "B", "c_tmp"] and "`x` is not there; `b` is not expected" in verdict.why


def test_kinds_that_read_another_table(db: DuckDB) -> None:
    fill(db, "x INT, y INT", [(1, 1), (2, 2), (None, 3), (4, None)])
    fill(db, "x INT, y INT, k VARCHAR", [(1, 1, "a"), (2, 3, "b")], table="s.o")

    def state(kind: str, column: str = "x", columns: tuple[str, ...] = (), **arguments: Any) -> tuple[str, int]:
        verdict = judge(db, of(kind, column, columns, table="s.o", **arguments))
        return verdict.state, verdict.failing

    two = Check(kind="refers", columns=("x", "y"), arguments={"table": "s.o", "columns": ["x", "y"]}, text="")
    assert judge(db, two).failing == 1
    narrowed = Check(
        kind="refers", column="x", arguments={"table": "s.o", "columns": ["x"], "there": "k = 'a'"}, text=""
    )
    assert judge(db, narrowed).failing == 2
    assert state("rows_equal") == ("failed", 1)
    assert state("rows_equal", factor=2) == ("passed", 0)
    assert state("rows_equal", operator=">") == ("passed", 0)
    assert state("rows_equal", there="k = 'a'", factor=4) == ("passed", 0)
    same = {"arguments": {"table": "s.o", "column": "x"}, "column": "x", "kind": "values_same", "text": ""}
    assert judge(db, Check(**same)).observed == [1, 0]
    assert judge(db, Check(**{**same, "arguments": {**same["arguments"], "how": "cover"}})).state == "passed"
    assert judge(db, Check(**{**same, "arguments": {**same["arguments"], "how": "in"}})).state == "failed"
    assert state("aggregate_equals", sql="sum(x)") == ("failed", 1)
    assert state("aggregate_equals", sql="sum(x)", within=4) == ("passed", 0)
    assert state("aggregate_equals", sql="min(x)", other="min(y)") == ("passed", 0)
    assert state("aggregate_equals", sql="count(*)", per=["x"]) == ("failed", 2)


def test_a_table_has_the_columns_of_another(db: DuckDB) -> None:
    def told(here: str, there: str, **arguments: Any) -> str:
        fill(db, here, [])
        fill(db, there, [], table="s.o")
        verdict = judge(db, of("columns_same", "", table="s.o", **arguments))
        assert not verdict.error and (verdict.state == "passed") == (not verdict.why)
        return verdict.why

    assert told("x INT, y VARCHAR", "Y VARCHAR, X INT") == ""
    assert told("x INT, y VARCHAR", "y VARCHAR, x INT", how="ordered") == "the order is x, y, and y, x there"
    assert told("x INT, y VARCHAR", "x BIGINT, y VARCHAR") == "`x` is INTEGER, and BIGINT there"
    assert told("x INT, y VARCHAR", "x BIGINT, y VARCHAR", types=False) == ""
    assert told("x INT, y VARCHAR", "x INT") == "`y` is not there"
    assert told("x INT, y VARCHAR", "x INT", how="contains") == ""
    assert told("x INT", "x INT, z INT", how="contains") == "`z` is not here"


def test_a_table_equals_another(db: DuckDB) -> None:
    check = of("table_equals", "", table="s.o")
    rows: list[Any] = [(1, None), (1, None), (2, "b")]
    fill(db, "x INT, y VARCHAR", rows)
    fill(db, "y VARCHAR, x INT", [(y, x) for x, y in reversed(rows)], table="s.o")
    assert judge(db, check).state == "passed"
    fill(db, "x INT, y VARCHAR", rows[1:], table="s.o")
    assert db.execute(at(bad_rows_sql(check, "s.t"), NOW)) == [("only here", 1, None)]
    fill(db, "x INT, y VARCHAR, z INT", [(*row, None) for row in rows], table="s.o")
    assert judge(db, check).state == "passed"  # a column of nulls only is nothing more
    fill(db, "x INT, y VARCHAR, z INT", [(*row, 1) for row in rows], table="s.o")
    assert judge(db, check).failing == 6
    assert judge(db, Check(kind="table_equals", columns=("x",), arguments={"table": "s.o"}, text="")).state == "passed"
    fill(db, "x INT, y VARCHAR", [], table="s.o")
    assert judge(db, check).failing == 3


def test_a_change_against_the_version_before(db: DuckDB) -> None:
    fill(db, "x INT", [1, 2, 3])
    fill(db, "x INT", [1, 2], table="s.before")
    fill(db, "x INT", [], table="s.empty")

    def state(before: str | None, **arguments: Any) -> tuple[str, Any]:
        verdict = judge(db, of("change", "", **arguments), before=before)
        return verdict.state, verdict.observed

    assert state("s.before", low=0, high=1) == ("passed", 1)
    assert state("s.before", low=0, high=49, percent=True) == ("failed", 50)
    assert state("s.before", sql="sum(x)", low=0, high=100, percent=True) == ("passed", 100)
    assert state("s.empty", low=0, high=1000, percent=True) == ("failed", "inf")
    assert state("s.t", low=0, high=0, percent=True) == ("passed", 0)
    assert state(None, low=0, high=0) == ("passed", None)


def test_tolerances(db: DuckDB) -> None:
    fill(db, "x INT, y INT", [(1, 1), (1, 2), (2, 3), (None, 4)])
    half = Check(kind="unique", column="x", arguments={"columns": ["x"]}, text="", mostly=0.5)
    assert judge(db, half).state == "passed"
    assert judge(db, replace(half, mostly=0.51)).state == "failed"
    for most, state in ((2, "passed"), (1, "failed"), (0, "failed")):
        check = Check(kind="unique", column="x", arguments={"columns": ["x"]}, text="", most=most)
        assert judge(db, check).state == state
        check = Check(kind="compare", column="x", arguments={"operator": ">", "value": "1"}, text="", most=most)
        assert judge(db, check).state == state


def test_a_sample_is_the_same_each_time(db: DuckDB) -> None:
    db.execute("CREATE OR REPLACE TABLE s.t AS SELECT i AS x FROM range(10000) AS r (i)")
    check = of("compare", operator="<", value="0", sample=100)
    assert (judge(db, check).failing, judge(db, check).looked) == (100, 100)
    verdict = judge(db, of("compare", operator="<", value="5000", sample=0.1))
    assert (
        verdict.looked is not None
        and 500 < verdict.looked < 1500
        and verdict == judge(db, of("compare", operator="<", value="5000", sample=0.1))
    )


def test_every_kind_has_one_face_and_is_tried_somewhere() -> None:
    faces = ("bad_row", "aggregates", "group_by", "judge_schema", "query")
    tried = {case[0] for cases in (ROWS, TABLES, MEASURES) for case in cases}
    elsewhere = {"not_null", "compare", "refers", "columns_are", "rows_equal", "values_same", "aggregate_equals"}
    elsewhere |= {"table_equals", "columns_same", "change", "distribution", "association", "each_group"}
    assert set(KINDS) == tried | elsewhere
    for kind in KINDS:
        module = find(kind)
        assert (
            sum(hasattr(module, face) for face in faces)
            + (hasattr(module, "bad_rows") and not any(hasattr(module, face) for face in faces))
            == 1
        ), kind
