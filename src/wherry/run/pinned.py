"""Tables of a branch for the functions of Python tables: in a database that never asks the catalog for anything.

Methods of DuckDB's relations hold Python's lock while they look for the tables that they read. The catalog, which
would be asked, is served by a thread of this process, and that thread needs the lock to answer.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from wherry.engines.duckdb import DuckDB
from wherry.errors import LakeError
from wherry.quoting import full_name, name, text

if TYPE_CHECKING:
    from wherry.lake.pointer import Pointer
    from wherry.lake.storage import Storage


class Pinned:
    """A view for each table, over the files of the version that the branch has when it is shown."""

    def __init__(self, storage: Storage, pointers: Mapping[str, Pointer], engine: DuckDB) -> None:
        from wherry.lake.attach import give_access, load_extensions

        #: The database; no lake is attached to it.
        self.engine = engine
        self._storage = storage
        self._pointers = pointers
        #: Of each view, by key: what it was made of, and its number.
        self._shown: dict[str, tuple[Pointer, tuple[int, ...], int]] = {}
        self._numbers = itertools.count()
        self._functions: set[str] = set()
        load_extensions(engine.connection, storage.extensions)
        give_access(engine.connection, storage)

    def show(self, tables: Sequence[str]) -> None:
        """Make these tables readable by their own names. Raises ``LakeError`` for one that the branch does not have."""
        seen: dict[str, int] = {}
        for table in tables:
            self._show(table, seen)

    def _show(self, table: str, seen: dict[str, int]) -> int:
        """The number of the table's view, which is another when it, or what it reads, is in another version."""
        key = table.lower()
        if key not in seen:
            pointer = self._pointers.get(key)
            if pointer is None or pointer.kind == "dropped":
                raise LakeError(f"The table `{table}` is not in the branch.", hint="Run `wherry run` to build it.")
            inputs = pointer.state.get("inputs", ()) if pointer.kind == "view" else ()
            reads = tuple(self._show(each, seen) for each in inputs)
            if key not in self._shown or self._shown[key][:2] != (pointer, reads):
                self._make(pointer)
                self._shown[key] = pointer, reads, next(self._numbers)
            seen[key] = self._shown[key][2]
        return seen[key]

    def _make(self, pointer: Pointer) -> None:
        if pointer.kind == "view":
            for create in pointer.state.get("functions", ()):
                self._define(create)
            query = pointer.sql or ""
        else:
            query = f"FROM iceberg_scan({text(self._storage.spelled(pointer.location or ''))})"
        self.engine.execute(f"CREATE SCHEMA IF NOT EXISTS {name(pointer.namespace)}")
        self.engine.execute(f"CREATE OR REPLACE VIEW {full_name(pointer.full_name)} AS {query}")

    def _define(self, create: str) -> None:
        if create not in self._functions:
            self.engine.execute(create)
            self._functions.add(create)
