"""``wherry show``"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from wherry.cli.common import Place, about_project, counted

if TYPE_CHECKING:
    from wherry.lake.lake import Lake
    from wherry.model.asset import Asset
    from wherry.model.run import AssetResult, Run
    from wherry.run.project import Project


@click.command(epilog="Example:  wherry show marts.revenue --failing")
@click.argument("name", required=False)
@click.option("--failing", is_flag=True, help="Print the rows that broke a check in the last run.")
@click.option(
    "--limit", type=click.IntRange(1), help="At most so many rows: 20 bad ones a check, 10 of a preview otherwise."
)
@click.option("--profile", is_flag=True, help="Read the table once and tell what its columns hold.")
@click.option("--preview", metavar="TABLE", help="NAME is a source: print the first rows of one of its tables.")
@click.option("--locks", is_flag=True, help="List the runs under way: branch, who, since when.")
@about_project
def command(
    place: Place,
    name: str | None,
    failing: bool,
    limit: int | None,
    profile: bool,
    preview: str | None,
    locks: bool,
) -> int:
    """List the tables; or tell all about one: columns, rows, where they come from, checks, history."""
    from wherry.errors import UsageError
    from wherry.project.nearest import did_you_mean

    if (failing or profile) and not name:
        raise click.UsageError(f"--{'failing' if failing else 'profile'} needs the name of a table.")
    if preview:
        if not name:
            raise click.UsageError("--preview needs the name of a source.")
        from wherry.cli.preview import show_preview

        return show_preview(place, name, preview, limit or 10)
    config = place.config()
    if locks:
        from wherry.cli.locks import show_locks

        return show_locks(place, config)
    with place.lake(config) as lake:
        project = place.project(config, lake)
        if name is None:
            return _list(place, project, lake)
        if name not in project.graph:
            if lake.pointer(place.branch, name) is not None:
                hint = f'Its rows: wherry sql "FROM {name}"'
                raise UsageError(f"`{name}` is in the lake, and no file of the project makes it.", hint=hint)
            choices = [asset.name for asset in project.graph.assets.values()]
            raise UsageError(f"There is no table `{name}`.", hint=did_you_mean(name, choices, "See `wherry show`."))
        asset = project.graph[name]
        if failing:
            return _failing(place, project, lake, asset, limit or 20)
        if profile:
            from wherry.cli.profile import show_profile

            return show_profile(place, project, lake, asset)
        return _one(place, project, lake, asset)


def _build(asset: Asset) -> str:
    """The build word, or the mode of a source."""
    return str(asset.build) if asset.source is None else asset.source.mode


def _list(place: Place, project: Project, lake: Lake) -> int:
    pointers = lake.pointers(place.branch)
    rows = [
        {
            "name": asset.name,
            "kind": asset.kind,
            "build": _build(asset),
            "rows": pointers[key].rows if key in pointers else None,
            "built": key in pointers,
            "file": asset.file,
            "about": asset.about.split("\n")[0],
        }
        for key, asset in sorted(project.graph.assets.items())
    ]
    if place.as_json:
        place.answer({"assets": rows})
        return 0
    width = max((len(str(row["name"])) for row in rows), default=0)
    for row in rows:
        count = f"{row['rows']:,}" if row["rows"] is not None else "" if row["built"] else "not built"
        click.echo(f"{row['name']:<{width}}  {count:>12}  {row['build']:<24}  {row['about']}"[:160].rstrip())
    return 0


def document(project: Project, lake: Lake, branch: str, asset: Asset) -> dict[str, Any]:
    """All about one table, as ``--json`` gives it."""
    from wherry.run.rejected import rejected_name
    from wherry.sql.lineage import column_sources

    pointer, beside = lake.pointer(branch, asset.name), lake.pointer(branch, rejected_name(asset.name))
    inputs = [project.graph[each] for each in asset.inputs]
    sources: dict[str, list[str]] = {}
    if asset.kind == "sql":
        tables = {each.name: [(c.name, c.type) for c in each.columns] for each in inputs}
        sources = {column.lower(): origins for column, origins in column_sources(asset.text, tables).items()}
    checks: dict[str, list[str]] = {}
    for check in asset.checks:
        checks.setdefault(check.column.lower(), []).append(check.text)
    log = lake.log(branch, table=asset.name, limit=10) if pointer else []
    return {
        "name": asset.name,
        "kind": asset.kind,
        "file": asset.file,
        "about": asset.about,
        "owner": asset.owner,
        "tags": list(asset.tags),
        "fresh": asset.fresh,
        "build": _build(asset),
        "held": [finding.told for finding in asset.held],
        "inputs": list(asset.inputs),
        "readers": [project.graph.assets[key].name for key in project.graph.readers[asset.name.lower()]],
        "columns": [
            {
                "name": column.name,
                "type": column.type,
                "about": column.about,
                "tags": list(column.tags),
                "checks": checks.get(column.name.lower(), []),
                "from": sources.get(column.name.lower(), []),
            }
            for column in asset.columns
        ],
        "checks": checks.get("", []),
        "rows": pointer.rows if pointer else None,
        "rejected": beside.rows if beside else None,
        "cursor": pointer.state.get("cursor") if pointer and asset.kind == "source" else None,
        "filled": list(pointer.state.get("filled", ())) if pointer else [],
        "commits": [{"id": c.id, "at": c.at, "author": c.author, "message": c.message} for c in log],
    }


def _one(place: Place, project: Project, lake: Lake, asset: Asset) -> int:
    from wherry.run.rejected import rejected_name
    from wherry.run.standing import standing
    from wherry.state.runs import last_result

    told = document(project, lake, place.branch, asset)
    last = last_result(lake.database, asset.name, place.branch)
    if last is not None:
        told["last_run"] = _last(*last)
    if place.as_json:
        place.answer(told)
        return 0
    click.echo(click.style(asset.name, bold=True) + f"  {told['kind']}, {told['build']}, {asset.file}")
    for why in told["held"]:
        click.echo(f"  {click.style('held back', fg='yellow')}: {why}")
    for key in ("about", "owner", "fresh"):
        if told[key]:
            click.echo(f"  {told[key]}" if key == "about" else f"  {key}: {told[key]}")
    rows = f"{told['rows']:,}" if told["rows"] is not None else "a view" if asset.build.word == "view" else "not built"
    click.echo(f"  rows: {rows}")
    if asset.source is not None and (stands := standing(told["cursor"], asset.source.cursor)):
        click.echo(f"  cursor: {stands}")
    if told["rejected"]:
        click.echo(f"  rejected: {counted(told['rejected'], 'row')} in {rejected_name(asset.name)}")
    for key in ("inputs", "readers", "checks"):
        if told[key]:
            click.echo(f"  {key}: {', '.join(told[key])}")
    width = max((len(column["name"]) for column in told["columns"]), default=0)
    for column in told["columns"]:
        notes = [f"← {', '.join(column['from'])}"] if column["from"] else []
        notes += [f"[{', '.join(column['checks'])}]"] if column["checks"] else []
        notes += [column["about"]] if column["about"] else []
        click.echo(f"    {column['name']:<{width}}  {column['type']:<14}  {'  '.join(notes)}".rstrip())
    for check in told.get("last_run", {}).get("checks", ()):
        if check["state"] != "passed" or check["observed"] is not None:
            what = f"{check['column']}: {check['check']}" if check["column"] else check["check"]
            found = check["error"] or check["why"] or (counted(check["failing"], "bad row") if check["failing"] else "")
            seen = f"found {check['observed']}" if check["observed"] is not None and not found else ""
            click.echo(f"  {check['state']}  {what}  {found or seen}"[:160].rstrip())
    for commit in told["commits"]:
        click.echo(
            f"  {click.style(commit['id'], fg='yellow')}  {commit['at'][:19].replace('T', ' ')}  {commit['message']}"
        )
    return 0


def _last(run: Run, result: AssetResult) -> dict[str, Any]:
    from wherry.cli.run import verdict

    return {
        "run": run.id,
        "at": run.ended_at,
        "state": result.state,
        "reason": result.reason,
        "checks": [verdict(each) for each in result.checks],
    }


def _failing(place: Place, project: Project, lake: Lake, asset: Asset, limit: int) -> int:
    from wherry.run.failing import failing_rows
    from wherry.run.rejected import rejected_name

    answers = failing_rows(project.config, lake, project.graph, asset, place.branch, limit)
    if place.as_json:
        place.answer({"name": asset.name, "checks": answers})
        return 0
    if not answers:
        click.echo(f"No check of {asset.name} failed in its last run.")
    for answer in answers:
        what = f"{answer['column']}: {answer['check']}" if answer["column"] else answer["check"]
        shown = f", the first {len(answer['rows'])}" if answer["more"] and answer["rows"] else ""
        if answer["quarantined"]:
            shown = f", {answer['quarantined']:,} moved to {rejected_name(asset.name)}{shown}"
        found = answer["error"] or answer["why"] or counted(answer["failing"], "bad row") + shown
        click.echo(click.style(f"{what}  {found}", bold=True))
        for row in answer["rows"]:
            click.echo(
                "  " + ", ".join(f"{column}: {'null' if value is None else value}" for column, value in row.items())
            )
    return 0
