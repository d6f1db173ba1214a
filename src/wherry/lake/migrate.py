"""The tables of a lake's database, made or brought up to this version: all steps in one transaction, one process at
a time. A step is a numbered file in ``migrations/``; it is never changed once it was released.
"""

import hashlib
import re
from collections.abc import Iterator
from pathlib import Path

from wherry.errors import NewerLake
from wherry.lake.connecting import Connection, Database, insert
from wherry.lake.names import MAIN

_TABLES = Path(__file__).with_name("database.sql")
_FOLDER = Path(__file__).with_name("migrations")
#: The version that this wherry writes: that of its newest step. 1 is where the steps begin.
VERSION = 2
#: What types are called that the databases name each in its own way.
_SQLITE = {"COUNTER": "INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT", "NUMBER": "INTEGER"}
_POSTGRES = {"COUNTER": "BIGSERIAL NOT NULL PRIMARY KEY", "NUMBER": "BIGINT"}


def prepare(database: Database, now: str) -> None:
    """Make the tables when they are not there; apply the steps that they lack."""
    with database.connection() as connection:
        if _version(connection) == VERSION:
            return
    with database.connection() as connection:
        connection.begin()
        _take_turn(connection, database)
        version = _version(connection)
        if version is None:
            _make(connection, now)
        else:
            for number in range(version + 1, VERSION + 1):
                for statement in statements(number):
                    connection.change(statement)
            connection.change("UPDATE meta SET value = :version WHERE name = 'version'", {"version": str(VERSION)})
        connection.commit()


def expect_known(version: str | None) -> None:
    """Raises ``NewerLake`` when the tables are of a newer version than this program."""
    if version is not None and int(version) > VERSION:
        raise NewerLake(
            f"this lake has version {version}; this wherry knows versions up to {VERSION}",
            hint="update wherry: pip install --upgrade wherry",
        )


def statements(number: int) -> Iterator[str]:
    """The statements of one step."""
    (path,) = _FOLDER.glob(f"{number:03d}_*.sql")
    return _statements(path)


def _statements(path: Path) -> Iterator[str]:
    text = re.sub(r"^ *--.*\n", "", path.read_text("utf-8"), flags=re.MULTILINE)
    return (part.strip() for part in text.split(";\n") if part.strip())


def _make(connection: Connection, now: str) -> None:
    types = _SQLITE if connection.is_sqlite else _POSTGRES
    for statement in _statements(_TABLES):
        connection.change(re.sub(r"\b(COUNTER|NUMBER)\b", lambda found: types[found[0]], statement))
    connection.change(insert("meta", ("name", "value")), {"name": "version", "value": str(VERSION)})
    main = {"name": MAIN, "created_at": now, "author": ""}
    connection.change(insert("branch", main), main)


def _take_turn(connection: Connection, database: Database) -> None:
    """In PostgreSQL, wait for whoever makes the tables at this moment, and for whoever writes to them."""
    if connection.is_sqlite:
        return
    digest = hashlib.sha256(f"wherry {database.schema}".encode()).digest()
    key = int.from_bytes(digest[:8], "big", signed=True)
    connection.rows("SELECT pg_advisory_xact_lock(:key)", {"key": key})
    # Asked first: who may not make schemas may yet use one that was made for him.
    if connection.row("SELECT 1 FROM pg_namespace WHERE nspname = :schema", {"schema": database.schema}) is None:
        connection.change(f'CREATE SCHEMA "{database.schema}"')
    if _has_tables(connection):
        connection.rows("SELECT value FROM meta FOR UPDATE")


def _version(connection: Connection) -> int | None:
    """The version of the tables; None when there are none. Raises ``NewerLake``."""
    if not _has_tables(connection):
        return None
    version = connection.value("SELECT value FROM meta WHERE name = 'version'")
    expect_known(version)
    return None if version is None else int(version)


def _has_tables(connection: Connection) -> bool:
    if connection.is_sqlite:
        return connection.row("SELECT 1 FROM sqlite_master WHERE name = 'meta'") is not None
    return bool(connection.value("SELECT to_regclass('meta') IS NOT NULL"))
