"""Rows on their way from an answer to the stage, or to those who go through them."""

from __future__ import annotations

from dataclasses import field
from typing import Any, Protocol

from wherry.model.dataclass import dataclass
from wherry.sources.rest import kinds
from wherry.sources.rest.ask import value_at
from wherry.sources.rest.declared import Declared, Row, flattened
from wherry.sources.rest.formats import BadRow
from wherry.sources.rest.listing import Rows
from wherry.sources.rest.since import Progress
from wherry.sources.rest.stage import Mark, Reject, Stage, digest_of


class Holder(Protocol):
    """Who has the stage; another one after each batch."""

    stage: Stage
    parents: list[Row]


@dataclass(slots=True)
class Sink:
    """Rows on their way to the stage: those that are new, with what their parents give them."""

    declared: Declared
    reading: Holder
    progress: Progress | None
    #: Whether rows older than what was asked for are left out: they cannot be told from those that are loaded.
    strict: bool
    begin: Any = None
    parent: Row = field(default_factory=dict)
    old: int = 0

    @property
    def stage(self) -> Stage:
        return self.reading.stage

    def mark(self) -> tuple[Mark, Any, int, int]:
        told = self.progress.state() if self.progress is not None else None
        return self.stage.mark(), told, len(self.reading.parents), self.old

    def back_to(self, mark: tuple[Mark, Any, int, int]) -> None:
        self.stage.back_to(mark[0])
        if self.progress is not None:
            self.progress.back_to(mark[1])
        del self.reading.parents[mark[2] :]
        self.old = mark[3]

    def take(self, row: Row, page: int) -> None:
        if self.progress is not None:
            found = self.progress.take(row, self.begin)
            self.old += found == "old"
            if found == "old" and (self.strict or not self.progress.since.param):
                return
            if found == "none" and self.strict:
                reason = f"no value in the cursor column `{self.progress.column}`"
                self.stage.rejects.append(Reject("", page, reason, kinds.as_json(row)[:10_000]))
                return
        declared = self.declared
        if declared.unnest:
            if self.progress is None or not self.progress.is_known(row):
                self._unnest(row, page)
        else:
            self._store({**self.parent, **row} if self.parent else row, page)

    def _unnest(self, row: Row, page: int) -> None:
        carried = {name: row.get(of) for name, of in self.declared.carry.items()}
        self.reading.parents.append(carried)
        if carried:
            self.stage.begin_group(digest_of(carried))
        try:
            items = value_at(row, self.declared.unnest)
        except KeyError:
            items = None
        for position, item in enumerate(items if isinstance(items, list) else [] if items is None else [items], 1):
            held = item if isinstance(item, dict) else {"value": item}
            flat = flattened(held) if self.declared.flatten else held
            self._store({**carried, "position": position, **flat}, page)

    def _store(self, row: Row, page: int) -> None:
        empty = [name for name in self.declared.key if row.get(name) is None]
        if empty and any(name in row for name in empty):
            reason = f"no value in the key `{empty[0]}`"
            self.stage.rejects.append(Reject("", page, reason, kinds.as_json(row)[:10_000]))
            return
        self.stage.add(row, page)

    def bad(self, row: BadRow, place: str) -> None:
        self.stage.rejects.append(Reject(place, row.line, row.reason, row.text))


class Noting:
    """Parents' rows on their way: their cursor column says what is new."""

    def __init__(self, rows: Rows, progress: Progress, begin: Any) -> None:
        self._rows, self._progress, self._begin = rows, progress, begin

    def mark(self) -> Any:
        return self._rows.mark(), self._progress.state()

    def back_to(self, mark: Any) -> None:
        self._rows.back_to(mark[0])
        self._progress.back_to(mark[1])

    def take(self, row: Row, page: int) -> None:
        self._progress.take(row, self._begin)
        if not self._progress.is_known(row):
            self._rows.take(row, page)

    def bad(self, row: BadRow, place: str) -> None:
        self._rows.bad(row, place)
