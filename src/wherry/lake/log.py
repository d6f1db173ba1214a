"""The log of commits, and ways to name one of them."""

import json
from collections import defaultdict
from datetime import UTC, datetime

import sqlalchemy as sa

from wherry.errors import LakeError, NoSuchCommit
from wherry.lake import database as db
from wherry.lake import read
from wherry.lake.clock import stamp
from wherry.lake.commit import Change, Commit
from wherry.lake.horizon import expect_readable, readable
from wherry.lake.names import key

_ID = 12


def commits(
    engine: sa.Engine,
    branch: str | None,
    *,
    table: str | None = None,
    author: str | None = None,
    run: str | None = None,
    limit: int = 50,
) -> list[Commit]:
    """Commits that made the branch what it is, newest first: its own, then its parent's up to the fork.

    ``branch`` None: commits of all branches.
    """
    query = sa.select(db.commit).order_by(db.commit.c.seq.desc()).limit(limit)
    if author is not None:
        query = query.where(db.commit.c.author == author)
    if run is not None:
        query = query.where(db.commit.c.run == run)
    if table is not None:
        touched = sa.exists().where(db.change.c.seq == db.commit.c.seq, db.change.c.key == key(table))
        query = query.where(touched)
    with db.reading(engine) as connection:
        if branch is not None:
            query = query.where(_lineage(connection, branch))
        if (kept := readable(connection)) is not None:
            query = query.where(kept)
        return _complete(connection, query)


def _lineage(connection: sa.Connection, branch: str) -> sa.ColumnElement[bool]:
    parts: list[sa.ColumnElement[bool]] = []
    here: str | None = branch
    at: int | None = None
    while here is not None:
        mine = db.commit.c.branch == here
        parts.append(mine if at is None else mine & (db.commit.c.seq <= at))
        fork = read.fork_of(connection, here, at)
        here, at = fork.parent, fork.base
    return sa.or_(*parts)


def _complete(connection: sa.Connection, query: sa.Select[tuple[object, ...]]) -> list[Commit]:
    rows = connection.execute(query).all()
    changes: defaultdict[int, list[Change]] = defaultdict(list)
    if rows:
        asked = sa.select(db.change).where(db.change.c.seq.in_([r.seq for r in rows])).order_by(db.change.c.key)
        for c in connection.execute(asked):
            changes[c.seq].append(
                Change(
                    namespace=c.namespace,
                    name=c.name,
                    kind=c.kind,
                    location=c.location,
                    sql=c.sql,
                    state=json.loads(c.state),
                    rows=c.rows,
                    old_seq=c.old_seq,
                )
            )
    return [
        Commit(
            seq=r.seq,
            id=r.id,
            branch=r.branch,
            author=r.author,
            message=r.message,
            run=r.run,
            at=r.at,
            changes=tuple(changes[r.seq]),
        )
        for r in rows
    ]


def by_id(engine: sa.Engine, prefix: str) -> Commit:
    """The commit with this id; its first characters are enough when no other begins so."""
    wanted = prefix.strip().lower()
    query = sa.select(db.commit).where(db.commit.c.id.startswith(wanted, autoescape=True)).limit(6)
    with db.reading(engine) as connection:
        found = _complete(connection, query) if wanted else []
        if len(found) == 1:
            expect_readable(connection, found[0].seq, prefix)
    if not found:
        raise NoSuchCommit(f"there is no commit `{prefix}`", hint="`wherry log` lists the commits")
    if len(found) > 1:
        ids = ", ".join(c.id for c in found[:5])
        raise NoSuchCommit(f"`{prefix}` could be any of {ids}", hint="give more characters")
    return found[0]


def resolve(engine: sa.Engine, at: str) -> int:
    """The number of the newest commit at a moment: a commit's id or its beginning, or an ISO time (UTC if unsaid)."""
    text = at.strip()
    if text and len(text) <= _ID and set(text.lower()) <= set("0123456789abcdef"):
        try:
            return by_id(engine, text).seq
        except LakeError:
            if not text.isdecimal() or len(text) != 8:
                raise
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise NoSuchCommit(
            f"`{at}` is neither a commit nor a time", hint="give a commit of `wherry log`, or 2026-01-31 10:00"
        ) from None
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    query = sa.select(sa.func.max(db.commit.c.seq)).where(db.commit.c.at <= stamp(moment))
    with db.reading(engine) as connection:
        seq = connection.execute(query).scalar() or 0
        expect_readable(connection, seq, at)
        return seq
