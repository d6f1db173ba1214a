"""Tests of dbt_expectations about deviations and gaps: they group before they measure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from wherry.imports import Mistaken
from wherry.imports.dbt_generic import columns_of, needed
from wherry.imports.dbt_test import Failing
from wherry.imports.dbt_utils import NOW
from wherry.quoting import text

Arguments = Mapping[str, Any]
_PERIODS = ("second", "minute", "hour", "day", "week", "month", "quarter", "year")


def deviations(arguments: Arguments, column: str) -> Failing:
    """No value, or with ``group_by`` no group's sum, is further from the mean of all than so many deviations."""
    this, groups, most = needed(column), columns_of(arguments.get("group_by")), arguments.get("sigma_threshold", 3)
    rows = f"SELECT {this} AS v FROM {{table}}"
    if groups:
        rows = f"SELECT {_shown(groups)}sum({this}) AS v FROM {{table}} GROUP BY {_places(len(groups))}"
    measured = f"SELECT *, avg(v) OVER () AS mean, stddev(v) OVER () AS spread FROM ({rows})"
    return Failing(sql=f"SELECT * FROM ({measured}) WHERE abs((v - mean) / nullif(spread, 0)) > {most}")


def moving_deviations(arguments: Arguments, column: str) -> Failing:
    """The sum of each of the last periods, or how it changed, is not further than so many deviations from the mean of
    the periods before it."""
    this, groups, moment = needed(column), columns_of(arguments.get("group_by")), str(arguments["date_column_name"])
    period, most = _period(arguments.get("period", "day")), arguments.get("sigma_threshold", 3)
    high = arguments.get("sigma_threshold_upper") or most
    low = arguments.get("sigma_threshold_lower") or f"-1 * {most}"
    tested, trend = int(arguments.get("test_periods", 14)), int(arguments.get("trend_periods", 7))
    lookback, logs = int(arguments.get("lookback_periods", 1)), bool(arguments.get("take_logs", True))
    per = f"PARTITION BY {', '.join(groups)} " if groups else ""
    summed = (
        f"SELECT date_trunc('{period}', {moment}) AS metric_period, {_shown(groups)}sum({this}) AS total "
        f"FROM {{table}} GROUP BY {_places(1 + len(groups))}"
    )
    value = _measure("total", logs)
    if arguments.get("take_diffs", True):
        value += f" - {_measure(f'lag(total, {lookback}) OVER ({per}ORDER BY metric_period)', logs)}"
    window = f"OVER ({per}ORDER BY metric_period ROWS BETWEEN {trend} PRECEDING AND 1 PRECEDING)"
    moving = (
        f"SELECT *, avg(v) {window} AS mean, stddev(v) {window} AS spread FROM (SELECT *, {value} AS v FROM ({summed}))"
    )
    far = f"SELECT *, (v - mean) / nullif(spread, 0) AS sigma FROM ({moving})"
    now = f"date_trunc('{period}', {NOW})"
    return Failing(
        sql=f"SELECT * FROM ({far}) WHERE metric_period >= CAST({now} - INTERVAL 1 {period} * {tested} AS TIMESTAMP) "
        f"AND metric_period < {now} AND NOT (sigma >= {low} AND sigma <= {high})"
    )


def every_period(arguments: Arguments, column: str) -> Failing:
    """There is a row for every day from the first to the last, or for every so many weeks, months..."""
    moment, part = str(arguments["date_col"]), _period(arguments.get("date_part", "day"))
    interval = int(arguments.get("interval") or 1)
    condition = arguments.get("row_condition")
    rows = f"(SELECT * FROM {{table}} WHERE {condition})" if condition else "{table}"
    first, last = (
        f"CAST({text(str(arguments[key]))} AS TIMESTAMP)"
        if arguments.get(key)
        else f"(SELECT CAST({end}(CAST({moment} AS DATE)) AS TIMESTAMP) FROM {rows})"
        for key, end in (("test_start_date", "min"), ("test_end_date", "max"))
    )
    # The last one is not asked for.
    numbers = f"SELECT unnest(range(date_diff('{part}', {first}, {last}))) AS n"
    wanted = f"SELECT {first} + INTERVAL 1 {part} * n AS date_{part}, true AS is_missing, 0 AS row_cnt FROM ({numbers})"
    apart = f"date_diff('{part}', {first}, CAST({moment} AS TIMESTAMP)) % {interval}"
    found = f"SELECT CAST(date_trunc('{part}', {moment}) AS TIMESTAMP) - INTERVAL 1 {part} * ({apart}) FROM {rows}"
    sql = (
        f"SELECT * FROM ({wanted} WHERE n % {interval} = 0) "
        f"WHERE date_{part} NOT IN ({found} WHERE {moment} IS NOT NULL)"
    )
    excluded = f" WHERE {arguments['exclusion_condition']}" if arguments.get("exclusion_condition") else ""
    return Failing(sql=f"SELECT * FROM ({sql}){excluded}")


def _measure(value: str, logs: bool) -> str:
    return f"coalesce(ln(nullif({value}, 0)), 0)" if logs else f"coalesce({value}, 0)"


def _shown(groups: Sequence[str]) -> str:
    return "".join(f"{group}, " for group in groups)


def _places(count: int) -> str:
    return ", ".join(map(str, range(1, count + 1)))


def _period(written: Any) -> str:
    if written not in _PERIODS:
        raise Mistaken(f"there is no period `{written}`")
    return str(written)
