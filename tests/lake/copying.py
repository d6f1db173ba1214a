"""Tables whose files DuckDB's COPY writes."""

from typing import Any

import duckdb

from wherry.lake.filling import DataFile, copy_statement, same_types, written
from wherry.lake.lake import Lake


def metadata_of(lake: Lake, table: str, branch: str = "main") -> dict[str, Any]:
    pointer = lake.pointer(branch, table)
    assert pointer is not None and pointer.location is not None
    return lake.storage.read(pointer.location)


def made(
    lake: Lake, db: duckdb.DuckDBPyConnection, table: str, query: str, group: int = 40_960, *, branch: str = "main"
) -> None:
    """A table of a query's rows."""
    lake.fill(branch, table, *copied(lake, db, table, query, group, branch=branch), db)


def copied(
    lake: Lake, db: duckdb.DuckDBPyConnection, table: str, query: str, group: int = 40_960, *, branch: str = "main"
) -> tuple[dict[str, Any], tuple[DataFile, ...]]:
    """A table without rows, and the files of them: what is to be committed. The branch is attached as its letter."""
    db.execute(f"CREATE TABLE {branch[0]}.{table} AS {query} WITH NO DATA")
    metadata = metadata_of(lake, table, branch)
    relation = db.sql(query)
    assert same_types(metadata, zip(relation.columns, map(str, relation.types), strict=True))
    return metadata, written(db.execute(copy_statement(query, metadata, group)).fetchall(), metadata)
