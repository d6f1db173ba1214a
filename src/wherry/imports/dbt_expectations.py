"""The tests of the package dbt_expectations. As there, null keeps every bound of an aggregate."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from wherry.imports import Mistaken
from wherry.imports.dbt_deviations import deviations, every_period, moving_deviations
from wherry.imports.dbt_generic import Meaning, columns_of, needed, not_null, quoted, unique, values_sql
from wherry.imports.dbt_jinja import table_of
from wherry.imports.dbt_test import Failing, listed
from wherry.imports.dbt_utils import NOW, rows_where
from wherry.imports.making import Making
from wherry.imports.soda_schema import duckdb_type
from wherry.imports.threshold import Threshold
from wherry.model.asset import Check
from wherry.quoting import name, names, text

Arguments = Mapping[str, Any]


def _looked_at(arguments: Arguments) -> str:
    """The rows that a test is about, to stand after FROM."""
    condition = arguments.get("row_condition")
    return f"(SELECT * FROM {{table}} WHERE {condition})" if condition else "{table}"


def _within(expression: str, arguments: Arguments) -> str:
    low, high, equal = arguments.get("min_value"), arguments.get("max_value"), "" if arguments.get("strictly") else "="
    if low is None and high is None:
        raise Mistaken("it has neither `min_value` nor `max_value`")
    parts = [f"{expression} >{equal} {low}"] if low is not None else []
    return "(" + " AND ".join([*parts, *([f"{expression} <{equal} {high}"] if high is not None else [])]) + ")"


def _each_row(holds: str, arguments: Arguments, column: str = "") -> Failing:
    """A condition holds for every row; null does."""
    condition = arguments.get("row_condition")
    return rows_where(f"({condition}) AND NOT ({holds})" if condition else f"NOT ({holds})", column)


def _of_groups(holds: str, arguments: Arguments) -> Failing:
    """A condition over aggregates holds for the table, or for every group of it."""
    groups = columns_of(arguments.get("group_by"))
    shown, by = (f"{', '.join(groups)}, ", f" GROUP BY {', '.join(groups)}") if groups else ("", "")
    return Failing(
        sql=f"SELECT * FROM (SELECT {shown}{holds} AS holds FROM {_looked_at(arguments)}{by}) WHERE NOT holds"
    )


def _between(expression: str, arguments: Arguments, column: str) -> Failing:
    return _each_row(_within(expression.format(x=needed(column)), arguments), arguments, column)


def _aggregate(expression: str, arguments: Arguments, column: str) -> Failing:
    extra = {"q": str(arguments["quantile"])} if "{q}" in expression else {}
    return _of_groups(_within(expression.format(x=needed(column), **extra), arguments), arguments)


def _equal(expression: str, arguments: Arguments, column: str) -> Failing:
    return _of_groups(f"({expression.format(x=needed(column))} = {arguments['value']})", arguments)


def _not_null(arguments: Arguments, column: str) -> Failing:
    if not arguments.get("row_condition"):
        return not_null(arguments, column)
    return _each_row(f"{needed(column)} IS NOT NULL", arguments, column)


def _null(arguments: Arguments, column: str) -> Failing:
    return _each_row(f"{needed(column)} IS NULL", arguments, column)


def _unique(arguments: Arguments, column: str) -> Failing:
    if not arguments.get("row_condition"):
        return unique(arguments, column)
    return _compound({"row_condition": arguments.get("row_condition"), "column_list": [column]}, column)


def _compound(arguments: Arguments, column: str) -> Failing:
    columns = columns_of(arguments["column_list"])
    rows = f"SELECT * FROM {_looked_at(arguments)} WHERE {_counted_in(arguments, columns)}"
    return Failing(sql=f"SELECT {names(columns)} FROM ({rows}) GROUP BY {names(columns)} HAVING count(*) > 1")


def _counted_in(arguments: Arguments, columns: Sequence[str]) -> str:
    """Whether a row with nulls in these columns counts."""
    rule = arguments.get("ignore_row_if", "all_values_are_missing")
    link = {"all_values_are_missing": " OR ", "any_value_is_missing": " AND "}.get(str(rule))
    return f"({link.join(f'{name(column)} IS NOT NULL' for column in columns)})" if link else "true"


def _unique_in_record(arguments: Arguments, column: str) -> Failing:
    columns = columns_of(arguments["column_list"])
    distinct = f"len(list_distinct([{', '.join(f'CAST({name(column)} AS VARCHAR)' for column in columns)}]))"
    sql = (
        f"SELECT * FROM {_looked_at(arguments)} WHERE {_counted_in(arguments, columns)} AND {distinct} < {len(columns)}"
    )
    return Failing(sql=sql)


def _set(arguments: Arguments, *, quote: bool) -> str:
    return values_sql(arguments, "value_set", quote=bool(arguments.get("quote_values", quote)))


def _in_set(arguments: Arguments, column: str) -> Failing:
    # A null is not in the set: this test, unlike dbt's own, does not pass over it.
    this = needed(column)
    holds = f"coalesce({this} IN ({_set(arguments, quote=True)}), false)"
    return _each_row(holds, arguments, column)


def _not_in_set(arguments: Arguments, column: str) -> Failing:
    return _each_row(f"{needed(column)} NOT IN ({_set(arguments, quote=True)})", arguments, column)


def _distinct_in(arguments: Arguments, column: str) -> Failing:
    rows = f"SELECT DISTINCT {needed(column)} AS value FROM {_looked_at(arguments)}"
    return Failing(sql=f"SELECT * FROM ({rows}) WHERE NOT coalesce(value IN ({_set(arguments, quote=False)}), false)")


def _distinct_cover(arguments: Arguments, column: str) -> Failing:
    wanted = f"SELECT DISTINCT unnest([{_set(arguments, quote=False)}]) AS value"
    found = f"SELECT 1 FROM {_looked_at(arguments)} AS here WHERE here.{needed(column)} = wanted.value"
    return Failing(sql=f"SELECT * FROM ({wanted}) AS wanted WHERE NOT EXISTS ({found})")


def _distinct_equal(arguments: Arguments, column: str) -> Failing:
    wanted = f"SELECT DISTINCT unnest([{_set(arguments, quote=False)}]) AS value"
    found = f"SELECT DISTINCT {needed(column)} AS value FROM {_looked_at(arguments)}"
    sql = (
        f"SELECT * FROM (SELECT a.value AS a, b.value AS b FROM ({found}) AS a FULL JOIN ({wanted}) AS b "
        "ON a.value = b.value) WHERE a IS NULL OR b IS NULL"
    )
    return Failing(sql=sql)


def _most_common(arguments: Arguments, column: str) -> Failing:
    this = needed(column) if arguments.get("quote_values", True) else f"CAST({needed(column)} AS DECIMAL(28, 6))"
    counted = f"SELECT {this} AS value, count(*) AS n FROM {_looked_at(arguments)} GROUP BY 1"
    ranked = f"SELECT value, row_number() OVER (ORDER BY n DESC) AS place FROM ({counted})"
    top = int(arguments.get("top_n", 1))
    return Failing(
        sql=f"SELECT value FROM ({ranked}) WHERE place = {top} AND value NOT IN ({_set(arguments, quote=True)})"
    )


def _moving(operator: str, arguments: Arguments, column: str) -> Failing:
    this, groups = needed(column), columns_of(arguments.get("group_by"))
    order = str(arguments.get("sort_column") or this)
    per = f"PARTITION BY {', '.join(groups)} " if groups else ""
    holds = f"value {operator}{'' if arguments.get('strictly', True) else '='} before"
    if arguments.get("step") is not None:
        holds = f"({holds}) AND (value - before) = {arguments['step']}"
    rows = f"SELECT {this} AS value, lag({this}) OVER ({per}ORDER BY {order}) AS before FROM {_looked_at(arguments)}"
    return Failing(sql=f"SELECT * FROM ({rows}) WHERE before IS NOT NULL AND NOT ({holds})")


def _like(word: str, arguments: Arguments, column: str, *, several: bool = False) -> Failing:
    patterns = columns_of(arguments["like_pattern_list" if several else "like_pattern"])
    link = " AND " if arguments.get("match_on") == "all" or (word.startswith("NOT") and not several) else " OR "
    return _each_row(link.join(f"{needed(column)} {word} {text(each)}" for each in patterns), arguments, column)


def _regex(arguments: Arguments, column: str, *, found: bool, several: bool = False) -> Failing:
    patterns = columns_of(arguments["regex_list" if several else "regex"])
    flags = f", {text(str(arguments['flags']))}" if arguments.get("flags") else ""
    match = [f"regexp_matches({needed(column)}, {text(each)}{flags})" for each in patterns]
    link = " AND " if arguments.get("match_on") == "all" else " OR "
    return _each_row(link.join(each if found else f"NOT {each}" for each in match), arguments, column)


def _length_equal(arguments: Arguments, column: str) -> Failing:
    return _each_row(f"length({needed(column)}) = {arguments['value']}", arguments, column)


def _casing(arguments: Arguments, column: str) -> Failing:
    this = needed(column)
    return Failing(sql=f"SELECT lower({this}) FROM {{table}} GROUP BY 1 HAVING count(DISTINCT {this}) > 1")


def _pair(operator: str, arguments: Arguments, column: str) -> Failing:
    a, b = str(arguments["column_A"]), str(arguments["column_B"])
    operator += "=" if arguments.get("or_equal") else ""
    return _each_row(f"{a} {operator} {b}", arguments)


def _pair_in(arguments: Arguments, column: str) -> Failing:
    a, b = str(arguments["column_A"]), str(arguments["column_B"])
    pairs = [f"({a} = {pair[0]} AND {b} = {pair[1]})" for pair in listed(arguments["value_pairs_set"])]
    return _each_row(" OR ".join(pairs), arguments)


def _column_sum(arguments: Arguments, column: str) -> Failing:
    total = arguments["sum_total"]
    goal = str(total) if isinstance(total, int | float) else f"sum({total})"
    return _of_groups(
        f"({' + '.join(f'sum({name(c)})' for c in columns_of(arguments['column_list']))} = {goal})", arguments
    )


def _column_sum_between(arguments: Arguments, column: str) -> Failing:
    ends = {
        key: value if value is None or isinstance(value, int | float) else f"sum({value})"
        for key, value in ((key, arguments.get(key)) for key in ("min_value", "max_value"))
    }
    total = " + ".join(f"sum({name(c)})" for c in columns_of(arguments["column_list"]))
    within = _within(f"({total})", {**ends, "strictly": arguments.get("strictly")})
    return _of_groups(within, arguments)


def _expression(arguments: Arguments, column: str) -> Failing:
    holds = f"({arguments['expression']}) {arguments.get('test_condition', '= true')}"
    if groups := arguments.get("group_by_columns"):
        return _of_groups(holds, {"row_condition": arguments.get("row_condition"), "group_by": groups})
    return _each_row(holds, arguments)


def _rows(arguments: Arguments, column: str) -> Failing:
    return _of_groups(_within("count(*)", arguments), arguments)


def _rows_equal(arguments: Arguments, column: str) -> Failing:
    return _of_groups(f"(count(*) = {arguments['value']})", arguments)


def _rows_equal_other(arguments: Arguments, column: str) -> Failing:
    return _equal_other("count(*)", "count(*)", arguments, factor=arguments.get("factor", 1))


def _distinct_equal_other(arguments: Arguments, column: str) -> Failing:
    other = str(arguments.get("compare_column_name") or column)
    return _equal_other(f"count(DISTINCT {needed(column)})", f"count(DISTINCT {name(other)})", arguments)


def _aggregation_equal_other(arguments: Arguments, column: str) -> Failing:
    mine = str(arguments["expression"])
    return _equal_other(mine, str(arguments.get("compare_expression") or mine), arguments)


def _equal_other(mine: str, theirs: str, arguments: Arguments, *, factor: Any = 1) -> Failing:
    table, groups = table_of(str(arguments["compare_model"])), columns_of(arguments.get("group_by"))
    others = columns_of(arguments.get("compare_group_by")) or groups
    condition = arguments.get("compare_row_condition") or arguments.get("row_condition")
    where = f" WHERE {condition}" if condition else ""

    def side(expression: str, rows: str, keys: Sequence[str]) -> str:
        shown = [f"{key} AS k{number}" for number, key in enumerate(keys)]
        by = f" GROUP BY {', '.join(keys)}" if keys else ""
        return f"SELECT {', '.join([*shown, f'{expression} AS n'])} FROM {rows}{by}"

    same = " AND ".join(f"a.k{number} = b.k{number}" for number in range(len(groups))) or "true"
    sql = (
        f"SELECT * FROM (SELECT coalesce(a.n, 0) AS here, coalesce(b.n, 0) * {factor} AS there "
        f"FROM ({side(mine, _looked_at(arguments), groups)}) AS a "
        f"FULL JOIN ({side(theirs, f'{quoted(table)}{where}', others)}) AS b ON {same}) "
        f"WHERE abs(here - there) > {arguments.get('tolerance', 0)}"
    )
    if arguments.get("tolerance_percent") is not None:
        sql += f" AND abs(here - there) / nullif(here * 1.0, 0) > {arguments['tolerance_percent']}"
    return Failing(sql=sql, tables=(table,))


def _recent(arguments: Arguments, column: str) -> Failing:
    groups = columns_of(arguments.get("group_by"))
    field = f"CAST({needed(str(arguments.get('timestamp_column') or column))} AS TIMESTAMP)"
    shown, by = (f"{', '.join(groups)}, ", f" GROUP BY {', '.join(groups)}") if groups else ("", "")
    limit = f"{NOW} - INTERVAL '{int(arguments['interval'])} {arguments['datepart']}'"
    rows = f"SELECT {shown}max({field}) FILTER (WHERE {field} <= {NOW}) AS newest FROM {_looked_at(arguments)}{by}"
    return Failing(sql=f"SELECT * FROM ({rows}) WHERE coalesce(newest, TIMESTAMP '1970-01-01') < {limit}")


def _columns(arguments: Arguments, column: str, *, how: str) -> Failing:
    wanted = columns_of(arguments["column_list"])
    if how == "forbid":
        return _schema({"forbid": wanted}, ())
    return _schema({"how": how}, wanted)


def _schema(arguments: Mapping[str, Any], columns: Sequence[str]) -> Failing:
    def native(making: Making) -> Check:
        return replace(making, where="").check("columns_are", arguments, making.text, columns=columns)

    return Failing(sql="", native=native, counts=True)


def _exists(arguments: Arguments, column: str) -> Failing:
    place = arguments.get("column_index")
    index = {"index": {column: max(int(place) - 1, 0)}} if place is not None else {}
    return _schema({"how": "contains", **index}, [column])


def _count(arguments: Arguments, column: str) -> Failing:
    if "value" in arguments:
        bound = Threshold(operator="=", value=arguments["value"])
    else:
        low, high = arguments.get("min_value", 0), arguments.get("max_value", 1_000_000)
        bound = Threshold(operator="between", value=low, high=high)
    return _schema({"count": bound.arguments()}, ())


def _count_other(arguments: Arguments, column: str) -> Failing:
    table = table_of(str(arguments["compare_model"]))

    def native(making: Making) -> Check:
        return replace(making, where="").check("columns_same", {"table": table, "how": "count"}, making.text)

    return Failing(sql="", native=native, counts=True, tables=(table,))


def _of_type(arguments: Arguments, column: str) -> Failing:
    kinds = [duckdb_type(str(each)) for each in listed(arguments.get("column_type_list") or arguments["column_type"])]

    def native(making: Making) -> Check:
        return replace(making, where="").check("type", {"types": kinds}, making.text, column=column)

    return Failing(sql="", native=native, counts=True)


EXPECTATIONS: Mapping[str, Meaning] = {
    "expression_is_true": _expression,
    "expect_column_to_exist": _exists,
    "expect_row_values_to_have_recent_data": _recent,
    "expect_grouped_row_values_to_have_recent_data": _recent,
    "expect_table_aggregation_to_equal_other_table": _aggregation_equal_other,
    "expect_table_column_count_to_be_between": _count,
    "expect_table_column_count_to_equal": _count,
    "expect_table_column_count_to_equal_other_table": _count_other,
    "expect_table_columns_to_contain_set": partial(_columns, how="contains"),
    "expect_table_columns_to_match_set": partial(_columns, how="exact"),
    "expect_table_columns_to_match_ordered_list": partial(_columns, how="ordered"),
    "expect_table_columns_to_not_contain_set": partial(_columns, how="forbid"),
    "expect_table_row_count_to_be_between": _rows,
    "expect_table_row_count_to_equal": _rows_equal,
    "expect_table_row_count_to_equal_other_table": _rows_equal_other,
    "expect_table_row_count_to_equal_other_table_times_factor": _rows_equal_other,
    "expect_column_values_to_be_null": _null,
    "expect_column_values_to_not_be_null": _not_null,
    "expect_column_values_to_be_unique": _unique,
    "expect_column_values_to_be_of_type": _of_type,
    "expect_column_values_to_be_in_type_list": _of_type,
    "expect_column_values_to_have_consistent_casing": _casing,
    "expect_column_values_to_be_in_set": _in_set,
    "expect_column_values_to_not_be_in_set": _not_in_set,
    "expect_column_values_to_be_between": partial(_between, "{x}"),
    "expect_row_values_to_have_data_for_every_n_datepart": every_period,
    "expect_column_values_to_be_increasing": partial(_moving, ">"),
    "expect_column_values_to_be_decreasing": partial(_moving, "<"),
    "expect_column_value_lengths_to_be_between": partial(_between, "length({x})"),
    "expect_column_value_lengths_to_equal": _length_equal,
    "expect_column_values_to_match_like_pattern": partial(_like, "LIKE"),
    "expect_column_values_to_match_like_pattern_list": partial(_like, "LIKE", several=True),
    "expect_column_values_to_not_match_like_pattern": partial(_like, "NOT LIKE"),
    "expect_column_values_to_not_match_like_pattern_list": partial(_like, "NOT LIKE", several=True),
    "expect_column_values_to_match_regex": partial(_regex, found=True),
    "expect_column_values_to_match_regex_list": partial(_regex, found=True, several=True),
    "expect_column_values_to_not_match_regex": partial(_regex, found=False),
    "expect_column_values_to_not_match_regex_list": partial(_regex, found=False, several=True),
    "expect_column_distinct_count_to_equal": partial(_equal, "count(DISTINCT {x})"),
    "expect_column_distinct_count_to_be_greater_than": lambda a, c: _of_groups(
        f"(count(DISTINCT {needed(c)}) > {a['value']})", a
    ),
    "expect_column_distinct_count_to_be_less_than": lambda a, c: _of_groups(
        f"(count(DISTINCT {needed(c)}) < {a['value']})", a
    ),
    "expect_column_distinct_count_to_equal_other_table": _distinct_equal_other,
    "expect_column_distinct_values_to_be_in_set": _distinct_in,
    "expect_column_distinct_values_to_contain_set": _distinct_cover,
    "expect_column_distinct_values_to_equal_set": _distinct_equal,
    "expect_column_most_common_value_to_be_in_set": _most_common,
    "expect_column_max_to_be_between": partial(_aggregate, "max({x})"),
    "expect_column_mean_to_be_between": partial(_aggregate, "avg({x})"),
    "expect_column_median_to_be_between": partial(_aggregate, "median({x})"),
    "expect_column_min_to_be_between": partial(_aggregate, "min({x})"),
    "expect_column_quantile_values_to_be_between": partial(_aggregate, "quantile_cont({x}, {q})"),
    "expect_column_stdev_to_be_between": partial(_aggregate, "stddev({x})"),
    "expect_column_sum_to_be_between": partial(_aggregate, "sum({x})"),
    "expect_column_proportion_of_unique_values_to_be_between": partial(
        _aggregate, "(count(DISTINCT {x}) * 1.0 / count({x}))"
    ),
    "expect_column_unique_value_count_to_be_between": partial(_aggregate, "count(DISTINCT {x})"),
    "expect_column_pair_values_A_to_be_greater_than_B": partial(_pair, ">"),
    "expect_column_pair_values_to_be_equal": partial(_pair, "="),
    "expect_column_pair_values_to_be_in_set": _pair_in,
    "expect_compound_columns_to_be_unique": _compound,
    "expect_select_column_values_to_be_unique_within_record": _unique_in_record,
    "expect_multicolumn_sum_to_equal": _column_sum,
    "expect_multicolumn_sum_to_be_between": _column_sum_between,
    "expect_column_values_to_be_within_n_stdevs": deviations,
    "expect_column_values_to_be_within_n_moving_stdevs": moving_deviations,
}
