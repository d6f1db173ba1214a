"""Who holds the right to do a task on a branch. Nothing is held by the dead: a lease whose process is gone, or that
was not confirmed for a while, is taken over.
"""

from __future__ import annotations

import os
import secrets
import socket
from dataclasses import asdict, fields
from datetime import datetime, timedelta
from pathlib import Path

from wherry.lake import database as db
from wherry.lake.clock import boot, stamp
from wherry.lake.connecting import Connection, Database, Row, insert
from wherry.model.dataclass import dataclass

#: Seconds between two confirmations, and after how many without one a lease may be taken over.
BEAT, BOUND = 15.0, 90.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Lease:
    """The right to do a task on a branch."""

    #: ``run``, for one.
    task: str
    branch: str
    #: Random: a process may hold several, and the same name may come again.
    holder: str
    #: The person.
    owner: str
    host: str
    pid: int
    #: Which start of the machine and when in it the process began; empty where the system does not tell.
    born: str
    #: ISO 8601, UTC, by the database's clock.
    since: str
    #: When it was last confirmed.
    beat: str

    @property
    def who(self) -> str:
        """The holder, as people are told."""
        return f"{self.owner or 'somebody'}, process {self.pid} on {self.host}"


_COLUMNS = tuple(field.name for field in fields(Lease))
_LEASES = f"SELECT {', '.join(_COLUMNS)} FROM lease"


def take(database: Database, task: str, branch: str, owner: str) -> tuple[Lease, bool]:
    """The lease, and whether it is the caller's now; if not, it is that of whoever holds it."""
    mine = {"task": task, "branch": branch}
    with db.writing(database, durable=False) as connection:
        now = _now(connection)
        row = connection.row(f"{_LEASES} WHERE task = :task AND branch = :branch", mine)
        if row is not None:
            held = _lease(row)
            if _alive(held, now):
                return held, False
            connection.change("DELETE FROM lease WHERE task = :task AND branch = :branch", mine)
        pid = os.getpid()
        lease = Lease(
            task=task,
            branch=branch,
            holder=secrets.token_hex(8),
            owner=owner,
            host=socket.gethostname(),
            pid=pid,
            born=_born(pid),
            since=now,
            beat=now,
        )
        connection.change(insert("lease", _COLUMNS), asdict(lease))
    return lease, True


def confirm(database: Database, lease: Lease) -> bool:
    """Say that the holder lives; False when somebody took the lease over."""
    with db.writing(database, durable=False) as connection:
        heard = {"holder": lease.holder, "beat": _now(connection)}
        return connection.change("UPDATE lease SET beat = :beat WHERE holder = :holder", heard) == 1


def give_back(database: Database, lease: Lease) -> None:
    """End a lease; one that was taken over stays with its new holder."""
    with db.writing(database, durable=False) as connection:
        connection.change("DELETE FROM lease WHERE holder = :holder", {"holder": lease.holder})


def held(database: Database) -> list[tuple[Lease, float]]:
    """The leases of the living, oldest first, each with its age in seconds."""
    with db.reading(database) as connection:
        now = _now(connection)
        rows = connection.rows(f"{_LEASES} ORDER BY since")
    leases = map(_lease, rows)
    return [(lease, _seconds(lease.since, now)) for lease in leases if _alive(lease, now)]


def _now(connection: Connection) -> str:
    """The time by the one clock that all holders share."""
    return stamp(None if connection.is_sqlite else connection.value("SELECT clock_timestamp()"))


def _lease(row: Row) -> Lease:
    return Lease(**dict(zip(_COLUMNS, row, strict=True)))


def _seconds(earlier: str, later: str) -> float:
    return (datetime.fromisoformat(later) - datetime.fromisoformat(earlier)) / timedelta(seconds=1)


def _alive(lease: Lease, now: str) -> bool:
    if _seconds(lease.beat, now) > BOUND:
        return False
    here = lease.host == socket.gethostname() and lease.born.partition("/")[0] == _start()
    # Elsewhere, or in another container, only its confirmations tell.
    return not here or _born(lease.pid) == lease.born


def _start() -> str:
    """This start of the machine, and which processes are seen: containers number theirs apart."""
    try:
        return f"{boot()} {Path('/proc/self/ns/pid').readlink()}"
    except OSError:
        return boot()


def _born(pid: int) -> str:
    """The start of the machine and the start of a process in it; the process's part is empty when there is none."""
    try:
        # The name of the program is in brackets and may hold anything; the start is the 20th word after it.
        words = Path(f"/proc/{pid}/stat").read_text("utf-8", "replace").rpartition(")")[2].split()
        born = "" if words[0] in "ZX" else words[19]
    except (OSError, IndexError):
        born = "" if Path("/proc/self/stat").exists() or not _runs(pid) else "?"
    return f"{_start()}/{born}"


def _runs(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except PermissionError:
        return True
    except OSError:
        return False
    return True
