"""A lake's database in PostgreSQL: one schema of a database, which other projects may share."""

from __future__ import annotations

import re
from collections.abc import Mapping
from contextlib import nullcontext, suppress
from functools import cache
from itertools import count
from typing import Any

import psycopg
from psycopg.conninfo import make_conninfo
from psycopg.pq import TransactionStatus

from wherry.lake.connecting import Connection, Database

_MOST = 24
_SETTINGS = {
    "lock_timeout": "30s",
    # Upkeep looks at files, as many as there are, while it reads.
    "idle_in_transaction_session_timeout": "0",
    "tcp_keepalives_idle": "10",
    "tcp_keepalives_interval": "5",
    "tcp_keepalives_count": "3",
}
#: Said in full: a server or a role may be set to begin others.
_BEGIN = "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE"
#: A writer that was cut off from the server, or stopped, holds its turn no longer than this.
_IDLE = "120s"
# Numbers of commits are taken and seen in the same order only when writers take turns.
_TURN = f"""
    SELECT value, pg_current_xact_id()::text, set_config('synchronous_commit', :sync, true),
        set_config('idle_in_transaction_session_timeout', '{_IDLE}', true)
    FROM meta WHERE name = 'version' FOR UPDATE
"""
_names = count()


class PostgresDatabase(Database):
    is_sqlite = False
    driver = psycopg
    denied = (psycopg.errors.InsufficientPrivilege,)

    def __init__(self, address: Mapping[str, str], schema: str, shown: str) -> None:
        """``address``: libpq's parameters. Nothing is opened yet."""
        super().__init__(_MOST)
        self.schema = schema
        self.shown = shown
        self._address = dict(address)

    def open(self) -> Connection:
        raw: Any = psycopg.connect(make_conninfo(**self._address), autocommit=True)
        try:
            wanted = [f"SET {name} = '{value}'" for name, value in _SETTINGS.items()]
            raw.execute("; ".join([f'SET search_path = "{self.schema}"', *wanted]))
        except BaseException:
            raw.close()
            raise
        return PostgresConnection(raw)


class PostgresConnection(Connection):
    is_sqlite = False
    numbers = "SELECT value::bigint FROM json_array_elements_text(:numbers)"

    def begin_reading(self) -> None:
        self.raw.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")

    def end_reading(self) -> None:
        with suppress(psycopg.Error):
            self._close_streams()
            # After a rollback the driver would prepare its statements anew.
            self.raw.commit()

    def begin(self) -> None:
        self.raw.execute(_BEGIN)

    def begin_writing(self, durable: bool) -> tuple[str | None, str | None]:
        with self.raw.pipeline() if psycopg.Pipeline.is_supported() else nullcontext():  # one message
            self.raw.execute(_BEGIN)
            answer = self.raw.execute(self._spelled(_TURN), {"sync": "on" if durable else "off"})
        version, number, *_ = answer.fetchone() or (None, None)
        return version, number

    def commit(self) -> None:
        self._close_streams()
        self.raw.commit()

    def reset(self) -> bool:
        if self._status != TransactionStatus.IDLE:
            with suppress(psycopg.Error):
                self.raw.rollback()
        with suppress(psycopg.Error):
            self._close_streams()
        return self._status == TransactionStatus.IDLE

    @property
    def _status(self) -> int:
        return int(self.raw.pgconn.transaction_status)

    def lives(self) -> bool:
        try:
            self.raw.execute("")
        except psycopg.Error:
            return False
        return True

    def _cursor(self) -> Any:
        cursor = self.raw.cursor(name=f"wherry_{next(_names)}")
        cursor.itersize = 1000
        return cursor

    def _spelled(self, sql: str) -> str:
        return _spelled(sql)


@cache
def _spelled(sql: str) -> str:
    """``:name`` becomes ``%(name)s``; ``::type`` stays."""
    return re.sub(r"(?<!:):([a-z_][a-z0-9_]*)", r"%(\1)s", sql.replace("%", "%%"))
