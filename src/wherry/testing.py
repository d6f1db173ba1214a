"""Tests that every plugin must pass; call them from your own pytest.

from wherry.testing import check_source

def test_my_source():
    check_source(source, options, TableRequest(name="orders", mode="incremental"), expected_rows=3, change=add_rows)
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from datetime import date, datetime
from typing import TYPE_CHECKING, Any

from wherry.ports import REJECT_COLUMNS, Batch, Replaced, Source, TableRequest

if TYPE_CHECKING:
    import pyarrow as pa


class Loaded:
    """A table as a lake would hold it: rows and cursor that were committed together."""

    def __init__(self, mode: str) -> None:
        self.mode = mode
        self.rows: list[dict[str, Any]] = []
        self.cursor: Mapping[str, Any] | None = None
        self.schema: pa.Schema | None = None

    def commit(self, batch: Batch, *, first: bool) -> None:
        """Take a batch in, the way a run does."""
        import pyarrow as pa

        first_ever = self.cursor is None
        table = batch.rows if isinstance(batch.rows, pa.Table) else batch.rows.read_all()
        rejects = batch.rejects()
        if rejects is not None:
            assert tuple(rejects.column_names) == REJECT_COLUMNS, f"rejects have columns {rejects.column_names}"
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
        self.cursor = as_json(batch.cursor)


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
        assert loaded.cursor == cursors[kept - 1], f"batch {kept} has another cursor when it is read again"
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
