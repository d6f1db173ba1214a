"""Every test of dbt_utils and dbt_expectations passes on rows that keep it, and fails on rows that do not."""

# ruff: noqa: E501  a case is a line

from collections.abc import Iterator
from datetime import datetime
from typing import Any

import pytest
import yaml

from wherry.engines.duckdb import DuckDB
from wherry.imports.binding import attach
from wherry.imports.dbt import read
from wherry.imports.dbt_expectations import EXPECTATIONS
from wherry.imports.dbt_utils import UTILS
from wherry.model.asset import Asset, Column
from wherry.model.graph import Graph
from wherry.run.checking import run_checks

NOW = datetime(2026, 1, 10)
COLUMNS = {"id": "INTEGER", "v": "INTEGER", "w": "INTEGER", "t": "VARCHAR", "g": "VARCHAR", "seen": "TIMESTAMP"}
#: Rows that keep every promise below, and rows that break each of them.
GOOD = "(1, 10, 1, 'ab', 'x', '2026-01-08'), (2, 20, 2, 'cd', 'x', '2026-01-09'), (3, 30, 3, 'ef', 'y', '2026-01-09 12:00')"
BAD = (
    "(1, 90, 95, 'AB', 'x', '2025-01-01'), (1, 90, NULL, '', 'x', '2025-01-02'), (7, NULL, 1, 'ab', 'z', '2025-01-03'), "
    "(9, 5, 1, NULL, 'z', NULL), (9, 500, 1, 'Ef', 'z', '2025-02-01'), (10, 6, 1, 'long', NULL, '2025-02-01')"
)
#: kind, column (empty: of the model), arguments.
CASES: list[tuple[str, str, dict[str, Any]]] = [
    ("dbt_utils.accepted_range", "v", {"min_value": 0, "max_value": 50}),
    ("dbt_utils.accepted_range", "v", {"min_value": 9, "inclusive": False}),
    ("dbt_utils.at_least_one", "t", {}),
    ("dbt_utils.cardinality_equality", "t", {"to": "ref('other')", "field": "t"}),
    ("dbt_utils.equal_rowcount", "", {"compare_model": "ref('other')"}),
    # A group that one side lacks is no difference to dbt_utils.
    ("dbt_utils.equal_rowcount", "", {"compare_model": "ref('other')", "group_by_columns": ["g"], "config": {"where": "w > 0"}}),
    ("dbt_utils.equality", "", {"compare_model": "ref('other')"}),
    ("dbt_utils.equality", "", {"compare_model": "ref('other')", "compare_columns": ["id", "v"]}),
    ("dbt_utils.equality", "", {"compare_model": "ref('other')", "precision": 2}),
    ("dbt_utils.equality", "", {"compare_model": "ref('other')", "exclude_columns": ["t"], "precision": 2}),
    ("dbt_utils.expression_is_true", "", {"expression": "v > w"}),
    ("dbt_utils.expression_is_true", "v", {"expression": "<= 30"}),
    ("dbt_utils.fewer_rows_than", "", {"compare_model": "ref('many')"}),
    ("dbt_utils.mutually_exclusive_ranges", "", {"lower_bound_column": "id", "upper_bound_column": "id + 1"}),
    ("dbt_utils.not_accepted_values", "t", {"values": ["", "long"]}),
    ("dbt_utils.not_constant", "seen", {"group_by_columns": ["g"], "config": {"where": "g = 'x' or id > 8"}}),
    ("dbt_utils.not_empty_string", "t", {}),
    ("dbt_utils.not_null_proportion", "v", {"at_least": 0.9}),
    ("dbt_utils.recency", "", {"field": "seen", "datepart": "day", "interval": 2}),
    ("dbt_utils.relationships_where", "id", {"to": "ref('other')", "field": "id", "from_condition": "id <> 100"}),
    ("dbt_utils.sequential_values", "id", {}),
    ("dbt_utils.unique_combination_of_columns", "", {"combination_of_columns": ["id", "v"]}),
    *(
        (f"dbt_expectations.{kind}", column, arguments)
        for kind, column, arguments in (
            ("expression_is_true", "", {"expression": "v > w"}),
            ("expression_is_true", "", {"expression": "v", "test_condition": "between 1 and 30"}),
            ("expect_column_to_exist", "v", {"column_index": 2}),
            ("expect_row_values_to_have_recent_data", "seen", {"datepart": "day", "interval": 2}),
            ("expect_row_values_to_have_data_for_every_n_datepart", "", {"date_col": "seen", "date_part": "day"}),
            ("expect_row_values_to_have_data_for_every_n_datepart", "", {"date_col": "seen", "test_start_date": "2026-01-08", "test_end_date": "2026-01-09"}),
            ("expect_grouped_row_values_to_have_recent_data", "", {"group_by": ["g"], "timestamp_column": "seen", "datepart": "day", "interval": 2}),
            ("expect_table_aggregation_to_equal_other_table", "", {"expression": "sum(v)", "compare_model": "ref('other')"}),
            ("expect_table_column_count_to_be_between", "", {"min_value": 1, "max_value": 6}),
            ("expect_table_column_count_to_equal", "", {"value": 6}),
            ("expect_table_columns_to_contain_set", "", {"column_list": ["id", "V"]}),
            ("expect_table_columns_to_match_set", "", {"column_list": list(COLUMNS)}),
            ("expect_table_columns_to_match_ordered_list", "", {"column_list": list(COLUMNS)}),
            ("expect_table_columns_to_not_contain_set", "", {"column_list": ["nothing"]}),
            ("expect_table_row_count_to_be_between", "", {"min_value": 1, "max_value": 5}),
            ("expect_table_row_count_to_equal", "", {"value": 3}),
            ("expect_table_row_count_to_equal_other_table", "", {"compare_model": "ref('other')"}),
            ("expect_table_row_count_to_equal_other_table_times_factor", "", {"compare_model": "ref('other')", "factor": 1}),
            ("expect_column_values_to_be_null", "t", {"row_condition": "id = 9"}),
            ("expect_column_values_to_not_be_null", "v", {}),
            ("expect_column_values_to_be_unique", "id", {}),
            ("expect_column_values_to_be_of_type", "v", {"column_type": "int"}),
            ("expect_column_values_to_be_in_type_list", "v", {"column_type_list": ["bigint", "integer"]}),
            ("expect_column_values_to_have_consistent_casing", "t", {}),
            ("expect_column_values_to_be_in_set", "t", {"value_set": ["ab", "cd", "ef"]}),
            ("expect_column_values_to_not_be_in_set", "t", {"value_set": ["long"]}),
            ("expect_column_values_to_be_between", "v", {"min_value": 10, "max_value": 30}),
            ("expect_column_values_to_be_increasing", "v", {"sort_column": "id"}),
            ("expect_column_values_to_be_decreasing", "w", {"sort_column": "-v"}),
            ("expect_column_value_lengths_to_be_between", "t", {"min_value": 2, "max_value": 2}),
            ("expect_column_value_lengths_to_equal", "t", {"value": 2}),
            ("expect_column_values_to_match_like_pattern", "t", {"like_pattern": "__"}),
            ("expect_column_values_to_match_like_pattern_list", "t", {"like_pattern_list": ["a%", "c%", "e%"]}),
            ("expect_column_values_to_not_match_like_pattern", "t", {"like_pattern": "l%"}),
            ("expect_column_values_to_not_match_like_pattern_list", "t", {"like_pattern_list": ["l%"]}),
            ("expect_column_values_to_match_regex", "t", {"regex": "^[a-z]{2}$"}),
            ("expect_column_values_to_match_regex_list", "t", {"regex_list": ["^a", "^c", "^e"]}),
            ("expect_column_values_to_not_match_regex", "t", {"regex": "[A-Z]"}),
            ("expect_column_values_to_not_match_regex_list", "t", {"regex_list": ["[A-Z]"]}),
            ("expect_column_distinct_count_to_equal", "g", {"value": 2, "row_condition": "id <> 1 or v < 50"}),
            ("expect_column_distinct_count_to_be_greater_than", "seen", {"value": 1, "row_condition": "id < 7"}),
            ("expect_column_distinct_count_to_be_less_than", "v", {"value": 4}),
            ("expect_column_distinct_count_to_equal_other_table", "v", {"compare_model": "ref('other')", "compare_column_name": "v"}),
            ("expect_column_distinct_values_to_be_in_set", "t", {"value_set": ["ab", "cd", "ef"], "quote_values": True}),
            ("expect_column_distinct_values_to_contain_set", "t", {"value_set": ["ab", "cd"], "quote_values": True}),
            ("expect_column_distinct_values_to_equal_set", "t", {"value_set": ["ab", "cd", "ef"], "quote_values": True}),
            ("expect_column_most_common_value_to_be_in_set", "g", {"value_set": ["x"], "top_n": 1}),
            ("expect_column_max_to_be_between", "v", {"max_value": 30}),
            ("expect_column_mean_to_be_between", "v", {"min_value": 10, "max_value": 30}),
            ("expect_column_median_to_be_between", "v", {"min_value": 10, "max_value": 30}),
            ("expect_column_min_to_be_between", "v", {"min_value": 10}),
            ("expect_column_quantile_values_to_be_between", "v", {"quantile": 0.9, "max_value": 40}),
            ("expect_column_stdev_to_be_between", "v", {"max_value": 20}),
            ("expect_column_sum_to_be_between", "v", {"min_value": 60, "max_value": 60}),
            ("expect_column_proportion_of_unique_values_to_be_between", "id", {"min_value": 1}),
            ("expect_column_unique_value_count_to_be_between", "v", {"max_value": 3}),
            ("expect_column_pair_values_A_to_be_greater_than_B", "", {"column_A": "v", "column_B": "w"}),
            ("expect_column_pair_values_to_be_equal", "", {"column_A": "id", "column_B": "w"}),
            ("expect_column_pair_values_to_be_in_set", "", {"column_A": "id", "column_B": "w", "value_pairs_set": [[1, 1], [2, 2], [3, 3]]}),
            ("expect_compound_columns_to_be_unique", "", {"column_list": ["id", "v"]}),
            ("expect_select_column_values_to_be_unique_within_record", "", {"column_list": ["v", "w"], "row_condition": "v <> 90"}),
            ("expect_multicolumn_sum_to_equal", "", {"column_list": ["id", "v"], "sum_total": 66}),
            ("expect_column_values_to_be_within_n_stdevs", "v", {"sigma_threshold": 1.5}),
            ("expect_column_values_to_be_within_n_moving_stdevs", "v", {"date_column_name": "seen", "test_periods": 400, "sigma_threshold": 1.5}),
            ("expect_table_column_count_to_equal_other_table", "", {"compare_model": "ref('other')"}),
            ("expect_multicolumn_sum_to_be_between", "", {"column_list": ["id", "v"], "min_value": 66, "max_value": "id * 11"}),
        )
    ),
]  # fmt: skip
#: Rows cannot break these: they are about columns, or about what BAD happens to keep.
ABOUT_COLUMNS = ("column_count", "columns_to", "column_to_exist", "of_type", "type_list")
KEPT = ("at_least_one", "be_decreasing", "be_null", "most_common", "greater_than", "unique_within_record")


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DuckDB]:
    folder = tmp_path_factory.mktemp("packages")
    made = DuckDB(folder=folder, scratch=folder / "scratch")
    made.execute("CREATE SCHEMA s")
    columns = ", ".join(f"{name} {kind}" for name, kind in COLUMNS.items())
    for table, rows in (("good", GOOD), ("bad", BAD), ("other", GOOD), ("many", f"{GOOD}, (9, 9, 9, 'x', 'x', NULL)")):
        made.execute(f"CREATE TABLE s.{table} ({columns})")
        made.execute(f"INSERT INTO s.{table} VALUES {rows}")
    yield made
    made.close()


def verdicts(engine: DuckDB, table: str, kind: str, column: str, arguments: dict[str, Any]) -> list[str]:
    config = arguments.get("config", {})
    test = {kind: {"arguments": {k: v for k, v in arguments.items() if k != "config"}, "config": config}}
    model: dict[str, Any] = {"name": table}
    model |= {"columns": [{"name": column, "data_tests": [test]}]} if column else {"data_tests": [test]}
    shown = tuple(Column(name=name, type=type_) for name, type_ in COLUMNS.items())
    names = ("good", "bad", "other", "many")
    assets = {f"s.{n}": Asset(name=f"s.{n}", kind="sql", file="f.sql", columns=shown, bound=True) for n in names}
    graph = attach(Graph(assets=assets), read(yaml.safe_dump({"models": [model]}), "f.yml"), "f.yml")
    assert not graph.findings, graph.findings
    results = run_checks(engine, f"s.{table}", graph[f"s.{table}"].checks, now=NOW)
    assert all(not result.error for result in results), results
    return [result.state for result in results]


@pytest.mark.parametrize(("kind", "column", "arguments"), CASES, ids=[f"{c[0]}-{n}" for n, c in enumerate(CASES)])
def test_a_test_of_a_package(engine: DuckDB, kind: str, column: str, arguments: dict[str, Any]) -> None:
    assert verdicts(engine, "good", kind, column, arguments) == ["passed"]
    if not any(part in kind for part in (*ABOUT_COLUMNS, *KEPT)):
        assert verdicts(engine, "bad", kind, column, arguments) == ["failed"]


def test_every_known_test_has_a_case() -> None:
    known = {f"dbt_utils.{kind}" for kind in UTILS} | {f"dbt_expectations.{kind}" for kind in EXPECTATIONS}
    assert known == {kind for kind, _, _ in CASES}


@pytest.mark.parametrize(
    ("kind", "column", "arguments", "table", "state"),
    [
        ("dbt_expectations.expect_column_values_to_be_in_set", "t", {"value_set": ["ab", "AB", "", "Ef", "long"]}, "bad", "failed"),
        ("accepted_values", "t", {"values": ["ab", "AB", "", "Ef", "long"]}, "bad", "passed"),
        ("dbt_utils.at_least_one", "t", {"config": {"where": "t is null"}}, "bad", "failed"),
        ("dbt_expectations.expect_column_most_common_value_to_be_in_set", "g", {"value_set": ["y"], "top_n": 1}, "good", "failed"),
        ("dbt_expectations.expect_table_columns_to_match_ordered_list", "", {"column_list": ["v", "id"]}, "good", "failed"),
        ("dbt_expectations.expect_column_values_to_be_of_type", "v", {"column_type": "text"}, "good", "failed"),
        ("dbt_expectations.expect_column_mean_to_be_between", "v", {"min_value": 1, "row_condition": "false"}, "good", "passed"),
        ("dbt_expectations.expect_select_column_values_to_be_unique_within_record", "", {"column_list": ["id", "w"]}, "good", "failed"),
        ("dbt_expectations.expect_column_values_to_be_decreasing", "v", {"sort_column": "id"}, "good", "failed"),
    ],
)  # fmt: skip
def test_nulls_and_nothing(
    engine: DuckDB, kind: str, column: str, arguments: dict[str, Any], table: str, state: str
) -> None:
    assert verdicts(engine, table, kind, column, arguments) == [state]


@pytest.mark.parametrize(
    ("columns", "rows", "precision", "state"),
    [
        ("g VARCHAR, x DOUBLE, y DECIMAL(9, 3), id INTEGER", "('a', 1.001, 2.001, 1), (NULL, NULL, NULL, NULL)", 2, "passed"),
        ("g VARCHAR, x DOUBLE, y DECIMAL(9, 3), id INTEGER", "('a', 1.001, 2.001, 1), (NULL, NULL, NULL, NULL)", 3, "failed"),
        ("g VARCHAR, x DOUBLE, y DECIMAL(9, 3), id INTEGER", "('a', 1.001, 2.001, 1), (NULL, NULL, NULL, NULL)", None, "failed"),
        ("g VARCHAR, x DOUBLE, y DECIMAL(9, 3), id INTEGER", "('a', 1.006, 2.001, 1), (NULL, NULL, NULL, NULL)", 2, "failed"),
        ("g VARCHAR, x DOUBLE, y DECIMAL(9, 3), id INTEGER", "('b', 1.001, 2.001, 1), (NULL, NULL, NULL, NULL)", 2, "failed"),
        ("g VARCHAR, x DOUBLE, y DECIMAL(9, 3), id INTEGER", "('a', 1, 2, 1), (NULL, NULL, NULL, NULL)", None, "passed"),
        # What the other table lacks is nothing that equals a value.
        ("g VARCHAR, x DOUBLE, y DECIMAL(9, 3)", "('a', 1, 2), (NULL, NULL, NULL)", None, "failed"),
    ],
)  # fmt: skip
def test_equality_goes_by_the_names_of_columns(
    engine: DuckDB, columns: str, rows: str, precision: int | None, state: str
) -> None:
    engine.execute("CREATE OR REPLACE TABLE s.here (id INTEGER, x DOUBLE, y DECIMAL(9, 2), g VARCHAR)")
    engine.execute("INSERT INTO s.here VALUES (1, 1.0, 2.0, 'a'), (NULL, NULL, NULL, NULL)")
    engine.execute(f"CREATE OR REPLACE TABLE s.there ({columns})")
    engine.execute(f"INSERT INTO s.there VALUES {rows}")
    arguments = {"compare_model": "ref('there')", **({"precision": precision} if precision else {})}
    model = {"name": "here", "data_tests": [{"dbt_utils.equality": {"arguments": arguments}}]}
    assets = {
        f"s.{n}": Asset(name=f"s.{n}", kind="sql", file="f.sql", columns=(), bound=True) for n in ("here", "there")
    }
    graph = attach(Graph(assets=assets), read(yaml.safe_dump({"models": [model]}), "f.yml"), "f.yml")
    (result,) = run_checks(engine, "s.here", graph["s.here"].checks, now=NOW)
    assert (result.error, result.state) == ("", state)
