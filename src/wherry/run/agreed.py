"""Promises that lie in files of their own: contracts, and suites of other tools."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from wherry.contracts.binding import attach_contracts
from wherry.contracts.odcs import read_contract
from wherry.imports.binding import attach
from wherry.imports.folder import ENDINGS, read_checks
from wherry.model.contract import Contract
from wherry.model.finding import Finding
from wherry.model.graph import Graph
from wherry.project.reader import files_of, read_text
from wherry.run.readers import ColumnReaders

CONTRACT_ENDINGS = (".yml", ".yaml")


def with_agreements(graph: Graph, folder: Path) -> Graph:
    """The bound graph with what ``contracts/`` and ``checks/`` promise of its tables."""
    contracts: list[Contract] = []
    findings: list[Finding] = []
    for file, text in _texts(folder, "contracts", CONTRACT_ENDINGS, findings):
        contract, wrong = read_contract(text, file)
        findings.extend(wrong)
        contracts.extend([contract] if contract is not None else [])
    if contracts:
        graph = attach_contracts(graph, contracts, ColumnReaders(folder))
    for file, text in _texts(folder, "checks", ENDINGS, findings):
        graph = attach(graph, read_checks(text, file), file)
    return replace(graph, findings=(*graph.findings, *findings))


def _texts(folder: Path, below: str, endings: tuple[str, ...], findings: list[Finding]) -> Iterator[tuple[str, str]]:
    for file in files_of(folder, below, endings):
        text = read_text(folder, file)
        if isinstance(text, Finding):
            findings.append(text)
        else:
            yield file, text
