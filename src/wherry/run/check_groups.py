"""Checks of groups (unique, distinct) after rows came or went: only the groups of those rows are counted again."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from wherry.lake.changes import Change
from wherry.run.check_keys import alike
from wherry.run.check_plan import Item, grouped, looked_at
from wherry.run.check_state import group_parts
from wherry.run.check_subject import Asking
from wherry.run.key_hashes import Key, KeyHashes

#: Files with hashes of one key; from here on they are made one.
_FILES = 8
_MOVED, _MET = "__wherry_moved", "__wherry_met"


@dataclass(frozen=True, slots=True, kw_only=True)
class Moved:
    """The rows that came and went."""

    #: A relation of those that came.
    came: str
    change: Change
    #: The attached Iceberg table.
    table: str
    hashes: KeyHashes | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What became of the groups of some checks."""

    #: Index of a check -> what is kept of it, over the groups concerned: as they are now and as they were.
    parts: Mapping[int, tuple[tuple[Any, ...], tuple[Any, ...]]]
    #: Files with hashes of the keys that are there now.
    hashes: tuple[str, ...] = ()


def moved_groups(
    asking: Asking,
    items: Sequence[Item],
    moved: Moved,
    hashes: Mapping[int, tuple[str, ...]],
    types: Mapping[str, str],
) -> Iterator[Found]:
    """For each set of checks that share their groups what changed for them; nothing for those that DuckDB refuses.

    The rows that stayed are searched by key, so DuckDB leaves out files and parts of files whose statistics say that
    no such key is in them. Where hashes of their keys are kept (``hashes``, by index of a check), only keys whose hash
    is among those are searched.
    """
    sets: dict[tuple[str, tuple[str, ...]], list[Item]] = {}
    for item in items:
        sets.setdefault((item.check.where, tuple(item.kind.group_by(item.check))), []).append(item)
    for (_, columns), members in sets.items():
        kept = next((hashes[item.index] for item in members if hashes.get(item.index)), ())
        if moved.change.nothing:
            zeros = {item.index: (0,) * len(group_parts(item)) for item in members}
            yield Found(parts={index: (none, none) for index, none in zeros.items()}, hashes=kept)
            continue
        key = alike(members, types) if kept and moved.hashes is not None else None
        found = _Groups(asking, members, columns, moved).changed(key, kept)
        if found is not None:
            yield found


class _Groups:
    """Checks that share their groups."""

    def __init__(self, asking: Asking, members: Sequence[Item], columns: Sequence[str], moved: Moved) -> None:
        self.asking, self.members, self.columns, self.moved = asking, members, columns, moved
        self.check = members[0].check
        self.named = [f"k{number}" for number in range(1, len(columns) + 1)]

    def changed(self, key: Key | None, kept: tuple[str, ...]) -> Found | None:
        try:
            if self.asking.row_if(self._moved(key)) is None:
                return None
            met = self._met(key, kept) if key is not None else None
            row = self._counted(met[0] if met is not None else _MOVED)
        finally:
            for table in (_MOVED, _MET):
                self.asking.row_if(f"DROP TABLE IF EXISTS {table}")
        if row is None:
            return None
        parts, start, width = {}, 0, len(row) // 2
        for item in self.members:
            end = start + len(group_parts(item))
            parts[item.index] = row[start:end], row[width + start : width + end]
            start = end
        return Found(parts=parts, hashes=met[1] if met is not None else ())

    def _moved(self, key: Key | None) -> str:
        """Makes a table of the groups of the rows that moved; with a key, of those alone that count."""
        shown, change = ", ".join(self.named), self.moved.change

        def rows(relation: str) -> str:
            narrowed = looked_at(self.check, relation)
            return narrowed if key is None else f"(FROM {narrowed} WHERE {key.rows})"

        came = grouped(rows(self.moved.came), self.columns)
        parts = [f"SELECT {shown}, copies AS newer, 0::BIGINT AS older FROM ({came})"]
        if not change.grows:
            went = grouped(rows(change.rows_that_went(self.moved.table)), self.columns)
            parts.append(f"SELECT {shown}, 0::BIGINT AS newer, copies AS older FROM ({went})")
        return f"CREATE OR REPLACE TEMP TABLE {_MOVED} AS {' UNION ALL '.join(parts)}"

    def _met(self, key: Key, kept: tuple[str, ...]) -> tuple[str, tuple[str, ...]] | None:
        """The relation of groups that rows which stayed may belong to, and the files of hashes with those that came."""
        files, stayed = self.moved.hashes, self.moved.change.rows_that_stayed(self.moved.table)
        if files is None:
            return None
        if not files.has(self.asking, key, kept):
            name = files.write(self.asking, key, key.hashed(looked_at(self.check, stayed)))
            if not name:
                return None
            kept = (name,)
        own = f"hash({', '.join(self.named)})"
        among = f"SELECT * FROM {_MOVED} WHERE {own} IN (SELECT h FROM {files.relation(kept)})"
        if self.asking.row_if(f"CREATE OR REPLACE TEMP TABLE {_MET} AS {among}") is None:
            return None
        came = files.write(self.asking, key, f"SELECT {own} AS h FROM {_MOVED} WHERE newer > 0")
        if came and len(kept) + 1 >= _FILES:
            one = files.write(self.asking, key, f"SELECT h FROM {files.relation((*kept, came))}")
            return _MET, (one,) if one else ()
        return _MET, (*kept, came) if came else ()

    def _counted(self, met: str) -> tuple[Any, ...] | None:
        """What is kept of the checks, over the groups that moved: as they are, and as they were."""
        change = self.moved.change
        shown = ", ".join(self.named)
        empty = " OR ".join(f"{key} IS NULL" for key in self.named)
        searched = self.asking.row_if(f"SELECT count(*), count_if({empty}) FROM {met}")
        if searched is None:
            return None
        groups, (count, nulls) = f"FROM {_MOVED}", searched
        if count:
            # An equality that takes nulls for equal cannot be used to leave out files.
            same = " AND ".join(
                f"__stay.{k} {'IS NOT DISTINCT FROM' if nulls else '='} __moved.{k}" for k in self.named
            )
            projected = ", ".join(f"{key} AS {k}" for key, k in zip(self.columns, self.named, strict=True))
            stay = f"(SELECT {projected} FROM {looked_at(self.check, change.rows_that_stayed(self.moved.table))})"
            own = ", ".join(f"__stay.{k}" for k in self.named)
            groups += (
                f" UNION ALL SELECT {own}, count(*) AS newer, count(*) AS older FROM {stay} AS __stay "
                f"SEMI JOIN {met} AS __moved ON {same} GROUP BY ALL"
            )
        summed = (
            f"SELECT {shown}, sum(newer)::BIGINT AS newer, sum(older)::BIGINT AS older FROM ({groups}) GROUP BY ALL"
        )
        wanted = [part for item in self.members for part in group_parts(item)]
        sides = [f"(SELECT {shown}, {side} AS copies FROM __groups WHERE {side} > 0)" for side in ("newer", "older")]
        numbered = ", ".join(f"{each} AS v{number}" for number, each in enumerate(wanted))
        return self.asking.row_if(
            f"WITH __groups AS MATERIALIZED ({summed}) "
            f"SELECT * FROM (SELECT {numbered} FROM {sides[0]}) AS a "
            f"CROSS JOIN (SELECT {numbered} FROM {sides[1]}) AS b"
        )
