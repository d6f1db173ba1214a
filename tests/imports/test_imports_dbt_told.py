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
        ("        tests: [dbt_expectations.expect_struct_column_to_not_be_empty]\n", "nothing of", "warning"),
        ("        tests: [{elementary.column_anomalies: {}}]\n", "the package `elementary`", "warning"),
        ("        constraints: [{type: not_null}]\n", "`constraints`", "warning"),
        ("    constraints: [{type: primary_key, columns: [id]}]\n", "`constraints`", "warning"),
        ("unit_tests: [{name: t, model: orders}]\n", "`unit_tests`", "warning"),
        # What dbt passes over with all the tests below it.
        ("        test: [not_null]\n", "`test`", "error"),
        ("    colums: [{name: id, tests: [not_null]}]\n", "`colums`", "error"),
        ("modles: [{name: orders, tests: [unique]}]\n", "`modles`", "error"),
        ("sources: [{name: raw, tabels: [{name: orders}]}]\n", "`tabels`", "error"),
        ("  - {nme: orders, columns: [{name: id, tests: [not_null]}]}\n", "`name`", "error"),
    ],
)
def test_it_is_told(text: str, what: str, severity: str) -> None:
    (found,) = read_checks(f"models:\n  - name: orders\n    columns:\n      - name: id\n{text}", "checks/f.yml")
    assert not found.checks
    (finding,) = found.findings
    assert (finding.code, finding.severity, finding.line) == ("not-imported", severity, 5)
    assert what in finding.message


def test_what_has_no_tests_is_passed_over() -> None:
    text = "exposures: [{name: e}]\nmodels: [{name: o, tags: [a], columns: [{name: id, tags: [b], tests: [unique]}]}]\n"
    (found,) = read_checks(text, "checks/f.yml")
    assert not found.findings and [check.kind for check in found.checks] == ["unique"]


#: Each test of the packages that has arguments beside the usual ones -> all of them, as its macro takes them.
SIGNATURES = {
    "dbt_utils.unique_combination_of_columns": "combination_of_columns: [a], quote_columns: true",
    "dbt_utils.equality": "compare_model: ref('b'), compare_columns: [a]",
    "dbt_utils.not_accepted_values": "values: [a], quote: true",
    "dbt_utils.not_empty_string": "trim_whitespace: false",
    "dbt_utils.sequential_values": "interval: 1, datepart: day, group_by_columns: [g]",
    "dbt_utils.recency": "field: t, datepart: day, interval: 1, ignore_time_component: true, group_by_columns: [g]",
    "dbt_utils.mutually_exclusive_ranges": "lower_bound_column: a, upper_bound_column: b, partition_by: c, "
    "gaps: required, zero_length_range_allowed: true",
    "dbt_utils.relationships_where": "to: ref('b'), field: id, from_condition: a, to_condition: b",
    "dbt_utils.not_null_proportion": "at_least: 0.9, at_most: 1, group_by_columns: [g]",
    "dbt_expectations.expression_is_true": "expression: a, test_condition: = true, group_by_columns: [g], "
    "row_condition: x",
    "dbt_expectations.expect_column_to_exist": "column_index: 1, transform: upper",
    "dbt_expectations.expect_table_columns_to_match_set": "column_list: [a], transform: upper",
    "dbt_expectations.expect_column_values_to_match_regex": "regex: a, row_condition: x, is_raw: true, flags: i",
    "dbt_expectations.expect_column_values_to_not_match_regex_list": "regex_list: [a], match_on: any, is_raw: true, "
    "flags: i, row_condition: x",
    "dbt_expectations.expect_column_values_to_be_increasing": "sort_column: a, strictly: true, row_condition: x, "
    "group_by: [g], step: 1",
    "dbt_expectations.expect_column_values_to_be_in_set": "value_set: [a], quote_values: true, row_condition: x",
    "dbt_expectations.expect_column_most_common_value_to_be_in_set": "value_set: [1], top_n: 1, quote_values: true, "
    "data_type: decimal",
    "dbt_expectations.expect_column_distinct_count_to_equal": "value: 1, quote_values: true, group_by: [g], "
    "row_condition: x",
    "dbt_expectations.expect_column_distinct_count_to_equal_other_table": "compare_model: ref('b'), "
    "compare_column_name: a, row_condition: x, compare_row_condition: y",
    "dbt_expectations.expect_column_mean_to_be_between": "min_value: 1, max_value: 2, group_by: [g], row_condition: x, "
    "strictly: true",
    "dbt_expectations.expect_column_pair_values_A_to_be_greater_than_B": "column_A: a, column_B: b, or_equal: true, "
    "row_condition: x",
    "dbt_expectations.expect_column_pair_values_to_be_in_set": "column_A: a, column_B: b, value_pairs_set: [[1, 2]], "
    "row_condition: x",
    "dbt_expectations.expect_column_values_to_have_consistent_casing": "display_inconsistent_columns: true",
    "dbt_expectations.expect_table_aggregation_to_equal_other_table": "expression: sum(a), compare_model: ref('b'), "
    "compare_expression: sum(b), group_by: [g], compare_group_by: [h], row_condition: x, compare_row_condition: y, "
    "tolerance: 0.1, tolerance_percent: 0.1",
    "dbt_expectations.expect_grouped_row_values_to_have_recent_data": "group_by: [g], timestamp_column: t, "
    "datepart: day, interval: 1, row_condition: x",
    "dbt_expectations.expect_row_values_to_have_data_for_every_n_datepart": "date_col: d, date_part: day, "
    "row_condition: x, exclusion_condition: y, test_start_date: 2026-01-01, test_end_date: 2026-01-02",
    "dbt_expectations.expect_table_row_count_to_be_between": "min_value: 1, max_value: 2, group_by: [g], "
    "row_condition: x, strictly: true",
    "dbt_expectations.expect_table_row_count_to_equal": "value: 1, group_by: [g], row_condition: x",
    "dbt_expectations.expect_table_row_count_to_equal_other_table": "compare_model: ref('b'), group_by: [g], "
    "compare_group_by: [h], factor: 2, row_condition: x, compare_row_condition: y",
    "dbt_expectations.expect_select_column_values_to_be_unique_within_record": "column_list: [a, b], "
    "quote_columns: true, ignore_row_if: any_value_is_missing, row_condition: x",
    "dbt_expectations.expect_compound_columns_to_be_unique": "column_list: [a, b], quote_columns: true, "
    "ignore_row_if: any_value_is_missing, row_condition: x",
    "dbt_expectations.expect_multicolumn_sum_to_equal": "column_list: [a, b], sum_total: 1, group_by: [g], "
    "row_condition: x",
    "dbt_expectations.expect_column_quantile_values_to_be_between": "quantile: 0.9, min_value: 1, max_value: 2, "
    "group_by: [g], row_condition: x, strictly: true",
    "dbt_expectations.expect_column_values_to_be_of_type": "column_type: date",
    "dbt_expectations.expect_column_values_to_be_unique": "row_condition: x",
    "dbt_expectations.expect_column_values_to_not_be_null": "row_condition: x",
    "dbt_expectations.expect_column_values_to_be_null": "row_condition: x",
    "dbt_expectations.expect_column_value_lengths_to_equal": "value: 1, row_condition: x",
    "dbt_expectations.expect_column_value_lengths_to_be_between": "min_value: 1, row_condition: x, strictly: true",
    "dbt_expectations.expect_column_pair_values_to_be_equal": "column_A: a, column_B: b, row_condition: x",
    "dbt_expectations.expect_column_distinct_values_to_contain_set": "value_set: [a], quote_values: true, "
    "row_condition: x",
    "dbt_expectations.expect_column_distinct_values_to_equal_set": "value_set: [a], quote_values: true, "
    "row_condition: x",
    "dbt_expectations.expect_column_proportion_of_unique_values_to_be_between": "min_value: 0.1, group_by: [g], "
    "row_condition: x, strictly: true",
    "dbt_expectations.expect_column_stdev_to_be_between": "min_value: 0, group_by: [g], row_condition: x",
    "dbt_expectations.expect_column_values_to_match_like_pattern_list": "like_pattern_list: [a], match_on: any, "
    "row_condition: x",
    "dbt_expectations.expect_table_column_count_to_be_between": "min_value: 1, max_value: 2",
    "dbt_expectations.expect_table_row_count_to_equal_other_table_times_factor": "compare_model: ref('b'), factor: 2, "
    "group_by: [g], compare_group_by: [h], row_condition: x, compare_row_condition: y",
    "dbt_expectations.expect_row_values_to_have_recent_data": "datepart: day, interval: 1, row_condition: x",
    "dbt_expectations.expect_column_values_to_be_within_n_stdevs": "sigma_threshold: 3, group_by: [g]",
    "dbt_expectations.expect_column_values_to_be_within_n_moving_stdevs": "date_column_name: at, group_by: [g], "
    "period: week, lookback_periods: 1, trend_periods: 7, test_periods: 14, sigma_threshold: 3, "
    "sigma_threshold_upper: 4, sigma_threshold_lower: -4, take_diffs: false, take_logs: false",
    "dbt_expectations.expect_multicolumn_sum_to_be_between": "column_list: [a, b], min_value: 1, max_value: 2, "
    "group_by: [g], row_condition: x, strictly: true",
}


@pytest.mark.parametrize("kind", SIGNATURES)
def test_what_a_test_of_a_package_takes_is_taken(kind: str) -> None:
    test = f"{{{kind}: {{{SIGNATURES[kind]}}}}}"
    text = f"models:\n  - name: orders\n    columns:\n      - name: id\n        tests: [{test}]\n"
    (found,) = read_checks(text, "checks/f.yml")
    assert found.checks and not found.findings, found.findings
