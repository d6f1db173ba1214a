"""Contracts of a project: written, held against files, against the lake, and against who reads their tables."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wherry.contracts.binding import attach_contracts
from wherry.contracts.changes import Change, compare, with_readers
from wherry.contracts.export import export_asset, export_contract
from wherry.contracts.kept import without_given_up, without_promised
from wherry.contracts.levels_kept import with_levels_of
from wherry.contracts.odcs import read_contract
from wherry.contracts.types import described, width_change
from wherry.errors import ProjectError, UsageError
from wherry.model.asset import Asset, Check
from wherry.model.contract import Contract
from wherry.model.finding import Finding
from wherry.model.graph import Graph
from wherry.run.checking import bad_rows_sql
from wherry.run.readers import ColumnReaders
from wherry.run.refusals import UNREAD

if TYPE_CHECKING:
    from wherry.lake.lake import Lake
    from wherry.run.project import Project


def bad_rows(check: Check, table: str) -> str:
    """A SELECT of a check's bad rows that any reader of the contract can run; empty for a check that has none."""
    from wherry.checks import KINDS, find

    if check.kind not in KINDS or check.sample:
        return ""
    module = find(check.kind)
    if not hasattr(module, "bad_row") and not hasattr(module, "bad_rows"):
        return ""
    sql = bad_rows_sql(check, table, find)
    return "" if "$wherry_now" in sql else sql


def exported(project: Project, asset: Asset) -> dict[str, Any]:
    """The contract of a table, as the project has it now."""
    return export_asset(project.graph, asset, project.config.name, bad_rows)


def contract_of(graph: Graph, asset: Asset) -> Contract | None:
    return next(
        (each for each in graph.contracts if any(t.asset.lower() == asset.name.lower() for t in each.tables)), None
    )


def check_contract(graph: Graph | None, folder: Path, text: str, file: str) -> tuple[Contract | None, list[Finding]]:
    """What is wrong with a contract: by the standard, and (with a project's graph) with the tables it is about."""
    contract, findings = read_contract(text, file)
    if contract is None or graph is None:
        return contract, list(findings)
    own = replace(graph, contracts=(), breaches=(), findings=())
    bound = attach_contracts(own, [contract], ColumnReaders(folder))
    return bound.contracts[0], [*findings, *bound.findings]


def against_project(graph: Graph, folder: Path, contract: Contract) -> list[Change]:
    """What differs from a contract to the tables that the project has now.

    Raises ``ProjectError`` where what these are, or what is promised of them, cannot be read.
    """
    own = replace(graph, contracts=(), breaches=(), findings=())
    (bound,) = attach_contracts(own, [contract], ColumnReaders(folder)).contracts
    if wrong := list(_not_known(graph, bound)):
        raise ProjectError(findings=dict.fromkeys(wrong))
    document = without_given_up(graph, bound, export_contract(without_promised(graph, bound), bound, bad_rows))
    schema: list[Any] = list(document.get("schema", []))
    for table in bound.tables:
        index = int(table.path.partition("/")[2])
        keys = schema[index]
        if not table.asset:
            schema[index] = None
        elif keys.get("properties"):
            types = {column.name: column.type for column in graph[table.asset].columns}
            schema[index] = {**keys, "properties": list(_there(keys["properties"], table.columns, types))}
    document["schema"] = [keys for keys in schema if keys is not None]
    document = with_levels_of(graph, bound, document)
    return read_by(graph, folder, compare(contract.document, document), bound)


def _not_known(graph: Graph, contract: Contract) -> Iterator[Finding]:
    """Why columns of its tables, or other promises, are not known."""
    tables = {table.asset.lower() for table in contract.tables if table.asset}
    for key in sorted(graph.upstream(key for key in tables if not graph.assets[key].bound)):
        yield from graph.assets[key].held
    if not all(table.asset for table in contract.tables):
        yield from (each.finding for each in graph.unread if each.finding.severity == "error")
    yield from (each for each in graph.findings if each.code in UNREAD and each.file.startswith("contracts/"))


def _there(
    properties: Sequence[Mapping[str, Any]], columns: Sequence[str], types: Mapping[str, str]
) -> Iterator[Mapping[str, Any]]:
    """The properties that the table has; those after ``columns`` were added from it. A narrower type is told."""
    for index, keys in enumerate(properties):
        column = columns[index] if index < len(columns) else str(keys.get("name"))
        promised, actual = str(keys.get("physicalType") or ""), types.get(column, "")
        if column and promised and actual and width_change(promised, actual) == "narrower":
            yield {**keys, "physicalType": actual}
        elif column:
            yield keys


def read_by(graph: Graph, folder: Path, changes: Sequence[Change], contract: Contract | None) -> list[Change]:
    """The changes with who reads what they are about, as far as the project knows the table."""
    tables = {}
    for table in contract.tables if contract is not None else ():
        if table.asset:
            tables[table.name] = table.asset
    find, found = ColumnReaders(folder), {}
    for change in changes:
        asset = tables.get(change.table) or (change.table if change.table in graph else "")
        key = (change.table, change.column)
        if not asset or key in found:
            continue
        if change.column:
            found[key] = find(graph, asset, change.column.partition(".")[0].removesuffix("[]"))
        else:
            found[key] = tuple(graph.assets[each].name for each in graph.readers.get(asset.lower(), ()))
    return with_readers(changes, found)


def lake_document(lake: Lake, moment: Any) -> dict[str, Any]:
    """The tables of a branch at a moment, as far as the lake knows them: their columns and types."""
    schema = []
    for key, pointer in sorted(lake.pointers(moment.branch, moment.at).items()):
        if pointer.kind != "table":
            continue
        properties = [{"name": name, **described(kind)} for name, kind in lake.columns(pointer)]
        schema.append({"name": pointer.full_name, "physicalName": key, "properties": properties})
    return {"schema": schema}


def read_file(path: Path) -> Contract:
    """A contract's file. Raises ``ProjectError`` with all that is wrong with it."""
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{path} cannot be read: {getattr(error, 'strerror', 'it is not UTF-8')}.") from None
    contract, findings = read_contract(text, str(path))
    if findings or contract is None:
        raise ProjectError(findings=findings)
    return contract
