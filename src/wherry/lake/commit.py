"""One commit: pointers of one branch moved together, and the row of the log that tells it."""

import json
import re
import secrets
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import field, replace
from functools import cache
from pathlib import Path
from typing import Any

from wherry.errors import Conflict, LakeError
from wherry.lake import database as db
from wherry.lake import read
from wherry.lake.clock import stamp
from wherry.lake.connecting import Connection, Database, insert
from wherry.lake.names import is_work, key, split
from wherry.lake.pointer import Kind, Pointer, Put
from wherry.lake.storage import Storage
from wherry.model.dataclass import dataclass


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


_FIELDS = ("namespace", "name", "kind", "location", "sql", "state", "rows", "seq")
_INSERT_COMMIT = insert('"commit"', ("id", "branch", "author", "message", "run", "at"))
_INSERT_CHANGE = insert("change", ("key", "branch", "old_seq", *_FIELDS))
# The basis stays: what the branch changes again still derives from what it published last.
_MOVE_POINTER = f"""
    {insert("pointer", ("branch", "key", "own", *_FIELDS))}
    ON CONFLICT (branch, key) DO UPDATE SET own = excluded.own, {", ".join(f"{f} = excluded.{f}" for f in _FIELDS)}
"""


def record(
    connection: Connection,
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
    moved: list[dict[str, Any]] = [
        {
            "key": new.key,
            "namespace": new.namespace,
            "name": new.name,
            "kind": new.kind,
            "location": new.location,
            "sql": new.sql,
            "state": json.dumps(new.state, separators=(",", ":"), ensure_ascii=False) if new.state else "{}",
            "rows": new.rows,
            "old_seq": change.old_seq,
        }
        for new, change in zip(after, made.changes, strict=True)
    ]
    if not connection.is_sqlite:
        seq = connection.value(_record(), values | {"moved": json.dumps(moved, ensure_ascii=False)})
        return replace(made, seq=seq)
    connection.change(_INSERT_COMMIT, values)
    seq = connection.value("SELECT last_insert_rowid()")
    placed = [{**row, "branch": branch, "seq": seq, "own": True} for row in moved]
    connection.change_all(_INSERT_CHANGE, placed)
    connection.change_all(_MOVE_POINTER, placed)
    return replace(made, seq=seq)


@cache
def _record() -> str:
    """All three at once, where each would be a message to a server and back."""
    return re.sub(r"^ *--.*\n", "", Path(__file__).with_name("record.sql").read_text("utf-8"), flags=re.MULTILINE)


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


def put(
    database: Database,
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
    with db.writing(database, durable=not is_work(branch)) as connection:
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


def present(connection: Connection, branch: str, names: Sequence[str]) -> dict[str, Pointer]:
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
