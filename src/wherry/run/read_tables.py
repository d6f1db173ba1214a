"""Tables that the SQL of checks reads: found in it, as they are in that of tables."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace

from wherry.model.asset import Asset, Check
from wherry.model.graph import Graph
from wherry.plan.recipe import digest
from wherry.project.cache import Cache
from wherry.sql.statement import Parser, SqlError

_READS = re.compile(r"\b(?:select|from|table)\b", re.IGNORECASE)
#: Stands for the check's own table.
_OWN = "__wherry_own"


def with_read_tables(graph: Graph, cache: Cache) -> Graph:
    """The graph whose checks know what other tables their SQL, and the functions in it, read: they wait for those, and
    are asked again when one changed. Nothing is parsed where no check has a SELECT in it. O(checks)."""
    work = _Reading(graph, cache)
    changed = {key: checks for key, asset in graph.assets.items() if (checks := work.checks(asset))}
    if not changed:
        return graph
    assets = {key: replace(each, checks=changed.get(key, each.checks)) for key, each in graph.assets.items()}
    return replace(graph, assets=assets)


class _Reading:
    def __init__(self, graph: Graph, cache: Cache) -> None:
        self.graph, self.cache = graph, cache
        self._parser: Parser | None = None

    def checks(self, asset: Asset) -> tuple[Check, ...]:
        """The checks of a table with what they read; none where they read nothing else."""
        found = [replace(check, reads=reads) if (reads := self._of(check, asset)) else check for check in asset.checks]
        return tuple(found) if any(check.reads for check in found) else ()

    def _of(self, check: Check, asset: Asset) -> tuple[str, ...]:
        names = {name.lower(): None for sql in _texts(check) for name in self._tables(sql)}
        if self.graph.functions:
            for each in self.graph.functions_in(f"{check.arguments} {check.where}"):
                names |= {name.lower(): None for name in self.graph.functions[each].tables}
        known = {name.lower() for name in (asset.name, *check.needs)}
        return tuple(self.graph[name].name for name in names if name in self.graph and name not in known)

    def _tables(self, sql: str) -> list[str]:
        key = "reads:" + digest(sql)
        stored: list[str] | None = self.cache.get(key)
        if stored is None:
            stored = self._read(sql.replace("{table}", _OWN))
            self.cache.put(key, stored)
        return stored

    def _read(self, sql: str) -> list[str]:
        self._parser = self._parser or Parser()
        for whole in (sql, f"SELECT ({sql}\n)", f"SELECT {sql}\n"):
            try:
                return [reference.full_name for reference in self._parser.read(whole).tables]
            except SqlError:
                continue
        return []  # what is wrong with it is told when it is bound


def _texts(check: Check) -> Iterator[str]:
    for value in (*check.arguments.values(), check.where):
        if isinstance(value, str) and _READS.search(value):
            yield value
