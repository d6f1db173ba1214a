"""Options that say what a plan or run is asked for."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import click

from wherry.cli.common import moment

if TYPE_CHECKING:
    from wherry.model.plan import Request

SELECT_HELP = """SELECT is any of: a name, a glob (marts.*), +x (with what x needs), x+ (with what needs x), tag:pii,
    owner:finance, changed. Nothing selects everything."""


def asked(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add SELECT and the options ``--full``, ``--from``, ``--until``, ``--prune``."""
    for option in (
        click.option("--prune", is_flag=True, help="Drop tables whose file is gone, even those that gathered rows."),
        click.option("--until", metavar="DATE", callback=moment, help="End of a backfill (not included), UTC."),
        click.option("--from", "start", metavar="DATE", callback=moment, help="Begin of a backfill, UTC."),
        click.option("--full", is_flag=True, help="Build what is selected from scratch."),
        click.argument("select", nargs=-1),
    ):
        function = option(function)
    return function


def request(full: bool, start: datetime | None, until: datetime | None, prune: bool) -> Request:
    """The request with the clock of now."""
    from wherry.model.plan import Request

    if start and until and start >= until:
        raise click.UsageError("--from must be before --until.")
    if full and (start or until):
        raise click.UsageError("--full builds everything from scratch: it goes without --from and --until.")
    now = datetime.now(UTC).replace(tzinfo=None)
    return Request(full=full, start=start, until=until, prune=prune, now=now)
