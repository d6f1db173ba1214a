"""A table of an API becomes batches: rows with the cursor that says where to go on."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import field
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from wherry.errors import SourceError
from wherry.http.client import Client, Failed
from wherry.model.dataclass import dataclass
from wherry.model.finding import Finding
from wherry.ports import Batch, Passed, Replaced, TableRequest
from wherry.sources.rest import kinds
from wherry.sources.rest.columns import Columns
from wherry.sources.rest.declared import Declared, Row
from wherry.sources.rest.listing import Rows
from wherry.sources.rest.options import Since
from wherry.sources.rest.since import Progress, comparable
from wherry.sources.rest.stage import Stage
from wherry.sources.rest.walk import Place, Walk

if TYPE_CHECKING:
    import pyarrow as pa

#: Bytes of rows that are committed together at most, about.
COMMIT_BYTES = 256 << 20

#: Answers that are looked at to tell whether there is something new.
LOOK = 5


@dataclass(slots=True, kw_only=True)
class Reading:
    """One reading of a table."""

    declared: Declared
    client: Client
    table: TableRequest
    cursor: Mapping[str, Any] | None
    commit_every: int
    hosts: tuple[str, ...] = ()
    walk: Walk = field(init=False)
    #: Batches and rows that were handed out, which are then committed.
    batches_out: int = 0
    rows_out: int = 0
    #: Bytes that had come when the last batch was handed out.
    size_out: int = 0
    #: Whether the place that was kept led nowhere.
    restarted: bool = False
    columns: Columns = field(init=False)

    def __post_init__(self) -> None:
        held = self.cursor or {}
        self.walk = Walk(declared=self.declared, client=self.client, hosts=self.hosts)
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
            self.walk.progress = Progress(
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
    def stage(self) -> Stage:
        return self.walk.stage

    @property
    def progress(self) -> Progress | None:
        return self.walk.progress

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
            for place in self.walk.through(begun.get("place") or {}):
                self._tell()
                full = self.stage.rows >= self.commit_every or self.stage.size >= COMMIT_BYTES
                if self.incremental and full:
                    yield from self._out(self._unfinished(place))
        except Failed as failed:
            # The place that was kept may mean nothing to the API any more: what it led to is then read from its start.
            if not (begun.get("place") and failed.status in (400, 404, 410, 422) and not self.batches_out):
                raise
            self._begin_again()
            for place in self.walk.through({}):
                self._tell()
                full = self.stage.rows >= self.commit_every or self.stage.size >= COMMIT_BYTES
                if self.incremental and full:
                    yield from self._out(self._unfinished(place))
        cursor = self._finished()
        if self.batches_out == 0 and not resumed and self._nothing_new(cursor):
            return
        yield from self._out(cursor)

    def _tell(self) -> None:
        """How far it is with the next batch, whose rows wait until all of them came."""
        passed = Passed(rows=self.stage.rows, size=self.client.received - self.size_out, expected=self._expected())
        self.table.tell(passed)

    def _expected(self) -> int | None:
        """How many rows are to come, as the API says; in pieces of time it says so of each piece only."""
        spans = self.declared.since.step if self.declared.since is not None else ""
        if self.walk.total is None or spans or self.declared.unnest:
            return None
        return max(self.walk.total - self.rows_out, self.stage.rows)

    def _begin_again(self) -> None:
        self.walk.begin_again()
        self.restarted = True

    def look(self) -> str | None:
        """Why there is something to read, from the first answers only."""
        driver = self.declared.driver if self.incremental else self.declared
        if self.declared.each is not None and (driver is None or driver is self.declared):
            self.stage.close()
            return "it is asked for each row of another table"
        try:
            table = driver or self.declared
            sink: Any = self.walk.sink() if table is self.declared else Rows()
            progress = self.progress if self.incremental else None
            for number, step in enumerate(self.walk.stretches(table, sink, None, {}, progress=progress), 1):
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
        self.walk.enough = limit
        try:
            for _ in self.walk.through({}):
                if self.stage.rows >= limit:
                    break
            columns = self.columns.of(self.stage.seen)
            return self.stage.reader(columns, set()).read_all().slice(0, limit)
        except Failed as failed:
            raise self._error(failed) from None
        finally:
            self.stage.close()

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
            return self.stage.rows == 0 and not self.walk.parents and cursor["since"] == held.get("since")
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
        came, self.size_out = self.client.received - self.size_out, self.client.received
        yield Batch(
            rows=stage.reader(columns, replaced),
            cursor=cursor,
            replaces=self._replaces(),
            upsert=tuple(self.columns.names.get(name, name) for name in self.declared.key)
            if self.incremental and not self.declared.unnest
            else (),
            gone=gone,
            rejects=stage.told_rejects(self.table.name),
            size=lambda: came,
            expected=self._expected(),
            findings=lambda: self._told(),
        )
        # Asked for more, the one who reads has committed it.
        self.batches_out += 1
        self.rows_out += stage.rows - len(replaced)
        self.walk.begin_again()

    def _gone(self) -> pa.Table | None:
        import pyarrow as pa

        if not self.incremental or not self.walk.parents:
            return None
        if self.declared.driver is self.declared and not self.declared.unnest:
            return None  # only some rows of each parent were asked for
        names = list(self.walk.parents[0])
        types = [self.columns.known.get(name, "") for name in names]
        arrays = []
        for name, kind in zip(names, types, strict=True):
            values = [parent[name] for parent in self.walk.parents]
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
                hint = "Name what tells two rows apart; or say where in the answer the rows are (`records: data`)."
                raise self._problem("bad-key", message, hint)
        if (progress := self.progress) is not None and progress.high is None and progress.without:
            message = f"the rows have no value in `{progress.column}`, which `cursor:` names"
            raise self._problem("bad-cursor", message, "Name a column that grows with every change.")

    def _bad_key(self, row: Row) -> SourceError:
        example = ", ".join(f"{name} = {kinds.as_text(row.get(name))}" for name in self.declared.key)
        message = f"the key is not unique: two different rows have {example}"
        return self._problem("bad-key", message, "Name all columns of the key (`key: [a, b]`).")

    # ---- what a person is told

    def _told(self) -> Sequence[Finding]:
        found = list(self.walk.warnings)
        if (progress := self.progress) is not None:
            if progress.without:
                have = "row has" if progress.without == 1 else "rows have"
                found.append(f"{progress.without:,} {have} no value in the cursor column `{progress.column}`")
            if progress.older and progress.since.param:
                are = "row is" if progress.older == 1 else "rows are"
                found.append(
                    f"{progress.older:,} {are} older than was asked for by `{progress.since.param}`: is that the "
                    "right parameter?"
                )
        where = self._where()
        return [
            Finding(
                code="rest",
                message=f"{where}: {told}{'' if told.endswith('?') else '.'}",
                hint="The rows are kept.",
                severity="warning",
            )
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


def _as_scalar(value: Any, kind: str, held: Mapping[str, Any]) -> Any:
    """A JSON scalar that reads as a value of this type."""
    if isinstance(value, datetime):
        if kind == "DATE":
            return value.date().isoformat()
        return value.isoformat() if "ZONE" in kind else value.replace(tzinfo=None).isoformat()
    if isinstance(value, Decimal):
        return int(value) if value == int(value) else str(value)
    return value
