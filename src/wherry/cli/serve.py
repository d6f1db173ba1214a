"""``wherry serve``"""

from __future__ import annotations

import signal
from collections.abc import Callable
from pathlib import Path
from threading import Event, Thread
from typing import TYPE_CHECKING

import click

from wherry.cli.common import Place, about_project

if TYPE_CHECKING:
    from wherry.errors import WherryError
    from wherry.lake.lake import Lake
    from wherry.lake.upkeep.upkeep import Report
    from wherry.project.config import Config

#: Requests under way when it is told to stop get so many seconds.
_GRACE = 10.0


@click.command(epilog="Example:  wherry serve --port 8181")
@click.option("--port", type=click.IntRange(0, 65535), default=8181, show_default=True, help="Listen here; 0: any.")
@click.option("--host", default="127.0.0.1", show_default=True, help="Listen on this address of the machine.")
@click.option(
    "--token-file",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Tokens to accept, a line each: TOKEN, or NAME TOKEN (default: one that is made and kept in .wherry/token).",
)
@about_project
def command(place: Place, port: int, host: str, token_file: Path | None) -> int:
    """Offer the lake to other engines as an Iceberg REST catalog, until it is stopped.

    A client's warehouse is a branch, or a branch at a commit or a time: main, dev, main@2026-01-31. Clients that name
    none get --branch. Commits are in the name that the client's token has.

    Once a day it does upkeep; `every` of [upkeep] in wherry.toml says how often, or never.
    """
    from wherry.serve.catalog import offer
    from wherry.serve.tokens import own_token, read_tokens

    config = place.config()
    path = token_file or own_token(config.scratch)
    tokens = read_tokens(path)
    with place.lake(config) as lake:
        server = offer(lake, host=host, port=port, branch=place.branch, tokens=tokens)
        stop = Event()
        keeper = Thread(target=_keep_up, args=(place, config, lake, stop), name="wherry-upkeep", daemon=True)
        before = [(number, signal.signal(number, lambda *_: stop.set())) for number in (signal.SIGINT, signal.SIGTERM)]
        try:
            if place.as_json:
                place.answer({"endpoint": server.endpoint, "token_file": str(path)})
            else:
                _tell(server.endpoint, path, host)
            keeper.start()
            stop.wait()
        finally:
            # Asked a second time, it stops at once.
            for number, handler in before:
                signal.signal(number, handler)
            stop.set()
            server.close(_GRACE)
            if keeper.ident is not None:
                keeper.join(_GRACE)  # killed at any point, upkeep leaves every table whole
    if not place.as_json:
        click.echo("Stopped.", err=True)
    return 0


def _keep_up(place: Place, config: Config, lake: Lake, stop: Event) -> None:
    from wherry.run.runner import author
    from wherry.run.upkeep import EVERY, UpkeepOptions, keep_up
    from wherry.serve.upkeep import keep_up_until

    def work(tell: Callable[..., None]) -> Report:
        # The project's files may have changed since the last time.
        return keep_up(place.project(place.config(), lake), lake, UpkeepOptions(author=owner), tell).lake

    owner = author()
    keep_up_until(stop, lake, config.upkeep.get("every", EVERY), work, _told, owner)


def _told(ended: Report | WherryError) -> None:
    from wherry.cli.upkeep import summary
    from wherry.errors import WherryError

    if isinstance(ended, WherryError):
        click.echo(f"Upkeep failed: {ended}", err=True)
    else:
        click.echo(f"Upkeep: {summary(ended)}", err=True)


def _tell(endpoint: str, path: Path, host: str) -> None:
    click.echo(f"Iceberg REST catalog: {endpoint}")
    click.echo(f"Token: in {path}")
    click.echo("\nFrom DuckDB:")
    click.echo("  CREATE SECRET lake (TYPE iceberg, TOKEN '<the token>');")
    click.echo(f"  ATTACH 'main' AS lake (TYPE iceberg, ENDPOINT '{endpoint}', SECRET lake);")
    click.echo("\nFrom pyiceberg:")
    click.echo(f'  load_catalog("lake", type="rest", uri="{endpoint}", warehouse="main", token="<the token>")')
    click.echo("\nSpark, Trino and others: docs/engines.md. Ctrl-C stops.")
    if host not in ("127.0.0.1", "localhost", "::1"):
        click.echo("\nThis is plain HTTP: put a proxy with TLS before it where others can listen.", err=True)
