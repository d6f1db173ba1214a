"""One run's or query's view of a branch: every table by its own name, small fresh ones kept in memory."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING

from wherry.engines.duckdb import DuckDB
from wherry.errors import LakeError
from wherry.quoting import full_name, name

if TYPE_CHECKING:
    from wherry.lake.lake import Lake
    from wherry.lake.pointer import Pointer
    from wherry.run.pinned import Pinned

#: Up to so many values (rows times columns) a table just built is kept in memory for those that read it next.
MIRRORED_VALUES = 1_000_000


class Session:
    """A DuckDB whose schemas hold a view (or an in-memory copy) for each table of one branch.

    Users' SQL runs unchanged in it: ``FROM staging.orders`` is the branch's table. Tables appear when they are first
    asked for, since opening one from the lake costs 8 ms. Safe for several threads, each with its own ``cursor``.
    """

    def __init__(self, lake: Lake, branch: str, engine: DuckDB, *, at: int | None = None) -> None:
        self.lake, self.branch, self.engine, self.at = lake, branch, engine, at
        self._lock = threading.RLock()
        self._shown: set[str] = set()
        self._schemas: set[str] = set()
        self._small: set[str] = set()
        self._kinds: dict[str, str] = {}
        self._attached = False
        self._others: dict[str, str] = {}
        self._numbers = itertools.count()
        self._pointers: dict[str, Pointer] | None = None
        self._pinned: Pinned | None = None

    @classmethod
    def of_tables(cls, engine: DuckDB, tables: Sequence[str]) -> Session:
        """A session without a lake, over tables that the engine's memory holds already."""
        from wherry.lake.pointer import Pointer

        session = cls(None, "", engine)  # type: ignore[arg-type]
        parts = [table.partition(".") for table in tables]
        pointers = [Pointer(namespace=schema, name=table, kind="table") for schema, _, table in parts]
        session._pointers = {pointer.key: pointer for pointer in pointers}
        session._shown = set(session._pointers)
        return session

    @property
    def pointers(self) -> dict[str, Pointer]:
        """The branch's tables as they were when first asked for, kept up to date with what this session builds."""
        if self._pointers is None:
            with self._lock:
                # Another thread may have asked meanwhile, and changed what it got.
                if self._pointers is None:
                    self._pointers = self.lake.pointers(self.branch, self.at)
        return self._pointers

    def fresh_name(self) -> str:
        """A name for a relation that nobody else has."""
        return f"__wherry_{next(self._numbers)}"

    def attach(self) -> None:
        """Make the branch's tables reachable as ``lake.schema.table``."""
        with self._lock:
            if not self._attached:
                self.lake.attach(self.engine.connection, self.branch, "lake", self.at)
                self._attached = True

    def attach_other(self, branch: str) -> str:
        """Make the tables of another branch reachable; what to write before their names."""
        with self._lock:
            if branch not in self._others:
                alias = f"__wherry_other_{len(self._others)}"
                self.lake.attach(self.engine.connection, branch, alias)
                self._others[branch] = alias
            return self._others[branch]

    def show(self, tables: Sequence[str]) -> None:
        """Make these tables readable by their own names. Raises ``LakeError`` for one that the branch does not have."""
        with self._lock:
            for table in tables:
                if table.lower() not in self._shown:
                    self._show(table)

    def for_functions(self, tables: Sequence[str]) -> DuckDB:
        """The database in which functions of Python tables read these, by their own names; closed with this one's."""
        with self._lock:
            if self.lake is None:
                return self.engine
            if self._pinned is None:
                from wherry.run.pinned import Pinned

                self._pinned = Pinned(self.lake.storage, self.pointers, self.engine.apart())
            self._pinned.show(tables)
            return self._pinned.engine

    def later(self, table: str) -> Callable[[], None]:
        """What makes a table readable by its own name; an earlier copy in memory goes at once."""
        with self._lock:
            if self._kinds.get(table.lower()) == "TABLE":
                self.show([table])
        return partial(self.show, [table])

    def _show(self, table: str) -> None:
        pointer = self.pointers.get(table.lower())
        if pointer is None or pointer.kind == "dropped":
            raise LakeError(
                f"The table `{table}` is not in branch `{self.branch}`.", hint="Run `wherry run` to build it."
            )
        self.clear(table)
        target = full_name(pointer.full_name)
        if pointer.kind == "view":
            self.show(pointer.state.get("inputs", ()))
            for create in pointer.state.get("functions", ()):
                self.define(create)
            self.engine.execute(f"CREATE VIEW {target} AS {pointer.sql}")
        else:
            self.attach()
            self.engine.execute(f"CREATE VIEW {target} AS FROM lake.{target}")
        self._kinds[table.lower()] = "VIEW"
        self._shown.add(table.lower())

    def make_schema(self, table: str) -> None:
        schema = table.partition(".")[0]
        with self._lock:
            if schema.lower() not in self._schemas:
                self.engine.execute(f"CREATE SCHEMA IF NOT EXISTS {name(schema)}")
                self._schemas.add(schema.lower())

    def make_lake_schema(self, table: str, cursor: DuckDB) -> None:
        """Make the table's schema on the branch, once."""
        schema = table.partition(".")[0]
        with self._lock:
            if f"lake.{schema.lower()}" not in self._schemas:
                cursor.execute(f"CREATE SCHEMA IF NOT EXISTS lake.{name(schema)}")
                self._schemas.add(f"lake.{schema.lower()}")

    def clear(self, table: str) -> None:
        """Take away what stands in memory under the table's name, be it a view or a copy."""
        with self._lock:
            self.make_schema(table)
            if kind := self._kinds.pop(table.lower(), None):
                self.engine.execute(f"DROP {kind} IF EXISTS {full_name(table)} CASCADE")
            self._shown.discard(table.lower())
            self._small.discard(table.lower())

    def define(self, create: str) -> None:
        """Make one of the project's SQL functions."""
        key = f"function {create}"
        with self._lock:
            if key not in self._shown:
                self.engine.execute(create)
                self._shown.add(key)

    def built(self, table: str) -> None:
        """The branch's table was just changed: look at it anew, and forget any copy in memory."""
        with self._lock:
            key = table.lower()
            pointer = self.lake.pointer(self.branch, table)
            if pointer is None:
                self.pointers.pop(key, None)
            else:
                self.pointers[key] = pointer
            self._small.discard(key)
            self._shown.discard(key)

    def mirrored(self, table: str, columns: int) -> bool:
        """The in-memory table of that name holds the very rows of the branch's table: its readers take it if it is
        small; else it goes, and False is returned."""
        with self._lock:
            pointer = self.lake.pointer(self.branch, table)
            self._kinds[table.lower()] = "TABLE"
            if pointer is None or (pointer.rows or 0) * columns > MIRRORED_VALUES:
                self.clear(table)
                return False
            self.pointers[pointer.key] = pointer
            self._shown.add(pointer.key)
            self._small.add(pointer.key)
            return True

    def set_view(self, pointer: Pointer) -> None:
        """Take a view that the branch does not have yet; DuckDB binds it now, and raises what is wrong with it."""
        with self._lock:
            self.pointers[pointer.key] = pointer
            self._shown.discard(pointer.key)
            self._show(pointer.full_name)

    def small(self, tables: Sequence[str]) -> bool:
        """Whether reading these tables opens nothing large: each is in memory, or a view over such."""
        return all(self._is_small(table) for table in tables)

    def _is_small(self, table: str) -> bool:
        if table.lower() in self._small:
            return True
        pointer = self.pointers.get(table.lower())
        return pointer is not None and pointer.kind == "view" and self.small(pointer.state.get("inputs", ()))

    def row_count(self, table: str) -> int | None:
        """Rows of a table as the lake's metadata has them; None for a view."""
        pointer = self.pointers.get(table.lower())
        return pointer.rows if pointer is not None else None
