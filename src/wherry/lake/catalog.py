"""The Iceberg REST catalog, as one function of a request: no sockets, no threads.

The protocol's ``prefix`` is a branch, or a branch at a commit in the past, which cannot be written.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote

import sqlalchemy as sa

from wherry.errors import Conflict, NoSuchBranch, WherryError
from wherry.lake import database as db
from wherry.lake import namespaces, read
from wherry.lake.horizon import expect_readable
from wherry.lake.names import from_prefix, from_warehouse, prefix
from wherry.lake.refusal import Refused, bad, no_table
from wherry.lake.tables import TableChange, Tables

Answer = tuple[int, dict[str, Any] | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What one route needs to know."""

    method: str
    branch: str
    #: A commit in the past, or None for now.
    at: int | None = None
    #: The decoded path after the prefix.
    path: tuple[str, ...] = ()
    query: Mapping[str, str] = field(default_factory=dict)
    body: Mapping[str, Any] = field(default_factory=dict)
    author: str = ""


class Catalog:
    """Answers requests of the Iceberg REST protocol."""

    def __init__(self, engine: sa.Engine, tables: Tables) -> None:
        self._engine = engine
        self._tables = tables

    def handle(
        self,
        method: str,
        path: str,
        query: Mapping[str, str] | None = None,
        body: Mapping[str, Any] | None = None,
        *,
        author: str = "",
    ) -> Answer:
        """Status and JSON body (None: no body) for a request; ``path`` as sent, query decoded."""
        try:
            parts = tuple(unquote(part) for part in path.strip("/").split("/"))
            if not parts or parts[0] != "v1":
                raise bad(f"there is nothing at {path}")
            if parts[1:] == ("config",):
                return self._config((query or {}).get("warehouse", ""))
            if len(parts) < 3:
                raise bad(f"there is nothing at {path}")
            branch, at = from_prefix(parts[1])
            request = Request(
                method=method,
                branch=branch,
                at=at,
                path=parts[2:],
                query=query or {},
                body=body or {},
                author=author,
            )
            if at is not None and method not in ("GET", "HEAD") and parts[-1] != "metrics":
                raise Refused(403, "ForbiddenException", f"`{branch}` at a past commit cannot be written")
            return self._route(request)
        except Refused as refused:
            return refused.status, refused.body()
        except Conflict as problem:
            return 409, Refused(409, "CommitFailedException", str(problem)).body()
        except NoSuchBranch as problem:
            return 404, Refused(404, "NoSuchWarehouseException", str(problem)).body()
        except WherryError as problem:
            return 400, Refused(400, "BadRequestException", str(problem)).body()
        except (KeyError, TypeError, AttributeError) as problem:
            return 400, Refused(400, "BadRequestException", f"the request lacks or misuses {problem}").body()
        except Exception as problem:
            # Whether a commit took place is not known: the protocol wants a 500 for that.
            return 500, Refused(500, "InternalServerError", f"{type(problem).__name__}: {problem}").body()

    def _config(self, warehouse: str) -> Answer:
        branch, at = from_warehouse(warehouse)
        with db.reading(self._engine) as connection:
            read.fork_of(connection, branch)
            if at is not None:
                expect_readable(connection, at, warehouse)
        return 200, {"defaults": {}, "overrides": {"prefix": prefix(branch, at)}}

    def _route(self, request: Request) -> Answer:
        match request.path:
            case ("namespaces", namespace, "tables", table):
                return self._table(request, namespace, table)
            case ("transactions", "commit"):
                return self._transaction(request)
            case ("namespaces", namespace):
                return self._namespace(request, namespace)
            case ("namespaces", namespace, "tables"):
                return self._tables_of(request, namespace)
            case ("namespaces",):
                return self._namespaces(request)
            case ("namespaces", namespace, "properties") if request.method == "POST":
                body = request.body
                updates, removals = body.get("updates") or {}, body.get("removals") or []
                return 200, namespaces.update(self._engine, request.branch, namespace, updates, removals)
            case ("namespaces", _, "tables", _, "metrics"):
                return 204, None
            case ("namespaces", _, "views") if request.method == "GET":
                # Views are DuckDB's SQL and kept apart: other engines could not run them.
                return 200, {"identifiers": []}
            case ("tables", "rename") if request.method == "POST":
                source, target = (_identifier(request.body[end]) for end in ("source", "destination"))
                self._tables.rename(request.branch, source, target, request.author)
                return 204, None
        raise Refused(404, "NoSuchEndpointException", f"{request.method} of {'/'.join(request.path)} is not offered")

    def _table(self, request: Request, namespace: str, table: str) -> Answer:
        name = f"{namespace}.{table}"
        if "." in namespace:
            raise no_table(name)
        match request.method:
            case "GET":
                return 200, self._tables.load(request.branch, name, request.at)
            case "HEAD":
                self._tables.find(request.branch, name, request.at)
                return 204, None
            case "POST":
                change = _change(namespace, table, request.body)
                answer = self._tables.commit(request.branch, [change], request.author)[0]
                return 200, {k: answer[k] for k in ("metadata-location", "metadata")}
            case "DELETE":
                self._tables.drop(request.branch, name, request.author)
                return 204, None
        raise bad(f"{request.method} is not understood")

    def _transaction(self, request: Request) -> Answer:
        changes = []
        for part in request.body["table-changes"]:
            namespace, name = _identifier(part["identifier"])
            changes.append(_change(namespace, name, part))
        self._tables.commit(request.branch, changes, request.author)
        return 204, None

    def _tables_of(self, request: Request, namespace: str) -> Answer:
        if request.method == "POST":
            with db.reading(self._engine) as connection:
                spelled, _ = namespaces.find(connection, request.branch, namespace, None)
            return 200, self._tables.create(request.branch, spelled, request.body, request.author)
        with db.reading(self._engine) as connection:
            namespaces.find(connection, request.branch, namespace, request.at)
            seen = read.see(connection, request.branch, request.at).values()
        wanted = namespace.lower()
        inside = [p for p in seen if p.kind == "table" and p.namespace.lower() == wanted]
        return 200, {"identifiers": [{"namespace": [p.namespace], "name": p.name} for p in inside]}

    def _namespaces(self, request: Request) -> Answer:
        if request.method == "POST":
            name = _only(request.body["namespace"])
            properties = request.body.get("properties") or {}
            namespaces.create(self._engine, request.branch, name, properties)
            return 200, {"namespace": [name], "properties": properties}
        if request.query.get("parent"):
            return 200, {"namespaces": []}
        with db.reading(self._engine) as connection:
            found = namespaces.listing(connection, request.branch, request.at)
        return 200, {"namespaces": [[name] for name in found.values()]}

    def _namespace(self, request: Request, namespace: str) -> Answer:
        if request.method == "DELETE":
            namespaces.drop(self._engine, request.branch, namespace)
            return 204, None
        with db.reading(self._engine) as connection:
            name, properties = namespaces.find(connection, request.branch, namespace, request.at)
        if request.method == "HEAD":
            return 204, None
        return 200, {"namespace": [name], "properties": properties}


def _identifier(value: Mapping[str, Any]) -> tuple[str, str]:
    return _only(value["namespace"]), value["name"]


def _only(namespace: Sequence[str]) -> str:
    if len(namespace) != 1:
        raise bad("the name of a schema is one word without a dot")
    return namespace[0]


def _change(namespace: str, name: str, body: Mapping[str, Any]) -> TableChange:
    if not namespace or "." in namespace or not name:
        raise bad("a table's name is one schema and one name")
    return TableChange(
        namespace=namespace, name=name, requirements=body.get("requirements") or (), updates=body["updates"]
    )
