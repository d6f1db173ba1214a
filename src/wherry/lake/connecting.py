"""Connections to the lake's database: a SQLite file, or a schema of a PostgreSQL database.

``postgresql://user:password@host:5432/database?schema=shop``: ``schema`` keeps the projects in one database apart; the
other parameters are libpq's. What is told to people never holds the password.
"""

from __future__ import annotations

import hashlib
import re
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from weakref import WeakKeyDictionary

import sqlalchemy as sa
from sqlalchemy.engine import URL, make_url
from sqlalchemy.pool import ConnectionPoolEntry

from wherry.errors import LakeError

#: Where the tables are when neither the address nor a project names a schema.
SCHEMA = "wherry"
_SERVER = ("postgresql", "postgres", "postgresql+psycopg")
#: Seconds that a writer to a SQLite file waits for the others.
_PATIENCE = 30
#: Seconds for which a connection that worked is believed to work: each question costs a round trip.
_FRESH = 1.0
#: A writer that was cut off from the server, or stopped, holds its turn no longer than this.
_SETTINGS = {
    "lock_timeout": "30s",
    "idle_in_transaction_session_timeout": "120s",
    "tcp_keepalives_idle": "10",
    "tcp_keepalives_interval": "5",
    "tcp_keepalives_count": "3",
}


def engine_for(database: str, project: str = "") -> sa.Engine:
    """An engine for the path of a SQLite file, or for an address; nothing is opened yet.

    An address without a schema means the one called like the project.

    Raises ``LakeError`` for an address that is not understood and for a driver that is not installed.
    """
    if "://" not in database:
        # Absolute: new connections are made later, perhaps after the process went to another folder.
        return _sqlite(URL.create("sqlite", database=str(Path(database).absolute())))
    try:
        url = make_url(database)
    except (ValueError, sa.exc.ArgumentError):
        # Its own words would repeat the address.
        raise LakeError(
            "the address of the database cannot be read",
            hint="write postgresql://user:${PASSWORD}@host:5432/database",
        ) from None
    if url.drivername == "sqlite":
        return _sqlite(url)
    if url.drivername not in _SERVER:
        raise LakeError(f"a lake's database cannot be in `{url.drivername}`", hint="use SQLite or postgresql://")
    return _postgres(url, schema_of(url, project))


def shown(url: URL) -> str:
    """The address without secrets."""
    return url.set(query={}).render_as_string() if url.get_backend_name() != "sqlite" else str(url.database)


def schema_of(url: URL, project: str = "") -> str:
    """The PostgreSQL schema that holds the lake's tables."""
    named = url.query.get("schema") or (schema_name(project) if project else SCHEMA)
    schema = named if isinstance(named, str) else named[-1]
    if not re.fullmatch(r"[a-z_][a-z0-9_]{0,62}", schema) or schema.startswith("pg_"):
        raise LakeError(
            f"`{schema}` cannot be the schema of a lake", hint="use small letters, digits and `_`; begin with a letter"
        )
    return schema


def schema_name(project: str) -> str:
    """The schema that a project's name stands for: ``My shop`` is ``my_shop``."""
    name = re.sub(r"[^a-z0-9_]+", "_", project.lower()).strip("_")[:60]
    return name if name and not name[0].isdigit() and not name.startswith("pg_") else f"p_{name}"


def schema_key(engine: sa.Engine) -> int:
    """The number by which those who make or change the tables take turns."""
    digest = hashlib.sha256(f"wherry {engine.get_execution_options()['wherry_schema']}".encode()).digest()
    return int.from_bytes(digest[:8], "big", signed=True)


def _sqlite(url: URL) -> sa.Engine:
    if url.database:
        Path(url.database).parent.mkdir(parents=True, exist_ok=True)
    engine = sa.create_engine(url, pool_size=8, max_overflow=64)
    sa.event.listen(engine, "connect", _connected)
    sa.event.listen(engine, "begin", _begun)
    return engine


def _connected(raw: Any, entry: ConnectionPoolEntry) -> None:
    # The driver's own transactions begin too late to be the only writer: BEGIN is said below.
    raw.isolation_level = None
    entry.info["synchronous"] = "FULL"
    raw.execute(f"PRAGMA busy_timeout={_PATIENCE * 1000}").close()
    _keep_ahead_log(raw)
    for pragma in ("foreign_keys=ON", "synchronous=FULL"):
        raw.execute(f"PRAGMA {pragma}").close()


def _keep_ahead_log(raw: Any) -> None:
    """Switch a file to write-ahead logging, where it is not yet.

    Here SQLite does not wait for a writer: two that are about to switch would wait for one another.
    """
    end = time.monotonic() + _PATIENCE
    while True:
        try:
            raw.execute("PRAGMA journal_mode=WAL").close()
            return
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_BUSY or time.monotonic() > end:
                raise
            time.sleep(0.01)


def _begun(connection: sa.Connection) -> None:
    options = connection.get_execution_options()
    if reads := options.get("wherry_reads"):
        if reads != "each":
            connection.exec_driver_sql("BEGIN")
        return
    wanted = "FULL" if options.get("wherry_durable", True) else "NORMAL"
    if connection.info.get("synchronous") != wanted:
        # It cannot be changed inside a transaction.
        connection.exec_driver_sql(f"PRAGMA synchronous={wanted}")
        connection.info["synchronous"] = wanted
    connection.exec_driver_sql("BEGIN IMMEDIATE")


#: The others go back to the pool, for whoever writes.
_KEPT_AT_MOST = 4
#: Connections that are kept open for single statements, by engine, and when each was used last.
_KEPT: WeakKeyDictionary[sa.Engine, list[tuple[sa.Connection, float]]] = WeakKeyDictionary()


@contextmanager
def kept(engine: sa.Engine) -> Iterator[sa.Connection]:
    """A connection without transactions, open already where one was used within the last second."""
    free = _KEPT.get(engine)
    if free is None:
        free = _KEPT.setdefault(engine, [])
        sa.event.listen(engine, "engine_disposed", _close_kept)
    try:
        connection, used = free.pop()
    except IndexError:
        connection, used = _without_transactions(engine), time.monotonic()
    if time.monotonic() - used > _FRESH:
        connection.close()
        connection = _without_transactions(engine)
    try:
        yield connection
    except BaseException:
        connection.close()
        raise
    if len(free) < _KEPT_AT_MOST:
        free.append((connection, time.monotonic()))
    else:
        connection.close()


def _without_transactions(engine: sa.Engine) -> sa.Connection:
    connection = engine.connect()
    if connection.dialect.name == "sqlite":
        return connection.execution_options(wherry_reads="each")
    return connection.execution_options(isolation_level="AUTOCOMMIT")


def _close_kept(engine: sa.Engine) -> None:
    for connection, _ in _KEPT.pop(engine, ()):
        connection.invalidate()
        connection.close()


def _postgres(url: URL, schema: str) -> sa.Engine:
    if find_spec("psycopg") is None:
        raise LakeError("a lake in PostgreSQL needs the package psycopg", hint="pip install 'wherry[postgres]'")
    engine = sa.create_engine(
        url.set(drivername="postgresql+psycopg").difference_update_query(["schema"]),
        pool_size=8,
        max_overflow=16,
        execution_options={"wherry_schema": schema},
    )

    def connected(raw: Any, entry: ConnectionPoolEntry) -> None:
        wanted = [f"SET {name} = '{value}'" for name, value in _SETTINGS.items()]
        raw.autocommit = True
        raw.execute("; ".join([f'SET search_path = "{schema}"', *wanted]))
        raw.autocommit = False

    sa.event.listen(engine, "connect", connected)
    sa.event.listen(engine, "checkin", _left)
    sa.event.listen(engine, "checkout", _taken)
    return engine


def _left(raw: Any, entry: ConnectionPoolEntry) -> None:
    entry.info["left"] = time.monotonic()


def _taken(raw: Any, entry: ConnectionPoolEntry, proxy: Any) -> None:
    """Ask the server whether a connection that nobody used for a while is still there; if not, another is made."""
    if time.monotonic() - entry.info.get("left", 0.0) < _FRESH:
        return
    try:
        raw.autocommit = True
        raw.execute("")
        raw.autocommit = False
    except Exception as problem:
        raise sa.exc.DisconnectionError() from problem
