"""Where the rows are, at their source, that a batch brought and its table cannot have."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from itertools import islice

from wherry.engines.duckdb import DuckDB
from wherry.ports import Batch
from wherry.run.evolve import Columns

#: What numbers of rows in their batch are called.
NUMBER = "__wherry_n"
#: Rows that are asked for, and written down, at a time.
_PAGE = 50_000


def numbered(staged: str, columns: Columns) -> tuple[str, str]:
    """SQL for the rows of a temporary table, and for their numbers: DuckDB's own, where no column has that name."""
    if all(column.lower() != "rowid" for column, _ in columns):
        return staged, "rowid"
    return f"(SELECT *, row_number() OVER () - 1 AS {NUMBER} FROM {staged})", NUMBER


def write_origins(cursor: DuckDB, batch: Batch, rows: str, number: str, condition: str, into: str) -> None:
    """Fill a new temporary table with the places of those of ``rows`` that meet a condition: ``n``, their ``number``
    in the batch; ``file``, ``line`` and ``member`` as ``Origin`` has them."""
    import pyarrow as pa

    cursor.execute(f"CREATE TEMP TABLE {into} (n BIGINT, file VARCHAR, line BIGINT, member VARCHAR)")
    if batch.origins is None:
        return
    asked: deque[int] = deque()

    def numbers() -> Iterator[int]:
        last = -1
        while True:
            more = f"{number} > {last} AND ({condition})"
            page = cursor.execute(f"SELECT {number} FROM {rows} WHERE {more} ORDER BY {number} LIMIT {_PAGE}")
            for (last,) in page:
                asked.append(last)
                yield last
            if len(page) < _PAGE:
                return

    origins = batch.origins(numbers())
    page = f"{into}_page"
    while found := list(islice(origins, _PAGE)):
        told = pa.table(
            {
                "n": pa.array([asked.popleft() for _ in found], pa.int64()),
                "file": pa.array([each.file for each in found], pa.string()),
                "line": pa.array([each.line for each in found], pa.int64()),
                "member": pa.array([each.member for each in found], pa.string()),
            }
        )
        cursor.connection.register(page, told)
        try:
            cursor.execute(f"INSERT INTO {into} FROM {page}")
        finally:
            cursor.connection.unregister(page)
