"""``wherry test``"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from wherry.cli.common import Place, about_project

if TYPE_CHECKING:
    from wherry.model.graph import UnitTest
    from wherry.run.unit_test import UnitTestResult


@click.command(epilog="Example:  wherry test marts.revenue")
@click.argument("select", nargs=-1)
@about_project
def command(place: Place, select: tuple[str, ...]) -> int:
    """Run the unit tests (tests/*.yml): given rows, expected rows. Nothing of the lake is read or written."""
    from wherry.cli.failure import as_document, show_findings
    from wherry.model.asset import OF_PROMISES
    from wherry.plan.select import select as chosen
    from wherry.run.refusals import FOLDERS
    from wherry.run.unit_test import run_unit_test

    config = place.config()
    with place.existing_lake(config) as lake:
        project = place.project(config, lake)
    project.expect_buildable()
    tables = chosen(project.graph, select)
    wanted = [test for test in project.graph.tests if test.table.lower() in tables]
    back = project.graph.held
    held = [test for test in wanted if test.table.lower() in back]
    results = [run_unit_test(project, test) for test in wanted if test not in held]
    failed = [result for result in results if not result.passed]
    # What is asked for by name is not at fault for what is wrong with other tables.
    wrong = [each for each in project.errors if each.code not in OF_PROMISES and not each.file.startswith(FOLDERS)]
    if place.as_json:
        told = {"findings": [as_document(finding) for finding in wrong]} if wrong else {}
        place.answer({"tests": [*map(_document, results), *map(_held, held)], **told})
    else:
        show_findings(wrong)
        for result in results:
            _tell(result)
        for test in held:
            click.echo(f"{click.style('held', fg='yellow')}    {test.table}: {test.name}")
        more = f", {len(held)} held back" if held else ""
        click.echo(f"{len(results) - len(failed)} passed, {len(failed)} failed{more}")
    beside = any(not select or each.file.startswith("tests/") for each in wrong)
    return 2 if held or beside else 1 if failed else 0


def _held(test: UnitTest) -> dict[str, Any]:
    told = {"table": test.table, "test": test.name, "file": test.file, "line": test.line}
    return {**told, "state": "held", "missing": [], "unexpected": [], "findings": []}


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
