"""``wherry show NAME --profile``: a table's profile, told."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import click

from wherry.cli.common import Place, counted, plain

if TYPE_CHECKING:
    from wherry.lake.lake import Lake
    from wherry.model.asset import Asset
    from wherry.run.profile import ColumnProfile
    from wherry.run.project import Project

_BARS = " ▁▂▃▄▅▆▇█"


def show_profile(place: Place, project: Project, lake: Lake, asset: Asset) -> int:
    """Read the table once and tell what its columns hold."""
    from wherry.quoting import full_name
    from wherry.run.profile import as_document, profile
    from wherry.run.reading import reading

    with reading(project.config, lake, place.branch) as read:
        read.session.show([asset.name])
        cursor = read.session.engine.cursor()
        columns = cursor.schema(f"SELECT * FROM {full_name(asset.name)}")
        found = profile(cursor, full_name(asset.name), columns)
    if place.as_json:
        click.echo(json.dumps({"name": asset.name, **as_document(found)}, default=plain, ensure_ascii=False))
        return 0
    click.echo(click.style(asset.name, bold=True) + f"  {counted(found.rows, 'row')}")
    for column in found.columns:
        _tell(column, found.rows)
    return 0


def _tell(column: ColumnProfile, rows: int) -> None:
    facts = [f"{column.nulls / rows:.1%} null" if column.nulls else "no null"] if rows else []
    if column.distinct:
        facts.append(f"{'' if column.distinct_exact else 'about '}{column.distinct:,} different")
    if column.min is not None:
        facts.append(f"{_short(column.min)} to {_short(column.max)}")
    if column.mean is not None:
        facts.append(f"mean {_short(column.mean)}")
    if column.lengths is not None:
        facts.append(f"length {column.lengths[0]} to {column.lengths[1]}")
    click.echo(f"  {click.style(column.name, fg='cyan')}  {column.type}  {', '.join(facts)}")
    if column.quantiles:
        told = ", ".join(f"{share:.0%} {_short(value)}" for share, value in column.quantiles)
        click.echo(f"      quantiles: {told}")
    if len(column.histogram) > 1:
        most = max(count for _, _, count in column.histogram) or 1
        bars = "".join(_BARS[-(-count * (len(_BARS) - 1) // most)] for _, _, count in column.histogram)
        click.echo(f"      {bars}")
    if column.top and column.top[0][1] > 1:
        about = "" if column.counted else "about "
        told = ", ".join(f"{_short(value)} ({about}{count:,})" for value, count in column.top[:5])
        click.echo(f"      most common: {told}")


def _short(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:,.4g}" if abs(value) < 1e6 else f"{value:,.0f}"
    text = " ".join(str(value).split())
    return text if len(text) <= 40 else text[:39] + "…"
