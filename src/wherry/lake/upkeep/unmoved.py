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
    if one.location is None or other.location is None or _folder(one.location) != _folder(other.location):
        # Upkeep leaves a table in its folder.
        return False
    return _identity(storage.read(one.location)) == _identity(storage.read(other.location))


def same_rows(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Whether two metadata are certainly of the same rows of one table, so that none need be read."""
    return one["table-uuid"] == other["table-uuid"] and _rows(one) == _rows(other)


def _identity(metadata: Mapping[str, Any]) -> tuple[Any, ...]:
    """What upkeep never changes: rows, columns, and what engines say of a table."""
    refs = {name: ref for name, ref in (metadata.get("refs") or {}).items() if name != "main"}
    schema = iceberg.current_schema(dict(metadata))
    return metadata["table-uuid"], schema, _rows(metadata), metadata.get("properties") or {}, refs


def _rows(metadata: Mapping[str, Any]) -> str:
    snapshot = iceberg.current_snapshot(dict(metadata))
    return rows_of(snapshot) if snapshot is not None else ""


def _folder(location: str) -> str:
    return location.rpartition("/metadata/")[0]
