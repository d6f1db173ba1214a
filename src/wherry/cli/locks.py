"""Who is at work on which branch, for ``wherry show --locks``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from wherry.cli.common import Place

if TYPE_CHECKING:
    from wherry.project.config import Config


def show_locks(place: Place, config: Config) -> int:
    """List the leases of the living."""
    from wherry.state.leases import held

    with place.existing_lake(config) as lake:
        leases = held(lake.database) if lake is not None else []
    rows = [
        {
            "task": lease.task,
            "branch": lease.branch,
            "owner": lease.owner,
            "host": lease.host,
            "pid": lease.pid,
            "since": lease.since,
            "seconds": round(age, 1),
        }
        for lease, age in leases
    ]
    if place.as_json:
        place.answer({"locks": rows})
        return 0
    if not rows:
        click.echo("Nobody is at work.")
    for lease, age in leases:
        minutes, seconds = divmod(int(age), 60)
        click.echo(f"{lease.branch:<20}  {lease.task:<6}  {lease.who}, for {minutes}:{seconds:02d} minutes")
    return 0
