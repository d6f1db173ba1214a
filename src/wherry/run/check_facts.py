"""Checks that the lake's metadata answers: no row is read for them."""

from __future__ import annotations

import operator
import re
from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any

from wherry.lake.statistics import ColumnFacts, Facts
from wherry.model.asset import Check
from wherry.quoting import name, text
from wherry.run.check_plan import Item

#: Kinds that let a range of values pass: when the smallest and the largest pass, all between them do.
_RANGES = ("compare", "between")
_SIGNS = {"<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge}
#: What is compared with whole numbers and decimals exactly, here as in DuckDB.
_NUMBER = re.compile(r"[+-]?\d{1,15}(\.\d{1,3})?")
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


def plain(item: Item, facts: Facts) -> tuple[Any, ...] | None:
    """What a check finds, where it takes no SQL to tell that from the metadata."""
    check = item.check
    if item.face == "row":
        column = _ends(check, facts)
        return (0, facts.rows) if column is not None and _numbers_hold(check, column) else None
    if item.face != "aggregate" or check.where or check.sample:
        return None
    matches = [_KNOWN.fullmatch(expression) for expression in item.kind.aggregates(check)]
    found = [_value(match, facts) for match in matches if match and not match[3]]
    known = [each[0] for each in found if each]
    return tuple(known) if len(known) == len(matches) else None


def _ends(check: Check, facts: Facts) -> ColumnFacts | None:
    """The column of whose values no one breaks a check if the smallest and the largest do not."""
    column = facts.columns.get(check.column.lower())
    if check.kind not in _RANGES or check.where or check.sample or column is None or not column.bounded:
        return None
    return None if str(check.arguments.get("operator", "")) in ("!=", "<>") else column


def _numbers_hold(check: Check, column: ColumnFacts) -> bool:
    """Whether both ends of a column are numbers and keep bounds that are numbers; else that is not known."""
    given = check.arguments
    if check.kind == "compare":
        limits = [(str(given["operator"]), given["value"])]
    else:
        sides = ((">" if given.get("strict_low") else ">=", "low"), ("<" if given.get("strict_high") else "<=", "high"))
        limits = [(sign, given[side]) for sign, side in sides if given.get(side) is not None]
    if not all(sign in _SIGNS and _NUMBER.fullmatch(str(limit)) for sign, limit in limits):
        return False
    return all(
        type(value) in (int, Decimal) and _SIGNS[sign](value, Decimal(str(limit)))
        for sign, limit in limits
        for value in (column.low, column.high)
    )


def broken_ends(item: Item, facts: Facts, types: Mapping[str, str]) -> tuple[str, ...]:
    """An expression of how many of a column's smallest and largest value break a check; none where that proves nothing.

    None broken, and no row is. One broken says nothing of how many are. It is refused when it reads another column.
    """
    check = item.check
    column, kind = _ends(check, facts), types.get(check.column.lower(), "")
    if column is None or not kind:
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
    found = _value(match, facts)
    if found is None:
        return ""
    if match[1].lower() == "count":
        return f"{found[0]}::BIGINT"
    kind = types.get(_column(match), "")
    if not kind or (match[3] and kind not in ("DATE", "TIMESTAMP")):
        return ""
    value = f"NULL::{kind}" if found[0] is None else literal(found[0], kind)
    return f"CAST({value} AS TIMESTAMP)" if match[3] else value


def _column(match: re.Match[str]) -> str:
    """The lower-case name of the column that is aggregated."""
    what = match[2] or match[3]
    return (what[1:-1].replace('""', '"') if what.startswith('"') else what).lower()


def _value(match: re.Match[str], facts: Facts) -> tuple[Any] | None:
    """The value of an aggregate; None where the metadata does not have it."""
    function, name = match[1].lower(), _column(match)
    if name == "*":
        return (facts.rows,) if function == "count" else None
    column = facts.columns.get(name)
    if column is None or column.nulls is None:
        return None
    if function == "count":
        return (facts.rows - column.nulls,)
    if column.nulls == facts.rows:
        return (None,)
    return (column.low if function == "min" else column.high,) if column.bounded else None


def literal(value: Any, kind: str) -> str:
    """A value of Iceberg's metadata as SQL."""
    return f"CAST({text(str(value))} AS {kind})"
