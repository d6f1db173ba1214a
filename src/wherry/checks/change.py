"""``rows change between -10% and 50%``: against the published version before, a number changed so much and no more.

Without a version before there is nothing to compare, and it passes. ``sql`` is another aggregate than the number of
rows. In percent, any change from 0 is without bound.
"""

from typing import Any

from wherry.model.asset import Check
from wherry.model.bounds import holds, plain, told
from wherry.model.run import Outcome

#: ``query`` is given the version before.
before = True


def query(check: Check, table: str, before: str | None) -> str:
    measure = check.arguments.get("sql", "count(*)")
    old = f"(SELECT {measure} FROM {before})" if before is not None else "NULL"
    return f"SELECT (SELECT {measure} FROM {table}), {old}"


def judge(check: Check, values: tuple[Any, ...]) -> Outcome:
    now, old = values
    if old is None:
        return Outcome(passed=True, why="there is no version before")
    if now is None:
        return Outcome(passed=False, why="there is no value now")
    change: Any = now - old
    if check.arguments.get("percent"):
        change = (
            0.0 if not change else float(change) / float(old) * 100 if old else float("inf") * (1 if now > old else -1)
        )
    unit = "%" if check.arguments.get("percent") else ""
    why = f"changed by {plain(change)}{unit}, from {plain(old)} to {plain(now)}, not {told(check.arguments)}"
    return Outcome(passed=holds(change, check.arguments), observed=plain(change), why=why)
