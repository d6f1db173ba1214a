"""How often each value, or part of the range, is there, beside its share in the reference."""

from wherry.model.asset import Check
from wherry.quoting import full_name, literal, name


def pairs_sql(check: Check, table: str) -> str:
    """A SELECT of ``c`` (rows here), ``n`` (rows in all), ``p`` (share here) and ``q`` (share of the reference)."""
    given = check.arguments
    x, tail = name(check.column), float(given.get("tail_weight", 0))
    if "table" in given:
        part, reference = _of_table(check)
    elif "values" in given:
        rows = ", ".join(
            f"({literal(value)}, {float(weight)!r})"
            for value, weight in zip(given["values"], given["weights"], strict=True)
        )
        part, reference = x, f"SELECT * FROM (VALUES {rows}) AS r (v, q)"
    else:
        part, reference = _of_bins(check)
    return (
        f"WITH reference AS ({reference}), "
        f"here AS (SELECT {part} AS v, count(*) AS c FROM {table} WHERE {x} IS NOT NULL GROUP BY 1), "
        "pairs AS (SELECT coalesce(c, 0) AS c, q FROM here FULL JOIN reference USING (v)), "
        "whole AS (SELECT sum(c) AS n, count(*) FILTER (WHERE q IS NULL) AS strange, sum(q) AS q_sum FROM pairs), "
        # What the reference does not hold shares what was set aside for it.
        f"scaled AS (SELECT c, n, coalesce(q / q_sum * CASE WHEN strange > 0 THEN 1 - {tail!r} ELSE 1 END, "
        f"{tail!r} / strange) AS q FROM pairs, whole) "
        "SELECT c, n, c / n AS p, q FROM scaled"
    )


def _of_table(check: Check) -> tuple[str, str]:
    given = check.arguments
    x, y = name(check.column), name(given["column"])
    other = (
        full_name(given["table"])
        + f" WHERE {y} IS NOT NULL"
        + (f" AND ({given['there']})" if given.get("there") else "")
    )
    shares = "count(*) / sum(count(*)) OVER () AS q"
    if not given.get("bins"):
        return x, f"SELECT {y} AS v, {shares} FROM {other} GROUP BY 1"
    parts = int(given["bins"])
    cuts = literal([part / parts for part in range(1, parts)])
    edges = f"(SELECT quantile_cont({y}, {cuts}) FROM {other})"
    part = f"len(list_filter({edges}, lambda edge: edge < {{x}}))"
    return part.format(x=x), f"SELECT {part.format(x=y)} AS v, {shares} FROM {other} GROUP BY 1"


def _of_bins(check: Check) -> tuple[str, str]:
    """Parts 1, 2... are the bins; 0 is below all of them, the last above."""
    given, x = check.arguments, name(check.column)
    edges, weights = bins(check)
    tail, zero = float(given.get("tail_weight", 0)), float(given.get("zero_weight", 0))
    zeros = weights.count(0)
    inner = (
        [w * (1 - tail - zero) if w else zero / zeros for w in weights] if zero else [w * (1 - tail) for w in weights]
    )
    shares = [tail / 2, *inner, tail / 2]
    rows = ", ".join(f"({part}, {share!r})" for part, share in enumerate(shares))
    last = literal(edges[-1])
    below = f"len(list_filter({literal(edges)}, lambda edge: edge <= {x}))"
    part = f"CASE WHEN {x} = {last} THEN {len(weights)} ELSE {below} END"
    return part, f"SELECT * FROM (VALUES {rows}) AS r (v, q)"


def bins(check: Check) -> tuple[list[float], list[float]]:
    """The edges and weights of the reference."""
    edges = [float(edge) for edge in check.arguments["bins"]]
    weights = [float(weight) for weight in check.arguments["weights"]]
    if len(edges) != len(weights) + 1 or sorted(set(edges)) != edges:
        raise ValueError(f"{len(weights)} weights need {len(weights) + 1} bins, in order.")
    return edges, weights
