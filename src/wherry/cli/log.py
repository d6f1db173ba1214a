"""``wherry log``"""

from __future__ import annotations

import click

from wherry.cli.common import Place, about_project


@click.command(epilog="Example:  wherry log --table marts.revenue")
@click.option("--table", help="Only commits that changed this table.")
@click.option("--author", help="Only commits of this author.")
@click.option("--run", "run_id", help="Only commits of this run.")
@click.option("--limit", default=20, show_default=True, type=click.IntRange(1), help="At most so many.")
@about_project
def command(place: Place, table: str | None, author: str | None, run_id: str | None, limit: int) -> int:
    """List the commits that made the branch what it is, newest first."""
    config = place.config()
    with place.lake(config) as lake:
        commits = lake.log(place.branch, table=table, author=author, run=run_id, limit=limit)
    if place.as_json:
        place.answer(
            {
                "commits": [
                    {
                        "id": c.id,
                        "at": c.at,
                        "branch": c.branch,
                        "author": c.author,
                        "message": c.message,
                        "run": c.run,
                        "tables": [
                            {"name": f"{x.namespace}.{x.name}", "kind": x.kind, "rows": x.rows} for x in c.changes
                        ],
                    }
                    for c in commits
                ]
            }
        )
        return 0
    for commit in commits:
        when = commit.at[:19].replace("T", " ")
        click.echo(f"{click.style(commit.id, fg='yellow')}  {when}  {commit.author}  {commit.message}")
    if not commits:
        click.echo("No commits yet. `wherry run` makes the first.")
    return 0
