"""What Soda measures of a column, in both of its languages."""

from __future__ import annotations

from collections.abc import Sequence

from wherry.imports.making import Making
from wherry.imports.threshold import Threshold
from wherry.model.asset import Check
from wherry.quoting import name, names

#: SodaCL's metrics of a column's values, as SQL over the value.
AGGREGATES = {
    "min": "min({x})", "max": "max({x})", "avg": "avg({x})", "sum": "sum({x})",
    "min_length": "min(length({x}))", "max_length": "max(length({x}))", "avg_length": "avg(length({x}))",
    "stddev": "stddev({x})", "stddev_pop": "stddev_pop({x})", "stddev_samp": "stddev_samp({x})",
    "variance": "variance({x})", "var_pop": "var_pop({x})", "var_samp": "var_samp({x})",
    "distinct": "count(DISTINCT {x})",
}  # fmt: skip


def repeated(columns: Sequence[str]) -> str:
    """A SELECT of how many different values, none of them null, are there more than once."""
    filled = " AND ".join(f"{name(column)} IS NOT NULL" for column in columns)
    groups = f"SELECT 1 FROM {{table}} WHERE {filled} GROUP BY {names(columns)} HAVING count(*) > 1"
    return f"SELECT count(*) FROM ({groups})"


def duplicates(columns: Sequence[str], threshold: Threshold, making: Making, *, percent: bool) -> Check:
    """Soda 3 counts the values that are there more than once, not their rows, be they valid or not."""
    column = columns[0] if len(columns) == 1 else ""
    if not percent and threshold.rows_at_most() == 0:
        return making.unique(columns)
    count = repeated(columns)
    if percent:
        count = f"SELECT coalesce(round(100.0 * ({count}) / nullif((SELECT count(*) FROM {{table}}), 0), 2), 0)"
    return making.number(count, threshold, making.text, column=column)
