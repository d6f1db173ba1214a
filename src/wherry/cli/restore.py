"""``wherry restore``"""

from __future__ import annotations

import click

from wherry.cli.common import Place, about_branch, counted, rows_moved


@click.command(epilog="Example:  wherry restore 18d951 --table marts.revenue")
@click.argument("commit")
@click.option("--table", "tables", multiple=True, help="Only this table; may be given again.")
@click.option("--dry-run", is_flag=True, help="Tell what would be done, and do nothing.")
@about_branch("refuse")
def command(place: Place, commit: str, tables: tuple[str, ...], dry_run: bool) -> int:
    """Make the branch look as it did right after COMMIT (or at a time), as a new commit; those between stay in the log.

    Cursors, intervals and versions go back with the tables: the next run loads and builds what came since.
    """
    from wherry.run.history import with_rejects
    from wherry.run.runner import author

    config = place.config()
    with place.lake(config) as lake:
        only = with_rejects(lake, (place.branch,), tables, commit) if tables else None
        made = lake.restore(commit, branch=place.branch, only=only, author=author(), dry_run=dry_run)
        before = lake.rows_before(made)
    if place.as_json:
        changes = [
            {
                "name": change.full_name,
                "kind": change.kind,
                "before": before.get(change.full_name),
                "after": change.rows,
            }
            for change in made.changes
        ]
        names = [change.full_name for change in made.changes]
        place.answer({"commit": None if dry_run else made.id, "tables": names, "changes": changes})
        return 0
    width = max((len(change.full_name) for change in made.changes), default=0)
    for change in made.changes:
        rows = rows_moved(before.get(change.full_name), change.rows)
        told = "dropped" if change.kind == "dropped" else rows or change.kind
        click.echo(f"  {change.full_name:<{width}}  {told}")
    count = counted(len(made.changes), "table")
    if not made.changes:
        click.echo(f"Branch {place.branch} is as it was at {commit}.")
    elif dry_run:
        click.echo(f"Would restore {count} of {place.branch} to {commit}.")
    else:
        click.echo(f"Restored {count} of {place.branch} to {commit}, as commit {made.id}.")
    return 0
