"""The first rows that broke a check, in a form that can be kept with the run."""

from __future__ import annotations

import math
from typing import Any

from wherry.engines.duckdb import DuckDB

#: So many rows are kept of a check, and so many characters of a value.
KEPT, CHARACTERS = 100, 1_000


def bad_rows(cursor: DuckDB, select: str, limit: int = KEPT) -> list[dict[str, Any]]:
    """The first rows of a query; none when DuckDB refuses to show what it could count."""
    from wherry import duckdb

    try:
        columns, rows = cursor.rows(f"SELECT * FROM (\n{select}\n) LIMIT {limit}")
        return [{column: _plain(value) for column, value in zip(columns, row, strict=True)} for row in rows]
    except duckdb.Error:
        return []


def _plain(value: Any) -> Any:
    if value is None or isinstance(value, bool | int):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    if isinstance(value, str):
        return value if len(value) <= CHARACTERS else f"{value[:CHARACTERS]}…"
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value[:100]]
    if isinstance(value, dict):
        return {str(key): _plain(each) for key, each in value.items()}
    return _plain(str(value))
