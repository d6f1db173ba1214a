"""What the updates of a commit do to a table's metadata: one function per ``TableUpdate`` of the REST catalog.

After the Iceberg table specification, version 2. Metadata is never changed in place: parts that do not change are
shared between versions.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from wherry.lake.refusal import bad, lost

Metadata = dict[str, Any]
Update = Mapping[str, Any]

#: Older metadata files that a table remembers, unless its properties say otherwise.
_PREVIOUS = 100
_GC = "gc.enabled"
_PREVIOUS_KEY = "write.metadata.previous-versions-max"


class Added:
    """What this commit added so far: ``-1`` in a later update of the same commit means it."""

    def __init__(self) -> None:
        self.schema: int | None = None
        self.spec: int | None = None
        self.order: int | None = None
        #: Ids as the client counts them, where the table already had the same thing under another.
        self.schemas: dict[int, int] = {}
        self.specs: dict[int, int] = {}
        self.orders: dict[int, int] = {}
        self.snapshots: set[int] = set()


def apply(metadata: Metadata, updates: Sequence[Update], previous: str | None = None) -> Metadata:
    """The table's next metadata; ``previous`` is the file of the one before."""
    new = dict(metadata)
    added = Added()
    for update in updates:
        action = _ACTIONS.get(update["action"])
        if action is None:
            raise bad(f"the update {update['action']} is not known")
        action(new, update, added)
    if previous is not None:
        entry = {"timestamp-ms": metadata["last-updated-ms"], "metadata-file": previous}
        new["metadata-log"] = [*new.get("metadata-log", ()), entry][-_kept(new["properties"]) :]
    # Never before its predecessor or its own history, even when clocks differ: readers refuse such metadata.
    history = new.get("snapshot-log") or ({"timestamp-ms": 0},)
    new["last-updated-ms"] = max(
        int(time.time() * 1000), metadata["last-updated-ms"] + 1, int(history[-1]["timestamp-ms"])
    )
    return new


def _kept(properties: Mapping[str, Any]) -> int:
    try:
        return max(1, int(properties.get(_PREVIOUS_KEY, _PREVIOUS)))
    except (TypeError, ValueError):
        raise bad(f"the property {_PREVIOUS_KEY} must be a number") from None


def _assign_uuid(new: Metadata, update: Update, added: Added) -> None:
    if new["table-uuid"] not in ("", update["uuid"]):
        raise bad("a table's uuid cannot change")
    new["table-uuid"] = update["uuid"]


def _upgrade(new: Metadata, update: Update, added: Added) -> None:
    version = update["format-version"]
    if version < new["format-version"] or version > 3:
        raise bad(f"format version {version} is not possible here")
    new["format-version"] = version


# Schemas, partition specs, sort orders: what is there already is used again


def _add_schema(new: Metadata, update: Update, added: Added) -> None:
    schema = update["schema"]
    added.schema = number = add_schema(new, schema)
    added.schemas[schema.get("schema-id", 0)] = number
    highest = max(update.get("last-column-id") or 0, *field_ids(schema), 0)
    new["last-column-id"] = max(new["last-column-id"], highest)
    if new["current-schema-id"] == -1:
        new["current-schema-id"] = number


def add_schema(new: Metadata, schema: Mapping[str, Any]) -> int:
    """The number of a schema in a table's or view's metadata, which gets it when it has no such schema."""
    for known in new["schemas"]:
        if _body(known, "schema-id") == _body(schema, "schema-id"):
            return known.get("schema-id", 0)  # type: ignore[no-any-return]
    number = max((s.get("schema-id", 0) for s in new["schemas"]), default=-1) + 1
    new["schemas"] = [*new["schemas"], {"type": "struct", **schema, "schema-id": number}]
    return number


def _set_schema(new: Metadata, update: Update, added: Added) -> None:
    new["current-schema-id"] = _meant(update["schema-id"], added.schema, added.schemas, new["schemas"], "schema-id")


def _add_spec(new: Metadata, update: Update, added: Added) -> None:
    spec = {"spec-id": 0, **update["spec"]}
    wanted = _transforms(spec)
    known = next((s for s in new["partition-specs"] if _transforms(s) == wanted), None)
    number = known["spec-id"] if known else max((s["spec-id"] for s in new["partition-specs"]), default=-1) + 1
    added.spec = added.specs[spec["spec-id"]] = number
    if known is not None:
        return
    fields, last = [], new["last-partition-id"]
    for field in spec["fields"]:
        identity = field.get("field-id")
        last = max(last, identity) if identity is not None else last + 1
        fields.append({"field-id": last, **field} if identity is None else field)
    new["partition-specs"] = [*new["partition-specs"], {**spec, "fields": fields, "spec-id": number}]
    new["last-partition-id"] = last


def _transforms(spec: Mapping[str, Any]) -> list[tuple[Any, ...]]:
    return [(f.get("source-id"), f["transform"], f["name"]) for f in spec["fields"]]


def _set_spec(new: Metadata, update: Update, added: Added) -> None:
    specs = new["partition-specs"]
    new["default-spec-id"] = _meant(update["spec-id"], added.spec, added.specs, specs, "spec-id")


def _add_order(new: Metadata, update: Update, added: Added) -> None:
    order = {"order-id": 0, **update["sort-order"]}
    known = next((o for o in new["sort-orders"] if _body(o, "order-id") == _body(order, "order-id")), None)
    if known:
        number = known["order-id"]
    else:
        # 0 is reserved for "unsorted".
        number = max((o["order-id"] for o in new["sort-orders"]), default=0) + 1 if order["fields"] else 0
        new["sort-orders"] = [*new["sort-orders"], {**order, "order-id": number}]
    added.order = added.orders[order["order-id"]] = number


def _set_order(new: Metadata, update: Update, added: Added) -> None:
    orders = new["sort-orders"]
    wanted = _meant(update["sort-order-id"], added.order, added.orders, orders, "order-id")
    new["default-sort-order-id"] = wanted


def _meant(
    wanted: int, last: int | None, renumbered: Mapping[int, int], there: Sequence[Mapping[str, Any]], number: str
) -> int:
    """The id that a client means by the id it names."""
    if wanted == -1:
        if last is None:
            raise bad(f"the {number} -1 means the last one added, and none was")
        return last
    meant = renumbered.get(wanted, wanted)
    if all(part.get(number, 0) != meant for part in there):
        raise bad(f"there is no {number} {meant}")
    return meant


def _remove_schemas(new: Metadata, update: Update, added: Added) -> None:
    gone = set(update["schema-ids"])
    if new["current-schema-id"] in gone:
        raise bad("the current schema cannot be removed")
    new["schemas"] = [s for s in new["schemas"] if s["schema-id"] not in gone]


def _remove_specs(new: Metadata, update: Update, added: Added) -> None:
    gone = set(update["spec-ids"])
    if new["default-spec-id"] in gone:
        raise bad("the default partition spec cannot be removed")
    new["partition-specs"] = [s for s in new["partition-specs"] if s["spec-id"] not in gone]


# Location and properties


def _set_location(new: Metadata, update: Update, added: Added) -> None:
    new["location"] = update["location"]


def _set_properties(new: Metadata, update: Update, added: Added) -> None:
    if str(update["updates"].get(_GC, "false")).lower() != "false":
        raise bad(f"{_GC} stays false: branches and older commits share this table's files; upkeep removes them")
    new["properties"] = {**new["properties"], **update["updates"]}


def _remove_properties(new: Metadata, update: Update, added: Added) -> None:
    gone = set(update["removals"]) - {_GC}
    new["properties"] = {k: v for k, v in new["properties"].items() if k not in gone}


# Snapshots and the refs to them


def _add_snapshot(new: Metadata, update: Update, added: Added) -> None:
    snapshot = update["snapshot"]
    if not isinstance(snapshot["snapshot-id"], int) or not isinstance(snapshot["timestamp-ms"], int):
        raise bad("a snapshot has a number and a time")
    if any(s["snapshot-id"] == snapshot["snapshot-id"] for s in new["snapshots"]):
        raise bad(f"there is a snapshot {snapshot['snapshot-id']} already")
    number = snapshot.get("sequence-number", 0)
    if new["snapshots"] and snapshot.get("parent-snapshot-id") is not None and number <= new["last-sequence-number"]:
        raise lost(f"sequence number {number} was given already: the table was changed meanwhile")
    new["snapshots"] = [*new["snapshots"], snapshot]
    new["last-sequence-number"] = max(new["last-sequence-number"], number)
    added.snapshots.add(snapshot["snapshot-id"])
    if "next-row-id" in new or new["format-version"] >= 3:
        new["next-row-id"] = new.get("next-row-id", 0) + (snapshot.get("added-rows") or 0)


def _set_ref(new: Metadata, update: Update, added: Added) -> None:
    name, wanted = update["ref-name"], update["snapshot-id"]
    ref = {k: v for k, v in update.items() if k not in ("action", "ref-name") and v is not None}
    snapshot = next((s for s in new["snapshots"] if s["snapshot-id"] == wanted), None)
    if snapshot is None:
        raise bad(f"there is no snapshot {wanted}")
    if ref.get("type") not in ("branch", "tag") or (name == "main" and ref["type"] != "branch"):
        raise bad(f"the ref {name} must be a branch or a tag; main is a branch")
    new["refs"] = {**new["refs"], name: ref}
    if name != "main" or new["current-snapshot-id"] == wanted:
        return
    history = list(new.get("snapshot-log") or ())
    if history and history[-1]["snapshot-id"] in added.snapshots:
        # It was current within this commit only: nobody can have read it.
        history.pop()
    # A snapshot that becomes current again does so now, not when it was made; and history never goes backwards.
    moment = snapshot["timestamp-ms"] if wanted in added.snapshots else int(time.time() * 1000)
    moment = max(moment, history[-1]["timestamp-ms"] if history else 0)
    new["current-snapshot-id"] = wanted
    new["snapshot-log"] = [*history, {"timestamp-ms": moment, "snapshot-id": wanted}]


def _remove_ref(new: Metadata, update: Update, added: Added) -> None:
    new["refs"] = {k: v for k, v in new["refs"].items() if k != update["ref-name"]}
    if update["ref-name"] == "main":
        new["current-snapshot-id"] = None
        new["snapshot-log"] = []


def _remove_snapshots(new: Metadata, update: Update, added: Added) -> None:
    gone = set(update["snapshot-ids"])
    new["snapshots"] = [s for s in new["snapshots"] if s["snapshot-id"] not in gone]
    new["refs"] = {k: r for k, r in new["refs"].items() if r["snapshot-id"] not in gone}
    history: list[Any] = []
    for entry in new.get("snapshot-log") or ():
        # What was before a removed snapshot cannot be told any more: who asks for that time must not get another.
        history = [] if entry["snapshot-id"] in gone else [*history, entry]
    new["snapshot-log"] = history
    for kind in ("statistics", "partition-statistics"):
        if new.get(kind):
            new[kind] = [s for s in new[kind] if s["snapshot-id"] not in gone]
    if new["current-snapshot-id"] in gone:
        new["current-snapshot-id"] = None


# Statistics


def _set_statistics(new: Metadata, update: Update, added: Added) -> None:
    _replace_statistics(new, "statistics", update["statistics"]["snapshot-id"], update["statistics"])


def _remove_statistics(new: Metadata, update: Update, added: Added) -> None:
    _replace_statistics(new, "statistics", update["snapshot-id"])


def _set_partition_statistics(new: Metadata, update: Update, added: Added) -> None:
    given = update["partition-statistics"]
    _replace_statistics(new, "partition-statistics", given["snapshot-id"], given)


def _remove_partition_statistics(new: Metadata, update: Update, added: Added) -> None:
    _replace_statistics(new, "partition-statistics", update["snapshot-id"])


def _replace_statistics(new: Metadata, kind: str, snapshot: int, *given: Any) -> None:
    others = [s for s in new.get(kind) or () if s["snapshot-id"] != snapshot]
    new[kind] = [*others, *given]


_ACTIONS: dict[str, Callable[[Metadata, Update, Added], None]] = {
    "assign-uuid": _assign_uuid,
    "upgrade-format-version": _upgrade,
    "add-schema": _add_schema,
    "set-current-schema": _set_schema,
    "remove-schemas": _remove_schemas,
    "add-spec": _add_spec,
    "set-default-spec": _set_spec,
    "remove-partition-specs": _remove_specs,
    "add-sort-order": _add_order,
    "set-default-sort-order": _set_order,
    "set-location": _set_location,
    "set-properties": _set_properties,
    "remove-properties": _remove_properties,
    "add-snapshot": _add_snapshot,
    "set-snapshot-ref": _set_ref,
    "remove-snapshot-ref": _remove_ref,
    "remove-snapshots": _remove_snapshots,
    "set-statistics": _set_statistics,
    "remove-statistics": _remove_statistics,
    "set-partition-statistics": _set_partition_statistics,
    "remove-partition-statistics": _remove_partition_statistics,
}


def _body(part: Mapping[str, Any], number: str) -> dict[str, Any]:
    """A schema or order without its number: what makes two of them the same."""
    body = {k: v for k, v in part.items() if k != number and v not in (None, [])}
    body.setdefault("type", "struct")
    return body


def field_ids(schema: Any) -> list[int]:
    """Every field id in a schema, nested ones included."""
    if isinstance(schema, list):
        return [i for part in schema for i in field_ids(part)]
    if not isinstance(schema, dict):
        return []
    own = [schema[k] for k in ("id", "element-id", "key-id", "value-id") if k in schema]
    parts = (schema.get(k) for k in ("fields", "type", "element", "key", "value"))
    return own + [i for part in parts for i in field_ids(part)]
