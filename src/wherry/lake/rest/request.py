"""What an endpoint is given, and what requests of every kind have in common."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import field
from typing import Any

from wherry.lake.connecting import Database
from wherry.lake.refusal import Refused, bad
from wherry.lake.tables import Tables
from wherry.lake.views import Views
from wherry.model.dataclass import dataclass

#: Status and JSON body; None: no body.
Answer = tuple[int, dict[str, Any] | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Contents:
    """What the endpoints answer from."""

    database: Database
    tables: Tables
    views: Views


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What one endpoint needs to know."""

    branch: str
    #: A commit in the past, or None for now.
    at: int | None = None
    #: What stands in the address where the endpoint has ``{}``.
    names: tuple[str, ...] = ()
    query: Mapping[str, str] = field(default_factory=dict)
    body: Mapping[str, Any] = field(default_factory=dict)
    author: str = ""
    #: What the client calls itself.
    agent: str = ""

    @property
    def by_duckdb(self) -> bool:
        """Whether the client is DuckDB, or built on it."""
        return "duckdb/" in self.agent.lower()

    @property
    def full_name(self) -> str:
        """The table or view in the address."""
        return ".".join(self.names[:2])


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A method, a path below the prefix, and the function that answers."""

    method: str
    #: ``namespaces/{namespace}/tables``
    path: str
    answer: Callable[[Contents, Request], Answer]
    #: Whether it changes something, which the past does not allow.
    changes: bool = True


def one_word(namespace: Sequence[str]) -> str:
    """The name of a schema; 406 for one of several levels."""
    if isinstance(namespace, str) or not all(isinstance(part, str) for part in namespace):
        raise bad("the name of a schema is a list of one text")
    if len(namespace) != 1 or "." in namespace[0] or "\x1f" in namespace[0]:
        message = "the name of a schema is one word without a dot"
        raise Refused(406, "UnsupportedOperationException", message) if len(namespace) > 1 else bad(message)
    return namespace[0]


def identifier(value: Mapping[str, Any]) -> tuple[str, str]:
    """Schema and name of a table in a request's body."""
    if not isinstance(value["name"], str) or not value["name"]:
        raise bad("a table's name is text")
    return one_word(value["namespace"]), value["name"]


def page(names: Sequence[str], query: Mapping[str, str]) -> tuple[list[str], dict[str, str | None]]:
    """The part of a sorted list that is asked for, and what the answer says of the next part.

    A token is the last name of the page before, in hexadecimal: a page stays right when something is made or dropped.
    """
    token, asked = query.get("pageToken"), query.get("pageSize")
    if token is None and asked is None:
        return list(names), {}
    try:
        size = int(asked) if asked else len(names)
        after = bytes.fromhex(token or "").decode()
    except ValueError:
        raise bad("pageToken comes from the page before, and pageSize is a number") from None
    if asked and size < 1:
        raise bad("pageSize is at least 1")
    rest = [name for name in names if not token or name.lower() > after]
    shown = rest[:size]
    more = shown[-1].lower().encode().hex() if len(rest) > len(shown) else None
    return shown, {"next-page-token": more}
