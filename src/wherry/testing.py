"""Tests that every plugin must pass; call them from your own pytest.

from wherry.testing import check_source

def test_my_source():
    check_source(source, options, TableRequest(name="orders", mode="incremental"), expected_rows=3, change=add_rows)

def test_my_kind_of_check():
    check_check(my_kind, column="price", columns={"price": "INTEGER"}, rows=[(99,), (100,), (None,)], failing=1)
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from types import ModuleType
from typing import TYPE_CHECKING, Any

from wherry.model.asset import Check
from wherry.model.run import CheckResult
from wherry.ports import REJECT_COLUMNS, Batch, Query, Replaced, Source, TableRequest

if TYPE_CHECKING:
    import pyarrow as pa


class Loaded:
    """A table as a lake would hold it: rows and cursor that were committed together."""

    def __init__(self, mode: str) -> None:
        self.mode = mode
        self.rows: list[dict[str, Any]] = []
        self.cursor: Mapping[str, Any] | None = None
        self.schema: pa.Schema | None = None
        #: Rows held after each batch.
        self.counts: list[int] = []

    def commit(self, batch: Batch, *, first: bool) -> None:
        """Take a batch in, the way a run does."""
        first_ever = self.cursor is None
        table = _table(batch.rows)
        rejects = batch.rejects()
        if rejects is not None:
            assert tuple(rejects.column_names) == REJECT_COLUMNS, f"rejects have columns {rejects.column_names}"
        if batch.origins is not None:
            some = range(0, table.num_rows, 3)
            told = len(list(batch.origins(iter(some))))
            assert told == len(some), f"the places of {len(some)} rows were asked for, and {told} were told"
        if self.mode == "full" and first:
            self.rows = []
        rows = table.to_pylist()
        if batch.replaces is not None and not first_ever:
            self.rows = [row for row in self.rows if not is_replaced(row, batch.replaces)]
        if batch.upsert:
            keys = [tuple(row[column] for column in batch.upsert) for row in rows]
            taken = set(keys)
            assert len(taken) == len(keys), "two rows of a batch have the same key"
            self.rows = [row for row in self.rows if tuple(row[column] for column in batch.upsert) not in taken]
        if batch.gone is not None:
            left = {tuple(row.values()) for row in batch.gone.to_pylist()}
            self.rows = [row for row in self.rows if tuple(row[name] for name in batch.gone.schema.names) not in left]
        if batch.present is not None:
            held = {tuple(row.values()) for row in batch.present.read_all().to_pylist()}
            names = batch.present.schema.names
            self.rows = [row for row in self.rows if tuple(row[name] for name in names) in held]
        if self.schema is not None and self.mode != "full":
            missing = set(self.schema.names) - set(table.schema.names)
            assert not missing, f"a later batch has no column {sorted(missing)}: a schema may only grow"
        self.schema = table.schema
        self.rows += rows
        self.counts.append(len(self.rows))
        self.cursor = as_json(batch.reached())


def _table(rows: pa.RecordBatchReader | pa.Table | Query) -> pa.Table:
    import pyarrow as pa

    from wherry.engines.duckdb import read_query

    if isinstance(rows, Query):
        return read_query(rows)
    return rows if isinstance(rows, pa.Table) else rows.read_all()


def is_replaced(row: Mapping[str, Any], replaced: Replaced) -> bool:
    """Whether a row goes for a batch with this ``replaces``; values are compared as the row's own type."""
    value = row.get(replaced.column)
    if value is None:
        return replaced.nulls
    if isinstance(value, datetime):
        old: Any = datetime.fromisoformat(str(replaced.value))
        old = old if (old.tzinfo is None) == (value.tzinfo is None) else old.replace(tzinfo=value.tzinfo)
    else:
        old = date.fromisoformat(replaced.value) if isinstance(value, date) else type(value)(replaced.value)
    return bool(value >= old if replaced.onward else value == old)


def as_json(cursor: Mapping[str, Any]) -> dict[str, Any]:
    """The cursor as it comes back from the lake's database."""
    copy = json.loads(json.dumps(cursor, allow_nan=False))
    assert copy == cursor, f"the cursor is not plain JSON: {cursor!r} comes back as {copy!r}"
    assert isinstance(copy, dict), "the cursor is not a JSON object"
    return copy


def load(
    source: Source, options: Any, table: TableRequest, loaded: Loaded, *, stop_after: int | None = None
) -> list[dict[str, Any] | None]:
    """Read on from what is loaded; returns the cursors after each batch. ``stop_after`` abandons the rest."""
    cursors: list[dict[str, Any] | None] = []
    batches: Iterator[Batch] = iter(source.read(options, table, loaded.cursor))
    try:
        for number, batch in enumerate(batches):
            loaded.commit(batch, first=number == 0)
            cursors.append(dict(loaded.cursor or {}))
            if number + 1 == stop_after:
                break
    finally:
        close = getattr(batches, "close", None)
        if close is not None:
            close()
    return cursors


def fingerprint(rows: list[dict[str, Any]]) -> list[str]:
    """Rows in an order of their own, to compare what two loads hold."""
    return sorted(repr(sorted(row.items(), key=lambda pair: pair[0])) for row in rows)


def check_source(
    source: Source,
    options: Any,
    table: TableRequest,
    expected_rows: int | list[dict[str, Any]],
    change: Callable[[], int | list[dict[str, Any]]] | None = None,
) -> None:
    """The conformance test of a ``Source``: replay, kill and resume lose nothing and repeat nothing.

    ``expected_rows`` is how many rows the system holds, or the rows themselves. ``change`` changes the system (adds a
    row, say) and returns what is expected then.
    """
    whole = Loaded(table.mode)
    reason = source.changed(options, table, None)
    cursors = load(source, options, table, whole)
    assert bool(reason) == bool(cursors), f"changed() says {reason!r}, and read() gives {len(cursors)} batches"
    expect(whole, expected_rows, "the first load")
    if table.mode != "full":
        check_resume(source, options, table, whole, cursors)
    check_at_rest(source, options, table, whole)
    columns = source.columns(options, table)
    if columns is not None and whole.schema is not None:
        assert set(columns) <= set(whole.schema.names), f"columns() tells of {sorted(columns)}"
    if change is None:
        return
    expected = change()
    reason = source.changed(options, table, whole.cursor)
    assert reason, "changed() sees no change"
    assert load(source, options, table, whole), f"changed() says {reason!r}, and read() gives nothing"
    expect(whole, expected, "the load after the change")
    check_at_rest(source, options, table, whole)


def check_resume(
    source: Source, options: Any, table: TableRequest, whole: Loaded, cursors: list[dict[str, Any] | None]
) -> None:
    """Abandon a load after each of its batches, and go on from the cursor that was committed with it."""
    for kept in range(1, len(cursors)):
        loaded = Loaded(table.mode)
        load(source, options, table, loaded, stop_after=kept)
        assert loaded.counts == whole.counts[:kept], f"batch {kept} has other rows when it is read again"
        assert source.changed(options, table, loaded.cursor), f"changed() sees nothing left after batch {kept}"
        load(source, options, table, loaded)
        same = fingerprint(loaded.rows) == fingerprint(whole.rows)
        assert same, f"killed after batch {kept}, the load ends with {len(loaded.rows)} rows, not {len(whole.rows)}"


def check_at_rest(source: Source, options: Any, table: TableRequest, loaded: Loaded) -> None:
    """With the last cursor there is nothing more to read."""
    assert source.changed(options, table, loaded.cursor) is None, (
        "changed() speaks of a change after everything was read"
    )
    again = list(source.read(options, table, loaded.cursor))
    assert not again, f"a read with the last cursor gives {len(again)} more batches"


def expect(loaded: Loaded, expected: int | list[dict[str, Any]], when: str) -> None:
    if isinstance(expected, int):
        assert len(loaded.rows) == expected, f"{when} gives {len(loaded.rows)} rows, and {expected} are expected"
    else:
        assert fingerprint(loaded.rows) == fingerprint(expected), f"{when} gives {loaded.rows}, not {expected}"


def check_check(
    kind: ModuleType,
    *,
    columns: Mapping[str, str],
    rows: Sequence[Sequence[Any]],
    column: str = "",
    arguments: Mapping[str, Any] | None = None,
    failing: int | None = None,
    passes: bool | None = None,
    now: datetime | None = None,
) -> CheckResult:
    """The conformance test of a kind of check: it judges these rows as expected, and no rows without an error.

    ``columns`` maps names to DuckDB types. ``failing`` is how many rows break it; ``passes`` is for kinds that count no
    rows. Returns the verdict.
    """
    from wherry.plugins import FACES

    own = [face for face in FACES if hasattr(kind, face)]
    assert own, f"it has none of {', '.join(FACES)}"
    assert len(own) == 1 or set(own) - {"bad_rows"} < set(own), f"it has several faces: {', '.join(own)}"
    needs_judge = {"aggregates", "group_by", "query"} & set(own)
    assert not needs_judge or hasattr(kind, "judge"), f"`{own[0]}` needs `judge`"
    check = Check(kind="tested", column=column, arguments=dict(arguments or {}), text=kind.__name__)
    before = repr(check)
    verdict = _verdict(kind, check, columns, rows, now)
    assert verdict.error == "", f"it cannot be decided: {verdict.error}"
    assert repr(check) == before, "it changes the check that it is given"
    if failing is not None:
        assert verdict.failing == failing, f"{verdict.failing} rows break it, and {failing} are expected"
        passes = not failing if passes is None else passes
    if passes is not None:
        expected = "passed" if passes else "failed"
        assert verdict.state == expected, f"it {verdict.state}, and is expected to have {expected}: {verdict.why}"
    for what, some in (("no rows", []), ("a row of nulls", [[None] * len(columns)])):
        empty = _verdict(kind, check, columns, some, now)
        assert empty.error == "", f"of {what} it cannot be decided: {empty.error}"
    again = _verdict(kind, check, columns, [*reversed(rows)], now)
    assert needs_judge or again.failing == verdict.failing, "it depends on the order of the rows"
    return verdict


def _verdict(
    kind: ModuleType, check: Check, columns: Mapping[str, str], rows: Sequence[Sequence[Any]], now: datetime | None
) -> CheckResult:
    from wherry.engines.duckdb import DuckDB
    from wherry.quoting import name
    from wherry.run.checking import run_checks

    with TemporaryDirectory() as folder:
        db = DuckDB(folder=Path(folder), scratch=Path(folder))
        try:
            db.execute("CREATE SCHEMA s")
            db.execute(f"CREATE TABLE s.t ({', '.join(f'{name(c)} {type_}' for c, type_ in columns.items())})")
            for row in rows:
                db.connection.execute(f"INSERT INTO s.t VALUES ({', '.join('?' * len(columns))})", list(row))
            (verdict,) = run_checks(db, "s.t", [check], find=lambda _: kind, now=now)
        finally:
            db.close()
    return verdict
