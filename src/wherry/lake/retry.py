"""The one loop that tries a commit again when somebody else was faster.

An Iceberg commit says which snapshot it was made on. The catalog cannot put it on another: the files that it brings
were written for that one. Whoever wrote them does the work again, on what is there by then.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, TypeVar

from wherry.errors import Conflict
from wherry.lake.turns import turn

if TYPE_CHECKING:
    from wherry.lake.lake import Lake

T = TypeVar("T")

ATTEMPTS = 12
#: Seconds before the second attempt, at most; doubled each time up to a second.
_FIRST_WAIT = 0.01


def lost_race(error: BaseException) -> bool:
    """Whether a commit failed only because another came first, and may be tried again on what is there now."""
    if isinstance(error, Conflict):
        return True
    # DuckDB tells what the catalog answered in the text of its error.
    return type(error).__name__ == "TransactionException" and "Conflict_409" in str(error)


def retrying(
    lake: Lake,
    work: Callable[[], T],
    *,
    tables: Sequence[str],
    branch: str,
    attempts: int = ATTEMPTS,
    wait: Callable[[float], None] = time.sleep,
) -> T:
    """What ``work`` returns. It reads what it builds on, writes and commits; a lost race starts it again.

    Raises ``Conflict`` naming the tables, what they were built on and who moved them, after ``attempts`` lost races.
    """
    named = sorted(name.lower() for name in tables)
    for attempt in range(1, attempts + 1):
        with turn(lake.database, f"{branch} {named[0] if named else ''}"):
            base = max((c.seq for c in lake.log(branch, limit=1)), default=0) if attempt == attempts else 0
            try:
                return work()
            except Exception as error:
                if not lost_race(error):
                    raise
                if attempt == attempts:
                    raise _told(lake, branch, named, base, attempts) from error
        wait(random.uniform(0, min(1.0, _FIRST_WAIT * 2**attempt)))
    raise AssertionError


def _told(lake: Lake, branch: str, tables: Sequence[str], base: int, attempts: int) -> Conflict:
    moved = []
    for table in tables:
        for commit in lake.log(branch, table=table, limit=1):
            if commit.seq > base:
                who = f" of {commit.author}" if commit.author else ""
                moved.append(f"`{table}` by commit {commit.id}{who} ({commit.message})")
    names = ", ".join(f"`{table}`" for table in tables) or "the tables"
    by = f": {', '.join(moved)}" if moved else ""
    return Conflict(
        f"{names} on `{branch}` moved under {attempts} attempts, the last built on commit number {base}{by}",
        hint="try again when fewer others write, or write to a branch and merge it",
    )
