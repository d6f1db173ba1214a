"""A table's small files and deletes become few large files: a ``replace`` snapshot with the very same rows."""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from wherry import quoting
from wherry.errors import LakeError, MissingFile
from wherry.lake import iceberg
from wherry.lake.shape import plain_bytes
from wherry.lake.upkeep import manifest
from wherry.lake.upkeep.choose import TARGET, Choice, choose
from wherry.lake.upkeep.manifest import DATA, Entry, Manifest
from wherry.lake.upkeep.scratch import Scratch, attached, emptied, holding
from wherry.lake.upkeep.unmoved import ROWS_OF, rows_of
from wherry.model.dataclass import dataclass

if TYPE_CHECKING:
    from wherry.duckdb import DuckDBPyConnection
    from wherry.lake.storage import Storage

Metadata = dict[str, Any]

#: A snapshot with more manifests than this gets few, whether or not its data files are written anew.
_MANIFESTS = 10
#: Manifests with more lines than this on average are large enough.
_LINES = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Contents:
    """A table's current snapshot and its files."""

    metadata: Metadata
    snapshot: Mapping[str, Any]
    manifests: tuple[Manifest, ...]
    entries: tuple[Entry, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """What a table's files need."""

    choice: Choice
    #: Whether its manifests are to be put together.
    manifests: bool

    @property
    def empty(self) -> bool:
        return self.choice.empty and not self.manifests


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """Files that DuckDB wrote in place of others; no pointer knows of them yet."""

    manifests: tuple[Manifest, ...] = ()
    entries: tuple[Entry, ...] = ()

    @property
    def rows(self) -> int:
        return sum(entry.rows for entry in self.entries)


def contents(storage: Storage, metadata: Metadata) -> Contents | None:
    """The files of the current snapshot; None when there is none. Raises ``MissingFile``."""
    snapshot = iceberg.current_snapshot(metadata)
    if snapshot is None:
        return None
    found, entries = _listed(storage, snapshot["manifest-list"])
    return Contents(metadata=metadata, snapshot=snapshot, manifests=found, entries=entries)


def _listed(storage: Storage, manifest_list: str) -> tuple[tuple[Manifest, ...], tuple[Entry, ...]]:
    """The manifests and files of a snapshot."""
    found = manifest.manifests(storage.read_bytes(manifest_list))
    entries: list[Entry] = []
    for each, (path, content) in zip(found, storage.read_all(each.path for each in found), strict=True):
        if content is None:
            raise MissingFile(f"the file `{path}` is missing")
        entries += manifest.entries(each, content)
    return tuple(found), tuple(entries)


def plan(table: Contents) -> Work:
    """What is worth doing. Pure."""
    choice = choose(table.entries, table.metadata["default-spec-id"], target_size(table.metadata))
    used = {entry.manifest for entry in table.entries}
    forms = {entry.form for entry in table.entries}
    many = len(used) > _MANIFESTS and len(used) > 2 * len(forms) and len(table.entries) < _LINES * len(used)
    return Work(choice=choice, manifests=many)


def target_size(metadata: Metadata) -> int:
    with suppress(ValueError):
        return max(int(metadata["properties"].get("write.target-file-size-bytes", TARGET)), 1)
    return TARGET


def write_anew(
    connection: DuckDBPyConnection, storage: Storage, table: Contents, choice: Choice, config: Mapping[str, Any]
) -> Written:
    """Have DuckDB write the rows of the chosen files to new ones, partitioned and sorted as the table says.

    Raises ``LakeError`` when a row would get lost; then nothing refers to what was written.
    """
    if not choice.data:
        return Written()
    metadata, snapshot = table.metadata, table.snapshot
    folder = f"{metadata['location']}/metadata"
    number, sequence = snapshot["snapshot-id"], snapshot["sequence-number"]
    lines = manifest.write_manifests(storage, folder, (*choice.data, *choice.deletes), number, sequence)
    listed = manifest.write_list(storage, folder, lines, number, None, sequence)
    to_read = holding(metadata, {**snapshot, "manifest-list": listed})
    scratch = Scratch(to_read, emptied(metadata, _properties(metadata)), config)
    try:
        with attached(connection, scratch, storage) as (read, written):
            order = _order(metadata)
            (inserted,) = connection.execute(f"INSERT INTO {written} FROM {read}{order}").fetchone() or (0,)
    finally:
        storage.remove([listed, *(line["manifest_path"] for line in lines)])
    made = Written()
    if scratch.snapshot is not None:
        path = scratch.snapshot["manifest-list"]
        found, entries = _listed(storage, path)
        storage.remove([path])
        made = Written(manifests=found, entries=entries)
    expected = _live(choice)
    if made.rows != inserted or (expected is not None and inserted != expected):
        forget(storage, made)
        raise LakeError(f"{inserted} rows were written and {expected} expected: the table is left as it is")
    return made


def _live(choice: Choice) -> int | None:
    """Rows of the chosen files less those deleted, as their writers counted; None where that cannot be told."""
    if len(choice.deletes) != len([d for d in choice.deletes if d.content == manifest.POSITION_DELETES and d.referred]):
        return None
    return sum(entry.rows for entry in choice.data) - sum(entry.rows for entry in choice.deletes)


def _properties(metadata: Metadata) -> dict[str, str]:
    spec = next(s for s in metadata["partition-specs"] if s["spec-id"] == metadata["default-spec-id"])
    given = {k: v for k, v in metadata["properties"].items() if k.startswith("write.parquet.compression")}
    kept = plain_bytes(metadata) | given
    # DuckDB does not cut the files of partitions to a size.
    return kept if spec["fields"] else {**kept, "write.target-file-size-bytes": str(target_size(metadata))}


def _order(metadata: Metadata) -> str:
    """``ORDER BY`` the table's order, as far as it is one of columns."""
    orders = {order["order-id"]: order["fields"] for order in metadata["sort-orders"]}
    names = {field["id"]: field["name"] for field in iceberg.current_schema(metadata)["fields"]}
    parts = [
        f"{quoting.name(names[field['source-id']])} {field['direction'].upper()} "
        f"{field['null-order'].replace('-', ' ').upper()}"
        for field in orders.get(metadata["default-sort-order-id"], ())
        if field["transform"] == "identity" and field["source-id"] in names
    ]
    return f" ORDER BY {', '.join(parts)}" if parts else ""


def still_fits(table: Contents, choice: Choice) -> bool:
    """Whether a newer state of the table still has the chosen files, with no deletes beyond those that were applied."""
    data = {entry.path for entry in table.entries if entry.content == DATA}
    chosen = {entry.path for entry in choice.data}
    known = {entry.path for entry in choice.deletes}
    if not chosen <= data:
        return False
    newer = [entry for entry in table.entries if entry.content != DATA and entry.path not in known]
    return not any(
        delete.content == manifest.EQUALITY_DELETES or delete.referred is None or delete.referred in chosen
        for delete in newer
    )


def replaced(storage: Storage, table: Contents, work: Work, written: Written) -> list[dict[str, Any]]:
    """Write the manifests of a snapshot in which the written files stand for the chosen ones; its catalog updates."""
    metadata = table.metadata
    number, sequence = secrets.randbits(62) + 1, metadata["last-sequence-number"] + 1
    folder = f"{metadata['location']}/metadata"
    gone = {entry.path for entry in (*work.choice.data, *work.choice.spent)}
    kept = [entry for entry in table.entries if entry.path not in gone]
    # A manifest of which nothing goes stays as it is.
    touched = {entry.manifest for entry in table.entries if entry.path in gone}
    used = {entry.manifest for entry in kept}
    if work.manifests:
        touched |= used
    lines = [dict(each.row) for each in table.manifests if each.path in used - touched]
    lines += manifest.write_manifests(storage, folder, (e for e in kept if e.manifest in touched), number, sequence)
    numbers = {"sequence_number": sequence, "min_sequence_number": sequence, "added_snapshot_id": number}
    lines += [{**each.row, **numbers} for each in written.manifests]
    snapshot = {
        "snapshot-id": number,
        "parent-snapshot-id": table.snapshot["snapshot-id"],
        "sequence-number": sequence,
        "timestamp-ms": max(int(time.time() * 1000), metadata["last-updated-ms"] + 1),
        "manifest-list": manifest.write_list(storage, folder, lines, number, table.snapshot["snapshot-id"], sequence),
        "summary": _summary(table, kept, written, gone),
        "schema-id": metadata["current-schema-id"],
    }
    ref = {"ref-name": "main", "type": "branch", "snapshot-id": number}
    return [{"action": "add-snapshot", "snapshot": snapshot}, {"action": "set-snapshot-ref", **ref}]


def _summary(table: Contents, kept: Sequence[Entry], written: Written, gone: set[str]) -> dict[str, str]:
    after = [*kept, *written.entries]
    data = [entry for entry in after if entry.content == DATA]
    deletes = [entry for entry in after if entry.content != DATA]
    removed = [entry for entry in table.entries if entry.path in gone]
    counts = {
        "added-data-files": len(written.entries),
        "deleted-data-files": sum(entry.content == DATA for entry in removed),
        "removed-delete-files": sum(entry.content != DATA for entry in removed),
        "added-records": written.rows,
        "deleted-records": sum(entry.rows for entry in removed if entry.content == DATA),
        "added-files-size": _size(written.entries),
        "removed-files-size": _size(removed),
        "total-data-files": len(data),
        "total-delete-files": len(deletes),
        "total-records": sum(entry.rows for entry in data),
        "total-position-deletes": sum(e.rows for e in deletes if e.content == manifest.POSITION_DELETES),
        "total-equality-deletes": sum(e.rows for e in deletes if e.content == manifest.EQUALITY_DELETES),
        "total-files-size": _size(after),
    }
    told = {name: str(count) for name, count in counts.items()}
    return {"operation": "replace", ROWS_OF: rows_of(table.snapshot), **told}


def _size(entries: Iterable[Entry]) -> int:
    return sum(entry.size for entry in entries)


def forget(storage: Storage, written: Written) -> None:
    """Remove files that certainly nothing refers to."""
    storage.remove([*(each.path for each in written.manifests), *(entry.path for entry in written.entries)])


def without_spent(work: Work, table: Contents) -> Work:
    """The same work for a newer state of the table, in which other deletes may be spent."""
    there = {entry.path for entry in table.entries}
    spent = tuple(entry for entry in work.choice.spent if entry.path in there)
    return replace(work, choice=replace(work.choice, spent=spent))
