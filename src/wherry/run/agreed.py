"""Promises that lie in files of their own: contracts, and suites of other tools.

What reads them is loaded where there is such a file: most folders have none, and a short run is mostly imports.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from wherry.model.asset import Asset
from wherry.model.finding import Finding
from wherry.model.graph import Graph
from wherry.project.cache import Cache
from wherry.project.folders import files_of, read_text
from wherry.project.reader import custom_kinds
from wherry.quoting import full_name

_CONTRACTS = (".yml", ".yaml")
_SUITES = (".json", ".yml", ".yaml")
#: File -> its text.
_Texts = dict[str, str]


def with_agreements(graph: Graph, folder: Path, cache: Cache) -> Graph:
    """The bound graph with what ``contracts/`` and ``checks/`` promise of its tables."""
    contracts, unread = _texts(folder, "contracts", _CONTRACTS)
    suites, more = _texts(folder, "checks", _SUITES)
    findings = [*unread, *more]
    if contracts:
        graph = _with_contracts(graph, contracts, folder, cache, findings)
    if suites:
        graph = _with_suites(graph, suites, folder, cache)
    return replace(graph, findings=(*graph.findings, *findings))


def _with_contracts(graph: Graph, texts: _Texts, folder: Path, cache: Cache, findings: list[Finding]) -> Graph:
    from wherry.contracts.binding import attach_contracts
    from wherry.run.readers import ColumnReaders
    from wherry.run.remembered import contract_of

    contracts = []
    for file, text in texts.items():
        contract, wrong = contract_of(text, file, cache)
        findings.extend(wrong)
        contracts.extend([contract] if contract is not None else [])
    if not contracts:
        return graph
    told = {(finding.file, finding.line) for finding in findings}
    bound = attach_contracts(replace(graph, findings=()), contracts, ColumnReaders(folder))
    # A rule that the standard refuses is told already.
    new = (each for each in bound.findings if each.code != "not-imported" or (each.file, each.line) not in told)
    return replace(bound, findings=(*graph.findings, *new))


def _with_suites(graph: Graph, texts: _Texts, folder: Path, cache: Cache) -> Graph:
    from wherry.imports import Imported
    from wherry.imports.binding import attach
    from wherry.imports.folder import suites_of
    from wherry.project.check_form import refused
    from wherry.run.remembered import checks_of

    suites = {suite: table for file, text in texts.items() for suite, table in suites_of(text, file).items()}
    custom = custom_kinds(folder)
    for file, text in texts.items():
        read = checks_of(text, file, suites, custom, cache)
        lost = next((each.findings[0] for each in read if not each.table and each.findings), None)
        if lost is not None and lost.severity == "error":
            # What suites it holds is not known: those that are named in it, for all one can tell.
            stand = (refused(file, lost.message, file=file, line=lost.line),)
            read += [Imported(table=table, checks=stand) for suite, table in suites.items() if suite in text]
        graph = attach(graph, read, file)
    return graph


def translated(text: str, file: str, assets: Sequence[Asset]) -> Sequence[tuple[str, str, str]] | Finding:
    """A singular test of dbt as checks in SQL, with the project's names of tables; a finding when it needs dbt."""
    from wherry.imports import NotUnderstood
    from wherry.imports.dbt import read_singular
    from wherry.imports.names import Names
    from wherry.sql.renaming import rename_tables
    from wherry.sql.statement import SqlError

    names = Names(assets)

    def known(written: str) -> str:
        found = names.one(written)
        return full_name(found) if found else written

    try:
        return [(name, rename_tables(sql, known), severity) for name, sql, severity in read_singular(text, file)]
    except NotUnderstood as problem:
        hint = "Write it as SQL that returns bad rows, with the names of tables as they are here."
        message = f"This test of dbt was not taken over: {problem}."
        return Finding(code="not-imported", severity="warning", message=message, hint=hint, file=file, line=1, column=1)
    except SqlError as problem:
        hint = "A file is one SELECT as DuckDB reads it."
        message = f"This SQL does not parse: {problem}."
        place = {"line": problem.line, "column": problem.column}
        return Finding(code="not-sql", message=message, hint=hint, file=file, **place)  # type: ignore[arg-type]


def _texts(folder: Path, below: str, endings: tuple[str, ...]) -> tuple[_Texts, list[Finding]]:
    texts: _Texts = {}
    unread: list[Finding] = []
    for file in files_of(folder, below, endings):
        text = read_text(folder, file)
        if isinstance(text, Finding):
            unread.append(text)
        else:
            texts[file] = text
    return texts, unread
