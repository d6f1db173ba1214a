"""``wherry branch``"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from wherry.cli.common import Place, about_branch, counted, short_time

if TYPE_CHECKING:
    from wherry.lake.branch import BranchInfo, Standing
    from wherry.lake.lake import Lake


@click.command(epilog="Example:  wherry branch dev && wherry run --branch dev && wherry merge dev")
@click.argument("name", required=False)
@click.option("--from", "parent", metavar="BRANCH", help="Begin from this branch (default: the one of --branch).")
@click.option("--at", help="Begin at this commit or time instead of now.")
@click.option("--drop", is_flag=True, help="Drop the branch.")
@click.option("--force", is_flag=True, help="Drop it even though it changed tables that it did not publish.")
@click.option("--rename", "new", metavar="NEW", help="Call the branch NEW from now on.")
@click.option("--all", "everything", is_flag=True, help="List the branches of unfinished runs too.")
@about_branch("ignore")
def command(
    place: Place,
    name: str | None,
    parent: str | None,
    at: str | None,
    drop: bool,
    force: bool,
    new: str | None,
    everything: bool,
) -> int:
    """List the branches; or make NAME, which reads everything that it does not change from the branch it came from."""
    if not name and (drop or at or parent or new):
        raise click.UsageError("Name the branch.")
    if drop and (at or parent or new):
        raise click.UsageError("--drop goes alone, or with --force.")
    config = place.config()
    with place.lake(config) as lake:
        if name and drop:
            return _drop(place, lake, name, force)
        if name and new:
            lake.rename_branch(name, new)
            return _said(place, f"Branch {name} is now called {new}.", {"branch": new, "was": name})
        if name:
            return _make(place, lake, name, parent or place.branch, at)
        branches = [info for info in lake.branches() if everything or not info.name.startswith("run/")]
        standings = {info.name: lake.standing(info.name) for info in branches}
    if place.as_json:
        place.answer({"branches": [_document(place, info, standings[info.name]) for info in branches]})
        return 0
    width = max(len(info.name) for info in branches)
    for info in branches:
        mark = "* " if info.name == place.branch else "  "
        told = _told(info, standings[info.name]) if info.parent else ""
        click.echo(mark + click.style(f"{info.name:<{width}}" if told else info.name, bold=True) + told)
    return 0


def _make(place: Place, lake: Lake, name: str, parent: str, at: str | None) -> int:
    from wherry.errors import UsageError
    from wherry.run.runner import author

    if name.startswith("run/"):
        raise UsageError(f"`{name}` cannot be made: `run/` begins the branches of runs.", hint="Choose another name.")
    lake.create_branch(name, parent=parent, at=lake.moment(parent, at) if at else None, author=author())
    words = f"Made branch {name} from {parent}" + (f" as of {at}." if at else ".")
    return _said(place, words, {"branch": name, "parent": parent, "at": at})


def _drop(place: Place, lake: Lake, name: str, force: bool) -> int:
    lost = lake.drop_branch(name, force=force)
    words = f"Dropped branch {name}" + (f" and what it had not published: {', '.join(lost)}." if lost else ".")
    return _said(place, words, {"dropped": name, "lost": list(lost)})


def _document(place: Place, info: BranchInfo, standing: Standing) -> dict[str, Any]:
    return {
        "name": info.name,
        "current": info.name == place.branch,
        "parent": info.parent,
        "changed": len(standing.ahead),
        "tables": list(standing.ahead),
        "behind": list(standing.behind),
        "created_at": info.created_at,
        "author": info.author,
    }


def _told(info: BranchInfo, standing: Standing) -> str:
    parts = [f"from {info.parent}", short_time(info.created_at)]
    if info.author:
        parts.append(info.author)
    if standing.ahead:
        parts.append(f"{counted(len(standing.ahead), 'table')} ahead: {_some(standing.ahead)}")
    if standing.behind:
        parts.append(f"{len(standing.behind)} behind: {_some(standing.behind)}")
    if not standing.ahead and not standing.behind:
        parts.append(f"same as {info.parent}")
    return "  " + ", ".join(parts)


def _some(names: tuple[str, ...]) -> str:
    return ", ".join(names) if len(names) <= 3 else f"{', '.join(names[:2])} and {len(names) - 2} more"


def _said(place: Place, words: str, document: dict[str, Any]) -> int:
    if place.as_json:
        place.answer(document)
    else:
        click.echo(words)
    return 0
