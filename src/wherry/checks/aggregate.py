"""``avg between 1 and 5``: a number made of all values keeps the bounds.

``measure`` is ``min``, ``max``, ``sum``, ``avg``, ``stddev``, ``variance`` (both of the sample), ``count``,
``null_count``, ``null_share``, ``not_null_share``, ``min_length``, ``max_length``, ``avg_length``; or ``sql`` is any
SQL aggregate. Nulls do not count. Of no values there is no number, which keeps no bound; a count or share is 0 then.
"""

from typing import Any

from wherry.model import measures
from wherry.model.asset import Check
from wherry.model.bounds import holds, plain, told
from wherry.model.run import Outcome
from wherry.quoting import name


def aggregates(check: Check) -> tuple[str, ...]:
    return (measures.aggregate(name(check.column), check.arguments),)


def judge(check: Check, values: tuple[Any]) -> Outcome:
    (value,) = values
    what = check.arguments.get("measure") or check.arguments["sql"]
    found = "no value" if value is None else str(plain(value))
    why = f"{what} is {found}, not {told(check.arguments)}"
    return Outcome(passed=holds(value, check.arguments), observed=plain(value), why=why)
