"""``distinct_count > 3``: how many different values there are keeps the bounds; nulls do not count.

``measure`` is ``distinct_count``; ``distinct_share`` (of the values); ``unique_count``, the values that are there once,
``unique_share`` (of the values); ``duplicate_count``, the different values that are there more than once,
``duplicate_share`` (of the values, all copies counted). A share of no values is 0.
"""

from typing import Any

from wherry.model.asset import Check
from wherry.model.bounds import holds, told
from wherry.model.run import Outcome
from wherry.quoting import name

_ALL = "sum(copies) FILTER (WHERE k1 IS NOT NULL)"
MEASURES = {
    "distinct_count": "count(k1)",
    "distinct_share": f"coalesce(count(k1) / nullif({_ALL}, 0), 0)",
    "unique_count": "count(k1) FILTER (WHERE copies = 1)",
    "unique_share": f"coalesce(count(k1) FILTER (WHERE copies = 1) / nullif({_ALL}, 0), 0)",
    "duplicate_count": "count(k1) FILTER (WHERE copies > 1)",
    "duplicate_share": f"coalesce(sum(copies) FILTER (WHERE k1 IS NOT NULL AND copies > 1) / nullif({_ALL}, 0), 0)",
}


def group_by(check: Check) -> tuple[str, ...]:
    return (name(check.column),)


def judge_groups(check: Check) -> tuple[str, ...]:
    return (MEASURES[check.arguments["measure"]],)


def judge(check: Check, values: tuple[Any]) -> Outcome:
    (value,) = values
    why = f"{check.arguments['measure']} is {'no value' if value is None else value}, not {told(check.arguments)}"
    return Outcome(passed=holds(value, check.arguments), observed=value, why=why)
