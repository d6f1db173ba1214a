"""A table whose checks run, what is known of it beforehand, and how it is asked."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from types import ModuleType
from typing import Any

from wherry.checks import find as built_in
from wherry.engines.duckdb import DuckDB
from wherry.lake.changes import Change
from wherry.lake.ranges import Ranges
from wherry.lake.statistics import Facts
from wherry.model.dataclass import dataclass
from wherry.run.check_kept import Kept
from wherry.run.check_plan import Item, at
from wherry.run.key_hashes import KeyHashes

#: Below so many rows, finding out how to do less costs more than it saves.
LARGE = 200_000

#: Gives the module of a kind of check. Raises what there is to say when there is none.
Find = Callable[[str], ModuleType]


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """A table whose checks run, and what is known of it beforehand."""

    name: str
    #: What stands after FROM.
    relation: str
    find: Find = built_in
    #: Makes ``relation`` readable, if it may be that no statement reads it.
    show: Callable[[], None] = lambda: None
    #: The moment of the run, UTC.
    now: datetime = datetime(2000, 1, 1)
    #: The version that is published, after FROM; None: none is.
    before: str | None = None
    rows: int | None = None
    #: Its columns and their DuckDB types, where they were asked for already.
    columns: Sequence[tuple[str, str]] = ()
    #: The attached Iceberg table; empty where the rows are in memory only.
    lake: str = ""
    facts: Facts | None = None
    #: Of its data files.
    ranges: Ranges | None = None
    #: One of its data files, for a look at how its columns are stored.
    file: str = ""
    #: What the checks found on an earlier state, and what changed since; None: nothing that can be built on.
    kept: Kept | None = None
    change: Change | None = None
    #: The identity of a check for what is kept of it, empty when that is nothing; None: nothing is kept of any.
    identify: Callable[[Item], str] | None = None
    #: Where hashes of keys are kept between runs; None: nowhere.
    hashes: KeyHashes | None = None

    @property
    def large(self) -> bool:
        return bool(self.lake) and (self.rows or 0) >= LARGE


@dataclass(frozen=True, slots=True, kw_only=True)
class Asking:
    """Puts the SQL of checks to DuckDB, at the moment of the run."""

    cursor: DuckDB
    now: datetime

    def row(self, sql: str) -> tuple[Any, ...]:
        """The one row of a statement; empty when there is none."""
        rows = self.rows(sql)
        return rows[0] if rows else ()

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        return self.cursor.execute(at(sql, self.now))

    def row_if(self, sql: str) -> tuple[Any, ...] | None:
        """The one row of a statement; None when DuckDB refuses it: looking at all rows will tell why."""
        rows = self.rows_if(sql)
        return None if rows is None else rows[0] if rows else ()

    def rows_if(self, sql: str) -> list[tuple[Any, ...]] | None:
        """The rows of a statement; None when DuckDB refuses it."""
        from wherry import duckdb

        try:
            return self.rows(sql)
        except duckdb.Error:
            return None

    def schema_if(self, sql: str) -> list[tuple[str, str]] | None:
        """Names and types of what a SELECT returns; None when DuckDB refuses it."""
        from wherry import duckdb

        try:
            return self.cursor.schema(sql)
        except duckdb.Error:
            return None
