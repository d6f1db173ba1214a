"""Soda's reconciliation checks and scopes: what of them is taken over, and what is listed.

Soda's own evaluation of these is not public, so they are held against what its documentation says.
"""

from pathlib import Path
from typing import Any

import pytest

from fixtures.commands import Wherry
from fixtures.projects import write
from wherry.imports.folder import read_checks

TABLES = {
    "tables/shop/orders.sql": "FROM (VALUES (1, 5.0, 'a'), (2, 7.0, 'b'), (3, NULL, 'b')) AS v (id, amount, code)\n",
    "tables/old/orders.sql": "FROM (VALUES (1, 5.0, 'a'), (2, 6.0, 'b')) AS v (id, amount, code)\n",
    "tables/old/people.sql": "SELECT 1 AS id\n",
}
SODACL = """reconciliation Production:
  datasets:
    source: {dataset: orders, datasource: old}
    target: {dataset: shop.orders, datasource: new}
  checks:
"""
CONTRACT = """dataset: new/db/shop/orders
reconciliation:
  source: {dataset: old/db/old/orders}
  checks:
"""


def verdicts(wherry: Wherry, folder: Path, text: str) -> dict[str, str]:
    """The verdict on each check of a file, by what it is called."""
    write(folder, {**TABLES, "checks/soda.yml": text})
    told = wherry("run", "--project", folder, "--json")
    (orders,) = [each for each in told.json["assets"] if each["name"] == "shop.orders"]
    assert not [each for each in orders["checks"] if each["error"]], orders["checks"]
    return {each["check"]: each["state"] for each in orders["checks"]}


def listed(text: str) -> list[tuple[int, str, str]]:
    return [(each.line, each.severity, each.message) for found in read_checks(text, "f.yml") for each in found.findings]


def test_sodacl_compares_two_tables(wherry: Wherry, tmp_path: Path) -> None:
    text = SODACL.replace("dataset: orders", "dataset: old.orders") + (
        "    - row_count diff = 0\n"
        "    - row_count diff <= 1\n"
        "    - avg(amount) diff < 1\n"
        "    - avg(amount) diff = 0:\n        filter: id = 1\n"
        "    - missing_count(amount): {name: missing, fail: when diff > 1, warn: when diff > 0}\n"
        "    - invalid_count(code) diff = 0:\n        valid values: [a]\n"
        "    - max_length(code) diff = 0\n"
        "    - twice diff = 1:\n"
        "        source query: select count(*) from old.orders where code = 'b'\n"
        "        target query: select count(*) from shop.orders where code = 'b'\n"
        "    - schema\n"
    )
    assert verdicts(wherry, tmp_path, text) == {
        "row_count diff = 0": "failed",
        "row_count diff <= 1": "passed",
        "avg(amount) diff < 1": "passed",
        "avg(amount) diff = 0": "passed",
        "missing": "warned",
        "invalid_count(code) diff = 0": "failed",
        "max_length(code) diff = 0": "passed",
        "twice diff = 1": "passed",
        "schema": "passed",
    }
    other = SODACL.replace("dataset: orders", "dataset: people") + "    - schema\n    - min(id) diff = 0\n"
    assert verdicts(wherry, tmp_path, other) == {"schema": "failed", "min(id) diff = 0": "passed"}


def test_a_contract_compares_two_tables(wherry: Wherry, tmp_path: Path) -> None:
    text = CONTRACT + (
        "    - row_count_diff: {name: rows, threshold: {must_be_less_than: 1}}\n"
        "    - row_count_diff: {name: some rows, filter: amount > 0}\n"
        "    - aggregate_diff: {name: sum, function: sum, column: amount, threshold: {must_be_between: "
        "{greater_than_or_equal: 1, less_than_or_equal: 2}}}\n"
        "    - aggregate_diff: {name: warned, function: sum, column: amount, threshold: {must_be: 0, level: warn}}\n"
        "    - missing_diff: {name: missing, column: amount, threshold: {must_be: 1}}\n"
        "    - duplicate_diff: {name: copies, column: code}\n"
        "    - duplicate_diff: {name: copies of two, columns: [id, code]}\n"
        "    - metric_diff: {name: own, source_expression: sum(id), target_expression: sum(id) - 3}\n"
        "    - metric_diff: {name: queries, source_query: select 1, target_query: select 2}\n"
    )
    expected = {
        "rows": "failed",
        "some rows": "passed",
        "sum": "passed",
        "warned": "warned",
        "missing": "passed",
        "copies": "failed",
        "copies of two": "passed",
        "own": "passed",
        "queries": "failed",
    }
    assert verdicts(wherry, tmp_path, text) == expected
    named = text.replace("  source: {dataset: old/db/old/orders}", "  sources: [{name: o, dataset: old/db/old/orders}]")
    assert verdicts(wherry, tmp_path, named.replace("{name: rows,", "{name: rows, source: o,")) == expected
    narrow = "filter: id < 3\n" + CONTRACT.replace("orders}", "orders, filter: id < 2}") + "    - row_count_diff: {}\n"
    assert verdicts(wherry, tmp_path, narrow) == {"row count diff": "failed"}


@pytest.mark.parametrize(
    ("check", "why", "severity"),
    [
        ("row_count diff < 5%", "percent", "warning"),
        ("rows diff = 0", "rows by their keys", "warning"),
        ("duplicate_count(id) diff = 0", "not public", "warning"),
        ("averge(id) diff = 0", "no metric `averge`", "error"),
        ("row_count", "no bound", "error"),
        ("avg diff = 0", "names no column", "error"),
    ],
)
def test_what_sodacl_says_otherwise_is_listed(check: str, why: str, severity: str) -> None:
    ((line, found, message),) = listed(f"{SODACL}    - {check}\n")
    assert (line, found) == (6, severity) and why in message


@pytest.mark.parametrize(
    ("check", "why", "severity"),
    [
        ("rows_diff: {key_columns: [id]}", "not public", "warning"),
        ("freshness_diff: {column: day}", "not public", "warning"),
        ("row_count_diff: {threshold: {must_be: 0, metric: percent}}", "percent", "warning"),
        ("row_count_dif: {}", "no check `row_count_dif`", "error"),
        ("aggregate_diff: {function: sum}", "names no column", "error"),
        ("row_count_diff: {source: nowhere}", "no source", "error"),
    ],
)
def test_what_a_contract_says_otherwise_is_listed(check: str, why: str, severity: str) -> None:
    ((line, found, message),) = listed(f"{CONTRACT}    - {check}\n")
    assert (line, found) == (5, severity) and why in message


SCOPED = """dataset: new/db/shop/orders
filter: id < 3
scopes:
  all: {name: All}
  dear: {name: Dear, filter: amount > 6, schedule: {cron: 0 0 * * *}}
checks:
  - row_count: {name: base, threshold: {must_be: 2}}
  - row_count: {name: all, scope: all, threshold: {must_be: 3}}
  - row_count: {name: dear, scope: dear, threshold: {must_be: 1}}
  - row_count: {name: dear and b, scope: dear, filter: code = 'a', threshold: {must_be: 0}}
"""


def test_the_filter_of_a_scope_takes_the_place_of_the_contracts(wherry: Wherry, tmp_path: Path) -> None:
    found: dict[str, Any] = verdicts(wherry, tmp_path, SCOPED)
    assert found == dict.fromkeys(("base", "all", "dear", "dear and b"), "passed")
    ((line, severity, message),) = listed(SCOPED.replace("scope: all", "scope: none"))
    assert (line, severity) == (8, "error") and "no scope `none`" in message
