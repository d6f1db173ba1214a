"""What a name means on a branch: a table's metadata file, or a view's SQL."""

from collections.abc import Mapping
from dataclasses import field
from typing import Any, Literal

from wherry.model.dataclass import dataclass

Kind = Literal["table", "view", "dropped"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Pointer:
    """A table or view as one branch sees it."""

    namespace: str
    name: str
    #: ``dropped`` only where a branch's own changes are listed.
    kind: Kind
    #: Path of the Iceberg metadata file; tables only.
    location: str | None = None
    #: The query; views only.
    sql: str | None = None
    #: What the owner of the table keeps beside it (version, intervals, cursor). The lake looks inside a view's only:
    #: the tables it reads (``inputs``), the SQL ``functions`` it calls, another engine's metadata of it (``iceberg``).
    state: Mapping[str, Any] = field(default_factory=dict)
    #: Rows of the table when the writer told them.
    rows: int | None = None
    #: Number of the commit that set it.
    seq: int = 0

    @property
    def full_name(self) -> str:
        return f"{self.namespace}.{self.name}"

    @property
    def key(self) -> str:
        """What it is matched by: the full name in lower case."""
        return f"{self.namespace}.{self.name}".lower()


@dataclass(frozen=True, slots=True, kw_only=True)
class Put:
    """A change to make: what a name shall mean from now on."""

    #: ``schema.table``.
    name: str
    kind: Kind
    #: The query of a view; None keeps the one it has.
    sql: str | None = None
    #: The metadata file of a table; None keeps the one it has.
    location: str | None = None
    #: None keeps the state it has.
    state: Mapping[str, Any] | None = None


def same(one: Pointer | None, other: Pointer | None) -> bool:
    """Whether two pointers mean the same thing, whatever commit set them. A dropped table is no table."""
    if one is None or one.kind == "dropped":
        return other is None or other.kind == "dropped"
    if other is None or other.kind != one.kind:
        return False
    return one.location == other.location and one.sql == other.sql and one.state == other.state


def as_put(pointer: Pointer) -> Put:
    """The change that makes a name mean what ``pointer`` says."""
    return Put(
        name=pointer.full_name, kind=pointer.kind, sql=pointer.sql, location=pointer.location, state=dict(pointer.state)
    )
