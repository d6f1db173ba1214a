"""Iceberg table metadata: made, read, and what a commit requires of it. What a commit does to it is in ``updates``.

After the Iceberg table specification (version 2) and the REST catalog's ``TableRequirement``.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from wherry.lake.refusal import bad, lost
from wherry.lake.updates import Metadata
from wherry.lake.updates import apply as apply

#: Branches and older commits share files with a table: no engine may delete files that a table does not need any more.
SHARED = {"gc.enabled": "false"}


def empty(location: str = "") -> Metadata:
    """A table before its first commit."""
    return {
        "format-version": 2,
        "table-uuid": "",
        "location": location,
        "last-sequence-number": 0,
        "last-updated-ms": 0,
        "last-column-id": 0,
        "current-schema-id": -1,
        "schemas": [],
        "default-spec-id": 0,
        "partition-specs": [],
        "last-partition-id": 999,
        "default-sort-order-id": 0,
        "sort-orders": [],
        "properties": dict(SHARED),
        "current-snapshot-id": None,
        "refs": {},
        "snapshots": [],
        "snapshot-log": [],
        "metadata-log": [],
    }


def staged(request: Mapping[str, Any], location: str, table_uuid: str) -> Metadata:
    """The metadata of a table that a client asks to create."""
    spec = request.get("partition-spec") or {"spec-id": 0, "fields": []}
    order = request.get("write-order") or {"order-id": 0, "fields": []}
    properties = dict(request.get("properties") or {})
    # Clients ask for a version this way; it is no property of the table.
    version = str(properties.pop("format-version", 2))
    if version not in ("2", "3"):
        raise bad(f"format version {version} is not possible here: tables are Iceberg version 2")
    updates: list[dict[str, Any]] = [
        {"action": "assign-uuid", "uuid": table_uuid},
        {"action": "upgrade-format-version", "format-version": int(version)},
        {"action": "add-schema", "schema": {**request["schema"], "schema-id": 0}},
        {"action": "set-current-schema", "schema-id": -1},
        {"action": "add-spec", "spec": {**spec, "spec-id": 0}},
        {"action": "set-default-spec", "spec-id": -1},
        {"action": "add-sort-order", "sort-order": order},
        {"action": "set-default-sort-order", "sort-order-id": -1},
        {"action": "set-properties", "updates": properties},
    ]
    return apply(empty(location), updates)


def registered(metadata: Any) -> Metadata:
    """Metadata that somebody else wrote, in the form that is kept here; 400 when it is no table's."""
    if not isinstance(metadata, dict) or "table-uuid" not in metadata or "schemas" not in metadata:
        raise bad("the file holds no metadata of an Iceberg table of version 2")
    if metadata.get("format-version") not in (2, 3):
        raise bad(f"the table has format version {metadata.get('format-version')}; upgrade it to 2 first")
    whole = {**empty(), **{k: v for k, v in metadata.items() if v is not None}}
    whole["properties"] = {**whole["properties"], **SHARED}
    if whole["current-snapshot-id"] == -1:
        whole["current-snapshot-id"] = None
    if whole["current-snapshot-id"] is not None and "main" not in whole["refs"]:
        main = {"snapshot-id": whole["current-snapshot-id"], "type": "branch"}
        whole["refs"] = {**whole["refs"], "main": main}
    return whole


def rows(metadata: Metadata) -> int | None:
    """Rows of the current snapshot as its summary tells, or None when it does not."""
    current = current_snapshot(metadata)
    if current is None:
        return 0
    summary = current.get("summary") or {}
    try:
        if int(summary.get("total-equality-deletes", 0)):
            return None  # each of them deletes any number of rows
        return int(summary["total-records"]) - int(summary.get("total-position-deletes", 0))
    except (KeyError, ValueError):
        return None


def current_snapshot(metadata: Metadata) -> dict[str, Any] | None:
    wanted = metadata.get("current-snapshot-id")
    for snapshot in reversed(metadata["snapshots"]):
        if snapshot["snapshot-id"] == wanted:
            return snapshot  # type: ignore[no-any-return]
    return None


def current_schema(metadata: Metadata) -> dict[str, Any]:
    for schema in metadata["schemas"]:
        if schema.get("schema-id", 0) == metadata["current-schema-id"]:
            return schema  # type: ignore[no-any-return]
    raise bad("the table has no schema")


def without_history(metadata: Metadata) -> Metadata:
    """The metadata with only those snapshots that a ref names."""
    named = {ref["snapshot-id"] for ref in metadata["refs"].values()}
    return {**metadata, "snapshots": [s for s in metadata["snapshots"] if s["snapshot-id"] in named]}


def check(metadata: Metadata | None, requirements: Sequence[Mapping[str, Any]]) -> None:
    """Refuse (409) a commit whose requirements the table (None: there is none) does not meet."""
    for requirement in requirements:
        kind = requirement["type"]
        if kind == "assert-create":
            if metadata is not None:
                raise lost("the table exists already")
            continue
        if metadata is None:
            raise lost("the table does not exist any more")
        if kind == "assert-ref-snapshot-id":
            ref = metadata["refs"].get(requirement["ref"])
            found, wanted = ref and ref["snapshot-id"], requirement.get("snapshot-id")
            # Clients write both null and -1 for a table without a snapshot.
            found, wanted = (None if found == -1 else found), (None if wanted == -1 else wanted)
        elif kind in _ASSERTED:
            said, kept = _ASSERTED[kind]
            found, wanted = metadata[kept], requirement[said]
        else:
            raise bad(f"the requirement {kind} is not known")
        if found != wanted:
            raise lost(f"{kind} failed: the table was changed meanwhile (has {found}, the commit expects {wanted})")


#: Requirement -> what it calls the value, what the metadata calls it.
_ASSERTED = {
    "assert-table-uuid": ("uuid", "table-uuid"),
    "assert-current-schema-id": ("current-schema-id", "current-schema-id"),
    "assert-default-spec-id": ("default-spec-id", "default-spec-id"),
    "assert-default-sort-order-id": ("default-sort-order-id", "default-sort-order-id"),
    "assert-last-assigned-field-id": ("last-assigned-field-id", "last-column-id"),
    "assert-last-assigned-partition-id": ("last-assigned-partition-id", "last-partition-id"),
}
