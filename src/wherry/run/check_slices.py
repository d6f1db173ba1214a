"""Checks after rows came or went: only those are looked at, and what that gives is added to what was found before."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import field, replace
from typing import Any

from wherry.lake.changes import Change
from wherry.model.dataclass import dataclass
from wherry.run import check_groups, check_implied, check_plan, check_state
from wherry.run.check_groups import apart, group_values, moved_groups
from wherry.run.check_keys import plain
from wherry.run.check_plan import Item
from wherry.run.check_subject import Asking, Subject

#: Rows of a slice, of those of the table: beyond, the whole is looked at.
MOST = 0.5
#: Rows of a slice from which on its groups are looked at beside the rest; and of its table, up to which that is so.
_WORTH, _TABLE_ROWS = 20_000, 20_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Sliced:
    """What a check finds by looking at a slice."""

    values: tuple[Any, ...]
    #: What is kept of it.
    parts: tuple[Any, ...]
    #: Files of hashes of its keys, and all values of its column where that is known.
    hashes: tuple[str, ...] = ()
    present: tuple[Any, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Slices:
    """What changed, and the checks that are to be told from that."""

    asking: Asking
    subject: Subject
    change: Change
    #: Index of a check -> what it found before.
    known: Mapping[int, tuple[Any, ...]]
    #: Index of a check -> all values that its column had.
    present: Mapping[int, tuple[Any, ...]] = field(default_factory=dict)
    #: Index of a check -> files with hashes of the keys that were there before.
    hashes: Mapping[int, tuple[str, ...]] = field(default_factory=dict)
    #: The table's columns (lower case) and their types.
    types: Mapping[str, str]

    @property
    def small(self) -> bool:
        """Whether looking at what changed is less work than looking at all."""
        moved = self.change.rows_added + self.change.rows_removed
        return self.change.nothing or moved <= MOST * max(self.subject.rows or 0, 1)

    @property
    def streams(self) -> bool:
        """Whether there is enough for two threads, and too little of anything for them to share."""
        few = self.change.rows_added + self.change.rows_removed <= check_groups.BRIEF
        return few and self.change.rows_added >= _WORTH and (self.subject.rows or 0) <= _TABLE_ROWS

    def look(self, items: Sequence[Item], groups: Sequence[Item]) -> Iterator[tuple[int, Sliced]]:
        """What the checks of rows and aggregates ``items``, and those of ``groups``, find, as far as slices tell."""
        passed = {item.index: parts for item in items if (parts := check_state.measured(item))}
        if self.change.grows:
            passed = {index: check_implied.counted(parts, self.subject.facts) for index, parts in passed.items()}
            passed |= {item.index: parts for item in items if (parts := self._others(item))}
        rows = [item for item in items if item.index in passed]
        slices = [item for item in items if check_state.by_slices(item, self.subject.name)]
        left = [item for item in groups if item.index not in passed]
        told = set()
        for index, found in self._look(rows, passed, slices, left):
            told.add(index)
            yield index, found
        if not self.subject.large:
            # There are values that were not there.
            yield from self._groups(self.asking, [i for i in groups if i.index in passed and i.index not in told])

    def _look(
        self,
        rows: Sequence[Item],
        passed: Mapping[int, tuple[str, ...]],
        slices: Sequence[Item],
        groups: Sequence[Item],
    ) -> Iterator[tuple[int, Sliced]]:
        if not (groups and rows and self.streams):
            yield from [*self._rows(rows, passed), *self._rows(slices, {}), *self._groups(self.asking, groups)]
            return
        from concurrent.futures import ThreadPoolExecutor

        cursor = self.asking.cursor.cursor()
        try:
            with ThreadPoolExecutor(1) as beside:
                # Keys that are looked for among hashes are as much work as all else.
                hashed = [item for item in groups if self._looked_for(item)] or groups
                found = beside.submit(self._groups, replace(self.asking, cursor=cursor), hashed)
                yield from [*self._rows(rows, passed), *self._rows(slices, {})]
                yield from self._groups(self.asking, [item for item in groups if item not in hashed])
                yield from found.result()
        finally:
            cursor.close()

    def _looked_for(self, item: Item) -> bool:
        """Whether the keys of a check are looked for among hashes."""
        keys = tuple(item.kind.group_by(item.check))
        return bool(self.hashes.get(item.index)) and not apart(self.subject, self.change, keys)

    def _groups(self, asking: Asking, items: Sequence[Item]) -> list[tuple[int, Sliced]]:
        """What the checks of groups find."""
        sliced = []
        for found in moved_groups(asking, items, self.subject, self.change, self.hashes, self.types):
            for item in (each for each in items if each.index in found.parts):
                new, old = found.parts[item.index]
                parts = tuple(v - o + n for v, o, n in zip(self.known[item.index], old, new, strict=True))
                values = group_values(asking, item, parts)
                if values is not None:
                    sliced.append((item.index, Sliced(values=values, parts=parts, hashes=found.hashes)))
        return sliced

    def _others(self, item: Item) -> tuple[str, ...]:
        """What counts rows of a group that was not there; none where it is not known which were."""
        if item.index not in self.present:
            return ()
        kind = self.types.get(plain(item.kind.group_by(item.check)[0]), "")
        return (check_state.other_groups(item, self.present[item.index], kind),) if kind else ()

    def _rows(self, items: Sequence[Item], parts: Mapping[int, tuple[str, ...]]) -> Iterator[tuple[int, Sliced]]:
        nothing, grows, lake = self.change.nothing, self.change.grows, self.subject.lake
        came = {} if nothing else self._measure(items, self.change.rows_that_came(lake), parts)
        went = {} if grows else self._measure(items, self.change.rows_that_went(lake), parts)
        for item in items:
            index = item.index
            found: tuple[Any, ...] | None = self.known[index]
            if not nothing:
                if index not in came or (not grows and index not in went):
                    continue  # looking at all rows will tell what is wrong
                found = self._together(item, came[index], went.get(index))
            if found is None:
                continue
            values = self._values(item, found)
            if values is not None:
                # A check of groups is told here when no value came, nor went.
                present = self.present[index] if item.face == "groups" else ()
                yield index, Sliced(values=values, parts=found, present=present)

    def _together(self, item: Item, came: tuple[Any, ...], went: tuple[Any, ...] | None) -> tuple[Any, ...] | None:
        known = self.known[item.index]
        if item.face == "groups":
            return known if came == (0,) else None
        return check_state.together(item, known, came, went)

    def _values(self, item: Item, parts: tuple[Any, ...]) -> tuple[Any, ...] | None:
        if item.face == "aggregate":
            return check_state.plain_values(item, parts) or self.asking.row_if(check_state.values_sql(item, parts))
        return group_values(self.asking, item, parts) if item.face == "groups" else parts

    def _measure(
        self, items: Sequence[Item], relation: str, parts: Mapping[int, tuple[str, ...]]
    ) -> dict[int, tuple[Any, ...]]:
        """What is kept of checks, of the rows of a relation; without those that DuckDB refuses."""
        facts = self.subject.facts
        others = {index: self.present[index] for index in parts.keys() & self.present.keys()}
        found: dict[int, tuple[Any, ...]] = {}
        for item in items:
            if item.index in others and check_implied.all_present(item, others[item.index], facts, self.types):
                found[item.index] = (0,)
        reasons = check_implied.implied(items) | check_implied.no_other_groups(items, others, facts)
        follow = [item for item in items if item.index in reasons and item.index not in found]
        asked = [item for item in items if item.index not in reasons and item.index not in found]
        found |= self._measured(asked, relation, parts)
        for item in follow:
            reason = found.get(reasons[item.index])
            if reason is not None and reason[0] == 0:
                found[item.index] = (0,) if item.face == "groups" else reason
        return found | self._measured([item for item in follow if item.index not in found], relation, parts)

    def _measured(
        self, items: Sequence[Item], relation: str, parts: Mapping[int, tuple[str, ...]]
    ) -> dict[int, tuple[Any, ...]]:
        found: dict[int, tuple[Any, ...]] = {}
        jobs = check_plan.measure(items, relation, parts)
        while jobs:
            job = jobs.pop(0)
            row = self.asking.row_if(job.sql)
            if row is not None:
                found |= {index: tuple(row[at] for at in positions) for index, positions in job.members.items()}
            elif len(job.members) > 1:
                lone = [item for item in items if item.index in job.members]
                jobs += [each for item in lone for each in check_plan.measure([item], relation, parts)]
        return found
