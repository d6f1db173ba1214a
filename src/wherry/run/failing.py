"""The rows that broke a check, looked up where the run that found them left them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from wherry.model.asset import Asset, Check
from wherry.model.run import CheckResult
from wherry.run.checking import bad_rows_sql
from wherry.run.reading import Reading, reading
from wherry.run.seen import see
from wherry.state.runs import last_result

if TYPE_CHECKING:
    from wherry.lake.lake import Lake
    from wherry.project.config import Config


def failing_rows(config: Config, lake: Lake, asset: Asset, branch: str, limit: int) -> list[dict[str, Any]]:
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
    with reading(config, lake, _place(lake, asset, branch)) as read:
        for check in asset.checks:
            same = results.get((check.text, check.column))
            found = same.pop(0) if same else None
            if found is None or found.state == "passed":
                continue
            rows = [] if found.error else _rows(read, asset, check, limit)
            told = {"check": check.text, "column": check.column, "failing": found.failing, "error": found.error}
            answers.append({**told, "rows": rows})
    return answers


def _place(lake: Lake, asset: Asset, branch: str) -> str:
    """The branch of an unfinished run when it holds the table: what failed was not published."""
    unfinished = see(lake, branch).unfinished[:1]
    return next((name for name in unfinished if asset.name.lower() in lake.own_pointers(name)), branch)


def _rows(read: Reading, asset: Asset, check: Check, limit: int) -> list[dict[str, Any]]:
    session = read.session
    session.show([asset.name, *([check.arguments["table"]] if check.kind == "refers" else [])])
    for called in read.functions.functions_in(f"{check.arguments} {check.where}"):
        function = read.functions.functions[called]
        session.show(function.tables)
        session.define(function.text)
    columns, rows = session.engine.rows(f"SELECT * FROM ({bad_rows_sql(check, asset.name)}) LIMIT {limit}")
    return [dict(zip(columns, row, strict=True)) for row in rows]
