"""What is not taken over of a schema.yml is told with its line."""

import pytest

from wherry.imports.folder import read_checks


@pytest.mark.parametrize(
    ("text", "what", "line"),
    [
        ("        tests: [{accepted_values: {values: [a], quotes: false}}]\n", "no `quotes`", 5),
        ("        tests: [{not_null: {collumn: id}}]\n", "no `collumn`", 5),
        ("        tests: [{dbt_utils.accepted_range: {min_value: 0, maximum: 5}}]\n", "no `maximum`", 5),
        ("        tests: [{elementary.column_anomalies: {}}]\n", "no test `elementary.column_anomalies`", 5),
        ("        constraints: [{type: not_null}]\n", "`constraints`", 5),
        ("    constraints: [{type: primary_key, columns: [id]}]\n", "`constraints`", 5),
        ("unit_tests: [{name: t, model: orders}]\n", "`unit_tests`", 5),
    ],
)
def test_it_is_told(text: str, what: str, line: int) -> None:
    (found,) = read_checks(f"models:\n  - name: orders\n    columns:\n      - name: id\n{text}", "checks/f.yml")
    assert not found.checks
    (finding,) = found.findings
    assert (finding.code, finding.severity, finding.line) == ("not-imported", "warning", line)
    assert what in finding.message
