"""``wherry check``"""

import click

from wherry.cli.common import Place, about_project, counted


@click.command(epilog="Example:  wherry check --json")
@about_project
def command(place: Place) -> int:
    """Read every file, infer columns and types, and report everything that is wrong.

    Nothing is run and no data is read.
    """
    from wherry.cli.failure import as_document, show_findings

    config = place.config()
    with place.existing_lake(config) as lake:
        project = place.project(config, lake)
    findings = project.graph.findings
    if place.as_json:
        place.answer({"assets": len(project.graph.assets), "findings": [as_document(finding) for finding in findings]})
    else:
        show_findings(findings)
        told = counted(len(project.errors), "error")
        if warnings := len(findings) - len(project.errors):
            told += f", {counted(warnings, 'warning')}"
        click.echo(f"{counted(len(project.graph.assets), 'table')}, {told if findings else 'nothing wrong'}.")
    return 2 if project.errors else 0
