"""``fresh within 2 hours``: the newest value of a time column is not older than that, by the run's clock.

Times without a zone are UTC; a date is its midnight. A time in the future is fresh. Of no values none is fresh.
"""

from wherry.model.asset import Check
from wherry.model.run import Outcome
from wherry.quoting import NOW, name


def aggregates(check: Check) -> tuple[str, ...]:
    return (f"epoch({NOW}) - epoch(max(CAST({name(check.column)} AS TIMESTAMP)))",)


def judge(check: Check, values: tuple[float | None]) -> Outcome:
    (age,) = values
    allowed = float(check.arguments["seconds"])
    why = "there is no value" if age is None else f"the newest value is {_told(age)} old, not within {_told(allowed)}"
    return Outcome(passed=age is not None and age <= allowed, observed=age, why=why)


def _told(seconds: float) -> str:
    for unit, width in (("days", 86_400), ("hours", 3_600), ("minutes", 60)):
        if abs(seconds) >= 2 * width:
            return f"{seconds / width:.1f} {unit}"
    return f"{seconds:.0f} seconds"
