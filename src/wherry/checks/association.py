"""``cramers_phi [a, b] < 0.1``: how much two columns tell of one another, from 0 (nothing) to 1; nulls do not count.

Cramér's phi (V) of the table of both columns' values, without a correction of bias: the root of
chi-square / (n * (min(rows, columns) - 1)). A column with one value tells nothing: 0.
"""

from typing import Any

from wherry.model.asset import Check
from wherry.model.bounds import holds, told
from wherry.model.run import Outcome
from wherry.quoting import name


def query(check: Check, table: str) -> str:
    a, b = map(name, check.columns)
    cells = (
        f"SELECT {a} AS a, {b} AS b, count(*) AS c FROM {table} WHERE {a} IS NOT NULL AND {b} IS NOT NULL GROUP BY 1, 2"
    )
    sums = "sum(c) OVER (PARTITION BY a) AS of_a, sum(c) OVER (PARTITION BY b) AS of_b, sum(c) OVER () AS n"
    return (
        "SELECT any_value(n) * (sum(c::DOUBLE * c / (of_a::DOUBLE * of_b)) - 1), any_value(n)::BIGINT, "
        f"count(DISTINCT a), count(DISTINCT b) FROM (SELECT *, {sums} FROM ({cells}))"
    )


def judge(check: Check, values: tuple[Any, ...]) -> Outcome:
    chi_square, size, rows, columns = values
    if not size:
        return Outcome(passed=False, why="there are no values")
    freedom = min(rows, columns) - 1
    phi = min(1.0, (max(0.0, float(chi_square)) / (size * freedom)) ** 0.5) if freedom else 0.0
    passed = holds(phi, check.arguments)
    return Outcome(passed=passed, observed=phi, why=f"cramers_phi is {phi:.4g}, not {told(check.arguments)}")
