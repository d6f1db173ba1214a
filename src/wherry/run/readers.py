"""Who reads a column: through what is computed from it, and through what only filters or joins by it."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from pathlib import Path

from wherry.model.asset import Asset, Column
from wherry.model.graph import Graph
from wherry.sql.binder import Binder, BindError
from wherry.sql.lineage import column_sources


class ColumnReaders:
    """Answers for one graph; each statement is traced once."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._sources = lru_cache(None)(self._trace)

    def __call__(self, graph: Graph, table: str, column: str) -> tuple[str, ...]:
        """``schema.table.column`` of every column made from it, directly or not; of a table that uses it without
        making a column from it, only ``schema.table``. Sorted."""
        if table not in graph:
            return ()
        found: dict[str, None] = {}
        todo = [(graph[table].name, column)]
        seen = {(table.lower(), column.lower())}
        while todo:
            name, wanted = todo.pop()
            for key in graph.readers.get(name.lower(), ()):
                reader = graph.assets[key]
                made = self._made(graph, reader, name, wanted)
                if not made and self._uses(graph, reader, name, wanted):
                    found[reader.name] = None
                for each in made:
                    found[f"{reader.name}.{each}"] = None
                    if (key, each.lower()) not in seen:
                        seen.add((key, each.lower()))
                        todo.append((reader.name, each))
        return tuple(sorted(found))

    def _made(self, graph: Graph, reader: Asset, table: str, column: str) -> list[str]:
        if reader.kind != "sql":
            return []
        inputs = tuple(
            (each.name, tuple((c.name, c.type) for c in _with(each, table, column)))
            for each in (graph[name] for name in reader.inputs)
        )
        wanted = f"{table}.{column}".lower()
        return [each for each, origins in self._sources(reader.text, inputs) if wanted in origins]

    @staticmethod
    def _trace(
        text: str, inputs: tuple[tuple[str, tuple[tuple[str, str], ...]], ...]
    ) -> tuple[tuple[str, frozenset[str]], ...]:
        traced = column_sources(text, {name: list(columns) for name, columns in inputs})
        return tuple((column, frozenset(origin.lower() for origin in origins)) for column, origins in traced.items())

    def _uses(self, graph: Graph, reader: Asset, table: str, column: str) -> bool:
        """Whether the reader's statement binds with the column and not without; a Python table is taken to use it."""
        if reader.kind != "sql":
            return True
        return self._binds(graph, reader, table, column, there=True) and not self._binds(
            graph, reader, table, column, there=False
        )

    def _binds(self, graph: Graph, reader: Asset, table: str, column: str, *, there: bool) -> bool:
        binder = Binder(self._folder)
        try:
            for name in reader.inputs:
                each = graph[name]
                if not each.bound:
                    return False
                if name.lower() == table.lower():
                    kept = [c for c in _with(each, table, column) if there or c.name.lower() != column.lower()]
                    # DuckDB makes no table without columns.
                    each = replace(each, columns=tuple(kept) or (Column(name="__wherry_none", type="INTEGER"),))
                binder.table(each)
            for function in reader.functions:
                binder.function(function, graph.functions[function].text)
            binder.columns(reader.text)
        except BindError:
            return False
        finally:
            binder.close()
        return True


def _with(asset: Asset, table: str, column: str) -> list[Column]:
    """The columns of an input, with the one asked for even when it is gone by now."""
    columns = list(asset.columns)
    if asset.name.lower() == table.lower() and column.lower() not in (each.name.lower() for each in columns):
        columns.append(Column(name=column, type="VARCHAR"))
    return columns
