"""Old commits leave the log: what they showed may go, as far as nothing younger stands on it.

A moment is kept when it is not older than the *horizon*, or when a branch forked there. Whatever a branch sees at a
kept moment stays readable.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterator, Mapping
from datetime import datetime
from itertools import pairwise

from wherry.lake import database as db
from wherry.lake import read
from wherry.lake.clock import stamp
from wherry.lake.connecting import Connection, Database, insert
from wherry.lake.horizon import HORIZON, horizon, standing
from wherry.model.dataclass import dataclass

#: Rows that go in one transaction: others wait for it.
_BATCH = 500
_PASTS = "SELECT branch, key, seq, location FROM change ORDER BY branch, key, seq DESC"
#: How many changes each commit before the horizon still has.
_CHANGES = """
    SELECT "commit".seq, count(change.key) FROM "commit" LEFT JOIN change ON change.seq = "commit".seq
    WHERE "commit".seq < :horizon GROUP BY "commit".seq
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Past:
    """One state of one table on one branch, and how long it held."""

    branch: str
    key: str
    #: The commit that made it.
    seq: int
    #: The commit that made the next one; None: it still holds.
    until: int | None
    #: Its metadata file; None for a view or a dropped table.
    location: str | None


def new_horizon(connection: Connection, since: datetime) -> int:
    """The first commit that is kept for its age; the newest one of all is kept whatever its age."""
    first = connection.value('SELECT min(seq) FROM "commit" WHERE at >= :since', {"since": stamp(since)})
    return max(int(first or read.newest(connection)), horizon(connection))


class Kept:
    """Which moments are kept, as one view of the database has them."""

    def __init__(self, connection: Connection, horizon: int) -> None:
        self.horizon = horizon
        self.branches = set(connection.column("SELECT name FROM branch"))
        #: Moments of a branch that others read it at, in order.
        self.moments: dict[str, list[int]] = defaultdict(list)
        for parent, base in connection.rows("SELECT parent, base FROM fork"):
            self.moments[parent].append(base)
        for moments in self.moments.values():
            moments.sort()
        self._derived = set(connection.rows("SELECT key, basis FROM pointer WHERE basis IS NOT NULL"))

    def needs(self, past: Past) -> bool:
        """Whether a branch sees this state at a kept moment."""
        if past.branch not in self.branches:
            return False
        if past.until is None or past.until > self.horizon or (past.key, past.seq) in self._derived:
            return True
        moments = self.moments.get(past.branch, [])
        at = bisect_left(moments, past.seq)
        return at < len(moments) and moments[at] < past.until


def pasts(connection: Connection) -> Iterator[Past]:
    """Every state that the log knows of, one after the other."""
    last, until = ("", ""), None
    for branch, key, seq, location in connection.stream(_PASTS):
        until = until if last == (branch, key) else None
        yield Past(branch=branch, key=key, seq=seq, until=until, location=location)
        last, until = (branch, key), seq


def doomed(connection: Connection, kept: Kept) -> list[Past]:
    """States that can go from the log: no kept moment shows them, and they are older than the horizon."""
    return [past for past in pasts(connection) if past.seq < kept.horizon and not kept.needs(past)]


def doomed_commits(connection: Connection, kept: Kept, changes: list[Past]) -> list[int]:
    """Commits of which nothing is left when ``changes`` are gone."""
    gone: dict[int, int] = defaultdict(int)
    for past in changes:
        gone[past.seq] += 1
    stay = standing(connection)
    left = connection.rows(_CHANGES, {"horizon": kept.horizon})
    return [seq for seq, there in left if seq not in stay and there <= gone[seq]]


def forget(database: Database, since: datetime) -> tuple[int, int]:
    """Take old commits out of the log; how many commits and states of tables. Killed at any point, it goes on later."""
    with db.writing(database) as connection:
        wanted = new_horizon(connection, since)
        # From here on nobody is given a moment before it.
        moved = {"name": HORIZON, "value": str(wanted)}
        connection.change("DELETE FROM meta WHERE name = :name", moved)
        connection.change(insert("meta", moved), moved)
        _forget_forks(connection, wanted)
    with db.reading(database) as connection:
        changes = doomed(connection, Kept(connection, wanted))
    for start in range(0, len(changes), _BATCH):
        with db.writing(database) as connection:
            # A branch may have been made meanwhile.
            kept = Kept(connection, wanted)
            batch = [past for past in changes[start : start + _BATCH] if not kept.needs(past)]
            gone = [{"seq": past.seq, "key": past.key} for past in batch]
            connection.change_all("DELETE FROM change WHERE seq = :seq AND key = :key", gone)
    with db.writing(database) as connection:
        commits = doomed_commits(connection, Kept(connection, wanted), [])
        connection.change_all('DELETE FROM "commit" WHERE seq = :seq', [{"seq": seq} for seq in commits])
    return len(commits), len(changes)


def _forget_forks(connection: Connection, horizon: int) -> None:
    """Where a branch stood once, as long as no kept moment lies in that time."""
    rows: Mapping[str, list[int]] = defaultdict(list)
    bases: Mapping[str, list[int]] = defaultdict(list)
    for branch, seq, parent, base in connection.rows("SELECT branch, seq, parent, base FROM fork ORDER BY seq"):
        rows[branch].append(seq)
        bases[parent].append(base)
    for branch, seqs in rows.items():
        for seq, until in pairwise(seqs):
            if until <= horizon and not any(seq <= base < until for base in bases[branch]):
                left = {"branch": branch, "seq": seq}
                connection.change("DELETE FROM fork WHERE branch = :branch AND seq = :seq", left)
