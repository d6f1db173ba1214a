"""What SodaCL and Soda's contracts say beside single checks: filters, defaults, loops, columns, two versions."""

from pathlib import Path
from typing import Any

import pytest

from fixtures.projects import read
from wherry.engines.duckdb import DuckDB
from wherry.imports.folder import read_checks
from wherry.model.asset import Check
from wherry.run.checking import run_checks

ORDERS = {
    "tables/a/orders.sql": "SELECT 1 AS id, 'x' AS code, DATE '2026-01-01' AS day, 5 AS amount\n",
    "tables/a/old_orders.sql": "SELECT 1 AS id\n",
    "tables/b/items.sql": "SELECT 1 AS id\n",
}


def checks(text: str) -> list[Check]:
    found = read_checks(text, "checks/f.yml")
    assert [finding.message for each in found for finding in each.findings] == []
    return [check for each in found for check in each.checks]


def test_a_filter_narrows_the_checks_of_its_section_wherever_it_stands() -> None:
    made = checks(
        "checks for orders [new]:\n  - row_count > 0\n  - missing_count(id) = 0:\n      filter: amount > 1\n"
        "filter orders [new]:\n  where: day > '2026-01-01'\n"
    )
    assert [check.where for check in made] == ["day > '2026-01-01'", "(day > '2026-01-01') AND (amount > 1)"]


def test_configurations_are_defaults_of_a_column() -> None:
    (one, other) = checks(
        "configurations for orders:\n  valid values for code: [a]\n"
        "checks for orders:\n  - invalid_count(code) = 0\n  - invalid_count(code) = 0:\n      valid values: [b]\n"
    )
    assert "IN ('a')" in one.arguments["sql"] and "IN ('b')" in other.arguments["sql"]


def test_checks_for_each_dataset_go_to_all_that_match(tmp_path: Path) -> None:
    text = "for each dataset T:\n  datasets: [include %orders]\n  checks: [missing_count(id) = 0]\n"
    graph = read(tmp_path, {**ORDERS, "checks/f.yml": text}).graph
    assert {name for name, asset in graph.assets.items() if asset.checks} == {"a.orders", "a.old_orders"}
    assert graph.findings == ()


@pytest.mark.parametrize(
    ("written", "kind", "arguments"),
    [
        ("change for row_count between -10 and 10", "change", {"low": -10, "high": 10}),
        ("change percent for row_count < 50", "change", {"percent": True, "operator": "<", "value": 50}),
        ("change for row_count < 50%", "change", {"percent": True, "operator": "<", "value": 50}),
        ("change for avg(amount) > 0", "change", {"sql": 'avg("amount")', "operator": ">", "value": 0}),
        (
            "change for missing_count(amount) <= 5",
            "change",
            {"sql": 'count(CASE WHEN ("amount" IS NULL) THEN 1 END)', "operator": "<=", "value": 5},
        ),
        ("freshness(day) < 1d6h", "fresh", {"seconds": 108_000}),
        ("row_count same as items", "rows_equal", {"table": "items"}),
        ("row_count between (1 and 5]", "rows", {"low": 1, "high": 5, "strict_low": True}),
    ],
)
def test_a_check_and_its_kind(written: str, kind: str, arguments: dict[str, Any]) -> None:
    (check,) = checks(f"checks for orders:\n  - {written}\n")
    assert (check.kind, check.arguments) == (kind, arguments)


def test_a_contract_of_soda_4() -> None:
    made = checks(
        "dataset: lake/db/a/orders\nfilter: amount > 0\ncolumns:\n  - name: id\n    data_type: integer\n"
        "    checks:\n      - missing:\n      - duplicate: {threshold: {must_be_less_than: 2, level: warn}}\n"
        "  - name: code\n    valid_values: [x]\n    checks:\n      - invalid: {filter: id > 1}\n"
        "checks:\n  - schema: {allow_other_column_order: true}\n  - row_count: {threshold: {must_be: 3, "
        "additional: {must_be_greater_than: 1, level: warn}}}\n"
    )
    assert [(check.kind, check.column, check.severity) for check in made] == [
        ("not_null", "id", "error"),
        ("aggregate", "id", "warn"),
        ("condition", "code", "error"),
        ("columns_are", "", "error"),
        ("rows", "", "error"),
    ]
    assert made[2].where == "(amount > 0) AND (id > 1)"
    assert made[3].columns == ("id", "code") and made[3].arguments == {"how": "exact", "types": {"id": "INTEGER"}}


def test_a_contract_of_soda_3() -> None:
    made = checks(
        "dataset: orders\ncolumns:\n  - name: id\n    data_type: integer\n    checks:\n"
        "      - type: no_missing_values\n      - type: duplicate_count\n        must_be_less_than: 3\n"
        "      - type: avg\n        must_be_between: [1, 5]\n"
        "  - name: code\n    optional: true\n    checks:\n"
        "      - type: no_invalid_values\n        valid_values: [x, y]\n"
        "      - type: invalid_percent\n        valid_length: 3\n        must_be_less_than_or_equal: 10\n"
        "checks:\n  - type: rows_exist\n  - type: no_duplicate_values\n    columns: [id, code]\n"
        "  - type: metric_query\n    query_sql: SELECT count(*) FROM orders\n    must_be_greater_than: 0\n"
    )
    assert [(check.kind, check.column) for check in made] == [
        ("not_null", "id"), ("sql", "id"), ("aggregate", "id"), ("condition", "code"), ("condition", "code"),
        ("rows", ""), ("unique", ""), ("sql", ""), ("columns_are", ""),
    ]  # fmt: skip
    assert made[4].mostly == 0.9
    # Soda 3 looks at the columns without being told; those that may be missing are not asked for.
    assert made[-1].columns == ("id",) and made[-1].arguments == {"how": "contains", "types": {"id": "INTEGER"}}


def test_changes_of_missing_and_invalid_values(tmp_path: Path) -> None:
    text = """checks for orders:
  - change for missing_count(x) <= 1:
      name: missing
      missing values: [n/a]
  - change for missing_percent(x) < 10:
      name: share
      missing values: [n/a]
  - change for invalid_count(x) = 0:
      name: invalid
      valid values: [a, b]
  - change percent for max_length(x) < 50:
      name: length
      valid values: [a, bcd]
"""
    db = DuckDB(folder=tmp_path, scratch=tmp_path)
    db.execute("CREATE SCHEMA s")
    db.execute("CREATE TABLE s.before AS SELECT unnest(['a', 'b', 'z', 'n/a', NULL, 'a', 'a', 'a']) AS x")
    db.execute("CREATE TABLE s.t AS SELECT unnest(['a', 'bcd', 'z', 'n/a', NULL, 'n/a', 'n/a', 'long']) AS x")
    verdicts = run_checks(db, "s.t", checks(text), before="s.before")
    db.close()
    assert [(each.check, each.state, each.observed, each.error) for each in verdicts] == [
        ("missing", "failed", 2, ""),
        ("share", "failed", 25, ""),
        ("invalid", "failed", 4, ""),
        ("length", "failed", 200, ""),
    ]
