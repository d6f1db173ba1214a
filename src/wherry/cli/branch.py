"""``wherry branch``"""

from __future__ import annotations

import click

from wherry.cli.common import Place, about_project


@click.command(epilog="Example:  wherry branch dev && wherry run --branch dev && wherry merge dev")
@click.argument("name", required=False)
@click.option("--at", help="Begin at this commit or time instead of now.")
@click.option("--drop", is_flag=True, help="Drop the branch and what it did not publish.")
@click.option("--all", "everything", is_flag=True, help="List the branches of unfinished runs too.")
@about_project
def command(place: Place, name: str | None, at: str | None, drop: bool, everything: bool) -> int:
    """List the branches; or make NAME from --branch (main), reading everything that it does not change."""
    from wherry.run.runner import author

    config = place.config()
    with place.lake(config) as lake:
        if name and drop:
            lake.drop_branch(name)
            return _said(place, f"Dropped branch {name}.", {"dropped": name})
        if name:
            lake.create_branch(name, parent=place.branch, at=lake.resolve(at) if at else None, author=author())
            return _said(place, f"Made branch {name} from {place.branch}.", {"branch": name, "parent": place.branch})
        if drop or at:
            raise click.UsageError("Name the branch.")
        branches = [info for info in lake.branches() if everything or not info.name.startswith("run/")]
    if place.as_json:
        fields = ("name", "parent", "changed", "created_at", "author")
        place.answer({"branches": [{field: getattr(info, field) for field in fields} for info in branches]})
        return 0
    for info in branches:
        parent = f"  from {info.parent}, {info.changed} changed" if info.parent else ""
        click.echo(f"{click.style(info.name, bold=True)}{parent}")
    return 0


def _said(place: Place, words: str, document: dict[str, str]) -> int:
    if place.as_json:
        place.answer(document)
    else:
        click.echo(words)
    return 0
