"""``wherry diff``"""

from __future__ import annotations

import json
import sys
from collections.abc import Collection
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from wherry.cli.common import Place, about_project, counted, plain, rows_moved

if TYPE_CHECKING:
    from wherry.lake.diff import ColumnDiff, Moment, TableDiff
    from wherry.lake.lake import Lake
    from wherry.model.asset import Asset
    from wherry.project.config import Config
    from wherry.run.comparing import Comparison, RowDiff

_SIGNS = {"added": "+", "removed": "-", "dropped": "-", "changed": "~", "type": "~", "renamed": "~"}
_COLOURS = {"+": "green", "-": "red", "~": "yellow"}
#: What ``--rows`` without a table means.
_ALL = ""


@click.command(epilog="Example:  wherry diff main dev --rows marts.revenue")
@click.argument("before", metavar="[A]", required=False)
@click.argument("after", metavar="[B]", required=False)
@click.option("--table", "tables", multiple=True, help="Only this table; may be given again.")
@click.option(
    "--rows",
    metavar="[TABLE,..]",
    is_flag=False,
    flag_value=_ALL,
    help="The rows that differ too, of these tables; written last without any, of all that have a key.",
)
@click.option(
    "--key", metavar="COLUMN,..", help="Columns that tell the rows of the table apart (see the documentation)."
)
@click.option("--limit", default=20, show_default=True, type=click.IntRange(0), help="Rows shown per table; 0: all.")
@click.option("--exit-code", is_flag=True, help="End with 1 when there is a difference.")
@about_project
def command(
    place: Place,
    before: str | None,
    after: str | None,
    tables: tuple[str, ...],
    rows: str | None,
    key: str | None,
    limit: int,
    exit_code: bool,
) -> int:
    """Show what differs from A to B: tables, columns, row counts and, with --rows, rows.

    A and B are branches, commits, times, or BRANCH@COMMIT, BRANCH@TIME. Without B it is the branch of --branch; without
    A too, that branch is held against the one it came from.
    """
    from wherry.run.comparing import comparison

    asked = _names(rows)
    config = place.config()
    with place.lake(config) as lake:
        one, other = _ends(place, lake, before, after)
        _check_tables(lake, one, other, (*tables, *asked))
        diffs = lake.compare(one, other, tables or None)
        if rows is not None and asked and not tables:
            diffs = [diff for diff in diffs if diff.name.lower() in asked]
        assets = _assets(config) if rows == _ALL or (asked and not key) else {}
        with comparison(lake, config, one, other) as compared:
            teller = _Teller(compared, assets, rows=rows, asked=asked, key=_words(key), limit=limit or None)
            if place.as_json:
                teller.as_json(one, other, diffs)
            else:
                teller.as_text(one, other, diffs)
    return 1 if exit_code and diffs else 0


def _words(said: str | None) -> tuple[str, ...]:
    return tuple(word.strip() for word in (said or "").split(",") if word.strip())


def _names(rows: str | None) -> set[str]:
    names = {word.lower() for word in _words(rows)}
    if wrong := [name for name in names if "." not in name]:
        raise click.UsageError(f"--rows {wrong[0]}: write --rows last, or with schema.table.")
    return names


def _ends(place: Place, lake: Lake, before: str | None, after: str | None) -> tuple[Moment, Moment]:
    here = place.branch
    other = lake.find_moment(after or here, here)
    if before is not None:
        return lake.find_moment(before, here), other
    parent = next((info.parent for info in lake.branches() if info.name == here), None)
    if parent is None:
        raise click.UsageError(f"Branch {here} came from no other: name what to compare it with.")
    return lake.find_moment(parent, here), other


def _check_tables(lake: Lake, one: Moment, other: Moment, names: Collection[str]) -> None:
    from wherry.errors import UsageError
    from wherry.project.nearest import did_you_mean

    if not names:
        return
    known = {k: p.full_name for m in (one, other) for k, p in lake.pointers(m.branch, m.at).items()}
    for name in names:
        if name.lower() not in known:
            raise UsageError(
                f"There is no table `{name}` in {one.name} or {other.name}.", hint=did_you_mean(name, known.values())
            )


def _assets(config: Config) -> dict[str, Asset]:
    from wherry.project.cache import Cache
    from wherry.project.reader import read_project

    return dict(read_project(config, Cache(None)).assets)


class _Teller:
    """Prints differences as they are found."""

    def __init__(
        self,
        compared: Comparison,
        assets: dict[str, Asset],
        *,
        rows: str | None,
        asked: set[str],
        key: tuple[str, ...],
        limit: int | None,
    ) -> None:
        self._compared, self._assets, self._rows, self._asked = compared, assets, rows, asked
        self._key, self._limit = key, limit

    def _compare(self, diff: TableDiff) -> tuple[RowDiff | None, str]:
        """The rows that differ, if they are wanted; else why they are not compared."""
        from wherry.run.comparing import key_of

        if self._rows is None:
            return None, ""
        if diff.same_rows:
            return None, ""
        key = self._key or key_of(self._assets.get(diff.name.lower()))
        if not key and not self._asked:
            if diff.change != "changed":
                return None, ""
            return None, f"rows not compared: no key; --rows {diff.name} compares whole rows"
        found = self._compared.rows(diff, key, asked=bool(self._key))
        if found.note and not self._asked:
            return None, f"rows not compared: {found.note}; --rows {diff.name} compares whole rows"
        return found, found.note

    def as_text(self, one: Moment, other: Moment, diffs: list[TableDiff]) -> None:
        for diff in diffs:
            found, note = self._compare(diff)
            _line(0, diff.change, f"{click.style(diff.name, bold=True)}  {_about(diff)}".rstrip())
            for column in diff.columns:
                _line(1, column.change, _column(column))
            if note:
                click.echo(f"    {note}")
            if found is None:
                continue
            by = f"by {', '.join(found.key)}" if found.key else "as whole rows"
            click.echo(f"    {by}: {found.added:,} added, {found.removed:,} removed, {found.changed:,} changed")
            for row in found.rows(self._limit):
                _line(1, row["change"], _row(row))
            left = found.added + found.removed + found.changed - (self._limit or 0)
            if self._limit and left > 0:
                click.echo(f"    and {counted(left, 'more row')}; --limit 0 shows all")
        same = f"{one.name} and {other.name} are the same."
        click.echo(f"{counted(len(diffs), 'table')} from {one.name} to {other.name}." if diffs else same)

    def as_json(self, one: Moment, other: Moment, diffs: list[TableDiff]) -> None:
        """One document; rows are written as they are read, and need not fit into memory."""
        # All that can go wrong does so before the document begins.
        compared = [(diff, *self._compare(diff)) for diff in diffs]
        write = sys.stdout.write
        ends = {"from": {"name": one.name, "branch": one.branch}, "to": {"name": other.name, "branch": other.branch}}
        write(json.dumps(ends)[:-1] + ', "tables": [')
        for number, (diff, found, note) in enumerate(compared):
            document = _document(diff) | {"note": note}
            if found is not None:
                counts = {"added": found.added, "removed": found.removed, "changed": found.changed}
                document |= {"key": found.key, "counts": counts}
            write((",\n " if number else "") + json.dumps(document, ensure_ascii=False)[:-1])
            if found is not None:
                write(', "rows": [')
                for index, row in enumerate(found.rows(self._limit)):
                    write((",\n  " if index else "") + json.dumps(row, default=plain, ensure_ascii=False))
                write("]")
            write("}")
        write("]}\n")


def _document(diff: TableDiff) -> dict[str, Any]:
    return {
        "name": diff.name,
        "change": diff.change,
        "kind": diff.kind,
        "before": diff.before,
        "after": diff.after,
        "columns": [asdict(column) for column in diff.columns],
    }


def _about(diff: TableDiff) -> str:
    if diff.change == "changed" and diff.was != diff.kind:
        return f"{diff.was} became {diff.kind}"
    if diff.kind == "view":
        return "view" if diff.change != "changed" else "view, another query"
    return rows_moved(diff.before, diff.after) + (", the same rows" if diff.same_rows else "")


def _column(column: ColumnDiff) -> str:
    if column.change == "renamed":
        return f"column {column.before} is now {column.after}"
    types = " → ".join(part for part in (column.before, column.after) if part)
    return f"column {column.name} {types}"


def _row(row: dict[str, Any]) -> str:
    if row["change"] != "changed":
        return ", ".join(f"{column}: {_value(value)}" for column, value in row["row"].items())
    key = ", ".join(f"{column}: {_value(value)}" for column, value in row["key"].items())
    moved = ", ".join(f"{c}: {_value(old)} → {_value(row['after'][c])}" for c, old in row["before"].items())
    return f"{key}  {moved}"


def _value(value: Any) -> str:
    return "null" if value is None else str(value)


def _line(depth: int, change: str, words: str) -> None:
    sign = _SIGNS[change]
    click.echo(f"{'    ' * depth}{click.style(sign, fg=_COLOURS[sign])} {words}")
