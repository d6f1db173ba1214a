"""``avg between 1 and 5 per country``: in every group of rows a number keeps the bounds.

``of`` is the kind that measures: ``rows``, ``aggregate``, ``quantile`` or ``distinct``, with its arguments; ``per`` the
columns to group by, of which a null is a group too. What keeps no bound without groups (no value, NaN) keeps none here.
Of no rows there are no groups. Bad groups are counted, and the worst shown.
"""

import re
from collections.abc import Mapping
from datetime import UTC
from typing import Any

from wherry.model import measures
from wherry.model.asset import Check
from wherry.model.bounds import limits, moment_of, plain, told
from wherry.model.run import Outcome
from wherry.quoting import literal, name

#: As many groups are shown.
SHOWN = 5
_FRACTION = re.compile(r"[+-]?\d*\.\d+")
#: Names that no column has.
_VALUE, _FAR, _KEY = "__wherry_value", "__wherry_far", "__wherry_key"


def query(check: Check, table: str) -> str:
    keys = _keys(check)
    shown = ", ".join(f"'{key}': {key}" for key in (*keys, _VALUE))
    worst = f"SELECT {{{shown}}} AS worst FROM groups WHERE {_bad(check)} ORDER BY {_order(check)} LIMIT {SHOWN}"
    return (
        f"WITH groups AS MATERIALIZED ({_groups(check, table)}) SELECT (SELECT count(*) FROM groups), "
        f"(SELECT count(*) FROM groups WHERE {_bad(check)}), (SELECT list(worst) FROM ({worst}))"
    )


def judge(check: Check, values: tuple[Any, ...]) -> Outcome:
    groups, failing, worst = values
    shown = [{**_named(check, each), _measured(check): plain(each[_VALUE])} for each in worst or ()]
    where = [f"{_told(_named(check, each))} {_found(each[_VALUE])}" for each in worst or ()]
    more = "" if failing <= SHOWN else " and others"
    why = f"{_measured(check)} is not {told(check.arguments)} in {failing} of {groups} groups: {', '.join(where)}{more}"
    return Outcome(passed=not failing, failing=failing, observed=shown or None, why=why)


def looked(values: tuple[Any, ...]) -> int:
    """How many groups there are."""
    return int(values[0])


def bad_rows(check: Check, table: str) -> str:
    shown = ", ".join(f"{key} AS {name(per)}" for key, per in zip(_keys(check), check.arguments["per"], strict=True))
    selected = f"SELECT {shown}, {_VALUE} AS {name(_measured(check))}"
    return f"{selected} FROM ({_groups(check, table)}) WHERE {_bad(check)} ORDER BY {_order(check)}"


def _keys(check: Check) -> list[str]:
    return [f"{_KEY}{number}" for number, _ in enumerate(check.arguments["per"], 1)]


def _groups(check: Check, table: str) -> str:
    """A SELECT of the groups and what is measured of each."""
    keys, given, column = _keys(check), check.arguments, name(check.column)
    grouped = ", ".join(f"{name(per)} AS {key}" for key, per in zip(keys, given["per"], strict=True))
    places = ", ".join(str(number) for number, _ in enumerate(keys, 1))
    if given["of"] == "distinct":
        measured = measures.DISTINCT[given["measure"]]
        counted = f"SELECT {grouped}, {column} AS k1, count(*) AS copies FROM {table} GROUP BY ALL"
        return f"SELECT {', '.join(keys)}, {measured} AS {_VALUE} FROM ({counted}) GROUP BY {places}"
    if given["of"] == "rows":
        measured = "count(*)"
    elif given["of"] == "quantile":
        share = float(given.get("quantile", 0.5))
        measured = f"({measures.quantiles(column, [share], given.get('between', 'interpolate'))})[1]"
    else:
        measured = f"({measures.aggregate(column, given)})"
    return f"SELECT {grouped}, {measured} AS {_VALUE} FROM {table} GROUP BY {places}"


def _bad(check: Check) -> str:
    """Whether a group breaks the bounds: what is no number breaks all."""
    asked = limits(check.arguments)
    kept = [_keeps(operator, limit) for operator, limit in asked]
    if any(operator not in ("!=", "<>") for operator, _ in asked):
        # Greater than every other to DuckDB; all it keeps is to be another than some number.
        kept.append(f"NOT (typeof({_VALUE}) IN ('DOUBLE', 'FLOAT') AND CAST({_VALUE} AS VARCHAR) = 'nan')")
    return f"({_VALUE} IS NULL OR NOT ({' AND '.join(kept) or 'true'}))"


def _keeps(operator: str, limit: Any) -> str:
    """Whether the number of a group keeps a bound. Of a text DuckDB would make what the number is: of a moment a day,
    without its time, and of a fraction a whole number."""
    as_is = f"{_VALUE} {operator} {literal(limit)}"
    if not isinstance(limit, str):
        return as_is
    written = f"CAST({_VALUE} AS VARCHAR)"
    if (moment := moment_of(limit)) is not None:
        at = moment.astimezone(UTC).replace(tzinfo=None) if moment.tzinfo else moment
        whole = f"TRY_CAST({written} AS TIMESTAMP) {operator} TIMESTAMP '{at}'"
        return f"CASE WHEN typeof({_VALUE}) = 'DATE' THEN {whole} ELSE {as_is} END"
    if _FRACTION.fullmatch(limit):
        number = f"coalesce(TRY_CAST({written} AS DOUBLE) {operator} {limit}::DOUBLE, false)"
        return f"CASE WHEN typeof({_VALUE}) = 'VARCHAR' THEN {written} {operator} {literal(limit)} ELSE {number} END"
    return as_is


def _order(check: Check) -> str:
    """The worst first: those without a number, then those furthest beyond a bound."""
    number = f"TRY_CAST(CAST({_VALUE} AS VARCHAR) AS DOUBLE)"
    far = []
    for operator, limit in limits(check.arguments):
        if isinstance(limit, bool) or not isinstance(limit, int | float):
            continue
        if operator != "=":
            far.append(f"{limit!r} - {number}" if operator.startswith(">") else f"{number} - {limit!r}")
        else:
            far.append(f"abs({number} - {limit!r})")
    apart = f"greatest({', '.join(far)}) DESC NULLS FIRST, " if far else ""
    return f"{apart}{', '.join(_keys(check))}"


def _named(check: Check, group: Mapping[str, Any]) -> dict[str, Any]:
    return {per: plain(group[key]) for key, per in zip(_keys(check), check.arguments["per"], strict=True)}


def _measured(check: Check) -> str:
    given = check.arguments
    if given["of"] == "quantile":
        return f"quantile({given.get('quantile', 0.5):g})"
    return str(given.get("measure") or given.get("sql") or "rows")


def _told(group: Mapping[str, Any]) -> str:
    return "/".join("null" if value is None else str(value) for value in group.values())


def _found(value: Any) -> str:
    return "(no value)" if value is None else f"({plain(value)})"
