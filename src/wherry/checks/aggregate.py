"""``avg between 1 and 5``: a number made of all values keeps the bounds.

``measure`` is ``min``, ``max``, ``sum``, ``avg``, ``stddev``, ``variance`` (both of the sample), ``count``,
``null_count``, ``null_share``, ``not_null_share``, ``min_length``, ``max_length``, ``avg_length``; or ``sql`` is any
SQL aggregate. Nulls do not count. Of no values there is no number, which keeps no bound; a count or share is 0 then.
"""

from typing import Any

from wherry.model.asset import Check
from wherry.model.bounds import holds, plain, told
from wherry.model.run import Outcome
from wherry.quoting import name

MEASURES = {
    "min": "min({x})",
    "max": "max({x})",
    "sum": "sum({x})",
    "avg": "avg(CAST({x} AS {number}))",
    "stddev": "stddev_samp(CAST({x} AS DOUBLE))",
    "variance": "var_samp(CAST({x} AS DOUBLE))",
    "count": "count({x})",
    "null_count": "count(*) - count({x})",
    "not_null_share": "coalesce(count({x}) / nullif(count(*), 0), 0)",
    "null_share": "coalesce((count(*) - count({x})) / nullif(count(*), 0), 0)",
    "min_length": "min(length(CAST({x} AS VARCHAR)))",
    "max_length": "max(length(CAST({x} AS VARCHAR)))",
    "avg_length": "avg(length(CAST({x} AS VARCHAR)))",
}


def aggregates(check: Check) -> tuple[str, ...]:
    if "sql" in check.arguments:
        return (str(check.arguments["sql"]),)
    return (MEASURES[check.arguments["measure"]].format(x=name(check.column), number="DOUBLE"),)


def judge(check: Check, values: tuple[Any]) -> Outcome:
    (value,) = values
    what = check.arguments.get("measure") or check.arguments["sql"]
    found = "no value" if value is None else str(plain(value))
    why = f"{what} is {found}, not {told(check.arguments)}"
    return Outcome(passed=holds(value, check.arguments), observed=plain(value), why=why)
