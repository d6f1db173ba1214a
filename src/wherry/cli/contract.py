"""``wherry contract``"""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from wherry.cli.common import Place, about_project, counted

if TYPE_CHECKING:
    from wherry.contracts.changes import Change
    from wherry.model.asset import Asset
    from wherry.run.project import Project


class _Group(click.Group):
    """Verbs; a table where a verb should be is told which one it goes with."""

    def resolve_command(self, ctx: click.Context, args: list[str]) -> Any:
        if args and "." in args[0] and args[0] not in self.commands:
            raise click.UsageError(f"There is no command `{args[0]}`. Did you mean `wherry contract export {args[0]}`?")
        return super().resolve_command(ctx, args)


@click.group(
    cls=_Group,
    epilog="""Example:  wherry contract diff contracts/orders.odcs.yaml

    All take --project, --env, --branch and --json.""",
)
def command() -> None:
    """Write tables as data contracts (ODCS), check contracts, and see which change breaks whom."""


@command.command("export", epilog="Example:  wherry contract export marts.revenue --to contracts/")
@click.argument("name", required=False)
@click.option("--all", "everything", is_flag=True, help="Every table of the project.")
@click.option(
    "--to", "target", type=click.Path(path_type=Path), help="Write files into this folder, or one into this file."
)
@about_project
def export_command(place: Place, name: str | None, everything: bool, target: Path | None) -> int:
    """Write the table NAME as a contract of the Open Data Contract Standard 3.1.

    One that has a contract in contracts/ keeps all that stands there.
    """
    from wherry.contracts.export import to_yaml
    from wherry.run.contracts import contract_of, exported

    if bool(name) == everything:
        raise click.UsageError("Name a table, or say --all.")
    project = _project(place)
    assets = list(project.graph.assets.values()) if name is None else [find_asset(project, name)]
    documents: dict[str, dict[str, Any]] = {}
    for asset in assets:
        contract = contract_of(project.graph, asset)
        file = Path(contract.file).name if contract is not None else f"{asset.name}.odcs.yaml"
        documents.setdefault(file, exported(project, asset))
    if target is not None and target.suffix in (".yml", ".yaml") and not target.is_dir():
        if len(documents) > 1:
            raise click.UsageError(f"{target} is one file, and there are {len(documents)} contracts: name a folder.")
        documents, target = {target.name: next(iter(documents.values()))}, target.parent
    if target is not None:
        target.mkdir(parents=True, exist_ok=True)
        for file, document in documents.items():
            (target / file).write_text(to_yaml(document), encoding="utf-8")
    if place.as_json:
        place.answer({"contracts": [{"file": file, "contract": each} for file, each in documents.items()]})
    elif target is not None:
        into = target / next(iter(documents)) if len(documents) == 1 else target
        click.echo(f"Wrote {counted(len(documents), 'contract')} into {into}.")
    else:
        click.echo("---\n".join(to_yaml(document) for document in documents.values()), nl=False)
    return 0


@command.command("check", epilog="Example:  wherry contract check contracts/orders.odcs.yaml")
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@about_project
def check_command(place: Place, file: Path) -> int:
    """Check a contract: by the standard, and against the tables of the project it is about.

    Outside a project only by the standard.
    """
    from wherry.cli.failure import as_document, show_findings
    from wherry.project.reader import with_source_lines
    from wherry.run.contracts import check_contract

    project = _project_or_none(place)
    text = file.read_bytes().decode("utf-8-sig", "replace")
    graph, folder = (project.graph, project.config.folder) if project is not None else (None, Path())
    contract, findings = check_contract(graph, folder, text, str(file))
    findings = list(with_source_lines(tuple(findings), {str(file): text}))
    tables = [{"name": each.name, "table": each.asset} for each in contract.tables] if contract is not None else []
    if place.as_json:
        name = contract.name if contract is not None else ""
        place.answer({"contract": name, "tables": tables, "findings": [as_document(each) for each in findings]})
    else:
        show_findings(findings)
        bound = sum(1 for each in tables if each["table"])
        where = f", {bound} of them in this project" if project is not None else ""
        told = counted(len(findings), "finding") if findings else "nothing wrong"
        click.echo(f"{counted(len(tables), 'table')}{where}, {told}.")
    return 2 if any(each.severity == "error" for each in findings) else 0


@command.command("diff", epilog="Example:  wherry contract diff contracts/orders.odcs.yaml")
@click.argument("before", metavar="A")
@click.argument("after", metavar="[B]", required=False)
@about_project
def diff_command(place: Place, before: str, after: str | None) -> int:
    """Show what changes from contract A to contract B, and whom it breaks. Ends with 1 when it breaks a promise.

    A and B are files of contracts; or branches and commits of the lake, of which the columns are compared. One file
    alone is held against the tables of the project as they are now.
    """
    changes = _changes(place, before, after)
    breaking = [change for change in changes if change.effect == "breaking"]
    if place.as_json:
        place.answer({"breaking": len(breaking), "changes": [asdict(change) for change in changes]})
        return 1 if breaking else 0
    for change in changes:
        _tell(change)
    compatible = len(changes) - len(breaking)
    click.echo(
        f"{counted(len(breaking), 'breaking change')}, {compatible} compatible." if changes else "No difference."
    )
    return 1 if breaking else 0


def _tell(change: Change) -> None:
    colour = "red" if change.effect == "breaking" else "green"
    where = f"{change.table}: " if change.table else ""
    click.echo(f"{click.style(f'{change.effect:<10}', fg=colour)} {where}{change.message}")
    if change.readers:
        more = f" and {len(change.readers) - 8} more" if len(change.readers) > 8 else ""
        click.echo(f"           read by {', '.join(change.readers[:8])}{more}")


def _changes(place: Place, before: str, after: str | None) -> list[Change]:
    from wherry.contracts.changes import compare
    from wherry.errors import UsageError
    from wherry.run.contracts import against_project, lake_document, read_by, read_file

    if Path(before).is_file():
        contract = read_file(Path(before))
        if after is None:
            project = _project(place)
            return against_project(project.graph, project.config.folder, contract)
        if not Path(after).is_file():
            raise UsageError(f"There is no file {after}.", hint="A file is compared with a file.")
        changes = compare(contract.document, read_file(Path(after)).document)
        known = _project_or_none(place)
        if known is None:
            return changes
        from wherry.run.contracts import check_contract

        text = Path(before).read_bytes().decode("utf-8-sig")
        bound, _ = check_contract(known.graph, known.config.folder, text, before)
        return read_by(known.graph, known.config.folder, changes, bound)
    if Path(before).suffix in (".yml", ".yaml"):
        raise UsageError(f"There is no file {before}.")
    config = place.config()
    with place.lake(config) as lake:
        project = place.project(config, lake)
        one = lake.find_moment(before, place.branch)
        other = lake.find_moment(after or place.branch, place.branch)
        changes = compare(lake_document(lake, one), lake_document(lake, other))
    return read_by(project.graph, config.folder, changes, None)


def _project(place: Place) -> Project:
    config = place.config()
    with place.existing_lake(config) as lake:
        return place.project(config, lake)


def _project_or_none(place: Place) -> Project | None:
    """The project, or None where there is none at or above this folder."""
    from wherry.errors import ProjectError
    from wherry.project.config import find_folder

    if place.folder is None:
        try:
            find_folder(Path.cwd())
        except ProjectError:
            return None
    return _project(place)


def find_asset(project: Project, name: str) -> Asset:
    """The table of that name. Raises ``UsageError`` with the nearest one."""
    from wherry.errors import UsageError
    from wherry.project.nearest import did_you_mean

    if name not in project.graph:
        choices = [asset.name for asset in project.graph.assets.values()]
        raise UsageError(f"There is no table `{name}`.", hint=did_you_mean(name, choices, "See `wherry show`."))
    return project.graph[name]
