"""Going back: a new commit that makes a branch look as it did."""

from collections.abc import Collection
from dataclasses import replace

from wherry.errors import LakeError
from wherry.lake import database as db
from wherry.lake import log, read
from wherry.lake.commit import Commit, draft, record
from wherry.lake.connecting import Connection, Database
from wherry.lake.names import is_work, key
from wherry.lake.pointer import Pointer, same
from wherry.lake.storage import Storage


def restore(
    database: Database,
    storage: Storage,
    to: str,
    *,
    branch: str,
    only: Collection[str] | None,
    author: str,
    dry_run: bool = False,
) -> Commit:
    """Put pointers and states back as they were right after a commit, or at a time; what came later stays in the log.

    ``dry_run`` returns the commit that would be made, with number 0.
    """
    goal, told = _goal(database, branch, to)
    if dry_run:
        with db.reading(database) as connection:
            after, now = _after(connection, branch, goal, told, only)
            return draft(branch, after, now, author=author, message=_message(told, only), run=None)
    with db.writing(database, durable=not is_work(branch)) as connection:
        after, now = _after(connection, branch, goal, told, only)
        if not is_work(branch):
            storage.publish_all([(p, now.get(p.key)) for p in after])
        return record(connection, branch, after, now, author=author, message=_message(told, only))


def _goal(database: Database, branch: str, to: str) -> tuple[int, str]:
    """The number of the commit to go back to, and what to call it."""
    if log.is_time(to):
        return log.moment(database, branch, to), to.strip()
    goal = log.by_id(database, to)
    with db.reading(database) as connection:
        log.check_lineage(connection, branch, goal)
    return goal.seq, goal.id


def _message(told: str, only: Collection[str] | None) -> str:
    return f"restore {told}" + (f": {', '.join(sorted(only))}" if only is not None else "")


def _after(
    connection: Connection, branch: str, goal: int, told: str, only: Collection[str] | None
) -> tuple[list[Pointer], dict[str, Pointer]]:
    now = read.see(connection, branch)
    then = read.see(connection, branch, goal)
    keys = now.keys() | then.keys()
    if only is not None:
        wanted = {key(name): name for name in only}
        unknown = ", ".join(f"`{name}`" for k, name in wanted.items() if k not in keys)
        if unknown:
            raise LakeError(
                f"neither now nor at `{told}` is there a table {unknown}",
                hint=f"`wherry log {told}` tells what a commit did; `wherry log --table NAME` lists a table's commits",
            )
        keys = keys & wanted.keys()
    after = [_back(then.get(k), now.get(k)) for k in sorted(keys) if not same(then.get(k), now.get(k))]
    return after, now


def _back(then: Pointer | None, now: Pointer | None) -> Pointer:
    if then is not None:
        return then
    assert now is not None
    return replace(now, kind="dropped", location=None, sql=None, state={}, rows=None)
