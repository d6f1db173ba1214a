"""DuckLakes: a catalog file (``shop.ducklake``) or a database, through DuckDB's ``ducklake`` extension."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from wherry import quoting
from wherry.errors import LakeError
from wherry.lake.exchange.foreign import Foreign, Offer, told
from wherry.model.finding import Finding

if TYPE_CHECKING:
    from wherry.duckdb import DuckDBPyConnection

EXTENSIONS = ("ducklake",)
_ALIAS = "wherry_ducklake"


def offers(connection: DuckDBPyConnection, foreign: Foreign) -> list[Offer]:
    """Every table, as of now."""
    if not foreign.remote and not Path(foreign.path).is_file():
        finding = Finding(code="no-file", message=f"There is no DuckLake `{foreign.path}`.", hint="Check the path.")
        raise LakeError(findings=[finding])
    with told(foreign):
        connection.execute(f"ATTACH {quoting.text(f'ducklake:{foreign.path}')} AS {_ALIAS} (READ_ONLY)")
        tables = connection.execute(
            "SELECT schema_name, table_name FROM duckdb_tables() WHERE database_name = ? ORDER BY ALL", [_ALIAS]
        ).fetchall()
    why = "a DuckLake keeps small changes in its catalog, and deletes in files of its own"
    return [
        Offer(
            name=f"{schema}.{table}",
            select=f"SELECT * FROM {_ALIAS}.{quoting.name(schema)}.{quoting.name(table)}",
            why_copy=why,
        )
        for schema, table in tables
    ]


def write(connection: DuckDBPyConnection, selects: Sequence[tuple[str, str]], foreign: Foreign) -> None:
    """Tables ``(schema.table, query)`` in one transaction of a DuckLake, which is made when it is not there."""
    if foreign.remote:
        finding = Finding(
            code="unknown-storage",
            message="The catalog of a DuckLake is a file on this machine, and cannot be written to a bucket.",
            hint="Name a path such as out/shop.ducklake.",
        )
        raise LakeError(findings=[finding])
    target = quoting.text(f"ducklake:{foreign.path}")
    connection.execute(f"ATTACH {target} AS {_ALIAS} (DATA_PATH {quoting.text(foreign.path + '.files')})")
    try:
        connection.execute("BEGIN")
        for name, select in selects:
            schema = quoting.name(name.partition(".")[0])
            connection.execute(f"CREATE SCHEMA IF NOT EXISTS {_ALIAS}.{schema}")
            connection.execute(f"CREATE TABLE {_ALIAS}.{quoting.full_name(name)} AS {select}")
        connection.execute("COMMIT")
    finally:
        # What was not committed is rolled back.
        connection.close()
