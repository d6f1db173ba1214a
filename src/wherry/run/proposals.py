"""Checks that a table's rows keep today, and that are likely meant: proposed from its profile."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

from wherry.imports.making import Making
from wherry.imports.threshold import Threshold
from wherry.model.asset import Check
from wherry.model.dataclass import dataclass
from wherry.run.checking import run_checks
from wherry.run.profile import ColumnProfile, Profile, is_moment, is_number

if TYPE_CHECKING:
    from wherry.engines.duckdb import DuckDB

#: A column with no more different values than this has a set of them, if there are enough rows to tell.
SET_SIZE, ROWS_PER_VALUE = 12, 20
#: Formats are looked for in this order.
FORMATS = ("uuid", "email", "url", "ipv4", "date", "datetime")
_LIKELY = {
    "uuid": re.compile(r"[0-9a-fA-F]{8}-"),
    "email": re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+\Z"),
    "url": re.compile(r"https?://"),
    "ipv4": re.compile(r"(\d{1,3}\.){3}\d{1,3}\Z"),
    "date": re.compile(r"\d{4}-\d\d-\d\d\Z"),
    "datetime": re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """A check, and what speaks for it."""

    check: Check
    evidence: str


def propose(cursor: DuckDB, table: str, profile: Profile) -> list[Proposal]:
    """Checks that hold for every row of ``table`` now: each was run before it is proposed."""
    found = [
        Proposal(
            check=Making(file="", line=0).rows(Threshold(operator=">", value=0)), evidence=f"{profile.rows:,} rows"
        )
    ]
    found = found if profile.rows else []
    for column in profile.columns:
        found.extend(_of_column(column, profile.rows))
    verdicts = run_checks(cursor, table, [each.check for each in found])
    return [each for each, verdict in zip(found, verdicts, strict=True) if verdict.state == "passed"]


def _of_column(column: ColumnProfile, rows: int) -> Iterator[Proposal]:
    making, filled = Making(file="", line=0), rows - column.nulls
    if not filled:
        return
    if not column.nulls:
        yield Proposal(check=making.not_null(column.name), evidence=f"no null in {rows:,} rows")
    elif column.nulls / rows < 0.05:
        tolerant = replace(making, mostly=0.95)
        yield Proposal(check=tolerant.not_null(column.name), evidence=f"{column.nulls / rows:.1%} null")
    if rows > 1 and column.distinct >= 0.75 * filled and _may_be_key(column):
        yield Proposal(check=making.unique([column.name]), evidence=f"{filled:,} values, all different")
        return
    if column.values and len(column.values) <= SET_SIZE and filled >= ROWS_PER_VALUE * len(column.values):
        if isinstance(column.values[0], str):
            values = sorted(map(str, column.values))
            yield Proposal(check=making.one_of(column.name, values), evidence=f"{len(values)} different values")
    elif column.type.upper() == "VARCHAR" and filled >= ROWS_PER_VALUE:
        yield from _of_text(column, making)
    if is_number(column.type):
        yield from _of_numbers(column, making)


def _may_be_key(column: ColumnProfile) -> bool:
    base = column.type.partition("(")[0].upper()
    return base not in ("FLOAT", "DOUBLE", "DECIMAL", "BOOLEAN") and not is_moment(column.type)


def _of_text(column: ColumnProfile, making: Making) -> Iterator[Proposal]:
    for form in FORMATS:
        if column.sample and all(_LIKELY[form].match(value) for value in column.sample):
            yield Proposal(check=making.format(column.name, form), evidence=f"such as {column.sample[0]}")
            return
    if column.lengths is not None and column.lengths[0] == column.lengths[1] > 0:
        size = column.lengths[0]
        yield Proposal(check=making.length(column.name, size, size), evidence=f"{size} characters, all of them")


def _of_numbers(column: ColumnProfile, making: Making) -> Iterator[Proposal]:
    low, high = column.min, column.max
    shown = f"from {low} to {high}"
    if low >= 0 and high <= 1 and column.distinct > 2:
        check = making.check("between", {"low": "0", "high": "1"}, "between 0 and 1", column=column.name)
        yield Proposal(check=check, evidence=shown)
    elif low > 0:
        yield Proposal(check=making.compare(column.name, ">", "0"), evidence=shown)
    elif low >= 0:
        yield Proposal(check=making.compare(column.name, ">=", "0"), evidence=shown)
