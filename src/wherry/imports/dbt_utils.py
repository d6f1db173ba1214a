"""The tests of the package dbt_utils."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from wherry.imports import Mistaken
from wherry.imports.dbt_generic import Meaning, columns_of, needed, quoted, values_sql
from wherry.imports.dbt_jinja import table_of
from wherry.imports.dbt_test import Failing
from wherry.quoting import name, names

Arguments = Mapping[str, Any]
#: The moment of the run in SQL.
NOW = "$wherry_now"


def rows_where(bad: str, column: str = "", text: str = "") -> Failing:
    """Every row for which a condition is true; null is not."""
    return Failing(
        sql=f"SELECT * FROM {{table}} WHERE {bad}",
        native=lambda making: making.not_bad(f"({bad})", making.text, column=column),
        counts=True,
    )


def _grouped(arguments: Arguments, select: str, having: str) -> Failing:
    groups = columns_of(arguments.get("group_by_columns"))
    shown = f"{names(groups)}, " if groups else ""
    by = f" GROUP BY {names(groups)}" if groups else ""
    return Failing(sql=f"SELECT * FROM (SELECT {shown}{select} FROM {{table}}{by}) WHERE {having}")


def accepted_range(arguments: Arguments, column: str) -> Failing:
    this, equal = needed(column), "" if arguments.get("inclusive") is False else "="
    low, high = arguments.get("min_value"), arguments.get("max_value")
    parts = [f"NOT {this} >{equal} ({low})"] if low is not None else []
    parts += [f"NOT {this} <{equal} ({high})"] if high is not None else []
    if not parts:
        raise Mistaken("it has neither `min_value` nor `max_value`")
    return rows_where(" OR ".join(parts), column)


def at_least_one(arguments: Arguments, column: str) -> Failing:
    return _grouped(arguments, f"count({needed(column)}) AS filler_column", "filler_column = 0")


def cardinality_equality(arguments: Arguments, column: str) -> Failing:
    table, field = table_of(str(arguments["to"])), str(arguments["field"])
    here = f"SELECT {needed(column)} AS value, count(*) AS num_rows FROM {{table}} GROUP BY 1"
    there = f"SELECT {name(field)} AS value, count(*) AS num_rows FROM {quoted(table)} GROUP BY 1"
    return Failing(sql=f"(({here}) EXCEPT ({there})) UNION ALL (({there}) EXCEPT ({here}))", tables=(table,))


def _counts(arguments: Arguments, difference: str) -> Failing:
    """Numbers of rows here and in another table, group by group; the failures are the sum of a difference of both."""
    table, groups = table_of(str(arguments["compare_model"])), columns_of(arguments.get("group_by_columns"))
    shown = f"{names(groups)}, " if groups else ""
    by = f" GROUP BY {names(groups)}" if groups else ""
    same = " AND ".join(f"a.{name(group)} = b.{name(group)}" for group in groups) or "true"
    sql = (
        f"SELECT {difference} AS difference FROM (SELECT {shown}count(*) AS n FROM {{table}}{by}) AS a "
        f"FULL JOIN (SELECT {shown}count(*) AS n FROM {quoted(table)}{by}) AS b ON {same}"
    )
    return Failing(sql=sql, tables=(table,), calc="sum(coalesce(difference, 0))")


def equal_rowcount(arguments: Arguments, column: str) -> Failing:
    return _counts(arguments, "abs(a.n - b.n)")


def fewer_rows_than(arguments: Arguments, column: str) -> Failing:
    return _counts(arguments, "CASE WHEN a.n > b.n THEN a.n - b.n WHEN a.n = b.n THEN 1 ELSE 0 END")


def equality(arguments: Arguments, column: str) -> Failing:
    table, chosen = table_of(str(arguments["compare_model"])), columns_of(arguments.get("compare_columns"))
    precision, left_out = arguments.get("precision"), columns_of(arguments.get("exclude_columns"))
    shown = names(chosen) if chosen else "*" + (f" EXCLUDE ({names(left_out)})" if left_out else "")
    # Columns are matched by name: with none of its rows, those of this table come first, in their order.
    other = f"(SELECT {shown} FROM {{table}} LIMIT 0) UNION ALL BY NAME (SELECT {shown} FROM {quoted(table)})"
    columns = "*" if not precision else _rounded(int(precision))
    here, there = f"SELECT {columns} FROM (SELECT {shown} FROM {{table}})", f"SELECT {columns} FROM ({other})"
    return Failing(sql=f"(({here}) EXCEPT ({there})) UNION ALL (({there}) EXCEPT ({here}))", tables=(table,))


def _rounded(precision: int) -> str:
    """All columns as text, those of fractions rounded like dbt_utils does it: as ``numeric``, which has six digits."""
    fraction = "typeof(COLUMNS(*)) IN ('DOUBLE', 'FLOAT') OR typeof(COLUMNS(*)) LIKE 'DECIMAL%'"
    value = "CAST(COLUMNS(*) AS VARCHAR)"
    rounded = f"CAST(round(CAST({value} AS DECIMAL(28, 6)), {precision}) AS VARCHAR)"
    return f"CASE WHEN {fraction} THEN {rounded} ELSE {value} END"


def expression_is_true(arguments: Arguments, column: str) -> Failing:
    expression = str(arguments["expression"])
    return rows_where(f"NOT ({f'{name(column)} ' if column else ''}{expression})", column)


def mutually_exclusive_ranges(arguments: Arguments, column: str) -> Failing:
    low, high = str(arguments["lower_bound_column"]), str(arguments["upper_bound_column"])
    touching = {"not_allowed": "=", "allowed": "<=", "required": "<"}.get(str(arguments.get("gaps", "allowed")))
    if touching is None:
        raise Mistaken(f"`gaps: {arguments['gaps']}` is none of not_allowed, allowed, required")
    ends = "<=" if arguments.get("zero_length_range_allowed") else "<"
    per = f"PARTITION BY {arguments['partition_by']} " if arguments.get("partition_by") else ""
    sql = (
        f"SELECT * FROM (SELECT {low} AS low, {high} AS high, "
        f"lead({low}) OVER ({per}ORDER BY {low}, {high}) AS next_low, "
        f"row_number() OVER ({per}ORDER BY {low} DESC, {high} DESC) = 1 AS is_last FROM {{table}}) "
        f"WHERE NOT (coalesce(low {ends} high, false) AND coalesce(high {touching} next_low, is_last, false))"
    )
    return Failing(sql=sql)


def not_accepted_values(arguments: Arguments, column: str) -> Failing:
    this = needed(column)
    values = values_sql(arguments, "values", quote=arguments.get("quote") is not False)
    sql = (
        f"SELECT {this} AS value_field, count(*) AS n_records FROM {{table}} WHERE {this} IN ({values}) GROUP BY {this}"
    )
    return Failing(sql=sql, native=lambda making: making.not_bad(f"({this} IN ({values}))", making.text, column=column))


def not_constant(arguments: Arguments, column: str) -> Failing:
    return _grouped(arguments, f"count(DISTINCT {needed(column)}) AS filler_column", "filler_column = 1")


def not_empty_string(arguments: Arguments, column: str) -> Failing:
    this = needed(column)
    return rows_where(f"{this} = ''" if arguments.get("trim_whitespace") is False else f"trim({this}) = ''", column)


def not_null_proportion(arguments: Arguments, column: str) -> Failing:
    at_least, at_most = arguments["at_least"], arguments.get("at_most", 1)
    share = f"count({needed(column)}) / CAST(count(*) AS DECIMAL(28, 6)) AS share"
    return _grouped(arguments, share, f"share < {at_least} OR share > {at_most}")


def recency(arguments: Arguments, column: str) -> Failing:
    field, step, width = str(arguments["field"]), str(arguments["datepart"]), int(arguments["interval"])
    newest, limit = f"max(CAST({field} AS TIMESTAMP)) AS newest", f"{NOW} - INTERVAL '{width} {step}'"
    if arguments.get("ignore_time_component"):
        newest, limit = f"max(CAST({field} AS DATE)) AS newest", f"CAST({limit} AS DATE)"
    return _grouped(arguments, newest, f"newest < {limit}")


def relationships_where(arguments: Arguments, column: str) -> Failing:
    this, table, field = needed(column), table_of(str(arguments["to"])), str(arguments["field"])
    mine, theirs = arguments.get("from_condition", "1=1"), arguments.get("to_condition", "1=1")
    known = f"SELECT {name(field)} AS id FROM {quoted(table)} WHERE {name(field)} IS NOT NULL AND {theirs}"
    sql = (
        f"SELECT a.id FROM (SELECT {this} AS id FROM {{table}} WHERE {this} IS NOT NULL AND {mine}) AS a "
        f"WHERE NOT EXISTS (SELECT 1 FROM ({known}) AS b WHERE a.id = b.id)"
    )
    return Failing(sql=sql, tables=(table,))


def sequential_values(arguments: Arguments, column: str) -> Failing:
    this, width, part = needed(column), arguments.get("interval", 1), arguments.get("datepart")
    groups = columns_of(arguments.get("group_by_columns"))
    per = f"PARTITION BY {names(groups)} " if groups else ""
    expected = f"before + INTERVAL '{int(width)} {part}'" if part else f"before + {width}"
    pair = f"CAST({this} AS TIMESTAMP) = CAST({expected} AS TIMESTAMP)" if part else f"{this} = {expected}"
    rows = f"SELECT *, lag({this}) OVER ({per}ORDER BY {this}) AS before FROM {{table}}"
    return Failing(sql=f"SELECT * FROM ({rows}) WHERE NOT ({pair})")


def unique_combination_of_columns(arguments: Arguments, column: str) -> Failing:
    columns = names(columns_of(arguments["combination_of_columns"]))
    return Failing(sql=f"SELECT {columns} FROM {{table}} GROUP BY {columns} HAVING count(*) > 1")


UTILS: Mapping[str, Meaning] = {
    "accepted_range": accepted_range,
    "at_least_one": at_least_one,
    "cardinality_equality": cardinality_equality,
    "equal_rowcount": equal_rowcount,
    "equality": equality,
    "expression_is_true": expression_is_true,
    "fewer_rows_than": fewer_rows_than,
    "mutually_exclusive_ranges": mutually_exclusive_ranges,
    "not_accepted_values": not_accepted_values,
    "not_constant": not_constant,
    "not_empty_string": not_empty_string,
    "not_null_proportion": not_null_proportion,
    "recency": recency,
    "relationships_where": relationships_where,
    "sequential_values": sequential_values,
    "unique_combination_of_columns": unique_combination_of_columns,
}
