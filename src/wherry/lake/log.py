"""The log of commits, and ways to name one of them."""

import json
from collections import defaultdict
from datetime import UTC, datetime
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

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
    since: datetime | None = None,
    until: datetime | None = None,
    limit: int = 50,
) -> list[Commit]:
    """Commits that made the branch what it is, newest first: its own, then its parent's up to the fork.

    ``branch`` None: commits of all branches. From ``since`` to before ``until`` (UTC where they have no zone).
    """
    query = sa.select(db.commit).order_by(db.commit.c.seq.desc()).limit(limit)
    if author is not None:
        query = query.where(db.commit.c.author == author)
    if run is not None:
        query = query.where(db.commit.c.run == run)
    if since is not None:
        query = query.where(db.commit.c.at >= stamp(_aware(since)))
    if until is not None:
        query = query.where(db.commit.c.at < stamp(_aware(until)))
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


def rows_before(engine: sa.Engine, made: Commit) -> dict[str, int | None]:
    """Rows of a commit's tables as they were before it, by full name; without those that it made."""
    with db.reading(engine) as connection:
        found = {}
        for change in made.changes:
            if change.old_seq is None:
                continue
            where = (db.change.c.seq == change.old_seq) & (db.change.c.key == key(change.full_name))
            row = connection.execute(sa.select(db.change.c.rows, db.change.c.kind).where(where)).first()
            if row is not None and row.kind != "dropped":
                found[change.full_name] = row.rows
        return found


def last_with(engine: sa.Engine, branch: str, name: str, at: int | None = None) -> tuple[Commit, Commit] | None:
    """For a table that the branch dropped: the commit that dropped it, and the one that had set it before."""
    with db.reading(engine) as connection:
        found = read.find(connection, branch, name, at)
        if found is None or found.kind != "dropped":
            return None
        where = (db.change.c.seq == found.seq) & (db.change.c.key == key(name))
        before = connection.execute(sa.select(db.change.c.old_seq).where(where)).scalar()
        both = _complete(connection, sa.select(db.commit).where(db.commit.c.seq.in_([found.seq, before])))
    by_seq = {made.seq: made for made in both}
    return (by_seq[found.seq], by_seq[before]) if before in by_seq else None


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
    if _looks_like_id(text):
        try:
            return by_id(engine, text).seq
        except LakeError:
            if not is_time(text):
                raise
    query = sa.select(sa.func.max(db.commit.c.seq)).where(db.commit.c.at <= stamp(read_time(text)))
    with db.reading(engine) as connection:
        seq = connection.execute(query).scalar() or 0
        expect_readable(connection, seq, at)
        return seq


def moment(engine: sa.Engine, branch: str, at: str) -> int:
    """The number of the commit to read ``branch`` at: one of the commits that made it, or the newest at a time.

    Raises ``NoSuchCommit`` for a commit of another branch, and for a time before the branch's first commit.
    """
    seq = resolve(engine, at)
    with db.reading(engine) as connection:
        lineage = _lineage(connection, branch)
        if is_time(at) and not _is_id(connection, at):
            query = sa.select(db.commit).where(lineage).order_by(db.commit.c.seq).limit(1)
            first = connection.execute(query).first()
            if first is None or first.seq > seq:
                hint = f"its first commit is {first.id}, at {first.at}" if first else "it has no commits yet"
                raise NoSuchCommit(f"at {at.strip()} there was nothing on `{branch}`", hint=hint)
            return seq
        (goal,) = _complete(connection, sa.select(db.commit).where(db.commit.c.seq == seq))
        check_lineage(connection, branch, goal)
        return seq


def check_lineage(connection: sa.Connection, branch: str, goal: Commit) -> None:
    """Raises ``NoSuchCommit`` when the commit is none of those that made the branch what it is."""
    here: str | None = branch
    at: int | None = None
    while here is not None:
        if here == goal.branch and (at is None or goal.seq <= at):
            return
        fork = read.fork_of(connection, here, at)
        here, at = fork.parent, fork.base
    raise NoSuchCommit(
        f"the commit `{goal.id}` was made on `{goal.branch}`, which `{branch}` does not come from",
        hint=f"`wherry log --branch {branch}` lists its commits; --branch {goal.branch} reads the other branch",
    )


def is_time(text: str) -> bool:
    """Whether this is a date or time rather than a commit's id."""
    try:
        read_time(text)
    except NoSuchCommit:
        return False
    return True


def read_time(text: str) -> datetime:
    """A moment from ``2026-01-31``, ``2026-01-31T10:00``, ``...+01:00``, ``... Europe/Berlin``; UTC if unsaid."""
    written, _, zone = text.strip().rpartition(" ")
    if not written or not zone[:1].isalpha():
        written, zone = text.strip(), ""
    try:
        found = datetime.fromisoformat(written)
        known = ZoneInfo(zone) if zone else UTC
    except (ValueError, ZoneInfoNotFoundError, OSError):
        raise NoSuchCommit(
            f"`{text}` is neither a commit nor a time",
            hint="give a commit of `wherry log`, or a time such as 2026-01-31T10:00, ...+01:00 or ... Europe/Berlin",
        ) from None
    return found if found.tzinfo else found.replace(tzinfo=known)


def _aware(time: datetime) -> datetime:
    return time if time.tzinfo else time.replace(tzinfo=UTC)


def _looks_like_id(text: str) -> bool:
    return bool(text) and len(text) <= _ID and set(text.lower()) <= set("0123456789abcdef")


def _is_id(connection: sa.Connection, text: str) -> bool:
    wanted = text.strip().lower()
    query = sa.select(db.commit.c.seq).where(db.commit.c.id.startswith(wanted, autoescape=True)).limit(2)
    return _looks_like_id(wanted) and len(connection.execute(query).all()) == 1
