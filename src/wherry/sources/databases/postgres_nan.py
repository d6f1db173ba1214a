"""Decimals that are NaN, which DuckDB's scanner of an attached table gives as 0.

The server knows, and going through a whole table for it costs it a sixth of what sending the rows does. So where its
statistics say that zeros are rare, only the zeros that arrived are asked about, by their keys. Statistics and keys
decide how it is found out, never whether.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from threading import Thread
from typing import TYPE_CHECKING, Any

from wherry.quoting import name
from wherry.sources.databases.look import Described, Field
from wherry.sources.databases.postgres_catalog import Relation
from wherry.sources.databases.postgres_errors import explained
from wherry.sources.databases.postgres_types import REFUSED

if TYPE_CHECKING:
    import psycopg

    from wherry.duckdb import DuckDBPyConnection

#: Zeros of a column that are asked about one by one, at most.
_FEW = 1000
#: Types of keys whose text leads back to the very row.
_KEYS = frozenset(["int2", "int4", "int8", "uuid", "text", "varchar"])
#: The columns with statistics by which 0 comes less often than a given share of the rows.
_RARE = """
SELECT attname::text FROM pg_stats WHERE schemaname = %s AND tablename = %s AND attname = ANY (%s) AND %s >
  (SELECT coalesce(sum(share), 0) FROM unnest(most_common_vals::text::numeric[], most_common_freqs) AS m (value, share)
   WHERE value = 0)
"""


def numeric(column: Field) -> bool:
    """Whether it may hold a NaN that arrives as 0."""
    return column.native == "numeric" and column.type.startswith("DECIMAL")


class Search:
    """The search for a NaN in a table, on a connection that sees the snapshot which the rows are of."""

    def __init__(
        self, look: psycopg.Connection[Any], described: Described, relation: Relation, secrets: tuple[str, ...]
    ) -> None:
        self._look, self._described, self._relation, self._secrets = look, described, relation, secrets
        columns = [each.name for each in described.fields if numeric(each)]
        self._rare = self._with_few_zeros(columns) if columns else []
        self._found = ""
        self._error: Exception | None = None
        self._thread: Thread | None = None
        self._go_through([column for column in columns if column not in self._rare])

    def look_at(self, connection: DuckDBPyConnection, relation: str) -> None:
        """Ask about the zeros that arrived in ``relation``, of DuckDB's: those of columns not searched yet.

        Raises ``SourceError`` when the server cannot be asked.
        """
        there = {str(each[0]): str(each[1]) for each in connection.execute(f"DESCRIBE {relation}").fetchall()}
        same = {each.name: each for each in self._described.fields if there.get(each.name) == each.type}
        key = self._key(same)
        for column in [each for each in self._rare if each in same]:
            select = ", ".join(f"CAST({name(each.name)} AS VARCHAR)" for each in key) or "1"
            zeros = f"SELECT {select} FROM {relation} WHERE {name(column)} = 0 LIMIT {_FEW + 1}"
            rows = connection.execute(zeros).fetchall()
            if rows and (not key or len(rows) > _FEW):
                continue
            if rows and self._is_nan(column, key, rows):
                self._found = column
            self._rare.remove(column)

    def end(self) -> None:
        """Raises ``SourceError`` for what was found, and when it could not be looked for.

        Waits for the search, and does what is left of it.
        """
        self._settle()
        self._go_through(self._rare)
        self._settle()

    def stop(self) -> None:
        """Break it off, where nobody waited for it."""
        if self._thread is not None and self._thread.is_alive():
            with suppress(Exception):  # the connection is lost, which ends it too
                self._look.cancel()
            self._thread.join()

    def _settle(self) -> None:
        if self._thread is not None:
            self._thread.join()
        if self._error is not None:
            raise explained(str(self._error), self._secrets)
        if self._found:
            raise explained(f'"{REFUSED} <{self._found}> NaN"', self._secrets)

    def _with_few_zeros(self, columns: list[str]) -> list[str]:
        import psycopg

        share = _FEW / max(self._relation.rows or 0, 1)
        asked = (self._relation.schema, self._relation.table, columns, share)
        try:
            with self._look.transaction():  # what fails in it leaves the one around it as it was
                rare = {row[0] for row in self._look.execute(_RARE, asked).fetchall()}
        except psycopg.Error:  # they may not be read
            return []
        return [column for column in columns if column in rare]

    def _key(self, there: dict[str, Field]) -> list[Field]:
        """The columns of an index that tells rows apart, of those that arrived; empty for none."""
        keys = [
            sorted(key)
            for key in self._described.unique
            if all(column in there and there[column].native in _KEYS for column in key)
        ]
        return [there[column] for column in min(keys, key=lambda key: (len(key), key), default=[])]

    def _is_nan(self, column: str, key: list[Field], rows: Iterable[tuple[str, ...]]) -> bool:
        import psycopg

        names, odd = ", ".join(name(each.name) for each in key), f"{name(column)} = 'NaN'"
        given = ", ".join(f"%s::text[]::{each.native}[]" for each in key)
        table, names, odd = (sql.replace("%", "%%") for sql in (self._relation.sql, names, odd))
        query = f"SELECT 1 FROM {table} WHERE ({names}) IN (SELECT * FROM unnest({given})) AND {odd} LIMIT 1"
        values = [list(each) for each in zip(*rows, strict=True)]
        try:
            return self._look.execute(query.encode(), values).fetchone() is not None
        except psycopg.Error as error:
            raise explained(str(error), self._secrets) from None

    def _go_through(self, columns: list[str]) -> None:
        if not columns:
            self._thread = None
            return
        odd = [f"{name(column)} = 'NaN'" for column in columns]
        sql = f"SELECT {', '.join(odd)} FROM {self._relation.sql} WHERE {' OR '.join(odd)} LIMIT 1"

        def run() -> None:
            try:
                row = self._look.execute(sql.encode()).fetchone()
                if row is not None:
                    self._found = next(column for column, found in zip(columns, row, strict=True) if found)
            except Exception as error:
                self._error = error

        self._thread = Thread(target=run, daemon=True)
        self._thread.start()
