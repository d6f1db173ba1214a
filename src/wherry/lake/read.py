"""What a branch sees: its own changes over what its parent had when it forked."""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from wherry.errors import NoSuchBranch
from wherry.lake import database as db
from wherry.lake.names import MAIN, key
from wherry.lake.pointer import Pointer
from wherry.lake.statement import Statement

_FIELDS = ("namespace", "name", "kind", "location", "sql", "state", "rows", "seq")
_HEAD = [db.pointer.c[f] for f in _FIELDS]
_PAST = [db.change.c[f] for f in _FIELDS]
_B: sa.BindParameter[str] = sa.bindparam("b")
_K: sa.BindParameter[str] = sa.bindparam("k")
_AT: sa.BindParameter[int] = sa.bindparam("at")
_LOW: sa.BindParameter[int] = sa.bindparam("low")

_fork_now = (
    sa.select(db.fork.c.seq, db.fork.c.parent, db.fork.c.base)
    .where(db.fork.c.branch == _B)
    .order_by(db.fork.c.seq.desc())
    .limit(1)
)
_fork_now_directly = Statement(_fork_now)
_fork_then = _fork_now.where(db.fork.c.seq <= _AT)
_fork_first = (
    sa.select(db.fork.c.seq, db.fork.c.parent, db.fork.c.base)
    .where(db.fork.c.branch == _B)
    .order_by(db.fork.c.seq)
    .limit(1)
)
_head = sa.select(*_HEAD).where(db.pointer.c.branch == _B, db.pointer.c.key == _K)
_head_directly = Statement(_head)
_heads = sa.select(*_HEAD).where(db.pointer.c.branch == _B)
_heads_then = _heads.where(db.pointer.c.seq <= _AT)
_past = (
    sa.select(*_PAST)
    .where(db.change.c.branch == _B, db.change.c.key == _K, db.change.c.seq <= _AT, db.change.c.seq > _LOW)
    .order_by(db.change.c.seq.desc())
    .limit(1)
)


def _newest(*more: sa.ColumnElement[bool]) -> sa.Select[Any]:
    newest = (
        sa.select(db.change.c.key, sa.func.max(db.change.c.seq).label("seq"))
        .where(db.change.c.branch == _B, db.change.c.seq <= _AT, db.change.c.seq > _LOW, *more)
        .group_by(db.change.c.key)
        .subquery()
    )
    return sa.select(*_PAST).join(newest, (db.change.c.key == newest.c.key) & (db.change.c.seq == newest.c.seq))


_moved_since = _newest(
    db.change.c.key.in_(sa.select(db.pointer.c.key).where(db.pointer.c.branch == _B, db.pointer.c.seq > _AT))
)
_all_then = _newest()

# The same, of those tables only that the branch ``w`` changed and has not published.
_other = db.pointer.alias()
_of = sa.select(_other.c.key).where(_other.c.branch == sa.bindparam("w"), _other.c.own)
_WITHIN: dict[sa.Select[Any], sa.Select[Any]] = {
    _heads: _heads.where(db.pointer.c.key.in_(_of)),
    _heads_then: _heads_then.where(db.pointer.c.key.in_(_of)),
    _moved_since: _moved_since.where(db.change.c.key.in_(_of)),
    _all_then: _all_then.where(db.change.c.key.in_(_of)),
}


@dataclass(frozen=True, slots=True)
class Fork:
    """Where a branch stands: its own changes come after ``seq``, the rest is its parent's as of ``base``."""

    seq: int
    parent: str | None
    base: int


_ROOT = Fork(0, None, 0)


def fork_of(connection: sa.Connection, branch: str, at: int | None = None) -> Fork:
    """Where the branch stood at commit number ``at`` (None: now)."""
    if branch == MAIN:
        return _ROOT
    row: Any
    if at is None:
        row = _fork_now_directly.row(connection, {"b": branch})
    else:
        row = connection.execute(_fork_then, {"b": branch, "at": at}).first()
        if row is None:
            # Before the branch was made it would have read its parent.
            row = connection.execute(_fork_first, {"b": branch}).first()
            if row is not None:
                return Fork(row.seq, row.parent, min(row.base, at))
    if row is None:
        raise NoSuchBranch(f"there is no branch `{branch}`", hint=f"`wherry branch {branch}` makes it")
    seq, parent, base = row
    return Fork(seq, parent, base)


def to_pointer(row: Any) -> Pointer:
    namespace, name, kind, location, sql, state, rows, seq = row
    return Pointer(
        namespace=namespace,
        name=name,
        kind=kind,
        location=location,
        sql=sql,
        state=json.loads(state) if state != "{}" else {},
        rows=rows,
        seq=seq,
    )


def find(connection: sa.Connection, branch: str, name: str, at: int | None = None) -> Pointer | None:
    """One table or view as the branch sees it; a dropped one is returned as such."""
    wanted = key(name)
    here: str | None = branch
    while here is not None:
        row: Any = _head_directly.row(connection, {"b": here, "k": wanted})
        found = to_pointer(row) if row is not None else None
        if found is not None and (at is None or found.seq <= at):
            return found
        fork = fork_of(connection, here, at)
        if at is not None and (row is not None or fork.parent is not None):
            row = connection.execute(_past, {"b": here, "k": wanted, "at": at, "low": fork.seq}).first()
            if row is not None:
                return to_pointer(row)
        here, at = fork.parent, fork.base
    return None


def see(
    connection: sa.Connection, branch: str, at: int | None = None, *, within: str | None = None
) -> dict[str, Pointer]:
    """Everything the branch sees, by key; dropped ones left out.

    ``within``: only what that branch changed and did not publish, which a merge need not look beyond.
    """
    seen = _layers(connection, branch, at, within)
    return {k: p for k, p in seen.items() if p.kind != "dropped"}


def own(connection: sa.Connection, branch: str) -> dict[str, Pointer]:
    """What the branch changed and did not publish, by key."""
    fork_of(connection, branch)
    return _by_key(connection.execute(_heads.where(db.pointer.c.own), {"b": branch}))


def base(connection: sa.Connection, branch: str, *, within: str | None = None) -> dict[str, Pointer]:
    """What the branch's own changes start from: its parent at the fork, and what it has published since, by key.

    ``within``: as for ``see``, with what was published beside.
    """
    fork = fork_of(connection, branch)
    if fork.parent is None:
        return {}
    seen = see(connection, fork.parent, fork.base, within=within)
    published = sa.select(*_PAST).join(
        db.pointer, (db.change.c.key == db.pointer.c.key) & (db.change.c.seq == db.pointer.c.basis)
    )
    seen |= _by_key(connection.execute(published.where(db.pointer.c.branch == _B), {"b": branch}))
    return {k: p for k, p in seen.items() if p.kind != "dropped"}


def _layers(connection: sa.Connection, branch: str, at: int | None, within: str | None) -> dict[str, Pointer]:
    def found(query: sa.Select[Any], **values: Any) -> dict[str, Pointer]:
        if within is None:
            return _by_key(connection.execute(query, {"b": branch, **values}))
        return _by_key(connection.execute(_WITHIN[query], {"b": branch, "w": within, **values}))

    fork = fork_of(connection, branch, at)
    seen = {} if fork.parent is None else _layers(connection, fork.parent, fork.base, within)
    if at is None:
        seen |= found(_heads)
        return seen
    # A head that is old enough is the answer; only tables that moved since need their history.
    current = fork.parent is None or fork.seq == fork_of(connection, branch).seq
    seen |= found(_moved_since if current else _all_then, at=at, low=fork.seq)
    seen |= found(_heads_then, at=at)
    return seen


def _by_key(rows: Iterable[Any]) -> dict[str, Pointer]:
    return {p.key: p for p in map(to_pointer, rows)}
