"""Contracts and suites of checks that were read before, as the project's cache keeps them."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Mapping
from dataclasses import asdict
from typing import Any, TypeVar

from wherry.contracts.odcs import read_contract
from wherry.imports import Imported
from wherry.imports.folder import read_checks
from wherry.model.asset import Check
from wherry.model.contract import Contract, ContractTable
from wherry.model.finding import Finding
from wherry.project.cache import Cache, digest

T = TypeVar("T")


def contract_of(text: str, file: str, cache: Cache) -> tuple[Contract | None, tuple[Finding, ...]]:
    """``read_contract``, once per text."""

    def store(read: tuple[Contract | None, tuple[Finding, ...]]) -> Any:
        contract, findings = read
        kept: dict[str, Any] = {"findings": [asdict(finding) for finding in findings]}
        if contract is not None:
            kept |= {
                "name": contract.name,
                "version": contract.version,
                "status": contract.status,
                "document": contract.document,
                "places": {path: list(place) for path, place in contract.places.items()},
                "tables": [[table.path, table.name] for table in contract.tables],
            }
        return kept

    def restore(kept: Mapping[str, Any]) -> tuple[Contract | None, tuple[Finding, ...]]:
        findings = tuple(Finding(**finding) for finding in kept["findings"])
        if "document" not in kept:
            return None, findings
        contract = Contract(
            file=file,
            name=kept["name"],
            version=kept["version"],
            status=kept["status"],
            document=kept["document"],
            places={path: (line, column) for path, (line, column) in kept["places"].items()},
            tables=tuple(ContractTable(path=path, name=name) for path, name in kept["tables"]),
        )
        return contract, findings

    return _once(cache, f"contract:{digest(file, text)}", lambda: read_contract(text, file), store, restore)


def checks_of(text: str, file: str, suites: Mapping[str, str], custom: Collection[str], cache: Cache) -> list[Imported]:
    """``read_checks``, once per text."""

    def store(read: list[Imported]) -> Any:
        return [asdict(each) for each in read]

    def check(kept: dict[str, Any]) -> Check:
        return Check(**{**kept, "columns": tuple(kept["columns"]), "reads": tuple(kept["reads"])})

    def restore(kept: Any) -> list[Imported]:
        return [
            Imported(
                table=each["table"],
                checks=tuple(map(check, each["checks"])),
                findings=tuple(Finding(**finding) for finding in each["findings"]),
                own=each["own"],
            )
            for each in kept
        ]

    key = f"checks:{digest(file, text, json.dumps([sorted(suites.items()), sorted(custom)]))}"
    return _once(cache, key, lambda: read_checks(text, file, suites, custom), store, restore)


def _once(cache: Cache, key: str, read: Callable[[], T], store: Callable[[T], Any], restore: Callable[[Any], T]) -> T:
    kept = cache.get(key)
    if kept is not None:
        return restore(kept)
    found = read()
    stored = json.loads(json.dumps(store(found), default=str))
    # What JSON does not give back as it was is read again each time.
    if restore(stored) == found:
        cache.put(key, stored)
    return found
