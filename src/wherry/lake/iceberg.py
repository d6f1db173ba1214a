"""Iceberg table metadata: what a commit requires of it and does to it.

After the Iceberg table specification (version 2) and the REST catalog's ``TableRequirement`` and ``TableUpdate``.
Metadata is never changed in place: parts that do not change are shared between versions.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from wherry.lake.refusal import bad, lost

Metadata = dict[str, Any]

#: Older metadata files that a table remembers, unless its properties say otherwise.
_PREVIOUS = 100


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
        "properties": {},
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
    updates: list[dict[str, Any]] = [
        {"action": "assign-uuid", "uuid": table_uuid},
        {"action": "add-schema", "schema": {**request["schema"], "schema-id": 0}},
        {"action": "set-current-schema", "schema-id": -1},
        {"action": "add-spec", "spec": {**spec, "spec-id": 0}},
        {"action": "set-default-spec", "spec-id": -1},
        {"action": "add-sort-order", "sort-order": order},
        {"action": "set-default-sort-order", "sort-order-id": -1},
        {"action": "set-properties", "updates": request.get("properties") or {}},
    ]
    return apply(empty(location), updates)


def rows(metadata: Metadata) -> int | None:
    """Rows of the current snapshot as its summary tells, or None when it does not."""
    current = current_snapshot(metadata)
    if current is None:
        return 0
    summary = current.get("summary") or {}
    try:
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


# What a commit requires


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
            field = _ASSERTED[kind]
            found, wanted = metadata[field], requirement["uuid" if field == "table-uuid" else field]
        else:
            raise bad(f"the requirement {kind} is not known")
        if found != wanted:
            raise lost(f"{kind} failed: the table was changed meanwhile (has {found}, the commit expects {wanted})")


_ASSERTED = {
    "assert-table-uuid": "table-uuid",
    "assert-current-schema-id": "current-schema-id",
    "assert-default-spec-id": "default-spec-id",
    "assert-default-sort-order-id": "default-sort-order-id",
    "assert-last-assigned-field-id": "last-assigned-field-id",
    "assert-last-assigned-partition-id": "last-assigned-partition-id",
}


# What a commit does


def apply(metadata: Metadata, updates: Sequence[Mapping[str, Any]], previous: str | None = None) -> Metadata:
    """The table's next metadata; ``previous`` is the file of the one before."""
    new = dict(metadata)
    added = _Added()
    for update in updates:
        action = _ACTIONS.get(update["action"])
        if action is None:
            raise bad(f"the update {update['action']} is not known")
        action(new, update, added)
    if previous is not None:
        entry = {"timestamp-ms": metadata["last-updated-ms"], "metadata-file": previous}
        keep = int(new["properties"].get("write.metadata.previous-versions-max", _PREVIOUS))
        new["metadata-log"] = [*new.get("metadata-log", ()), entry][-keep:]
    # Never before its predecessor, even when the clock was set back.
    new["last-updated-ms"] = max(int(time.time() * 1000), metadata["last-updated-ms"] + 1)
    return new


class _Added:
    """Ids that this commit added last: ``-1`` in a later update of the same commit means them."""

    def __init__(self) -> None:
        self.schema = self.spec = self.order = 0
        #: Ids as the client counts them, where the table already had the same thing under another.
        self.schemas: dict[int, int] = {}
        self.specs: dict[int, int] = {}
        self.orders: dict[int, int] = {}


Update = Mapping[str, Any]


def _assign_uuid(new: Metadata, update: Update, added: _Added) -> None:
    if new["table-uuid"] not in ("", update["uuid"]):
        raise bad("a table's uuid cannot change")
    new["table-uuid"] = update["uuid"]


def _upgrade(new: Metadata, update: Update, added: _Added) -> None:
    version = update["format-version"]
    if version < new["format-version"] or version > 3:
        raise bad(f"format version {version} is not possible here")
    new["format-version"] = version


def _add_schema(new: Metadata, update: Update, added: _Added) -> None:
    schema = update["schema"]
    wanted = schema.get("schema-id", 0)
    for known in new["schemas"]:
        if _body(known, "schema-id") == _body(schema, "schema-id"):
            added.schema = added.schemas[wanted] = known["schema-id"]
            return
    taken = [s["schema-id"] for s in new["schemas"]]
    number = max(taken, default=-1) + 1
    added.schema = added.schemas[wanted] = number
    new["schemas"] = [*new["schemas"], {**schema, "schema-id": number}]
    highest = max(update.get("last-column-id") or 0, *(_field_ids(schema)), 0)
    new["last-column-id"] = max(new["last-column-id"], highest)
    if new["current-schema-id"] == -1:
        new["current-schema-id"] = number


def _set_schema(new: Metadata, update: Update, added: _Added) -> None:
    wanted = update["schema-id"]
    number = added.schema if wanted == -1 else added.schemas.get(wanted, wanted)
    if all(s["schema-id"] != number for s in new["schemas"]):
        raise bad(f"there is no schema {number}")
    new["current-schema-id"] = number


def _add_spec(new: Metadata, update: Update, added: _Added) -> None:
    spec = {"spec-id": 0, **update["spec"]}
    known = next((s for s in new["partition-specs"] if _body(s, "spec-id") == _body(spec, "spec-id")), None)
    number = known["spec-id"] if known else max((s["spec-id"] for s in new["partition-specs"]), default=-1) + 1
    added.spec = added.specs[spec["spec-id"]] = number
    if known is None:
        new["partition-specs"] = [*new["partition-specs"], {**spec, "spec-id": number}]
        used = [f["field-id"] for f in spec["fields"] if "field-id" in f]
        new["last-partition-id"] = max([new["last-partition-id"], *used])


def _set_spec(new: Metadata, update: Update, added: _Added) -> None:
    wanted = update["spec-id"]
    new["default-spec-id"] = added.spec if wanted == -1 else added.specs.get(wanted, wanted)


def _add_order(new: Metadata, update: Update, added: _Added) -> None:
    order = {"order-id": 0, **update["sort-order"]}
    known = next((o for o in new["sort-orders"] if _body(o, "order-id") == _body(order, "order-id")), None)
    if known:
        number = known["order-id"]
    else:
        # 0 is reserved for "unsorted".
        number = max((o["order-id"] for o in new["sort-orders"]), default=0) + 1 if order["fields"] else 0
        new["sort-orders"] = [*new["sort-orders"], {**order, "order-id": number}]
    added.order = added.orders[order["order-id"]] = number


def _set_order(new: Metadata, update: Update, added: _Added) -> None:
    wanted = update["sort-order-id"]
    new["default-sort-order-id"] = added.order if wanted == -1 else added.orders.get(wanted, wanted)


def _set_location(new: Metadata, update: Update, added: _Added) -> None:
    new["location"] = update["location"]


def _set_properties(new: Metadata, update: Update, added: _Added) -> None:
    new["properties"] = {**new["properties"], **update["updates"]}


def _remove_properties(new: Metadata, update: Update, added: _Added) -> None:
    new["properties"] = {k: v for k, v in new["properties"].items() if k not in update["removals"]}


def _add_snapshot(new: Metadata, update: Update, added: _Added) -> None:
    snapshot = update["snapshot"]
    number = snapshot.get("sequence-number", 0)
    if new["snapshots"] and snapshot.get("parent-snapshot-id") is not None and number <= new["last-sequence-number"]:
        raise lost(f"sequence number {number} was given already: the table was changed meanwhile")
    new["snapshots"] = [*new["snapshots"], snapshot]
    new["last-sequence-number"] = max(new["last-sequence-number"], number)
    if "next-row-id" in new or new["format-version"] >= 3:
        new["next-row-id"] = new.get("next-row-id", 0) + (snapshot.get("added-rows") or 0)


def _set_ref(new: Metadata, update: Update, added: _Added) -> None:
    ref = {k: v for k, v in update.items() if k not in ("action", "ref-name")}
    snapshot = next((s for s in new["snapshots"] if s["snapshot-id"] == ref["snapshot-id"]), None)
    if snapshot is None:
        raise bad(f"there is no snapshot {ref['snapshot-id']}")
    new["refs"] = {**new["refs"], update["ref-name"]: ref}
    if update["ref-name"] == "main":
        new["current-snapshot-id"] = ref["snapshot-id"]
        entry = {"timestamp-ms": snapshot["timestamp-ms"], "snapshot-id": ref["snapshot-id"]}
        new["snapshot-log"] = [*new.get("snapshot-log", ()), entry]


def _remove_ref(new: Metadata, update: Update, added: _Added) -> None:
    new["refs"] = {k: v for k, v in new["refs"].items() if k != update["ref-name"]}
    if update["ref-name"] == "main":
        new["current-snapshot-id"] = None


def _remove_snapshots(new: Metadata, update: Update, added: _Added) -> None:
    gone = set(update["snapshot-ids"])
    new["snapshots"] = [s for s in new["snapshots"] if s["snapshot-id"] not in gone]
    new["refs"] = {k: r for k, r in new["refs"].items() if r["snapshot-id"] not in gone}
    new["snapshot-log"] = [e for e in new.get("snapshot-log", ()) if e["snapshot-id"] not in gone]
    if new["current-snapshot-id"] in gone:
        new["current-snapshot-id"] = None


def _remove_schemas(new: Metadata, update: Update, added: _Added) -> None:
    gone = set(update["schema-ids"]) - {new["current-schema-id"]}
    new["schemas"] = [s for s in new["schemas"] if s["schema-id"] not in gone]


def _remove_specs(new: Metadata, update: Update, added: _Added) -> None:
    gone = set(update["spec-ids"]) - {new["default-spec-id"]}
    new["partition-specs"] = [s for s in new["partition-specs"] if s["spec-id"] not in gone]


def _set_statistics(new: Metadata, update: Update, added: _Added) -> None:
    statistics = update["statistics"]
    others = [s for s in new.get("statistics", ()) if s["snapshot-id"] != statistics["snapshot-id"]]
    new["statistics"] = [*others, statistics]


def _remove_statistics(new: Metadata, update: Update, added: _Added) -> None:
    new["statistics"] = [s for s in new.get("statistics", ()) if s["snapshot-id"] != update["snapshot-id"]]


_ACTIONS: dict[str, Callable[[Metadata, Update, _Added], None]] = {
    "assign-uuid": _assign_uuid,
    "upgrade-format-version": _upgrade,
    "add-schema": _add_schema,
    "set-current-schema": _set_schema,
    "add-spec": _add_spec,
    "set-default-spec": _set_spec,
    "add-sort-order": _add_order,
    "set-default-sort-order": _set_order,
    "set-location": _set_location,
    "set-properties": _set_properties,
    "remove-properties": _remove_properties,
    "add-snapshot": _add_snapshot,
    "set-snapshot-ref": _set_ref,
    "remove-snapshot-ref": _remove_ref,
    "remove-snapshots": _remove_snapshots,
    "remove-schemas": _remove_schemas,
    "remove-partition-specs": _remove_specs,
    "set-statistics": _set_statistics,
    "remove-statistics": _remove_statistics,
}


def _body(part: Mapping[str, Any], number: str) -> dict[str, Any]:
    """A schema, spec or order without its number: what makes two of them the same."""
    body = {k: v for k, v in part.items() if k != number and v not in (None, [])}
    body.setdefault("type", "struct")
    return body


def _field_ids(schema: Any) -> list[int]:
    """Every field id in a schema, nested ones included."""
    if isinstance(schema, list):
        return [i for part in schema for i in _field_ids(part)]
    if not isinstance(schema, dict):
        return []
    own = [schema[k] for k in ("id", "element-id", "key-id", "value-id") if k in schema]
    parts = (schema.get(k) for k in ("fields", "type", "element", "key", "value"))
    return own + [i for part in parts for i in _field_ids(part)]
