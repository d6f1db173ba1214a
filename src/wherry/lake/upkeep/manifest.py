"""A snapshot's data and delete files, read from its manifests and written to new ones.

After the Iceberg table specification, version 2, section "Manifests".
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import field
from typing import Any

from wherry.lake.storage import Storage
from wherry.lake.upkeep import avro
from wherry.model.dataclass import dataclass

EXISTING, ADDED, DELETED = 0, 1, 2
DATA, POSITION_DELETES, EQUALITY_DELETES = 0, 1, 2
#: Field ids of a position delete file's bounds, by the path of the data file; writers of DuckDB count differently.
_PATH_FIELDS = (2147483546, 2147483646)

Row = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """A line of a snapshot's manifest list."""

    path: str
    #: The line itself.
    row: Mapping[str, Any] = field(repr=False)

    @property
    def sequence(self) -> int:
        return int(self.row["sequence_number"])

    @property
    def snapshot(self) -> int:
        return int(self.row["added_snapshot_id"])


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """What files must share to be listed in one manifest."""

    #: 0: data, 1: deletes.
    content: int
    spec: int
    #: The Avro schema of a line, as JSON text.
    schema: str = field(repr=False)
    #: The header of the manifest.
    header: tuple[tuple[str, bytes], ...] = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A data or delete file of a snapshot."""

    path: str
    #: 0: data, 1: position deletes, 2: equality deletes.
    content: int
    spec: int
    #: Values of the partition, as text: what two files of one partition share.
    partition: str
    rows: int
    #: Bytes.
    size: int
    sequence: int
    #: The manifest it was read from.
    manifest: str
    form: Form = field(repr=False)
    #: The line, its inherited values filled in.
    row: Row = field(repr=False)

    @property
    def referred(self) -> str | None:
        """The one data file that these position deletes are about, where they say it."""
        data = self.row["data_file"]
        if data.get("referenced_data_file"):
            return str(data["referenced_data_file"])
        bounds = [_bound(data.get(name)) for name in ("lower_bounds", "upper_bounds")]
        if bounds[0] is None or bounds[0] != bounds[1]:
            return None
        return bounds[0].decode("utf-8", "replace")


def _bound(bounds: Any) -> bytes | None:
    pairs = bounds.items() if isinstance(bounds, dict) else ((p["key"], p["value"]) for p in bounds or ())
    return next((value for key, value in pairs if int(key) in _PATH_FIELDS), None)


def manifests(manifest_list: bytes) -> list[Manifest]:
    """The manifests of a snapshot, from its list."""
    rows = avro.read(manifest_list).records
    return [Manifest(path=row["manifest_path"], row=row) for row in rows]


def entries(manifest: Manifest, content: bytes) -> list[Entry]:
    """The files that a manifest lists, those it says were removed left out; ``content`` is the manifest's file."""
    container = avro.read(content)
    # A line of a list in version 1 has no content; neither has the header then.
    kind, spec = int(manifest.row.get("content") or 0), int(manifest.row["partition_spec_id"])
    header = tuple(sorted(container.metadata.items()))
    form = Form(content=kind, spec=spec, schema=container.schema, header=header)
    return [_entry(row, manifest, form) for row in container.records if row["status"] != DELETED]


def added(storage: Storage, snapshot: Mapping[str, Any]) -> list[str]:
    """Every file that came with a snapshot: its list, the manifests it made, and the files that those add."""
    listed = str(snapshot["manifest-list"])
    found = [listed]
    for each in manifests(storage.read_bytes(listed)):
        if each.snapshot == snapshot["snapshot-id"]:
            found.append(each.path)
            lines = avro.read(storage.read_bytes(each.path)).records
            found += [row["data_file"]["file_path"] for row in lines if row["status"] == ADDED]
    return found


def _entry(row: Row, manifest: Manifest, form: Form) -> Entry:
    data = row["data_file"]
    sequence = row["sequence_number"] if row["sequence_number"] is not None else manifest.sequence
    file_sequence = row["file_sequence_number"] if row["file_sequence_number"] is not None else manifest.sequence
    snapshot = row["snapshot_id"] if row["snapshot_id"] is not None else manifest.snapshot
    numbers = {"snapshot_id": snapshot, "sequence_number": sequence, "file_sequence_number": file_sequence}
    return Entry(
        path=data["file_path"],
        content=int(data.get("content") or 0),
        spec=form.spec,
        partition=repr(sorted((data.get("partition") or {}).items())),
        rows=data["record_count"],
        size=data["file_size_in_bytes"],
        sequence=sequence,
        manifest=manifest.path,
        form=form,
        row={**row, **numbers, "status": EXISTING},
    )


def write_manifests(storage: Storage, folder: str, kept: Iterable[Entry], snapshot: int, sequence: int) -> list[Row]:
    """List files, which stay as they are, in new manifests below ``folder``; their lines for a manifest list.

    They survive a power cut once the pointer that leads to them is published.
    """
    groups: dict[Form, list[Entry]] = {}
    for entry in kept:
        groups.setdefault(entry.form, []).append(entry)
    return [_write(storage, folder, form, group, snapshot, sequence) for form, group in groups.items()]


def _write(storage: Storage, folder: str, form: Form, group: Sequence[Entry], snapshot: int, sequence: int) -> Row:
    content = avro.write(form.schema, (entry.row for entry in group), dict(form.header))
    path = f"{folder}/{uuid.uuid4()}-m0.avro"
    storage.put(path, content, durable=False)
    return {
        "manifest_path": path,
        "manifest_length": len(content),
        "partition_spec_id": form.spec,
        "content": form.content,
        "sequence_number": sequence,
        "min_sequence_number": min(entry.sequence for entry in group),
        "added_snapshot_id": snapshot,
        "added_files_count": 0,
        "existing_files_count": len(group),
        "deleted_files_count": 0,
        "added_rows_count": 0,
        "existing_rows_count": sum(entry.rows for entry in group),
        "deleted_rows_count": 0,
        # Bounds of the partitions would spare readers some manifests; after a rewrite there are few.
        "partitions": None,
    }


def write_list(
    storage: Storage,
    folder: str,
    lines: Iterable[Mapping[str, Any]],
    snapshot: int,
    parent: int | None,
    sequence: int,
) -> str:
    """Write a snapshot's manifest list; its path."""
    header = {"snapshot-id": snapshot, "parent-snapshot-id": parent, "sequence-number": sequence, "format-version": 2}
    # Lines of other writers may have more fields than those that every reader knows, or lack some.
    rows = [{name: line.get(name) for name in _LIST_FIELDS} for line in lines]
    path = f"{folder}/snap-{snapshot}-{uuid.uuid4()}.avro"
    content = avro.write(_LIST_SCHEMA, rows, {k: str(v).encode() for k, v in header.items() if v is not None})
    storage.put(path, content, durable=False)
    return path


def _optional(kind: Any) -> list[Any]:
    return ["null", kind]


_PARTITION_FIELD = {
    "type": "record",
    "name": "r508",
    "fields": [
        {"name": "contains_null", "type": "boolean", "field-id": 509},
        {"name": "contains_nan", "type": _optional("boolean"), "field-id": 518},
        {"name": "lower_bound", "type": _optional("bytes"), "field-id": 510},
        {"name": "upper_bound", "type": _optional("bytes"), "field-id": 511},
    ],
}
_PARTITIONS = {"type": "array", "items": _PARTITION_FIELD, "element-id": 508}
_LIST_FIELDS = {
    "manifest_path": ("string", 500),
    "manifest_length": ("long", 501),
    "partition_spec_id": ("int", 502),
    "content": ("int", 517),
    "sequence_number": ("long", 515),
    "min_sequence_number": ("long", 516),
    "added_snapshot_id": ("long", 503),
    "added_files_count": ("int", 504),
    "existing_files_count": ("int", 505),
    "deleted_files_count": ("int", 506),
    "added_rows_count": ("long", 512),
    "existing_rows_count": ("long", 513),
    "deleted_rows_count": ("long", 514),
    "partitions": (_optional(_PARTITIONS), 507),
    "key_metadata": (_optional("bytes"), 519),
}
_LIST_SCHEMA = json.dumps(
    {
        "type": "record",
        "name": "manifest_file",
        "fields": [{"name": name, "type": kind, "field-id": number} for name, (kind, number) in _LIST_FIELDS.items()],
    }
)
