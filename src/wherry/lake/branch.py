"""Branches: made in an instant, whatever the lake holds, and dropped as fast."""

from collections.abc import Callable, Iterable

from wherry.errors import LakeError, NoSuchBranch
from wherry.lake import database as db
from wherry.lake import read
from wherry.lake.clock import boot, stamp
from wherry.lake.commit import record
from wherry.lake.connecting import Connection, Database, insert
from wherry.lake.names import MAIN, check_branch, is_work
from wherry.lake.pointer import Pointer, same
from wherry.lake.storage import Storage
from wherry.lake.upkeep.unmoved import unmoved
from wherry.model.dataclass import dataclass

_KNOWN = "SELECT name FROM branch WHERE name = :name"
_LISTING = """
    SELECT name, parent, base, created_at, author,
        (SELECT max(seq) FROM "commit" WHERE "commit".branch = branch.name),
        (SELECT count(*) FROM pointer WHERE pointer.branch = branch.name AND own)
    FROM branch ORDER BY parent IS NOT NULL, created_at, name
"""
_FORK = insert("fork", ("branch", "seq", "parent", "base"))
_COPY_NAMESPACES = """
    INSERT INTO namespace (branch, key, name, properties)
    SELECT :target, key, name, properties FROM namespace WHERE branch = :source
    ON CONFLICT (branch, key) DO UPDATE SET name = excluded.name, properties = excluded.properties
"""


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


def create(database: Database, name: str, *, parent: str, at: int | None, author: str) -> None:
    """Make a branch that sees what ``parent`` saw at commit number ``at`` (None: sees now)."""
    check_branch(name)
    with db.writing(database, durable=not is_work(name)) as connection:
        _insert(connection, name, parent=parent, at=at, author=author)


def drop(database: Database, name: str, *, force: bool = True) -> tuple[str, ...]:
    """Forget a branch. Its commits stay in the log; its files go with the next upkeep.

    Returns the names of the tables it had not published. Raises ``LakeError`` when there are such, without ``force``.
    """
    with db.writing(database, durable=not is_work(name)) as connection:
        lost = _standing(connection, name).ahead if name != MAIN else ()
        if lost and not force:
            count = f"{len(lost)} table{'s' if len(lost) > 1 else ''}"
            raise LakeError(
                f"the branch `{name}` has {count} that it has not published: {', '.join(lost)}",
                hint=f"publish with `wherry merge {name}`, or lose them with `wherry branch {name} --drop --force`",
            )
        _delete(connection, name)
    return lost


def rename(database: Database, old: str, new: str) -> None:
    """Give a branch another name; its commits, and the branches made from it, follow."""
    check_branch(new)
    if old == MAIN or is_work(old) or is_work(new):
        raise LakeError(
            f"the branch `{old}` cannot be renamed to `{new}`", hint="`main` and branches of runs keep theirs"
        )
    with db.writing(database) as connection:
        first = connection.value("SELECT min(seq) FROM fork WHERE branch = :branch", {"branch": old})
        if first is None:
            raise NoSuchBranch(f"there is no branch `{old}`", hint="`wherry branch` lists the branches")
        if connection.row(_KNOWN, {"name": new}):
            raise LakeError(f"the branch `{new}` exists already")
        names = {"old": old, "new": new, "first": first}
        if connection.row('SELECT seq FROM "commit" WHERE branch = :new AND seq > :first LIMIT 1', names):
            # Its commits would mix with those of the branch that is renamed.
            raise LakeError(f"another branch was called `{new}` meanwhile", hint="choose another name")
        for table in ("fork", "pointer", "namespace", "run"):
            connection.change(f"UPDATE {table} SET branch = :new WHERE branch = :old", names)
        for table in ('"commit"', "change"):
            connection.change(f"UPDATE {table} SET branch = :new WHERE branch = :old AND seq > :first", names)
        connection.change("UPDATE branch SET name = :new WHERE name = :old", names)
        for table in ("branch", "fork"):
            connection.change(f"UPDATE {table} SET parent = :new WHERE parent = :old", names)


def standing(database: Database, storage: Storage, name: str) -> Standing:
    """What the branch and its parent changed since they parted."""
    with db.reading(database) as connection:
        return _standing(connection, name, lambda one, other: unmoved(one, other, storage))


def _standing(
    connection: Connection, name: str, alike: Callable[[Pointer | None, Pointer | None], bool] = same
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


def proceed(database: Database, storage: Storage, old: str, new: str, *, onto: str, author: str = "") -> list[str]:
    """Make ``new`` from the head of ``onto`` and take over from ``old`` what nobody changed on ``onto`` meanwhile.

    Returns the names taken; ``old`` is dropped. Nothing is taken when the machine was started again since.
    """
    check_branch(new)
    with db.writing(database, durable=not is_work(new)) as connection:
        own, base = read.own(connection, old), read.base(connection, old, within=old)
        now = read.see(connection, onto, within=old)
        taken = [p for k, p in own.items() if unmoved(base.get(k), now.get(k), storage)]
        if not survived(connection, old):
            taken = []
        _insert(connection, new, parent=onto, at=None, author=author)
        copy_namespaces(connection, old, new)
        if taken:
            record(connection, new, taken, now, author=author, message=f"continue {old}")
        _delete(connection, old)
    return [p.full_name for p in taken]


def listing(database: Database) -> list[BranchInfo]:
    """All branches; ``main`` first, then by age."""
    with db.reading(database) as connection:
        return [
            BranchInfo(
                name=name,
                parent=parent,
                base=base,
                head_seq=max(head or 0, base or 0),
                created_at=created_at,
                changed=changed if parent is not None else 0,
                author=author,
            )
            for name, parent, base, created_at, author, head, changed in connection.rows(_LISTING)
        ]


def move_base(connection: Connection, name: str, parent: str, seq: int) -> None:
    """From commit number ``seq`` on the branch has nothing of its own and sees what its parent saw then."""
    values = {"branch": name, "seq": seq, "parent": parent, "base": seq}
    connection.change("DELETE FROM pointer WHERE branch = :branch", values)
    connection.change(_FORK, values)
    connection.change("UPDATE branch SET base = :base WHERE name = :branch", values)


def survived(connection: Connection, name: str) -> bool:
    """Whether all that was written on the branch is certainly there.

    Files of a work branch are not flushed one by one: the system may have lost some when it stopped.
    """
    made = connection.value("SELECT boot FROM branch WHERE name = :name", {"name": name})
    return made is None or made == boot()


def copy_namespaces(connection: Connection, source: str, target: str) -> None:
    """Schemas made or dropped on one branch become so on another."""
    connection.change(_COPY_NAMESPACES, {"source": source, "target": target})


def _insert(connection: Connection, name: str, *, parent: str, at: int | None, author: str) -> None:
    if connection.row(_KNOWN, {"name": name}):
        raise LakeError(f"the branch `{name}` exists already")
    read.fork_of(connection, parent)
    if is_work(parent) and not is_work(name):
        raise LakeError(
            f"`{parent}` is the branch of a run, whose files may not survive a power cut: `{name}` cannot read from it",
            hint="merge it first, or make the branch from the one that the run is for",
        )
    newest = read.newest(connection)
    base = newest if at is None else min(at, newest)
    made = {"name": name, "parent": parent, "base": base, "created_at": stamp(), "author": author}
    made["boot"] = boot() if is_work(name) else None
    connection.change(insert("branch", made), made)
    connection.change(_FORK, {"branch": name, "seq": newest, "parent": parent, "base": base})


def _delete(connection: Connection, name: str) -> None:
    if name == MAIN:
        raise LakeError("the branch `main` cannot be dropped")
    children = connection.column("SELECT name FROM branch WHERE parent = :name", {"name": name})
    if children:
        raise LakeError(
            f"the branch `{name}` cannot be dropped: {', '.join(f'`{c}`' for c in children)} read from it",
            hint="drop or merge those first",
        )
    if connection.change("DELETE FROM branch WHERE name = :name", {"name": name}) == 0:
        raise NoSuchBranch(f"there is no branch `{name}`", hint="`wherry branch` lists the branches")
    for table in ("fork", "pointer", "namespace"):
        connection.change(f"DELETE FROM {table} WHERE branch = :name", {"name": name})
