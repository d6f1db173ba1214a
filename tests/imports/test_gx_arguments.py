"""Every argument of an expectation is understood, and one that it does not have is told."""

import json
from typing import Any

import pytest

from wherry.imports import Imported, gx

#: Expectations with all of their arguments that are not read from the cases of Great Expectations itself.
SIGNATURES: dict[str, dict[str, Any]] = {
    "expect_column_kl_divergence_to_be_less_than": {
        "column": "x",
        "partition_object": {"values": ["a"], "weights": [1]},
        "threshold": 0.1,
        "bucketize_data": True,
        "internal_weight_holdout": 0,
        "tail_weight_holdout": 0,
    },
    "expect_column_max_to_be_between": {
        "column": "x",
        "min_value": 1,
        "max_value": 2,
        "strict_min": True,
        "strict_max": True,
        "output_strftime_format": "%Y",
        "parse_strings_as_datetimes": False,
    },
    "expect_column_median_to_be_between": {
        "column": "x",
        "min_value": 1,
        "max_value": 2,
        "strict_min": True,
        "strict_max": True,
    },
    "expect_column_mean_to_be_between": {
        "column": "x",
        "min_value": 1,
        "max_value": 2,
        "strict_min": True,
        "strict_max": True,
    },
    "expect_column_sum_to_be_between": {
        "column": "x",
        "min_value": 1,
        "max_value": 2,
        "strict_min": True,
        "strict_max": True,
    },
    "expect_column_stdev_to_be_between": {
        "column": "x",
        "min_value": 1,
        "max_value": 2,
        "strict_min": True,
        "strict_max": True,
    },
    "expect_column_unique_value_count_to_be_between": {
        "column": "x",
        "min_value": 1,
        "max_value": 2,
        "strict_min": False,
        "strict_max": False,
    },
    "expect_column_proportion_of_unique_values_to_be_between": {
        "column": "x",
        "min_value": 0.1,
        "max_value": 0.2,
        "strict_min": True,
        "strict_max": True,
    },
    "expect_column_proportion_of_non_null_values_to_be_between": {
        "column": "x",
        "min_value": 0.1,
        "max_value": 0.2,
        "strict_min": True,
        "strict_max": True,
    },
    "expect_column_pair_values_a_to_be_greater_than_b": {
        "column_A": "x",
        "column_B": "y",
        "or_equal": True,
        "ignore_row_if": "both_values_are_missing",
        "allow_cross_type_comparisons": None,
    },
    "expect_column_pair_values_to_be_equal": {
        "column_A": "x",
        "column_B": "y",
        "ignore_row_if": "both_values_are_missing",
    },
    "expect_column_pair_values_to_be_in_set": {
        "column_A": "x",
        "column_B": "y",
        "value_pairs_set": [[1, 2]],
        "ignore_row_if": "both_values_are_missing",
    },
    "expect_column_quantile_values_to_be_between": {
        "column": "x",
        "quantile_ranges": {"quantiles": [0.5], "value_ranges": [[1, 2]]},
        "allow_relative_error": False,
    },
    "expect_column_value_z_scores_to_be_less_than": {"column": "x", "threshold": 3, "double_sided": True},
    "expect_column_values_to_be_between": {
        "column": "x",
        "min_value": 1,
        "max_value": 2,
        "strict_min": True,
        "strict_max": True,
        "mostly": 0.9,
        "allow_cross_type_comparisons": True,
        "parse_strings_as_datetimes": True,
    },
    "expect_column_values_to_be_decreasing": {"column": "x", "strictly": True, "parse_strings_as_datetimes": False},
    "expect_column_values_to_be_in_type_list": {"column": "x", "type_list": ["int"]},
    "expect_column_values_to_be_of_type": {"column": "x", "type_": "int"},
    "expect_column_values_to_match_regex_list": {"column": "x", "regex_list": ["a"], "match_on": "any"},
    "expect_column_values_to_match_strftime_format": {"column": "x", "strftime_format": "%Y"},
    "expect_column_value_lengths_to_be_between": {
        "column": "x",
        "min_value": 1,
        "max_value": 2,
        "strict_min": True,
        "strict_max": False,
    },
    "expect_column_chisquare_test_p_value_to_be_greater_than": {
        "column": "x",
        "partition_object": {"values": ["a", "b"], "weights": [0.5, 0.5]},
        "p": 0.05,
        "tail_weight_holdout": 0,
    },
    "expect_column_bootstrapped_ks_test_p_value_to_be_greater_than": {
        "column": "x",
        "partition_object": {"bins": [0, 1, 2], "weights": [0.5, 0.5]},
        "p": 0.05,
        "bootstrap_samples": 10,
        "bootstrap_sample_size": 20,
    },
    "expect_column_pair_cramers_phi_value_to_be_less_than": {
        "column_A": "x",
        "column_B": "y",
        "threshold": 0.1,
        "bins_A": None,
        "n_bins_A": None,
    },
    "expect_table_columns_to_match_set": {"column_set": ["a"], "exact_match": True},
    "expect_table_columns_to_match_ordered_list": {"column_list": ["a"]},
    "expect_table_column_count_to_be_between": {"min_value": 1, "max_value": 2},
    "expect_table_row_count_to_be_between": {"min_value": 1, "max_value": 2, "strict_min": False, "strict_max": False},
    "expect_table_row_count_to_equal_other_table": {"other_table_name": "b"},
    "expect_multicolumn_sum_to_equal": {
        "column_list": ["a", "b"],
        "sum_total": 3,
        "ignore_row_if": "all_values_are_missing",
    },
    "unexpected_rows_expectation": {"unexpected_rows_query": "SELECT * FROM {batch} WHERE x", "description": "d"},
    "expect_column_to_exist": {"column": "x", "column_index": 1},
    "expect_compound_columns_to_be_unique": {"column_list": ["a", "b"], "ignore_row_if": "all_values_are_missing"},
    "expect_select_column_values_to_be_unique_within_record": {"column_list": ["a", "b"], "ignore_row_if": "never"},
    "expect_column_most_common_value_to_be_in_set": {"column": "x", "value_set": [1], "ties_okay": True},
    "expect_column_distinct_values_to_equal_set": {
        "column": "x",
        "value_set": [1],
        "parse_strings_as_datetimes": False,
    },
    "expect_column_values_to_match_json_schema": {"column": "x", "json_schema": {"type": "object"}},
    "expect_column_values_to_match_like_pattern_list": {"column": "x", "like_pattern_list": ["a"], "match_on": "any"},
    "expect_column_values_to_not_match_regex_list": {"column": "x", "regex_list": ["a"]},
    "expect_column_values_to_be_in_set": {"column": "x", "value_set": [1], "parse_strings_as_datetimes": False},
    "expect_column_values_to_not_be_outliers": {"column": "x", "method": "iqr", "multiplier": 1.5},
    "expect_column_values_to_be_dateutil_parseable": {"column": "x"},
}


@pytest.mark.parametrize("kind", SIGNATURES)
def test_what_an_expectation_takes_is_taken_and_nothing_else(kind: str) -> None:
    def read(**more: Any) -> Imported:
        suite = {"name": "t", "expectations": [{"type": kind, "kwargs": SIGNATURES[kind] | more}]}
        (imported,) = gx.read(json.dumps(suite), "checks/t.json")
        return imported

    found = read()
    assert found.checks and not found.findings, found.findings
    (finding,) = read(misspelt=1).findings
    assert finding.severity == "error" and "it has no `misspelt`" in finding.message
