"""``wherry new checks``"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from wherry.cli.common import Place, about_project, counted

if TYPE_CHECKING:
    from wherry.model.asset import Asset, Check
    from wherry.model.finding import Finding
    from wherry.run.project import Project


@click.command(epilog="Example:  wherry new checks --for marts.revenue --write")
@click.option("--for", "name", metavar="TABLE", help="Propose checks from the rows that the table has now.")
@click.option(
    "--from",
    "file",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="Convert a file of Great Expectations, Soda or dbt, or a contract.",
)
@click.option("--write", is_flag=True, help="Put them into the headers of the tables' SQL files, instead of printing.")
@click.option("--to", "target", type=click.Path(path_type=Path, dir_okay=False), help="Write them into this file.")
@about_project
def command(place: Place, name: str | None, file: Path | None, write: bool, target: Path | None) -> int:
    """Make checks: proposed from a table's rows, or converted from a file of another tool.

    What cannot be converted is listed, with its line. With --for, evidence stands beside each check.
    """
    if (name is None) == (file is None):
        raise click.UsageError("Say --for TABLE or --from FILE.")
    if write and target is not None:
        raise click.UsageError("--write and --to exclude each other.")
    if file is not None and file.suffix.lower() == ".sql":
        from wherry.cli.new_sql_check import converted_sql

        return converted_sql(place, file, write, target)
    made = _proposed(place, name) if name is not None else _converted(place, file)
    return made.tell(place, write, target)


class _Made:
    """Checks by table, with what could not be made."""

    def __init__(self, project: Project) -> None:
        self.project = project
        self.checks: dict[str, list[Check]] = {}
        self.findings: list[Finding] = []
        #: What is said when there are none.
        self.nothing = "There are no checks to make."
        #: What speaks for a check, by its identity.
        self.evidence: dict[int, str] = {}

    def tell(self, place: Place, write: bool, target: Path | None) -> int:
        from wherry.cli.failure import as_document, show_findings
        from wherry.imports.writing import as_keys

        keys: dict[str, dict[str, Any]] = {}
        for table, checks in self.checks.items():
            keys[table], left = as_keys(checks)
            self.findings.extend(_no_form(each) for each in left)
        total = sum(len(checks) for checks in self.checks.values())
        # What was to be promised and cannot be read is no part of what is written.
        wrong = 2 if any(finding.severity == "error" for finding in self.findings) else 0
        done: list[str] = []
        if write:
            done = [self._write(self.project.graph[table], found) for table, found in keys.items() if found]
        elif target is not None and total:
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(self._yaml(keys, comments=True), encoding="utf-8")
            done = [str(target)]
        if place.as_json:
            place.answer(
                {
                    "tables": [{"table": table, **found} for table, found in keys.items()],
                    "written": done,
                    "findings": [as_document(finding) for finding in self.findings],
                }
            )
            return wrong
        show_findings(self.findings)
        if not total:
            click.echo(self.nothing, err=True)
        elif done:
            click.echo(f"Wrote {counted(total, 'check')} into {', '.join(done)}. Next:  wherry run")
        else:
            click.echo(self._yaml(keys, comments=True), nl=False)
            click.echo("Nothing was written. --write puts them into the table's file, --to into another.", err=True)
        return wrong

    def _write(self, asset: Asset, keys: Mapping[str, Any]) -> str:
        from wherry.errors import UsageError
        from wherry.imports.header import with_checks

        if asset.kind != "sql":
            hint = "Say --to checks/NAME.yml, or print them and copy them."
            raise UsageError(f"`{asset.name}` has no SQL file whose header could take checks.", hint=hint)
        path = self.project.config.folder / asset.file
        try:
            text = with_checks(path.read_text(encoding="utf-8"), keys)
        except ValueError as problem:
            raise UsageError(f"{asset.file} is left as it is: {problem}.") from None
        path.write_text(text, encoding="utf-8")
        return asset.file

    def _yaml(self, keys: Mapping[str, Mapping[str, Any]], *, comments: bool) -> str:
        from wherry.imports.writing import as_lines

        documents = []
        for table, found in keys.items():
            lines = [f"table: {table}"]
            notes = self._notes(table) if comments else []
            lines += [f"# {note}" for note in notes]
            documents.append("\n".join([*lines, *as_lines(found)]) + "\n")
        return "---\n".join(documents)

    def _notes(self, table: str) -> list[str]:
        noted = [(check, self.evidence.get(id(check), "")) for check in self.checks[table]]
        return [f"{f'{check.column}: ' if check.column else ''}{check.text}: {why}" for check, why in noted if why]


def _proposed(place: Place, name: str) -> _Made:
    from wherry.cli.contract import find_asset
    from wherry.quoting import full_name
    from wherry.run.profile import profile
    from wherry.run.proposals import propose
    from wherry.run.reading import reading

    config = place.config()
    with place.lake(config) as lake:
        project = place.project(config, lake)
        asset = find_asset(project, name)
        made = _Made(project)
        with reading(config, lake, place.branch) as read:
            read.session.show([asset.name])
            cursor = read.session.engine.cursor()
            columns = cursor.schema(f"SELECT * FROM {full_name(asset.name)}")
            found = profile(cursor, full_name(asset.name), columns)
            proposals = propose(cursor, asset.name, found)
    if not found.rows:
        made.nothing = f"{asset.name} has no rows: nothing speaks for any check."
    else:
        made.nothing = f"{asset.name} has each check already that its {counted(found.rows, 'row')} speak for."
    have = {(check.kind, check.column.lower()) for check in asset.checks}
    for each in proposals:
        if (each.check.kind, each.check.column.lower()) not in have:
            made.checks.setdefault(asset.name, []).append(each.check)
            made.evidence[id(each.check)] = each.evidence
    return made


def _converted(place: Place, file: Path | None) -> _Made:
    from dataclasses import replace

    from wherry.contracts.binding import attach_contracts
    from wherry.contracts.odcs import is_contract, read_contract
    from wherry.imports.binding import attach
    from wherry.imports.folder import read_checks
    from wherry.project.check_form import is_refused
    from wherry.project.reader import custom_kinds, with_source_lines

    assert file is not None
    config = place.config()
    with place.existing_lake(config) as lake:
        project = place.project(config, lake)
    made = _Made(project)
    text = file.read_bytes().decode("utf-8-sig", "replace").replace("\r\n", "\n")
    shown = file.as_posix()
    bare = {key: replace(asset, checks=()) for key, asset in project.graph.assets.items()}
    graph = replace(project.graph, assets=bare, contracts=(), breaches=(), findings=())
    if is_contract(text, shown):
        contract, findings = read_contract(text, shown)
        made.findings.extend(findings)
        if contract is not None:
            graph = attach_contracts(graph, [contract], lambda graph, table, column: ())
    else:
        graph = attach(graph, read_checks(text, shown, custom=custom_kinds(config.folder)), shown)
    made.findings.extend(with_source_lines(graph.findings, {shown: text}))
    for asset in graph.assets.values():
        # What cannot be read is told; nothing is written in its place.
        if sound := [check for check in asset.checks if not is_refused(check)]:
            made.checks[asset.name] = list(_distinct(sound))
    return made


def _distinct(checks: Iterable[Check]) -> Iterable[Check]:
    seen = []
    for check in checks:
        if check not in seen:
            seen.append(check)
            yield check


def _no_form(check: Check) -> Finding:
    from wherry.model.finding import Finding

    return Finding(
        code="not-imported",
        severity="warning",
        message=f"`{check.text}` has no form in a table's header.",
        hint="Leave the file in checks/: it is read as it is.",
        file=check.file,
        line=check.line,
        column=1,
    )
