"""Views over REST."""

from wherry.lake import moves
from wherry.lake.rest.request import Answer, Contents, Endpoint, Request, identifier
from wherry.lake.rest.tables import listed, spelled


def _list(contents: Contents, request: Request) -> Answer:
    return listed(contents, request, "view")


def _create(contents: Contents, request: Request) -> Answer:
    namespace = spelled(contents, request)
    return 200, contents.views.create(request.branch, namespace, request.body, request.author)


def _register(contents: Contents, request: Request) -> Answer:
    namespace, body = spelled(contents, request), request.body
    location = body["metadata-location"]
    return 200, contents.views.register(request.branch, namespace, body["name"], location, request.author)


def _load(contents: Contents, request: Request) -> Answer:
    return 200, contents.views.load(request.branch, request.full_name, request.at)


def _exists(contents: Contents, request: Request) -> Answer:
    moves.find(contents.database, request.branch, "view", request.full_name, request.at)
    return 204, None


def _commit(contents: Contents, request: Request) -> Answer:
    return 200, contents.views.commit(request.branch, request.full_name, request.body, request.author)


def _drop(contents: Contents, request: Request) -> Answer:
    moves.drop(contents.database, request.branch, "view", request.full_name, request.author)
    return 204, None


def _rename(contents: Contents, request: Request) -> Answer:
    source, target = (identifier(request.body[end]) for end in ("source", "destination"))
    moves.rename(contents.database, request.branch, "view", source, target, request.author)
    return 204, None


_VIEW = "namespaces/{namespace}/views/{view}"
ENDPOINTS = (
    Endpoint("GET", "namespaces/{namespace}/views", _list, changes=False),
    Endpoint("POST", "namespaces/{namespace}/views", _create),
    Endpoint("POST", "namespaces/{namespace}/register-view", _register),
    Endpoint("GET", _VIEW, _load, changes=False),
    Endpoint("HEAD", _VIEW, _exists, changes=False),
    Endpoint("POST", _VIEW, _commit),
    Endpoint("DELETE", _VIEW, _drop),
    Endpoint("POST", "views/rename", _rename),
)
