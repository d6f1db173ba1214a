"""All of upkeep, in its order: tables, branches of unfinished runs, the log, files."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import field
from datetime import UTC, datetime, timedelta
from fnmatch import fnmatchcase
from functools import cache
from typing import TYPE_CHECKING

from wherry import quoting
from wherry.errors import LakeError
from wherry.lake import database as db
from wherry.lake.clock import stamp
from wherry.lake.connecting import Connection
from wherry.lake.names import MAIN, WORK
from wherry.lake.storage import LAKES
from wherry.lake.upkeep import forget as forgetting
from wherry.lake.upkeep.layout import Layout
from wherry.lake.upkeep.reach import Reach
from wherry.lake.upkeep.sweep import Ages, Swept, sweep
from wherry.lake.upkeep.table import TableResult, Turn, keep_table
from wherry.model.dataclass import dataclass

if TYPE_CHECKING:
    from wherry.duckdb import DuckDBPyConnection
    from wherry.lake.lake import Lake

#: How long commits are kept.
KEEP = timedelta(days=30)
#: How long a file must have been out of reach before it is removed.
GRACE = timedelta(hours=1)
#: Clocks of machines may differ by this many seconds.
_SLACK = 60.0
#: Branches of runs, when each was made and when something was committed there last.
_WORK_BRANCHES = """
    SELECT name, created_at, (SELECT max(at) FROM "commit" WHERE "commit".branch = branch.name)
    FROM branch WHERE substr(name, 1, :length) = :work
"""

Tell = Callable[..., None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """How to do upkeep."""

    branch: str = MAIN
    #: Names and globs of tables to compact; empty: all.
    tables: Sequence[str] = ()
    keep: timedelta = KEEP
    grace: timedelta = GRACE
    author: str = ""
    dry_run: bool = False
    #: What the project says of its tables' files, by name in lower case; a table that is not named keeps its layout.
    layouts: Mapping[str, Layout] = field(default_factory=dict)
    #: Branches whose runs are certainly over, though the log may say that they go on.
    idle: Collection[str] = ()
    #: Folder for what does not fit in memory.
    scratch: str = ""
    now: datetime = field(default_factory=lambda: datetime.now(UTC))


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What was done, or would be."""

    tables: tuple[TableResult, ...]
    #: Commits that left the log.
    commits: int
    #: Branches of unfinished runs that were dropped.
    branches: tuple[str, ...]
    swept: Swept


def keep_up(lake: Lake, options: Options, tell: Tell = lambda kind, **what: None) -> Report:
    """Do upkeep of a lake. Beside readers, writers and runs; may be killed at any point.

    ``tell`` hears ``table`` (its ``result``), ``marked``, ``listed`` (``files``). Raises ``LakeError`` when a file that
    is needed is missing: then nothing is removed.
    """
    lake.storage.check()
    if not options.dry_run:
        lake.storage.claim()
    _expect_alone(lake)
    since = options.now - options.keep
    with ExitStack() as stack:
        turn = Turn(
            lake=lake,
            branch=options.branch,
            connection=cache(lambda: stack.enter_context(_connection(options))),
            since=since,
            author=options.author,
            dry_run=options.dry_run,
        )
        tables = _tables(lake, options, turn, tell)
    branches = _drop_left(lake, options, since)
    if options.dry_run:
        with db.reading(lake.database) as connection:
            kept = forgetting.Kept(connection, forgetting.new_horizon(connection, since))
            kept.branches -= set(branches)
            changes = forgetting.doomed(connection, kept)
            commits = len(forgetting.doomed_commits(connection, kept, changes))
    else:
        commits, _ = forgetting.forget(lake.database, since)
    swept = _sweep(lake, options, since, branches, tell)
    return Report(tables=tuple(tables), commits=commits, branches=tuple(branches), swept=swept)


def _expect_alone(lake: Lake) -> None:
    """Raises ``LakeError`` where another lake has tables below the same root, which nothing here leads to."""
    own = lake.storage.lake() if lake.storage.lake is not None else ""
    if others := sorted(lake.storage.lakes() - {own}):
        place = lake.storage.location
        told = f"tables of another lake, which has a database of its own, are in `{place}` too: nothing is removed"
        hint = (
            f"Give each project a `lake` of its own. Where the other is no more, remove `{place}/{LAKES}/{others[0]}`."
        )
        raise LakeError(told, hint=hint)


def _connection(options: Options) -> DuckDBPyConnection:
    from wherry.lake.attach import connect

    connection = connect()
    if options.scratch:
        connection.execute(f"SET temp_directory = {quoting.text(options.scratch)}")
    return connection


def _tables(lake: Lake, options: Options, turn: Turn, tell: Tell) -> list[TableResult]:
    pointers = lake.pointers(options.branch)
    if options.branch != MAIN:
        # What a branch only reads is its parent's to keep.
        own = lake.own_pointers(options.branch)
        pointers = {key: pointer for key, pointer in pointers.items() if key in own}
    wanted = [word.lower() for word in options.tables]
    chosen = [
        pointer
        for key, pointer in sorted(pointers.items())
        if pointer.kind == "table" and (not wanted or any(fnmatchcase(key, word) for word in wanted))
    ]
    kept = _kept_locations(lake, turn.since)
    results = []
    for pointer in chosen:
        result = keep_table(turn, pointer, kept.get(pointer.key, ()), options.layouts.get(pointer.key))
        tell("table", result=result, of=len(chosen))
        results.append(result)
    return results


def _kept_locations(lake: Lake, since: datetime) -> dict[str, list[str]]:
    """Metadata files that kept commits show, by table."""
    found: dict[str, list[str]] = {}
    with db.reading(lake.database) as connection:
        kept = forgetting.Kept(connection, forgetting.new_horizon(connection, since))
        for past in forgetting.pasts(connection):
            if past.location is not None and kept.needs(past):
                found.setdefault(past.key, []).append(past.location)
    return found


def _drop_left(lake: Lake, options: Options, since: datetime) -> list[str]:
    """Branches of runs that did not finish and that nobody went on with for as long as commits are kept."""
    with db.reading(lake.database) as connection:
        busy = _busy(connection, options)
        rows = connection.rows(_WORK_BRANCHES, {"work": WORK, "length": len(WORK)})
        left = [name for name, made, last in rows if name not in busy and max(made, last or "") < stamp(since)]
    if not options.dry_run:
        for name in left:
            lake.drop_branch(name)
    return left


def _busy(connection: Connection, options: Options) -> dict[str, str]:
    """Branches of runs that may be under way, and when each run began."""
    rows = connection.rows("SELECT work_branch, started_at, branch FROM run WHERE state = 'running'")
    return {work: began for work, began, branch in rows if work and branch not in options.idle}


def _sweep(lake: Lake, options: Options, since: datetime, dropped: Collection[str], tell: Tell) -> Swept:
    began = time.time()
    reach = Reach(lake.storage, seen=lambda count: tell("marked", files=count))
    with db.reading(lake.database) as connection:
        kept = forgetting.Kept(connection, forgetting.new_horizon(connection, since))
        if options.dry_run:
            kept.branches -= set(dropped)
        reach.mark(connection, kept)
        busy = _busy(connection, options).values()

    def extend() -> None:
        with db.reading(lake.database) as connection:
            reach.extend(connection)

    starts = [datetime.fromisoformat(moment).timestamp() - _SLACK for moment in busy]
    ages = Ages(now=began, grace=options.grace.total_seconds(), busy_since=min([began, *starts]))
    return sweep(
        lake.storage,
        reach.files.__contains__,
        extend,
        reach.tables,
        ages,
        dry_run=options.dry_run,
        seen=lambda count: tell("listed", files=count),
    )
