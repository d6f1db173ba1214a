"""Tables that are held back: what is wrong with a file concerns what it makes, and what needs that."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from wherry.model.asset import SourceTable
from wherry.model.finding import Finding
from wherry.model.graph import Graph
from wherry.project.reader import with_source_lines
from wherry.project.source_meaning import parent, through
from wherry.run.record import from_state
from wherry.run.replace import NEW

if TYPE_CHECKING:
    from wherry.lake.pointer import Pointer


def held_back(graph: Graph, wrong: Iterable[tuple[str, Finding]]) -> Graph:
    """The graph in which each table is held back by what is wrong with it; ``wrong`` goes by lower-case names."""
    found: dict[str, list[Finding]] = {}
    for key, finding in wrong:
        found.setdefault(key, []).append(finding)
    if not found:
        return graph
    changed = {key: graph.assets[key].held_by(findings) for key, findings in found.items()}
    return replace(graph, assets={**graph.assets, **changed})


def with_those_behind(graph: Graph, wrong: Sequence[tuple[str, Finding]]) -> list[tuple[str, Finding]]:
    """What is wrong with tables of a source, told of those of the same file that go through their rows."""
    ways = {key: asset for key, asset in graph.assets.items() if asset.source is not None and through(asset.source)}
    if not ways:
        return []
    bad = {key: list(asset.held) for key, asset in graph.assets.items() if asset.held}
    for key, finding in wrong:
        bad.setdefault(key, []).append(finding)
    files = {asset.file for asset in ways.values()}
    keys: dict[tuple[str, str], str] = {}
    tables: dict[str, dict[str, SourceTable]] = {}
    for key, asset in graph.assets.items():
        if asset.source is not None and asset.file in files:
            keys[asset.file, asset.source.table] = key
            tables.setdefault(asset.file, {})[asset.source.table] = asset.source
    found = []
    for key, asset in ways.items():
        seen, name = {key}, parent(tables[asset.file], asset.source)
        while name and (above := keys[asset.file, name]) not in seen:
            seen.add(above)
            found += [(key, finding) for finding in bad.get(above, ())]
            name = parent(tables[asset.file], graph.assets[above].source)
    return found


def of_cycles(graph: Graph, findings: Iterable[Finding]) -> Iterator[tuple[str, Finding]]:
    """Tables whose checks would have tables wait for one another, with the finding that says so."""
    cycles = {(each.file, each.line): each for each in findings if each.code == "cycle"}
    for key, asset in graph.assets.items() if cycles else ():
        for check in asset.checks:
            if check.needs and (check.file, check.line) in cycles:
                yield key, cycles[check.file, check.line]


def with_lines(graph: Graph, texts: dict[str, str]) -> Graph:
    """The graph with the text of their lines in its findings, those that hold back tables among them."""
    held = {each for asset in graph.assets.values() for each in asset.held} | {each.finding for each in graph.unread}
    shown = {each: with_source_lines((each,), texts)[0] for each in held}
    assets = {
        key: replace(asset, held=tuple(shown[each] for each in asset.held)) if asset.held else asset
        for key, asset in graph.assets.items()
    }
    return replace(
        graph,
        assets=assets,
        unread=tuple(replace(each, finding=shown[each.finding]) for each in graph.unread),
        findings=with_source_lines(graph.findings, texts),
    )


def made_here(pointer: Pointer) -> bool:
    """Whether runs of a project made what is published there."""
    state = from_state(pointer.state)
    return state is not None and state.word not in ("imported", "foreign") and not pointer.full_name.endswith(NEW)
