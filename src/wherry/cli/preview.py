"""``wherry show SOURCE --preview TABLE``"""

from __future__ import annotations

import sys

import click

from wherry.cli.common import Place


def show_preview(place: Place, source: str, table: str, limit: int) -> int:
    """Print the first rows that a load of a source's table would bring."""
    from wherry.run.look import lake_types, preview

    config = place.config()
    with place.existing_lake(config) as lake:
        rows = preview(place.project(config, lake, online=True), source, table, limit)
    columns = lake_types(rows) if rows.num_columns else {}
    if place.as_json:
        place.answer({"source": source, "table": table, "columns": columns, "rows": rows.to_pylist()})
        return 0
    if not columns:
        click.echo("No rows, and no columns that could be told.")
        return 0
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    drawn = Table(box=None, pad_edge=False)
    for name, kind in columns.items():
        drawn.add_column(f"{escape(name)}\n[dim]{escape(kind)}[/]", overflow="fold")
    for row in rows.to_pylist():
        drawn.add_row(*("[dim]null[/]" if value is None else _shown(value) for value in row.values()))
    Console(width=None if sys.stdout.isatty() else 200).print(drawn)
    return 0


def _shown(value: object) -> str:
    from rich.markup import escape

    text = str(value)
    return escape(text if len(text) <= 80 else text[:79] + "…")
