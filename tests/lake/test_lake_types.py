"""Every type of DuckDB goes into the lake and comes back, or says why not."""

from collections.abc import Callable
from typing import Any

import duckdb
import pytest

from wherry.lake.lake import Lake
from wherry.lake.types import select_storable, storable

Rows = Callable[[str], list[tuple[Any, ...]]]

#: Expression, the type it is stored as, and the value read back as text.
KEPT = [
    ("true", "BOOLEAN", "true"),
    ("(-128)::TINYINT", "INTEGER", "-128"),
    ("(-32768)::SMALLINT", "INTEGER", "-32768"),
    ("1::INTEGER", "INTEGER", "1"),
    ("9223372036854775807", "BIGINT", "9223372036854775807"),
    ("255::UTINYINT", "INTEGER", "255"),
    ("65535::USMALLINT", "INTEGER", "65535"),
    ("4294967295::UINTEGER", "BIGINT", "4294967295"),
    ("18446744073709551615::UBIGINT", "DECIMAL(20,0)", "18446744073709551615"),
    ("99999999999999999999999999999999999999::HUGEINT", "DECIMAL(38,0)", "9" * 38),
    ("99999999999999999999999999999999999999::UHUGEINT", "DECIMAL(38,0)", "9" * 38),
    ("99999999999999999999999999999999999999::BIGNUM", "DECIMAL(38,0)", "9" * 38),
    ("1.5::FLOAT", "FLOAT", "1.5"),
    ("'nan'::DOUBLE", "DOUBLE", "nan"),
    ("0.1 + 0.2e0", "DOUBLE", "0.30000000000000004"),
    ("1234567.89::DECIMAL(9,2)", "DECIMAL(9,2)", "1234567.89"),
    ("1::DECIMAL(38,37)", "DECIMAL(38,37)", "1." + "0" * 37),
    ("DATE '0001-01-01'", "DATE", "0001-01-01"),
    ("TIME '23:59:59.999999'", "TIME", "23:59:59.999999"),
    ("'10:00:00.123456789'::TIME_NS", "VARCHAR", "10:00:00.123456789"),
    ("'10:00:00+02'::TIMETZ", "VARCHAR", "10:00:00+02"),
    ("'2020-01-01 00:00:00.123456'::TIMESTAMP", "TIMESTAMP", "2020-01-01 00:00:00.123456"),
    ("'2020-01-01'::TIMESTAMP_S", "TIMESTAMP", "2020-01-01 00:00:00"),
    ("'2020-01-01 00:00:00.123'::TIMESTAMP_MS", "TIMESTAMP", "2020-01-01 00:00:00.123"),
    ("'2020-01-01 00:00:00.123456'::TIMESTAMP_NS", "TIMESTAMP", "2020-01-01 00:00:00.123456"),
    ("'2020-01-01 00:00:00+00'::TIMESTAMPTZ", "TIMESTAMP WITH TIME ZONE", "2020-01-01 00:00:00+00"),
    ("'e35929ae-5546-4837-af28-9fc38634d794'::UUID", "UUID", "e35929ae-5546-4837-af28-9fc38634d794"),
    ("'\\x00a'::BLOB", "BLOB", "\\x00a"),
    ("'x'", "VARCHAR", "x"),
    ("'b, c'::ENUM('a', 'b, c', 'it''s ]')", "VARCHAR", "b, c"),
    ("'{\"a\": [1, 2.50]}'::JSON", "VARCHAR", '{"a": [1, 2.50]}'),
    ("'0101'::BIT", "VARCHAR", "0101"),
    ("INTERVAL '1 month 2 days 3.000001 seconds'", "VARCHAR", "1 month 2 days 00:00:03.000001"),
    ("'POINT(0.1 2)'::GEOMETRY", "VARCHAR", "POINT (0.1 2)"),
    ("'[1]'::JSON::VARIANT", "VARCHAR", "[1]"),
    ("union_value(\"the tag\" := 'x')", "VARCHAR", '{"the tag":"x"}'),
    ("NULL", "INTEGER", None),
    ("[]", "INTEGER[]", "[]"),
    ("[NULL]", "INTEGER[]", "[NULL]"),
    ("[1, 2]::UBIGINT[2]", "DECIMAL(20,0)[]", "[1, 2]"),
    ("[[1, 2], NULL]::TINYINT[2][]", "INTEGER[][]", "[[1, 2], NULL]"),
    ("{'a': 1::TINYINT, 'b c': ['x'::ENUM('x')]}", 'STRUCT(a INTEGER, "b c" VARCHAR[])', "{'a': 1, 'b c': [x]}"),
    ("{'select': 1, 'Up': 2, 'q\"q': 3}", 'STRUCT("select" INTEGER, Up INTEGER, "q""q" INTEGER)', None),
    ("row(1::SMALLINT, 'x')", "STRUCT(_1 INTEGER, _2 VARCHAR)", "{'_1': 1, '_2': x}"),
    ("MAP {1::SMALLINT: {'i': INTERVAL 1 DAY}}", "MAP(INTEGER, STRUCT(i VARCHAR))", "{1={'i': 1 day}}"),
    ("MAP {'k': [union_value(a := 1)]}", "MAP(VARCHAR, VARCHAR[])", None),
    ("['2020-01-01'::TIMESTAMP_NS, NULL]", "TIMESTAMP[]", "['2020-01-01 00:00:00', NULL]"),
    ("{'t': '10:00:00+02'::TIMETZ, 'z': NULL::TIMESTAMPTZ}", "STRUCT(t VARCHAR, z TIMESTAMP WITH TIME ZONE)", None),
]


@pytest.mark.parametrize(("expression", "stored", "text"), KEPT, ids=[k[0][:40] for k in KEPT])
def test_round_trip(lake: Lake, rows: Rows, expression: str, stored: str, text: str | None) -> None:
    rows("SET TimeZone = 'UTC'")
    query = f'SELECT {expression} AS "the v", 1 AS n UNION ALL SELECT NULL, 2 -- the end'
    described = [(name, type_) for name, type_, *_ in rows(f"DESCRIBE {query}")]
    assert storable(described[0][1]) == stored
    rows(f"CREATE TABLE m.s.t AS {select_storable(described, query)}")
    pointer = lake.pointer("main", "s.t")
    assert pointer is not None
    columns = lake.columns(pointer)
    assert columns == [("the v", stored), ("n", "INTEGER")]
    assert columns == [(name, type_) for name, type_, *_ in rows("DESCRIBE m.s.t")]
    (found,), (nothing,) = rows('SELECT "the v"::VARCHAR FROM m.s.t ORDER BY n')
    assert nothing is None
    if text is not None:
        assert found == text
    assert select_storable(columns, query) is query


FAILS = [
    "170141183460469231731687303715884105727::HUGEINT",
    "340282366920938463463374607431768211455::UHUGEINT",
    "1000000000000000000000000000000000000000000::BIGNUM",
    "'2020-01-01 00:00:00.123456789'::TIMESTAMP_NS",
    "[{'a': '2020-01-01 00:00:00.123456789'::TIMESTAMP_NS}]",
    "'infinity'::DATE",
    "'infinity'::TIMESTAMP",
]


@pytest.mark.parametrize("expression", FAILS)
def test_what_cannot_be_kept_fails(lake: Lake, rows: Rows, expression: str) -> None:
    query = f"SELECT {expression} AS v"
    described = [(name, type_) for name, type_, *_ in rows(f"DESCRIBE {query}")]
    with pytest.raises(duckdb.Error):
        rows(f"CREATE TABLE m.s.t AS {select_storable(described, query)}")
    assert lake.pointers("main") == {}


def test_a_query_that_needs_nothing_is_left_alone() -> None:
    assert select_storable([("a", "INTEGER"), ("b", "STRUCT(x VARCHAR)")], "SELECT 1") == "SELECT 1"


def test_order_and_hostile_names_survive_the_casts(lake: Lake, rows: Rows) -> None:
    query = 'SELECT range::UTINYINT AS "a ""b", 1 AS c, range::SMALLINT AS d FROM range(3) ORDER BY range DESC;'
    described = [('a "b', "UTINYINT"), ("c", "INTEGER"), ("d", "SMALLINT")]
    rows(f"CREATE TABLE m.s.t AS {select_storable(described, query)}")
    assert rows("SELECT * FROM m.s.t") == [(2, 1, 2), (1, 1, 1), (0, 1, 0)]
    pointer = lake.pointer("main", "s.t")
    assert pointer is not None and [n for n, _ in lake.columns(pointer)] == ['a "b', "c", "d"]
