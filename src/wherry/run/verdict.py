"""From what a check found to what is told of it: tolerance and severity applied, values as JSON knows them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Literal

from wherry.engines.duckdb import DuckDB
from wherry.model.asset import Check
from wherry.model.graph import SqlCheck
from wherry.model.levels import reached
from wherry.model.run import CheckResult, Outcome
from wherry.sql.statement import body


def verdict(
    check: Check, outcome: Outcome, looked: int | None, error: str, how: Literal["table", "slice", "metadata"]
) -> CheckResult:
    """The verdict of a check. One that could not be decided is never let pass as a warning."""
    state = "failed" if error else "passed" if outcome.passed else _state(check, outcome, looked)
    bad = state != "passed"
    return CheckResult(
        check=check.text,
        column=check.column,
        state=state,
        # What counts no rows is one promise broken.
        failing=outcome.failing or int(bad and not error),
        error=error,
        observed=_json(outcome.observed),
        looked=looked,
        why=outcome.why if bad else "",
        how=how,
    )


def _state(check: Check, outcome: Outcome, looked: int | None) -> Literal["passed", "failed", "warned"]:
    """What a check comes to that did not pass as it is."""
    if check.levels and (outcome.failing or outcome.level):
        level = outcome.level or reached(check.levels, outcome.failing, looked)
        return "failed" if level == "error" else "warned" if level else "passed"
    if _tolerated(check, outcome, looked):
        return "passed"
    return "warned" if check.severity == "warn" else "failed"


def _tolerated(check: Check, outcome: Outcome, looked: int | None) -> bool:
    if not outcome.failing:
        return False
    if check.most is not None:
        return outcome.failing <= check.most
    from fractions import Fraction

    # A fraction, since in floating point 1 of 10 rows is more than what 0.9 leaves.
    return outcome.failing <= (1 - Fraction(str(check.mostly))) * (looked or 0)


def _json(value: Any) -> Any:
    """A value as JSON knows it."""
    if isinstance(value, Mapping):
        return {str(key): _json(each) for key, each in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_json(each) for each in value]
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    return str(value)


def first_line(error: BaseException) -> str:
    """An error in one line; of a check that was not understood just why."""
    line = (str(error).strip() or type(error).__name__).splitlines()[0]
    return line.removeprefix("Invalid Input Error: ") if "Error: it cannot run: " in line else line


def run_sql_check(cursor: DuckDB, check: SqlCheck) -> CheckResult:
    """The verdict of a file of SQL that returns bad rows."""
    failing, error = 0, ""
    try:
        failing = int(cursor.execute(f"SELECT count(*) FROM (\n{body(check.text)}\n)")[0][0])
    except Exception as problem:
        error = first_line(problem)
    state = "failed" if error else "passed"
    if failing and check.levels:
        state = {"error": "failed", "warn": "warned", "": "passed"}[reached(check.levels, failing, None)]
    elif failing:
        state = "warned" if check.severity == "warn" else "failed"
    return CheckResult(check=check.name, column="", state=state, failing=failing, error=error)  # type: ignore[arg-type]
