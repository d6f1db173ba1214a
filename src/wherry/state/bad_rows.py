"""Rows that broke checks, kept with the run that found them: for a while, and of so many runs of a table at most."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from wherry.lake import database as db
from wherry.lake.clock import stamp

#: Kind of the event that keeps the rows of a check: ``at`` is its place in the table's result.
BAD_ROWS = "bad rows"
#: Rows are kept of so many runs of a table on a branch: `show --failing` is about the newest alone.
RUNS = 20
#: So much JSON is kept of a check in a run.
BYTES = 500_000
#: Events that go in one transaction: others wait for it.
_BATCH = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptRows:
    """The first rows that broke a check."""

    rows: Sequence[Mapping[str, Any]]
    #: Whether there was no room for some of those that were to be kept.
    cut: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Forgotten:
    """What went, or would: of how many verdicts, and how much."""

    checks: int = 0
    bytes: int = 0


def event_body(place: int, rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """What an event keeps of the rows that broke the check at a place."""
    kept: list[Mapping[str, Any]] = []
    size = 0
    for row in rows:
        size += len(json.dumps(row, default=str))
        if size > BYTES:
            return {"at": place, "rows": kept, "cut": True}
        kept.append(row)
    return {"at": place, "rows": kept}


def kept_bad_rows(engine: sa.Engine, run: str, asset: str) -> dict[int, KeptRows]:
    """Rows that broke the checks of a table in a run, by the check's place in the table's result."""
    query = sa.select(db.event.c.body).where(
        db.event.c.run == run, db.event.c.asset == asset, db.event.c.kind == BAD_ROWS
    )
    with db.reading(engine) as connection:
        bodies = [json.loads(body) for body in connection.execute(query.order_by(db.event.c.seq)).scalars()]
    return {body["at"]: KeptRows(rows=body["rows"], cut=body.get("cut", False)) for body in bodies}


def crowd_out(engine: sa.Engine, branch: str, assets: Collection[str]) -> None:
    """Forget the rows of older runs of these tables on a branch, where there are those of ``RUNS`` newer ones."""
    for asset in assets:
        of_branch = sa.exists().where(db.run.c.id == db.event.c.run, db.run.c.branch == branch)
        mine = (db.event.c.asset == asset, db.event.c.kind == BAD_ROWS, of_branch)
        newest = sa.func.max(db.event.c.seq)
        runs = sa.select(db.event.c.run).where(*mine).group_by(db.event.c.run).order_by(newest.desc())
        with db.reading(engine) as connection:
            old = list(connection.execute(runs.offset(RUNS)).scalars())
        if old:
            with db.writing(engine, durable=False) as connection:
                connection.execute(db.event.delete().where(*mine[:2], db.event.c.run.in_(old)))


def forget_bad_rows(engine: sa.Engine, since: datetime, *, dry_run: bool = False) -> Forgotten:
    """Forget rows that were found before ``since``. Verdicts stay. Killed at any point, it goes on later."""
    old = (db.event.c.kind == BAD_ROWS, db.event.c.at < stamp(since))
    with db.reading(engine) as connection:
        found = connection.execute(sa.select(db.event.c.seq, sa.func.length(db.event.c.body)).where(*old)).all()
    for start in range(0, 0 if dry_run else len(found), _BATCH):
        gone = [seq for seq, _ in found[start : start + _BATCH]]
        with db.writing(engine, durable=False) as connection:
            connection.execute(db.event.delete().where(db.event.c.seq.in_(gone)))
    return Forgotten(checks=len(found), bytes=sum(size for _, size in found))
