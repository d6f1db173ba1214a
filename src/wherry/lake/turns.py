"""Writers of one table take turns where they can: two that commit at once cost each other an attempt.

Turns are a courtesy. Nothing is wrong without one, a killed writer loses its own, and nobody waits for one for long.
"""

from __future__ import annotations

import fcntl
import hashlib
import random
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import sqlalchemy as sa

#: Seconds to wait for a turn, then one goes on without.
PATIENCE = 10.0


@contextmanager
def turn(engine: sa.Engine, what: str, *, patience: float = PATIENCE) -> Iterator[bool]:
    """Wait for the turn to change ``what``; whether it was had."""
    if engine.dialect.name == "sqlite":
        with _file_turn(Path(engine.url.database or ""), what, patience) as had:
            yield had
        return
    key = f"{engine.get_execution_options()['wherry_schema']} {what}"
    with engine.connect() as connection:
        had = False
        with suppress(sa.exc.DBAPIError):
            connection.exec_driver_sql(f"SET LOCAL lock_timeout = {int(patience * 1000)}")
            connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_number(key, 63))))
            had = True
        yield had


@contextmanager
def _file_turn(database: Path, what: str, patience: float) -> Iterator[bool]:
    """A byte of a file beside the database, locked for as long as this process lives and wants it."""
    until = time.monotonic() + patience
    # A file of its own per turn: locks of one file are shared by all of a process's threads.
    with database.with_name(f"{database.name}.turn-{_number(what, 6):02d}").open("a") as file:
        had = False
        while not had:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                had = True
            except OSError:
                if time.monotonic() > until:
                    break
                time.sleep(random.uniform(0.001, 0.004))
        yield had


def _number(what: str, bits: int) -> int:
    return int.from_bytes(hashlib.sha256(what.encode()).digest()[:8], "big") & ((1 << bits) - 1)
