"""Branches: made in an instant, whatever the lake holds, and dropped as fast."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import sqlalchemy as sa

from wherry.errors import LakeError, NoSuchBranch
from wherry.lake import database as db
from wherry.lake import read
from wherry.lake.clock import boot, stamp
from wherry.lake.commit import record
from wherry.lake.names import MAIN, check_branch, is_work
from wherry.lake.pointer import Pointer, same
from wherry.lake.storage import Storage
from wherry.lake.upkeep.unmoved import unmoved


@dataclass(frozen=True, slots=True, kw_only=True)
class BranchInfo:
    """A branch, as people list it."""

    name: str
    #: The branch it forked from; None for ``main``.
    parent: str | None
    #: Number of the commit at which it forked; None for ``main``.
    base: int | None
    #: Number of its newest commit; that of the fork when it has none since.
    head_seq: int
    #: ISO 8601, UTC.
    created_at: str
    #: Tables and views that it changed and has not published.
    changed: int
    author: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """A branch against its parent."""

    #: Names of tables that the branch changed and that its parent does not have so.
    ahead: tuple[str, ...]
    #: Names of tables that its parent changed since, and that the branch does not have so.
    behind: tuple[str, ...]


def create(engine: sa.Engine, name: str, *, parent: str, at: int | None, author: str) -> None:
    """Make a branch that sees what ``parent`` saw at commit number ``at`` (None: sees now)."""
    check_branch(name)
    with db.writing(engine, durable=not is_work(name)) as connection:
        _insert(connection, name, parent=parent, at=at, author=author)


def drop(engine: sa.Engine, name: str, *, force: bool = True) -> tuple[str, ...]:
    """Forget a branch. Its commits stay in the log; its files go with the next upkeep.

    Returns the names of the tables it had not published. Raises ``LakeError`` when there are such, without ``force``.
    """
    with db.writing(engine, durable=not is_work(name)) as connection:
        lost = _standing(connection, name).ahead if name != MAIN else ()
        if lost and not force:
            count = f"{len(lost)} table{'s' if len(lost) > 1 else ''}"
            raise LakeError(
                f"the branch `{name}` has {count} that it has not published: {', '.join(lost)}",
                hint=f"publish with `wherry merge {name}`, or lose them with `wherry branch {name} --drop --force`",
            )
        _delete(connection, name)
    return lost


def rename(engine: sa.Engine, old: str, new: str) -> None:
    """Give a branch another name; its commits, and the branches made from it, follow."""
    check_branch(new)
    if old == MAIN or is_work(old) or is_work(new):
        raise LakeError(
            f"the branch `{old}` cannot be renamed to `{new}`", hint="`main` and branches of runs keep theirs"
        )
    with db.writing(engine) as connection:
        first = connection.execute(sa.select(sa.func.min(db.fork.c.seq)).where(db.fork.c.branch == old)).scalar()
        if first is None:
            raise NoSuchBranch(f"there is no branch `{old}`", hint="`wherry branch` lists the branches")
        if connection.execute(sa.select(db.branch.c.name).where(db.branch.c.name == new)).first():
            raise LakeError(f"the branch `{new}` exists already")
        used = sa.select(db.commit.c.seq).where(db.commit.c.branch == new, db.commit.c.seq > first).limit(1)
        if connection.execute(used).first():
            # Its commits would mix with those of the branch that is renamed.
            raise LakeError(f"another branch was called `{new}` meanwhile", hint="choose another name")
        for table in (db.fork, db.pointer, db.namespace, db.run):
            connection.execute(table.update().where(table.c.branch == old).values(branch=new))
        for table in (db.commit, db.change):
            mine = (table.c.branch == old) & (table.c.seq > first)
            connection.execute(table.update().where(mine).values(branch=new))
        connection.execute(db.branch.update().where(db.branch.c.name == old).values(name=new))
        for table in (db.branch, db.fork):
            connection.execute(table.update().where(table.c.parent == old).values(parent=new))


def standing(engine: sa.Engine, storage: Storage, name: str) -> Standing:
    """What the branch and its parent changed since they parted."""
    with db.reading(engine) as connection:
        return _standing(connection, name, lambda one, other: unmoved(one, other, storage))


def _standing(
    connection: sa.Connection, name: str, alike: Callable[[Pointer | None, Pointer | None], bool] = same
) -> Standing:
    parent = read.fork_of(connection, name).parent
    if parent is None:
        return Standing(ahead=(), behind=())
    own, base = read.own(connection, name), read.base(connection, name)
    here, there = read.see(connection, name), read.see(connection, parent)
    ahead = [p for k, p in own.items() if not alike(p, base.get(k)) and not alike(p, there.get(k))]
    moved = (k for k in base.keys() | there.keys() if not alike(base.get(k), there.get(k)))
    behind = [there.get(k) or base[k] for k in moved if not alike(here.get(k), there.get(k))]
    return Standing(ahead=_names(ahead), behind=_names(behind))


def _names(pointers: Iterable[Pointer]) -> tuple[str, ...]:
    return tuple(sorted((p.full_name for p in pointers), key=str.lower))


def proceed(engine: sa.Engine, storage: Storage, old: str, new: str, *, onto: str, author: str = "") -> list[str]:
    """Make ``new`` from the head of ``onto`` and take over from ``old`` what nobody changed on ``onto`` meanwhile.

    Returns the names taken; ``old`` is dropped. Nothing is taken when the machine was started again since.
    """
    check_branch(new)
    with db.writing(engine, durable=not is_work(new)) as connection:
        own, base, now = read.own(connection, old), read.base(connection, old), read.see(connection, onto)
        taken = [p for k, p in own.items() if unmoved(base.get(k), now.get(k), storage)]
        if not survived(connection, old):
            taken = []
        _insert(connection, new, parent=onto, at=None, author=author)
        copy_namespaces(connection, old, new)
        if taken:
            record(connection, new, taken, now, author=author, message=f"continue {old}")
        _delete(connection, old)
    return [p.full_name for p in taken]


def listing(engine: sa.Engine) -> list[BranchInfo]:
    """All branches; ``main`` first, then by age."""
    head = sa.select(sa.func.max(db.commit.c.seq)).where(db.commit.c.branch == db.branch.c.name).scalar_subquery()
    changed = (
        sa.select(sa.func.count()).where(db.pointer.c.branch == db.branch.c.name, db.pointer.c.own).scalar_subquery()
    )
    query = sa.select(db.branch, head.label("head"), changed.label("changed")).order_by(
        db.branch.c.parent.is_not(None), db.branch.c.created_at, db.branch.c.name
    )
    with db.reading(engine) as connection:
        return [
            BranchInfo(
                name=row.name,
                parent=row.parent,
                base=row.base,
                head_seq=max(row.head or 0, row.base or 0),
                created_at=row.created_at,
                changed=row.changed if row.parent is not None else 0,
                author=row.author,
            )
            for row in connection.execute(query)
        ]


def move_base(connection: sa.Connection, name: str, parent: str, seq: int) -> None:
    """From commit number ``seq`` on the branch has nothing of its own and sees what its parent saw then."""
    connection.execute(db.pointer.delete().where(db.pointer.c.branch == name))
    connection.execute(db.fork.insert().values(branch=name, seq=seq, parent=parent, base=seq))
    connection.execute(db.branch.update().where(db.branch.c.name == name).values(base=seq))


def survived(connection: sa.Connection, name: str) -> bool:
    """Whether all that was written on the branch is certainly there.

    Files of a work branch are not flushed one by one: the system may have lost some when it stopped.
    """
    made = connection.execute(sa.select(db.branch.c.boot).where(db.branch.c.name == name)).scalar()
    return made is None or made == boot()


def copy_namespaces(connection: sa.Connection, source: str, target: str) -> None:
    """Schemas made or dropped on one branch become so on another."""
    rows = connection.execute(sa.select(db.namespace).where(db.namespace.c.branch == source)).all()
    for row in rows:
        connection.execute(db.namespace.delete().where(db.namespace.c.branch == target, db.namespace.c.key == row.key))
        connection.execute(
            db.namespace.insert().values(branch=target, key=row.key, name=row.name, properties=row.properties)
        )


def _insert(connection: sa.Connection, name: str, *, parent: str, at: int | None, author: str) -> None:
    if connection.execute(sa.select(db.branch.c.name).where(db.branch.c.name == name)).first():
        raise LakeError(f"the branch `{name}` exists already")
    read.fork_of(connection, parent)
    newest = connection.execute(sa.select(sa.func.max(db.commit.c.seq))).scalar() or 0
    base = newest if at is None else min(at, newest)
    values = {"name": name, "parent": parent, "base": base, "created_at": stamp(), "author": author}
    connection.execute(db.branch.insert().values(**values, boot=boot() if is_work(name) else None))
    connection.execute(db.fork.insert().values(branch=name, seq=newest, parent=parent, base=base))


def _delete(connection: sa.Connection, name: str) -> None:
    if name == MAIN:
        raise LakeError("the branch `main` cannot be dropped")
    children = connection.execute(sa.select(db.branch.c.name).where(db.branch.c.parent == name)).scalars().all()
    if children:
        raise LakeError(
            f"the branch `{name}` cannot be dropped: {', '.join(f'`{c}`' for c in children)} read from it",
            hint="drop or merge those first",
        )
    if connection.execute(db.branch.delete().where(db.branch.c.name == name)).rowcount == 0:
        raise NoSuchBranch(f"there is no branch `{name}`", hint="`wherry branch` lists the branches")
    for table in (db.fork, db.pointer, db.namespace):
        connection.execute(table.delete().where(table.c.branch == name))
