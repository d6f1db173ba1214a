"""``wherry test``"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from wherry.cli.common import Place, about_project

if TYPE_CHECKING:
    from wherry.run.unit_test import UnitTestResult


@click.command(epilog="Example:  wherry test marts.revenue")
@click.argument("select", nargs=-1)
@about_project
def command(place: Place, select: tuple[str, ...]) -> int:
    """Run the unit tests (tests/*.yml): given rows, expected rows. Nothing of the lake is read or written."""
    from wherry.plan.select import select as chosen
    from wherry.run.unit_test import run_unit_test

    config = place.config()
    with place.existing_lake(config) as lake:
        project = place.project(config, lake)
    project.expect_buildable(tested=True)
    tables = chosen(project.graph, select)
    results = [run_unit_test(project, test) for test in project.graph.tests if test.table.lower() in tables]
    failed = [result for result in results if not result.passed]
    if place.as_json:
        place.answer({"tests": [_document(result) for result in results]})
    else:
        for result in results:
            _tell(result)
        click.echo(f"{len(results) - len(failed)} passed, {len(failed)} failed")
    return 1 if failed else 0


def _document(result: UnitTestResult) -> dict[str, Any]:
    from wherry.cli.failure import as_document

    return {
        "table": result.test.table,
        "test": result.test.name,
        "file": result.test.file,
        "line": result.test.line,
        "state": "passed" if result.passed else "failed",
        "missing": list(result.missing),
        "unexpected": list(result.unexpected),
        "findings": [as_document(finding) for finding in result.findings],
    }


def _tell(result: UnitTestResult) -> None:
    from wherry.cli.failure import show_findings

    state = click.style("passed", fg="green") if result.passed else click.style("failed", fg="red")
    click.echo(f"{state}  {result.test.table}: {result.test.name}")
    show_findings(result.findings)
    if result.missing or result.unexpected:
        click.echo(f"        {result.test.file}:{result.test.line}")
    for sign, colour, rows in (("- expected", "red", result.missing), ("+ came", "green", result.unexpected)):
        for row in rows:
            values = ", ".join(f"{column}: {'null' if value is None else value}" for column, value in row.items())
            click.echo(click.style(f"        {sign}  {values}", fg=colour))
