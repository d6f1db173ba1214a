"""Rows of a query that become data files of a new table without DuckDB's Iceberg extension in between."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from wherry.engines.duckdb import DuckDB
from wherry.quoting import full_name
from wherry.run.session import Session

if TYPE_CHECKING:
    from wherry.lake.filling import DataFile
    from wherry.model.asset import Asset
    from wherry.run.batch import Ready


class DataFiles:
    """The first rows of a table that was just made: written by ``COPY``, which takes options that the extension's
    ``INSERT`` does not, and committed once the transaction that read them has ended."""

    def __init__(self, session: Session, table: str, metadata: dict[str, Any]) -> None:
        self._session, self._table, self._metadata = session, table, metadata
        self._files: tuple[DataFile, ...] = ()

    @classmethod
    def of(cls, session: Session, asset: Asset, table: str, ready: Ready) -> DataFiles | None:
        """None where the extension writes them: rows that are not a query's or fewer than a group, as far as is known;
        files of partitions; columns whose values it casts."""
        if ready.query is None or ready.batch.expected is None or asset.partition:
            return None
        from wherry.lake import filling

        storage, pointer = session.lake.storage, session.lake.pointer(session.branch, table)
        if ready.batch.expected < filling.group_of(storage) or pointer is None or pointer.location is None:
            return None
        metadata = storage.read(pointer.location)
        return cls(session, table, metadata) if filling.same_types(metadata, ready.columns) else None

    @property
    def rows(self) -> int:
        return sum(each.rows for each in self._files)

    def write(self, cursor: DuckDB, select: str) -> None:
        """Have DuckDB write the rows of a SELECT."""
        from wherry.lake import filling

        statement = filling.copy_statement(select, self._metadata, filling.group_of(self._session.lake.storage))
        self._files = filling.written(cursor.execute(statement), self._metadata)
        filling.expect_kept(self._files, self._metadata)

    @contextmanager
    def shown(self, cursor: DuckDB) -> Iterator[str]:
        """A relation with the rows that were written, in the transaction that wrote them."""
        from wherry.lake import filling

        name = self._session.fresh_name()
        rows = filling.relation(self._files) if self._files else f"lake.{full_name(self._table)}"
        cursor.execute(f"CREATE TEMP VIEW {name} AS FROM {rows}")
        yield name
        cursor.execute(f"DROP VIEW {name}")

    def commit(self, cursor: DuckDB) -> None:
        """Make them the table's rows, with what was carried for it. Without a row there is nothing to commit."""
        if self._files:
            lake, branch = self._session.lake, self._session.branch
            lake.fill(branch, self._table, self._metadata, self._files, cursor.connection)

    def forget(self) -> None:
        """Remove what was written; it was not committed."""
        self._session.lake.storage.remove([each.path for each in self._files])
