"""``wherry plan``"""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime

import click

from wherry.cli.asking import SELECT_HELP, asked, request
from wherry.cli.common import Place, about_project, counted


@click.command(
    epilog="Example:  wherry plan +marts.revenue", help=f"Show what a run would do, and why.\n\n    {SELECT_HELP}"
)
@asked
@about_project
def command(
    place: Place, select: tuple[str, ...], full: bool, start: datetime | None, until: datetime | None, prune: bool
) -> int:
    from wherry.cli.failure import as_document, show_findings
    from wherry.run.planning import plan_for
    from wherry.run.seen import see

    config = place.config()
    with place.lake(config) as lake:
        project = place.project(config, lake, online=True)
        project.expect_buildable()
        plan = plan_for(project, see(lake, place.branch), select, request(full, start, until, prune))
    errors, broken = project.errors, project.graph.breaches
    held = [step for step in plan.steps if step.held]
    beside = 0 if select else project.graph.fault
    code = 2 if broken else max((beside, *(step.fault for step in held)))
    if place.as_json:
        steps = [
            {"name": s.name, "action": s.action, "reason": s.reason, "slices": [[p.start, p.end] for p in s.slices]}
            for s in plan.steps
        ]
        more = {"breaks": [asdict(each) for each in broken], "findings": [as_document(each) for each in errors]}
        place.answer({"steps": steps, **(more if errors else {})})
        return code
    show_findings(errors)
    moving = [step for step in plan.steps if step.action != "skip" or step.only_checks]
    told = [step for step in plan.steps if step.action != "skip" or step.only_checks or step.noted or step.held]
    width = max((len(step.name) for step in told), default=0)
    for step in told:
        slices = f"  [{'; '.join(map(str, step.slices))}]" if step.slices else ""
        action = "check" if step.only_checks else "hold" if step.held else step.action
        click.echo(f"{click.style(f'{action:<6}', fg='cyan')} {step.name:<{width}}  {step.reason}{slices}")
    rest = len(plan.steps) - len(moving) - len(held)
    are = "is" if rest == 1 else "are"
    nothing = f"Nothing to do: {counted(rest, 'table')} {are} up to date."
    back = f", {len(held)} held back" if held else ""
    click.echo(f"{len(moving)} to do, {rest} unchanged{back}." if moving or held else nothing)
    if broken:
        click.echo(
            f"{counted(len(broken), 'promise')} of contracts broken: those tables are not published until they agree.",
            err=True,
        )
    return code
