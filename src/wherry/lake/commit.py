"""One commit: pointers of one branch moved together, and the row of the log that tells it."""

import json
import secrets
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib import import_module
from typing import Any

import sqlalchemy as sa

from wherry.errors import Conflict, LakeError
from wherry.lake import database as db
from wherry.lake import read
from wherry.lake.clock import stamp
from wherry.lake.names import is_work, key, split
from wherry.lake.pointer import Kind, Pointer, Put
from wherry.lake.storage import Storage


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What a commit made of one table or view."""

    namespace: str
    name: str
    kind: Kind
    location: str | None = None
    sql: str | None = None
    state: Mapping[str, Any] = field(default_factory=dict)
    rows: int | None = None
    #: Number of the commit that had set it before, as the branch saw it; None when it is new.
    old_seq: int | None = None

    @property
    def full_name(self) -> str:
        return f"{self.namespace}.{self.name}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Commit:
    """A line of the lake's log."""

    #: Numbers grow over all branches; 0 for a commit that was only tried.
    seq: int
    #: Short and unique; what people type.
    id: str
    branch: str
    author: str
    message: str
    run: str | None
    #: ISO 8601, UTC.
    at: str
    changes: tuple[Change, ...] = ()


_insert_commit = db.commit.insert()
_insert_change = db.change.insert()
_FIELDS = ("namespace", "name", "kind", "location", "sql", "state", "rows", "seq")


@cache
def _set_pointer(dialect: str) -> Any:
    """Make a branch's pointer, or move it. Of the dialects only the one in use is imported."""
    statement = import_module(f"sqlalchemy.dialects.{dialect}").insert(db.pointer)
    # The basis stays: what the branch changes again still derives from what it published last.
    moved = {f: statement.excluded[f] for f in (*_FIELDS, "own")}
    return statement.on_conflict_do_update(index_elements=["branch", "key"], set_=moved)


def record(
    connection: sa.Connection,
    branch: str,
    after: Sequence[Pointer],
    before: Mapping[str, Pointer],
    *,
    author: str,
    message: str,
    run: str | None = None,
) -> Commit:
    """Write one commit that makes ``after`` of what the branch saw as ``before`` (by key)."""
    made = draft(branch, after, before, author=author, message=message, run=run)
    values = {"id": made.id, "branch": branch, "author": author, "message": message, "run": run, "at": made.at}
    (seq,) = connection.execute(_insert_commit, values).inserted_primary_key or (0,)
    if not after:
        return _numbered(made, seq)
    changes, pointers = [], []
    for new, change in zip(after, made.changes, strict=True):
        row: dict[str, Any] = {
            "namespace": new.namespace,
            "name": new.name,
            "kind": new.kind,
            "location": new.location,
            "sql": new.sql,
            "state": json.dumps(new.state, separators=(",", ":"), ensure_ascii=False) if new.state else "{}",
            "rows": new.rows,
            "seq": seq,
        }
        changes.append(row | {"key": new.key, "branch": branch, "old_seq": change.old_seq})
        pointers.append(row | {"branch": branch, "key": new.key, "own": True, "basis": None})
    connection.execute(_insert_change, changes)
    connection.execute(_set_pointer(connection.dialect.name), pointers)
    return _numbered(made, seq)


def draft(
    branch: str,
    after: Iterable[Pointer],
    before: Mapping[str, Pointer],
    *,
    author: str,
    message: str,
    run: str | None,
) -> Commit:
    """The commit that ``record`` would write, without writing it."""
    changes = tuple(
        Change(
            namespace=p.namespace,
            name=p.name,
            kind=p.kind,
            location=p.location,
            sql=p.sql,
            state=p.state,
            rows=p.rows,
            old_seq=before[p.key].seq if p.key in before else None,
        )
        for p in after
    )
    return Commit(
        seq=0,
        id=secrets.token_hex(6),
        branch=branch,
        author=author,
        message=message,
        run=run,
        at=stamp(),
        changes=changes,
    )


def _numbered(made: Commit, seq: int) -> Commit:
    return Commit(
        seq=seq,
        id=made.id,
        branch=made.branch,
        author=made.author,
        message=made.message,
        run=made.run,
        at=made.at,
        changes=made.changes,
    )


def put(
    engine: sa.Engine,
    storage: Storage,
    branch: str,
    puts: Sequence[Put],
    *,
    author: str,
    message: str,
    run: str | None = None,
    expected: Mapping[str, int | None] | None = None,
) -> Commit:
    """Change what names mean on a branch, all in one commit.

    ``expected`` holds, by name, the number of the commit that the caller saw (None: nothing there). Raises
    ``Conflict`` when another is there by now.
    """
    with db.writing(engine, durable=not is_work(branch)) as connection:
        before = present(connection, branch, [p.name for p in puts] + list(expected or ()))
        moved = [
            name
            for name, seq in (expected or {}).items()
            if (before[key(name)].seq if key(name) in before else None) != seq
        ]
        if moved:
            raise Conflict(f"changed on `{branch}` meanwhile: {', '.join(sorted(moved))}", hint="read them again")
        after = [resolved(p, before.get(key(p.name)), storage) for p in puts]
        if not is_work(branch):
            for pointer in after:
                storage.publish(pointer, before.get(pointer.key))
        return record(connection, branch, after, before, author=author, message=message, run=run)


def present(connection: sa.Connection, branch: str, names: Sequence[str]) -> dict[str, Pointer]:
    """What the branch sees of ``names``, by key."""
    read.fork_of(connection, branch)
    if len(names) > 20:
        return read.see(connection, branch)
    found = (read.find(connection, branch, name) for name in names)
    return {p.key: p for p in found if p is not None and p.kind != "dropped"}


def resolved(put: Put, old: Pointer | None, storage: Storage) -> Pointer:
    """The pointer that a put makes of the one before."""
    namespace, name = split(put.name) if old is None else (old.namespace, old.name)
    kept = old if old is not None and old.kind == put.kind else None
    state = put.state if put.state is not None else kept.state if kept else {}
    location = sql = rows = None
    if put.kind == "table":
        location = put.location or (kept.location if kept else None)
        rows = kept.rows if kept else None
        if location is None:
            raise LakeError(f"there is no table `{put.name}` whose state could be set")
        if put.location:
            rows = storage.rows(put.location)
    elif put.kind == "view":
        sql = put.sql if put.sql is not None else kept.sql if kept else None
        if sql is None:
            raise LakeError(f"the view `{put.name}` has no query")
    else:
        state = {}
    return Pointer(namespace=namespace, name=name, kind=put.kind, location=location, sql=sql, state=state, rows=rows)
