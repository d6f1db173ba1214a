"""Schemas over REST."""

from wherry.lake import database as db
from wherry.lake import namespaces
from wherry.lake.refusal import Refused, bad
from wherry.lake.rest.request import Answer, Contents, Endpoint, Request, one_word, page


def _list(contents: Contents, request: Request) -> Answer:
    parent = request.query.get("parent")
    with db.reading(contents.database) as connection:
        if parent:
            # There are no schemas inside schemas, but a client may ask.
            namespaces.find(connection, request.branch, parent, request.at)
            return 200, {"namespaces": []}
        found = namespaces.listing(connection, request.branch, request.at)
    shown, more = page(sorted(found.values(), key=str.lower), request.query)
    return 200, {"namespaces": [[name] for name in shown], **more}


def _create(contents: Contents, request: Request) -> Answer:
    name = one_word(request.body["namespace"])
    properties = request.body.get("properties") or {}
    namespaces.create(contents.database, request.branch, name, properties)
    return 200, {"namespace": [name], "properties": properties}


def _load(contents: Contents, request: Request) -> Answer:
    with db.glancing(contents.database) as connection:
        name, properties = namespaces.find(connection, request.branch, request.names[0], request.at)
    # Trino makes no table in a schema without a location.
    return 200, {"namespace": [name], "properties": {"location": contents.tables.folder(name), **properties}}


def _exists(contents: Contents, request: Request) -> Answer:
    _load(contents, request)
    return 204, None


def _drop(contents: Contents, request: Request) -> Answer:
    namespaces.drop(contents.database, request.branch, request.names[0])
    return 204, None


def _update(contents: Contents, request: Request) -> Answer:
    updates, removals = request.body.get("updates") or {}, request.body.get("removals") or []
    if not isinstance(updates, dict) or not isinstance(removals, list):
        raise bad("updates are a mapping, removals a list")
    if both := sorted(set(updates) & set(removals)):
        message = f"both set and removed: {', '.join(both)}"
        raise Refused(422, "UnprocessableEntityException", message)
    return 200, namespaces.update(contents.database, request.branch, request.names[0], updates, removals)


ENDPOINTS = (
    Endpoint("GET", "namespaces", _list, changes=False),
    Endpoint("POST", "namespaces", _create),
    Endpoint("GET", "namespaces/{namespace}", _load, changes=False),
    Endpoint("HEAD", "namespaces/{namespace}", _exists, changes=False),
    Endpoint("DELETE", "namespaces/{namespace}", _drop),
    Endpoint("POST", "namespaces/{namespace}/properties", _update),
)
