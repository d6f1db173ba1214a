"""What a run does, while it does it: live on a terminal, plain lines when piped; always on standard error."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import click

_COLOURS = {"built": "green", "failed": "red", "blocked": "yellow", "dropped": "magenta"}


@contextmanager
def progress() -> Iterator[Callable[..., None]]:
    """Something to tell a run's events to."""
    if sys.stderr.isatty():
        with _live() as tell:
            yield tell
    else:
        yield _line


def _line(kind: str, **what: Any) -> None:
    if kind == "finished" and (what["result"].state != "skipped" or what["result"].checks):
        click.echo(_told(what["result"]), err=True)
    elif kind == "published":
        click.echo(f"published commit {what['commit'].id}", err=True)
    elif kind == "moved":
        click.echo(f"building again: {what['reason']}", err=True)


def _told(result: Any) -> str:
    state = click.style(f"{result.state:<8}", fg=_COLOURS.get(result.state))
    rows = f"  {result.rows:,} rows" if result.rows is not None else ""
    rejected = f", {result.rejected:,} rejected" if result.rejected else ""
    checks = f"  {sum(c.state == 'passed' for c in result.checks)}/{len(result.checks)} checks" if result.checks else ""
    reason = f"  {result.reason}" if result.reason else ""
    return f"{state} {result.name}{rows}{rejected}{checks}  {result.seconds:.2f} s{reason}"


def moved(
    rows: int,
    size: int,
    expected: int | None,
    seconds: float,
    share: float | None = None,
    before: float = 0.0,
) -> tuple[str, str, str, str]:
    """How a load goes, for a person: rows of how many, bytes, rate, time so far and left.

    The time left is by the ``share`` of the work that is done, else by the rows, which came from second ``before`` on.
    """
    of = f" of about {expected:,}" if expected and rows else ""
    rate = left = ""
    if seconds >= 1 and (rows or size):
        rate = f"{rows / seconds:,.0f} rows/s" if rows else f"{size / 1e6 / seconds:,.1f} MB/s"
    if seconds >= 1 and share is not None and share >= 0.01:
        left = f", about {seconds * (1 - share) / share:.0f} s left"
    elif expected and rows and seconds - before >= 1:
        left = f", about {max(0.0, (expected - rows) * (seconds - before) / rows):.0f} s left"
    return (
        f"{rows:,} rows{of}" if rows else "",
        f"{size / 1e6:,.1f} MB" if size else "",
        rate,
        f"{seconds:.0f} s{left}",
    )


@contextmanager
def _live() -> Iterator[Callable[..., None]]:
    from rich.console import Console
    from rich.live import Live
    from rich.table import Table
    from rich.text import Text

    console = Console(stderr=True)
    running: dict[str, tuple[float, int, int, int | None, float | None]] = {}
    #: When the first rows came.
    began: dict[str, float] = {}
    lock = threading.Lock()
    total, done = 0, 0

    def picture() -> Table:
        table = Table.grid(padding=(0, 2))
        with lock:
            for name, (since, rows, size, expected, share) in list(running.items())[:12]:
                seconds, before = time.monotonic() - since, began.get(name, since) - since
                table.add_row("[cyan]…[/]", name, *moved(rows, size, expected, seconds, share, before))
            table.add_row("", f"[dim]{done} of {total}[/]")
        return table

    with Live(get_renderable=picture, console=console, refresh_per_second=8, transient=True) as live:

        def tell(kind: str, **what: Any) -> None:
            nonlocal total, done
            if kind == "planned":
                total = len(what["plan"].steps)
            elif kind == "started":
                with lock:
                    running[what["name"]] = (time.monotonic(), 0, 0, None, None)
            elif kind == "progress":
                with lock:
                    if what["rows"]:
                        began.setdefault(what["name"], time.monotonic())
                    since = running[what["name"]][0]
                    running[what["name"]] = (since, what["rows"], what["bytes"], what["expected"], what["share"])
            elif kind == "finished":
                with lock:
                    running.pop(what["result"].name, None)
                    began.pop(what["result"].name, None)
                    done += 1
                if what["result"].state != "skipped" or what["result"].checks:
                    live.console.print(Text.from_ansi(_told(what["result"])))

        yield tell
