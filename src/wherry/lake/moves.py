"""What tables and views have in common: they can be dropped, and get another name."""

from collections.abc import Callable
from dataclasses import replace

from wherry.lake import database as db
from wherry.lake import namespaces, read
from wherry.lake.commit import record
from wherry.lake.connecting import Connection, Database
from wherry.lake.names import MAIN, WORK, is_work
from wherry.lake.pointer import Kind, Pointer
from wherry.lake.refusal import bad, exists, no_table, no_view


def run_of(branch: str) -> str | None:
    """The run that a work branch belongs to."""
    return branch.removeprefix(WORK) if is_work(branch) else None


def check_name(name: object) -> str:
    """A table's or view's own name; 400 for one that no address or database can carry."""
    if not isinstance(name, str) or not name or name in (".", "..") or "\0" in name:
        raise bad(f"a table cannot be called `{name}`: clients take it out of an address")
    return name


def find(database: Database, branch: str, kind: Kind, name: str, at: int | None) -> Pointer:
    """The pointer of a table or view; 404 when the branch sees none of that kind."""
    # On ``main`` one statement answers; on a branch its fork and its parent must be seen as of one moment.
    look = db.glancing if branch == MAIN and at is None else db.reading
    with look(database) as connection:
        return _found(read.find(connection, branch, name, at), kind, name)


def drop(database: Database, branch: str, kind: Kind, name: str, author: str) -> None:
    """The branch has it no more; its files stay for whoever else sees them."""

    def dropped(old: Pointer, connection: Connection) -> list[Pointer]:
        return [_gone(old)]

    _move(database, branch, kind, name, dropped, author, f"drop {name}")


def rename(
    database: Database, branch: str, kind: Kind, source: tuple[str, str], target: tuple[str, str], author: str
) -> None:
    """Give it another name, perhaps in another schema; its state goes with it."""
    name = check_name(target[1])

    def renamed(old: Pointer, connection: Connection) -> list[Pointer]:
        namespace, _ = namespaces.find(connection, branch, target[0], None)
        new = replace(old, namespace=namespace, name=name)
        if new.key == old.key:
            return [new]
        there = read.find(connection, branch, new.full_name)
        if there is not None and there.kind != "dropped":
            raise exists(f"the {there.kind} {there.full_name}")
        return [_gone(old), new]

    old_name, new_name = ".".join(source), ".".join(target)
    _move(database, branch, kind, old_name, renamed, author, f"rename {old_name} to {new_name}")


def _move(
    database: Database,
    branch: str,
    kind: Kind,
    name: str,
    to: Callable[[Pointer, Connection], list[Pointer]],
    author: str,
    message: str,
) -> None:
    with db.writing(database, durable=not is_work(branch)) as connection:
        old = _found(read.find(connection, branch, name), kind, name)
        after = to(old, connection)
        record(connection, branch, after, {old.key: old}, author=author, message=message, run=run_of(branch))


def _found(pointer: Pointer | None, kind: Kind, name: str) -> Pointer:
    if pointer is None or pointer.kind != kind:
        raise no_view(name) if kind == "view" else no_table(name)
    return pointer


def _gone(old: Pointer) -> Pointer:
    return replace(old, kind="dropped", location=None, sql=None, state={}, rows=None)
