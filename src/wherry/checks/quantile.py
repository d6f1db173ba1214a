"""``median between 1 and 5``, ``quantile(0.95) < 10``: an exact quantile keeps the bounds; nulls do not count.

Between two values it is interpolated; ``between: lower`` takes the lower one, ``between: nearest`` the nearer, and of
two as near the one at an even place (from 0). Several ``quantiles`` may be given with a list of ``bounds`` for each,
pairs of low and high of which either may be null.
"""

from collections.abc import Mapping
from typing import Any

from wherry.model import measures
from wherry.model.asset import Check
from wherry.model.bounds import holds, plain, told
from wherry.model.run import Outcome
from wherry.quoting import name

#: An exact quantile keeps all values at once: not in the pass that the cheap aggregates share.
heavy = True


def aggregates(check: Check) -> tuple[str, ...]:
    between = check.arguments.get("between", "interpolate")
    return (measures.quantiles(name(check.column), _quantiles(check), between),)


def judge(check: Check, values: tuple[list[Any] | None]) -> Outcome:
    quantiles = _quantiles(check)
    found = values[0] if values[0] is not None else [None] * len(quantiles)
    bounds: list[Mapping[str, Any]] = [check.arguments]
    if "bounds" in check.arguments:
        bounds = [{"low": low, "high": high} for low, high in check.arguments["bounds"]]
    broken = [
        f"quantile {share:g} is {'no value' if value is None else plain(value)}, not {told(bound)}"
        for share, value, bound in zip(quantiles, found, bounds, strict=True)
        if not holds(value, bound)
    ]
    observed = plain(found) if "bounds" in check.arguments else plain(found[0])
    return Outcome(passed=not broken, observed=observed, why="; ".join(broken))


def _quantiles(check: Check) -> list[float]:
    several = check.arguments.get("quantiles")
    return [float(q) for q in several] if several else [float(check.arguments.get("quantile", 0.5))]
