"""A PostgreSQL database to read from, and a short way to read a table of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from wherry.engines.duckdb import read_query
from wherry.ports import Batch, Query, TableRequest
from wherry.sources.databases.postgres import source
from wherry.testing import Loaded, load


@dataclass
class Server:
    url: str

    def run(self, *statements: str) -> list[tuple[Any, ...]]:
        """Run statements; the rows of the last one."""
        import psycopg

        with psycopg.connect(self.url, autocommit=True) as connection:
            for statement in statements:
                cursor = connection.execute(statement.encode())
            return cursor.fetchall() if cursor.description else []

    @property
    def options(self) -> Any:
        return source.Options(url=self.url)

    def request(self, name: str, mode: str = "full", cursor: str = "", key: str = "", **options: Any) -> TableRequest:
        columns = options.pop("columns", ())
        return TableRequest(
            name=name,
            mode=mode,
            cursor_column=cursor,
            key=(key,) if key else (),
            columns=columns,
            options=source.TableOptions(**options),
        )

    def read(self, table: TableRequest, loaded: Loaded | None = None) -> Loaded:
        """Read on from what is loaded."""
        loaded = loaded or Loaded(table.mode)
        load(source, self.options, table, loaded)
        return loaded

    def changed(self, table: TableRequest, cursor: Mapping[str, Any] | None) -> str | None:
        return source.changed(self.options, table, cursor)


def rows_of(batch: Batch) -> Any:
    """All rows of a batch as an Arrow table."""
    if isinstance(batch.rows, Query):
        return read_query(batch.rows)
    return batch.rows.read_all()  # type: ignore[union-attr]
