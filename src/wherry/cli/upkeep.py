"""``wherry upkeep``"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from wherry.cli.common import Place, about_project, counted
from wherry.model.sizes import size_told

if TYPE_CHECKING:
    from wherry.lake.upkeep.table import TableResult
    from wherry.lake.upkeep.upkeep import Report
    from wherry.run.upkeep import Kept


def _duration(_: click.Context, parameter: click.Parameter, value: str | None) -> Any:
    from wherry.project.duration import read_duration

    if value is None:
        return None
    read = read_duration(value)
    if read is None:
        raise click.BadParameter(f"`{value}` is no length of time; write it as 30d or 12h.")
    return read


@click.command(epilog="Example:  wherry upkeep --dry-run")
@click.argument("tables", nargs=-1)
@click.option("--keep", callback=_duration, metavar="TIME", help="Keep commits that are younger (default: 30d).")
@click.option(
    "--grace", callback=_duration, metavar="TIME", help="Remove only what was out of reach for so long (default: 1h)."
)
@click.option(
    "--bad-rows",
    callback=_duration,
    metavar="TIME",
    help="Keep rows that broke a check for so long with their runs (default: as --keep).",
)
@click.option("--dry-run", is_flag=True, help="Tell what would be done, and do nothing.")
@about_project
def command(place: Place, tables: tuple[str, ...], keep: Any, grace: Any, bad_rows: Any, dry_run: bool) -> int:
    """Write small files together, apply deletes, let old commits and bad rows go and remove files that nothing needs.

    TABLES (names and globs; all when none is given) are written anew; commits and files are those of the whole lake.
    Reading, writing and runs go on meanwhile. No row changes: the next run has nothing to do.
    """
    from wherry.run.runner import author
    from wherry.run.upkeep import UpkeepOptions, keep_up

    config = place.config()
    report = None
    with place.existing_lake(config) as lake:
        if lake is not None:
            options = UpkeepOptions(
                branch=place.branch,
                tables=tables,
                keep=keep,
                grace=grace,
                bad_rows=bad_rows,
                author=author(),
                dry_run=dry_run,
            )
            with _progress() as tell:
                report = keep_up(place.project(config, lake), lake, options, tell)
    if place.as_json:
        place.answer(_document(report, dry_run))
    elif report is None:
        click.echo("There is no lake yet.")
    else:
        _tell(report, dry_run)
    return 1 if report is not None and any(result.state == "failed" for result in report.lake.tables) else 0


def _document(kept: Kept | None, dry_run: bool) -> dict[str, Any]:
    if kept is None:
        return {"dry_run": dry_run, "tables": [], "commits": 0, "branches": []}
    report, swept = kept.lake, kept.lake.swept
    return {
        "dry_run": dry_run,
        "tables": [asdict(result) for result in report.tables],
        "commits": report.commits,
        "branches": list(report.branches),
        "removed": {"files": swept.files, "bytes": swept.bytes, "folders": swept.folders},
        "waiting": {"files": swept.waiting, "bytes": swept.waiting_bytes},
        "kept": {"files": swept.kept, "bytes": swept.kept_bytes},
        "bad_rows": asdict(kept.bad_rows),
    }


def _tell(kept: Kept, dry_run: bool) -> None:
    report, gone = kept.lake, kept.bad_rows
    would = "would be " if dry_run else ""
    done = sum(result.state in ("done", "due") for result in report.tables)
    click.echo(f"{done} of {counted(len(report.tables), 'table')} {would}put in order")
    if report.branches:
        click.echo(f"{counted(len(report.branches), 'unfinished run')} {would}dropped")
    if report.commits:
        click.echo(f"{counted(report.commits, 'old commit')} {would}forgotten")
    if gone.checks:
        click.echo(f"the bad rows of {counted(gone.checks, 'old verdict')} {would}forgotten, {size_told(gone.bytes)}")
    swept = report.swept
    click.echo(f"{counted(swept.files, 'file')} {would}removed, {size_told(swept.bytes)}")
    if swept.waiting:
        waiting = f"{counted(swept.waiting, 'file')} that nothing needs, {size_told(swept.waiting_bytes)}"
        click.echo(f"{waiting}: a later upkeep removes them, when whoever uses them now is done")
    click.echo(f"{counted(swept.kept, 'file')} stay, {size_told(swept.kept_bytes)}")


def summary(report: Report) -> str:
    """What was done, in one line."""
    done = sum(result.state == "done" for result in report.tables)
    failed = [f"`{result.name}` failed: {result.reason}" for result in report.tables if result.state == "failed"]
    parts = [f"{done} of {counted(len(report.tables), 'table')} put in order", *failed]
    parts.append(f"{counted(report.swept.files, 'file')} removed ({size_told(report.swept.bytes)})")
    return "; ".join(parts)


def _line(result: TableResult) -> str:
    if result.state in ("skipped", "failed"):
        colour = "red" if result.state == "failed" else "yellow"
        return f"{click.style(result.state, fg=colour)}  {result.name}  {result.reason}"
    changes = [
        (result.files_before if result.rewritten else 0, result.files_after, "files"),
        (result.deletes_before, result.deletes_after, "delete files"),
        (result.manifests_before, result.manifests_after, "manifests"),
    ]
    parts = [f"{before:,} → {after:,} {what}" for before, after, what in changes if before and before != after]
    if result.rewritten:
        parts.append(f"{size_told(result.rewritten)} of data {'to write' if result.state == 'due' else 'written'} anew")
    if result.snapshots:
        parts.append(f"{counted(result.snapshots, 'old snapshot')} forgotten")
    return f"{click.style(result.state, fg='green')}  {result.name}  {', '.join(parts)}".rstrip()


@contextmanager
def _progress() -> Iterator[Callable[..., None]]:
    """Something to tell upkeep's events to: a line per table, and on a terminal what it is at."""
    if not sys.stderr.isatty():

        def plain(kind: str, **what: Any) -> None:
            if kind == "table" and what["result"].state != "unchanged":
                click.echo(_line(what["result"]), err=True)

        yield plain
        return
    from rich.console import Console
    from rich.text import Text

    console = Console(stderr=True)
    with console.status("looking at the tables") as status:

        def live(kind: str, **what: Any) -> None:
            if kind == "table" and what["result"].state != "unchanged":
                console.print(Text.from_ansi(_line(what["result"])))
            elif kind == "marked":
                status.update(f"{what['files']:,} files are needed")
            elif kind == "listed":
                status.update(f"{what['files']:,} files looked at")

        yield live
