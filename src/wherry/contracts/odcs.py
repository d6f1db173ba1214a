"""Read a contract of the Open Data Contract Standard, and all that is wrong with it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from wherry.contracts.forms import problems
from wherry.contracts.standard import CONTRACT
from wherry.model.contract import Contract, ContractTable
from wherry.model.finding import Finding
from wherry.project.located import Located, read_yaml

#: The version that is written.
API_VERSION = "v3.1.0"


def read_contract(text: str, file: str) -> tuple[Contract | None, tuple[Finding, ...]]:
    """The contract in ``text``, and what is wrong with it; None when it is none at all.

    One that does not validate is still read as far as it goes: the parts that are sound are kept.
    """
    located = read_yaml(text, file=file)
    if not isinstance(located.value, Mapping):
        hint = "A contract is a mapping with `apiVersion`, `kind: DataContract`, `id`, `version`, `status`, `schema`."
        wrong = Finding(code="bad-contract", message="This is no contract.", hint=hint, file=file, line=1, column=1)
        return None, located.findings or (wrong,)
    document = located.value
    findings = [*located.findings, *validate(located, file)]
    contract = Contract(
        file=file,
        name=str(document.get("name") or document.get("id") or file),
        version=str(document.get("version") or ""),
        status=str(document.get("status") or ""),
        document=document,
        places=located.places,
        tables=tuple(
            ContractTable(path=f"schema/{index}", name=str(each.get("name") or each.get("physicalName")))
            for index, each in enumerate(parts(document, "schema"))
            if each.get("name") or each.get("physicalName")
        ),
    )
    return contract, tuple(findings)


def is_contract(text: str, file: str) -> bool:
    """Whether a text is meant to be a contract of the standard."""
    document = read_yaml(text, file=file).value
    return isinstance(document, Mapping) and document.get("kind") == "DataContract"


def validate(located: Located, file: str) -> tuple[Finding, ...]:
    """A finding for everything that the standard does not allow."""
    findings = []
    for problem in problems(CONTRACT, located.value):
        line, column = located.at(problem.path)
        findings.append(
            Finding(
                code="bad-contract", message=problem.message, hint=problem.hint, file=file, line=line, column=column
            )
        )
    return tuple(findings)


def parts(mapping: Any, key: str) -> list[Mapping[str, Any]]:
    """The mappings of a list under ``key``; something that is no mapping stands as an empty one, to keep the count."""
    listed = mapping.get(key) if isinstance(mapping, Mapping) else None
    return [part if isinstance(part, Mapping) else {} for part in listed] if isinstance(listed, list) else []


def custom(mapping: Mapping[str, Any], name: str) -> Any:
    """The value of a custom property; None when there is none."""
    return next(
        (each.get("value") for each in parts(mapping, "customProperties") if each.get("property") == name), None
    )


def words(mapping: Mapping[str, Any], key: str) -> tuple[str, ...]:
    """A list of text under ``key``."""
    listed = mapping.get(key)
    return (
        tuple(str(each) for each in listed if not isinstance(each, Mapping | list)) if isinstance(listed, list) else ()
    )
