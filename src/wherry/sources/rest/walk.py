"""The way through an API: each list of a table, page by page, for each of its parents and each stretch of time."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import field
from typing import Any

from wherry.http.client import Client
from wherry.model.dataclass import dataclass
from wherry.sources.rest.ask import value_at
from wherry.sources.rest.declared import Declared, Row
from wherry.sources.rest.listing import Listing, Rows
from wherry.sources.rest.since import Progress
from wherry.sources.rest.sink import Noting, Sink
from wherry.sources.rest.stage import Stage, digest_of

#: Where a reading stands: plain JSON, and enough to go on from there; None where it must begin again.
Place = dict[str, Any]


@dataclass(slots=True, kw_only=True)
class Walk:
    """One way through the lists of a table; its rows come to the stage."""

    declared: Declared
    client: Client
    hosts: tuple[str, ...] = ()
    #: How far it is; None where all rows are read.
    progress: Progress | None = None
    warnings: list[str] = field(default_factory=list)
    stage: Stage = field(init=False)
    #: Parents whose rows are on the stage.
    parents: list[Row] = field(default_factory=list)
    #: How many rows the API says there are.
    total: int | None = None
    #: Answers that were read.
    pages: int = 0
    #: How many rows are enough, where only the first are wanted.
    enough: int = 0

    def __post_init__(self) -> None:
        self.stage = Stage(key=self.declared.key)

    def begin_again(self) -> None:
        """Let go of what is on the stage."""
        self.stage.close()
        self.stage, self.parents = Stage(key=self.declared.key), []

    def through(self, place: Place) -> Iterator[Place | None]:
        """Read into the stage; yields where a later reading could go on, None where it could not."""
        declared = self.declared
        if declared.each is None:
            for step in self.stretches(declared, self.sink(), None, place):
                yield step
            return
        for parents, step in self._parents(declared.each, place):
            for parent in parents:
                sink = self.sink()
                sink.parent = {name: _of(parent, of) for name, of in declared.each.carry.items()}
                if declared.each.key:
                    owner = {name: sink.parent[name] for name in declared.each.key}
                    self.parents.append(owner)
                    self.stage.begin_group(digest_of(owner))
                for _ in self.stretches(declared, sink, parent, {}):
                    if self.enough and self.stage.rows >= self.enough:
                        return
            yield step

    def sink(self) -> Sink:
        declared, driver = self.declared, self.declared.driver
        own = self.progress if driver is not None and (driver is declared or declared.unnest) else None
        if declared.unnest and own is None and declared.column:
            own = self.progress
        return Sink(declared, self, own, strict=bool(own) and not declared.key and not declared.unnest)

    def _parents(self, each: Any, place: Place) -> Iterator[tuple[list[Row], Place | None]]:
        """Rows to go through, a page of them at a time, each once."""
        if each.table is None:
            for index, value in enumerate(each.values):
                if index >= place.get("index", 0):
                    yield [dict(value) if isinstance(value, Mapping) else {each.name: value}], {"index": index + 1}
            return
        table: Declared = each.table
        visited: set[int] = set()
        rows = Rows()
        if table.each is not None:
            for above, _ in self._parents(table.each, {}):
                for parent in above:
                    for _ in self.stretches(table, rows, parent, {}):
                        carried = {name: _of(parent, of) for name, of in table.each.carry.items()}
                        yield _unseen([{**carried, **row} for row in rows.taken()], table.key, visited), None
            return
        driven = table if self.declared.driver is table else None
        for step in self.stretches(table, rows, None, place, progress=self.progress if driven else None):
            yield _unseen(rows.taken(), table.key, visited), step

    def stretches(
        self, declared: Declared, sink: Any, parent: Row | None, place: Place, progress: Progress | None = None
    ) -> Iterator[Place | None]:
        """The lists of one table, one for each stretch of time."""
        progress = progress or getattr(sink, "progress", None)
        if progress is not None and parent is not None:
            progress.piece = ""  # each parent from the same moment on
        span = progress
        if span is None and declared.since is not None:
            span = Progress(since=declared.since, clock=self.client.clock)  # a whole table begins at `start` too
        stretches = span.pieces() if span is not None else iter([(None, None)])
        position = dict(place.get("position") or {})
        for begin, end in stretches:
            listing = Listing(
                client=self.client,
                declared=declared,
                call=declared.call(parent, begin, end),
                sink=Noting(sink, progress, begin) if isinstance(sink, Rows) and progress is not None else sink,
                parent=parent,
                hosts=self.hosts,
                pages=self.pages,
            )
            if isinstance(sink, Sink):
                sink.begin = begin
            for following in self._list(listing, position, sink):
                self.total = listing.total if declared.each is None and listing.total is not None else self.total
                if following is not None:
                    yield {"position": following} if declared.paging.may_wait else None
            position = {}
            self.total = listing.total if declared.each is None and listing.total is not None else self.total
            self.warnings += [told for told in listing.warnings if told not in self.warnings]
            if progress is not None and end is not None:
                progress.done_until(end)
            # At the end of a stretch a later reading can begin with the next one.
            yield {}

    def _list(self, listing: Listing, position: Place, sink: Any) -> Iterator[Place | None]:
        """The pages of one list; of one that is ordered by age only those that have something new."""
        progress = getattr(sink, "progress", None)
        newest_first = progress is not None and progress.since.order == "descending"
        pages = listing.read(position)
        while True:
            before = (self.stage.rows, getattr(sink, "old", 0))
            try:
                following = next(pages)
            except StopIteration:
                return
            self.pages = listing.pages
            yield following
            if newest_first and sink.old > before[1] and sink.begin is not None:
                return


def _of(row: Row, name: str) -> Any:
    try:
        return value_at(row, name)
    except KeyError:
        return None


def _unseen(rows: list[Row], key: tuple[str, ...], visited: set[int]) -> list[Row]:
    """Rows that did not come before as they are now; one that changed meanwhile is gone through again."""
    if not key:
        return rows
    fresh = []
    for row in rows:
        digest = digest_of(row)
        if digest not in visited:
            visited.add(digest)
            fresh.append(row)
    return fresh
