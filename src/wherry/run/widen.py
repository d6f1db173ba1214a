"""Make room in a table for new rows: columns are added and types widened, if need be by writing the table again."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from wherry.engines.duckdb import DuckDB
from wherry.lake.pointer import Put
from wherry.model.asset import Asset
from wherry.quoting import full_name, name
from wherry.run.evolve import Columns, Room, keeps_all, room_for, unfit
from wherry.run.layout import declare_order, partitioned_by
from wherry.run.session import Session

#: Ends the name of a table that is being written with wider types.
WIDE = "__wherry_wide"


def make_room(session: Session, cursor: DuckDB, asset: Asset, table: str, there: Columns, columns: Columns) -> None:
    """Fit ``table``, which holds rows of ``asset``, to new rows. Raises ``DataError`` where it cannot be; then nothing
    of it changed."""
    room = room_for(asset, there, columns)
    place = f"lake.{full_name(table)}"
    types = {column.lower(): kind for column, kind in there}
    given = {column.lower(): kind for column, kind in columns}
    for column, kind in room.again:
        old = types[column.lower()]
        if not keeps_all(old, kind) and (example := _changed_by(cursor, place, column, old, kind)) is not None:
            raise unfit(asset, column, old, given[column.lower()], str(example))
    if room.again:
        _write_again(session, cursor, asset, table, room)
    for column, kind in room.added:
        cursor.execute(f"ALTER TABLE {place} ADD COLUMN {name(column)} {kind}")
    for column, kind in room.widened:
        cursor.execute(f"ALTER TABLE {place} ALTER COLUMN {name(column)} TYPE {kind}")


def _changed_by(cursor: DuckDB, place: str, column: str, old: str, kind: str) -> Any:
    """A value of a column that another type does not keep; None when it keeps them all."""
    back = f"TRY_CAST(TRY_CAST({name(column)} AS {kind}) AS {old})"
    found = cursor.execute(f"SELECT {name(column)} FROM {place} WHERE {back} IS DISTINCT FROM {name(column)} LIMIT 1")
    return found[0][0] if found else None


def _write_again(session: Session, cursor: DuckDB, asset: Asset, table: str, room: Room) -> None:
    """The same rows with wider types, in the table's place by one commit, with all that is known of it.

    What a killed run left under the other name is no part of the table, and goes first.
    """
    lake, branch, beside = session.lake, session.branch, table + WIDE
    if (left := lake.pointer(branch, beside)) is not None:
        lake.put(branch, [Put(name=left.full_name, kind="dropped")], author="", message=f"widen {table} again")
    casts = ", ".join(f"CAST({name(column)} AS {kind}) AS {name(column)}" for column, kind in room.again)
    select = f"SELECT * REPLACE ({casts}) FROM lake.{full_name(table)}"
    cursor.execute(f"CREATE TABLE lake.{full_name(beside)}{partitioned_by(asset)} AS {select}")
    declare_order(session, beside, asset)
    old, new = lake.pointer(branch, table), lake.pointer(branch, beside)
    assert old is not None and new is not None
    state: Mapping[str, Any] = old.state
    puts = [
        Put(name=table, kind="table", location=new.location, state=state),
        Put(name=beside, kind="dropped"),
    ]
    lake.put(branch, puts, author="", message=f"widen {asset.name}", expected={table: old.seq, beside: new.seq})
