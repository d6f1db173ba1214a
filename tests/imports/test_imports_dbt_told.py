"""What is not taken over of a schema.yml is told with its line."""

import pytest

from wherry.imports.folder import read_checks


@pytest.mark.parametrize(
    ("text", "what", "severity"),
    [
        ("        tests: [{accepted_values: {values: [a], quotes: false}}]\n", "no `quotes`", "error"),
        ("        tests: [{not_null: {collumn: id}}]\n", "no `collumn`", "error"),
        ("        tests: [{dbt_utils.accepted_range: {min_value: 0, maximum: 5}}]\n", "no `maximum`", "error"),
        ("        tests: [nott_null]\n", "no test `nott_null`", "error"),
        (
            "        tests: [dbt_expectations.expect_column_values_to_be_within_n_moving_stdevs]\n",
            "nothing of",
            "warning",
        ),
        ("        tests: [{elementary.column_anomalies: {}}]\n", "the package `elementary`", "warning"),
        ("        constraints: [{type: not_null}]\n", "`constraints`", "warning"),
        ("    constraints: [{type: primary_key, columns: [id]}]\n", "`constraints`", "warning"),
        ("unit_tests: [{name: t, model: orders}]\n", "`unit_tests`", "warning"),
    ],
)
def test_it_is_told(text: str, what: str, severity: str) -> None:
    (found,) = read_checks(f"models:\n  - name: orders\n    columns:\n      - name: id\n{text}", "checks/f.yml")
    assert not found.checks
    (finding,) = found.findings
    assert (finding.code, finding.severity, finding.line) == ("not-imported", severity, 5)
    assert what in finding.message
