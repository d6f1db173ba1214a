"""Connections to the lake's database: opened as they are needed, and kept for whoever comes next.

What a statement is given stands in it as ``:name`` and never becomes part of its text.
"""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from threading import BoundedSemaphore, Lock
from typing import Any

from wherry.errors import LakeError

Row = tuple[Any, ...]
Values = Mapping[str, Any]

#: For a statement that is given nothing.
_NOTHING: Values = {}
#: Connections that stay open while nobody uses them.
_KEPT = 8
#: Seconds to wait for a connection when as many are in use as there may be.
_PATIENCE = 30
#: Seconds for which a connection that worked is believed to work: each question costs a round trip.
_FRESH = 1.0


def insert(table: str, columns: Iterable[str]) -> str:
    """The statement that adds a row: each column is given what is called like it."""
    names = tuple(columns)
    return f"INSERT INTO {table} ({', '.join(names)}) VALUES ({', '.join(f':{name}' for name in names)})"


class Connection(ABC):
    """A connection, for one thread at a time; raises what its driver raises.

    Outside a transaction each statement is one of its own. Who leaves a transaction without ``commit`` undoes it.
    """

    is_sqlite: bool
    #: A query of the numbers in a JSON list that is given as ``numbers``: there may be more of them than values.
    numbers: str

    def __init__(self, raw: Any) -> None:
        #: The driver's.
        self.raw = raw
        #: When it was used last, by ``time.monotonic``.
        self.used = time.monotonic()
        self._streams: list[Any] = []

    # Statements

    def rows(self, sql: str, values: Values = _NOTHING) -> list[Row]:
        """What a query answers."""
        rows: list[Row] = self._execute(sql, values).fetchall()
        return rows

    def row(self, sql: str, values: Values = _NOTHING) -> Row | None:
        """The first row of the answer."""
        rows = self.rows(sql, values)  # all: SQLite goes on reading until it has come to the end
        return rows[0] if rows else None

    def value(self, sql: str, values: Values = _NOTHING) -> Any:
        """The first column of the first row; None when there is no row."""
        row = self.row(sql, values)
        return row[0] if row is not None else None

    def column(self, sql: str, values: Values = _NOTHING) -> list[Any]:
        """The first column of the answer."""
        return [row[0] for row in self.rows(sql, values)]

    def stream(self, sql: str, values: Values = _NOTHING) -> Iterator[Row]:
        """The rows of a long answer, as they come; until the transaction ends."""
        cursor = self._cursor()
        self._streams.append(cursor)
        cursor.execute(self._spelled(sql), values)
        yield from cursor

    def change(self, sql: str, values: Values = _NOTHING) -> int:
        """How many rows a statement changed."""
        return int(self._execute(sql, values).rowcount)

    def change_all(self, sql: str, values: Iterable[Values]) -> None:
        """A statement once with each of ``values``."""
        if each := list(values):
            self.raw.cursor().executemany(self._spelled(sql), each)

    def _execute(self, sql: str, values: Values) -> Any:
        return self.raw.execute(self._spelled(sql), values)

    def _close_streams(self) -> None:
        while self._streams:
            self._streams.pop().close()

    @abstractmethod
    def _cursor(self) -> Any:
        """A cursor of the driver's that does not fetch everything at once."""

    @abstractmethod
    def _spelled(self, sql: str) -> str:
        """A statement as the driver wants it."""

    # Transactions

    @abstractmethod
    def begin_reading(self) -> None:
        """Begin one whose queries all see the same moment."""

    @abstractmethod
    def end_reading(self) -> None:
        """End it. Nothing can go wrong: what was read was read."""

    @abstractmethod
    def begin(self) -> None:
        """Begin one that changes something and survives a power cut."""

    @abstractmethod
    def begin_writing(self, durable: bool) -> tuple[str | None, str | None]:
        """The same, as the only writer: the version of the tables, and the transaction's number where it has one.

        Not ``durable``: a power cut may undo it.
        """

    @abstractmethod
    def commit(self) -> None:
        """End it for good."""

    # For whoever keeps it

    @abstractmethod
    def reset(self) -> bool:
        """Undo what was left unfinished; False when the connection is of no more use."""

    @abstractmethod
    def lives(self) -> bool:
        """Whether the database still answers."""

    def close(self) -> None:
        self.raw.close()


class Database(ABC):
    """The database of a lake, for any number of threads."""

    is_sqlite: bool
    #: The driver's module, for its errors.
    driver: Any
    #: Errors of the driver's that say what the user of the database may not do.
    denied: tuple[type[Exception], ...] = ()
    #: The path or address, without secrets.
    shown: str
    #: The file of a SQLite database.
    path = Path()
    #: The schema of a PostgreSQL database.
    schema = ""

    def __init__(self, most: int) -> None:
        """``most``: so many connections are open at once."""
        self._room = BoundedSemaphore(most)
        #: For those who wait with a connection for others to be done: the rest is for these.
        self.waiting = BoundedSemaphore(max(most // 2, 1))
        self._lock = Lock()
        self._free: list[Connection] = []  # the one used last is the last
        self._disposed = False

    @abstractmethod
    def open(self) -> Connection:
        """A new connection."""

    @contextmanager
    def connection(self) -> Iterator[Connection]:
        """A connection without a transaction; waits while too many are in use."""
        if not self._room.acquire(timeout=_PATIENCE):
            raise LakeError(f"all connections to the database `{self.shown}` are in use", hint="try again")
        try:
            connection = self._take()
            try:
                yield connection
            finally:
                self._give_back(connection)
        finally:
            self._room.release()

    def dispose(self) -> None:
        """Close what nobody uses; from now on connections are closed when they are given back."""
        self._disposed = True
        self.close_idle()

    def close_idle(self) -> None:
        """Close what nobody uses: what cut one connection off may have cut off the others."""
        with self._lock:
            free, self._free = self._free, []
        for connection in free:
            connection.close()

    @property
    def kept(self) -> int:
        """How many connections are open without being used."""
        return len(self._free)

    def _take(self) -> Connection:
        with self._lock:
            connection = self._free.pop() if self._free else None
        if connection is not None:
            if time.monotonic() - connection.used < _FRESH or connection.lives():
                return connection
            connection.close()
            self.close_idle()
        return self.open()

    def _give_back(self, connection: Connection) -> None:
        sound = keep = False
        try:
            sound = connection.reset()
            connection.used = time.monotonic()
            with self._lock:
                if keep := sound and not self._disposed and len(self._free) < _KEPT:
                    self._free.append(connection)
        finally:
            if not keep:
                connection.close()
            if not sound:
                self.close_idle()
