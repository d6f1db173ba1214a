"""Where the rows are, at their source, that a batch brought and its table cannot have."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from itertools import islice

from wherry.engines.duckdb import DuckDB
from wherry.ports import Batch

#: Rows that are asked for, and written down, at a time.
_PAGE = 50_000


def write_origins(
    cursor: DuckDB, batch: Batch, staged: str, condition: str, into: str, *, number: str = "rowid"
) -> None:
    """Fill a new temporary table with the places of the rows of ``staged`` that meet a condition: ``n``, their numbers
    in the batch; ``file``, ``line`` and ``member`` as ``Origin`` has them.

    ``number`` is what gives the number in the batch: ``rowid`` where ``staged`` has all rows of it in their order.
    """
    import pyarrow as pa

    cursor.execute(f"CREATE TEMP TABLE {into} (n BIGINT, file VARCHAR, line BIGINT, member VARCHAR)")
    if batch.origins is None:
        return
    asked: deque[int] = deque()

    def numbers() -> Iterator[int]:
        last = -1
        while True:
            more = f"{number} > {last} AND ({condition})"
            page = f"SELECT {number} FROM {staged} WHERE {more} ORDER BY {number} LIMIT {_PAGE}"
            rows = cursor.execute(page)
            for (last,) in rows:
                asked.append(last)
                yield last
            if len(rows) < _PAGE:
                return

    origins = batch.origins(numbers())
    page = f"{into}_page"
    while found := list(islice(origins, _PAGE)):
        rows = pa.table(
            {
                "n": pa.array([asked.popleft() for _ in found], pa.int64()),
                "file": pa.array([each.file for each in found], pa.string()),
                "line": pa.array([each.line for each in found], pa.int64()),
                "member": pa.array([each.member for each in found], pa.string()),
            }
        )
        cursor.connection.register(page, rows)
        try:
            cursor.execute(f"INSERT INTO {into} FROM {page}")
        finally:
            cursor.connection.unregister(page)
