"""Runs and their events, written and read."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from typing import Any

import sqlalchemy as sa

from wherry.lake import database as db
from wherry.model.finding import Finding
from wherry.model.run import AssetResult, CheckResult, Drift, Event, Run


def start_run(engine: sa.Engine, run: Run, pid: int) -> None:
    """Note that a run began."""
    row = {
        "id": run.id,
        "branch": run.branch,
        "work_branch": run.work_branch,
        "state": run.state,
        "started_at": run.started_at,
        "author": run.author,
        "pid": pid,
        "detail": _detail(run),
    }
    with db.writing(engine, durable=False) as connection:
        connection.execute(db.run.insert().values(**row))


def note_run(engine: sa.Engine, run: Run) -> None:
    """Note how far a run came, should it be killed."""
    with db.writing(engine, durable=False) as connection:
        connection.execute(db.run.update().where(db.run.c.id == run.id).values(detail=_detail(run)))


def end_run(engine: sa.Engine, run: Run) -> None:
    """Note how a run ended, and what it did to each table."""
    with db.writing(engine) as connection:
        connection.execute(
            db.run.update()
            .where(db.run.c.id == run.id)
            .values(state=run.state, ended_at=run.ended_at, detail=_detail(run))
        )


def _detail(run: Run) -> str:
    detail: dict[str, Any] = {"commit": run.commit, "assets": [asdict(result) for result in run.assets]}
    if run.owed:
        detail["owed"] = {key: list(versions) for key, versions in run.owed.items()}
    return json.dumps(detail)


def close_killed(engine: sa.Engine, branch: str, now: str) -> None:
    """Runs of ``branch`` that say they are running, when nobody holds its lock, were killed."""
    with db.writing(engine, durable=False) as connection:
        connection.execute(
            db.run.update()
            .where(db.run.c.branch == branch, db.run.c.state == "running")
            .values(state="killed", ended_at=now)
        )


def running_on(engine: sa.Engine) -> set[str]:
    """Branches of runs that say they are under way; those of killed runs say so too."""
    with db.reading(engine) as connection:
        return set(connection.execute(sa.select(db.run.c.branch).where(db.run.c.state == "running")).scalars())


def add_events(engine: sa.Engine, events: Sequence[Event]) -> None:
    """Append to the log of what happened."""
    if not events:
        return
    rows = [
        {"run": e.run, "at": e.at, "kind": e.kind, "asset": e.asset, "body": json.dumps(dict(e.body), default=str)}
        for e in events
    ]
    with db.writing(engine, durable=False) as connection:
        connection.execute(db.event.insert(), rows)


def last_runs(engine: sa.Engine, branch: str | None = None, limit: int = 20) -> list[Run]:
    """The newest runs first."""
    query = sa.select(db.run).order_by(db.run.c.started_at.desc(), db.run.c.id.desc()).limit(limit)
    if branch is not None:
        query = query.where(db.run.c.branch == branch)
    with db.reading(engine) as connection:
        return [_run(row._mapping) for row in connection.execute(query)]


def owed(engine: sa.Engine, branch: str) -> Mapping[str, tuple[str, ...]]:
    """What the newest run of a branch left to be asked of its tables: each run takes over what the one before owed."""
    query = sa.select(db.run.c.detail).where(db.run.c.branch == branch).order_by(db.run.c.started_at.desc()).limit(1)
    with db.reading(engine) as connection:
        detail = connection.execute(query).scalar()
    return _owed(json.loads(detail or "{}"))


def _owed(detail: Mapping[str, Any]) -> dict[str, tuple[str, ...]]:
    return {key: tuple(versions) for key, versions in detail.get("owed", {}).items()}


def last_result(engine: sa.Engine, asset: str, branch: str) -> tuple[Run, AssetResult] | None:
    """What the newest run that built or checked a table did to it."""
    for run in last_runs(engine, branch, limit=200):
        for result in run.assets:
            if result.name.lower() == asset.lower() and (result.checks or result.state in ("built", "failed")):
                return run, result
    return None


def _run(row: Mapping[Any, Any]) -> Run:
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
