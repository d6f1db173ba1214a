"""Iceberg commits as they arrive: requirements are checked, metadata is written, pointers and states move."""

import json
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from threading import Lock
from typing import Any

import sqlalchemy as sa

from wherry.lake import database as db
from wherry.lake import iceberg, read
from wherry.lake.commit import record
from wherry.lake.names import WORK, is_work, key
from wherry.lake.pointer import Pointer
from wherry.lake.refusal import Refused, bad, exists, lost, no_table
from wherry.lake.storage import Storage

#: A commit that lost a race but still fits the newer table is tried again; only this often.
_TRIES = 5


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


class Carried:
    """States that wait for the next commit of their table."""

    def __init__(self) -> None:
        self._states: dict[tuple[str, str], Mapping[str, Any]] = {}
        self._lock = Lock()

    def put(self, branch: str, name: str, state: Mapping[str, Any]) -> None:
        # A copy, and an early complaint about what JSON cannot hold.
        kept = json.loads(json.dumps(state))
        with self._lock:
            self._states[branch, key(name)] = kept

    def get(self, branch: str, name: str) -> Mapping[str, Any] | None:
        with self._lock:
            return self._states.get((branch, key(name)))

    def remove(self, branch: str, name: str, state: Mapping[str, Any] | None = None) -> None:
        """Forget a state; when ``state`` is given, only that very one."""
        with self._lock:
            found = self._states.get((branch, key(name)))
            if found is not None and (state is None or found is state):
                del self._states[branch, key(name)]


class Tables:
    """Reads and commits of Iceberg tables on any branch."""

    def __init__(self, engine: sa.Engine, storage: Storage, carried: Carried) -> None:
        self._engine = engine
        self._storage = storage
        self._carried = carried

    def find(self, branch: str, name: str, at: int | None) -> Pointer:
        """The table's pointer; 404 when the branch sees no such table."""
        with db.reading(self._engine) as connection:
            found = read.find(connection, branch, name, at)
        if found is None or found.kind != "table":
            raise no_table(name)
        return found

    def load(self, branch: str, name: str, at: int | None = None) -> dict[str, Any]:
        """The protocol's answer to "load table"."""
        location = self.find(branch, name, at).location or ""
        return loaded(self._storage.read(location), location)

    def create(self, branch: str, namespace: str, request: Mapping[str, Any], author: str) -> dict[str, Any]:
        """Make a table, or prepare one whose first commit follows (``stage-create``)."""
        name = request["name"]
        if not name or name in (".", ".."):
            raise bad(f"a table cannot be called `{name}`: clients take it out of an address")
        with db.reading(self._engine) as connection:
            found = read.find(connection, branch, f"{namespace}.{name}")
        if found is not None and found.kind != "dropped":
            raise exists(f"the {found.kind} {found.full_name}")
        location = self._storage.new_table(namespace, name)
        metadata = iceberg.staged(request, location, str(uuid.uuid4()))
        if request.get("stage-create"):
            return loaded(metadata, None)
        change = TableChange(
            namespace=namespace,
            name=name,
            requirements=[{"type": "assert-create"}],
            updates=[],
            start=metadata,
        )
        return self.commit(branch, [change], author)[0]

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
        with db.reading(self._engine) as connection:
            for change in changes:
                found = read.find(connection, branch, change.full_name)
                if found is not None and found.kind == "view":
                    raise exists(f"the view {found.full_name}")
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
                metadata, location = self._next(change, old, durable)
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
                        state=state if state is not None else old.state if old else {},
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
            if old is None or old.location is None or not added:
                return []
            metadata = self._storage.read(old.location)
            if not added <= {s["snapshot-id"] for s in metadata["snapshots"]}:
                return []
            answers.append(loaded(metadata, old.location))
        return answers

    def _next(self, change: TableChange, old: Pointer | None, durable: bool) -> tuple[dict[str, Any], str]:
        before = self._storage.read(old.location) if old is not None and old.location else None
        iceberg.check(before, change.requirements)
        if before is None and not any(r["type"] == "assert-create" for r in change.requirements):
            raise no_table(change.full_name)
        previous = old.location if old is not None and before is not None else None
        metadata = iceberg.apply(before or change.start or iceberg.empty(), change.updates, previous)
        if not self._storage.holds(metadata["location"]):
            raise bad("a table's location must lie in the lake")
        if durable:
            # Data files and manifests that the client wrote, before a pointer says that they are there.
            self._storage.flush(metadata["location"], previous)
        return metadata, self._storage.write(metadata, previous, durable=durable)

    def _swap(self, branch: str, after: Sequence[Pointer], seen: Mapping[str, Pointer], author: str) -> bool:
        """Move the pointers if nobody moved them meanwhile; returns whether somebody did."""
        with db.writing(self._engine, durable=not is_work(branch)) as connection:
            for pointer in after:
                now = read.find(connection, branch, pointer.full_name)
                before = seen.get(pointer.key)
                if (now and now.seq) != (before and before.seq):
                    return True
            live = {k: p for k, p in seen.items() if p.kind != "dropped"}
            record(connection, branch, after, live, author=author, message=_told(after, live), run=run_of(branch))
        return False

    def _forget(self, written: Sequence[str]) -> None:
        for location in written:
            self._storage.forget(location)

    def drop(self, branch: str, name: str, author: str) -> None:
        """The branch has no such table any more; its files stay for whoever else sees them."""

        def dropped(old: Pointer, connection: sa.Connection) -> list[Pointer]:
            return [_gone(old)]

        self._move(branch, name, dropped, author, f"drop {name}")

    def rename(self, branch: str, source: tuple[str, str], target: tuple[str, str], author: str) -> None:
        """Give a table another name; its state goes with it."""
        namespace, name = target

        def renamed(old: Pointer, connection: sa.Connection) -> list[Pointer]:
            new = replace(old, namespace=namespace, name=name)
            if new.key == old.key:
                return [new]
            there = read.find(connection, branch, new.full_name)
            if there is not None and there.kind != "dropped":
                raise exists(f"the {there.kind} {there.full_name}")
            return [_gone(old), new]

        old_name = ".".join(source)
        self._move(branch, old_name, renamed, author, f"rename {old_name} to {namespace}.{name}")

    def _move(
        self,
        branch: str,
        name: str,
        to: Callable[[Pointer, sa.Connection], list[Pointer]],
        author: str,
        message: str,
    ) -> None:
        with db.writing(self._engine, durable=not is_work(branch)) as connection:
            old = read.find(connection, branch, name)
            if old is None or old.kind != "table":
                raise no_table(name)
            after = to(old, connection)
            record(connection, branch, after, {old.key: old}, author=author, message=message, run=run_of(branch))


def loaded(metadata: dict[str, Any], location: str | None) -> dict[str, Any]:
    """The protocol's ``LoadTableResult``; without a location for a table that is only staged."""
    answer: dict[str, Any] = {"metadata": metadata, "config": {}}
    if location is not None:
        answer["metadata-location"] = location
    return answer


def run_of(branch: str) -> str | None:
    """The run that a work branch belongs to."""
    return branch.removeprefix(WORK) if is_work(branch) else None


def _gone(old: Pointer) -> Pointer:
    return replace(old, kind="dropped", location=None, sql=None, state={}, rows=None)


def _told(after: Sequence[Pointer], before: Mapping[str, Pointer]) -> str:
    created = sorted(p.full_name for p in after if p.key not in before)
    written = sorted(p.full_name for p in after if p.key in before)
    parts = [f"create {', '.join(created)}" if created else "", f"write {', '.join(written)}" if written else ""]
    return "; ".join(p for p in parts if p)
