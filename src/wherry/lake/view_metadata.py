"""Iceberg view metadata: how our views look to other engines, and what their commits do to a view.

After the Iceberg view specification (version 1) and the REST catalog's ``ViewUpdate``. Pure.
"""

import time
import uuid
from collections.abc import Mapping, Sequence
from typing import Any

from wherry.lake.pointer import Pointer
from wherry.lake.refusal import bad, lost
from wherry.lake.updates import add_schema

Metadata = dict[str, Any]

#: Where a pointer's state keeps the metadata of a view that another engine wrote.
KEPT = "iceberg"
OURS = "duckdb"
_VERSIONS = 10
_VERSIONS_KEY = "version.history.num-entries"


def kept(pointer: Pointer) -> Metadata | None:
    """The metadata that came with a view; None for one that has only its query."""
    found = pointer.state.get(KEPT)
    return dict(found) if found else None


def of_query(
    pointer: Pointer, schema: Mapping[str, Any], location: str, made_ms: int, others: Mapping[str, str]
) -> Metadata:
    """The metadata of a view that has only its query: one version, in DuckDB's dialect and ``others``."""
    told = {OURS: pointer.sql, **others}
    version = {
        "version-id": 1,
        "timestamp-ms": made_ms,
        "schema-id": 0,
        "summary": {"engine-name": "wherry"},
        "representations": [{"type": "sql", "sql": sql, "dialect": dialect} for dialect, sql in told.items()],
        "default-namespace": [],
    }
    return {
        # The same view has the same id whoever asks, and another query makes no other view.
        "view-uuid": str(uuid.uuid5(uuid.NAMESPACE_URL, location)),
        "format-version": 1,
        "location": location,
        "current-version-id": 1,
        "versions": [version],
        "version-log": [{"timestamp-ms": made_ms, "version-id": 1}],
        "schemas": [{**schema, "schema-id": 0}],
        "properties": {},
    }


def created(request: Mapping[str, Any], location: str) -> Metadata:
    """The metadata of a view that a client asks to create."""
    metadata: Metadata = {
        "view-uuid": str(uuid.uuid4()),
        "format-version": 1,
        "location": location,
        "current-version-id": -1,
        "versions": [],
        "version-log": [],
        "schemas": [],
        "properties": dict(request.get("properties") or {}),
    }
    updates = [
        {"action": "add-schema", "schema": request["schema"]},
        {"action": "add-view-version", "view-version": {**request["view-version"], "schema-id": -1}},
        {"action": "set-current-view-version", "view-version-id": -1},
    ]
    return apply(metadata, updates)


def registered(metadata: Any) -> Metadata:
    """Metadata that somebody else wrote; 400 when it is no view's."""
    if not isinstance(metadata, dict) or "view-uuid" not in metadata or metadata.get("format-version") != 1:
        raise bad("the file holds no metadata of an Iceberg view")
    whole: Metadata = {"properties": {}, **metadata}
    current(whole)
    return whole


def check(metadata: Metadata, requirements: Sequence[Mapping[str, Any]]) -> None:
    """Refuse (409) a commit that was meant for another view."""
    for requirement in requirements:
        if requirement["type"] != "assert-view-uuid":
            raise bad(f"the requirement {requirement['type']} is not known")
        if requirement["uuid"] != metadata["view-uuid"]:
            raise lost("assert-view-uuid failed: the view was replaced meanwhile")


def current(metadata: Metadata) -> dict[str, Any]:
    """The version that counts."""
    for version in metadata["versions"]:
        if version["version-id"] == metadata["current-version-id"]:
            return version  # type: ignore[no-any-return]
    raise bad("the view has no current version")


def current_schema(metadata: Metadata) -> dict[str, Any]:
    """The view's columns."""
    wanted = current(metadata)["schema-id"]
    for schema in metadata["schemas"]:
        if schema.get("schema-id", 0) == wanted:
            return schema  # type: ignore[no-any-return]
    raise bad("the view has no schema")


def sql_of(metadata: Metadata) -> list[tuple[str, str]]:
    """Dialect and text of the current version's representations; DuckDB's first."""
    found = [(r["dialect"].lower(), r["sql"]) for r in current(metadata)["representations"] if r["type"] == "sql"]
    return sorted(found, key=lambda each: each[0] != OURS)


def apply(metadata: Metadata, updates: Sequence[Mapping[str, Any]]) -> Metadata:
    """The view's next metadata."""
    new = dict(metadata)
    schema: int | None = None
    version: int | None = None
    renumbered: dict[int, int] = {}
    for update in updates:
        match update["action"]:
            case "assign-uuid":
                if update["uuid"] != new["view-uuid"]:
                    raise bad("a view's uuid cannot change")
            case "upgrade-format-version":
                if update["format-version"] != 1:
                    raise bad(f"format version {update['format-version']} is not possible here")
            case "add-schema":
                schema = add_schema(new, update["schema"])
            case "set-location":
                new["location"] = update["location"]
            case "set-properties":
                new["properties"] = {**new["properties"], **update["updates"]}
            case "remove-properties":
                new["properties"] = {k: v for k, v in new["properties"].items() if k not in update["removals"]}
            case "add-view-version":
                given = update["view-version"]
                version = renumbered[given["version-id"]] = _add_version(new, given, schema)
            case "set-current-view-version":
                asked = update["view-version-id"]
                meant = version if asked == -1 else renumbered.get(asked, asked)
                if all(v["version-id"] != meant for v in new["versions"]):
                    raise bad(f"there is no version {asked}")
                if meant != new["current-version-id"]:
                    new["current-version-id"] = meant
                    entry = {"timestamp-ms": int(time.time() * 1000), "version-id": meant}
                    new["version-log"] = [*new["version-log"], entry]
            case action:
                raise bad(f"the update {action} is not known")
    _forget_old(new)
    return new


def _add_version(new: Metadata, given: Mapping[str, Any], schema: int | None) -> int:
    version = dict(given)
    if version["schema-id"] == -1:
        version["schema-id"] = schema
    if all(s.get("schema-id", 0) != version["schema-id"] for s in new["schemas"]):
        raise bad(f"there is no schema {given['schema-id']}")
    written = [r["dialect"].lower() for r in version["representations"] if r["type"] == "sql"]
    if not written or len(set(written)) != len(written):
        raise bad("a version of a view has one query for each dialect it names")
    for known in new["versions"]:
        if _meaning(known) == _meaning(version):
            return known["version-id"]  # type: ignore[no-any-return]
    taken = {v["version-id"] for v in new["versions"]}
    if version["version-id"] in taken or version["version-id"] < 1:
        version["version-id"] = max(taken, default=0) + 1
    new["versions"] = [*new["versions"], version]
    return version["version-id"]  # type: ignore[no-any-return]


def _meaning(version: Mapping[str, Any]) -> dict[str, Any]:
    return {k: v for k, v in version.items() if k not in ("version-id", "timestamp-ms") and v is not None}


def _forget_old(new: Metadata) -> None:
    try:
        limit = max(1, int(new["properties"].get(_VERSIONS_KEY, _VERSIONS)))
    except ValueError:
        raise bad(f"the property {_VERSIONS_KEY} must be a number") from None
    if len(new["versions"]) <= limit:
        return
    by_age = sorted(new["versions"], key=lambda v: (v["version-id"] == new["current-version-id"], v["version-id"]))
    new["versions"] = sorted(by_age[-limit:], key=lambda v: v["version-id"])
    left = {v["version-id"] for v in new["versions"]}
    history: list[Any] = []
    for entry in new["version-log"]:
        # As with snapshots: what was before a forgotten version cannot be told any more.
        history = [] if entry["version-id"] not in left else [*history, entry]
    new["version-log"] = history
