"""Promises that cannot be kept as they are written fail their tables alone: what stands in their place."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from wherry.model.asset import Asset, Check, Column
from wherry.model.column_pattern import is_open, spread
from wherry.model.contract import Contract
from wherry.model.finding import Finding
from wherry.model.graph import Graph
from wherry.project.check_form import is_refused, refused
from wherry.project.nearest import did_you_mean, nearest

#: Those of them in whose place something stands already, and what has tables wait for one another.
_STOOD_FOR = ("bad-check", "broken-contract", "missing-column", "cycle")
#: Files that promise something of tables, and make none.
FOLDERS = ("checks/", "contracts/")
#: Parts of a contract that promise nothing of its tables' rows.
_BESIDE_ROWS = {
    *("apiVersion", "kind", "id", "name", "version", "status", "tenant", "tags", "servers", "dataProduct", "domain"),
    *("description", "price", "team", "roles", "slaDefaultElement", "slaProperties", "support", "customProperties"),
    *("authoritativeDefinitions", "contractCreatedTs"),
}
#: Errors about a file of which nothing could be read.
UNREAD = ("not-yaml", "not-utf8", "unreadable")
_DOTTED = re.compile(r"\b[A-Za-z_]\w*\.[A-Za-z_]\w*\b")


def without_lost_columns(read: Graph, bound: Graph) -> Graph:
    """The bound graph with a finding for each column that a table's file speaks of and the table does not have; the
    checks of such a column, one at least, fail."""
    assets: dict[str, Asset] = {}
    findings: list[Finding] = []
    for key, asset in bound.assets.items():
        if not asset.bound:
            continue
        have = [column.name for column in asset.columns]
        checks, told = held_against(asset, read.assets[key].columns, have)
        findings += told
        if told:
            assets[key] = replace(asset, checks=checks)
    return replace(bound, assets={**bound.assets, **assets}, findings=(*bound.findings, *findings))


def with_spread_checks(graph: Graph) -> Graph:
    """The graph in which checks of a pattern are those of the columns that match, where the columns are known."""
    assets: dict[str, Asset] = {}
    findings: list[Finding] = []
    for key, asset in graph.assets.items():
        if asset.bound and any(check.matching for check in asset.checks):
            have = [column.name for column in asset.columns]
            checks = spread(asset.checks, have)
            findings += without_columns(asset, checks, have)
            assets[key] = replace(asset, checks=checks)
    return replace(graph, assets={**graph.assets, **assets}, findings=(*graph.findings, *findings)) if assets else graph


def held_against(
    asset: Asset, declared: Sequence[Column], have: Sequence[str]
) -> tuple[tuple[Check, ...], list[Finding]]:
    """The checks of a table that has the columns ``have``, and a finding for each column declared that it lacks."""
    lower = {name.lower() for name in have}
    gone = {column.name.lower(): column for column in declared if column.name.lower() not in lower}
    if not gone:
        return asset.checks, []
    checks = [_instead(asset, each) if each.column.lower() in gone else each for each in asset.checks]
    bare = gone.keys() - {check.column.lower() for check in asset.checks}
    checks += [_declared(asset, column) for name, column in gone.items() if name in bare]
    return tuple(checks), [_lost(asset, column, have) for column in gone.values()]


def without_columns(asset: Asset, checks: Iterable[Check], have: Sequence[str]) -> Iterator[Finding]:
    """A finding for each pattern of columns that none of a table's columns matches."""
    patterns = {check.matching: check for check in checks if is_open(check)}
    for pattern, check in patterns.items():
        message = f"No column of `{asset.name}` matches `{pattern}`: its checks are asked of nothing."
        hint = f"Its columns are: {', '.join(have)}."
        place = {"file": check.file, "line": check.line, "column": 1}
        yield Finding(code="no-column", severity="warning", message=message, hint=hint, **place)  # type: ignore[arg-type]


def _lost(asset: Asset, column: Column, have: Sequence[str]) -> Finding:
    line, across = column.place if column.place[0] else (asset.line, 1)
    hint = did_you_mean(column.name, have, f"Its columns are: {', '.join(have)}.")
    message = f"`{asset.name}` has no column `{column.name}`."
    return Finding(code="missing-column", message=message, hint=hint, file=asset.file, line=line, column=across)


def _instead(asset: Asset, check: Check) -> Check:
    why = f"`{asset.name}` has no column `{check.column}`."
    return replace(refused(check.text, why, file=check.file, line=check.line), column=check.column)


def _declared(asset: Asset, column: Column) -> Check:
    why = f"`{asset.name}` has no column `{column.name}`."
    line = column.place[0] or asset.line
    return replace(refused("is there", why, file=asset.file, line=line), column=column.name)


def with_refusals(graph: Graph, texts: Mapping[str, str]) -> Graph:
    """The graph in which each table has a check that fails for every file of ``checks/`` and ``contracts/`` that
    promises something of it and cannot be read. ``texts`` are those files, by path."""
    wrong: dict[str, Finding] = {}
    checks: list[tuple[str, Check]] = []
    for finding in graph.findings:
        if finding.severity != "error" or not finding.file.startswith(FOLDERS) or finding.code in _STOOD_FOR:
            continue
        contract = next((each for each in graph.contracts if each.file == finding.file), None)
        if contract is not None:
            checks += _of_contract(graph, contract, finding, texts.get(finding.file, ""))
        else:
            wrong.setdefault(finding.file, finding)
    for file, finding in wrong.items():
        for name in _tables_of(graph, file, texts.get(file, ""), unread=finding.code in UNREAD):
            checks.append((name, refused(file, finding.message, file=file, line=finding.line)))
    assets = dict(graph.assets)
    for name, check in checks:
        asset = assets[name.lower()]
        told = any(is_refused(each) and (each.file, each.line) == (check.file, check.line) for each in asset.checks)
        assets[name.lower()] = asset if told else replace(asset, checks=(*asset.checks, check))
    return replace(graph, assets=assets, checks=tuple(check for check in graph.checks if check.file not in wrong))


def _of_contract(graph: Graph, contract: Contract, finding: Finding, text: str) -> Iterator[tuple[str, Check]]:
    """What stands for a part of a contract that the standard does not allow: for the tables that it may be about."""
    at = (finding.line, finding.column)
    before = [path for path, place in contract.places.items() if path and place <= at]
    part = max((path for path in before if "/" not in path), key=contract.places.__getitem__, default="")
    if part in _BESIDE_ROWS:
        return
    names: Iterable[str] = [table.asset for table in contract.tables if table.asset]
    if part == "schema":
        objects = [path for path in before if path.startswith("schema/") and path.count("/") == 1]
        here = max(objects, key=contract.places.__getitem__, default="")
        names = [table.asset for table in contract.tables if table.path == here and table.asset] or names
    for name in names or _tables_of(graph, contract.file, text):
        yield name, refused(f"contract {contract.name}", finding.message, file=finding.file, line=finding.line)


def _tables_of(graph: Graph, file: str, text: str, *, unread: bool = False) -> list[str]:
    """The tables that a file which cannot be read may be about: those that it names, or whose names are much like those
    in it; else, where it is SQL or nothing of it was ``unread``, all.

    Better to hold back one too many than to publish what nobody looked at.
    """
    names = {asset.name.lower(): asset.name for asset in graph.assets.values()}
    if file.endswith("/"):
        return list(names.values())  # a folder that cannot be looked into
    lower = f"{text}\n{file}".lower().replace('"', "").replace("\0", "")  # of UTF-16 each second byte is none
    found = {key for key in names if re.search(rf"(?<![\w.]){re.escape(key)}(?!\w)", lower)}
    dotted = {word for word in _DOTTED.findall(lower) if word not in names}
    found |= {nearest(word, names).lower() for word in dotted if nearest(word, names)}
    sql = file.lower().endswith(".sql")
    if not (sql and found):  # other files may call a table by its last name, or by that of its source or its suite
        from wherry.imports.gx import SUITE_ENDS

        words = " ".join([lower, *(SUITE_ENDS.sub("", word) for word in re.findall(r"\w+", lower))])
        found |= {key for key in names if any(_stands(each, words) for each in _other_names(graph.assets[key]))}
    told = any(is_refused(check) and check.file == file for asset in graph.assets.values() for check in asset.checks)
    everything = not found and not told and (sql or unread)
    return [name for key, name in names.items() if key in found or everything]


def _other_names(asset: Asset) -> tuple[str, ...]:
    last = asset.name.lower().rpartition(".")[2]
    return (last, asset.source.table.lower()) if asset.source is not None else (last,)


def _stands(written: str, text: str) -> bool:
    return re.search(rf"(?<!\w){re.escape(written)}(?!\w)", text) is not None
