"""``outliers``: no value lies far from the others; null passes.

``method: z`` (the default) is more than ``distance`` (3) standard deviations of the sample from the mean,
``method: iqr`` more than ``distance`` times the width between the quartiles beyond them (Tukey's fences; 1.5 is usual).
``side`` is ``both``, ``high`` or ``low``; with ``edge: far`` a value just at that distance is far too. In a column
whose values are all the same nothing is far.
"""

from wherry.model.asset import Check
from wherry.quoting import name


def bad_rows(check: Check, table: str) -> str:
    given = check.arguments
    value, distance = f"CAST({name(check.column)} AS DOUBLE)", float(given.get("distance", 3))
    if given.get("method", "z") == "iqr":
        low, high = (f"quantile_cont({value}, {share})" for share in (0.25, 0.75))
        width = f"{high} - {low}"
    else:
        low = high = f"avg({value})"
        width = f"stddev_samp({value})"
    apart = {"low": f"fence.low - {value}", "high": f"{value} - fence.high"}
    for end, far in apart.items():
        # What lies in the middle is not far, though the width be 0.
        apart[end] = f"({far} >= fence.width AND {far} > 0)" if given.get("edge") == "far" else f"{far} > fence.width"
    side = given.get("side", "both")
    bad = " OR ".join(apart.values() if side == "both" else [apart[side]])
    fence = f"(SELECT {low} AS low, {high} AS high, {distance} * ({width}) AS width, min({value}) AS least, "
    fence += f"max({value}) AS most FROM {table})"
    return f"SELECT here.* FROM {table} AS here, {fence} AS fence WHERE fence.least < fence.most AND ({bad})"
