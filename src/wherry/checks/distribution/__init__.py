"""``psi against schema.table.column < 0.2``: the values are spread as in a reference; nulls do not count.

``method`` is

- ``psi``, the population stability index: sum of (p - q) ln(p / q), where no share counts as less than 0.0001;
- ``kl``, the Kullback-Leibler divergence of the values from the reference: sum of p ln(p / q);
- ``chi_square``, Pearson's goodness of fit, whose ``p`` is judged unless ``of: statistic``;
- ``ks``, the largest distance of the distribution functions (Kolmogorov-Smirnov); ``of: p`` judges its probability.

The reference is ``values`` or ``bins`` (edges) with ``weights``, or ``table`` and ``column``; a table's numbers are cut
at the quantiles of the reference into ``bins: 10`` parts, or left as they are without it. ``tail_weight`` is the share
of the reference set aside for values that it does not hold, ``zero_weight`` that for its bins of weight 0. A bin holds
its lower edge, the last one both. Of no values there is nothing to say, which fails.
"""

from typing import Any

from wherry.checks.distribution.pairs import pairs_sql
from wherry.checks.distribution.probability import chi_square_tail, kolmogorov_p
from wherry.checks.distribution.steps import distance_sql
from wherry.model.asset import Check
from wherry.model.bounds import holds, plain, told
from wherry.model.run import Outcome

#: A share counts as no less in the population stability index.
LEAST = 0.0001

_PSI = f"sum((greatest(p, {LEAST}) - greatest(q, {LEAST})) * ln(greatest(p, {LEAST}) / greatest(q, {LEAST})))"
_KL = "sum(CASE WHEN p = 0 THEN 0 WHEN q > 0 THEN p * ln(p / q) ELSE 'inf'::DOUBLE END)"
_CHI = "sum(CASE WHEN q > 0 THEN (c - q * n) * (c - q * n) / (q * n) WHEN c > 0 THEN 'inf'::DOUBLE ELSE 0 END)"
STATISTICS = {"psi": _PSI, "kl": _KL, "chi_square": _CHI}


def query(check: Check, table: str) -> str:
    method = check.arguments["method"]
    if method == "ks":
        return distance_sql(check, table)
    return f"SELECT {STATISTICS[method]}, any_value(n), count(*) FILTER (WHERE q > 0) FROM ({pairs_sql(check, table)})"


def judge(check: Check, values: tuple[Any, ...]) -> Outcome:
    method, (statistic, size, other) = check.arguments["method"], values
    if statistic is None or not size:
        return Outcome(passed=False, why="there are no values")
    found, what = float(statistic), method
    if check.arguments.get("of", "p" if method == "chi_square" else "statistic") == "p":
        what = f"p of {method}"
        if method == "ks":
            found = kolmogorov_p(found, size * other / (size + other) if other else size)
        else:
            found = chi_square_tail(found, int(other) - 1)
    why = f"{what} is {plain(found)}, not {told(check.arguments)}"
    return Outcome(passed=holds(found, check.arguments), observed=plain(found), why=why)
