"""Publishing: everything a branch changed appears on another at once, or nothing does."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import sqlalchemy as sa

from wherry.errors import Conflict, LakeError
from wherry.lake import database as db
from wherry.lake import read
from wherry.lake.branch import copy_namespaces, move_base, survived
from wherry.lake.commit import Commit, draft, record, resolved
from wherry.lake.names import is_work, key
from wherry.lake.pointer import Pointer, Put, same
from wherry.lake.storage import Storage


@dataclass(frozen=True, slots=True)
class _Moves:
    #: The branch's own pointers that are asked for, by key.
    chosen: Mapping[str, Pointer]
    #: Those of them that the target does not have yet, and the extra puts.
    after: Sequence[Pointer]
    #: What the target sees, by key.
    target: Mapping[str, Pointer]


def merge(
    engine: sa.Engine,
    storage: Storage,
    source: str,
    *,
    onto: str | None,
    only: Collection[str] | None,
    puts: Sequence[Put],
    author: str,
    message: str,
    run: str | None,
    dry_run: bool,
) -> Commit | None:
    """Move the pointers that ``source`` changed onto ``onto`` (None: its parent) in one commit.

    ``only`` names the tables to move (None: all; then the branch starts anew from the result). Returns None when
    there is nothing to move. Raises ``Conflict`` naming every table that ``onto`` changed since the branch forked.
    """
    with db.reading(engine) as connection:
        parent = read.fork_of(connection, source).parent
        onto = onto or parent
        if parent is None or onto is None or onto == source:
            raise LakeError(f"`{source}` has no branch to be merged onto")
        if not survived(connection, source):
            raise LakeError(
                f"the machine was started again since `{source}` was made: files may be missing",
                hint="run again: it starts from a new branch",
            )
        moves = _moves(connection, storage, source, onto, only, puts)
    if not moves.after:
        return None
    if dry_run:
        return draft(onto, moves.after, moves.target, author=author, message=message, run=run)
    durable = not is_work(onto)
    synced: set[str | None] = set()
    if durable:
        # Before the transaction: others must not wait for the disk.
        storage.publish_all([(p, moves.target.get(p.key)) for p in moves.after])
        synced = {p.location for p in moves.after}
    with db.writing(engine, durable=durable) as connection:
        moves = _moves(connection, storage, source, onto, only, puts)
        if not moves.after:
            return None
        if durable:
            late = [(p, moves.target.get(p.key)) for p in moves.after if p.location not in synced]
            storage.publish_all(late)
        made = record(connection, onto, moves.after, moves.target, author=author, message=message, run=run)
        copy_namespaces(connection, source, onto)
        if onto == parent:
            if only is None:
                move_base(connection, source, parent, made.seq)
            else:
                _settle(connection, source, moves, made)
        return made


def _moves(
    connection: sa.Connection,
    storage: Storage,
    source: str,
    onto: str,
    only: Collection[str] | None,
    puts: Sequence[Put],
) -> _Moves:
    own, base = read.own(connection, source), read.base(connection, source, within=source)
    target = read.see(connection, onto, within=source)
    for put in puts:
        if (seen := read.find(connection, onto, put.name)) is not None and seen.kind != "dropped":
            target[seen.key] = seen
    if only is not None:
        wanted = {key(name) for name in only}
        own = {k: p for k, p in own.items() if k in wanted}
    moving = {k: p for k, p in own.items() if not same(p, target.get(k))}
    torn = sorted(p.full_name for k, p in moving.items() if not same(base.get(k), target.get(k)))
    if torn:
        names = ", ".join(f"`{name}`" for name in torn)
        raise Conflict(
            f"changed on `{onto}` since `{source}` forked: {names}{_movers(connection, onto, torn)}",
            hint=f"build them again on a new branch of `{onto}`",
        )
    after = dict(moving)
    for put in puts:
        pointer = resolved(put, after.get(key(put.name)) or target.get(key(put.name)), storage)
        if not same(pointer, target.get(pointer.key)):
            after[pointer.key] = pointer
    return _Moves(own, list(after.values()), target)


def _movers(connection: sa.Connection, onto: str, names: Sequence[str]) -> str:
    """The commits that moved the first few of the tables, in words."""
    numbers = {p.seq for name in names[:5] if (p := read.find(connection, onto, name)) is not None}
    query = sa.select(db.commit).where(db.commit.c.seq.in_(numbers)).order_by(db.commit.c.seq)
    told = [f"{c.id} of {c.author or 'nobody'} ({c.message})" for c in connection.execute(query)]
    return f"; by commit {', '.join(told)}" if told else ""


def _settle(connection: sa.Connection, source: str, moves: _Moves, made: Commit) -> None:
    """The branch goes on seeing what it published, and its next change of it derives from that."""
    moved = {p.key for p in moves.after}
    rows = []
    for k in moves.chosen:
        seen = moves.target.get(k)
        rows.append({"k": k, "s": made.seq if k in moved else seen.seq if seen else None})
    if rows:
        statement = (
            db.pointer.update()
            .where(db.pointer.c.branch == source, db.pointer.c.key == sa.bindparam("k"))
            .values(own=False, basis=sa.bindparam("s"))
        )
        connection.execute(statement, rows)
