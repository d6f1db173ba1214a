"""Known data sets in real databases: every value of every table is what the database prints as text."""

from __future__ import annotations

import shutil
import sqlite3
import subprocess
from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import psycopg
import pytest

import postgres_server
from sources.systems import MariaDB, SQLite, System

pytestmark = pytest.mark.needs("reference")


def as_printed(value: Any) -> Any:
    """A value that was loaded, as a database prints it."""
    if isinstance(value, float):
        return repr(value) if value != int(value) else str(int(value))
    if isinstance(value, bool):
        return str(int(value))
    if isinstance(value, datetime):
        whole = value.replace(tzinfo=None).isoformat(sep=" ")
        return whole
    if isinstance(value, bytes):
        return value.hex().upper()
    return None if value is None else format(value, "f") if isinstance(value, Decimal) else str(value)


def expect_all(system: System, tables: list[str], printed: Callable[[str, list[str]], list[tuple[Any, ...]]]) -> int:
    """Compare every value; how many rows there were."""
    count = 0
    for table in tables:
        loaded = system.rows(table)
        columns = list(loaded[0])
        ours = sorted(repr(tuple(as_printed(row[column]) for column in columns)) for row in loaded)
        theirs = sorted(repr(tuple(row)) for row in printed(table, columns))
        assert ours == theirs, table
        count += len(ours)
    return count


def printed_by_mariadb(server: MariaDB) -> Callable[[str, list[str]], list[tuple[Any, ...]]]:
    def printed(table: str, columns: list[str]) -> list[tuple[Any, ...]]:
        kinds = dict(
            server.run(
                "SELECT COLUMN_NAME, DATA_TYPE FROM information_schema.COLUMNS "
                f"WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME = '{table}'"
            )
        )

        def shown(column: str) -> str:
            kind = kinds[column]
            if kind.endswith(("blob", "binary")):
                return f"HEX(`{column}`)"
            # A FLOAT is printed with six digits, and a fraction of seconds with all of its zeros.
            text = f"CONVERT(`{column}`{' + 0e0' if kind == 'float' else ''} USING utf8mb4)"
            return f"TRIM(TRAILING '.000000' FROM {text})" if kind in ("datetime", "timestamp") else text

        listed = ", ".join(shown(column) for column in columns)
        return server.run("SET time_zone = '+00:00'", f"SELECT {listed} FROM `{table}`")

    return printed


@pytest.mark.needs("mariadb")
def test_chinook_in_mariadb(mariadb: str, reference: Path) -> None:
    from pymysql.constants import CLIENT

    server = MariaDB(mariadb)
    script = (reference / "data" / "chinook" / "Chinook_MySql.sql").read_text(encoding="utf-8-sig")
    statements = script[script.index("CREATE TABLE") :]
    with server.connect(client_flag=CLIENT.MULTI_STATEMENTS) as connection, connection.cursor() as cursor:
        cursor.execute("SET SESSION autocommit = 0")
        cursor.execute(statements)
        while cursor.nextset():
            pass
        connection.commit()
    tables = [each.name for each in server.source.tables(server.options())]  # type: ignore[attr-defined]
    assert len(tables) == 11
    assert expect_all(server, tables, printed_by_mariadb(server)) == 15_607


def test_chinook_in_sqlite(tmp_path: Path, reference: Path) -> None:
    file = SQLite(str(reference / "data" / "chinook" / "Chinook_Sqlite.sqlite"))
    connection = sqlite3.connect(f"file:{file.url}?mode=ro", uri=True)

    def printed(table: str, columns: list[str]) -> list[tuple[Any, ...]]:
        shown = ", ".join(f'CAST("{each}" AS TEXT)' for each in columns)
        return connection.execute(f'SELECT {shown} FROM "{table}"').fetchall()

    tables = [each.name for each in file.source.tables(file.options())]  # type: ignore[attr-defined]
    assert len(tables) == 11
    assert expect_all(file, tables, printed) == 15_607
    connection.close()


@pytest.mark.needs("mariadb", "postgres")
@pytest.mark.parametrize(("data", "least"), [("pagila/pagila.sql", 40_000), ("northwind/northwind.sql", 3_000)])
def test_copied_from_postgres_to_mariadb(mariadb: str, postgres: str, reference: Path, data: str, least: int) -> None:
    server = MariaDB(mariadb)
    tables = copy_to_mariadb(postgres, server, (reference / "data" / data))
    assert expect_all(server, tables, printed_by_mariadb(server)) >= least


#: How a type of PostgreSQL is declared in MariaDB; a type that MariaDB lacks is text there.
_DECLARED = {
    "smallint": "smallint", "integer": "int", "bigint": "bigint", "real": "float", "boolean": "tinyint(1)",
    "date": "date", "timestamp without time zone": "datetime(6)", "bytea": "longblob",
    "timestamp with time zone": "timestamp(6) NULL",
}  # fmt: skip


def copy_to_mariadb(postgres: str, server: MariaDB, script: Path) -> list[str]:
    """Restore a dump into PostgreSQL and copy its tables with all values to MariaDB; their names."""
    psql = shutil.which("psql") or str((postgres_server.programs() or Path()) / "psql")
    subprocess.run(
        [psql, "-q", "-d", postgres, "-f", str(script)],
        check=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    with psycopg.connect(postgres) as source, server.connect() as target, target.cursor() as into:
        source.execute("SET TIME ZONE 'UTC'")
        into.execute("SET time_zone = '+00:00'")
        tables = [
            row[0]
            for row in source.execute(
                "SELECT c.relname FROM pg_class AS c WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition "
                "AND c.relnamespace = 'public'::regnamespace ORDER BY 1"
            )
        ]
        filled = []
        for table in tables:
            columns = source.execute(
                "SELECT column_name, data_type, numeric_precision, numeric_scale FROM information_schema.columns "
                "WHERE table_schema = 'public' AND table_name = %s ORDER BY ordinal_position",
                (table,),
            ).fetchall()
            kinds = [
                f"decimal({digits},{scale})" if kind == "numeric" and digits else _DECLARED.get(kind, "longtext")
                for _, kind, digits, scale in columns
            ]
            names = ", ".join(f"`{each[0]}`" for each in columns)
            read = ", ".join(
                f'"{each[0]}"{"::text" if kind == "longtext" else ""}'
                for each, kind in zip(columns, kinds, strict=True)
            )
            rows = source.execute(f'SELECT {read} FROM public."{table}"'.encode()).fetchall()
            declared = ", ".join(f"`{each[0]}` {kind}" for each, kind in zip(columns, kinds, strict=True))
            into.execute(f"CREATE TABLE `{table}` ({declared})")
            if rows:
                moved = [tuple(v.replace(tzinfo=None) if isinstance(v, datetime) else v for v in row) for row in rows]
                into.executemany(f"INSERT INTO `{table}` ({names}) VALUES ({', '.join(['%s'] * len(columns))})", moved)
                filled.append(table)
    return filled
