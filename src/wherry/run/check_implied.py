"""Checks that hold because another one does: what they ask is not asked of any row."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from wherry.checks import length, matches, one_of
from wherry.checks.matches.shape import lengths
from wherry.lake.statistics import Facts
from wherry.run.check_keys import WHOLE, plain
from wherry.run.check_plan import Item

_COUNTED = re.compile(r'count(\((?:("(?:[^"]|"")+")|CAST\(("(?:[^"]|"")+") AS DOUBLE\))\))')


def implied(items: Sequence[Item]) -> dict[int, int]:
    """Index of a check -> that of another: when no row breaks that one, no row breaks it, and both look at the same."""
    shaped: dict[tuple[str, str], list[tuple[int, tuple[int, int | None]]]] = {}
    for item in items:
        check = item.check
        if item.kind is matches and not check.sample:
            each = matches.patterns(check)
            known = [size for pattern in each if (size := lengths(pattern)) is not None]
            if known and (len(each) == 1 or check.arguments.get("how") != "any"):
                shaped.setdefault((check.column.lower(), check.where), []).append((item.index, known[0]))
    found = {}
    for item in (item for item in items if item.kind is length and not item.check.sample):
        for index, size in shaped.get((item.check.column.lower(), item.check.where), []):
            if length.keeps(item.check, *size):
                found[item.index] = index
    return found


def no_other_groups(items: Sequence[Item], present: Mapping[int, Sequence[Any]], facts: Facts | None) -> dict[int, int]:
    """Index of a check of groups -> that of another: when no row breaks that one, no row is of a group that is not
    ``present`` (by index of a check)."""
    listed: dict[tuple[str, str], list[tuple[int, frozenset[Any]]]] = {}
    for item in items:
        check = item.check
        # Text equals the same text in SQL as here; of other types that depends.
        if item.kind is one_of and not check.sample and all(type(v) is str for v in check.arguments["values"]):
            values = frozenset(check.arguments["values"])
            listed.setdefault((check.column.lower(), check.where), []).append((item.index, values))
    found = {}
    for item in items:
        if item.index not in present:
            continue
        column, there = plain(item.kind.group_by(item.check)[0]), present[item.index]
        for index, values in listed.get((column, item.check.where), []):
            if values <= set(there) and (None in there or is_full(facts, column)):
                found[item.index] = index
    return found


def all_present(item: Item, present: Sequence[Any], facts: Facts | None, types: Mapping[str, str]) -> bool:
    """Whether bounds of a column of whole numbers tell that each of them is one of the groups ``present``."""
    column = plain(item.kind.group_by(item.check)[0])
    known = facts.columns.get(column) if facts is not None else None
    if known is None or not known.bounded or types.get(column) not in WHOLE:
        return False
    numbers = {value for value in present if value is not None}
    span = known.high - known.low
    full = None in present or known.nulls == 0
    return full and span < len(numbers) and all(known.low + step in numbers for step in range(span + 1))


def counted(parts: Sequence[str], facts: Facts | None) -> tuple[str, ...]:
    """Aggregates that find the same: values of a column without nulls are as many as rows."""
    found = []
    for part in parts:
        match = _COUNTED.fullmatch(part)
        known = match is not None and is_full(facts, plain(match[2] or match[3]))
        # What is no number is refused by another aggregate of the same.
        tried = match is not None and (match[2] or any(match[1] in each for each in parts if each != part))
        found.append("count(*)" if known and tried else part)
    return tuple(found)


def is_full(facts: Facts | None, column: str) -> bool:
    """Whether a column (lower case) has no nulls."""
    known = facts.columns.get(column) if facts is not None else None
    return known is not None and known.nulls == 0
