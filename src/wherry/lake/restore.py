"""Going back: a new commit that makes a branch look as it did."""

from collections.abc import Collection
from dataclasses import replace

import sqlalchemy as sa

from wherry.errors import LakeError
from wherry.lake import database as db
from wherry.lake import log, read
from wherry.lake.commit import Commit, record
from wherry.lake.names import is_work, key
from wherry.lake.pointer import Pointer, same
from wherry.lake.storage import Storage


def restore(
    engine: sa.Engine, storage: Storage, prefix: str, *, branch: str, only: Collection[str] | None, author: str
) -> Commit:
    """Put pointers and states back as they were right after a commit; what came later stays in the log."""
    goal = log.by_id(engine, prefix)
    with db.writing(engine, durable=not is_work(branch)) as connection:
        _check_lineage(connection, branch, goal)
        now = read.see(connection, branch)
        then = read.see(connection, branch, goal.seq)
        keys = now.keys() | then.keys()
        if only is not None:
            wanted = {key(name): name for name in only}
            unknown = [name for k, name in wanted.items() if k not in keys]
            if unknown:
                raise LakeError(f"neither now nor at `{goal.id}` is there a table {', '.join(unknown)}")
            keys = keys & wanted.keys()
        after = [_back(then.get(k), now.get(k)) for k in sorted(keys) if not same(then.get(k), now.get(k))]
        if not is_work(branch):
            storage.publish_all([(p, now.get(p.key)) for p in after])
        message = f"restore {goal.id}" + (f": {', '.join(sorted(only))}" if only is not None else "")
        return record(connection, branch, after, now, author=author, message=message)


def _back(then: Pointer | None, now: Pointer | None) -> Pointer:
    if then is not None:
        return then
    assert now is not None
    return replace(now, kind="dropped", location=None, sql=None, state={}, rows=None)


def _check_lineage(connection: sa.Connection, branch: str, goal: Commit) -> None:
    here: str | None = branch
    at: int | None = None
    while here is not None:
        if here == goal.branch and (at is None or goal.seq <= at):
            return
        fork = read.fork_of(connection, here, at)
        here, at = fork.parent, fork.base
    raise LakeError(
        f"the commit `{goal.id}` was made on `{goal.branch}`, which `{branch}` does not come from",
        hint=f"`wherry log --branch {branch}` lists the commits to go back to",
    )
