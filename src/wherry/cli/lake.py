"""``wherry lake``"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from wherry.cli.common import Place, about_project, counted

if TYPE_CHECKING:
    from wherry.run.exporting import Exported
    from wherry.run.importing import Imported

IMPORTED = ("iceberg", "delta", "hudi", "ducklake", "parquet")
EXPORTED = ("delta", "parquet", "ducklake", "iceberg")


@click.group(
    epilog="""Example:  wherry lake import ../old/orders --as legacy.orders

    Both take --project, --env, --branch and --json."""
)
def command() -> None:
    """Take tables of other systems into the lake, or write the lake's tables for them."""


@command.command("import", epilog="Example:  wherry lake import s3://old/warehouse/orders --as legacy.orders")
@click.argument("path")
@click.option("--as", "name", default="", metavar="SCHEMA.TABLE", help="Its name in the lake.")
@click.option("--table", "only", multiple=True, help="Of several tables there only this one; may be given again.")
@click.option("--format", "form", type=click.Choice(IMPORTED), help="What it is (default: found by looking).")
@click.option("--copy", is_flag=True, help="Copy the rows even where the files could be used where they lie.")
@click.option("--replace", is_flag=True, help="Take the place of a table that was imported before.")
@about_project
def import_command(
    place: Place, path: str, name: str, only: tuple[str, ...], form: str | None, copy: bool, replace: bool
) -> int:
    """Take what is at PATH into the lake: an Iceberg, Delta Lake or Hudi table, a DuckLake, or Parquet files.

    Iceberg tables, and Parquet files where they allow it, are used where they lie; the rest is copied. All in one
    commit, or nothing.
    """
    from wherry.project.cache import Cache
    from wherry.project.reader import read_project
    from wherry.run.importing import Wish, import_tables
    from wherry.run.runner import author

    config = place.config()
    graph = read_project(config, Cache(config.scratch / "cache" / "project.json"))
    wish = Wish(path=path, format=form or "", name=name, only=only, branch=place.branch, copy=copy, replace=replace)
    with place.lake(config) as lake:
        commit, tables = import_tables(config, lake, graph, wish, author=author(), tell=_imported)
    if place.as_json:
        place.answer({"commit": commit.id, "branch": place.branch, "tables": [_fields(each) for each in tables]})
        return 0
    click.echo(f"Imported {counted(len(tables), 'table')} as commit {commit.id}.")
    unnamed = [each.name for each in tables if each.name.lower() not in graph.assets]
    if unnamed:
        click.echo(_how_to_read(unnamed))
    return 0


@command.command("export", epilog="Example:  wherry lake export out/ marts.revenue --format delta")
@click.argument("target")
@click.argument("tables", nargs=-1)
@click.option("--format", "form", type=click.Choice(EXPORTED), required=True, help="What to write.")
@click.option("--at", help="The tables as of a commit or a time (UTC).")
@about_project
def export_command(place: Place, target: str, tables: tuple[str, ...], form: str, at: str | None) -> int:
    """Write TABLES (without any: all) to TARGET, a folder or an address that holds nothing yet.

    Each table gets a folder SCHEMA/TABLE below it; a DuckLake is one file.
    """
    from wherry.run.exporting import export_tables

    config = place.config()
    with place.lake(config) as lake:
        number = lake.resolve(at) if at else None
        written = export_tables(config, lake, target, form, tables, branch=place.branch, at=number, tell=_exported)
    if place.as_json:
        place.answer({"target": target, "format": form, "tables": [_fields(each) for each in written]})
    else:
        click.echo(f"Wrote {counted(len(written), 'table')} to {target}.")
    return 0


def _imported(table: Imported) -> None:
    why = f"  ({table.why})" if table.why else ""
    rows = counted(table.rows, "row") if table.rows is not None else ""
    click.echo(f"{table.how:<10} {table.name}  {rows}  {table.seconds:.2f} s{why}", err=True)


def _exported(table: Exported) -> None:
    click.echo(f"written    {table.name}  {counted(table.rows, 'row')}  {table.seconds:.2f} s", err=True)


def _fields(table: Any) -> dict[str, Any]:
    return {name: getattr(table, name) for name in type(table).__slots__}


def _how_to_read(tables: Sequence[str]) -> str:
    schema = tables[0].partition(".")[0]
    lines = "\n".join(f"  {each.partition('.')[2]}:" for each in tables if each.startswith(f"{schema}."))
    said = f"`wherry sql` reads it now. For tables of the project to read it, say so in sources/{schema}.yml:"
    return f"{said}\n\nconnector: lake\ntables:\n{lines}"
