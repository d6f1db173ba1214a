"""Writers of one table take turns where they can: two that commit at once cost each other an attempt.

Turns are a courtesy. Nothing is wrong without one, a killed writer loses its own, and nobody waits for one for long.
"""

from __future__ import annotations

import fcntl
import hashlib
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from threading import Event, Lock, Thread
from typing import IO

from wherry.errors import LakeError
from wherry.lake.connecting import Database

#: Seconds to wait for a turn, then one goes on without.
PATIENCE = 10.0


@contextmanager
def turn(database: Database, what: str, *, patience: float = PATIENCE) -> Iterator[bool]:
    """Wait for the turn to change ``what``; whether it was had."""
    if database.is_sqlite:
        with _file_turn(database.path, what, patience) as had:
            yield had
        return
    key = _number(f"{database.schema} {what}", 63)
    with ExitStack() as stack:
        had = False
        with suppress(database.driver.Error, LakeError):
            connection = stack.enter_context(database.connection())
            connection.begin()  # undone in the end, which gives the lock back
            connection.change(f"SET LOCAL lock_timeout = {int(patience * 1000)}")
            connection.rows("SELECT pg_advisory_xact_lock(:key)", {"key": key})
            had = True
        yield had


@contextmanager
def _file_turn(database: Path, what: str, patience: float) -> Iterator[bool]:
    """A lock on a file beside the database, which the system takes from a process that dies."""
    # A file of its own per open: threads of one process take turns too.
    file = database.with_name(f"{database.name}.turn-{_number(what, 6):02d}").open("a")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        waiting = None
    except OSError:
        waiting = _Waiting(file)
    try:
        yield waiting is None or waiting.had(patience)
    finally:
        if waiting is None:
            file.close()
        else:
            waiting.leave()


class _Waiting:
    """Stands in the system's queue for a lock: first come, first served, and no polling.

    The system has no such waiting with an end, so a thread waits, and gives back what comes too late.
    """

    def __init__(self, file: IO[str]) -> None:
        self._file = file
        self._came, self._left = Event(), False
        self._lock = Lock()
        Thread(target=self._wait, name="wherry-turn", daemon=True).start()

    def had(self, patience: float) -> bool:
        return self._came.wait(patience)

    def leave(self) -> None:
        with self._lock:
            self._left = True
            if self._came.is_set():
                self._file.close()

    def _wait(self) -> None:
        with suppress(OSError):
            fcntl.flock(self._file, fcntl.LOCK_EX)
        with self._lock:
            self._came.set()
            if self._left:
                self._file.close()


def _number(what: str, bits: int) -> int:
    return int.from_bytes(hashlib.sha256(what.encode()).digest()[:8], "big") & ((1 << bits) - 1)
