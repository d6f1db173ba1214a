"""Upkeep of a project's lake: what its files say of its tables, and which runs are certainly over."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from wherry.errors import LakeError
from wherry.lake import database as db
from wherry.lake.clock import stamp
from wherry.lake.names import MAIN
from wherry.lake.upkeep import upkeep as lake_upkeep
from wherry.lake.upkeep.layout import Layout
from wherry.lake.upkeep.upkeep import GRACE, KEEP, Options, Report
from wherry.model.dataclass import dataclass
from wherry.model.run import Event
from wherry.run.layout import layout_of
from wherry.run.lock import run_lock
from wherry.run.project import Project
from wherry.state.bad_rows import Forgotten, forget_bad_rows
from wherry.state.runs import add_events, last_event, running_on

if TYPE_CHECKING:
    from wherry.lake.lake import Lake


#: How often `wherry serve` does it, unless wherry.toml says otherwise.
EVERY = timedelta(days=1)
#: Kind of the event that tells of an upkeep of the whole lake.
DONE = "upkeep"


@dataclass(frozen=True, slots=True, kw_only=True)
class UpkeepOptions:
    """How to do upkeep, beside what the project says."""

    branch: str = "main"
    tables: Sequence[str] = ()
    #: None: as wherry.toml says, or the default.
    keep: timedelta | None = None
    grace: timedelta | None = None
    #: How long rows that broke a check are kept; None: as wherry.toml says, or as ``keep``.
    bad_rows: timedelta | None = None
    author: str = ""
    dry_run: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """What was done, or would be."""

    lake: Report
    bad_rows: Forgotten


def keep_up(
    project: Project, lake: Lake, options: UpkeepOptions, tell: Callable[..., None] = lambda kind, **what: None
) -> Kept:
    """Do upkeep of the project's lake (see ``wherry.lake.upkeep.upkeep.keep_up``) and of what runs keep in it."""
    said = project.config.upkeep
    keep = options.keep if options.keep is not None else said.get("keep", KEEP)
    # Who keeps commits for a shorter time just now wants that of rows too.
    kept_rows = options.bad_rows if options.bad_rows is not None else min(keep, said.get("bad_rows", keep))
    report = lake_upkeep.keep_up(
        lake,
        Options(
            branch=options.branch,
            tables=options.tables,
            keep=keep,
            grace=options.grace if options.grace is not None else said.get("grace", GRACE),
            author=options.author,
            dry_run=options.dry_run,
            layouts=_layouts(project),
            idle=_idle(lake),
            scratch=str(project.config.scratch / "spill"),
        ),
        tell,
    )
    forgotten = forget_bad_rows(lake.database, datetime.now(UTC) - kept_rows, dry_run=options.dry_run)
    if options.branch == MAIN and not options.tables and not options.dry_run:
        swept = report.swept
        told = {"commits": report.commits, "files": swept.files, "bytes": swept.bytes}
        add_events(lake.database, [Event(run=None, at=stamp(), kind=DONE, body=told)])
    return Kept(lake=report, bad_rows=forgotten)


def next_upkeep(lake: Lake, every: timedelta) -> datetime | None:
    """When the lake's next upkeep is due, whoever did the last one; None: the lake is empty, or it never is."""
    last = last_event(lake.database, DONE)
    if last is None:
        # A lake that is new has nothing to be put in order yet.
        with db.reading(lake.database) as connection:
            last = connection.value('SELECT min(at) FROM "commit"')
    try:
        return datetime.fromisoformat(last) + every if last is not None else None
    except OverflowError:
        return None


def _layouts(project: Project) -> dict[str, Layout]:
    """How each table is to lie; of one that is held back nothing, since its layout may be just what is wrong."""
    return {key: layout_of(asset) for key, asset in project.graph.assets.items() if not asset.held}


def _idle(lake: Lake) -> set[str]:
    """Branches on which no run is under way, though the log says so: it was killed."""
    idle = set()
    for branch in running_on(lake.database):
        with suppress(LakeError), run_lock(lake.database, branch):
            idle.add(branch)
    return idle
