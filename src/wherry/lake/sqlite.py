"""A lake's database in a SQLite file: any number of readers beside one writer, in as many processes as there are."""

from __future__ import annotations

import sqlite3
import time
from pathlib import Path
from typing import Any

from wherry.lake.connecting import Connection, Database

#: Seconds that a writer waits for the others.
_PATIENCE = 30
_MOST = 72


class SqliteDatabase(Database):
    is_sqlite = True
    driver = sqlite3

    def __init__(self, path: str | Path) -> None:
        """Nothing is opened yet; the file's folder is made."""
        super().__init__(_MOST)
        #: Absolute: new connections are made later, perhaps after the process went to another folder.
        self.path = Path(path).absolute()
        self.shown = str(self.path)
        self.path.parent.mkdir(parents=True, exist_ok=True)

    def open(self) -> Connection:
        # The driver's own transactions begin too late to be the only writer: BEGIN is said below.
        raw = sqlite3.connect(self.path, isolation_level=None, check_same_thread=False)
        try:
            raw.execute(f"PRAGMA busy_timeout={_PATIENCE * 1000}").close()
            _keep_ahead_log(raw)
            for pragma in ("foreign_keys=ON", "synchronous=FULL"):
                raw.execute(f"PRAGMA {pragma}").close()
        except BaseException:
            raw.close()
            raise
        return SqliteConnection(raw)


class SqliteConnection(Connection):
    is_sqlite = True
    numbers = "SELECT value FROM json_each(:numbers)"

    def __init__(self, raw: sqlite3.Connection) -> None:
        super().__init__(raw)
        self._durable = True

    def begin_reading(self) -> None:
        self.raw.execute("BEGIN")

    def end_reading(self) -> None:
        self._close_streams()
        self.raw.execute("ROLLBACK")

    def begin(self) -> None:
        self._begin(True)

    def begin_writing(self, durable: bool) -> tuple[str | None, str | None]:
        self._begin(durable)
        return self.value("SELECT value FROM meta WHERE name = 'version'"), None

    def _begin(self, durable: bool) -> None:
        if durable != self._durable:
            # It cannot be changed inside a transaction.
            self.raw.execute(f"PRAGMA synchronous={'FULL' if durable else 'NORMAL'}")
            self._durable = durable
        self.raw.execute("BEGIN IMMEDIATE")

    def commit(self) -> None:
        self._close_streams()
        self.raw.execute("COMMIT")

    def reset(self) -> bool:
        self._close_streams()
        try:
            if self.raw.in_transaction:
                self.raw.execute("ROLLBACK")
        except sqlite3.Error:
            return False  # closing it undoes what it did
        return True

    def lives(self) -> bool:
        return True

    def _cursor(self) -> Any:
        return self.raw.cursor()

    def _spelled(self, sql: str) -> str:
        return sql


def _keep_ahead_log(raw: sqlite3.Connection) -> None:
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
