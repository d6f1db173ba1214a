"""The numbers that checks measure of a column, as SQL; ``{x}`` is the column."""

from collections.abc import Mapping, Sequence
from typing import Any

#: Of all rows.
AGGREGATES = {
    "min": "min({x})",
    "max": "max({x})",
    "sum": "sum({x})",
    "avg": "avg(CAST({x} AS {number}))",
    "stddev": "stddev_samp(CAST({x} AS DOUBLE))",
    "variance": "var_samp(CAST({x} AS DOUBLE))",
    "count": "count({x})",
    "null_count": "count(*) - count({x})",
    "not_null_share": "coalesce(count({x}) / nullif(count(*), 0), 0)",
    "null_share": "coalesce((count(*) - count({x})) / nullif(count(*), 0), 0)",
    "min_length": "min(length(CAST({x} AS VARCHAR)))",
    "max_length": "max(length(CAST({x} AS VARCHAR)))",
    "avg_length": "avg(length(CAST({x} AS VARCHAR)))",
}
_ALL = "sum(copies) FILTER (WHERE k1 IS NOT NULL)"
#: Of the groups of equal values: ``k1`` is the value, ``copies`` are the rows that have it.
DISTINCT = {
    "distinct_count": "count(k1)",
    "distinct_share": f"coalesce(count(k1) / nullif({_ALL}, 0), 0)",
    "unique_count": "count(k1) FILTER (WHERE copies = 1)",
    "unique_share": f"coalesce(count(k1) FILTER (WHERE copies = 1) / nullif({_ALL}, 0), 0)",
    "duplicate_count": "count(k1) FILTER (WHERE copies > 1)",
    "duplicate_share": f"coalesce(sum(copies) FILTER (WHERE k1 IS NOT NULL AND copies > 1) / nullif({_ALL}, 0), 0)",
}


def aggregate(x: str, arguments: Mapping[str, Any]) -> str:
    """The aggregate that the arguments of a check name, of the column ``x``, in quotes."""
    if "sql" in arguments:
        return str(arguments["sql"])
    return AGGREGATES[arguments["measure"]].format(x=x, number="DOUBLE")


def quantiles(x: str, shares: Sequence[float], between: str) -> str:
    """A list of exact quantiles of ``x``, by one aggregate: the values are kept once."""
    if between == "nearest":
        places = ", ".join(f"round_even({q!r}::DOUBLE * (count({x}) - 1), 0)::BIGINT + 1" for q in shares)
        return f"list_select(list_sort(list({x}), 'ASC', 'NULLS LAST'), [{places}])"
    word = "quantile_disc" if between == "lower" else "quantile_cont"
    return f"{word}({x}, [{', '.join(map(repr, shares))}])"
