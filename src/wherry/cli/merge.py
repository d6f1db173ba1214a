"""``wherry merge``"""

from __future__ import annotations

import click

from wherry.cli.common import Place, about_project


@click.command(epilog="Example:  wherry merge dev --dry-run")
@click.argument("name")
@click.option("--table", "tables", multiple=True, help="Only this table; may be given again.")
@click.option("--dry-run", is_flag=True, help="Tell what would be published, and do nothing.")
@about_project
def command(place: Place, name: str, tables: tuple[str, ...], dry_run: bool) -> int:
    """Publish what branch NAME changed onto the branch it came from, all at once.

    Refused, with the names of the tables, when one of them changed there meanwhile.
    """
    from wherry.run.runner import author

    config = place.config()
    with place.lake(config) as lake:
        made = lake.merge(name, only=tables or None, author=author(), message=f"merge {name}", dry_run=dry_run)
    names = [f"{c.namespace}.{c.name}" for c in made.changes] if made else []
    if place.as_json:
        place.answer({"commit": made.id if made and not dry_run else None, "tables": names})
    elif not made:
        click.echo(f"Branch {name} has nothing to publish.")
    elif dry_run:
        click.echo(f"Would publish {len(names)} tables: {', '.join(names)}.")
    else:
        click.echo(f"Published {len(names)} tables as commit {made.id}: {', '.join(names)}.")
    return 0
