"""What a branch sees: its own changes over what its parent had when it forked."""

import json
from collections.abc import Iterable
from typing import Any

from wherry.errors import NoSuchBranch
from wherry.lake.connecting import Connection, Row
from wherry.lake.names import MAIN, key
from wherry.lake.pointer import Pointer
from wherry.model.dataclass import dataclass

_FIELDS = ("namespace", "name", "kind", "location", "sql", "state", "rows", "seq")
_SELECT = ", ".join(_FIELDS)

_FORK = "SELECT seq, parent, base FROM fork WHERE branch = :branch"
_FORK_NOW = f"{_FORK} ORDER BY seq DESC LIMIT 1"
_FORK_THEN = f"{_FORK} AND seq <= :at ORDER BY seq DESC LIMIT 1"
_FORK_FIRST = f"{_FORK} ORDER BY seq LIMIT 1"

_HEADS = f"SELECT {_SELECT} FROM pointer WHERE branch = :branch"
_HEAD = f"{_HEADS} AND key = :key"
_HEADS_THEN = f"{_HEADS} AND seq <= :at"
_OWN = f"{_HEADS} AND own"

_SINCE_FORK = "branch = :branch AND seq <= :at AND seq > :low"
_PAST = f"SELECT {_SELECT} FROM change WHERE key = :key AND {_SINCE_FORK} ORDER BY seq DESC LIMIT 1"
_PASTS = """
    SELECT {0} FROM change JOIN (
        SELECT key AS newest_key, max(seq) AS newest FROM change WHERE {1} GROUP BY key
    ) AS last ON key = newest_key AND seq = newest
"""
_ALL_THEN = _PASTS.format(_SELECT, _SINCE_FORK)
_MOVED_SINCE = _PASTS.format(
    _SELECT, f"{_SINCE_FORK} AND key IN (SELECT key FROM pointer WHERE branch = :branch AND seq > :at)"
)
#: Added to those above: of those tables only that a branch changed and has not published.
_WITHIN = " AND key IN (SELECT key FROM pointer WHERE branch = :within AND own)"
_PUBLISHED = f"""
    SELECT {", ".join(f"change.{field}" for field in _FIELDS)} FROM change
    JOIN pointer ON change.key = pointer.key AND change.seq = pointer.basis WHERE pointer.branch = :branch
"""


@dataclass(frozen=True, slots=True)
class Fork:
    """Where a branch stands: its own changes come after ``seq``, the rest is its parent's as of ``base``."""

    seq: int
    parent: str | None
    base: int


_ROOT = Fork(0, None, 0)


def fork_of(connection: Connection, branch: str, at: int | None = None) -> Fork:
    """Where the branch stood at commit number ``at`` (None: now)."""
    if branch == MAIN:
        return _ROOT
    if at is None:
        row = connection.row(_FORK_NOW, {"branch": branch})
    else:
        row = connection.row(_FORK_THEN, {"branch": branch, "at": at})
        if row is None and (first := connection.row(_FORK_FIRST, {"branch": branch})) is not None:
            # Before the branch was made it would have read its parent.
            seq, parent, base = first
            return Fork(seq, parent, min(base, at))
    if row is None:
        raise NoSuchBranch(f"there is no branch `{branch}`", hint=f"`wherry branch {branch}` makes it")
    return Fork(*row)


def newest(connection: Connection) -> int:
    """The number of the newest commit of all branches; 0 when there is none."""
    return int(connection.value('SELECT max(seq) FROM "commit"') or 0)


def to_pointer(row: Row) -> Pointer:
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


def find(connection: Connection, branch: str, name: str, at: int | None = None) -> Pointer | None:
    """One table or view as the branch sees it; a dropped one is returned as such."""
    wanted = key(name)
    here: str | None = branch
    while here is not None:
        row = connection.row(_HEAD, {"branch": here, "key": wanted})
        found = to_pointer(row) if row is not None else None
        if found is not None and (at is None or found.seq <= at):
            return found
        fork = fork_of(connection, here, at)
        if at is not None and (row is not None or fork.parent is not None):
            row = connection.row(_PAST, {"branch": here, "key": wanted, "at": at, "low": fork.seq})
            if row is not None:
                return to_pointer(row)
        here, at = fork.parent, fork.base
    return None


def see(connection: Connection, branch: str, at: int | None = None, *, within: str | None = None) -> dict[str, Pointer]:
    """Everything the branch sees, by key; dropped ones left out.

    ``within``: only what that branch changed and did not publish, which a merge need not look beyond.
    """
    seen = _layers(connection, branch, at, within)
    return {k: p for k, p in seen.items() if p.kind != "dropped"}


def own(connection: Connection, branch: str) -> dict[str, Pointer]:
    """What the branch changed and did not publish, by key."""
    fork_of(connection, branch)
    return _by_key(connection.rows(_OWN, {"branch": branch}))


def base(connection: Connection, branch: str, *, within: str | None = None) -> dict[str, Pointer]:
    """What the branch's own changes start from: its parent at the fork, and what it has published since, by key.

    ``within``: as for ``see``, with what was published beside.
    """
    fork = fork_of(connection, branch)
    if fork.parent is None:
        return {}
    seen = see(connection, fork.parent, fork.base, within=within)
    seen |= _by_key(connection.rows(_PUBLISHED, {"branch": branch}))
    return {k: p for k, p in seen.items() if p.kind != "dropped"}


def _layers(connection: Connection, branch: str, at: int | None, within: str | None) -> dict[str, Pointer]:
    def found(query: str, **values: Any) -> dict[str, Pointer]:
        if within is not None:
            query += _WITHIN
        return _by_key(connection.rows(query, {"branch": branch, "within": within, **values}))

    fork = fork_of(connection, branch, at)
    seen = {} if fork.parent is None else _layers(connection, fork.parent, fork.base, within)
    if at is None:
        seen |= found(_HEADS)
        return seen
    # A head that is old enough is the answer; only tables that moved since need their history.
    current = fork.parent is None or fork.seq == fork_of(connection, branch).seq
    seen |= found(_MOVED_SINCE if current else _ALL_THEN, at=at, low=fork.seq)
    seen |= found(_HEADS_THEN, at=at)
    return seen


def _by_key(rows: Iterable[Row]) -> dict[str, Pointer]:
    return {p.key: p for p in map(to_pointer, rows)}
