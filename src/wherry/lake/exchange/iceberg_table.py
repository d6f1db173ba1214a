"""Iceberg tables that another catalog wrote: registered by their metadata file, never changed.

The lake keeps its own metadata file, which names the same data files. What is written to the table afterwards lies
in the lake; the other catalog's table stays as it is.
"""

from __future__ import annotations

import gzip
import json
import re
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wherry import quoting
from wherry.errors import LakeError
from wherry.lake import iceberg
from wherry.lake.exchange.foreign import Foreign, Offer, told
from wherry.model.finding import Finding

if TYPE_CHECKING:
    from wherry.duckdb import DuckDBPyConnection

EXTENSIONS = ()
_ENDING = ".metadata.json"
#: Properties that would send what is written next to the other catalog's folder.
_ELSEWHERE = ("write.data.path", "write.metadata.path", "write.folder-storage.path", "write.object-storage.path")


def offers(connection: DuckDBPyConnection, foreign: Foreign) -> list[Offer]:
    """The one table of a metadata file, or of a table's folder: its newest."""
    file = foreign.path if foreign.path.endswith(_ENDING) else _newest(connection, foreign)
    with told(foreign):
        metadata = _read(file, foreign)
    version = metadata.get("format-version", 1)
    why = f"its format version is {version}, and the lake's tables are version 2" if version > 2 else ""
    if not why and any("manifest-list" not in snapshot for snapshot in metadata.get("snapshots") or ()):
        why = "it was written before Iceberg had lists of manifests"
    _refuse_what_would_be_lost(foreign, metadata)
    return [Offer(select=f"SELECT * FROM iceberg_scan({quoting.text(file)})", metadata=metadata, why_copy=why)]


def for_the_lake(metadata: Mapping[str, Any], location: str) -> dict[str, Any]:
    """The same table at another location, as version 2: same schema, snapshots and data files, another identity."""
    schemas = metadata.get("schemas") or [{"schema-id": 0, **metadata["schema"]}]
    specs = metadata.get("partition-specs") or [{"spec-id": 0, "fields": metadata.get("partition-spec") or []}]
    current = metadata.get("current-snapshot-id")
    current = None if current == -1 else current
    refs = dict(metadata.get("refs") or {})
    if current is not None:
        refs["main"] = {"type": "branch", **refs.get("main", {}), "snapshot-id": current}
    used = [field.get("field-id", 999) for spec in specs for field in spec["fields"]]
    properties = {k: v for k, v in (metadata.get("properties") or {}).items() if k not in _ELSEWHERE}
    kept = {k: v for k, v in metadata.items() if k not in ("schema", "partition-spec")}
    return {
        **iceberg.empty(location),
        **kept,
        "format-version": 2,
        "table-uuid": str(uuid.uuid4()),
        "location": location,
        "last-sequence-number": metadata.get("last-sequence-number", 0),
        "current-schema-id": metadata.get("current-schema-id", 0),
        "schemas": schemas,
        "default-spec-id": metadata.get("default-spec-id", 0),
        "partition-specs": specs,
        "last-partition-id": metadata.get("last-partition-id", max(used, default=999)),
        "default-sort-order-id": metadata.get("default-sort-order-id", 0),
        "sort-orders": metadata.get("sort-orders") or [{"order-id": 0, "fields": []}],
        "properties": properties,
        "current-snapshot-id": current,
        "refs": refs,
        "snapshots": [{"sequence-number": 0, **snapshot} for snapshot in metadata.get("snapshots") or ()],
        "snapshot-log": metadata.get("snapshot-log") or [],
        # The files of its past are the other catalog's.
        "metadata-log": [],
    }


def _read(file: str, foreign: Foreign) -> dict[str, Any]:
    if foreign.remote:
        from wherry.lake.bucket import Bucket

        raw = Bucket(file.rpartition("/")[0], foreign.variables).read_bytes(file)
    else:
        raw = Path(file).read_bytes()
    return json.loads(gzip.decompress(raw) if raw[:2] == b"\x1f\x8b" else raw)  # type: ignore[no-any-return]


def _newest(connection: DuckDBPyConnection, foreign: Foreign) -> str:
    files = foreign.glob(connection, f"/metadata/*{_ENDING}")
    if not files:
        finding = Finding(
            code="no-file",
            message=f"There is no Iceberg table in `{foreign.path}`.",
            hint="Name the table's folder, or its newest `.metadata.json` file.",
        )
        raise LakeError(findings=[finding])
    with told(foreign):
        return max(files, key=lambda file: (_number(file), _read(file, foreign).get("last-updated-ms", 0)))


def _number(file: str) -> int:
    found = re.match(r"v?(\d+)", file.rpartition("/")[2])
    return int(found[1]) if found else -1


def _refuse_what_would_be_lost(foreign: Foreign, metadata: Mapping[str, Any]) -> None:
    """DuckDB 1.5.5 reads nulls where a value is in the partition and not in the file, as in migrated Hive tables."""
    identity = any(
        field.get("transform") == "identity"
        for spec in metadata.get("partition-specs") or [{"fields": metadata.get("partition-spec") or []}]
        for field in spec["fields"]
    )
    if identity and "schema.name-mapping.default" in (metadata.get("properties") or {}):
        finding = Finding(
            code="values-in-partitions",
            message=f"`{foreign.path}` was made of existing files whose partition columns may be in folder names only.",
            hint="Import its Parquet files instead: name the folder that holds them, with --format parquet.",
        )
        raise LakeError(findings=[finding])
