"""What a suite of Great Expectations says, and what of it cannot be taken over."""

import json
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from wherry.engines.duckdb import DuckDB
from wherry.imports import Imported, gx
from wherry.imports.gx_conditions import NotImported, condition_sql
from wherry.imports.gx_expectations import EXPECTATIONS
from wherry.imports.gx_parameters import Moment, evaluate
from wherry.model.asset import Check
from wherry.run.checking import run_checks

#: The expectations of Great Expectations 1.x, beside one that compares the answers of two queries.
CORE = """
column_distinct_values_to_be_in_set column_distinct_values_to_contain_set column_distinct_values_to_equal_set
column_kl_divergence_to_be_less_than column_max_to_be_between column_mean_to_be_between column_median_to_be_between
column_min_to_be_between column_most_common_value_to_be_in_set column_pair_values_a_to_be_greater_than_b
column_pair_values_to_be_equal column_pair_values_to_be_in_set column_proportion_of_non_null_values_to_be_between
column_proportion_of_unique_values_to_be_between column_quantile_values_to_be_between column_stdev_to_be_between
column_sum_to_be_between column_to_exist column_unique_value_count_to_be_between column_value_lengths_to_be_between
column_value_lengths_to_equal column_value_z_scores_to_be_less_than column_values_to_be_between
column_values_to_be_dateutil_parseable column_values_to_be_decreasing column_values_to_be_in_set
column_values_to_be_in_type_list column_values_to_be_increasing column_values_to_be_json_parseable
column_values_to_be_null column_values_to_be_of_type column_values_to_be_unique column_values_to_match_json_schema
column_values_to_match_like_pattern column_values_to_match_like_pattern_list column_values_to_match_regex
column_values_to_match_regex_list column_values_to_match_strftime_format column_values_to_not_be_in_set
column_values_to_not_be_null column_values_to_not_match_like_pattern column_values_to_not_match_like_pattern_list
column_values_to_not_match_regex column_values_to_not_match_regex_list compound_columns_to_be_unique
multicolumn_sum_to_equal multicolumn_values_to_be_equal column_values_to_not_be_outliers column_type_to_be
select_column_values_to_be_unique_within_record table_column_count_to_be_between
table_column_count_to_equal table_columns_to_match_ordered_list table_columns_to_match_set
table_row_count_to_be_between table_row_count_to_equal table_row_count_to_equal_other_table
"""


def test_every_core_expectation_is_known() -> None:
    assert {f"expect_{each}" for each in CORE.split()} | {"unexpected_rows_expectation"} <= set(EXPECTATIONS)


@pytest.fixture(scope="module")
def db(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DuckDB]:
    folder: Path = tmp_path_factory.mktemp("suite")
    engine = DuckDB(folder=folder, scratch=folder)
    engine.execute("CREATE SCHEMA s")
    engine.execute(
        "CREATE TABLE s.t AS SELECT * FROM (VALUES "
        "(1, 2, 'a1', 'x', DATE '2026-01-01'), (2, 2, 'b2', 'y', DATE '2026-01-02'), "
        "(3, 4, 'c3', 'x', NULL), (4, NULL, NULL, 'z', DATE '2026-01-04')) AS v (id, n, code, kind, day)"
    )
    engine.execute("CREATE TABLE s.o AS SELECT 1 AS id FROM range(4)")
    yield engine
    engine.close()


def one(kind: str, **kwargs: Any) -> Check:
    (imported,) = gx.read(json.dumps({"expectations": [{"type": kind, "kwargs": kwargs}]}), "checks/t.json")
    assert imported.findings == ()
    return imported.checks[0]


#: Expectation, what makes it pass, what makes it fail.
BOTH: list[tuple[str, dict[str, Any], dict[str, Any]]] = [
    ("expect_column_values_to_be_in_set", {"column": "kind", "value_set": ["x", "y", "z"]},
     {"column": "kind", "value_set": ["x", "y"]}),
    ("expect_column_values_to_not_be_in_set", {"column": "kind", "value_set": ["q"]},
     {"column": "kind", "value_set": ["x"]}),
    ("expect_column_values_to_be_null", {"column": "n", "mostly": 0.25}, {"column": "n", "mostly": 0.3}),
    ("expect_column_values_to_not_be_null", {"column": "n", "mostly": 0.75}, {"column": "n", "mostly": 0.76}),
    ("expect_column_value_lengths_to_equal", {"column": "code", "value": 2}, {"column": "code", "value": 3}),
    ("expect_column_values_to_match_regex", {"column": "code", "regex": "^[a-z][0-9]$"},
     {"column": "code", "regex": "^[a-b]"}),
    ("expect_column_values_to_match_regex", {"column": "code", "regex": "^[a-b]", "mostly": 0.66},
     {"column": "code", "regex": "^[a-b]", "mostly": 0.67}),
    ("expect_column_values_to_match_regex_list", {"column": "code", "regex_list": ["^a", "^[bc]"]},
     {"column": "code", "regex_list": ["^a", "^[bc]"], "match_on": "all"}),
    ("expect_column_values_to_not_match_regex_list", {"column": "code", "regex_list": ["^x", "^y"]},
     {"column": "code", "regex_list": ["^x", "1$"]}),
    ("expect_column_values_to_match_like_pattern", {"column": "code", "like_pattern": "__"},
     {"column": "code", "like_pattern": "a%"}),
    ("expect_column_values_to_not_match_like_pattern", {"column": "code", "like_pattern": "x%"},
     {"column": "code", "like_pattern": "a%"}),
    ("expect_column_values_to_match_like_pattern_list", {"column": "code", "like_pattern_list": ["a%", "b%", "c%"]},
     {"column": "code", "like_pattern_list": ["a%", "b%"]}),
    ("expect_column_values_to_not_match_like_pattern_list", {"column": "code", "like_pattern_list": ["x%"]},
     {"column": "code", "like_pattern_list": ["x%", "a%"]}),
    ("expect_column_values_to_be_dateutil_parseable", {"column": "day"}, {"column": "code"}),
    ("expect_column_values_to_be_of_type", {"column": "id", "type_": "int64"}, {"column": "id", "type_": "VARCHAR"}),
    ("expect_column_values_to_be_in_type_list", {"column": "code", "type_list": ["str", "StringType"]},
     {"column": "code", "type_list": ["float", "INTEGER"]}),
    ("expect_column_value_z_scores_to_be_less_than", {"column": "id", "threshold": 2, "double_sided": True},
     {"column": "id", "threshold": 1, "double_sided": True}),
    ("expect_column_values_to_not_be_outliers", {"column": "id"}, {"column": "id", "multiplier": 0}),
    ("expect_column_values_to_not_be_outliers", {"column": "id", "method": "std", "multiplier": 2},
     {"column": "id", "method": "std", "multiplier": 1}),
    ("expect_column_type_to_be", {"column": "id", "type_": "int64"}, {"column": "id", "type_": "object"}),
    ("expect_multicolumn_values_to_be_equal", {"column_list": ["id", "n"], "mostly": 0.25},
     {"column_list": ["id", "n"], "mostly": 0.5}),
    ("expect_column_pair_values_to_be_equal", {"column_A": "id", "column_B": "n", "mostly": 0.25},
     {"column_A": "id", "column_B": "n", "mostly": 0.26}),
    ("expect_multicolumn_sum_to_equal", {"column_list": ["id"], "sum_total": 3, "mostly": 0.25},
     {"column_list": ["id", "n"], "sum_total": 3}),
    ("expect_column_min_to_be_between", {"column": "id", "min_value": 1, "max_value": 1},
     {"column": "id", "min_value": 1, "strict_min": True}),
    ("expect_column_max_to_be_between", {"column": "day", "max_value": "2026-01-04"},
     {"column": "day", "max_value": "2026-01-03"}),
    ("expect_column_sum_to_be_between", {"column": "id", "min_value": 10, "max_value": 10},
     {"column": "id", "max_value": 9}),
    ("expect_column_stdev_to_be_between", {"column": "id", "min_value": 1.29, "max_value": 1.30},
     {"column": "id", "max_value": 1.2}),
    ("expect_column_quantile_values_to_be_between",
     {"column": "id", "quantile_ranges": {"quantiles": [0, 0.5, 1], "value_ranges": [[1, 1], [2, 3], [None, 4]]}},
     {"column": "id", "quantile_ranges": {"quantiles": [0, 1], "value_ranges": [[1, 1], [5, None]]}}),
    ("expect_column_unique_value_count_to_be_between", {"column": "kind", "min_value": 3, "max_value": 3},
     {"column": "kind", "max_value": 2}),
    ("expect_column_proportion_of_non_null_values_to_be_between", {"column": "n", "min_value": 0.75},
     {"column": "n", "min_value": 0.8}),
    ("expect_column_distinct_values_to_contain_set", {"column": "kind", "value_set": ["x", "z"]},
     {"column": "kind", "value_set": ["x", "q"]}),
    ("expect_column_most_common_value_to_be_in_set", {"column": "kind", "value_set": ["x"]},
     {"column": "kind", "value_set": ["y"]}),
    ("expect_column_most_common_value_to_be_in_set", {"column": "id", "value_set": [1], "ties_okay": True},
     {"column": "id", "value_set": [1]}),
    ("expect_column_kl_divergence_to_be_less_than",
     {"column": "kind", "partition_object": {"values": ["x", "y", "z"], "weights": [2, 1, 1]}, "threshold": 0.001},
     {"column": "kind", "partition_object": {"values": ["x", "y"], "weights": [0.5, 0.5]}, "threshold": 1}),
    ("expect_column_kl_divergence_to_be_less_than",
     {"column": "id", "threshold": 1, "partition_object":
      {"bins": [0, 2.5], "weights": [0.5], "tail_weights": [0, 0.5]}},
     {"column": "id", "partition_object": {"bins": [0, 2.5], "weights": [1]}, "threshold": 0.001}),
    ("expect_column_chisquare_test_p_value_to_be_greater_than",
     {"column": "kind", "partition_object": {"values": ["x", "y", "z"], "weights": [0.5, 0.25, 0.25]}, "p": 0.05},
     {"column": "kind", "partition_object": {"values": ["x", "y", "z"], "weights": [0.01, 0.01, 0.98]}, "p": 0.05}),
    ("expect_column_bootstrapped_ks_test_p_value_to_be_greater_than",
     {"column": "id", "partition_object": {"bins": [0, 5], "weights": [1]}, "p": 0.05},
     {"column": "id", "partition_object": {"bins": [0, 500], "weights": [1]}, "p": 0.05}),
    ("expect_column_pair_cramers_phi_value_to_be_less_than", {"column_A": "id", "column_B": "kind", "threshold": 1},
     {"column_A": "id", "column_B": "kind"}),
    ("expect_table_row_count_to_be_between", {"min_value": 1, "max_value": 4}, {"min_value": 5}),
    ("expect_table_row_count_to_equal", {"value": 4}, {"value": 3}),
    ("expect_table_row_count_to_equal_other_table", {"other_table_name": "s.o"},
     {"other_table_name": "s.o", "row_condition": "id > 1", "condition_parser": "pandas"}),
    ("expect_table_column_count_to_equal", {"value": 5}, {"value": 4}),
    ("expect_table_column_count_to_be_between", {"min_value": 1, "max_value": 5}, {"max_value": 4}),
    ("unexpected_rows_expectation", {"unexpected_rows_query": "SELECT * FROM {batch} WHERE id > 4;"},
     {"unexpected_rows_query": "SELECT * FROM {batch} WHERE id > 3"}),
    ("ExpectColumnToExist", {"column": "id"}, {"column": "ident"}),
    ("expect_column_values_to_be_valid_email", {"column": "code", "mostly": 0}, {"column": "code"}),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "passing", "failing"), BOTH)
def test_an_expectation_passes_and_fails(
    db: DuckDB, kind: str, passing: dict[str, Any], failing: dict[str, Any]
) -> None:
    verdicts = run_checks(db, "s.t", [one(kind, **passing), one(kind, **failing)])
    assert [(verdict.state, verdict.error) for verdict in verdicts] == [("passed", ""), ("failed", "")]


#: Row condition, parser, the ids that it leaves.
CONDITIONS: list[tuple[Any, str, list[int]]] = [
    ("id > 2", "pandas", [3, 4]),
    ("id!=1 & n!=4", "pandas", [2, 4]),  # to pandas, nothing is not 4
    ("id == 1 | (id == 2 and n == 2)", "pandas", [1, 2]),
    ("not (id >= 2)", "pandas", [1]),
    ("~(id >= 2)", "pandas", [1]),
    ("kind in ['x', \"z\"]", "pandas", [1, 3, 4]),
    ("kind not in ['x']", "pandas", [2, 4]),
    ("n.isnull()", "pandas", [4]),
    ("`n`.notna() and id < 3.5", "pandas", [1, 2, 3]),
    ("id == -1", "pandas", []),
    ('col("kind") == "y"', "great_expectations__experimental__", [2]),
    ('col("n").notNull()', "great_expectations__experimental__", [1, 2, 3]),
    ("day IS NULL", "spark", [3]),
    ({"type": "comparison", "column": {"name": "id"}, "operator": "<=", "parameter": 2}, "", [1, 2]),
    ({"type": "comparison", "column": {"name": "kind"}, "operator": "NOT_IN", "parameter": ["y"]}, "", [1, 3, 4]),
    ({"type": "nullity", "column": {"name": "n"}, "is_null": True}, "", [4]),
    ({"type": "or", "conditions": [
        {"type": "comparison", "column": {"name": "kind"}, "operator": "IN", "parameter": ["y"]},
        {"type": "and", "conditions": [
            {"type": "comparison", "column": {"name": "id"}, "operator": "==", "parameter": 4},
            {"type": "nullity", "column": {"name": "n"}, "is_null": True}]}]}, "", [2, 4]),
]  # fmt: skip


@pytest.mark.parametrize(("condition", "parser", "ids"), CONDITIONS)
def test_row_conditions(db: DuckDB, condition: Any, parser: str, ids: list[int]) -> None:
    sql = condition_sql(condition, parser)
    assert [row for (row,) in db.execute(f"SELECT id FROM s.t WHERE {sql} ORDER BY id")] == ids


@pytest.mark.parametrize(
    ("condition", "parser"),
    [
        ("id >", "pandas"), ("id ==== 1", "pandas"), ("id == 1; DROP TABLE t", "pandas"), ("(id == 1", "pandas"),
        ("id.abs() > 1", "pandas"), ("", "pandas"), ("id > 1", "bad_parser"), ("kind == 'x", "pandas"),
        ({"type": "comparison", "column": {"name": "id"}, "operator": "~~", "parameter": 1}, ""), ({"type": "and"}, ""),
    ],
)  # fmt: skip
def test_row_conditions_that_are_not_understood(condition: Any, parser: str) -> None:
    with pytest.raises(NotImported):
        condition_sql(condition, parser)


def test_parameters() -> None:
    known = {"rows": 100, "upstream.rows": 7}
    assert evaluate("rows * 0.9 + 1", known) == 91
    assert evaluate("upstream.rows", known) == 7
    assert evaluate("-(rows % 7) ** 2 // 1", known) == -4
    assert evaluate("datetime(2003, 1, 1) - timedelta(days=1)", {}) == "2002-12-31 00:00:00"
    found = evaluate("now() - timedelta(weeks=52*100)", {})
    assert isinstance(found, Moment) and found.later.days == -36400
    for wrong in ("rows + 1", "__import__('os')", "rows.__class__", "9 ** 9 ** 9", "1 / 0", "(", "lambda: 1"):
        with pytest.raises(NotImported):
            evaluate(wrong, {})


def test_parameters_of_a_suite(db: DuckDB) -> None:
    suite = {
        "expectation_suite_name": "orders.warning",
        "evaluation_parameters": {"limit": 4},
        "expectations": [
            {
                "expectation_type": "expect_column_values_to_be_between",
                "kwargs": {
                    "column": "id",
                    "max_value": {"$PARAMETER": "limit"},
                    "min_value": {"$PARAMETER": "limit - 3"},
                },
            },
            {
                "expectation_type": "expect_table_row_count_to_equal",
                "kwargs": {"value": {"$PARAMETER": "upstream", "$PARAMETER.upstream": 4}},
            },
            {
                "expectation_type": "expect_column_values_to_be_between",
                "kwargs": {"column": "day", "max_value": {"$PARAMETER": "now()"}},
            },
            {"expectation_type": "expect_table_row_count_to_equal", "kwargs": {"value": {"$PARAMETER": "nowhere"}}},
        ],
    }
    (imported,) = gx.read(json.dumps(suite), "f.json")
    assert imported.table == "orders"
    verdicts = run_checks(db, "s.t", imported.checks, now=datetime(2026, 1, 3))
    assert [(verdict.state, verdict.failing) for verdict in verdicts] == [("passed", 0), ("passed", 0), ("failed", 1)]
    (finding,) = imported.findings
    assert "`nowhere` has no value" in finding.message


SUITE = """{
  "name": "orders",
  "expectations": [
    {"type": "expect_column_values_to_not_be_null", "kwargs": {"column": "id"}, "severity": "warning",
     "notes": ["agreed with", "sales"]},
    {"type": "expect_column_values_to_be_in_sett", "kwargs": {"column": "id"}},
    {"type": "expect_column_values_to_be_between", "kwargs": {"min_value": 1}},
    {"type": "expect_column_values_to_be_unique", "kwargs": {"column": "id", "mostly": 1.1}},
    {"type": "expect_column_values_to_match_regex", "kwargs": {"column": "id", "regex": "(?<=a)b"}},
    {"type": "expect_column_values_to_be_of_type", "kwargs": {"column": "id", "type_": "quaternion"}},
    {"type": "expect_query_results_to_match_comparison", "kwargs": {}},
    {"type": "expect_column_values_to_be_in_set", "kwargs": {"column": "id", "value_set": null}},
    {"type": "expect_column_values_to_be_unique", "kwargs": {"column": "id", "row_condition": "id ?"}},
    {"type": "expect_column_values_to_be_unique"},
    7,
    {"type": "expect_column_values_to_be_unique", "kwargs": {"column": "id"},
     "meta": {"notes": {"content": ["the key"], "format": "markdown"}}}
  ]
}"""


def test_what_is_not_imported_is_told_with_its_place() -> None:
    (imported,) = gx.read(SUITE, "checks/orders.json")
    assert [(check.text, check.line, check.severity, check.about) for check in imported.checks] == [
        ("expect_column_values_to_not_be_null()", 4, "warn", "agreed with\nsales"),
        ("expect_column_values_to_be_unique()", 16, "error", "the key"),
    ]
    told = [(finding.line, finding.message.partition(" is not imported: ")[2]) for finding in imported.findings]
    assert told == [
        (6, "there is no such expectation."),
        (7, "it has no `column`."),
        (8, "`mostly` is 1.1, and must be from 0 to 1."),
        (9, "the regular expression `(?<=a)b` looks around or back, which RE2 does not."),
        (10, "the type `quaternion` is not known."),
        (11, told[5][1]),
        (12, "it has no list `value_set`."),
        (13, "the row_condition `id ?` is not understood."),
        (14, "it has no `kwargs`."),
        (15, "it has no `kwargs`."),
    ]
    assert {(f.code, f.file) for f in imported.findings} == {("not-imported", "checks/orders.json")}
    # What Great Expectations would not know either is a mistake; the rest is only not taken over.
    assert [f.line for f in imported.findings if f.severity == "error"] == [6, 7, 8, 12, 14, 15]
    assert imported.findings[0].hint == "Did you mean `expect_column_values_to_be_in_set`?"


def test_versions_and_files() -> None:
    def read(document: Any, **more: Any) -> Imported:
        text = document if isinstance(document, str) else json.dumps(document, indent="\t")
        (imported,) = gx.read(text, "checks/raw.orders.json", **more)
        assert imported.findings == ()
        return imported

    item = {"kwargs": {"column": "id", "max_value": 1e5, "result_format": "COMPLETE", "batch_id": "b"}}
    new, old = (item | {key: "expect_column_values_to_be_between"} for key in ("type", "expectation_type"))
    assert read({"expectations": [new]}).table == "raw.orders"
    assert read({"name": "orders_suite", "expectations": [new]}).table == "orders"
    assert read({"data_asset_name": "a.b", "expectation_suite_name": "x", "expectations": [old]}).table == "a.b"
    assert read({"name": "x", "expectations": [new]}, tables={"x": "s.t"}).table == "s.t"
    result = {"success": True, "meta": {"active_batch_definition": {"data_asset_name": "s.r"}}}
    assert read({**result, "results": [{"expectation_config": old, "success": True}]}).table == "s.r"
    (check,) = read({"expectations": [new]}).checks
    assert (check.arguments, check.text) == (
        {"high": "100000.0"},
        "expect_column_values_to_be_between(max_value=100000.0)",
    )
    (check,) = read("expectations:\n- type: expect_column_to_exist\n  kwargs: {column: id}\n").checks
    assert (check.kind, check.columns, check.line) == ("columns_are", ("id",), 2)


def test_files_that_are_no_suites() -> None:
    assert gx.read('{"validations": []}', "f.json") == []
    (broken,) = gx.read('{"expectations": [', "f.json")
    assert broken.checks == () and broken.findings[0].code == "not-yaml"
    (imported,) = gx.read("[1]", "f.json")
    assert imported.checks == ()


def test_checkpoints_say_which_table_a_suite_is_about() -> None:
    old = """
name: nightly
expectation_suite_name: common
validations:
  - {batch_request: {datasource_name: d, data_asset_name: raw.orders}, expectation_suite_name: orders.warning}
  - {batch_request: {datasource_name: d, data_asset_name: raw.customers}}
"""
    assert gx.tables_of(old) == {"orders.warning": "raw.orders", "common": "raw.customers"}
    definition = {"name": "v", "data": {"asset": {"name": "orders"}}, "suite": {"name": "orders_suite"}}
    assert gx.tables_of(json.dumps(definition)) == {"orders_suite": "orders"}
    assert gx.tables_of(json.dumps({"name": "c", "validation_definitions": [definition]})) == {"orders_suite": "orders"}
    assert gx.tables_of("[1, 2]") == {} and gx.tables_of("{") == {}
