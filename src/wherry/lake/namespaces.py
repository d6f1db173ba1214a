"""Schemas: made by name, or simply there because a table is in them."""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from wherry.lake import database as db
from wherry.lake import read
from wherry.lake.connecting import Connection, Database, insert
from wherry.lake.names import is_work
from wherry.lake.refusal import Refused, bad, exists, no_namespace

_MADE = "SELECT name, properties FROM namespace WHERE branch = :branch"
_MADE_ONE = f"{_MADE} AND key = :key"
_FORGET = "DELETE FROM namespace WHERE branch = :branch AND key = :key"
_MAKE = insert("namespace", ("branch", "key", "name", "properties"))


def listing(connection: Connection, branch: str, at: int | None) -> dict[str, str]:
    """Schemas that the branch sees: name by key."""
    made: dict[str, str] = {}
    dropped: set[str] = set()
    for here in _lineage(connection, branch):
        for name, properties in connection.rows(_MADE, {"branch": here}):
            if name.lower() not in made and name.lower() not in dropped:
                if properties is None:
                    dropped.add(name.lower())
                else:
                    made[name.lower()] = name
    used = {p.namespace.lower(): p.namespace for p in read.see(connection, branch, at).values()}
    return dict(sorted((used | made).items()))


def find(connection: Connection, branch: str, name: str, at: int | None) -> tuple[str, dict[str, Any]]:
    """A schema's spelling and properties; 404 when the branch sees no such schema."""
    for here in _lineage(connection, branch):
        row = connection.row(_MADE_ONE, {"branch": here, "key": name.lower()})
        if row is not None:
            spelled, properties = row
            if properties is None:
                break
            return spelled, json.loads(properties)
    for pointer in read.see(connection, branch, at).values():
        if pointer.namespace.lower() == name.lower():
            return pointer.namespace, {}
    raise no_namespace(name)


def create(database: Database, branch: str, name: str, properties: Mapping[str, Any]) -> None:
    """Make a schema on a branch; 409 when it is there."""
    if not name or "." in name or "\x1f" in name:
        raise bad("the name of a schema is one word without a dot")
    with db.writing(database, durable=not is_work(branch)) as connection:
        try:
            found, _ = find(connection, branch, name, None)
        except Refused:
            _write(connection, branch, name, properties)
        else:
            raise exists(f"the schema {found}")


def update(
    database: Database, branch: str, name: str, updates: Mapping[str, Any], removals: Sequence[str]
) -> dict[str, Any]:
    """Change a schema's properties; returns the protocol's account of it."""
    with db.writing(database, durable=not is_work(branch)) as connection:
        spelled, properties = find(connection, branch, name, None)
        removed = [k for k in removals if k in properties]
        kept = {k: v for k, v in properties.items() if k not in removed}
        _write(connection, branch, spelled, kept | dict(updates))
    missing = [k for k in removals if k not in removed]
    return {"updated": list(updates), "removed": removed, "missing": missing}


def drop(database: Database, branch: str, name: str) -> None:
    """The branch has no such schema any more; 409 when something is in it."""
    with db.writing(database, durable=not is_work(branch)) as connection:
        spelled, _ = find(connection, branch, name, None)
        if any(p.namespace.lower() == name.lower() for p in read.see(connection, branch).values()):
            raise Refused(409, "NamespaceNotEmptyException", f"the schema {spelled} is not empty")
        _write(connection, branch, spelled, None)


def _write(connection: Connection, branch: str, name: str, properties: Mapping[str, Any] | None) -> None:
    text = None if properties is None else json.dumps(dict(properties), ensure_ascii=False)
    values = {"branch": branch, "key": name.lower(), "name": name, "properties": text}
    connection.change(_FORGET, values)
    connection.change(_MAKE, values)


def _lineage(connection: Connection, branch: str) -> Iterator[str]:
    here: str | None = branch
    while here is not None:
        yield here
        here = read.fork_of(connection, here).parent
