"""Which statements decide the checks of a table, cheapest first: the cheap ones share a pass, the heavy go alone."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import field, replace
from datetime import datetime
from functools import cached_property, wraps
from types import ModuleType
from typing import Any, TypeVar

from wherry.model.asset import Check
from wherry.model.dataclass import dataclass
from wherry.model.levels import LEVELS, by_share, counts_rows
from wherry.model.run import Outcome
from wherry.quoting import NOW, name

Told = TypeVar("Told")

#: Aggregates of one statement. Beyond, DuckDB's plan of it grows faster than what a further pass costs.
PASS = 400
#: A seed, so that two looks at one sample see the same rows.
_SEED = 20_26
#: The order in which statements run: what fails early is seen early.
FACES = ("row", "aggregate", "groups", "rows", "query")
#: Names in a relation of groups, which a column may have too.
_GROUPED = ("k1", "copies")


@dataclass(frozen=True, kw_only=True)
class Item:
    """A check with the module of its kind."""

    index: int
    check: Check
    kind: ModuleType

    @cached_property
    def face(self) -> str:
        if hasattr(self.kind, "bad_row"):
            return "row"
        if hasattr(self.kind, "aggregates"):
            return "aggregate"
        if hasattr(self.kind, "group_by"):
            return "groups"
        if hasattr(self.kind, "judge_schema"):
            return "schema"
        return "query" if hasattr(self.kind, "query") else "rows"

    @property
    def heavy(self) -> bool:
        return bool(getattr(self.kind, "heavy", False))


def told_once(tell: Callable[[Item], Told]) -> Callable[[Item], Told]:
    """What a function tells of an item, told once of each."""
    name = f"told by {tell.__name__}"

    @wraps(tell)
    def told(item: Item) -> Told:
        known: dict[str, Told] = vars(item)
        if name not in known:
            known[name] = tell(item)
        return known[name]

    return told


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """A statement of one row, and which of its columns each check gets."""

    sql: str
    #: Index of a check -> positions of its values; none: all of them.
    members: Mapping[int, tuple[int, ...]]
    #: Index of a check -> positions of what is kept of it.
    kept: Mapping[int, tuple[int, ...]] = field(default_factory=dict)


@dataclass(slots=True)
class _Pass:
    """Aggregates over one relation; the same expression is counted once."""

    expressions: dict[str, int] = field(default_factory=dict)
    members: dict[int, tuple[int, ...]] = field(default_factory=dict)
    kept: dict[int, tuple[int, ...]] = field(default_factory=dict)

    def add(self, index: int, wanted: Iterable[str], further: Iterable[str] = ()) -> None:
        self.members[index] = self._positions(wanted)
        if more := self._positions(further):
            self.kept[index] = more

    def _positions(self, wanted: Iterable[str]) -> tuple[int, ...]:
        return tuple(self.expressions.setdefault(each, len(self.expressions)) for each in wanted)

    def job(self, relation: str) -> Job:
        sql = f"SELECT {', '.join(self.expressions)} FROM {relation}"
        return Job(sql=sql, members=dict(self.members), kept=dict(self.kept))


def plan_checks(
    items: Iterable[Item],
    table: str,
    *,
    few: Collection[str] = (),
    alone: Mapping[int, str] | None = None,
    further: Mapping[int, tuple[str, ...]] | None = None,
) -> list[Job]:
    """The statements that measure ``items`` (of any face but ``schema``) on the relation ``table``.

    ``few``: columns (lower case) of few distinct values. ``alone``: index of a check -> the one column (lower case)
    that its condition reads. The conditions of such a column are tried once per value instead of once per row.
    ``further``: index of a check of aggregates or groups -> what is kept of it.
    """
    jobs: list[Job] = []
    passes: dict[str, _Pass] = {}
    values: dict[tuple[str, str], _Pass] = {}
    groups: dict[tuple[str, tuple[str, ...]], list[Item]] = {}
    for item in items:
        relation = sampled(item.check, table)
        column = (alone or {}).get(item.index, "")
        if item.face == "row" and column in few:
            work = values.setdefault((relation, column), _Pass())
            work.add(item.index, row_counts(item, copies=True))
        elif item.face == "row":
            passes.setdefault(relation, _Pass()).add(item.index, row_counts(item))
        elif item.face == "aggregate" and not item.heavy:
            relation = looked_at(item.check, table)
            more = (further or {}).get(item.index, ())
            passes.setdefault(relation, _Pass()).add(item.index, item.kind.aggregates(item.check), more)
        elif item.face == "aggregate":
            lone = _Pass()
            lone.add(item.index, item.kind.aggregates(item.check))
            jobs.append(lone.job(looked_at(item.check, table)))
        elif item.face == "groups":
            keys = tuple(item.kind.group_by(item.check))
            groups.setdefault((looked_at(item.check, table), keys), []).append(item)
        else:
            jobs.append(_lone(item, looked_at(item.check, table)))
        if relation in passes and len(passes[relation].expressions) >= PASS:
            jobs.append(passes.pop(relation).job(relation))
    shared = [work.job(relation) for relation, work in passes.items()]
    for (relation, keys), members in groups.items():
        # Values that are tried one by one and counted too are grouped once.
        column = keys[0][1:-1].replace('""', '"').lower() if len(keys) == 1 and keys[0].startswith('"') else ""
        tried = values.get((relation, column)) if column not in _GROUPED else None
        work = tried or _Pass()
        for item in members:
            work.add(item.index, item.kind.judge_groups(item.check), (further or {}).get(item.index, ()))
        if tried is None:
            shared.append(work.job(f"({grouped(relation, keys)})"))
    for (relation, column), work in values.items():
        named = name(column)
        beside = "" if column in _GROUPED else f", {named} AS k1, count(*) AS copies"
        counted = f"SELECT {named}, count(*) AS __copies{beside} FROM {relation} GROUP BY {named}"
        shared.append(work.job(f"({counted})"))
    return [*shared, *jobs]


def measure(items: Iterable[Item], relation: str, parts: Mapping[int, tuple[str, ...]]) -> list[Job]:
    """The statements that measure what is kept of checks (``parts``, by index) on some rows of a table; of a check of
    rows without parts, what it counts."""
    passes: dict[str, _Pass] = {}
    jobs: list[Job] = []
    for item in items:
        narrowed = relation if item.face == "row" else looked_at(item.check, relation)
        if item.index in parts:
            passes.setdefault(narrowed, _Pass()).add(item.index, parts[item.index])
        else:
            jobs.append(_lone(item, narrowed))
    return [*(work.job(narrowed) for narrowed, work in passes.items()), *jobs]


def grouped(relation: str, keys: Sequence[str]) -> str:
    """The groups of a relation: k1, k2... and the rows in each."""
    named = ", ".join(f"{key} AS k{number}" for number, key in enumerate(keys, 1))
    return f"SELECT {named}, count(*) AS copies FROM {relation} GROUP BY {', '.join(map(str, range(1, len(keys) + 1)))}"


@told_once
def _bad_row(item: Item) -> str:
    return str(item.kind.bad_row(item.check))


def row_counts(item: Item, *, copies: bool = False) -> tuple[str, str]:
    """Bad rows, and rows looked at."""
    where, bad = item.check.where, _bad_row(item)
    both = f"({where}) AND ({bad})" if where else bad
    if copies:
        looked = f"coalesce(sum(__copies) FILTER (WHERE {where}), 0)" if where else "coalesce(sum(__copies), 0)"
        return f"coalesce(sum(__copies) FILTER (WHERE {both}), 0)", looked
    # DuckDB's count_if of nothing but nulls is null.
    looked = f"coalesce(count_if({where}), 0)" if where else "count(*)"
    return f"coalesce(count_if({both}), 0)", looked


def _lone(item: Item, relation: str) -> Job:
    looked = f", (SELECT count(*) FROM {relation})" if tolerant(item.check) else ", NULL"
    if item.face == "query":
        sql = item.kind.query(item.check, relation)
        return Job(sql=sql, members={item.index: ()})
    if hasattr(item.kind, "count"):
        sql = f"SELECT ({item.kind.count(item.check, relation)}){looked}"
    else:
        sql = f"SELECT count(*){looked} FROM ({item.kind.bad_rows(item.check, relation)})"
    return Job(sql=sql, members={item.index: (0, 1)})


def tolerant(check: Check) -> bool:
    """Whether the number of rows that were looked at decides."""
    return check.mostly < 1 or (bool(check.levels) and by_share(check))


def sampled(check: Check, table: str) -> str:
    """The relation that the condition of a check is counted in: the whole, unless it takes a sample."""
    return looked_at(check, table) if check.sample else table


def looked_at(check: Check, table: str) -> str:
    """The rows of a relation that a check looks at."""
    relation = f"(SELECT * FROM {table} WHERE {check.where})" if check.where else table
    if not check.sample:
        return relation
    part = f"bernoulli({check.sample * 100}%)" if check.sample < 1 else f"reservoir({int(check.sample)} ROWS)"
    return f"(SELECT * FROM {relation} USING SAMPLE {part} REPEATABLE ({_SEED}))"


def judge(item: Item, values: Sequence[Any]) -> tuple[Outcome, int | None]:
    """What the values of a check mean, and how many rows were looked at."""
    if item.face in ("row", "rows"):
        failing = int(values[0] or 0)
        return Outcome(passed=not failing, failing=failing), int(values[1]) if values[1] is not None else None
    if item.check.levels and not counts_rows(item.check):
        return _level(item, tuple(values)), None
    looked = item.kind.looked(tuple(values)) if hasattr(item.kind, "looked") else None
    return item.kind.judge(item.check, tuple(values)), looked


def _level(item: Item, values: tuple[Any, ...]) -> Outcome:
    """What the values of a check that measures a number mean: the worst level that they reach."""
    outcome: Outcome = Outcome(passed=True)
    for level in LEVELS:
        if level in item.check.levels:
            arguments = {**item.check.arguments, **item.check.levels[level]}
            outcome = item.kind.judge(replace(item.check, arguments=arguments), values)
            if not outcome.passed:
                outcome = replace(outcome, level=level)
                break
    return outcome


def bad_rows_sql(check: Check, kind: ModuleType, table: str) -> str:
    """A SELECT of the rows that break a check; of one that has no rows to show, of what it measures."""
    relation = looked_at(check, table)
    if hasattr(kind, "bad_row"):
        return f"SELECT * FROM {relation} WHERE {kind.bad_row(check)}"
    if hasattr(kind, "bad_rows"):
        return str(kind.bad_rows(check, relation))
    if hasattr(kind, "judge_schema"):
        return f"SELECT * FROM {relation} LIMIT 0"
    if hasattr(kind, "aggregates"):
        return f"SELECT {', '.join(kind.aggregates(check))} FROM {relation}"
    if hasattr(kind, "group_by"):
        return f"SELECT {', '.join(kind.judge_groups(check))} FROM ({grouped(relation, kind.group_by(check))})"
    return str(kind.query(check, relation, table) if has_before(kind) else kind.query(check, relation))


def has_before(kind: ModuleType) -> bool:
    """Whether a kind compares with the version that is published."""
    return bool(getattr(kind, "before", False))


def at(sql: str, now: datetime) -> str:
    """The SQL of a kind of check with the moment of the run in it."""
    return sql.replace(NOW, f"TIMESTAMP '{now}'")
