"""The rows that differ between two states of a table, by key or as a whole."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from wherry.engines.duckdb import DuckDB
from wherry.errors import UsageError
from wherry.model.asset import Asset
from wherry.model.column_pattern import is_open
from wherry.model.dataclass import dataclass
from wherry.project.nearest import did_you_mean
from wherry.quoting import full_name, name, text
from wherry.run.session import Session

if TYPE_CHECKING:
    from wherry.lake.diff import Moment, TableDiff
    from wherry.lake.lake import Lake
    from wherry.project.config import Config

#: Rows fetched at once.
#: A row as one value; no column is called so.
_ROW = "__wherry_row"


def key_of(asset: Asset | None) -> tuple[str, ...]:
    """What tells a table's rows apart, as its author said it: the key of its build or source, or a unique check."""
    if asset is None:
        return ()
    if asset.build.word == "merge":
        return asset.build.columns
    if asset.build.word == "history":
        return (*asset.build.columns, "valid_from")
    if asset.source is not None and asset.source.key:
        return asset.source.key
    unique = (
        check for check in asset.checks if check.kind == "unique" and check.severity == "error" and not check.where
    )
    whole = (check for check in unique if check.mostly >= 1 and not check.levels and not is_open(check))
    return next((tuple(check.arguments["columns"]) for check in whole), ())


@dataclass(frozen=True, slots=True, kw_only=True)
class RowDiff:
    """How the rows of one table differ; ``rows`` reads them, while the comparison is open."""

    #: Empty: rows were compared as a whole.
    key: tuple[str, ...]
    #: Why the key that was asked for or said was not used; empty when it was.
    note: str
    added: int
    removed: int
    changed: int
    #: The relation of differing rows.
    relation: str
    engine: DuckDB

    def rows(self, limit: int | None) -> Iterator[dict[str, Any]]:
        """At most ``limit`` of the rows that differ, streamed, in order of their key.

        ``{"change": "added" | "removed", "row": {...}}`` or ``{"change": "changed", "key", "before", "after"}``, the
        last two with the columns that differ.
        """
        bound = "" if limit is None else f" LIMIT {limit}"
        # Rows without a key have no order of their own, so that the same question gets the same answer.
        _, rows = self.engine.cursor().rows(f"FROM {self.relation} ORDER BY ALL{bound}")
        yield from (self._document(row[-3], row[-2], row[-1]) for row in rows)

    def _document(self, change: str, old: dict[str, Any] | None, new: dict[str, Any] | None) -> dict[str, Any]:
        if old is None or new is None:
            return {"change": change, "row": new if old is None else old}
        differing = [column for column in new if _differ(old[column], new[column])]
        return {
            "change": change,
            "key": {column: new[column] for column in self.key},
            "before": {column: old[column] for column in differing},
            "after": {column: new[column] for column in differing},
        }


def _differ(one: Any, other: Any) -> bool:
    return bool(one != other) and not (one != one and other != other)  # two NaN are the same


class Comparison:
    """Two states of the lake side by side in one DuckDB."""

    def __init__(self, lake: Lake, config: Config, before: Moment, after: Moment, engine: DuckDB) -> None:
        self._lake, self._config, self._engine = lake, config, engine
        self._sides = {"before": before, "after": after}
        self._attached = False
        self._count = 0

    def rows(self, diff: TableDiff, key: Sequence[str], *, asked: bool = False) -> RowDiff:
        """Compare the rows of a table by ``key`` (empty: as a whole) over the columns that both states have.

        A key that is not unique is not used; when it was ``asked`` for, that is a ``UsageError``.
        """
        self._count += 1
        sides = {side: self._relation(side, diff) for side in self._sides}
        columns = {side: self._engine.schema(f"FROM {relation}") for side, relation in sides.items() if relation}
        selects, shared = _selects(sides, columns)
        spelled = {column.lower(): column for column in shared}
        unknown = [column for column in key if column.lower() not in spelled]
        if unknown and asked:
            hint = did_you_mean(unknown[0], shared, f"It has: {', '.join(shared)}.")
            raise UsageError(f"`{diff.name}` has no column `{unknown[0]}` on both sides.", hint=hint)
        used = () if unknown else tuple(spelled[column.lower()] for column in key)
        note = f"{', '.join(unknown)} is not on both sides" if unknown else ""
        if used and (side := self._repeated(selects, used)):
            where = self._sides[side].name
            note = f"{', '.join(used)} is not unique in {where}"
            if asked:
                raise UsageError(f"The key of `{diff.name}` does not tell its rows apart: {note}.")
            used = ()
        relation = f"differing_{self._count}"
        sql = _by_key(selects, used) if used else _whole(selects, shared)
        self._engine.execute(f"CREATE TABLE {relation} AS {sql}")
        counts = {
            row[0]: int(row[1]) for row in self._engine.execute(f"SELECT change, count(*) FROM {relation} GROUP BY 1")
        }
        return RowDiff(
            key=used,
            note=note,
            added=counts.get("added", 0),
            removed=counts.get("removed", 0),
            changed=counts.get("changed", 0),
            relation=relation,
            engine=self._engine,
        )

    def _relation(self, side: str, diff: TableDiff) -> str:
        """Where the rows of one side are; empty when there is no table."""
        pointer = diff.old if side == "before" else diff.new
        if pointer is None:
            return ""
        if pointer.kind == "view":
            return self._copied(side, pointer.full_name)
        if not self._attached:
            for alias, moment in self._sides.items():
                self._lake.attach(self._engine.connection, moment.branch, alias, moment.at)
            self._attached = True
        return f"{side}.{full_name(pointer.full_name)}"

    def _copied(self, side: str, view: str) -> str:
        """A view's rows: its query names tables as its own side has them, so it runs in a session of that side."""
        moment = self._sides[side]
        beside = DuckDB(folder=self._config.folder, scratch=self._config.scratch)
        copy = f"{side}_{self._count}"
        try:
            session = Session(self._lake, moment.branch, beside, at=moment.at)
            session.show([view])
            self._engine.connection.register("view_rows", beside.arrow(f"FROM {full_name(view)}"))
            self._engine.execute(f"CREATE TABLE {copy} AS FROM view_rows")
            self._engine.connection.unregister("view_rows")
        finally:
            beside.close()
        return copy

    def _repeated(self, selects: Mapping[str, str], key: Sequence[str]) -> str:
        """The side where rows share a key; empty when there is none."""
        columns = ", ".join(name(column) for column in key)
        for side, select in selects.items():
            query = f"SELECT 1 FROM ({select}) GROUP BY {columns} HAVING count(*) > 1 LIMIT 1"
            if self._engine.execute(query):
                return side
        return ""


def _selects(
    sides: Mapping[str, str], columns: Mapping[str, list[tuple[str, str]]]
) -> tuple[dict[str, str], list[str]]:
    """A SELECT per side of the columns that both have, in types that can be compared; and those columns."""
    kinds = {side: {column.lower(): kind for column, kind in found} for side, found in columns.items()}
    first = columns.get("after") or columns["before"]
    shared = [column for column, _ in first if all(column.lower() in each for each in kinds.values())]
    picked = []
    for column in shared:
        differ = len({each[column.lower()] for each in kinds.values()}) > 1
        picked.append(f"{name(column)}::VARCHAR AS {name(column)}" if differ else f"{name(column)} AS {name(column)}")
    listed = ", ".join(picked)
    whole = {side: f"SELECT {listed} FROM {relation}" for side, relation in sides.items() if relation}
    there = next(iter(whole.values()))
    return {side: whole.get(side, f"{there} WHERE false") for side in sides}, shared


def _by_key(selects: Mapping[str, str], key: Sequence[str]) -> str:
    numbered = [f"k{number}" for number in range(len(key))]
    keys = ", ".join(f"{_ROW}.{name(column)} AS {number}" for column, number in zip(key, numbered, strict=True))
    one, other = (f"(SELECT {keys}, {_ROW} AS whole FROM ({selects[side]}) AS {_ROW})" for side in ("before", "after"))
    same = " AND ".join(f"a.{number} IS NOT DISTINCT FROM b.{number}" for number in numbered)
    # A row that is there is never null as a whole.
    change = "CASE WHEN a.whole IS NULL THEN 'added' WHEN b.whole IS NULL THEN 'removed' ELSE 'changed' END"
    either = ", ".join(
        f"CASE WHEN b.whole IS NULL THEN a.{number} ELSE b.{number} END AS {number}" for number in numbered
    )
    return (
        f"SELECT {either}, {change} AS change, a.whole AS old, b.whole AS new "
        f"FROM {one} AS a FULL JOIN {other} AS b ON {same} WHERE a.whole IS DISTINCT FROM b.whole"
    )


def _whole(selects: Mapping[str, str], shared: Sequence[str]) -> str:
    def only(side: str, than: str, change: str) -> str:
        old, new = ("NULL", _ROW) if change == "added" else (_ROW, "NULL")
        return (
            f"SELECT {text(change)} AS change, {old} AS old, {new} AS new "
            f"FROM (({selects[side]}) EXCEPT ALL ({selects[than]})) AS {_ROW}"
        )

    return f"{only('after', 'before', 'added')} UNION ALL {only('before', 'after', 'removed')}"


@contextmanager
def comparison(lake: Lake, config: Config, before: Moment, after: Moment) -> Iterator[Comparison]:
    """Compare rows of two states of the lake."""
    engine = DuckDB(folder=config.folder, scratch=config.scratch)
    try:
        yield Comparison(lake, config, before, after, engine)
    finally:
        engine.close()
