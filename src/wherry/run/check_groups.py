"""Checks of groups (unique, distinct) after rows came or went: only the groups of those rows are counted again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from wherry.lake.changes import Change
from wherry.model.dataclass import dataclass
from wherry.run import key_hashes
from wherry.run.check_implied import is_full
from wherry.run.check_keys import alike, plain
from wherry.run.check_plan import Item, grouped, looked_at
from wherry.run.check_state import group_parts, group_values_sql, plain_group_values
from wherry.run.check_subject import Asking, Subject

#: Files with hashes of one key; from here on they are made one.
_FILES = 8
#: Rows that came, up to which a proof that their keys are new is tried before groups are made.
BRIEF = 250_000
_MOVED, _MET = "__wherry_moved", "__wherry_met"


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
    subject: Subject,
    change: Change,
    hashes: Mapping[int, tuple[str, ...]],
    types: Mapping[str, str],
) -> list[Found]:
    """For each set of checks that share their groups what changed for them; nothing for those that DuckDB refuses.

    Where the bounds of files say that no key that came can be in another file, the rest is not searched. Else it is
    searched by key, so DuckDB leaves out files and parts of files whose statistics say that no such key is in them; and
    where hashes of their keys are kept (``hashes``, by index of a check), only keys whose hash is there are searched.
    """
    sets: dict[tuple[str, tuple[str, ...]], list[Item]] = {}
    for item in items:
        sets.setdefault((item.check.where, tuple(item.kind.group_by(item.check))), []).append(item)
    work = []
    for (_, columns), members in sets.items():
        kept = next((hashes[item.index] for item in members if hashes.get(item.index)), ())
        work.append(_Groups(asking, members, columns, subject, change, kept, types))
    if change.nothing:
        found = [each.unchanged(each.kept) for each in work]
    else:
        found = [each.hashed() for each in work]
        left = [each for each, told in zip(work, found, strict=True) if told is None]
        differ = _differ(asking, left, change, subject.lake)
        found = [told or each.changed(each in differ) for each, told in zip(work, found, strict=True)]
    return [each for each in found if each is not None]


def group_values(asking: Asking, item: Item, parts: Sequence[Any]) -> tuple[Any, ...] | None:
    """The values that a check of groups judges, from what is kept of it; None when DuckDB refuses that."""
    return plain_group_values(item, parts) or asking.row_if(group_values_sql(item, parts))


def _differ(asking: Asking, work: Sequence[_Groups], change: Change, table: str) -> list[_Groups]:
    """Those of ``work`` of which one statement proves that no two of the rows that came share a key."""
    if not change.grows or change.rows_added > BRIEF:
        return []
    told = {}
    for each in work:
        if each.key is not None and (each.apart or not each.subject.large):
            rows = f"({each.check.where}) AND ({each.key.rows})" if each.check.where else each.key.rows
            differing = f"count(DISTINCT {key_hashes.hash_of(each.columns)})"
            if each.full:
                told[f"{differing} = count(*)"] = each
            else:
                told[f"{differing} FILTER (WHERE {rows}) = coalesce(count_if({rows}), 0)"] = each
    row = asking.row_if(f"SELECT {', '.join(told)} FROM {change.rows_that_came(table)}") if told else None
    return [each for each, differs in zip(told.values(), row or (), strict=False) if differs]


def apart(subject: Subject, change: Change, columns: Sequence[str]) -> bool:
    """Whether the rows that came can have no key of those that stayed."""
    if subject.ranges is None or not change.grows:
        return False
    return any(subject.ranges.apart(plain(column), change.added) for column in columns)


class _Groups:
    """Checks that share their groups."""

    def __init__(
        self,
        asking: Asking,
        members: Sequence[Item],
        columns: Sequence[str],
        subject: Subject,
        change: Change,
        kept: Sequence[str],
        types: Mapping[str, str],
    ) -> None:
        self.asking, self.members, self.columns = asking, members, columns
        self.subject, self.change = subject, change
        #: What all of the checks are about, if that is one key; and the files of its hashes.
        self.key = alike(members, types)
        self.kept = tuple(kept) if self.key is not None and subject.hashes is not None else ()
        self.apart = apart(subject, change, columns)
        self.check = members[0].check
        #: Whether each row has a key that counts.
        self.full = not self.check.where and all(is_full(subject.facts, plain(column)) for column in columns)
        self.named = [f"k{number}" for number in range(1, len(columns) + 1)]
        #: What is measured: the checks' values one after the other.
        self.wanted = [part for item in members for part in group_parts(item)]

    def unchanged(self, hashes: tuple[str, ...]) -> Found | None:
        return self._found((0,) * 2 * len(self.wanted), hashes)

    def hashed(self) -> Found | None:
        """What became of the groups where hashes tell that no key which came is there twice: one statement tells that
        and keeps them."""
        files, key = self.subject.hashes, self.key
        brief = self.change.grows and self.change.rows_added <= BRIEF
        if files is None or key is None or self.apart or not brief or not files.has(key, self.kept):
            return None
        came = self._narrowed(self.change.rows_that_came(self.subject.lake))
        counted = (self.change.rows_added,) if self.full else self.asking.row_if(f"SELECT count(*) FROM {came}")
        if counted is None:
            return None
        hashes = f"SELECT DISTINCT {key_hashes.hash_of(self.columns)} AS h FROM {came}"
        new = f"SELECT h FROM ({hashes}) ANTI JOIN {files.relation(self.kept)} USING (h)"
        name = files.write(self.asking, key, new, rows=counted[0])
        return self.unchanged(self._joined(self.kept, name)) if name else None

    def changed(self, differ: bool) -> Found | None:
        """What became of the groups; ``differ``: it is known that no two of the rows that came share a key."""
        came = self._narrowed(self.change.rows_that_came(self.subject.lake))
        if differ and (self.apart or self._none_met(came)):
            return self.unchanged(self._hashes(self.kept, came, self.columns))
        if self.apart:
            row = self.asking.row_if(f"SELECT {', '.join(self.wanted)} FROM ({grouped(came, self.columns)})")
            return self._found(row and (*row, *(0 for _ in row)), self._hashes(self.kept, came, self.columns))
        try:
            if self.asking.row_if(self._moved()) is None:
                return None
            kept = self._met()
            row = self._counted(_MET if kept else _MOVED)
            return self._found(row, self._hashes(kept, f"(FROM {_MOVED} WHERE newer > 0)", self.named))
        finally:
            for table in (_MOVED, _MET):
                self.asking.row_if(f"DROP TABLE IF EXISTS {table}")

    def _found(self, row: tuple[Any, ...] | None, hashes: tuple[str, ...]) -> Found | None:
        if row is None:
            return None
        parts, start, width = {}, 0, len(self.wanted)
        for item in self.members:
            end = start + len(group_parts(item))
            parts[item.index] = row[start:end], row[width + start : width + end]
            start = end
        return Found(parts=parts, hashes=hashes)

    def _narrowed(self, relation: str) -> str:
        """The rows that the checks look at; with a key, those alone that count."""
        rows = looked_at(self.check, relation)
        return rows if self.key is None else f"(FROM {rows} WHERE {self.key.rows})"

    def _none_met(self, came: str) -> bool:
        """Whether no row of a small table that was there has, by its hash, a key of the rows that came."""
        if self.key is None or self.subject.large:
            return False
        there = self.key.hashed(looked_at(self.check, self.change.rows_that_stayed(self.subject.lake)))
        among = f"{key_hashes.hash_of(self.columns)} IN ({there})"
        return self.asking.row_if(f"SELECT count(*) FROM {came} WHERE {among}") == (0,)

    def _hashes(self, kept: tuple[str, ...], came: str, columns: Sequence[str]) -> tuple[str, ...]:
        """The files of hashes with one more, of the keys that came; none when there were none."""
        files, key = self.subject.hashes, self.key
        if files is None or key is None or not kept:
            return ()
        name = files.write(self.asking, key, f"SELECT {key_hashes.hash_of(columns)} AS h FROM {came}")
        return self._joined(kept, name) if name else ()

    def _joined(self, kept: tuple[str, ...], name: str) -> tuple[str, ...]:
        """The files of hashes with one more."""
        files, key = self.subject.hashes, self.key
        if files is None or key is None:
            return ()
        if len(kept) + 1 >= _FILES and files.has(key, kept):
            one = files.write(self.asking, key, f"SELECT h FROM {files.relation((*kept, name))}")
            return (one,) if one else ()
        return (*kept, name)

    def _moved(self) -> str:
        """Makes a table of the groups of the rows that moved."""
        shown, change, table = ", ".join(self.named), self.change, self.subject.lake
        came = grouped(self._narrowed(change.rows_that_came(table)), self.columns)
        parts = [f"SELECT {shown}, copies AS newer, 0::BIGINT AS older FROM ({came})"]
        if not change.grows:
            went = grouped(self._narrowed(change.rows_that_went(table)), self.columns)
            parts.append(f"SELECT {shown}, 0::BIGINT AS newer, copies AS older FROM ({went})")
        return f"CREATE OR REPLACE TEMP TABLE {_MOVED} AS {' UNION ALL '.join(parts)}"

    def _met(self) -> tuple[str, ...]:
        """Makes a table of those moved groups that rows which stayed may belong to; the files of hashes that say so."""
        files, key, kept = self.subject.hashes, self.key, self.kept
        if files is None or key is None or not kept:
            return ()
        if not files.has(key, kept):
            stayed = looked_at(self.check, self.change.rows_that_stayed(self.subject.lake))
            name = files.write(self.asking, key, key.hashed(stayed))
            kept = (name,) if name else ()
        if not kept:
            return ()
        own = key_hashes.hash_of(self.named)
        among = f"SELECT * FROM {_MOVED} WHERE {own} IN (SELECT h FROM {files.relation(kept)})"
        return kept if self.asking.row_if(f"CREATE OR REPLACE TEMP TABLE {_MET} AS {among}") is not None else ()

    def _counted(self, met: str) -> tuple[Any, ...] | None:
        """What is kept of the checks, over the groups that moved: as they are, and as they were."""
        shown = ", ".join(self.named)
        empty = " OR ".join(f"{key} IS NULL" for key in self.named)
        searched = self.asking.row_if(f"SELECT count(*), count_if({empty}) FROM {met}")
        if searched is None:
            return None
        groups, (count, nulls) = f"FROM {_MOVED}", searched
        if not count and self.change.grows:
            row = self.asking.row_if(f"SELECT {', '.join(self.wanted)} FROM (SELECT *, newer AS copies FROM {_MOVED})")
            return row and (*row, *(0 for _ in row))
        if count:
            # An equality that takes nulls for equal cannot be used to leave out files.
            same = " AND ".join(
                f"__stay.{k} {'IS NOT DISTINCT FROM' if nulls else '='} __moved.{k}" for k in self.named
            )
            projected = ", ".join(f"{key} AS {k}" for key, k in zip(self.columns, self.named, strict=True))
            stay = f"(SELECT {projected} FROM {looked_at(self.check, self.change.rows_that_stayed(self.subject.lake))})"
            own = ", ".join(f"__stay.{k}" for k in self.named)
            groups += (
                f" UNION ALL SELECT {own}, count(*) AS newer, count(*) AS older FROM {stay} AS __stay "
                f"SEMI JOIN {met} AS __moved ON {same} GROUP BY ALL"
            )
        summed = (
            f"SELECT {shown}, sum(newer)::BIGINT AS newer, sum(older)::BIGINT AS older FROM ({groups}) GROUP BY ALL"
        )
        sides = [f"(SELECT {shown}, {side} AS copies FROM __groups WHERE {side} > 0)" for side in ("newer", "older")]
        numbered = ", ".join(f"{each} AS v{number}" for number, each in enumerate(self.wanted))
        return self.asking.row_if(
            f"WITH __groups AS MATERIALIZED ({summed}) "
            f"SELECT * FROM (SELECT {numbered} FROM {sides[0]}) AS a "
            f"CROSS JOIN (SELECT {numbered} FROM {sides[1]}) AS b"
        )
