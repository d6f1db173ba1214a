"""Promises that lie in files of their own: contracts, and suites of other tools."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from wherry.contracts.binding import attach_contracts
from wherry.imports import NotUnderstood
from wherry.imports.binding import attach
from wherry.imports.dbt import read_singular
from wherry.imports.folder import ENDINGS, suites_of
from wherry.imports.names import Names
from wherry.model.asset import Asset
from wherry.model.contract import Contract
from wherry.model.finding import Finding
from wherry.model.graph import Graph
from wherry.project.cache import Cache
from wherry.project.reader import files_of, read_text
from wherry.quoting import full_name
from wherry.run.readers import ColumnReaders
from wherry.run.remembered import checks_of, contract_of
from wherry.sql.renaming import rename_tables
from wherry.sql.statement import SqlError

CONTRACT_ENDINGS = (".yml", ".yaml")


def with_agreements(graph: Graph, folder: Path, cache: Cache) -> Graph:
    """The bound graph with what ``contracts/`` and ``checks/`` promise of its tables."""
    contracts: list[Contract] = []
    findings: list[Finding] = []
    for file, text in _texts(folder, "contracts", CONTRACT_ENDINGS, findings):
        contract, wrong = contract_of(text, file, cache)
        findings.extend(wrong)
        contracts.extend([contract] if contract is not None else [])
    if contracts:
        told = {(finding.file, finding.line) for finding in findings}
        bound = attach_contracts(replace(graph, findings=()), contracts, ColumnReaders(folder))
        # A rule that the standard refuses is told already.
        more = (f for f in bound.findings if f.code != "not-imported" or (f.file, f.line) not in told)
        graph = replace(bound, findings=(*graph.findings, *more))
    files = list(_texts(folder, "checks", ENDINGS, findings))
    suites = {suite: table for file, text in files for suite, table in suites_of(text, file).items()}
    for file, text in files:
        graph = attach(graph, checks_of(text, file, suites, cache), file)
    return replace(graph, findings=(*graph.findings, *findings))


def translated(text: str, file: str, assets: Sequence[Asset]) -> Sequence[tuple[str, str, str]] | Finding:
    """A singular test of dbt as checks in SQL, with the project's names of tables; a finding when it needs dbt."""
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


def _texts(folder: Path, below: str, endings: tuple[str, ...], findings: list[Finding]) -> Iterator[tuple[str, str]]:
    for file in files_of(folder, below, endings):
        text = read_text(folder, file)
        if isinstance(text, Finding):
            findings.append(text)
        else:
            yield file, text
