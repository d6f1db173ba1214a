"""The log of commits, and ways to name one of them."""

import json
from collections import defaultdict
from datetime import UTC, datetime
from typing import Any

from wherry.errors import LakeError, NoSuchCommit
from wherry.lake import database as db
from wherry.lake import read
from wherry.lake.clock import stamp
from wherry.lake.commit import Change, Commit
from wherry.lake.connecting import Connection, Database, Values
from wherry.lake.horizon import expect_readable, readable
from wherry.lake.names import key

_ID = 12
_COMMIT = ("seq", "id", "branch", "author", "message", "run", "at")
_CHANGE = ("namespace", "name", "kind", "location", "sql", "state", "rows", "old_seq")
_BEGINS = "substr(id, 1, :length) = :wanted"


def commits(
    database: Database,
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
    values: dict[str, Any] = {"limit": limit}
    asked = {
        "author = :author": ("author", author),
        "run = :run": ("run", run),
        "at >= :since": ("since", since and stamp(_aware(since))),
        "at < :until": ("until", until and stamp(_aware(until))),
        'EXISTS (SELECT 1 FROM change WHERE change.seq = "commit".seq AND key = :key)': ("key", table and key(table)),
    }
    conditions = [condition for condition, (_, value) in asked.items() if value is not None]
    values |= {name: value for name, value in asked.values() if value is not None}
    with db.reading(database) as connection:
        for found in (branch is not None and _lineage(connection, branch), readable(connection)):
            if found:
                conditions.append(found[0])
                values |= found[1]
        return _complete(connection, f"{' AND '.join(conditions) or 'true'} ORDER BY seq DESC LIMIT :limit", values)


def _lineage(connection: Connection, branch: str) -> tuple[str, Values]:
    """Which commits made the branch what it is, as a condition and what it is given."""
    parts: list[str] = []
    values: dict[str, Any] = {}
    here: str | None = branch
    at: int | None = None
    while here is not None:
        name = f"line_{len(parts)}"
        values |= {name: here, f"{name}_at": at}
        parts.append(f"branch = :{name}" if at is None else f"branch = :{name} AND seq <= :{name}_at")
        fork = read.fork_of(connection, here, at)
        here, at = fork.parent, fork.base
    return f"({' OR '.join(parts)})", values


def _complete(connection: Connection, which: str, values: Values) -> list[Commit]:
    """The commits ``which``, with what each changed."""
    rows = connection.rows(f'SELECT {", ".join(_COMMIT)} FROM "commit" WHERE {which}', values)
    changes: defaultdict[int, list[Change]] = defaultdict(list)
    if rows:
        asked = f"SELECT seq, {', '.join(_CHANGE)} FROM change WHERE seq IN ({connection.numbers}) ORDER BY key"
        for seq, *what in connection.rows(asked, {"numbers": json.dumps([row[0] for row in rows])}):
            change = dict(zip(_CHANGE, what, strict=True))
            changes[seq].append(Change(**change | {"state": json.loads(change["state"])}))
    return [Commit(**dict(zip(_COMMIT, row, strict=True)), changes=tuple(changes[row[0]])) for row in rows]


def rows_before(database: Database, made: Commit) -> dict[str, int | None]:
    """Rows of a commit's tables as they were before it, by full name; without those that it made."""
    with db.reading(database) as connection:
        found = {}
        for change in made.changes:
            if change.old_seq is None:
                continue
            before = {"seq": change.old_seq, "key": key(change.full_name)}
            row = connection.row("SELECT rows, kind FROM change WHERE seq = :seq AND key = :key", before)
            if row is not None and row[1] != "dropped":
                found[change.full_name] = row[0]
        return found


def last_with(database: Database, branch: str, name: str, at: int | None = None) -> tuple[Commit, Commit] | None:
    """For a table that the branch dropped: the commit that dropped it, and the one that had set it before."""
    with db.reading(database) as connection:
        found = read.find(connection, branch, name, at)
        if found is None or found.kind != "dropped":
            return None
        values = {"seq": found.seq, "key": key(name)}
        before = connection.value("SELECT old_seq FROM change WHERE seq = :seq AND key = :key", values)
        both = _complete(connection, "seq IN (:seq, :before)", {"seq": found.seq, "before": before})
    by_seq = {made.seq: made for made in both}
    return (by_seq[found.seq], by_seq[before]) if before in by_seq else None


def by_id(database: Database, prefix: str) -> Commit:
    """The commit with this id; its first characters are enough when no other begins so."""
    wanted = prefix.strip().lower()
    with db.reading(database) as connection:
        found = _complete(connection, f"{_BEGINS} LIMIT 6", _begins(wanted)) if wanted else []
        if len(found) == 1:
            expect_readable(connection, found[0].seq, prefix)
    if not found:
        raise NoSuchCommit(f"there is no commit `{prefix}`", hint="`wherry log` lists the commits")
    if len(found) > 1:
        ids = ", ".join(c.id for c in found[:5])
        raise NoSuchCommit(f"`{prefix}` could be any of {ids}", hint="give more characters")
    return found[0]


def resolve(database: Database, at: str) -> int:
    """The number of the newest commit at a moment: a commit's id or its beginning, or an ISO time (UTC if unsaid)."""
    text = at.strip()
    if _looks_like_id(text):
        try:
            return by_id(database, text).seq
        except LakeError:
            if not is_time(text):
                raise
    until = {"at": stamp(read_time(text))}
    with db.reading(database) as connection:
        seq = connection.value('SELECT max(seq) FROM "commit" WHERE at <= :at', until) or 0
        expect_readable(connection, seq, at)
        return seq


def moment(database: Database, branch: str, at: str) -> int:
    """The number of the commit to read ``branch`` at: one of the commits that made it, or the newest at a time.

    Raises ``NoSuchCommit`` for a commit of another branch, and for a time before the branch's first commit.
    """
    seq = resolve(database, at)
    with db.reading(database) as connection:
        if is_time(at) and not _is_id(connection, at):
            lineage, values = _lineage(connection, branch)
            first = next(iter(_complete(connection, f"{lineage} ORDER BY seq LIMIT 1", values)), None)
            if first is None or first.seq > seq:
                hint = f"its first commit is {first.id}, at {first.at}" if first else "it has no commits yet"
                raise NoSuchCommit(f"at {at.strip()} there was nothing on `{branch}`", hint=hint)
            return seq
        (goal,) = _complete(connection, "seq = :seq", {"seq": seq})
        check_lineage(connection, branch, goal)
        return seq


def check_lineage(connection: Connection, branch: str, goal: Commit) -> None:
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
    from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

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


def _is_id(connection: Connection, text: str) -> bool:
    wanted = text.strip().lower()
    query = f'SELECT seq FROM "commit" WHERE {_BEGINS} LIMIT 2'
    return _looks_like_id(wanted) and len(connection.rows(query, _begins(wanted))) == 1


def _begins(wanted: str) -> Values:
    return {"wanted": wanted, "length": len(wanted)}
