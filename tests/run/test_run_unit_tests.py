"""Given rows, expected rows: what ``wherry test`` runs."""

from typing import Any

import pytest
from run_folder import Folder

from wherry.run.unit_test import UnitTestResult, run_unit_test

SOURCE = "connector: files\npath: data/\ntables:\n  orders.csv: {as: raw.orders}\n"
ORDERS = "id,customer,amount,status,ordered_at\n1,ann,10.5,paid,2026-01-01 10:00:00\n"


def shop(folder: Folder, **tables: str) -> None:
    folder.write({"sources/shop.yml": SOURCE, "data/orders.csv": ORDERS})
    folder.tables(
        paid="-- build: view\nSELECT * FROM raw.orders WHERE status = 'paid'",
        big="-- build: view\nSELECT customer, amount, ordered_at FROM s.paid WHERE amount >= limit_of('big')",
        total="SELECT customer, sum(amount) AS total, count(*) AS n FROM s.big GROUP BY ALL",
        **tables,
    )
    folder.write({"functions/limit_of.sql": "CREATE MACRO limit_of(kind) AS CASE kind WHEN 'big' THEN 10 END;\n"})


def case(folder: Folder, table: str, text: str) -> UnitTestResult:
    folder.write({"tests/t.yml": f"table: {table}\nthe case:\n{text}"})
    project = folder.project()
    project.expect_sound()
    (test,) = project.graph.tests
    return run_unit_test(project, test)


def expect(folder: Folder, table: str, text: str) -> None:
    told = case(folder, table, text)
    assert told.passed, (told.missing, told.unexpected, told.findings)


def test_rows_given_far_away_come_through_views(folder: Folder) -> None:
    shop(folder)
    expect(
        folder,
        "s.total",
        "  given:\n"
        "    raw.orders:\n"
        "    - {customer: ann, amount: 10, status: paid}\n"
        "    - {customer: ann, amount: 20.5, status: paid}\n"
        "    - {customer: bob, amount: 5, status: paid}\n"
        "    - {customer: cid, amount: 50, status: refunded}\n"
        "  expect: [{customer: ann, total: 30.5, n: 2}]\n",
    )
    assert not folder.lake.pointers("main")


def test_rows_may_be_given_halfway(folder: Folder) -> None:
    shop(folder)
    given = "  given: {s.paid: [{customer: ann, amount: 10, status: refunded}]}\n"
    expect(folder, "s.total", given + "  expect: [{customer: ann, n: 1}]\n")
    expect(folder, "S.TOTAL", given.replace("s.paid", "S.Paid") + "  expect: [{CUSTOMER: ann}]\n")


def test_what_is_not_given_is_null_or_empty(folder: Folder) -> None:
    shop(folder, both="SELECT o.id, t.total FROM raw.orders AS o LEFT JOIN s.total AS t USING (customer)")
    expect(folder, "s.both", "  given: {raw.orders: [{id: 7}]}\n  expect: [{id: 7, total: null}]\n")
    expect(folder, "s.both", "  given: {s.total: [{customer: ann, total: 1}]}\n  expect: []\n")
    expect(folder, "s.paid", "  expect: []\n")


def test_order_does_not_count_and_copies_do(folder: Folder) -> None:
    folder.tables(t="SELECT * FROM (VALUES (2), (1), (2)) AS t(x)")
    expect(folder, "s.t", "  expect: [{x: 1}, {x: 2}, {x: 2}]\n")
    told = case(folder, "s.t", "  expect: [{x: 2}, {x: 1}]\n")
    assert (told.passed, told.missing, told.unexpected) == (False, (), ({"x": 2},))
    told = case(folder, "s.t", "  expect: [{x: 2}, {x: 2}, {x: 1}, {x: 1}, {x: null}]\n")
    assert (told.missing, told.unexpected) == (({"x": 1}, {"x": None}), ())


def test_rows_that_differ_are_told_both_ways(folder: Folder) -> None:
    shop(folder)
    told = case(
        folder,
        "s.paid",
        "  given: {raw.orders: [{id: 1, status: paid, ordered_at: 2026-01-01 10:00}, {id: 2, status: paid}]}\n"
        "  expect: [{id: 1, ordered_at: 2026-01-01 10:00}, {id: 3, ordered_at: null}]\n",
    )
    assert told.missing == ({"id": 3, "ordered_at": None},)
    assert told.unexpected == ({"id": 2, "ordered_at": None},)
    assert told.findings == ()
    told = case(folder, "s.paid", "  given: {raw.orders: [{id: 1, status: paid}]}\n  expect: []\n")
    assert not told.passed and told.unexpected[0]["id"] == 1


def test_values_are_read_as_the_column_is(folder: Folder) -> None:
    kinds: dict[str, tuple[str, Any]] = {
        "d": ("DATE", "2026-01-31"),
        "m": ("DECIMAL(12,2)", "1234567890.10"),
        "t": ("TIMESTAMP", "2026-01-01 10:00"),
        "l": ("INTEGER[]", "[1, null]"),
        "s": ("STRUCT(a INTEGER, b VARCHAR)", "{a: 1, b: x}"),
        "b": ("BOOLEAN", "true"),
        "v": ("VARCHAR", "'007'"),
        "f": ("DOUBLE", "0.1"),
    }
    columns = ", ".join(f"NULL::{kind} AS {name}" for name, (kind, _) in kinds.items())
    folder.tables(src=f"SELECT {columns}", t="SELECT * FROM s.src")
    row = "{" + ", ".join(f"{name}: {value}" for name, (_, value) in kinds.items()) + "}"
    expect(folder, "s.t", f"  given: {{s.src: [{row}]}}\n  expect: [{row}]\n")


def test_an_incremental_table_with_start_and_end(folder: Folder) -> None:
    shop(
        folder,
        i="-- build: incremental by ordered_at\n"
        "SELECT id, ordered_at, $start AS since FROM raw.orders WHERE ordered_at >= $start",
        plain="-- build: incremental by ordered_at\nSELECT id, ordered_at FROM raw.orders",
    )
    given = "  given: {raw.orders: [" + ", ".join(f"{{id: {n}, ordered_at: 2026-01-0{n}}}" for n in (1, 2, 3)) + "]}\n"
    bounds = "  start: 2026-01-02\n  end: 2026-01-03\n"
    expect(folder, "s.i", given + bounds + "  expect: [{id: 2, since: 2026-01-02}]\n")
    expect(folder, "s.i", given + "  expect: [{id: 1}, {id: 2}, {id: 3}]\n")
    # A run keeps the rows of its slice only, whatever the statement returns.
    expect(folder, "s.plain", given + bounds + "  expect: [{id: 2}]\n")


@pytest.mark.parametrize("build", ["append", "merge on id", "history on id"])
def test_a_table_that_gathers_is_tested_by_its_statement(folder: Folder, build: str) -> None:
    shop(folder, t=f"-- build: {build}\nSELECT id FROM raw.orders")
    expect(folder, "s.t", "  given: {raw.orders: [{id: 1}]}\n  expect: [{id: 1}]\n")


def test_a_python_table(folder: Folder) -> None:
    shop(
        folder,
        p="from wherry import Table, table\n"
        '@table(columns={"n": "BIGINT"})\n'
        'def p(total: Table["s.total"]):\n'
        "    return total.duckdb().aggregate('count(*) AS n')\n",
        after="SELECT n + 1 AS n FROM s.p",
    )
    given = "  given: {raw.orders: [{customer: ann, amount: 99, status: paid}]}\n"
    expect(folder, "s.p", given + "  expect: [{n: 1}]\n")
    expect(folder, "s.after", given + "  expect: [{n: 2}]\n")
    expect(folder, "s.after", "  given: {s.p: [{n: 5}]}\n  expect: [{n: 6}]\n")


def test_what_fails_inside_is_told(folder: Folder) -> None:
    folder.tables(src="SELECT 'x' AS v", t="SELECT v::INTEGER AS v FROM s.src")
    told = case(folder, "s.t", "  given: {s.src: [{v: seven}]}\n  expect: [{v: 7}]\n")
    (finding,) = told.findings
    assert (told.passed, finding.code, finding.file) == (False, "sql-failed", "tables/s/t.sql")
    assert "seven" in finding.message
    told = case(folder, "s.t", "  given: {s.src: [{v: '7'}]}\n  expect: [{v: seven}]\n")
    (finding,) = told.findings
    assert (told.passed, finding.code, finding.file, finding.line) == (False, "bad-value", "tests/t.yml", 2)
    assert "`the case`" in finding.message and "seven" in finding.message
