"""The rows that broke a check, looked up where the run that found them left them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wherry.model.asset import Asset, Check
from wherry.model.graph import Graph, SqlCheck
from wherry.model.run import CheckResult
from wherry.plugins import find_check
from wherry.run.checking import at, bad_rows_sql
from wherry.run.reading import Reading, reading
from wherry.run.seen import see
from wherry.sql.statement import body
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
    last = last_result(lake.engine, asset.name, branch)
    if last is None:
        return []
    # Two checks may read the same and differ in their `where`: they are told apart by their order.
    results: dict[tuple[str, str], list[CheckResult]] = {}
    for result in last[1].checks:
        results.setdefault((result.check, result.column), []).append(result)
    answers = []
    selects = [(check.text, check.column, partial(_select, check, asset, config.folder)) for check in asset.checks]
    files = [check for check in graph.checks if asset.name.lower() in (name.lower() for name in check.inputs)]
    selects += [(check.name, "", partial(_select_file, check)) for check in files]
    with reading(config, lake, _place(lake, asset, branch)) as read:
        for text, column, select in selects:
            same = results.get((text, column))
            found = same.pop(0) if same else None
            if found is None or found.state == "passed":
                continue
            rows = [] if found.error else _rows(read, select(read), limit)
            told = {"check": text, "column": column, "failing": found.failing, "error": found.error}
            answers.append({**told, "rows": rows})
    return answers


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


def _rows(read: Reading, select: str, limit: int) -> list[dict[str, Any]]:
    columns, rows = read.session.engine.rows(f"SELECT * FROM (\n{select}\n) LIMIT {limit}")
    return [dict(zip(columns, row, strict=True)) for row in rows]
