"""The Iceberg REST catalog, as one function of a request: no sockets, no threads.

The protocol's ``prefix`` is a branch, or a branch at a commit in the past, which cannot be written.
"""

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote

from wherry.errors import Conflict, NoSuchBranch, NoSuchCommit, WherryError
from wherry.lake import database as db
from wherry.lake import log, read
from wherry.lake.connecting import Database
from wherry.lake.horizon import expect_readable
from wherry.lake.names import MAIN, from_prefix, prefix
from wherry.lake.refusal import Refused, Unsupported, bad, unsupported
from wherry.lake.rest import namespaces, tables, views
from wherry.lake.rest.request import Answer, Contents, Endpoint, Request
from wherry.lake.tables import Tables
from wherry.lake.views import Views

ENDPOINTS = (*namespaces.ENDPOINTS, *tables.ENDPOINTS, *views.ENDPOINTS)

#: What the protocol has and this catalog does not: planning scans for the client, and functions.
_NOT_OFFERED = re.compile(
    r"namespaces/[^/]+/(tables/[^/]+/(plan(/[^/]+)?|tasks)|functions(/[^/]+)?)|transactions/.*", re.ASCII
)

#: Endpoints by the words of their path that are not names: those without any names, and the others.
_PLAIN = {(e.method, tuple(e.path.split("/"))): e for e in ENDPOINTS if "{" not in e.path}
_NAMING = {(e.method, e.path.count("/"), tuple(e.path.split("/")[::2])): e for e in ENDPOINTS if "{" in e.path}


class Catalog:
    """Answers requests of the Iceberg REST protocol."""

    def __init__(self, database: Database, tables: Tables, views: Views) -> None:
        self._database = database
        self._contents = Contents(database=database, tables=tables, views=views)
        self.views = views
        #: For clients that name no warehouse.
        self.branch = MAIN

    def handle(
        self,
        method: str,
        path: str,
        query: Mapping[str, str] | None = None,
        body: Any = None,
        *,
        author: str = "",
        agent: str = "",
    ) -> Answer:
        """Status and JSON body (None: no body) for a request; ``path`` as sent, query decoded.

        ``agent`` is what the client calls itself.
        """
        try:
            return self._answer(method, path, query or {}, body, author, agent)
        except Refused as refused:
            return refused.status, refused.body()
        except Conflict as problem:
            return _refusal(409, "CommitFailedException", problem)
        except (NoSuchBranch, NoSuchCommit) as problem:
            return _refusal(404, "NoSuchWarehouseException", problem)
        except WherryError as problem:
            if isinstance(problem.__cause__, self._database.driver.OperationalError):
                # The client may ask again for what it reads. What it writes may have been written: see below.
                again = method in ("GET", "HEAD")
                return _refusal(503 if again else 500, "ServiceUnavailableException", problem)
            return _refusal(400, "BadRequestException", problem)
        except (KeyError, TypeError, AttributeError, UnicodeEncodeError) as problem:
            return _refusal(400, "BadRequestException", f"the request lacks or misuses {problem}")
        except Exception as problem:
            # Whether a commit took place is not known: the protocol wants a 500 for that.
            return _refusal(500, "InternalServerError", f"{type(problem).__name__}: {problem}")

    def _answer(self, method: str, path: str, query: Mapping[str, str], body: Any, author: str, agent: str) -> Answer:
        parts = tuple(unquote(part) for part in path.strip("/").split("/"))
        if parts[0] != "v1" or len(parts) < 2:
            raise bad(f"there is nothing at {path}")
        if parts[1:] == ("config",):
            return self._config(query.get("warehouse", ""))
        if parts[1:] == ("oauth", "tokens"):
            raise Unsupported("tokens are not made here: send the one that `wherry serve` tells, as a bearer token")
        if len(parts) < 3:
            raise bad(f"there is nothing at {path}")
        if body is not None and not isinstance(body, dict):
            raise bad("the body must be a JSON object")
        branch, at = self._place_in_time(self._place(parts[1]), parts[1])
        endpoint, names = _find(method, parts[2:])
        if at is not None and endpoint.changes:
            raise Refused(403, "ForbiddenException", f"`{branch}` at a past commit cannot be written")
        request = Request(branch=branch, at=at, names=names, query=query, body=body or {}, author=author, agent=agent)
        return endpoint.answer(self._contents, request)

    def _config(self, warehouse: str) -> Answer:
        branch, at = self._place_in_time(self._moment(warehouse), warehouse)
        with db.reading(self._database) as connection:
            read.fork_of(connection, branch)
        offered = [f"{e.method} /v1/{{prefix}}/{e.path}" for e in ENDPOINTS]
        # Java clients would ask for a new token every hour, and tell their log that there is none.
        defaults = {"token-refresh-enabled": "false"}
        return 200, {"defaults": defaults, "overrides": {"prefix": prefix(branch, at)}, "endpoints": offered}

    def _place(self, text: str) -> tuple[str, int | None]:
        """The branch and moment of a prefix: one that ``config`` gave, or as people write it."""
        return self._moment(text) if "@" in text else from_prefix(text)

    def _place_in_time(self, place: tuple[str, int | None], text: str) -> tuple[str, int | None]:
        """The same place. Raises ``NoSuchCommit`` for a moment that upkeep has forgotten."""
        _, at = place
        if at is not None:
            with db.reading(self._database) as connection:
                expect_readable(connection, at, text)
        return place

    def _moment(self, text: str) -> tuple[str, int | None]:
        """``main``, ``run/17``, ``main@42``, ``main@b2032ef56440``, ``main@2026-01-31``: branch, and commit number."""
        branch, sign, at = text.partition("@")
        if not sign:
            return branch or self.branch, None
        number = int(at) if at.isdecimal() and len(at) < 12 else None
        if number is None or number > self._newest():
            # Digits may also begin an id, or be a date.
            try:
                number = log.resolve(self._database, at)
            except NoSuchCommit:
                if number is None:
                    raise
        return branch or self.branch, number

    def _newest(self) -> int:
        with db.glancing(self._database) as connection:
            return read.newest(connection)


def _find(method: str, path: tuple[str, ...]) -> tuple[Endpoint, tuple[str, ...]]:
    plain = _PLAIN.get((method, path))
    if plain is not None:
        return plain, ()
    found = _NAMING.get((method, len(path) - 1, path[::2]))
    if found is not None:
        return found, path[1::2]
    there = "/".join(path)
    if _NOT_OFFERED.fullmatch(there):
        raise unsupported(f"{method} of {there} is not offered")
    if any(words == path for _, words in _PLAIN) or any(key[1:] == (len(path) - 1, path[::2]) for key in _NAMING):
        raise bad(f"{method} is not understood at {there}")
    raise Refused(404, "NoSuchEndpointException", f"{method} of {there} is not offered")


def _refusal(status: int, kind: str, problem: object) -> Answer:
    return status, Refused(status, kind, str(problem)).body()
