"""Whether two states of a table hold the same rows, though their files differ."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from wherry.lake import iceberg
from wherry.lake.pointer import Pointer, same
from wherry.lake.storage import Storage

#: In a snapshot's summary: the snapshot whose very rows this one holds in other files.
ROWS_OF = "wherry.rows-of"


def rows_of(snapshot: Mapping[str, Any]) -> str:
    """The snapshot that this one has its rows from: itself, unless upkeep wrote it."""
    return str((snapshot.get("summary") or {}).get(ROWS_OF) or snapshot["snapshot-id"])


def unmoved(one: Pointer | None, other: Pointer | None, storage: Storage) -> bool:
    """Whether two pointers mean the same rows and the same state; what upkeep did to the files does not count."""
    if same(one, other):
        return True
    if one is None or other is None or one.kind != "table" or other.kind != "table" or one.state != other.state:
        return False
    if one.location is None or other.location is None:
        return False
    return _identity(storage.read(one.location)) == _identity(storage.read(other.location))


def _identity(metadata: dict[str, Any]) -> tuple[Any, ...]:
    snapshot = iceberg.current_snapshot(metadata)
    rows = rows_of(snapshot) if snapshot is not None else ""
    return metadata["table-uuid"], metadata["current-schema-id"], rows
