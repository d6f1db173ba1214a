"""What the author of a Python table imports: ``from wherry import Table, table``."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from wherry.quoting import full_name

if TYPE_CHECKING:
    import pandas as pd
    import polars as pl
    import pyarrow as pa

    from wherry import duckdb

Function = TypeVar("Function", bound=Callable[..., Any])
Name = TypeVar("Name")


def table(**keys: Any) -> Callable[[Function], Function]:
    """Mark the function that makes a table.

    The keys are those of a SQL header (``build``, ``owner``, ``fresh``, ``tags``, ``columns``, ``checks``) and must be
    written out: they are read without running the file. The function returns the table's rows: a pandas or polars
    frame, an Arrow table, batch or reader, a DuckDB relation, or an iterator of Arrow batches (streamed).
    """

    def mark(function: Function) -> Function:
        return function

    return mark


class Table(Generic[Name]):
    """An input of a Python table; annotate a parameter as ``Table["schema.table"]``. Read it in any of these forms."""

    def __init__(self, name: str, cursor: Callable[[], duckdb.DuckDBPyConnection]) -> None:
        #: ``schema.table``
        self.name = name
        self._cursor = cursor

    def duckdb(self) -> duckdb.DuckDBPyRelation:
        """A DuckDB relation: nothing is read until its result is asked for.

        Its database holds the tables that parameters name, and what views among them read.
        """
        return self._cursor().sql(f"FROM {full_name(self.name)}")

    def df(self) -> pd.DataFrame:
        """All rows as a pandas frame."""
        return self.duckdb().df()

    def arrow(self) -> pa.Table:
        """All rows as an Arrow table."""
        return self.duckdb().to_arrow_table()

    def polars(self) -> pl.DataFrame:
        """All rows as a polars frame."""
        return self.duckdb().pl()

    def batches(self, rows: int = 122_880) -> Iterator[pa.RecordBatch]:
        """Arrow batches of at most ``rows`` rows, streamed: memory stays bounded however large the table is."""
        yield from self.duckdb().to_arrow_reader(rows)
