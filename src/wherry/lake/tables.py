"""Iceberg commits as they arrive: requirements are checked, metadata is written, pointers and states move."""

import time
import uuid
from collections.abc import Mapping, Sequence
from typing import Any

from wherry.errors import LakeError
from wherry.lake import database as db
from wherry.lake import iceberg, moves, outside, read
from wherry.lake.carried import Carried
from wherry.lake.commit import record
from wherry.lake.connecting import Database
from wherry.lake.names import file_name, is_work, key
from wherry.lake.pointer import Pointer
from wherry.lake.refusal import Refused, bad, exists, lost, no_table
from wherry.lake.shape import shaped, shaped_new
from wherry.lake.storage import Storage
from wherry.lake.upkeep import manifest, tidy
from wherry.model.dataclass import dataclass

#: Properties that send an engine's files elsewhere.
_PLACES = ("write.data.path", "write.metadata.path", "write.object-storage.path", "write.folder-storage.path")
#: A commit that lost a race but still fits the newer table is tried again; only this often.
_TRIES = 5
#: Milliseconds: transactions are shorter than this, or see what DuckDB finds by its clock.
_SETTLED = 3_600_000


@dataclass(frozen=True, slots=True, kw_only=True)
class TableChange:
    """One table of a commit, as the client describes it."""

    namespace: str
    name: str
    requirements: Sequence[Mapping[str, Any]]
    updates: Sequence[Mapping[str, Any]]
    #: What the updates start from when there is no table yet; None: an empty table.
    start: dict[str, Any] | None = None

    @property
    def full_name(self) -> str:
        return f"{self.namespace}.{self.name}"


class Tables:
    """Reads and commits of Iceberg tables on any branch."""

    def __init__(self, database: Database, storage: Storage, carried: Carried) -> None:
        self._database = database
        self._storage = storage
        self._carried = carried

    def folder(self, namespace: str) -> str:
        """Where a schema's tables lie, each in a folder of its own."""
        return f"{self._storage.location}/{file_name(namespace)}"

    def load(self, branch: str, name: str, at: int | None = None, *, by_duckdb: bool = False) -> dict[str, Any]:
        """The protocol's answer to "load table"; ``by_duckdb``: to a client that looks for a moment by its clock, and
        has its own idea of sizes."""
        location = moves.find(self._database, branch, "table", name, at).location or ""
        metadata = self._storage.read(location)
        if by_duckdb:
            metadata = shaped(settled(metadata), self._storage.group_rows)
        return self._lent(loaded(metadata, location))

    def create(
        self, branch: str, namespace: str, request: Mapping[str, Any], author: str, *, by_duckdb: bool = False
    ) -> dict[str, Any]:
        """Make a table, or prepare one whose first commit follows (``stage-create``)."""
        name = moves.check_name(request["name"])
        with db.glancing(self._database) as connection:
            found = read.find(connection, branch, f"{namespace}.{name}")
        if found is not None and found.kind != "dropped":
            raise exists(f"the {found.kind} {found.full_name}")
        metadata = iceberg.staged(request, "", str(uuid.uuid4()))
        metadata["location"] = self._place(request.get("location")) or self._storage.new_table(namespace, name)
        if request.get("stage-create"):
            told = shaped_new(metadata, self._storage.group_rows) if by_duckdb else metadata
            return self._lent(loaded(told, None))
        change = TableChange(
            namespace=namespace,
            name=name,
            requirements=[{"type": "assert-create"}],
            updates=[],
            start=metadata,
        )
        return self.commit(branch, [change], author)[0]

    def _lent(self, answer: dict[str, Any]) -> dict[str, Any]:
        return answer | {"config": dict(self._storage.lent())} if self._storage.lends else answer

    def _place(self, wanted: str | None) -> str | None:
        """The folder that a client asks for, which must be one of its own below the schemas' folders."""
        if not wanted:
            return None
        above = wanted.rstrip("/").rsplit("/", 2)[0]
        if not self._storage.holds(wanted) or not self._storage.holds(above):
            raise bad("a table's location must be a folder of its own in the lake; leave it out to be given one")
        return wanted.rstrip("/")

    def register(
        self, branch: str, namespace: str, name: str, location: str, author: str, *, overwrite: bool = False
    ) -> dict[str, Any]:
        """Take in a table whose metadata file lies in the lake already; ``overwrite``: in place of one of that name."""
        if not self._storage.holds(location):
            raise bad("a table's metadata must lie in the lake; copy the table there, or read it as a source")
        given = self._storage.read(location)
        metadata = iceberg.registered(given)
        self._check_places(metadata)
        if metadata != given:
            location = self._storage.write(metadata, location, durable=not is_work(branch))
        pointer = Pointer(
            namespace=namespace,
            name=moves.check_name(name),
            kind="table",
            location=location,
            rows=iceberg.rows(metadata),
            state=outside.marked(branch, {}, None, metadata, author),
        )
        if not is_work(branch):
            self._storage.publish(pointer, None)
        with db.writing(self._database, durable=not is_work(branch)) as connection:
            there = read.find(connection, branch, pointer.full_name)
            live = {pointer.key: there} if there is not None and there.kind != "dropped" else {}
            if there is not None and live and not (overwrite and there.kind == "table"):
                raise exists(f"the {there.kind} {there.full_name}")
            message = f"register {pointer.full_name}"
            record(connection, branch, [pointer], live, author=author, message=message, run=moves.run_of(branch))
        return loaded(metadata, location)

    def commit(self, branch: str, changes: Sequence[TableChange], author: str) -> list[dict[str, Any]]:
        """Apply changes to one or more tables, all or none."""
        if len({key(c.full_name) for c in changes}) != len(changes):
            raise bad("a table is named twice in one commit")
        for _ in range(_TRIES):
            done = self._try(branch, changes, author)
            if done is not None:
                return done
        raise lost("the tables are changed by others all the time")

    def _try(self, branch: str, changes: Sequence[TableChange], author: str) -> list[dict[str, Any]] | None:
        seen: dict[str, Pointer] = {}
        # What is seen here is compared with what is there when the pointers move.
        with db.glancing(self._database) as connection:
            for change in changes:
                found = read.find(connection, branch, change.full_name)
                if found is not None and found.kind == "view":
                    making = any(r["type"] == "assert-create" for r in change.requirements)
                    raise exists(f"the view {found.full_name}") if making else no_table(found.full_name)
                if found is not None:
                    seen[found.key] = found
        if done := self._done(changes, seen):
            return done
        durable = not is_work(branch)
        after, answers, states, written = [], [], [], []
        try:
            for change in changes:
                old = seen.get(key(change.full_name))
                old = old if old is not None and old.kind == "table" else None
                before, metadata, location = self._next(change, old, durable)
                written.append(location)
                answers.append(loaded(metadata, location))
                state = self._carried.get(branch, change.full_name)
                states.append((change.full_name, state))
                after.append(
                    Pointer(
                        namespace=old.namespace if old else change.namespace,
                        name=old.name if old else change.name,
                        kind="table",
                        location=location,
                        state=state
                        if state is not None
                        else outside.marked(branch, old.state if old else {}, before, metadata, author),
                        rows=iceberg.rows(metadata),
                    )
                )
        except Refused:
            # Only here is it certain that no pointer leads to the files; what else goes wrong leaves them to upkeep.
            self._forget(written)
            raise
        moved = self._swap(branch, after, seen, author)
        if moved:
            self._forget(written)
            return None
        for name, state in states:
            if state is not None:
                self._carried.remove(branch, name, state)
        return answers

    def _done(self, changes: Sequence[TableChange], seen: Mapping[str, Pointer]) -> list[dict[str, Any]]:
        """The answer to a commit that took place already: a client that missed the answer sends it again.

        Snapshots have random numbers, so the tables know them.
        """
        answers = []
        for change in changes:
            old = seen.get(key(change.full_name))
            added = {u["snapshot"]["snapshot-id"] for u in change.updates if u["action"] == "add-snapshot"}
            # Who asks for nothing about the table's state is told what is wrong with a snapshot that is there already.
            guarded = any(r["type"] in ("assert-ref-snapshot-id", "assert-create") for r in change.requirements)
            if old is None or old.location is None or not added or not guarded:
                return []
            metadata = self._storage.read(old.location)
            if not added <= {s["snapshot-id"] for s in metadata["snapshots"]}:
                return []
            answers.append(loaded(metadata, old.location))
        return answers

    def _next(
        self, change: TableChange, old: Pointer | None, durable: bool
    ) -> tuple[dict[str, Any] | None, dict[str, Any], str]:
        """The table's metadata before, what the change makes of it, and the file that this was written to."""
        before = self._storage.read(old.location) if old is not None and old.location else None
        if before is None and not any(r["type"] == "assert-create" for r in change.requirements):
            raise no_table(change.full_name)
        iceberg.check(before, change.requirements)
        previous = old.location if old is not None and before is not None else None
        metadata = iceberg.apply(before or change.start or iceberg.empty(), change.updates, previous)
        self._check_places(metadata, previous)
        if any(update["action"] == "add-snapshot" for update in change.updates):
            metadata = self._tidied(metadata)
        if durable:
            # Data files and manifests that the client wrote, before a pointer says that they are there.
            self._storage.flush(metadata["location"], self._added(before, metadata), previous)
        return before, metadata, self._storage.write(metadata, previous, durable=durable)

    def _added(self, before: Mapping[str, Any] | None, after: Mapping[str, Any]) -> list[str] | None:
        """The files that came with a commit; None where its lists do not tell."""
        known = {s["snapshot-id"] for s in before["snapshots"]} if before is not None else set()
        fresh = [s for s in after["snapshots"] if s["snapshot-id"] not in known]
        try:
            return [path for snapshot in fresh for path in manifest.added(self._storage, snapshot)]
        except (LakeError, KeyError, IndexError, TypeError):
            return None

    def _tidied(self, metadata: dict[str, Any]) -> dict[str, Any]:
        """The same rows, with short lists where many small commits made them long."""
        updates = tidy.together(self._storage, metadata) if tidy.due(metadata) else []
        if crowd := tidy.crowded(metadata):
            updates.append({"action": "remove-snapshots", "snapshot-ids": crowd})
        return iceberg.apply(metadata, updates) if updates else metadata

    def _check_places(self, metadata: Mapping[str, Any], previous: str | None = None) -> None:
        """Refuse a table whose files would lie where the lake does not look."""
        table = str(metadata["location"])
        if not self._storage.holds(table):
            moved = previous and self._storage.told_moved(previous)
            raise bad(moved or "a table's location must lie in the lake")
        for name in _PLACES:
            place = metadata["properties"].get(name)
            if place is not None and not str(place).startswith(table.rstrip("/") + "/"):
                raise bad(f"the property {name} must name a place inside the table's location")

    def _swap(self, branch: str, after: Sequence[Pointer], seen: Mapping[str, Pointer], author: str) -> bool:
        """Move the pointers if nobody moved them meanwhile; returns whether somebody did."""
        with db.writing(self._database, durable=not is_work(branch)) as connection:
            for pointer in after:
                now = read.find(connection, branch, pointer.full_name)
                before = seen.get(pointer.key)
                if (now and now.seq) != (before and before.seq):
                    return True
            live = {k: p for k, p in seen.items() if p.kind != "dropped"}
            record(connection, branch, after, live, author=author, message=_told(after, live), run=moves.run_of(branch))
        return False

    def _forget(self, written: Sequence[str]) -> None:
        for location in written:
            self._storage.forget(location)


def loaded(metadata: dict[str, Any], location: str | None) -> dict[str, Any]:
    """The protocol's ``LoadTableResult``; without a location for a table that is only staged."""
    answer: dict[str, Any] = {"metadata": metadata, "config": {}}
    if location is not None:
        answer["metadata-location"] = location
    return answer


def settled(metadata: dict[str, Any]) -> dict[str, Any]:
    """The same metadata for a client that looks for the state at the start of its transaction by the clock: DuckDB.

    A snapshot's time is when it was written, not when it was published. By that time a reader would find what a run
    had written so far, or, of a table that is new, nothing it could read at all. So the current snapshot passes for
    ``_SETTLED`` old, and the others for older; only times are told differently, and only in this answer.
    """
    edge = int(time.time() * 1000) - _SETTLED
    if metadata["last-updated-ms"] < edge or not metadata["snapshots"]:
        return metadata
    current = metadata.get("current-snapshot-id")
    fresh = [s for s in metadata["snapshots"] if s["timestamp-ms"] >= edge and s["snapshot-id"] != current]
    times = {s["snapshot-id"]: edge - len(fresh) + n for n, s in enumerate(fresh)} | {current: edge}

    def told(part: dict[str, Any]) -> dict[str, Any]:
        moment = min(part["timestamp-ms"], times.get(part["snapshot-id"], part["timestamp-ms"]))
        return part if moment == part["timestamp-ms"] else {**part, "timestamp-ms": moment}

    lists = {name: [told(part) for part in metadata.get(name, ())] for name in ("snapshots", "snapshot-log")}
    return {**metadata, **lists, "last-updated-ms": edge}


def _told(after: Sequence[Pointer], before: Mapping[str, Pointer]) -> str:
    created = sorted(p.full_name for p in after if p.key not in before)
    written = sorted(p.full_name for p in after if p.key in before)
    parts = [f"create {', '.join(created)}" if created else "", f"write {', '.join(written)}" if written else ""]
    return "; ".join(p for p in parts if p)
