"""``wherry run``"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from datetime import datetime
from typing import TYPE_CHECKING, Any

import click

from wherry.cli.asking import SELECT_HELP, asked, request
from wherry.cli.common import Place, about_branch, counted

if TYPE_CHECKING:
    from wherry.model.run import AssetResult, CheckResult, Run


@click.command(
    epilog="Example:  wherry run marts.revenue --from 2026-01-01 --until 2026-02-01",
    help=f"""Bring the lake up to date: load what is new, build what changed, check it, publish it at once.

    Everything is built on a branch of the run's own. What fails, and what needs it, is not published; the next run goes
    on from there.

    {SELECT_HELP}""",
)
@asked
@click.option("--jobs", type=click.IntRange(1, 256), help="Tables built at the same time (default: one per core).")
@click.option(
    "--publish",
    type=click.Choice(["end", "each"]),
    default="end",
    show_default=True,
    help="Publish all at the end, or each table as it passes.",
)
@about_branch("make")
def command(
    place: Place,
    select: tuple[str, ...],
    full: bool,
    start: datetime | None,
    until: datetime | None,
    prune: bool,
    jobs: int | None,
    publish: str,
) -> int:
    from wherry.cli.failure import as_document, show_findings
    from wherry.cli.progress import progress
    from wherry.run.runner import RunOptions, exit_code, run

    config = place.config()
    with place.lake(config) as lake:
        project = place.project(config, lake, online=True)
        project.expect_buildable()
        show_findings(project.errors)
        if warnings := len(project.graph.findings) - len(project.errors):
            click.echo(f"{counted(warnings, 'warning')} of the project's files: see `wherry check`.", err=True)
        options = RunOptions(branch=place.branch, words=select, jobs=jobs or 0, publish_each=publish == "each")
        with progress() as tell:
            done = run(project, lake, request(full, start, until, prune), options, tell)
    if place.as_json:
        told = {"findings": [as_document(finding) for finding in project.errors]} if project.errors else {}
        place.answer({**document(done), **told})
    else:
        summarise(done)
    return exit_code(done)


def document(run: Run) -> dict[str, Any]:
    """The run as ``--json`` gives it."""
    return {
        "run": run.id,
        "branch": run.branch,
        "state": run.state,
        "commit": run.commit or None,
        "assets": [_asset(result) for result in run.assets],
    }


def _asset(result: AssetResult) -> dict[str, Any]:
    from wherry.cli.failure import as_document

    return {
        "name": result.name,
        "state": result.state,
        "reason": result.reason,
        "rows": result.rows,
        "seconds": result.seconds,
        "rejected": result.rejected,
        "gone": result.gone,
        "drifts": [asdict(drift) for drift in result.drifts],
        "checks": [verdict(each) for each in result.checks],
        "findings": [as_document(finding) for finding in result.findings],
    }


def verdict(check: CheckResult) -> dict[str, Any]:
    """The verdict of a check as ``--json`` gives it."""
    return {
        "check": check.check,
        "column": check.column,
        "state": check.state,
        "failing": check.failing,
        "looked": check.looked,
        "observed": check.observed,
        "quarantined": check.quarantined,
        "when": "after" if check.after else "before",
        "how": check.how,
        "why": check.why,
        "error": check.error,
    }


def summarise(run: Run) -> None:
    """The end of a run for a person: how many of each, and what failed."""
    from wherry.cli.failure import show_findings

    counts: dict[str, int] = {}
    for result in run.assets:
        counts[result.state] = counts.get(result.state, 0) + 1
    for result in run.assets:
        show_findings(result.findings)
    for result in run.assets:
        for told in _warnings(result):
            click.echo(f"{click.style('warning', fg='yellow', bold=True)}: {result.name}: {told}", err=True)
    failing = [r.name for r in run.assets if any(c.state == "failed" for c in r.checks)]
    rows = [r.name for r in run.assets if any(c.state == "failed" and not c.error for c in r.checks)]
    asked = sum(bool(result.checks) for result in run.assets)
    waiting = any(finding.code == "no-rows" for result in run.assets for finding in result.findings)
    if set(counts) <= {"skipped"} and not waiting:
        only = f"; the checks of {asked} were asked" if asked else ""
        are = "is" if len(run.assets) == 1 else "are"
        click.echo(f"Nothing to do: {counted(len(run.assets), 'table')} {are} up to date{only}.")
    else:
        told = ", ".join(f"{count} {state}" for state, count in counts.items())
        click.echo(f"{told}. " + (f"Published as commit {run.commit}." if run.commit else "Nothing was published."))
    if failing:
        see, name = ("the bad rows", rows[0]) if rows else ("what cannot be asked", failing[0])
        click.echo(f"See {see}: wherry show {name} --failing")


def _warnings(result: AssetResult) -> Iterator[str]:
    for check in result.checks:
        # One that was asked of what is published already blocks nothing: it is only told.
        if check.state == "warned" or (check.after and check.state == "failed"):
            what = f"{check.column}: {check.check}" if check.column else check.check
            found = check.error or check.why or counted(check.failing, "bad row")
            if check.quarantined:
                found = f"{counted(check.quarantined, 'bad row')} moved to {result.name}__rejected"
            yield f"{what} ({found})"
    for drift in result.drifts:
        yield str(drift)
    if result.gone:
        yield f"{counted(result.gone, 'row')} that the source no longer has went"
    if result.rejected:
        yield f"{counted(result.rejected, 'row')} could not be read; see {result.name}__rejects"
