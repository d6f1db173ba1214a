"""``distinct_count > 3``: how many different values there are keeps the bounds; nulls do not count.

``measure`` is ``distinct_count``; ``distinct_share`` (of the values); ``unique_count``, the values that are there once,
``unique_share`` (of the values); ``duplicate_count``, the different values that are there more than once,
``duplicate_share`` (of the values, all copies counted). A share of no values is 0.
"""

from typing import Any

from wherry.model.asset import Check
from wherry.model.bounds import holds, told
from wherry.model.measures import DISTINCT
from wherry.model.run import Outcome
from wherry.quoting import name


def group_by(check: Check) -> tuple[str, ...]:
    return (name(check.column),)


def judge_groups(check: Check) -> tuple[str, ...]:
    return (DISTINCT[check.arguments["measure"]],)


def judge(check: Check, values: tuple[Any]) -> Outcome:
    (value,) = values
    why = f"{check.arguments['measure']} is {'no value' if value is None else value}, not {told(check.arguments)}"
    return Outcome(passed=holds(value, check.arguments), observed=value, why=why)
