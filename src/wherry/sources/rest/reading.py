"""A table of an API becomes batches: rows with the cursor that says where to go on."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from wherry.errors import SourceError
from wherry.http.client import Client, Failed
from wherry.model.finding import Finding
from wherry.ports import Batch, Replaced, TableRequest
from wherry.sources.rest import kinds
from wherry.sources.rest.ask import value_at
from wherry.sources.rest.columns import Columns
from wherry.sources.rest.declared import Declared, Row
from wherry.sources.rest.listing import Listing, Rows
from wherry.sources.rest.options import Since
from wherry.sources.rest.since import Progress, comparable
from wherry.sources.rest.sink import Noting, Sink
from wherry.sources.rest.stage import Stage, digest_of

if TYPE_CHECKING:
    import pyarrow as pa

#: Bytes of rows that are committed together at most, about.
COMMIT_BYTES = 256 << 20

#: Answers that are looked at to tell whether there is something new.
LOOK = 5

#: Where a reading stands: plain JSON, and enough to go on from there; None where it must begin again.
Place = dict[str, Any]


@dataclass(slots=True, kw_only=True)
class Reading:
    """One reading of a table."""

    declared: Declared
    client: Client
    table: TableRequest
    cursor: Mapping[str, Any] | None
    commit_every: int
    hosts: tuple[str, ...] = ()
    warnings: list[str] = field(default_factory=list)
    stage: Stage = field(init=False)
    progress: Progress | None = None
    parents: list[Row] = field(default_factory=list)
    #: Batches and rows that were handed out, which are then committed.
    batches_out: int = 0
    rows_out: int = 0
    total: int | None = None
    #: Answers that were read.
    pages: int = 0
    #: How many rows are enough, where only the first are wanted.
    enough: int = 0
    #: Whether the place that was kept led nowhere.
    restarted: bool = False
    columns: Columns = field(init=False)

    def __post_init__(self) -> None:
        self.stage = Stage(key=self.declared.key)
        held = self.cursor or {}
        self.columns = Columns(
            declared=self.declared.types,
            only=self.table.columns,
            grows=self.incremental,
            known=dict(held.get("columns", {})),
            names=dict(held.get("names", {})),
        )
        driver = self.declared.driver
        if self.incremental and driver is not None:
            begun = held.get("reading", {})
            self.progress = Progress(
                since=driver.since or Since(),
                clock=self.client.clock,
                column=driver.column,
                settled=held.get("since"),
                high=begun.get("high"),
                low=begun.get("low"),
                piece=begun.get("piece", ""),
                end=begun.get("end", ""),
                known=frozenset(held.get("parents", ()))
                if driver is not self.declared or self.declared.unnest
                else None,
            )

    @property
    def incremental(self) -> bool:
        return self.table.mode != "full"

    def batches(self) -> Iterator[Batch]:
        """The batches from the cursor on; none when nothing is new. Raises ``SourceError``."""
        try:
            yield from self._batches()
        except Failed as failed:
            raise self._error(failed) from None
        finally:
            self.stage.close()

    def _batches(self) -> Iterator[Batch]:
        begun: Place = dict((self.cursor or {}).get("reading", {}))
        resumed = bool(begun)
        try:
            for place in self._walk(begun.get("place") or {}):
                full = self.stage.rows >= self.commit_every or self.stage.size >= COMMIT_BYTES
                if self.incremental and full:
                    yield from self._out(self._unfinished(place))
        except Failed as failed:
            # The place that was kept may mean nothing to the API any more: what it led to is then read from its start.
            if not (begun.get("place") and failed.status in (400, 404, 410, 422) and not self.batches_out):
                raise
            self._begin_again()
            for place in self._walk({}):
                full = self.stage.rows >= self.commit_every or self.stage.size >= COMMIT_BYTES
                if self.incremental and full:
                    yield from self._out(self._unfinished(place))
        cursor = self._finished()
        if self.batches_out == 0 and not resumed and self._nothing_new(cursor):
            return
        yield from self._out(cursor)

    def _begin_again(self) -> None:
        self.stage.close()
        self.stage, self.parents, self.restarted = Stage(key=self.declared.key), [], True

    def look(self) -> str | None:
        """Why there is something to read, from the first answers only."""
        driver = self.declared.driver if self.incremental else self.declared
        if self.declared.each is not None and (driver is None or driver is self.declared):
            return "it is asked for each row of another table"
        try:
            table = driver or self.declared
            sink: Any = self._sink() if table is self.declared else Rows()
            progress = self.progress if self.incremental else None
            for number, step in enumerate(self._stretches(table, sink, None, {}, progress=progress), 1):
                if number == LOOK and step != {}:
                    return "it is more than a few answers tell"
            if isinstance(sink, Rows):
                cursor = self._finished()
                return None if cursor["edge"] is not None and self._nothing_new(cursor) else "there are new rows"
            if self._nothing_new(self._finished()):
                return None
            return f"other rows than before: {self.stage.rows:,} now"
        finally:
            self.stage.close()

    def first(self, limit: int) -> pa.Table:
        """The first rows, from as few answers as it takes. Raises ``SourceError``."""
        self.enough = limit
        try:
            for _ in self._walk({}):
                if self.stage.rows >= limit:
                    break
            columns = self.columns.of(self.stage.seen)
            return self.stage.reader(columns, set()).read_all().slice(0, limit)
        except Failed as failed:
            raise self._error(failed) from None
        finally:
            self.stage.close()

    # ---- through the API

    def _walk(self, place: Place) -> Iterator[Place | None]:
        """Read into the stage; yields where a later reading could go on, None where it could not."""
        declared = self.declared
        if declared.each is None:
            for step in self._stretches(declared, self._sink(), None, place):
                yield step
            return
        for parents, step in self._parents(declared.each, place):
            for parent in parents:
                sink = self._sink()
                sink.parent = {name: _of(parent, of) for name, of in declared.each.carry.items()}
                if declared.each.key:
                    owner = {name: sink.parent[name] for name in declared.each.key}
                    self.parents.append(owner)
                    self.stage.begin_group(digest_of(owner))
                for _ in self._stretches(declared, sink, parent, {}):
                    if self.enough and self.stage.rows >= self.enough:
                        return
            yield step

    def _sink(self) -> Sink:
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
                    for _ in self._stretches(table, rows, parent, {}):
                        carried = {name: _of(parent, of) for name, of in table.each.carry.items()}
                        yield _unseen([{**carried, **row} for row in rows.taken()], table.key, visited), None
            return
        driven = table if self.declared.driver is table else None
        for step in self._stretches(table, rows, None, place, progress=self.progress if driven else None):
            yield _unseen(rows.taken(), table.key, visited), step

    def _stretches(
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

    # ---- what is remembered

    def _unfinished(self, place: Place | None) -> dict[str, Any]:
        """The cursor in the middle of a reading."""
        held = self.cursor or {}
        kept = {name: held[name] for name in ("edge", "parents") if name in held}
        cursor: dict[str, Any] = {"since": held.get("since"), **kept, "reading": {"place": place}}
        if place is not None and self.client.veil.covers(kinds.as_json(place)):
            cursor["reading"]["place"] = None
        if (progress := self.progress) is not None:
            if place is None and progress.since.order == "ascending" and progress.high is not None:
                cursor["since"], cursor["edge"] = progress.reached, None
                cursor.pop("parents", None)
            cursor["reading"] |= {
                "high": progress.high,
                "low": progress.low,
                "piece": progress.piece,
                "end": progress.end,
            }
        return cursor

    def _finished(self) -> dict[str, Any]:
        if not self.incremental:
            return {"digest": f"{self.stage.digest:032x}", "rows": self.stage.rows}
        if self.progress is None:
            return {"digest": f"{self.stage.digest:032x}", "rows": self.stage.rows + self.rows_out}
        reached = self.progress.reached
        cursor = {"since": reached, "edge": self.progress.edge_of(reached)}
        if (parents := self.progress.edge_rows(reached)) is not None:
            cursor["parents"] = parents
        return cursor

    def _nothing_new(self, cursor: Mapping[str, Any]) -> bool:
        """Whether all that was read is what was read before."""
        held = self.cursor
        if held is None:
            return self.stage.rows == 0 and not self.declared.types
        if not self.incremental or self.progress is None:
            return (held.get("digest"), held.get("rows")) == (cursor["digest"], cursor["rows"])
        if cursor["edge"] is None:
            return self.stage.rows == 0 and not self.parents and cursor["since"] == held.get("since")
        return (cursor["since"], cursor["edge"]) == (held.get("since"), held.get("edge"))

    # ---- rows out

    def _out(self, cursor: dict[str, Any]) -> Iterator[Batch]:
        """One batch of what the stage holds; the stage is empty afterwards."""
        stage = self.stage
        self._expect_key()
        replaced, odd = stage.repeats()
        if odd is not None:
            raise self._bad_key(odd)
        columns = self.columns.of(stage.seen)
        if not columns:
            return
        cursor |= {"columns": self.columns.known}
        if self.columns.names:
            cursor["names"] = self.columns.names
        gone = self._gone()
        yield Batch(
            rows=stage.reader(columns, replaced),
            cursor=cursor,
            replaces=self._replaces(),
            upsert=tuple(self.columns.names.get(name, name) for name in self.declared.key)
            if self.incremental and not self.declared.unnest
            else (),
            gone=gone,
            rejects=stage.told_rejects(self.table.name),
            size=lambda: self.client.received,
            expected=self.total,
            findings=lambda: self._told(),
        )
        # Asked for more, the one who reads has committed it.
        self.batches_out += 1
        self.rows_out += stage.rows - len(replaced)
        stage.close()
        self.stage, self.parents = Stage(key=self.declared.key), []

    def _gone(self) -> pa.Table | None:
        import pyarrow as pa

        if not self.incremental or not self.parents:
            return None
        if self.declared.driver is self.declared and not self.declared.unnest:
            return None  # only some rows of each parent were asked for
        names = list(self.parents[0])
        types = [self.columns.known.get(name, "") for name in names]
        arrays = []
        for name, kind in zip(names, types, strict=True):
            values = [parent[name] for parent in self.parents]
            if not kind:
                seen = kinds.Seen()
                for value in values:
                    seen.add(value)
                kind = kinds.fitting(seen, "") or "VARCHAR"
            arrow = kinds.arrow_type(kind)
            arrays.append(pa.array([kinds.as_type(value, arrow) for value in values], type=arrow))
        return pa.table(dict(zip(names, arrays, strict=True)))

    def _replaces(self) -> Replaced | None:
        """Rows that this reading gives again and that cannot be told apart by a key."""
        progress, held = self.progress, self.cursor
        if self.declared.key or progress is None or self.batches_out or held is None or self.declared.unnest:
            return None
        if (held.get("reading") or {}).get("place") and not self.restarted:
            return None
        begin = progress.begin() if held.get("since") is not None else None
        if begin is None:
            begin = comparable((held.get("reading") or {}).get("low"), progress.since.format)
        if begin is None:
            return None
        kind = self.columns.known.get(progress.column, "VARCHAR")
        return Replaced(column=progress.column, value=_as_scalar(begin, kind, held), onward=True)

    def _expect_key(self) -> None:
        if not self.stage.rows:
            return
        for name in self.declared.key:
            if name not in self.stage.seen:
                keys = ", ".join(f"`{key}`" for key in list(self.stage.seen)[:12])
                message = f"the rows have no `{name}`, which `key:` names; they have {keys}"
                raise self._problem("bad-key", message, "Name what tells two rows apart.")
        if (progress := self.progress) is not None and progress.high is None and progress.without:
            message = f"the rows have no value in `{progress.column}`, which `cursor:` names"
            raise self._problem("bad-cursor", message, "Name a column that grows with every change.")

    def _bad_key(self, row: Row) -> SourceError:
        example = ", ".join(f"{name} = {kinds.as_text(row.get(name))}" for name in self.declared.key)
        message = f"the key is not unique: two different rows have {example}"
        return self._problem("bad-key", message, "Name all columns of the key (`key: [a, b]`).")

    # ---- what a person is told

    def _told(self) -> Sequence[Finding]:
        found = list(self.warnings)
        if (progress := self.progress) is not None:
            if progress.without:
                found.append(f"{progress.without:,} rows have no value in the cursor column `{progress.column}`")
            if progress.older and progress.since.param:
                found.append(
                    f"{progress.older:,} rows are older than was asked for by `{progress.since.param}`: is that the "
                    "right parameter?"
                )
        where = self._where()
        return [
            Finding(code="rest", message=f"{where}: {told}.", hint="The rows are kept.", severity="warning")
            for told in found
        ]

    def _where(self) -> str:
        host = urlsplit(self.client.home).netloc.rpartition("@")[2]
        return f"`{self.table.name}` of {host}"

    def _error(self, failed: Failed) -> SourceError:
        return self._problem(failed.code, f"{failed.call} {failed.what}", failed.hint)

    def _problem(self, code: str, message: str, hint: str) -> SourceError:
        """A Finding that says what was kept and where the cursor stands."""
        message = self.client.veil.hide(f"{self._where()}: {message}. {self._kept()}")
        return SourceError(findings=[Finding(code=code, message=message, hint=self.client.veil.hide(hint))])

    def _kept(self) -> str:
        if not self.incremental:
            return "Nothing of this reading was kept: the table is as it was."
        column = self.progress.column if self.progress is not None else ""
        held = (self.cursor or {}).get("since")
        stands = f"{column} = {held}" if held is not None else "the beginning"
        if self.batches_out:
            return (
                f"{self.rows_out:,} rows of this reading are kept, and the next run goes on behind them; the cursor "
                f"stands at {stands} until all are read."
            )
        return f"Nothing of this reading was kept; what was loaded before stays, and the cursor stands at {stands}."


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


def _as_scalar(value: Any, kind: str, held: Mapping[str, Any]) -> Any:
    """A JSON scalar that reads as a value of this type."""
    if isinstance(value, datetime):
        if kind == "DATE":
            return value.date().isoformat()
        return value.isoformat() if "ZONE" in kind else value.replace(tzinfo=None).isoformat()
    if isinstance(value, Decimal):
        return int(value) if value == int(value) else str(value)
    return value
