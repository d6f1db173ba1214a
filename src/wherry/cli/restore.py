"""``wherry restore``"""

from __future__ import annotations

import click

from wherry.cli.common import Place, about_project


@click.command(epilog="Example:  wherry restore 18d951 --table marts.revenue")
@click.argument("commit")
@click.option("--table", "tables", multiple=True, help="Only this table; may be given again.")
@about_project
def command(place: Place, commit: str, tables: tuple[str, ...]) -> int:
    """Make the branch look as it did right after COMMIT, as a new commit; the ones between stay in the log."""
    from wherry.run.runner import author

    config = place.config()
    with place.lake(config) as lake:
        made = lake.restore(commit, branch=place.branch, only=tables or None, author=author())
    if place.as_json:
        place.answer({"commit": made.id, "tables": [f"{c.namespace}.{c.name}" for c in made.changes]})
    else:
        click.echo(f"Restored {len(made.changes)} tables to {commit}, as commit {made.id}.")
    return 0
