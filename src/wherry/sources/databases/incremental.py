"""Mode ``incremental``: rows in order of a cursor column, in batches that are committed one by one.

A read looks at one moment of the database. It reads, in this order: rows without a value in the cursor column; with a
key, rows that others were still writing when the last read looked (where the database can tell them); then all rows
from where the last read ended, its last value included. What was loaded of these before is replaced: by key with
``key:``, else by everything from the first value on, in the transaction that brings the first batch.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import field, replace
from typing import TYPE_CHECKING, Any

from wherry.errors import SourceError
from wherry.model.dataclass import dataclass
from wherry.model.finding import Finding
from wherry.ports import Batch, Replaced, TableRequest
from wherry.sources.databases.cutting import Cuts
from wherry.sources.databases.look import Described, Field, Look, conditions, select
from wherry.sources.databases.options import TableOptions
from wherry.sources.databases.position import Position, as_text, earlier, family
from wherry.sources.databases.problems import no_column, problem, standing, telling, warning

if TYPE_CHECKING:
    import pyarrow as pa


#: A batch is read in so many pieces. Where it ends is seen in the piece behind it, which is read again after a crash.
AHEAD = 16


def changed(look: Look, table: TableRequest, cursor: Mapping[str, Any]) -> str | None:
    """Why there is something to read beyond ``cursor``; None when there is not."""
    read = _begin(look, table, cursor)
    assert read.before is not None
    return "its last load was cut off" if read.before.partial else read.news()


def read_incremental(look: Look, table: TableRequest, cursor: Mapping[str, Any] | None) -> Iterator[Batch]:
    """Batches beyond ``cursor``; see the module."""
    read = _begin(look, table, cursor)
    if read.before is not None and not read.before.partial and not read.news():
        return
    yield from read.batches()


def described(look: Look, table: TableRequest) -> Described:
    """The table, as a first load would read it. Raises ``SourceError`` where that could not begin."""
    return _begin(look, table, None).described


def _begin(look: Look, table: TableRequest, cursor: Mapping[str, Any] | None) -> _Read:
    described = look.describe(table)
    before = Position.read(cursor)
    names = [each.name for each in described.fields]
    left_out = "`columns:` leaves out `{}`, which `{}` names." if table.columns else ""

    def expect(column: str, named_by: str) -> Field:
        found = described.field(column)
        if found is None and left_out and column not in names:
            raise problem("column-left-out", left_out.format(column, named_by), f"Add `{column}` to `columns:`.")
        if found is None:
            raise no_column(described.name, column, named_by, names)
        return found

    if not table.cursor_column:
        hint = "For example `cursor: updated_at`: a column that grows with every change."
        raise problem("missing-cursor", f"`{described.name}` is incremental, which needs `cursor:`.", hint)
    column = expect(table.cursor_column, "cursor")
    if not column.order or not family(column.type):
        message = f"The column `{column.name}` of `{described.name}` is {column.native}, which cannot be a cursor."
        hint = "Take a column of numbers, times or text; or `mode: full`."
        raise problem("bad-cursor", message, hint)
    if before is not None and family(before.type) != family(column.type):
        message = (
            f"The cursor column `{column.name}` of `{described.name}` was {before.type} and is {column.native} now. "
            f"What was loaded is kept, and the cursor stands at {before}."
        )
        raise problem("cursor-type-changed", message, "Load it anew with `--full`, or change the column back.")
    key = tuple(expect(each, "key") for each in table.key)
    if before is not None and not before.printed and (old := [each for each in key if each.respelled]):
        message = (
            f"The key `{old[0].name}` of `{described.name}` is {old[0].native}, and an earlier version loaded it as "
            f"the text that a cast gives, such as 10.0.0.1/32 for 10.0.0.1: rows that come again would be there twice. "
            f"Nothing was loaded; what is loaded is kept, and the cursor stands at {before}."
        )
        raise problem("key-respelled", message, "Load it anew, once, with `--full`.")
    options: TableOptions = table.options
    if options.deletes == "compare" and not key:
        raise problem("missing-key", "`deletes: compare` needs `key:`.", "Name the column that tells rows apart.")
    try:
        earlier(column.type, "0" if family(column.type) in ("number", "float") else "2000-01-01", options.lookback)
    except ValueError as error:
        raise problem("bad-option", f"{error}.") from None
    described = replace(described, piece=max(options.batch_rows // AHEAD, 1))
    return _Read(look=look, table=table, described=described, column=column, key=key, before=before)


@dataclass(slots=True, kw_only=True)
class _Read:
    """One read of one table."""

    look: Look
    table: TableRequest
    described: Described
    column: Field
    key: tuple[Field, ...]
    before: Position | None
    findings: list[Finding] = field(default_factory=list)
    #: How many batches were consumed, and where the last one stands.
    done: int = 0
    stands: Position | None = None

    @property
    def options(self) -> TableOptions:
        return self.table.options  # type: ignore[no-any-return]

    def news(self) -> str | None:
        """Why a load that was whole is not so any more; None when it is."""
        before = self.before
        assert before is not None
        if before.value is not None:
            beyond = f"{self.column.order} > {self.look.value(self.column, before.value)}"
            if self._any(beyond):
                return f"there are rows beyond {before}"
        if self._edge(before.value) != before.edge:
            return f"rows at {before} changed" if before.value is not None else "there are rows"
        if (unseen := self._unseen()) and before.value is not None:
            late = f"{self.column.order} < {self.look.value(self.column, before.value)}"
            if self._any(conditions(late, unseen).removeprefix(" WHERE ")):
                return f"rows before {before} were committed late"
        if before.value is not None:
            # A load that found the table emptied stands where it stood, and its edge is nothing, as it is now.
            value = self.look.value(self.column, before.value)
            if not self._any(f"{self.column.order} >= {value}") and self._any(f"{self.column.order} < {value}"):
                return f"all rows are before {before}"
        if self.options.deletes == "compare" and self._count() != before.rows:
            return "rows were deleted"
        return None

    def batches(self) -> Iterator[Batch]:
        first, look = self.before is None, self.look
        flight = self.look.flight()
        unique = self._expect_key()
        newest = self._newest()
        start = self._start(newest)
        unseen = self._unseen()
        if unseen and not self.key:
            start = self._widened(start, unseen)
            unseen = ""
        streams = self._streams(start, unseen)
        cuts = Cuts(streams, self.column.name, max(self.options.batch_rows, 1))
        # What the next attempt must look for, should this one be cut off: all that its first look may not have seen.
        chain = self.before.flight if self.before is not None and self.before.partial else None
        since = dict(chain if chain is not None else (self.before.flight if self.before else flight))
        compare = self.options.deletes == "compare"
        opened = Position(
            column=self.column.name, type=self.column.type, value=start, partial=True, flight=since, printed=True
        )  # fmt: skip
        upsert = tuple(each.name for each in self.key) if not (first and unique) else ()
        replaces = None
        if not first and not self.key:
            replaces = Replaced(column=self.column.name, value=start, onward=True, nulls=True)
        self.stands = self.before
        number = 0
        while cuts.more or number == 0:

            def reached() -> dict[str, Any]:
                value = as_text(cuts.last) if cuts.last is not None else opened.value
                partial = cuts.more or compare
                with telling(look, stands(self.done, self.stands)):
                    now = replace(opened, value=value) if partial else self._whole(value, flight)
                self.done += 1
                self.stands = now
                return now.write()

            size_before = cuts.size
            rows = _Rows(self, cuts)
            yield Batch(
                rows=rows.reader(),
                cursor=reached,
                replaces=replaces if number == 0 else None,
                upsert=upsert,
                rejects=rows.rejects,
                size=lambda size_before=size_before: cuts.size - size_before,  # type: ignore[misc]
                expected=self.described.rows if first and number == 0 else None,
                findings=lambda: (*self.findings, *look.findings()),
            )
            number += 1
        if compare:
            whole = self._whole(as_text(cuts.last) if cuts.last is not None else opened.value, flight)
            keys = look.stream(select(look, self.described, only=self.key), self.described)
            yield Batch(rows=_none(cuts.schema), cursor=whole.write(), present=keys)

    def _start(self, newest: str | None) -> str | None:
        """The first value to read; None for all."""
        before = self.before
        if before is None or before.value is None:
            return None
        if newest is None:
            kept = "What was loaded is kept" if self.key else "Rows loaded from there on are taken away"
            none = f"`{self.described.name}` has no row with a value in `{self.column.name}` now"
            message = f"{none}. {kept}, and the cursor stands at {before}."
            self.findings.append(warning("cursor-backwards", message, "If that is meant, load it anew with `--full`."))
            return before.value
        value = before.value
        beyond = f"{self.look.value(self.column, newest)} < {self.look.value(self.column, value)}"
        if not before.partial and self.look.ask(f"SELECT CASE WHEN {beyond} THEN 1 ELSE 0 END")[0][0]:
            self._backwards(before, f"now ends at {newest}")
            value = newest
        try:
            return earlier(self.column.type, value, self.options.lookback)
        except (ValueError, OverflowError):
            return value

    def _backwards(self, before: Position, now: str) -> None:
        kept = "Rows loaded from beyond it are kept" if self.key else "Rows loaded from beyond it are taken away"
        message = (
            f"The cursor of `{self.described.name}` went backwards: the last load ended at {before}, and the column "
            f"{now}. {kept}, and the cursor stands there now."
        )
        hint = "If the database was restored to an earlier state, load the table anew with `--full`."
        self.findings.append(warning("cursor-backwards", message, hint))

    def _widened(self, start: str | None, unseen: str) -> str | None:
        """The first value to read, so that rows committed late are among what is read again."""
        if start is None:
            return None
        late = f"{self.column.order} < {self.look.value(self.column, start)}"
        oldest = self._ask(f"min({self.column.order})", late, unseen)
        return start if oldest is None else oldest

    def _streams(self, start: str | None, unseen: str) -> list[Any]:
        look, order = self.look, self.column.order
        wanted: list[tuple[bool, str, str]] = []
        if self.column.nullable:
            wanted.append((False, f"{order} IS NULL", ""))
            if count := int(self._count(f"{order} IS NULL")):
                rows = f"{count} row{'s' if count != 1 else ''} of `{self.described.name}`"
                message = (
                    f"{rows} {'have' if count != 1 else 'has'} no `{self.column.name}`. "
                    f"{'They are' if count != 1 else 'It is'} loaded, and read again each time."
                )
                hint = "Fill the column at the source, or take one that is never null as `cursor:`."
                self.findings.append(warning("null-cursor", message, hint))
        from_start = f"{order} >= {look.value(self.column, start)}" if start is not None else f"{order} IS NOT NULL"
        if unseen and start is not None:
            late = conditions(f"{order} < {look.value(self.column, start)}", unseen).removeprefix(" WHERE ")
            wanted.append((False, late, ""))
        wanted.append((True, from_start, order))

        def opener(condition: str, ordered_by: str) -> Any:
            sql = select(look, self.described, condition=condition, order=ordered_by)
            return lambda: look.stream(sql, self.described)

        return [(ordered, opener(condition, by)) for ordered, condition, by in wanted]

    def _whole(self, value: str | None, flight: Mapping[str, Any]) -> Position:
        """Where a load that is whole stands."""
        rows = int(self._count()) if self.options.deletes == "compare" else None
        edge, kind = self._edge(value), self.column.type
        return Position(
            column=self.column.name, type=kind, value=value, edge=edge, flight=dict(flight), rows=rows, partial=False,
            printed=True,
        )  # fmt: skip

    def _edge(self, value: str | None) -> str:
        """A fingerprint of what the next read looks at again."""
        order = self.column.order
        if value is None:
            return self.look.fingerprint(self.described, "")
        with suppress(ValueError, OverflowError):
            value = earlier(self.column.type, value, self.options.lookback)
        at = f"{order} >= {self.look.value(self.column, value)}"
        return self.look.fingerprint(self.described, f"{at} OR {order} IS NULL" if self.column.nullable else at)

    def _unseen(self) -> str:
        return self.look.unseen(self.described, self.before.flight) if self.before and self.before.flight else ""

    def _newest(self) -> str | None:
        return self._ask(f"max({self.column.order})")

    def _ask(self, what: str, *where: str) -> str | None:
        sql = f"SELECT {self.look.text(what)} FROM {self.described.relation}{conditions(self.described.where, *where)}"
        value = self.look.ask(sql)[0][0]
        return None if value is None else str(value)

    def _count(self, *where: str) -> int:
        sql = f"SELECT count(*) FROM {self.described.relation}{conditions(self.described.where, *where)}"
        return int(self.look.ask(sql)[0][0])

    def _any(self, condition: str) -> bool:
        where = conditions(self.described.where, condition)
        exists = f"EXISTS (SELECT 1 FROM {self.described.relation}{where})"
        return bool(self.look.ask(f"SELECT CASE WHEN {exists} THEN 1 ELSE 0 END")[0][0])

    def _expect_key(self) -> bool:
        """Whether the key is known to tell rows apart. Raises ``SourceError`` when it does not."""
        if not self.key:
            return False
        names = frozenset(each.name for each in self.key)
        if any(unique <= names for unique in self.described.unique):
            return True
        look, columns = self.look, ", ".join(self.look.name(each.name) for each in self.key)
        where, of = conditions(self.described.where), self.described.relation
        twice = look.ask(f"SELECT {columns}, count(*) FROM {of}{where} GROUP BY {columns} HAVING count(*) > 1")[:1]
        null = " OR ".join(f"{look.name(each.name)} IS NULL" for each in self.key)
        empty = self._count(null)
        if not twice and not empty:
            return True
        if twice:
            values, copies = twice[0][:-1], twice[0][-1]
            pairs = zip(self.key, values, strict=True)
            example = f"{copies} rows have {', '.join(f'{each.name} = {value!r}' for each, value in pairs)}"
        else:
            example = f"{empty} row{'s have' if empty != 1 else ' has'} no value in it"
        message = f"The key of `{self.described.name}` is not unique: {example}."
        raise problem(
            "bad-key", message, "Name all columns of the key (`key: [a, b]`), or mend the rows at the source."
        )


class _Rows:
    """The rows of one batch as a reader, and the error that broke them off."""

    def __init__(self, read: _Read, cuts: Cuts) -> None:
        self._read, self._cuts = read, cuts
        self._error: SourceError | None = None

    def reader(self) -> pa.RecordBatchReader:
        import pyarrow as pa

        return pa.RecordBatchReader.from_batches(self._cuts.schema, self._pieces())

    def _pieces(self) -> Iterator[Any]:
        try:
            yield from self._cuts.batch()
        except Exception as error:
            known = error if isinstance(error, SourceError) else self._read.look.explain(error)
            if known is None:
                raise
            self._error = standing(known, stands(self._read.done, self._read.stands))
            raise self._error from None

    def rejects(self) -> pa.Table | None:
        """Rows set aside; or the error that broke the rows off, of which DuckDB passes on only the text."""
        if self._error is not None:
            raise self._error
        return self._read.look.rejects()


def stands(batches: int, position: Position | None) -> str:
    """What was kept, and where the cursor stands."""
    kept = f"{batches} batch{'es' if batches != 1 else ''} of this load {'are' if batches != 1 else 'is'} kept"
    where = f"the cursor stands at {position}" if position is not None else "the cursor stands nowhere yet"
    return f"{kept if batches else 'Nothing of this load was kept'}; {where}."


def _none(schema: pa.Schema) -> pa.RecordBatchReader:
    import pyarrow as pa

    return pa.RecordBatchReader.from_batches(schema, iter(()))
