"""What a contract says of a service (how late, how long kept, how available), and what is promised of it now."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from wherry.contracts.binding import aliases
from wherry.contracts.odcs import parts
from wherry.contracts.service_levels import FRESHNESS, Level, about, levels
from wherry.model.contract import Contract
from wherry.model.graph import Graph

_FRESH = re.compile(r"within\s+(?:(\d+)\s+)?(second|minute|hour|day|week|month)s?\Z", re.IGNORECASE)
_UNITS = {"second": "s", "minute": "min", "hour": "h", "day": "d", "week": "w", "month": "m"}

#: Tables and columns (empty: the table as a whole), both in lower case.
_Subjects = frozenset[tuple[str, str]]


def with_levels_of(graph: Graph, contract: Contract, document: Mapping[str, Any]) -> dict[str, Any]:
    """A document that grew out of a bound contract's, with the service levels that the project promises now: how fresh
    its tables are said to be, and what the contracts in its folder say of them.

    How late a column may be is told by its check already, and what is about no table of the project is left as it is.
    """
    left, now = list(parts(document, "slaProperties")), []
    for entry, level in zip(parts(contract.document, "slaProperties"), levels(contract.document), strict=True):
        subjects = _subjects(contract, level)
        if not subjects or _is_checked(level, subjects):
            now += [entry] if entry in left else []
        elif (kept := _kept(graph, level, subjects)) is not None:
            time = level.seconds is not None
            same = kept.seconds == level.seconds if time else str(kept.value) == str(level.value)
            now.append(entry if same else {**entry, "value": kept.value, "unit": kept.unit})
    now += [_entry(each) for each in _more(graph, contract)]
    others = {key: value for key, value in document.items() if key != "slaProperties"}
    return {**others, "slaProperties": now} if now else others


def _subjects(contract: Contract, level: Level) -> _Subjects:
    """What a level is about, as far as the project has it."""
    found = set()
    for table in contract.tables:
        ours, column = about(level, aliases(contract, table), alone=len(contract.tables) == 1)
        if table.asset and ours:
            found.add((table.asset.lower(), column.lower()))
    return frozenset(found)


def _is_checked(level: Level, subjects: _Subjects) -> bool:
    return level.name.lower() in FRESHNESS and bool(level.seconds) and any(column for _, column in subjects)


def _kept(graph: Graph, level: Level, subjects: _Subjects) -> Level | None:
    """The level that is promised now instead of one; None for none."""
    if level.name.lower() in FRESHNESS and level.seconds:
        fresh = [_fresh(graph, table) for table, _ in sorted(subjects)]
        return max((each for each in fresh if each), key=lambda each: each.seconds or 0) if all(fresh) else None
    for contract in graph.contracts:
        for other in levels(contract.document):
            if other.name.lower() == level.name.lower() and subjects <= _subjects(contract, other):
                return other
    return None


def _fresh(graph: Graph, table: str) -> Level | None:
    match = _FRESH.match(graph[table].fresh.strip())
    return Level(name="latency", value=int(match[1] or 1), unit=_UNITS[match[2].lower()]) if match else None


def _more(graph: Graph, contract: Contract) -> Iterator[Level]:
    """Levels that the project promises of the contract's tables, and the contract does not speak of."""
    said: dict[str, set[tuple[str, str]]] = {}
    for level in levels(contract.document):
        name = "latency" if level.name.lower() in FRESHNESS else level.name.lower()
        said.setdefault(name, set()).update(_subjects(contract, level))
    late = {table for table, _ in said.get("latency", ())}
    tables = {table.asset.lower(): table.name for table in contract.tables if table.asset}
    for key, called in tables.items():
        if key not in late and (fresh := _fresh(graph, key)) is not None:
            yield Level(name="latency", value=fresh.value, unit=fresh.unit, elements=(called,))
    for other in graph.contracts:
        for level in levels(other.document):
            subjects = _subjects(other, level)
            new = subjects and {table for table, _ in subjects} <= tables.keys()
            if new and level.name.lower() not in FRESHNESS and not subjects <= said.get(level.name.lower(), set()):
                yield level


def _entry(level: Level) -> dict[str, Any]:
    unit = {"unit": level.unit} if level.unit else {}
    element = {"element": ", ".join(level.elements)} if level.elements else {}
    return {"property": level.name, "value": level.value, **unit, **element}
