"""``rows > 0``: the number of rows keeps the bounds."""

from wherry.model.asset import Check
from wherry.model.bounds import holds, told
from wherry.model.run import Outcome

#: The rows of slices add up, but a bound on them does not.
decomposes = False


def aggregates(check: Check) -> tuple[str, ...]:
    return ("count(*)",)


def bad_rows(check: Check, table: str) -> str:
    return f"SELECT count(*) AS row_count FROM {table}"


def judge(check: Check, values: tuple[int]) -> Outcome:
    (rows,) = values
    return Outcome(passed=holds(rows, check.arguments), observed=rows, why=f"{rows} rows, not {told(check.arguments)}")
