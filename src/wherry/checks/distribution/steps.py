"""The largest distance between two distribution functions."""

from math import isfinite

from wherry.checks.distribution.pairs import bins
from wherry.model.asset import Check
from wherry.quoting import full_name, literal, name


def distance_sql(check: Check, table: str) -> str:
    """A SELECT of the distance, the number of values here, and that of the reference (null when it is given)."""
    given, x = check.arguments, name(check.column)
    if "table" not in given:
        return _to_given(check, table)
    y = name(given["column"])
    there = f" AND ({given['there']})" if given.get("there") else ""
    both = (
        f"SELECT {x} AS v, 1 AS a, 0 AS b FROM {table} WHERE {x} IS NOT NULL UNION ALL "
        f"SELECT {y}, 0, 1 FROM {full_name(given['table'])} WHERE {y} IS NOT NULL{there}"
    )
    steps = (
        f"SELECT sum(sum(a)) OVER (ORDER BY v) / sum(sum(a)) OVER () AS here, "
        "sum(sum(b)) OVER (ORDER BY v) / sum(sum(b)) OVER () AS there, sum(a) AS a, sum(b) AS b "
        f"FROM ({both}) GROUP BY v"
    )
    return f"SELECT max(abs(here - there)), sum(a)::BIGINT, sum(b)::BIGINT FROM ({steps})"


def _to_given(check: Check, table: str) -> str:
    """Against bins within which the reference is spread evenly."""
    given, x = check.arguments, name(check.column)
    if "bins" not in given:
        raise ValueError("`ks` needs `bins` or a table: values in no order have no distribution function.")
    edges, weights = bins(check)
    if not all(map(isfinite, edges)):
        raise ValueError("`ks` needs finite bins.")
    total, below, pieces = sum(weights), 0.0, [f"WHEN v < {literal(edges[0])} THEN 0"]
    for low, high, weight in zip(edges[:-1], edges[1:], weights, strict=True):
        share = weight / total
        pieces.append(f"WHEN v < {literal(high)} THEN {below!r} + {share!r} * (v - {literal(low)}) / {high - low!r}")
        below += share
    cdf = f"CASE {' '.join(pieces)} ELSE 1 END"
    steps = (
        "SELECT v, count(*) AS c, sum(count(*)) OVER (ORDER BY v) AS up_to, sum(count(*)) OVER () AS n "
        f"FROM (SELECT CAST({x} AS DOUBLE) AS v FROM {table} WHERE {x} IS NOT NULL) GROUP BY v"
    )
    apart = f"greatest(abs(up_to / n - {cdf}), abs((up_to - c) / n - {cdf}))"
    return f"SELECT max({apart}), any_value(n)::BIGINT, NULL FROM ({steps})"
