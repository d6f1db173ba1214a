"""Checks of groups (unique, distinct) after rows came or went: only the groups of those rows are counted again."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from wherry.engines.duckdb import DuckDB
from wherry.lake.changes import Change
from wherry.run.check_plan import Item, grouped, looked_at
from wherry.run.check_state import group_parts

#: Index of a check -> what is kept of it, over the groups concerned: as they are now and as they were.
Found = dict[int, tuple[tuple[Any, ...], tuple[Any, ...]]]


def slice_groups(
    cursor: DuckDB, items: Sequence[Item], table: str, change: Change, at: Callable[[str], str]
) -> Iterator[Found]:
    """For each set of checks that share their groups what changed for them; nothing for those that DuckDB refuses.

    The rows that stayed are searched by key, so DuckDB leaves out files and parts of files whose statistics say that
    no such key is in them.
    """
    import duckdb

    sets: dict[tuple[str, tuple[str, ...]], list[Item]] = {}
    for item in items:
        sets.setdefault((item.check.where, tuple(item.kind.group_by(item.check))), []).append(item)
    for (_, keys), members in sets.items():
        if change.nothing:
            zeros = {item.index: (0,) * len(group_parts(item)) for item in members}
            yield {index: (none, none) for index, none in zeros.items()}
            continue
        try:
            yield _changed(cursor, members, keys, table, change, at)
        except duckdb.Error:
            continue  # looking at all rows will tell what is wrong


def _changed(
    cursor: DuckDB,
    members: Sequence[Item],
    keys: Sequence[str],
    table: str,
    change: Change,
    at: Callable[[str], str],
) -> Found:
    check = members[0].check
    named = [f"k{number}" for number in range(1, len(keys) + 1)]
    shown = ", ".join(named)
    moved = f"__wherry_moved_{abs(hash((table, check.where, tuple(keys))))}"
    came = grouped(looked_at(check, change.rows_that_came(table)), keys)
    parts = [f"SELECT {shown}, copies AS newer, 0::BIGINT AS older FROM ({came})"]
    if not change.grows:
        went = grouped(looked_at(check, change.rows_that_went(table)), keys)
        parts.append(f"SELECT {shown}, 0::BIGINT AS newer, copies AS older FROM ({went})")
    try:
        cursor.execute(at(f"CREATE OR REPLACE TEMP TABLE {moved} AS {' UNION ALL '.join(parts)}"))
        empty = " OR ".join(f"{key} IS NULL" for key in named)
        nulls = cursor.execute(f"SELECT count(*) FROM {moved} WHERE {empty}")[0][0]
        # An equality that takes nulls for equal cannot be used to leave out files.
        same = " AND ".join(f"__stay.{k} {'IS NOT DISTINCT FROM' if nulls else '='} __moved.{k}" for k in named)
        projected = ", ".join(f"{key} AS {k}" for key, k in zip(keys, named, strict=True))
        stay = f"(SELECT {projected} FROM {looked_at(check, change.rows_that_stayed(table))})"
        own = ", ".join(f"__stay.{k}" for k in named)
        stayed = (
            f"SELECT {own}, count(*) AS newer, count(*) AS older FROM {stay} AS __stay "
            f"SEMI JOIN {moved} AS __moved ON {same} GROUP BY ALL"
        )
        groups = (
            f"SELECT {shown}, sum(newer)::BIGINT AS newer, sum(older)::BIGINT AS older "
            f"FROM (FROM {moved} UNION ALL {stayed}) GROUP BY {shown}"
        )
        wanted = [part for item in members for part in group_parts(item)]
        sides = [f"(SELECT {shown}, {side} AS copies FROM __groups WHERE {side} > 0)" for side in ("newer", "older")]
        numbered = ", ".join(f"{each} AS v{number}" for number, each in enumerate(wanted))
        sql = (
            f"WITH __groups AS MATERIALIZED ({groups}) SELECT * FROM (SELECT {numbered} FROM {sides[0]}) AS a "
            f"CROSS JOIN (SELECT {numbered} FROM {sides[1]}) AS b"
        )
        row = cursor.execute(at(sql))[0]
    finally:
        cursor.execute(f"DROP TABLE IF EXISTS {moved}")
    found: Found = {}
    start = 0
    for item in members:
        width = len(group_parts(item))
        now, then = row[start : start + width], row[len(wanted) + start : len(wanted) + start + width]
        found[item.index] = now, then
        start += width
    return found
