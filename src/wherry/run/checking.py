"""Carry out the checks of a table: no scan where metadata answers, only new rows where that is enough, else all."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from functools import cached_property
from typing import Any, Literal

from wherry.checks import find as built_in
from wherry.engines.duckdb import DuckDB
from wherry.lake.statistics import Facts
from wherry.model.asset import Check
from wherry.model.run import CheckResult, Outcome
from wherry.quoting import full_name, name, text
from wherry.run import check_facts, check_implied, check_keys, check_plan, check_refers, check_state
from wherry.run.check_groups import group_values
from wherry.run.check_kept import Checked, keepable
from wherry.run.check_plan import Item, Job, Told
from wherry.run.check_slices import Slices
from wherry.run.check_subject import Asking, Find, Subject
from wherry.run.verdict import first_line, verdict

#: A column takes at most so many bytes a row where its values are few: grouping it is then nearly free.
_FEW_BYTES = 2.5
#: Numbers that are looked for in another table at once for what one row of a slice takes to be looked up there.
_ASKED = 4


def run_checks(
    cursor: DuckDB,
    table: str,
    checks: Sequence[Check],
    *,
    find: Find = built_in,
    now: datetime | None = None,
    before: str | None = None,
) -> tuple[CheckResult, ...]:
    """The verdict of each check of a table whose rows are all looked at.

    ``now`` is the moment of the run, in UTC; ``before`` a relation of the version published before, if there is one.
    """
    moment = now or datetime.now(UTC).replace(tzinfo=None)
    subject = Subject(name=table, relation=full_name(table), find=find, now=moment, before=before)
    return check_table(cursor, checks, subject).results


def check_table(cursor: DuckDB, checks: Sequence[Check], subject: Subject) -> Checked:
    """The verdict of each check; an error fails its own check alone."""
    return _Checking(cursor, checks, subject).go()


class _Checking:
    def __init__(self, cursor: DuckDB, checks: Sequence[Check], subject: Subject) -> None:
        self.cursor, self.checks, self.subject = cursor, checks, subject
        self.asking = Asking(cursor=cursor, now=subject.now)
        #: By the index of their check.
        self.items: dict[int, Item] = {}
        self.identities: dict[int, str] = {}
        self.values: dict[int, tuple[Any, ...]] = {}
        #: What is kept of a check, where that is more than it judges.
        self.parts: dict[int, tuple[Any, ...]] = {}
        #: The values of columns that have few, and files with hashes of keys.
        self.present: dict[int, tuple[Any, ...]] = {}
        self.hashes: dict[int, tuple[str, ...]] = {}
        self.spans: dict[int, tuple[int, int]] = {}
        #: Checks of which the values are listed.
        self.listed: set[int] = set()
        self.outcomes: dict[int, tuple[Outcome, int | None]] = {}
        self.errors: dict[int, str] = {}
        self.how: dict[int, Literal["slice", "metadata"]] = {}
        self._types: dict[str, str] | None = None

    def go(self) -> Checked:
        for index, check in enumerate(self.checks):
            with self._told(index):
                item = Item(index=index, check=check, kind=self.subject.find(check.kind))
                self.items[index] = item
                self.identities[index] = self.subject.identify(item) if self.subject.identify is not None else ""
        self._schema()
        if self.subject.facts is not None:
            self._metadata(self.subject.facts)
        if self.subject.facts is not None and self.subject.large:
            self._references(self.subject.facts)
        self._slices()
        if self._open():
            self.subject.show()
        if self.subject.large:
            self._keys()
        self._whole()
        results = tuple(self._result(index, check) for index, check in enumerate(self.checks))
        kept = self._kept()

        def by_identity(found: Mapping[int, Told]) -> dict[str, Told]:
            named = {self.identities.get(index, ""): told for index, told in found.items() if told}
            return {key: told for key, told in named.items() if key in kept}

        return Checked(
            results=results,
            kept=kept,
            present=by_identity(self.present),
            hashes=by_identity(self.hashes),
            spans=by_identity(self.spans),
        )

    # What is to be done still

    def _open(self, *faces: str) -> list[Item]:
        done = self.values.keys() | self.outcomes.keys() | self.errors.keys()
        return [item for item in self.items.values() if item.index not in done and (not faces or item.face in faces)]

    def _told(self, *indexes: int) -> _Told:
        return _Told(self.errors, indexes)

    @property
    def types(self) -> dict[str, str]:
        """Types of the table's columns by lower-case name."""
        if self._types is None:
            self._columns = list(self.subject.columns) or self.cursor.schema(f"FROM {self.subject.relation}")
            self._types = {column.lower(): kind for column, kind in self._columns}
        return self._types

    # The ways

    def _schema(self) -> None:
        for item in self._open("schema"):
            with self._told(item.index):
                _ = self.types
                self.outcomes[item.index] = item.kind.judge_schema(item.check, self._columns), None

    def _metadata(self, facts: Facts) -> None:
        for index, values in check_facts.counted(self._open("row"), facts).items():
            self.values[index], self.how[index] = values, "metadata"
        asked: dict[int, tuple[str, ...]] = {}
        ranges = {item.index for item in self._open("row")}
        for item in self._open("row", "aggregate"):
            with self._told(item.index):
                if (plain := check_facts.plain(item, facts)) is not None:
                    self.values[item.index], self.how[item.index] = plain, "metadata"
                    continue
                ask = check_facts.broken_ends if item.face == "row" else check_facts.aggregates
                asked[item.index] = ask(item, facts, self.types)
        for index, found in self._constants({index: told for index, told in asked.items() if told}).items():
            if index in ranges and found != (0,):
                continue
            self.values[index], self.how[index] = (0, facts.rows) if index in ranges else found, "metadata"

    def _references(self, facts: Facts) -> None:
        kept, change = self.subject.kept, self.subject.change
        for item in self._open("rows"):
            # Where only a slice has to be looked up, no more numbers are looked for than cost as much.
            sliced = kept is not None and change is not None and self.identities[item.index] in kept.values
            most = change.rows_added * _ASKED if sliced and change is not None else facts.rows
            with self._told(item.index):
                known = kept.spans.get(self.identities[item.index]) if kept is not None else None
                span = check_refers.all_there(self.asking, item, facts, self.types, most, known)
                if span is not None:
                    self.values[item.index], self.how[item.index] = (0, None), "metadata"
                    self.spans[item.index] = span

    def _constants(self, asked: Mapping[int, tuple[str, ...]]) -> dict[int, tuple[Any, ...]]:
        """The values of expressions that read no table, by index of their check; without those that DuckDB refuses."""
        every = [expression for expressions in asked.values() for expression in expressions]
        row = self.asking.row_if(f"SELECT {', '.join(every)}") if every else None
        if row is None:
            alone = [self._constants({index: expressions}) for index, expressions in asked.items() if len(asked) > 1]
            return {index: found for one in alone for index, found in one.items()}
        values = iter(row)
        return {index: tuple(next(values) for _ in expressions) for index, expressions in asked.items()}

    def _reads_one(self, item: Item) -> bool:
        """Whether the condition of a check binds where there is no other column than its own."""
        from wherry import duckdb

        check, kind = item.check, self.types.get(item.check.column.lower())
        if kind is None:
            return False
        condition = check_plan.row_counts(item)[0]
        sql = f"SELECT {condition} FROM (SELECT NULL::{kind} AS {name(check.column)})"
        try:
            self.cursor.schema(check_plan.at(sql, self.subject.now))
        except duckdb.Error:
            return False
        return True

    def _keys(self) -> None:
        """Prove that keys differ where that costs less than grouping them."""
        sets: dict[tuple[str, tuple[str, ...]], list[Item]] = {}
        for item in self._open("groups"):
            with self._told(item.index):
                if check_state.group_parts(item) and not self._few_groups(item):
                    sets.setdefault((item.check.where, tuple(item.kind.group_by(item.check))), []).append(item)
        for members in sets.values():
            key = check_keys.alike(members, self.types)
            if key is None:
                continue
            told = check_keys.tell(self.asking, self.subject, members[0], key)
            for item in members:
                self.hashes[item.index] = (told.hashes,) if told.hashes else ()
                none = (0,) * len(check_state.group_parts(item))
                values = group_values(self.asking, item, none) if told.differs else None
                if values is not None:
                    self.values[item.index], self.parts[item.index] = values, none

    def _whole(self) -> None:
        """Look at all rows."""
        for item in self._open("query"):
            if not check_plan.has_before(item.kind):
                continue
            with self._told(item.index):
                relation, before = check_plan.looked_at(item.check, self.subject.relation), self.subject.before
                before = check_plan.looked_at(item.check, before) if before is not None else None
                self.values[item.index] = self.asking.row(item.kind.query(item.check, relation, before))
        sound = []
        for item in self._open(*check_plan.FACES):
            with self._told(item.index):
                check_plan.plan_checks([item], self.subject.relation)
                sound.append(item)
        if not sound:
            return
        further: dict[int, tuple[str, ...]] = {}
        if self.subject.identify is not None:
            # What rows count is kept as it is.
            kept = [item for item in sound if item.face in ("aggregate", "groups")]
            further = {item.index: check_state.measured(item) or check_state.group_parts(item) for item in kept}
        few, alone = self._few(sound)
        if self.subject.identify is not None:
            which = [item for item in sound if check_state.which_groups(item)]
            self.listed = {item.index for item in which if not self.subject.large or self._few_groups(item)}
            further |= {index: (*further[index], check_state.ALL_GROUPS) for index in self.listed}
        follow = check_implied.implied([item for item in sound if item.index not in alone])
        first = [self._typical(item) for item in sound if item.index not in follow]
        for job in check_plan.plan_checks(first, self.subject.relation, few=few, alone=alone, further=further):
            self._carry_out(job)
        for index, reason in follow.items():
            if self.values.get(reason, (None,))[0] == 0:
                self.values[index] = self.values[reason]
        left = [item for item in sound if item.index in follow.keys() - self.values.keys()]
        for job in check_plan.plan_checks(left, self.subject.relation):
            self._carry_out(job)

    def _typical(self, item: Item) -> Item:
        """With a value that others of its column are as long as, where its kind makes use of that."""
        likely = self._stored[1].get(item.check.column.lower()) if item.check.kind == "matches" else None
        if likely is None:
            return item
        return replace(item, check=replace(item.check, arguments={**item.check.arguments, "likely": likely}))

    def _carry_out(self, job: Job) -> None:
        try:
            row = self.asking.row(job.sql)
        except Exception as error:
            if len(job.members) == 1:
                self.errors[next(iter(job.members))] = first_line(error)
                return
            # One condition that DuckDB refuses must not take the others with it.
            for index in job.members:
                item = self.items[index]
                for lone in check_plan.plan_checks([item], self.subject.relation):
                    self._carry_out(lone)
            return
        for index, positions in job.members.items():
            own = tuple(row[at] for at in positions) if positions else tuple(row)
            kept = job.kept.get(index, ())
            self.values[index] = own
            if kept:
                self.parts[index] = tuple(row[at] for at in kept)
            if kept and index in self.listed:
                *parts, present = self.parts[index]
                self.parts[index] = tuple(parts)
                if present is not None and keepable(present):
                    self.present[index] = tuple(present)

    @cached_property
    def _stored(self) -> tuple[frozenset[str], dict[str, str]]:
        """Columns (lower case) of few values, and values that others of their column are as long as, as far as one file
        shows."""
        if not self.subject.large or not self.subject.file:
            return frozenset(), {}
        sql = (
            # Of its largest part: few rows make any value rare.
            "SELECT path_in_schema, arg_max(total_compressed_size / num_values, num_values), "
            "arg_max(dictionary_page_offset IS NOT NULL, num_values), min(stats_min_value), max(stats_max_value) "
            f"FROM parquet_metadata({text(self.subject.file)}) GROUP BY ALL"
        )
        few, typical = set(), {}
        for column, size, worded, low, high in self.cursor.execute(sql):
            if worded and size is not None and size <= _FEW_BYTES:
                few.add(str(column).lower())
            elif low and high and len(low) == len(high):
                typical[str(column).lower()] = str(low)
        return frozenset(few), typical

    @property
    def _few_columns(self) -> frozenset[str]:
        return self._stored[0]

    def _few(self, items: Iterable[Item]) -> tuple[frozenset[str], dict[int, str]]:
        """Columns of few values, and the checks that read such a column alone."""
        rows = [item for item in items if item.face == "row" and item.check.column.lower() in self._few_columns]
        return self._few_columns, {i.index: i.check.column.lower() for i in rows if self._reads_one(i)}

    def _few_groups(self, item: Item) -> bool:
        """Whether all groups of a table are counted faster than some are looked up."""
        return all(check_keys.plain(key) in self._few_columns for key in item.kind.group_by(item.check))

    def _slices(self) -> None:
        """Look at the rows that came and went, and add that to what was found before."""
        kept, change = self.subject.kept, self.subject.change
        if kept is None or change is None:
            return
        _ = self.types
        if change.plain and self.asking.schema_if(f"FROM {change.rows_that_came('')}") != self._columns:
            change = replace(change, plain=False)
        own = {index: identity for index, identity in self.identities.items() if identity in kept.values}
        slices = Slices(
            asking=self.asking,
            subject=self.subject,
            change=change,
            known={index: kept.values[key] for index, key in own.items()},
            present={index: kept.present[key] for index, key in own.items() if key in kept.present},
            hashes={index: kept.hashes.get(key, ()) for index, key in own.items()},
            types=self.types,
        )
        if not slices.small:
            return
        items = [item for item in self._open(*check_plan.FACES) if item.index in own]
        # Of what is there once each there are many; and where all values are known, how many there are does not matter.
        told = {index for index, found in slices.known.items() if not any(found)}
        told |= slices.present.keys() if change.grows else set()
        groups = [item for item in items if check_state.group_parts(item)]
        groups = [item for item in groups if item.index in told or not self._few_groups(item)]
        for index, found in slices.look(items, groups):
            item = self.items[index]
            with self._told(index):
                if item.face == "aggregate" and not check_state.is_sure(item, found.values):
                    continue  # all rows tell
            self.values[index], self.parts[index], self.how[index] = found.values, found.parts, "slice"
            self.hashes[index], self.present[index] = found.hashes, found.present

    # What comes of it

    def _result(self, index: int, check: Check) -> CheckResult:
        item = self.items.get(index)
        outcome, looked, error = Outcome(passed=False), None, self.errors.get(index, "")
        if item is not None and not error:
            with self._told(index):
                if index in self.outcomes:
                    outcome, looked = self.outcomes[index]
                else:
                    outcome, looked = check_plan.judge(item, self.values[index])
                if outcome.failing and looked is None and check_plan.tolerant(check):
                    self.subject.show()
                    rows = check_plan.looked_at(check, self.subject.relation)
                    looked = self.asking.row(f"SELECT count(*) FROM {rows}")[0]
            error = self.errors.get(index, "")
        return verdict(check, outcome, looked, error, self.how.get(index, "table"))

    def _kept(self) -> dict[str, tuple[Any, ...]]:
        kept: dict[str, tuple[Any, ...]] = {}
        for item in self.items.values():
            values = self.parts.get(item.index, self.values.get(item.index))
            if (
                not self.identities.get(item.index)
                or item.index in self.errors
                or values is None
                or not keepable(values)
            ):
                continue
            if item.face in ("aggregate", "groups"):
                sliced = item.index in self.parts
            else:
                sliced = bool(check_state.measured(item)) or check_state.by_slices(item, self.subject.name)
            if sliced:
                kept[self.identities[item.index]] = values
        return kept


class _Told:
    """An exception in the block becomes the error of the checks that it is about."""

    def __init__(self, errors: dict[int, str], indexes: Sequence[int]) -> None:
        self._errors, self._indexes = errors, indexes

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> bool:
        if not isinstance(error, Exception):
            return False
        self._errors.update(dict.fromkeys(self._indexes, first_line(error)))
        return True


def bad_rows_sql(check: Check, table: str, find: Find = built_in) -> str:
    """A SELECT of the rows of a table that break a check; of one that has no rows to show, of what it measures."""
    return check_plan.bad_rows_sql(check, find(check.kind), full_name(table))
