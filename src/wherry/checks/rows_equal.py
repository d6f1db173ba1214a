"""``rows = rows of schema.table``: both have as many rows, or ``factor`` times as many, or fewer (``operator``)."""

from typing import Any

from wherry.model.asset import Check
from wherry.model.bounds import holds
from wherry.model.run import Outcome
from wherry.quoting import full_name


def query(check: Check, table: str) -> str:
    other = full_name(check.arguments["table"])
    narrowed = f" WHERE {check.arguments['there']}" if check.arguments.get("there") else ""
    return f"SELECT (SELECT count(*) FROM {table}), (SELECT count(*) FROM {other}{narrowed})"


def judge(check: Check, values: tuple[Any, ...]) -> Outcome:
    here, there = values
    operator, goal = check.arguments.get("operator", "="), there * check.arguments.get("factor", 1)
    passed = holds(here, {"operator": operator, "value": goal})
    return Outcome(passed=passed, observed=here, why=f"{here} rows here, {there} in {check.arguments['table']}")
