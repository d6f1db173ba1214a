"""The columns of a view that has only its query: it is bound over empty tables, no data is read."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from wherry import quoting
from wherry.errors import LakeError
from wherry.lake import types, view_metadata
from wherry.lake.pointer import Pointer

if TYPE_CHECKING:
    from wherry.duckdb import DuckDBPyConnection


def columns(
    view: Pointer, pointers: Mapping[str, Pointer], read: Callable[[str], dict[str, Any]]
) -> list[tuple[str, str]]:
    """Names and DuckDB types of a view's columns.

    ``pointers`` is what the branch sees, by key; ``read`` gives a table's metadata. Raises ``LakeError`` when the
    view does not fit its tables any more.
    """
    from wherry import duckdb

    with duckdb.connect(":memory:", config={"threads": 1, "enable_external_access": "false"}) as connection:
        try:
            _define(connection, view, pointers, read, {})
            found = connection.execute(f"DESCRIBE {quoting.full_name(view.full_name)}").fetchall()
        except duckdb.Error as problem:
            reason = str(problem).splitlines()[0]
            raise LakeError(f"the view `{view.full_name}` does not fit what it reads: {reason}") from problem
    return [(row[0], row[1]) for row in found]


def _define(
    connection: DuckDBPyConnection,
    pointer: Pointer,
    pointers: Mapping[str, Pointer],
    read: Callable[[str], dict[str, Any]],
    made: dict[str, None],
) -> None:
    if pointer.key in made:
        return
    made[pointer.key] = None
    connection.execute(f"CREATE SCHEMA IF NOT EXISTS {quoting.name(pointer.namespace)}")
    target = quoting.full_name(pointer.full_name)
    if pointer.kind == "view" and (told := view_metadata.kept(pointer)) is None:
        for name in pointer.state.get("inputs", ()):
            if name.lower() in pointers:
                _define(connection, pointers[name.lower()], pointers, read, made)
        for function in pointer.state.get("functions", ()):
            if function not in made:
                made[function] = None
                connection.execute(function)
        connection.execute(f"CREATE VIEW {target} AS {pointer.sql}")
        return
    if pointer.kind == "view":
        # Told by who wrote it: nobody else's SQL is run here.
        schema = view_metadata.current_schema(told or {})
        wanted = [(field["name"], types.from_iceberg(field["type"])) for field in schema["fields"]]
    else:
        wanted = types.columns(read(pointer.location or ""))
    listed = ", ".join(f"{quoting.name(name)} {kind}" for name, kind in wanted)
    connection.execute(f"CREATE TABLE {target} ({listed})")
