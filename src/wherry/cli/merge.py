"""``wherry merge``"""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from wherry.cli.common import Place, about_branch, counted, rows_moved

if TYPE_CHECKING:
    from wherry.lake.merge import Preview
    from wherry.lake.threeway import Take

_SIGNS = {"added": "+", "changed": "~", "dropped": "-"}


@click.command(epilog="Example:  wherry merge dev --dry-run")
@click.argument("name", required=False)
@click.option("--into", "onto", metavar="BRANCH", help="Bring the changes there (default: the branch NAME came from).")
@click.option("--table", "tables", multiple=True, help="Only this table; may be given again.")
@click.option(
    "--take",
    "sides",
    multiple=True,
    metavar="[TABLE=]source|target",
    help="Which side's table to take where both changed it: for all, or for TABLE; may be given again.",
)
@click.option("--dry-run", is_flag=True, help="Tell what would be done, and do nothing.")
@about_branch("ignore")
def command(
    place: Place, name: str | None, onto: str | None, tables: tuple[str, ...], sides: tuple[str, ...], dry_run: bool
) -> int:
    """Bring what branch NAME changed to the branch it came from, or --into another, all at once.

    A table that one side changed is taken; one that both changed is a conflict, and nothing is done until --take says
    which to take. `wherry merge main --into dev` brings dev up to date.
    """
    from wherry.run.history import with_rejects
    from wherry.run.runner import author

    take = _take(sides)
    config = place.config()
    with place.lake(config) as lake:
        name = name or place.wanted
        if name == "main" and onto is None:
            raise click.UsageError("Say which branch to merge; or, for main, --into which.")
        only = with_rejects(lake, (name, onto or "main"), tables) if tables else None
        plan = lake.preview_merge(name, onto=onto, only=only, take=take)
        if plan.conflicts:
            return _conflicts(place, plan)
        message = f"merge {name}" + (f" into {onto}" if onto else "")
        made = None
        if not dry_run:
            made = lake.merge(name, onto=onto, only=only, take=take, author=author(), message=message)
    if place.as_json:
        place.answer(_document(plan, made.id if made else None))
        return 0
    if not plan.moves:
        click.echo(f"Branch {name} has nothing that {plan.onto} lacks.")
        return 0
    _tell(plan)
    count = counted(len(plan.moves), "table")
    way = "fast-forward" if plan.fast_forward else f"{plan.onto} changed meanwhile too"
    if made:
        click.echo(f"Merged {count} of {name} into {plan.onto} as commit {made.id} ({way}).")
    else:
        click.echo(f"Would merge {count} of {name} into {plan.onto} ({way}).")
    return 0


def _take(sides: tuple[str, ...]) -> Take:
    every: list[Any] = []
    single: dict[str, Any] = {}
    for said in sides:
        table, equals, side = said.rpartition("=")
        if side not in ("source", "target") or (equals and not table):
            raise click.UsageError(f"--take {said}: write source, target, TABLE=source or TABLE=target.")
        if table:
            single[table] = side
        else:
            every.append(side)
    if len(every) > 1 or (every and single):
        raise click.UsageError("--take is given once for all tables, or with a TABLE each time.")
    return every[0] if every else single or None


def _tell(plan: Preview) -> None:
    width = max(len(move.name) for move in plan.moves)
    for move in plan.moves:
        rows = rows_moved(move.before, move.after) or move.kind
        told = rows_moved(None, move.before) if move.change == "dropped" else rows
        click.echo(f"  {_SIGNS[move.change]} {move.name:<{width}}  {move.change:<7}  {told}".rstrip())
    for kept in plan.kept:
        click.echo(f"    {kept} stays as it is on {plan.onto}")


def _conflicts(place: Place, plan: Preview) -> int:
    from wherry.cli.failure import as_document, show_findings
    from wherry.lake.merge import conflict_findings

    findings = conflict_findings(plan.source, plan.onto, plan.conflicts)
    if place.as_json:
        place.answer(_document(plan, None) | {"findings": [as_document(finding) for finding in findings]})
    show_findings(findings)
    return 1


def _document(plan: Preview, commit: str | None) -> dict[str, Any]:
    return {
        "commit": commit,
        "source": plan.source,
        "into": plan.onto,
        "fast_forward": plan.fast_forward,
        "tables": [move.name for move in plan.moves],
        "changes": [asdict(move) for move in plan.moves],
        "kept": list(plan.kept),
        "conflicts": [asdict(conflict) for conflict in plan.conflicts],
    }
