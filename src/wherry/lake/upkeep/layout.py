"""How a table's rows are laid out: its partitions and its order, as Iceberg has them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from wherry.lake import iceberg
from wherry.model.asset import Partition, Sort
from wherry.model.dataclass import dataclass

Metadata = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """What a table's author says of its files."""

    partition: tuple[Partition, ...] = ()
    sort: tuple[Sort, ...] = ()


def updates(metadata: Metadata, layout: Layout) -> list[dict[str, Any]]:
    """Catalog updates that give a table this layout for what is written from now on; none when it has it.

    A column that the table does not have is passed over: it may come with the next build.
    """
    ids = {field["name"].lower(): field["id"] for field in iceberg.current_schema(metadata)["fields"]}
    partition = [part for part in layout.partition if part.column.lower() in ids]
    return _spec_updates(metadata, ids, partition) + _order_updates(metadata, ids, layout.sort)


def _spec_updates(metadata: Metadata, ids: dict[str, int], partition: Sequence[Partition]) -> list[dict[str, Any]]:
    now = next(s for s in metadata["partition-specs"] if s["spec-id"] == metadata["default-spec-id"])
    wanted = [(part.iceberg, ids[part.column.lower()]) for part in partition]
    if wanted == [(f["transform"], f["source-id"]) for f in now["fields"]]:
        return []
    # One field has one id in all specs of a table, and one name.
    known = {(f["transform"], f["source-id"]): f for spec in metadata["partition-specs"] for f in spec["fields"]}
    number, fields = metadata["last-partition-id"], []
    for part, (transform, source) in zip(partition, wanted, strict=True):
        field = known.get((transform, source))
        if field is None:
            number += 1
            name = f"{transform.rstrip(']').replace('[', '_')}_{part.column}_{source}"
            field = {"name": name, "transform": transform, "source-id": source, "field-id": number}
        fields.append(field)
    spec = {"spec-id": max(s["spec-id"] for s in metadata["partition-specs"]) + 1, "fields": fields}
    return [{"action": "add-spec", "spec": spec}, {"action": "set-default-spec", "spec-id": -1}]


def _order_updates(metadata: Metadata, ids: dict[str, int], sort: Sequence[Sort]) -> list[dict[str, Any]]:
    fields = [
        {
            "transform": "identity",
            "source-id": ids[each.column.lower()],
            "direction": "desc" if each.descending else "asc",
            "null-order": "nulls-last",
        }
        for each in sort
        if each.column.lower() in ids
    ]
    now = next((o for o in metadata["sort-orders"] if o["order-id"] == metadata["default-sort-order-id"]), None)
    if fields == (now["fields"] if now else []):
        return []
    order = {"order-id": max((o["order-id"] for o in metadata["sort-orders"]), default=0) + 1, "fields": fields}
    if not fields:
        order["order-id"] = 0
    return [
        {"action": "add-sort-order", "sort-order": order},
        {"action": "set-default-sort-order", "sort-order-id": -1},
    ]
