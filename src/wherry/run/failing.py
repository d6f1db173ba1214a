"""The rows that broke a check: those kept with the run that found them; more from where it left its table."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wherry.model.asset import Asset, Check
from wherry.model.graph import Graph, SqlCheck
from wherry.model.run import AssetResult
from wherry.plugins import find_check
from wherry.run.bad_rows import KEPT, bad_rows
from wherry.run.check_plan import at
from wherry.run.checking import bad_rows_sql
from wherry.run.reading import Reading, reading
from wherry.run.seen import see
from wherry.sql.statement import body
from wherry.state.bad_rows import KeptRows, kept_bad_rows
from wherry.state.runs import last_result

if TYPE_CHECKING:
    from wherry.lake.lake import Lake
    from wherry.project.config import Config


def failing_rows(
    config: Config, lake: Lake, graph: Graph, asset: Asset, branch: str, limit: int
) -> list[dict[str, Any]]:
    """For each check of the table that failed or warned in its last run: how many rows broke it, and the first.

    ``error`` says why a check could not be decided, and is empty where it could.
    """
    last = last_result(lake.database, asset.name, branch)
    if last is None:
        return []
    run, result = last
    kept = kept_bad_rows(lake.database, run.id, result.name)
    answers = []
    for place, found in enumerate(result.checks):
        if found.state == "passed":
            continue
        there = kept.get(place, KeptRows(rows=(), cut=True))
        rows = [dict(row) for row in there.rows]
        cut = there.cut and place in kept
        if len(rows) < min(limit, found.failing) and not found.error and not found.quarantined:
            more = there.cut or len(rows) >= KEPT
            found_now = _looked_up(config, lake, graph, asset, branch, place, result, limit) if more else []
            rows, cut = (found_now, False) if found_now else (rows, cut)
        answers.append(
            {
                "check": found.check,
                "column": found.column,
                "failing": found.failing,
                "quarantined": found.quarantined,
                "observed": found.observed,
                "why": found.why,
                "error": found.error,
                # Some kinds show groups of bad rows: fewer than there are rows, and all the same.
                "more": found.failing > len(rows[:limit]) and (cut or len(rows) >= min(limit, KEPT)),
                "rows": rows[:limit],
            }
        )
    return answers


def _looked_up(
    config: Config, lake: Lake, graph: Graph, asset: Asset, branch: str, place: int, result: AssetResult, limit: int
) -> list[dict[str, Any]]:
    """Rows that break a check of a run in what it left of the table; none when that or the check is gone."""
    wanted = result.checks[place]
    # Two checks may read the same and differ in their `where`: they are told apart by their order.
    same = [p for p, each in enumerate(result.checks) if (each.check, each.column) == (wanted.check, wanted.column)]
    selects = [
        partial(_select, check, asset, config.folder)
        for check in sorted(asset.checks, key=lambda check: check.when != "before")
        if (check.text, check.column) == (wanted.check, wanted.column)
    ]
    selects += [
        partial(_select_file, check) for check in graph.checks if (check.name, "") == (wanted.check, wanted.column)
    ]
    with reading(config, lake, _place(lake, asset, branch)) as read:
        if same.index(place) >= len(selects) or asset.name.lower() not in read.session.pointers:
            return []
        return bad_rows(read.session.engine, selects[same.index(place)](read), limit)


def _place(lake: Lake, asset: Asset, branch: str) -> str:
    """The branch of an unfinished run when it holds the table: what failed was not published."""
    unfinished = see(lake, branch).unfinished[:1]
    return next((name for name in unfinished if asset.name.lower() in lake.own_pointers(name)), branch)


def _select(check: Check, asset: Asset, folder: Path, read: Reading) -> str:
    """A query of what breaks a check of the table, with all that it reads made ready."""
    read.session.show([asset.name, *check.needs])
    _define(read, read.functions.functions_in(f"{check.arguments} {check.where}"))
    return at(
        bad_rows_sql(check, asset.name, partial(find_check, folder=folder)), datetime.now(UTC).replace(tzinfo=None)
    )


def _select_file(check: SqlCheck, read: Reading) -> str:
    """The query of a file of SQL, with all that it reads made ready."""
    read.session.show(check.inputs)
    _define(read, check.functions)
    return body(check.text)


def _define(read: Reading, functions: Sequence[str]) -> None:
    for name in functions:
        function = read.functions.functions[name]
        read.session.show(function.tables)
        read.session.define(function.text)
