"""The rows that broke a check, looked up where the run that found them left them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from wherry.model.asset import Asset
from wherry.run.checking import bad_rows_sql
from wherry.run.reading import reading
from wherry.state.runs import last_result

if TYPE_CHECKING:
    from wherry.lake.lake import Lake
    from wherry.project.config import Config


def failing_rows(config: Config, lake: Lake, asset: Asset, branch: str, limit: int) -> list[dict[str, Any]]:
    """For each check of the table that failed or warned in its last run: how many rows broke it, and the first."""
    last = last_result(lake.engine, asset.name, branch)
    if last is None:
        return []
    run, result = last
    broken = {(c.check, c.column): c.failing for c in result.checks if c.state != "passed"}
    branches = {info.name for info in lake.branches()}
    place = run.work_branch if run.work_branch in branches else branch
    answers = []
    with reading(config, lake, place) as read:
        session = read.session
        for check in asset.checks:
            if (check.text, check.column) not in broken:
                continue
            session.show([asset.name])
            if check.kind == "refers":
                session.show([check.arguments["table"]])
            cursor = session.engine.connection.execute(
                f"SELECT * FROM ({bad_rows_sql(check, asset.name)}) LIMIT {limit}"
            )
            columns = [column[0] for column in cursor.description or ()]
            rows = [dict(zip(columns, row, strict=True)) for row in cursor.fetchall()]
            failing = broken[check.text, check.column]
            answers.append({"check": check.text, "column": check.column, "failing": failing, "rows": rows})
    return answers
