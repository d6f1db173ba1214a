"""Tables over REST."""

from collections.abc import Mapping
from typing import Any

from wherry.lake import database as db
from wherry.lake import moves, namespaces, read
from wherry.lake.iceberg import without_history
from wherry.lake.refusal import bad, no_table
from wherry.lake.rest.request import Answer, Contents, Endpoint, Request, identifier, page
from wherry.lake.shape import wished
from wherry.lake.tables import TableChange


def listed(contents: Contents, request: Request, kind: str) -> Answer:
    """The tables or views of a schema."""
    namespace = request.names[0]
    with db.reading(contents.database) as connection:
        spelled, _ = namespaces.find(connection, request.branch, namespace, request.at)
        seen = read.see(connection, request.branch, request.at).values()
    wanted = namespace.lower()
    inside = sorted((p.name for p in seen if p.kind == kind and p.namespace.lower() == wanted), key=str.lower)
    shown, more = page(inside, request.query)
    return 200, {"identifiers": [{"namespace": [spelled], "name": name} for name in shown], **more}


def _list(contents: Contents, request: Request) -> Answer:
    return listed(contents, request, "table")


def spelled(contents: Contents, request: Request) -> str:
    """The schema in the address as it was first written; 404 when there is none."""
    with db.glancing(contents.database) as connection:
        return namespaces.find(connection, request.branch, request.names[0], None)[0]


def _create(contents: Contents, request: Request) -> Answer:
    namespace = spelled(contents, request)
    return 200, contents.tables.create(
        request.branch, namespace, request.body, request.author, by_duckdb=request.by_duckdb
    )


def _register(contents: Contents, request: Request) -> Answer:
    namespace, body = spelled(contents, request), request.body
    return 200, contents.tables.register(
        request.branch,
        namespace,
        body["name"],
        body["metadata-location"],
        request.author,
        overwrite=bool(body.get("overwrite")),
    )


def _load(contents: Contents, request: Request) -> Answer:
    if "." in request.names[0]:
        raise no_table(request.full_name)
    answer = contents.tables.load(request.branch, request.full_name, request.at, by_duckdb=request.by_duckdb)
    wanted = request.query.get("snapshots") or "all"
    if wanted not in ("all", "refs"):
        raise bad(f"snapshots are `all` or `refs`, not `{wanted}`")
    if wanted == "refs":
        answer["metadata"] = without_history(answer["metadata"])
    return 200, answer


def _exists(contents: Contents, request: Request) -> Answer:
    moves.find(contents.database, request.branch, "table", request.full_name, request.at)
    return 204, None


def _commit(contents: Contents, request: Request) -> Answer:
    change = _change(request.names[0], request.names[1], request.body)
    answer = contents.tables.commit(request.branch, [change], request.author)[0]
    return 200, {k: answer[k] for k in ("metadata-location", "metadata")}


def _drop(contents: Contents, request: Request) -> Answer:
    # Purging is no more than dropping here: other branches and older commits may share the files, and upkeep removes
    # those that nobody reaches.
    moves.drop(contents.database, request.branch, "table", request.full_name, request.author)
    return 204, None


def _rename(contents: Contents, request: Request) -> Answer:
    source, target = (identifier(request.body[end]) for end in ("source", "destination"))
    moves.rename(contents.database, request.branch, "table", source, target, request.author)
    return 204, None


def _transaction(contents: Contents, request: Request) -> Answer:
    changes = [_change(*identifier(part["identifier"]), part) for part in request.body["table-changes"]]
    contents.tables.commit(request.branch, changes, request.author)
    return 204, None


def _metrics(contents: Contents, request: Request) -> Answer:
    # Thanked for, not kept: they tell of one engine's one scan.
    return 204, None


def _credentials(contents: Contents, request: Request) -> Answer:
    moves.find(contents.database, request.branch, "table", request.full_name, request.at)
    return 200, {"storage-credentials": []}


def _change(namespace: str, name: str, body: Mapping[str, Any]) -> TableChange:
    if not namespace or "." in namespace or not name:
        raise bad("a table's name is one schema and one name")
    updates = tuple(wished(body["updates"]))
    return TableChange(namespace=namespace, name=name, requirements=body.get("requirements") or (), updates=updates)


_TABLE = "namespaces/{namespace}/tables/{table}"
ENDPOINTS = (
    Endpoint("GET", "namespaces/{namespace}/tables", _list, changes=False),
    Endpoint("POST", "namespaces/{namespace}/tables", _create),
    Endpoint("POST", "namespaces/{namespace}/register", _register),
    Endpoint("GET", _TABLE, _load, changes=False),
    Endpoint("HEAD", _TABLE, _exists, changes=False),
    Endpoint("POST", _TABLE, _commit),
    Endpoint("DELETE", _TABLE, _drop),
    Endpoint("GET", f"{_TABLE}/credentials", _credentials, changes=False),
    Endpoint("POST", f"{_TABLE}/metrics", _metrics, changes=False),
    Endpoint("POST", "tables/rename", _rename),
    Endpoint("POST", "transactions/commit", _transaction),
)
