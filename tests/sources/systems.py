"""Databases of several kinds to read from, each with the same short way to fill and to read it."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from mariadb_server import in_its_words
from wherry.plugins import find_source
from wherry.ports import TableRequest
from wherry.testing import Loaded, load


class System:
    """A database, and the source that reads it."""

    connector = ""

    def __init__(self, url: str) -> None:
        self.url = url
        self.source = find_source(self.connector, Path())

    def run(self, *statements: str) -> list[tuple[Any, ...]]:
        """Run statements; the rows of the last one."""
        raise NotImplementedError

    def options(self, **given: Any) -> Any:
        return self.source.Options(**{"url": self.url} | given)

    def request(
        self, name: str, mode: str = "full", cursor: str = "", key: str | tuple[str, ...] = (), **options: Any
    ) -> TableRequest:
        columns = options.pop("columns", ())
        return TableRequest(
            name=name,
            mode=mode,
            cursor_column=cursor,
            key=(key,) if isinstance(key, str) and key else tuple(key),
            columns=columns,
            options=self.source.TableOptions(**options),
        )

    def read(self, table: TableRequest, loaded: Loaded | None = None, **options: Any) -> Loaded:
        """Read on from what is loaded."""
        loaded = loaded or Loaded(table.mode)
        load(self.source, self.options(**options), table, loaded)
        return loaded

    def batch(self, table: TableRequest, **options: Any) -> tuple[list[dict[str, Any]], list[dict[str, Any]], str]:
        """Rows, rejects and what is told of a table's first batch."""
        batches = self.source.read(self.options(**options), table, None)
        batch = next(iter(batches))
        rows = batch.rows.read_all().to_pylist()
        rejects = batch.rejects()
        told = " ".join(finding.message for finding in batch.findings())
        batches.close()
        return rows, rejects.to_pylist() if rejects is not None else [], told

    def rows(self, name: str, **options: Any) -> list[dict[str, Any]]:
        """All rows of a table."""
        given = {key: options.pop(key) for key in list(options) if key in self.source.Options.__dataclass_fields__}
        return self.read(self.request(name, **options), **given).rows

    def changed(self, table: TableRequest, cursor: Mapping[str, Any] | None) -> str | None:
        return self.source.changed(self.options(), table, cursor)


class MariaDB(System):
    connector = "mariadb"

    def connect(self, **words: Any) -> Any:
        import pymysql

        url = urlsplit(self.url)
        socket = dict(parse_qsl(url.query))["unix_socket"]
        words = {"user": "root", "database": url.path[1:], "autocommit": True, "charset": "utf8mb4"} | words
        return pymysql.connect(unix_socket=socket, **words)

    def run(self, *statements: str) -> list[tuple[Any, ...]]:
        with self.connect() as connection, connection.cursor() as cursor:
            for statement in statements:
                cursor.execute(in_its_words(statement))
            return list(cursor.fetchall())


class SQLite(System):
    connector = "sqlite"

    def options(self, **given: Any) -> Any:
        return self.source.Options(**{"path": self.url} | given)

    def run(self, *statements: str) -> list[tuple[Any, ...]]:
        connection = sqlite3.connect(self.url, isolation_level=None)
        try:
            rows: list[tuple[Any, ...]] = []
            for statement in statements:
                rows = connection.execute(statement).fetchall()
            return rows
        finally:
            connection.close()


class AnySQLite(SQLite):
    """SQLite by way of SQLAlchemy."""

    connector = "sql"

    def options(self, **given: Any) -> Any:
        return self.source.Options(**{"url": f"sqlite:///{self.url}"} | given)


class AnyPostgres(System):
    """PostgreSQL by way of SQLAlchemy."""

    connector = "sql"

    def options(self, **given: Any) -> Any:
        return self.source.Options(**{"url": self.url.replace("postgresql://", "postgresql+psycopg://")} | given)

    def run(self, *statements: str) -> list[tuple[Any, ...]]:
        import psycopg

        with psycopg.connect(self.url, autocommit=True) as connection:
            for statement in statements:
                cursor = connection.execute(statement.encode())
            return cursor.fetchall() if cursor.description else []


KINDS = {
    "mariadb": (MariaDB, "mariadb"),
    "sqlite": (SQLite, ""),
    "sql-sqlite": (AnySQLite, ""),
    "sql-postgres": (AnyPostgres, "postgres"),
}
