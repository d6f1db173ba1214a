"""Rows that broke checks, kept with the run that found them: for a while, and of so many runs of a table at most."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

from wherry.lake import database as db
from wherry.lake.clock import stamp
from wherry.lake.connecting import Database
from wherry.model.dataclass import dataclass

#: Kind of the event that keeps the rows of a check: ``at`` is its place in the table's result.
BAD_ROWS = "bad rows"
#: Rows are kept of so many runs of a table on a branch: `show --failing` is about the newest alone.
RUNS = 20
#: So much JSON is kept of a check in a run.
BYTES = 500_000
#: Events that go in one transaction: others wait for it.
_BATCH = 500
#: Runs on a branch that rows of a table are kept of, newest first.
_RUNS = """
    SELECT run FROM event WHERE asset = :asset AND kind = :kind
        AND EXISTS (SELECT 1 FROM run WHERE run.id = event.run AND run.branch = :branch)
    GROUP BY run ORDER BY max(seq) DESC
"""


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


def kept_bad_rows(database: Database, run: str, asset: str) -> dict[int, KeptRows]:
    """Rows that broke the checks of a table in a run, by the check's place in the table's result."""
    query = "SELECT body FROM event WHERE run = :run AND asset = :asset AND kind = :kind ORDER BY seq"
    with db.reading(database) as connection:
        found = connection.column(query, {"run": run, "asset": asset, "kind": BAD_ROWS})
    bodies = [json.loads(body) for body in found]
    return {body["at"]: KeptRows(rows=body["rows"], cut=body.get("cut", False)) for body in bodies}


def crowd_out(database: Database, branch: str, assets: Collection[str]) -> None:
    """Forget the rows of older runs of these tables on a branch, where there are those of ``RUNS`` newer ones."""
    for asset in assets:
        mine = {"asset": asset, "kind": BAD_ROWS}
        with db.reading(database) as connection:
            runs = connection.column(_RUNS, mine | {"branch": branch})
        if old := [mine | {"run": run} for run in runs[RUNS:]]:
            with db.writing(database, durable=False) as connection:
                connection.change_all("DELETE FROM event WHERE run = :run AND asset = :asset AND kind = :kind", old)


def forget_bad_rows(database: Database, since: datetime, *, dry_run: bool = False) -> Forgotten:
    """Forget rows that were found before ``since``. Verdicts stay. Killed at any point, it goes on later."""
    query = "SELECT seq, length(body) FROM event WHERE kind = :kind AND at < :since"
    with db.reading(database) as connection:
        found = connection.rows(query, {"kind": BAD_ROWS, "since": stamp(since)})
    for start in range(0, 0 if dry_run else len(found), _BATCH):
        gone = [{"seq": seq} for seq, _ in found[start : start + _BATCH]]
        with db.writing(database, durable=False) as connection:
            connection.change_all("DELETE FROM event WHERE seq = :seq", gone)
    return Forgotten(checks=len(found), bytes=sum(size for _, size in found))
