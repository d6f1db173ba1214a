"""Old commits leave the log: what they showed may go, as far as nothing younger stands on it.

A moment is kept when it is not older than the *horizon*, or when a branch forked there. Whatever a branch sees at a
kept moment stays readable.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise

import sqlalchemy as sa

from wherry.lake import database as db
from wherry.lake.clock import stamp
from wherry.lake.horizon import HORIZON, horizon, standing

#: Rows that go in one transaction: others wait for it.
_BATCH = 500


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


def new_horizon(connection: sa.Connection, since: datetime) -> int:
    """The first commit that is kept for its age; the newest one of all is kept whatever its age."""
    first = sa.select(sa.func.min(db.commit.c.seq)).where(db.commit.c.at >= stamp(since))
    newest = sa.select(sa.func.max(db.commit.c.seq))
    found = connection.execute(first).scalar() or connection.execute(newest).scalar() or 0
    return max(int(found), horizon(connection))


class Kept:
    """Which moments are kept, as one view of the database has them."""

    def __init__(self, connection: sa.Connection, horizon: int) -> None:
        self.horizon = horizon
        self.branches = set(connection.execute(sa.select(db.branch.c.name)).scalars())
        #: Moments of a branch that others read it at, in order.
        self.moments: dict[str, list[int]] = defaultdict(list)
        for parent, base in connection.execute(sa.select(db.fork.c.parent, db.fork.c.base)):
            self.moments[parent].append(base)
        for moments in self.moments.values():
            moments.sort()
        used = sa.select(db.pointer.c.key, db.pointer.c.basis).where(db.pointer.c.basis.is_not(None))
        self._derived = {(key, basis) for key, basis in connection.execute(used)}

    def needs(self, past: Past) -> bool:
        """Whether a branch sees this state at a kept moment."""
        if past.branch not in self.branches:
            return False
        if past.until is None or past.until > self.horizon or (past.key, past.seq) in self._derived:
            return True
        moments = self.moments.get(past.branch, [])
        at = bisect_left(moments, past.seq)
        return at < len(moments) and moments[at] < past.until


def pasts(connection: sa.Connection) -> Iterator[Past]:
    """Every state that the log knows of, one after the other."""
    columns = (db.change.c.branch, db.change.c.key, db.change.c.seq, db.change.c.location)
    order = (db.change.c.branch, db.change.c.key, db.change.c.seq.desc())
    rows = connection.execution_options(yield_per=1000).execute(sa.select(*columns).order_by(*order))
    last, until = ("", ""), None
    for branch, key, seq, location in rows:
        until = until if last == (branch, key) else None
        yield Past(branch=branch, key=key, seq=seq, until=until, location=location)
        last, until = (branch, key), seq


def doomed(connection: sa.Connection, kept: Kept) -> list[Past]:
    """States that can go from the log: no kept moment shows them, and they are older than the horizon."""
    return [past for past in pasts(connection) if past.seq < kept.horizon and not kept.needs(past)]


def doomed_commits(connection: sa.Connection, kept: Kept, changes: list[Past]) -> list[int]:
    """Commits of which nothing is left when ``changes`` are gone."""
    gone: dict[int, int] = defaultdict(int)
    for past in changes:
        gone[past.seq] += 1
    count = sa.func.count(db.change.c.key)
    query = (
        sa.select(db.commit.c.seq, count)
        .outerjoin(db.change, db.change.c.seq == db.commit.c.seq)
        .where(db.commit.c.seq < kept.horizon, db.commit.c.seq.not_in(standing(connection)))
        .group_by(db.commit.c.seq)
    )
    return [seq for seq, there in connection.execute(query) if there <= gone[seq]]


def forget(engine: sa.Engine, since: datetime) -> tuple[int, int]:
    """Take old commits out of the log; how many commits and states of tables. Killed at any point, it goes on later."""
    with db.writing(engine) as connection:
        wanted = new_horizon(connection, since)
        # From here on nobody is given a moment before it.
        connection.execute(db.meta.delete().where(db.meta.c.name == HORIZON))
        connection.execute(db.meta.insert().values(name=HORIZON, value=str(wanted)))
        _forget_forks(connection, wanted)
    with db.reading(engine) as connection:
        changes = doomed(connection, Kept(connection, wanted))
    for start in range(0, len(changes), _BATCH):
        with db.writing(engine) as connection:
            # A branch may have been made meanwhile.
            kept = Kept(connection, wanted)
            batch = [past for past in changes[start : start + _BATCH] if not kept.needs(past)]
            _delete_changes(connection, batch)
    with db.writing(engine) as connection:
        commits = doomed_commits(connection, Kept(connection, wanted), [])
        for start in range(0, len(commits), _BATCH):
            gone = commits[start : start + _BATCH]
            connection.execute(db.commit.delete().where(db.commit.c.seq.in_(gone)))
    return len(commits), len(changes)


def _delete_changes(connection: sa.Connection, batch: list[Past]) -> None:
    if batch:
        statement = db.change.delete().where(db.change.c.seq == sa.bindparam("s"), db.change.c.key == sa.bindparam("k"))
        connection.execute(statement, [{"s": past.seq, "k": past.key} for past in batch])


def _forget_forks(connection: sa.Connection, horizon: int) -> None:
    """Where a branch stood once, as long as no kept moment lies in that time."""
    rows: Mapping[str, list[int]] = defaultdict(list)
    for branch, seq in connection.execute(sa.select(db.fork.c.branch, db.fork.c.seq).order_by(db.fork.c.seq)):
        rows[branch].append(seq)
    read: Mapping[str, list[int]] = defaultdict(list)
    for parent, base in connection.execute(sa.select(db.fork.c.parent, db.fork.c.base)):
        read[parent].append(base)
    for branch, seqs in rows.items():
        for seq, until in pairwise(seqs):
            if until <= horizon and not any(seq <= base < until for base in read[branch]):
                connection.execute(db.fork.delete().where(db.fork.c.branch == branch, db.fork.c.seq == seq))
