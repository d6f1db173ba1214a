"""Views for engines of any kind: ours are offered as Iceberg views, theirs become views of the branch.

A view that another engine wrote keeps its metadata, with the query in each dialect it came in, in its pointer's state:
it moves with the pointer when a branch is published or restored, and no file has to be kept for it.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from wherry.errors import LakeError
from wherry.lake import database as db
from wherry.lake import moves, namespaces, read, types, view_columns, view_metadata
from wherry.lake.commit import record
from wherry.lake.connecting import Connection, Database
from wherry.lake.names import file_name, is_work
from wherry.lake.pointer import Pointer
from wherry.lake.refusal import bad, exists, no_view
from wherry.lake.storage import Storage
from wherry.model.dataclass import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """A view's query as DuckDB runs it."""

    sql: str
    #: The tables it reads, ``schema.table``.
    inputs: tuple[str, ...] = ()


#: ``(sql, dialect, default schema, columns) -> Query``; raises ``ValueError`` with the reason when it cannot.
Translate = Callable[[str, str, str, Sequence[str]], Query]


class Views:
    """Reads and commits of views on any branch."""

    def __init__(self, database: Database, storage: Storage) -> None:
        self._database = database
        self._storage = storage
        #: Turns other dialects into DuckDB's; None: their text is taken as it is.
        self.translate: Translate | None = None
        #: Tells a query of ours in other dialects, by dialect; None: it is offered in DuckDB's only.
        self.dialects: Callable[[str], Mapping[str, str]] | None = None

    def load(self, branch: str, name: str, at: int | None = None) -> dict[str, Any]:
        """The protocol's ``LoadViewResult``."""
        with db.reading(self._database) as connection:
            found = read.find(connection, branch, name, at)
            if found is None or found.kind != "view":
                raise no_view(name)
            return _loaded(self._metadata(connection, branch, found, at))

    def create(self, branch: str, namespace: str, request: Mapping[str, Any], author: str) -> dict[str, Any]:
        """Make a view; 409 when something has its name."""
        name = moves.check_name(request["name"])
        return self._make(
            branch, namespace, name, view_metadata.created(request, self._location(namespace, name)), author
        )

    def register(self, branch: str, namespace: str, name: str, location: str, author: str) -> dict[str, Any]:
        """Take in a view whose metadata file lies in the lake."""
        if not self._storage.holds(location):
            raise bad("a view's metadata must lie in the lake")
        metadata = view_metadata.registered(self._storage.read(location))
        return self._make(branch, namespace, moves.check_name(name), metadata, author)

    def commit(self, branch: str, name: str, body: Mapping[str, Any], author: str) -> dict[str, Any]:
        """Apply updates to a view: another query, other properties."""
        with db.writing(self._database, durable=not is_work(branch)) as connection:
            old = read.find(connection, branch, name)
            if old is None or old.kind != "view":
                raise no_view(name)
            before = self._metadata(connection, branch, old, None)
            view_metadata.check(before, body.get("requirements") or ())
            after = view_metadata.apply(before, body["updates"])
            same_query = view_metadata.current(after) == view_metadata.current(before)
            # Another query: whoever built the old one must not think that it is still there.
            new = (
                replace(old, state={**old.state, view_metadata.KEPT: after})
                if same_query
                else self._pointer(old.namespace, old.name, after)
            )
            self._record(connection, branch, new, {old.key: old}, author, f"write {old.full_name}")
        return _loaded(after)

    def _make(
        self, branch: str, namespace: str, name: str, metadata: view_metadata.Metadata, author: str
    ) -> dict[str, Any]:
        with db.writing(self._database, durable=not is_work(branch)) as connection:
            spelled, _ = namespaces.find(connection, branch, namespace, None)
            there = read.find(connection, branch, f"{spelled}.{name}")
            if there is not None and there.kind != "dropped":
                raise exists(f"the {there.kind} {there.full_name}")
            new = self._pointer(spelled, name, metadata)
            self._record(connection, branch, new, {}, author, f"create {new.full_name}")
        return _loaded(metadata)

    def _pointer(self, namespace: str, name: str, metadata: view_metadata.Metadata) -> Pointer:
        version = view_metadata.current(metadata)
        default = version.get("default-namespace") or [namespace]
        dialect, text = view_metadata.sql_of(metadata)[0]
        query = Query(sql=text)
        if self.translate is not None:
            try:
                columns = [field["name"] for field in view_metadata.current_schema(metadata)["fields"]]
                query = self.translate(text, dialect, default[-1], columns)
            except ValueError:
                # Kept as it came: the engine that wrote it reads it, and DuckDB says what it does not understand.
                query = Query(sql=text)
        state = {view_metadata.KEPT: metadata, "inputs": list(query.inputs)}
        return Pointer(namespace=namespace, name=name, kind="view", sql=query.sql, state=state)

    def _metadata(
        self, connection: Connection, branch: str, pointer: Pointer, at: int | None
    ) -> view_metadata.Metadata:
        if (told := view_metadata.kept(pointer)) is not None:
            return told
        seen = read.see(connection, branch, at)
        try:
            columns = view_columns.columns(pointer, seen, self._storage.read)
        except LakeError as problem:
            raise bad(str(problem)) from None
        made = connection.value('SELECT at FROM "commit" WHERE seq = :seq', {"seq": pointer.seq})
        moment = int(datetime.fromisoformat(made).timestamp() * 1000) if made else 0
        location = self._location(pointer.namespace, pointer.name)
        # The project's SQL functions exist nowhere else.
        plain = not pointer.state.get("functions")
        others = self.dialects(pointer.sql or "") if plain and self.dialects is not None else {}
        return view_metadata.of_query(pointer, types.to_iceberg(columns), location, moment, others)

    def _location(self, namespace: str, name: str) -> str:
        # Named because the protocol wants one; nothing is written there.
        return f"{self._storage.location}/{file_name(namespace)}/{file_name(name)}.view"

    def _record(
        self,
        connection: Connection,
        branch: str,
        new: Pointer,
        before: Mapping[str, Pointer],
        author: str,
        message: str,
    ) -> None:
        record(connection, branch, [new], before, author=author, message=message, run=moves.run_of(branch))


def _loaded(metadata: view_metadata.Metadata) -> dict[str, Any]:
    number, identity = metadata["current-version-id"], metadata["view-uuid"]
    location = f"{metadata['location']}/metadata/{number:05d}-{identity}.metadata.json"
    return {"metadata-location": location, "metadata": metadata, "config": {}}
