"""``wherry check``"""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from wherry.cli.common import Place, about_project, counted

if TYPE_CHECKING:
    from wherry.run.look import Answer
    from wherry.run.project import Project


@click.command(epilog="Example:  wherry check --json")
@click.option("--connect", "online", is_flag=True, help="Also ask every source whether it answers and may be read.")
@about_project
def command(place: Place, online: bool) -> int:
    """Read every file, infer columns and types, and report everything that is wrong.

    Nothing is run and no data is read.
    """
    from wherry.cli.failure import as_document, show_findings

    config = place.config()
    with place.existing_lake(config) as lake:
        project = place.project(config, lake, online=online)
    findings = project.graph.findings
    answers = _connect(place, project) if online else []
    refused = [finding for answer in answers for finding in answer.findings]
    if place.as_json:
        documents = [as_document(finding) for finding in (*findings, *refused)]
        connected = [
            {"source": each.source, "table": each.name, "reached": not each.findings}
            | ({"found": dict(each.reached.facts)} if each.reached is not None else {})
            for each in answers
        ]
        more = {"connect": connected} if online else {}
        place.answer({"assets": len(project.graph.assets), **more, "findings": documents})
    else:
        show_findings((*findings, *refused))
        errors = len(project.errors)
        said = [counted(errors, "error")] if findings else []
        said += [counted(len(findings) - errors, "warning")] if len(findings) > errors else []
        said += [f"{sum(bool(each.findings) for each in answers)} cannot be read"] if refused else []
        click.echo(f"{counted(len(project.graph.assets), 'table')}, {', '.join(said) or 'nothing wrong'}.")
    return project.fault or int(bool(refused))


def _connect(place: Place, project: Project) -> list[Answer]:
    from wherry.run.look import connect

    answers = []
    for answer in connect(project):
        answers.append(answer)
        if not place.as_json:
            state = click.style("refused", fg="red") if answer.findings else click.style("reached", fg="green")
            told = f"  {answer.reached.told}" if answer.reached is not None else ""
            click.echo(f"{state}  {answer.source}: {answer.name}{told}", err=True)
    return answers
