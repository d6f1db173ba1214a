"""``wherry plan``"""

from __future__ import annotations

from datetime import datetime

import click

from wherry.cli.asking import SELECT_HELP, asked, request
from wherry.cli.common import Place, about_project


@click.command(
    epilog="Example:  wherry plan +marts.revenue", help=f"Show what a run would do, and why.\n\n    {SELECT_HELP}"
)
@asked
@about_project
def command(
    place: Place, select: tuple[str, ...], full: bool, start: datetime | None, until: datetime | None, prune: bool
) -> int:
    from wherry.run.planning import plan_for
    from wherry.run.seen import see

    config = place.config()
    with place.lake(config) as lake:
        project = place.project(config, lake, online=True)
        project.expect_sound()
        plan = plan_for(project, see(lake, place.branch), select, request(full, start, until, prune))
    if place.as_json:
        steps = [
            {"name": s.name, "action": s.action, "reason": s.reason, "slices": [[p.start, p.end] for p in s.slices]}
            for s in plan.steps
        ]
        place.answer({"steps": steps})
        return 0
    moving = [step for step in plan.steps if step.action != "skip" or step.only_checks]
    width = max((len(step.name) for step in moving), default=0)
    for step in moving:
        slices = f"  [{'; '.join(map(str, step.slices))}]" if step.slices else ""
        action = "check" if step.action == "skip" else step.action
        click.echo(f"{click.style(f'{action:<6}', fg='cyan')} {step.name:<{width}}  {step.reason}{slices}")
    rest = len(plan.steps) - len(moving)
    click.echo(f"{len(moving)} to do, {rest} unchanged." if moving else f"Nothing to do: {rest} tables are up to date.")
    return 0
