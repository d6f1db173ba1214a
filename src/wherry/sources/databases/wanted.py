"""What ``columns:`` and ``types:`` ask for of the columns there are."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from wherry.ports import TableRequest
from wherry.sources.databases.arriving import arrow_type
from wherry.sources.databases.problems import no_column, problem

_SHORT = {"TIMESTAMPTZ": "TIMESTAMP WITH TIME ZONE", "BOOL": "BOOLEAN", "INT": "INTEGER", "TEXT": "VARCHAR"}
_DECIMAL = re.compile(r"(?:DECIMAL|NUMERIC) ?\( ?(\d+) ?(?:, ?(\d+) ?)?\)")


def named_columns(table: TableRequest, there: Sequence[str]) -> list[str]:
    """The columns wanted, as the database spells them. Raises ``SourceError`` for one that is not there."""
    if len(set(there)) < len(there):
        twice = next(column for column in there if list(there).count(column) > 1)
        message = f"`{table.name}` has two columns called `{twice}`."
        raise problem("same-column-twice", message, "Name them apart: `SELECT a.id AS a_id, ...`.")
    for column in table.options.types:
        _spelled_as(column, there, table.name, "types")
    return [_spelled_as(column, there, table.name, "columns") for column in table.columns] or list(there)


def _spelled_as(column: str, there: Sequence[str], table: str, named_by: str) -> str:
    close = [each for each in there if each == column] or [each for each in there if each.lower() == column.lower()]
    if not close:
        raise no_column(table, column, named_by, there)
    return close[0]


def wanted_type(types: Mapping[str, str], column: str) -> str:
    """What ``types:`` says of a column; empty for nothing."""
    return types.get(column) or next((kind for name, kind in types.items() if name.lower() == column.lower()), "")


def spelled(wanted: str) -> str:
    """A type as DuckDB writes it. Raises ``SourceError`` for one that is none."""
    kind = re.sub(r"\s+", " ", wanted.strip().upper())
    if found := _DECIMAL.fullmatch(kind):
        digits, scale = int(found[1]), int(found[2] or 0)
        if 0 < digits <= 38 and scale <= digits:
            return f"DECIMAL({digits},{scale})"
    kind = _SHORT.get(kind, kind)
    try:
        arrow_type(kind)
    except (KeyError, ValueError):
        hint = (
            "It can be text, boolean, integer, bigint, double, decimal(12,2), date, time, timestamp, timestamptz, blob."
        )
        raise problem("bad-option", f"`types:` says `{wanted}`, which is no type.", hint) from None
    return kind
