"""Runs and their events, written and read."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from typing import Any

from wherry.lake import database as db
from wherry.lake.connecting import Database, insert
from wherry.model.finding import Finding
from wherry.model.run import AssetResult, CheckResult, Drift, Event, Run

_RUN = ("id", "branch", "work_branch", "state", "started_at", "ended_at", "author", "detail")


def start_run(database: Database, run: Run, pid: int) -> None:
    """Note that a run began."""
    row = {
        "id": run.id,
        "branch": run.branch,
        "work_branch": run.work_branch,
        "state": run.state,
        "started_at": run.started_at,
        "author": run.author,
        "message": "",
        "pid": pid,
        "detail": _detail(run),
    }
    with db.writing(database, durable=False) as connection:
        connection.change(insert("run", row), row)


def note_run(database: Database, run: Run) -> None:
    """Note how far a run came, should it be killed."""
    with db.writing(database, durable=False) as connection:
        connection.change("UPDATE run SET detail = :detail WHERE id = :id", {"id": run.id, "detail": _detail(run)})


def end_run(database: Database, run: Run) -> None:
    """Note how a run ended, and what it did to each table."""
    ended = {"id": run.id, "state": run.state, "ended_at": run.ended_at, "detail": _detail(run)}
    with db.writing(database) as connection:
        connection.change("UPDATE run SET state = :state, ended_at = :ended_at, detail = :detail WHERE id = :id", ended)


def _detail(run: Run) -> str:
    detail: dict[str, Any] = {"commit": run.commit, "assets": [asdict(result) for result in run.assets]}
    if run.owed:
        detail["owed"] = {key: list(versions) for key, versions in run.owed.items()}
    return json.dumps(detail)


def close_killed(database: Database, branch: str, now: str) -> None:
    """Runs of ``branch`` that say they are running, when nobody holds its lock, were killed."""
    with db.writing(database, durable=False) as connection:
        killed = "UPDATE run SET state = 'killed', ended_at = :now WHERE branch = :branch AND state = 'running'"
        connection.change(killed, {"branch": branch, "now": now})


def running_on(database: Database) -> set[str]:
    """Branches of runs that say they are under way; those of killed runs say so too."""
    with db.reading(database) as connection:
        return set(connection.column("SELECT branch FROM run WHERE state = 'running'"))


def add_events(database: Database, events: Sequence[Event]) -> None:
    """Append to the log of what happened."""
    if not events:
        return
    rows = [
        {"run": e.run, "at": e.at, "kind": e.kind, "asset": e.asset, "body": json.dumps(dict(e.body), default=str)}
        for e in events
    ]
    with db.writing(database, durable=False) as connection:
        connection.change_all(insert("event", rows[0]), rows)


def last_event(database: Database, kind: str) -> str | None:
    """When an event of this kind that belongs to no run happened last."""
    query = "SELECT at FROM event WHERE run IS NULL AND kind = :kind ORDER BY seq DESC LIMIT 1"
    with db.reading(database) as connection:
        at: str | None = connection.value(query, {"kind": kind})
    return at


def last_runs(database: Database, branch: str | None = None, limit: int = 20) -> list[Run]:
    """The newest runs first."""
    which = "true" if branch is None else "branch = :branch"
    query = f"SELECT {', '.join(_RUN)} FROM run WHERE {which} ORDER BY started_at DESC, id DESC LIMIT :limit"
    with db.reading(database) as connection:
        rows = connection.rows(query, {"branch": branch, "limit": limit})
    return [_run(dict(zip(_RUN, row, strict=True))) for row in rows]


def owed(database: Database, branch: str) -> Mapping[str, tuple[str, ...]]:
    """What the newest run of a branch left to be asked of its tables: each run takes over what the one before owed."""
    query = "SELECT detail FROM run WHERE branch = :branch ORDER BY started_at DESC LIMIT 1"
    with db.reading(database) as connection:
        detail = connection.value(query, {"branch": branch})
    return _owed(json.loads(detail or "{}"))


def _owed(detail: Mapping[str, Any]) -> dict[str, tuple[str, ...]]:
    return {key: tuple(versions) for key, versions in detail.get("owed", {}).items()}


def last_result(database: Database, asset: str, branch: str) -> tuple[Run, AssetResult] | None:
    """What the newest run that built or checked a table did to it."""
    for run in last_runs(database, branch, limit=200):
        for result in run.assets:
            if result.name.lower() == asset.lower() and (result.checks or result.state in ("built", "failed")):
                return run, result
    return None


def _run(row: Mapping[str, Any]) -> Run:
    detail = json.loads(row["detail"] or "{}")
    run = Run(
        id=row["id"],
        branch=row["branch"],
        work_branch=row["work_branch"] or "",
        state=row["state"],
        started_at=row["started_at"],
        ended_at=row["ended_at"] or "",
        author=row["author"],
        commit=detail.get("commit", ""),
        owed=_owed(detail),
    )
    results = []
    for stored in detail.get("assets", ()):
        checks = tuple(CheckResult(**check) for check in stored.pop("checks"))
        findings = tuple(Finding(**finding) for finding in stored.pop("findings"))
        drifts = tuple(Drift(**drift) for drift in stored.pop("drifts", ()))
        results.append(AssetResult(**stored, checks=checks, findings=findings, drifts=drifts))
    return replace(run, assets=tuple(results))
