"""``wherry log``"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

import click

from wherry.cli.common import Place, about_project, moment, rows_moved, short_time

if TYPE_CHECKING:
    from wherry.lake.commit import Commit


@click.command(epilog="Example:  wherry log --table marts.revenue")
@click.argument("commit", required=False)
@click.option("--table", help="Only commits that changed this table.")
@click.option("--author", help="Only commits of this author.")
@click.option("--run", "run_id", help="Only commits of this run.")
@click.option("--since", metavar="TIME", callback=moment, help="Only commits from then on (UTC).")
@click.option("--until", metavar="TIME", callback=moment, help="Only commits before then (UTC).")
@click.option("--all", "everything", is_flag=True, help="Commits of all branches.")
@click.option("--limit", default=20, show_default=True, type=click.IntRange(1), help="At most so many.")
@about_project
def command(
    place: Place,
    commit: str | None,
    table: str | None,
    author: str | None,
    run_id: str | None,
    since: datetime | None,
    until: datetime | None,
    everything: bool,
    limit: int,
) -> int:
    """List the commits that made the branch what it is, newest first; or tell what one COMMIT did to each table."""
    config = place.config()
    with place.lake(config) as lake:
        if commit is not None:
            made = lake.commit(commit)
            return _one(place, made, lake.rows_before(made))
        commits = lake.log(
            None if everything else place.branch,
            table=table,
            author=author,
            run=run_id,
            since=since,
            until=until,
            limit=limit,
        )
    if place.as_json:
        place.answer({"commits": [_document(each) for each in commits]})
        return 0
    for each in commits:
        on = f"  [{each.branch}]" if everything else ""
        told = f"{click.style(each.id, fg='yellow')}  {short_time(each.at)}  {each.author}  {each.message}{on}"
        click.echo(told)
    if not commits:
        asked = table or author or run_id or since or until
        click.echo("No commit is like that." if asked else "No commits yet. `wherry run` makes the first.")
    return 0


def _document(commit: Commit, before: dict[str, int | None] | None = None) -> dict[str, Any]:
    tables: list[dict[str, Any]] = []
    for change in commit.changes:
        table: dict[str, Any] = {"name": change.full_name, "kind": change.kind, "rows": change.rows}
        if before is not None:
            table["change"] = _change(change.kind, change.full_name in before)
            table["before"] = before.get(change.full_name)
        tables.append(table)
    return {
        "id": commit.id,
        "at": commit.at,
        "branch": commit.branch,
        "author": commit.author,
        "message": commit.message,
        "run": commit.run,
        "tables": tables,
    }


def _one(place: Place, commit: Commit, before: dict[str, int | None]) -> int:
    if place.as_json:
        place.answer(_document(commit, before))
        return 0
    click.echo(f"{click.style(commit.id, fg='yellow')}  {commit.message}")
    run = f", run {commit.run}" if commit.run else ""
    click.echo(f"  {short_time(commit.at)} UTC, {commit.author or 'nobody'}, branch {commit.branch}{run}")
    width = max((len(change.full_name) for change in commit.changes), default=0)
    for change in commit.changes:
        what = _change(change.kind, change.full_name in before)
        rows = rows_moved(before.get(change.full_name), change.rows) or change.kind
        click.echo(f"  {change.full_name:<{width}}  {what:<7}  {rows}".rstrip())
    return 0


def _change(kind: str, was_there: bool) -> str:
    return "dropped" if kind == "dropped" else "changed" if was_there else "added"
