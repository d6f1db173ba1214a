"""``outliers``: no value lies far from the others; null passes.

``method: z`` (the default) is more than ``distance`` (3) standard deviations of the sample from the mean,
``method: iqr`` more than ``distance`` times the width between the quartiles beyond them (Tukey's fences; 1.5 is usual).
``side`` is
``both``, ``high`` or ``low``. In a column whose values are all the same nothing is far.
"""

from wherry.model.asset import Check
from wherry.quoting import name


def bad_rows(check: Check, table: str) -> str:
    column, far = name(check.column), float(check.arguments.get("distance", 3))
    value = f"CAST({column} AS DOUBLE)"
    if check.arguments.get("method", "z") == "iqr":
        quartile = f"quantile_cont({value}, {{share}})"
        low, high = quartile.format(share=0.25), quartile.format(share=0.75)
        below, above = f"{low} - {far} * ({high} - {low})", f"{high} + {far} * ({high} - {low})"
    else:
        below = f"avg({value}) - {far} * stddev_samp({value})"
        above = f"avg({value}) + {far} * stddev_samp({value})"
    side = check.arguments.get("side", "both")
    bad = [
        *([f"{value} < fence.below"] if side != "high" else []),
        *([f"{value} > fence.above"] if side != "low" else []),
    ]
    fence = f"(SELECT {below} AS below, {above} AS above FROM {table})"
    return f"SELECT here.* FROM {table} AS here, {fence} AS fence WHERE {' OR '.join(bad)}"
