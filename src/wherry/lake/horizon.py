"""How far back the log can be read."""

from itertools import groupby

import sqlalchemy as sa

from wherry.errors import NoSuchCommit
from wherry.lake import database as db

#: In the table ``meta``: the number of the oldest commit that everything is kept of.
HORIZON = "horizon"

_newest = (
    sa.select(sa.func.max(db.commit.c.seq))
    .where(db.commit.c.branch == sa.bindparam("b"))
    .where(db.commit.c.seq <= sa.bindparam("at"))
)


def horizon(connection: sa.Connection) -> int:
    """The number of the oldest commit that can be read; 0 when all can."""
    return int(connection.execute(sa.select(db.meta.c.value).where(db.meta.c.name == HORIZON)).scalar() or 0)


def standing(connection: sa.Connection) -> set[int]:
    """The newest commit of each branch, and of each where another forked from it: they can be read at any age."""
    newest = connection.execute(sa.select(sa.func.max(db.commit.c.seq))).scalar() or 0
    columns = (db.fork.c.branch, db.fork.c.seq, db.fork.c.parent, db.fork.c.base)
    rows = connection.execute(sa.select(*columns).order_by(*columns)).all()
    forks = {branch: [row.seq for row in group] for branch, group in groupby(rows, lambda row: row.branch)}
    moments = {(name, newest) for name in connection.execute(sa.select(db.branch.c.name)).scalars()}
    found = set()
    for branch, at in moments | {(row.parent, row.base) for row in rows}:
        commit = connection.execute(_newest, {"b": branch, "at": at}).scalar()
        # Before a branch forked anew it stood elsewhere, and that may be forgotten.
        forked = max((seq for seq in forks.get(branch, ()) if seq <= at), default=0)
        if commit is not None and commit > forked:
            found.add(int(commit))
    return found


def readable(connection: sa.Connection) -> sa.ColumnElement[bool] | None:
    """Which commits can be read, as a condition; None when all can."""
    oldest = horizon(connection)
    if not oldest:
        return None
    return (db.commit.c.seq >= oldest) | db.commit.c.seq.in_(standing(connection))


def expect_readable(connection: sa.Connection, seq: int, what: str) -> None:
    """Raises ``NoSuchCommit`` for a moment whose files may be gone."""
    if seq < horizon(connection) and seq not in standing(connection):
        raise NoSuchCommit(
            f"`{what}` is older than what the lake keeps",
            hint="`wherry log` lists what is kept; `keep` of [upkeep] in wherry.toml says how long",
        )
