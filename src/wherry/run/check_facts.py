"""Checks that the lake's metadata answers: no row is read for them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from wherry.lake.statistics import Facts
from wherry.quoting import name, text
from wherry.run.check_plan import Item

#: Kinds that let a range of values pass: when the smallest and the largest pass, all between them do.
_RANGES = ("compare", "between")
_COLUMN = r'"(?:[^"]|"")+"|[A-Za-z_]\w*'
_KNOWN = re.compile(rf"\b(count|min|max)\(\s*(?:(\*|{_COLUMN})|CAST\(({_COLUMN}) AS TIMESTAMP\))\s*\)", re.IGNORECASE)


def counted(items: Iterable[Item], facts: Facts) -> dict[int, tuple[Any, ...]]:
    """Bad rows and rows looked at of the checks for nulls."""
    found = {}
    for item in items:
        column = facts.columns.get(item.check.column.lower())
        if item.check.where or item.check.sample or column is None or column.nulls is None:
            continue
        if item.check.kind == "not_null":
            found[item.index] = (column.nulls, facts.rows)
        elif item.check.kind == "null":
            found[item.index] = (facts.rows - column.nulls, facts.rows)
    return found


def broken_ends(item: Item, facts: Facts, types: Mapping[str, str]) -> tuple[str, ...]:
    """An expression of how many of a column's smallest and largest value break a check; none where that proves nothing.

    None broken, and no row is. One broken says nothing of how many are. It is refused when it reads another column.
    """
    check = item.check
    column = facts.columns.get(check.column.lower())
    kind = types.get(check.column.lower(), "")
    if check.kind not in _RANGES or check.where or check.sample or column is None or not kind:
        return ()
    if str(check.arguments.get("operator", "")) in ("!=", "<>"):
        return ()
    if not column.bounded:
        return ()
    ends = ", ".join(f"({literal(value, kind)})" for value in (column.low, column.high))
    bad = item.kind.bad_row(check)
    return (f"(SELECT coalesce(count_if({bad}), 0) FROM (VALUES {ends}) AS __ends({name(check.column)}))",)


def aggregates(item: Item, facts: Facts, types: Mapping[str, str]) -> tuple[str, ...]:
    """Expressions of the aggregates of a check; none when the metadata does not have them all."""
    if item.face != "aggregate" or item.check.where or item.check.sample:
        return ()
    written = []
    for expression in item.kind.aggregates(item.check):
        known = [_fact(match, facts, types) for match in _KNOWN.finditer(expression)]
        if not known or "" in known:
            return ()
        values = iter(known)
        written.append(_KNOWN.sub(lambda _, values=values: next(values), expression))  # type: ignore[misc]
    return tuple(written)


def _fact(match: re.Match[str], facts: Facts, types: Mapping[str, str]) -> str:
    function, what = match[1].lower(), match[2] or match[3]
    if what == "*":
        return f"{facts.rows}::BIGINT" if function == "count" else ""
    key = (what[1:-1].replace('""', '"') if what.startswith('"') else what).lower()
    column = facts.columns.get(key)
    if column is None or column.nulls is None:
        return ""
    if function == "count":
        return f"{facts.rows - column.nulls}::BIGINT"
    kind = types.get(key, "")
    if not kind or (match[3] and kind not in ("DATE", "TIMESTAMP")):
        return ""
    if column.nulls == facts.rows:
        return f"NULL::{'TIMESTAMP' if match[3] else kind}"
    if not column.bounded:
        return ""
    value = literal(column.low if function == "min" else column.high, kind)
    return f"CAST({value} AS TIMESTAMP)" if match[3] else value


def literal(value: Any, kind: str) -> str:
    """A value of Iceberg's metadata as SQL."""
    return f"CAST({text(str(value))} AS {kind})"
