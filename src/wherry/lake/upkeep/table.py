"""One table's turn: its layout, its files, its manifests and its old snapshots, in one commit that changes no row."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

from wherry.errors import Conflict, LakeError
from wherry.lake import iceberg
from wherry.lake.pointer import Pointer, Put
from wherry.lake.upkeep import layout as laying
from wherry.lake.upkeep import rewrite, tidy
from wherry.lake.upkeep.layout import Layout
from wherry.lake.upkeep.rewrite import Contents, Work, Written
from wherry.model.dataclass import dataclass

if TYPE_CHECKING:
    from wherry.duckdb import DuckDBPyConnection
    from wherry.lake.lake import Lake

Metadata = dict[str, Any]

#: A table that others write to all the time is left to the next upkeep after so many tries.
_TRIES = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class TableResult:
    """What upkeep did to a table, or would do."""

    name: str
    #: ``done``, ``due`` (only tried), ``unchanged``, ``skipped`` (another time) or ``failed``.
    state: str
    reason: str = ""
    #: Data files before and after; the same when it was only tried.
    files_before: int = 0
    files_after: int = 0
    #: Delete files before and after.
    deletes_before: int = 0
    deletes_after: int = 0
    #: Bytes of data files that were (or would be) written anew.
    rewritten: int = 0
    manifests_before: int = 0
    manifests_after: int = 0
    #: Snapshots that the table no longer lists.
    snapshots: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """What the turns of all tables share."""

    lake: Lake
    branch: str
    #: A DuckDB to write with; made when the first table needs it.
    connection: Callable[[], DuckDBPyConnection]
    #: Snapshots made since, and those that kept commits show, stay.
    since: datetime
    author: str
    dry_run: bool


def keep_table(turn: Turn, pointer: Pointer, kept: Collection[str], layout: Layout | None) -> TableResult:
    """Take one table's turn. ``kept`` holds the metadata files that kept commits show of it.

    What goes wrong is in the result; the table is then as it was.
    """
    from wherry import duckdb

    try:
        return _keep(turn, pointer, kept, layout)
    except Conflict:
        return TableResult(name=pointer.full_name, state="skipped", reason="others were writing to it")
    except (LakeError, duckdb.Error) as problem:
        reason = turn.lake.storage.without_secrets(str(problem))
        return TableResult(name=pointer.full_name, state="failed", reason=reason)


def _keep(turn: Turn, pointer: Pointer, kept: Collection[str], layout: Layout | None) -> TableResult:
    holds = turn.lake.storage.holds
    if not holds(pointer.location or ""):
        return TableResult(name=pointer.full_name, state="unchanged", reason="it lies outside the lake")
    metadata = turn.lake.storage.read(pointer.location or "")
    if not holds(metadata["location"]):
        return TableResult(name=pointer.full_name, state="unchanged", reason="it lies outside the lake")
    if metadata["format-version"] != 2:
        version = metadata["format-version"]
        return TableResult(name=pointer.full_name, state="skipped", reason=f"its format is version {version}")
    kept = [location for location in kept if holds(location)]
    if _adopted(metadata):
        layout = None
    laid = _laid(metadata, layout)
    storage = turn.lake.storage
    table = rewrite.contents(storage, laid)
    ours = table is None or all(holds(storage.spelled(entry.path)) for entry in table.entries)
    if table is not None and (_adopted(metadata) or not ours):
        # Files that others wrote, and that may still be theirs, stay as they are; old snapshots go all the same.
        table, laid, layout = None, metadata, None
    work = rewrite.plan(table) if table is not None else None
    expired = _expired(turn, metadata, kept)
    rewriting = work is not None and not work.empty
    result = _told(pointer, table, work, len(expired))
    if not rewriting and not expired and laid is metadata:
        return result
    if turn.dry_run:
        return _with(result, state="due")
    written = Written()
    if rewriting:
        assert table is not None and work is not None
        config = _config(turn, pointer)
        written = rewrite.write_anew(turn.connection(), storage, table, work.choice, config)
    try:
        after = _commit(turn, pointer, kept, layout, work if rewriting else None, written)
    except Conflict:
        rewrite.forget(storage, written)
        raise
    if after is None:
        return result
    return _with(
        result,
        state="done",
        files_after=sum(entry.content == 0 for entry in after.entries),
        deletes_after=sum(entry.content != 0 for entry in after.entries),
        manifests_after=len(after.manifests),
    )


def _commit(
    turn: Turn, seen: Pointer, kept: Collection[str], layout: Layout | None, work: Work | None, written: Written
) -> Contents | None:
    """Move the pointer, on top of what others may have done to the table meanwhile. Raises ``Conflict``."""
    lake = turn.lake
    for _ in range(_TRIES):
        pointer = lake.pointer(turn.branch, seen.full_name)
        if pointer is None or pointer.location is None:
            raise Conflict()
        metadata = lake.storage.read(pointer.location)
        laid = _laid(metadata, layout)
        updates = [] if laid is metadata else laying.updates(metadata, layout or Layout())
        if work is not None:
            table = rewrite.contents(lake.storage, laid)
            if table is None or not rewrite.still_fits(table, work.choice):
                raise Conflict()
            updates += rewrite.replaced(lake.storage, table, rewrite.without_spent(work, table), written)
        expired = _expired(turn, metadata, kept)
        if expired:
            updates.append({"action": "remove-snapshots", "snapshot-ids": sorted(expired)})
        new = iceberg.apply(metadata, updates, pointer.location)
        cutoff = turn.since.timestamp() * 1000
        new["metadata-log"] = [entry for entry in new["metadata-log"] if entry["timestamp-ms"] >= cutoff]
        location = lake.storage.write(new, pointer.location, durable=True)
        put = Put(name=pointer.full_name, kind="table", location=location)
        try:
            lake.put(
                turn.branch,
                [put],
                author=turn.author,
                message=f"upkeep of {pointer.full_name}",
                expected={pointer.full_name: pointer.seq},
            )
        except Conflict:
            lake.storage.forget(location)
            continue
        return rewrite.contents(lake.storage, new)
    raise Conflict()


def _adopted(metadata: Metadata) -> bool:
    """Whether columns are found in files by their names: others wrote those, and some may lack a partition's column."""
    return "schema.name-mapping.default" in metadata["properties"]


def _laid(metadata: Metadata, layout: Layout | None) -> Metadata:
    """The table with its layout; the very same object when it has it."""
    wanted = laying.updates(metadata, layout) if layout is not None else []
    return iceberg.apply(metadata, wanted) if wanted else metadata


def _expired(turn: Turn, metadata: Metadata, kept: Collection[str]) -> set[int]:
    """Snapshots that are older than the retention and that no kept commit shows, and the oldest of very many.

    What a ref names stays.
    """
    cutoff = turn.since.timestamp() * 1000
    old = {s["snapshot-id"] for s in metadata["snapshots"] if s["timestamp-ms"] < cutoff}
    if old:
        from wherry.lake.upkeep.reach import current_snapshot_ids

        old -= set(current_snapshot_ids(turn.lake.storage, kept))
    old |= set(tidy.crowded(metadata))
    return old - {metadata["current-snapshot-id"], *(ref["snapshot-id"] for ref in metadata["refs"].values())}


def _config(turn: Turn, pointer: Pointer) -> Mapping[str, Any]:
    """What the lake's catalog tells clients of how to reach the table's files."""
    from urllib.parse import quote

    from wherry.lake.names import prefix

    where = f"/v1/{prefix(turn.branch)}/namespaces/{quote(pointer.namespace, safe='')}"
    status, answer = turn.lake.catalog.handle("GET", f"{where}/tables/{quote(pointer.name, safe='')}")
    return (answer or {}).get("config") or {} if status == 200 else {}


def _told(pointer: Pointer, table: Contents | None, work: Work | None, snapshots: int) -> TableResult:
    if table is None or work is None:
        return TableResult(name=pointer.full_name, state="unchanged", snapshots=snapshots)
    data = sum(entry.content == 0 for entry in table.entries)
    deletes = len(table.entries) - data
    return TableResult(
        name=pointer.full_name,
        state="unchanged",
        files_before=data,
        files_after=data,
        deletes_before=deletes,
        deletes_after=deletes,
        rewritten=sum(entry.size for entry in work.choice.data),
        manifests_before=len(table.manifests),
        manifests_after=len(table.manifests),
        snapshots=snapshots,
    )


def _with(result: TableResult, **fields: Any) -> TableResult:
    from dataclasses import replace

    return replace(result, **fields)
