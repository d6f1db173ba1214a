"""How far back the log can be read."""

import sqlalchemy as sa

from wherry.errors import NoSuchCommit
from wherry.lake import database as db

#: In the table ``meta``: the number of the oldest commit that everything is kept of.
HORIZON = "horizon"


def horizon(connection: sa.Connection) -> int:
    """The number of the oldest commit that can be read; 0 when all can."""
    return int(connection.execute(sa.select(db.meta.c.value).where(db.meta.c.name == HORIZON)).scalar() or 0)


def readable(connection: sa.Connection) -> sa.ColumnElement[bool] | None:
    """Which commits can be read, as a condition; None when all can.

    The newest of each branch always can: nothing that it shows was replaced.
    """
    oldest = horizon(connection)
    if not oldest:
        return None
    newest = sa.select(sa.func.max(db.commit.c.seq)).group_by(db.commit.c.branch)
    return (db.commit.c.seq >= oldest) | db.commit.c.seq.in_(newest)


def expect_readable(connection: sa.Connection, seq: int, what: str) -> None:
    """Raises ``NoSuchCommit`` for a moment whose files may be gone."""
    allowed = readable(connection)
    if allowed is None or seq >= horizon(connection):
        return
    if connection.execute(sa.select(db.commit.c.seq).where(db.commit.c.seq == seq, allowed)).first() is None:
        raise NoSuchCommit(
            f"`{what}` is older than what the lake keeps",
            hint="`wherry log` lists what is kept; `keep` of [upkeep] in wherry.toml says how long",
        )
