"""Soda's contract languages, key by key: what is understood, and that all else is told with its line."""

from typing import Any

import pytest

from wherry.imports.folder import read_checks
from wherry.model.asset import Check
from wherry.model.finding import Finding

HEAD = "dataset: lake/db/a/orders\ncolumns:\n  - name: id\n    data_type: integer\n  - name: code\n"
#: What each kind of check of Soda 4.28 may hold, as its JSON schema lists it -> with a value.
SODA_4: dict[str, dict[str, str]] = {
    "missing": {"missing_values": "[1]", "missing_format": "{regex: a, name: b}"},
    "invalid": {
        "valid_values": "[1]", "valid_format": "{regex: a, name: b}", "invalid_values": "[1]",
        "invalid_format": "{regex: a, name: b}", "valid_length": "1", "valid_min_length": "1", "valid_max_length": "1",
        "valid_min": "1", "valid_max": "1", "valid_reference_data": "{dataset: a/b/c/items, column: id}",
    },
    "duplicate": {},
    "aggregate": {"function": "avgLength"},
    "failed_rows": {"expression": "id > 1", "query": "SELECT 1", "keys_query": "SELECT id FROM t"},
    "metric": {"expression": "max(id)", "query": "SELECT 1"},
    "row_count": {},
    "schema": {"allow_extra_columns": "true", "allow_other_column_order": "true"},
    "freshness": {"column": "seen"},
}  # fmt: skip
#: What any of them may hold.
ANY = {"name": "n", "qualifier": "q", "attributes": "{a: b}", "scope": "base", "store_failed_rows": "true"}
NEEDS = {"aggregate": "function: avg", "freshness": "column: seen", "metric": "expression: max(id)"}
NEEDS |= {"failed_rows": "expression: id > 1", "invalid": "valid_min: 0"}
OF_COLUMN = ("missing", "invalid", "duplicate", "aggregate")


def read(text: str) -> tuple[list[Check], list[Finding]]:
    found = read_checks(text, "checks/f.yml")
    return [c for each in found for c in each.checks], [f for each in found for f in each.findings]


def contract(kind: str, keys: str) -> str:
    if kind in OF_COLUMN:
        return HEAD + f"    checks:\n      - {kind}: {{{keys}}}\n"
    return HEAD + f"checks:\n  - {kind}: {{{keys}}}\n"


@pytest.mark.parametrize("kind", SODA_4)
def test_every_key_of_a_check_is_understood_and_others_are_told(kind: str) -> None:
    bound = "threshold: {must_be_less_than: 5}"
    for key, value in {**SODA_4[kind], **ANY}.items():
        needed = NEEDS.get(kind, "")
        alone = key in SODA_4[kind] and (kind in ("failed_rows", "metric", "invalid") or needed.startswith(key))
        keys = ", ".join(part for part in (bound, "" if alone else needed, f"{key}: '{value}'") if part)
        keys = keys.replace(f"'{value}'", value if value[0] in "[{" or value in ("true", "1") else f"'{value}'")
        checks, findings = read(contract(kind, keys))
        assert (kind, key, len(checks), findings) == (kind, key, 1, [])
    checks, findings = read(contract(kind, f"{bound}, {NEEDS.get(kind, 'name: n')}, surprise: 1"))
    assert checks == [] and [each.code for each in findings] == ["not-imported"]
    assert "`surprise`" in findings[0].message and findings[0].line > 5


@pytest.mark.parametrize(
    ("threshold", "why"),
    [
        ("{must_be_greater_than: 1, must_be_less_than: 5}", "several bounds"),
        ("{must_be: x}", "`x` is no number"),
        ("{must_be_exactly: 1}", "no `must_be_exactly`"),
        ("{must_be: 1, additional: 5}", "no mapping"),
        ("5", "no mapping"),
    ],
)
def test_a_bound_that_is_not_understood_is_told(threshold: str, why: str) -> None:
    checks, (finding,) = read(HEAD + f"checks:\n  - row_count: {{threshold: {threshold}}}\n  - schema:\n")
    assert [check.kind for check in checks] == ["columns_are"]
    assert why in finding.message and finding.line == 7


def test_a_bound_written_as_text_is_a_number() -> None:
    (check,), findings = read(HEAD + "checks:\n  - row_count: {threshold: {must_be_less_than: '5'}}\n")
    assert check.arguments == {"operator": "<", "value": 5} and not findings


@pytest.mark.parametrize(
    ("text", "what", "line"),
    [
        ("scopes: {eu: {name: EU, filter: 'id > ${var.x}'}}\nchecks: [row_count: {scope: eu}]\n", "has variables", 7),
        ("reconciliation: {source: {dataset: a/b/c/d}, checks: [rows_diff]}\n", "not public", 6),
        ("filter: day > ${var.DAY}\nchecks:\n  - row_count:\n", "filter has variables", 8),
        ("checks:\n  - row_count: {filter: 'day > ${soda.NOW}'}\n", "has variables", 7),
        ("checks:\n  - row_count: 5\n", "no mapping", 7),
        ("checks:\n  - group_by: {columns: [id]}\n", "no check `group_by`", 7),
        ("    checks:\n      - invalid: {valid_min: 1, valid_reference_data: {dataset: a, column: b}}\n", "beside", 7),
        ("    encoding: utf8\n", "`encoding`", 6),
        ("checks:\n  - freshness: {column: seen, column_expression: 'seen + 1'}\n", "about an expression", 7),
        ("  - {data_type: integer}\n", "a column has a name", 6),
    ],
)
def test_what_is_not_taken_over_is_told_with_its_line(text: str, what: str, line: int) -> None:
    checks, (finding,) = read(HEAD + text)
    assert [check.kind for check in checks if check.kind != "columns_are"] == []
    assert (finding.code, finding.line) == ("not-imported", line) and what in finding.message


@pytest.mark.parametrize("text", ["    cheks: [{missing: }]\n", "colums: [{name: id, checks: [{missing: }]}]\n"])
def test_a_key_that_hides_the_checks_below_it_is_a_mistake(text: str) -> None:
    _, (finding,) = read(HEAD + text)
    assert (finding.code, finding.severity, finding.line) == ("not-imported", "error", 6)
    assert "Did you mean" in finding.hint


def test_variables_have_the_values_that_the_contract_gives_them() -> None:
    text = (
        HEAD + "variables:\n  DAY: {default: '2026-01-01'}\n  LAST: {default: '${var.DAY}'}\n"
        "filter: day > '${var.LAST}'\nchecks:\n  - row_count: {threshold: {must_be_less_than: 5}}\n"
    )
    (check,), findings = read(text)
    assert not findings and check.where == "day > '2026-01-01'"


@pytest.mark.parametrize(
    ("keys", "how"),
    [
        ("", "ordered"),
        ("allow_other_column_order: true", "exact"),
        ("allow_extra_columns: true", "contains ordered"),
        ("allow_extra_columns: true, allow_other_column_order: true", "contains"),
    ],
)
def test_columns_of_a_contract(keys: str, how: str) -> None:
    (check,), _ = read(HEAD + f"checks:\n  - schema: {{{keys}}}\n")
    assert (check.columns, check.arguments) == (("id", "code"), {"how": how, "types": {"id": "INTEGER"}})


def test_columns_may_have_sizes_and_only_warn() -> None:
    text = HEAD + "    data_type: decimal\n    numeric_precision: 10\n    numeric_scale: 2\n"
    (check,), _ = read(text + "checks:\n  - schema: {threshold: {level: warn}}\n")
    assert check.arguments["types"]["code"] == "DECIMAL(10,2)" and check.severity == "warn"


@pytest.mark.parametrize(
    ("bounds", "arguments"),
    [
        ("must_be_greater_than: 1, must_be_less_than_or_equal_to: 5", {"low": 1, "high": 5, "strict_low": True}),
        ("must_be_greater_than_or_equal_to: 1, must_be_less_than: 5", {"low": 1, "high": 5, "strict_high": True}),
        ("must_be_between: [1, 5]", {"low": 1, "high": 5}),
    ],
)
def test_two_bounds_of_soda_3_make_a_range(bounds: str, arguments: dict[str, Any]) -> None:
    (check, _), findings = read(HEAD + f"checks:\n  - {{type: row_count, {bounds}}}\n")
    assert check.arguments == arguments and not findings


def test_two_bounds_of_soda_3_the_other_way_round_shut_a_range_out() -> None:
    text = HEAD + "checks:\n  - {type: row_count, must_be_less_than: 2, must_be_greater_than: 9}\n"
    (check, _), _ = read(text)
    assert check.arguments["sql"] == "(NOT ((count(*)) >= 2 AND (count(*)) <= 9))"


def test_patterns_of_soda_3_and_its_filter() -> None:
    text = (
        "dataset: orders\nfilter_sql: id > 0\ncolumns:\n  - name: code\n    checks:\n"
        "      - {type: no_missing_values, missing_regex_sql: '^$'}\n"
        "      - {type: no_invalid_values, valid_regex_sql: '^a'}\n"
        "      - {type: no_missing_values, mising_values: [a]}\n"
    )
    checks, (finding,) = read(text)
    assert ["'^$'" in checks[0].arguments["sql"], "'^a'" in checks[1].arguments["sql"]] == [True, True]
    assert {check.where for check in checks[:2]} == {"id > 0"}
    assert "`mising_values`" in finding.message and finding.line == 8


@pytest.mark.parametrize(
    "item",
    [
        "failed rows: {fail condition: id > 1, surprise: 1}",
        "schema: {fail: {when required column missing: [id]}, surprise: 1}",
        "freshness(day) < 1d: {surprise: 1}",
        "values in (id) must exist in items (id): {surprise: 1}",
        "row_count same as items: {surprise: 1}",
        "missing_count(id) = 0: {surprise: 1}",
        "row_count same as items in other_source",
        "freshness(day)",
    ],
)
def test_keys_of_sodacl_that_are_not_known_are_told(item: str) -> None:
    checks, (finding,) = read(f"checks for orders:\n  - row_count > 0\n  - {item}\n")
    assert [check.kind for check in checks] == ["rows"]
    assert (finding.code, finding.line) == ("not-imported", 3)
