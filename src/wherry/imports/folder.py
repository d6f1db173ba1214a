"""``checks/*.json|yml|yaml``: suites of other tools, each recognised by what is in it."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from typing import Any

from wherry.imports import Imported, dbt, gx, own, soda
from wherry.model.finding import Finding
from wherry.project.located import Located, read_yaml


def suites_of(text: str, file: str) -> dict[str, str]:
    """Which table each suite of Great Expectations is about, as a checkpoint or validation definition says it."""
    return gx.tables_of(text, file) if any(word in text for word in _CHECKPOINT) else {}


#: The line between two documents.
_BETWEEN = re.compile(r"^---[ \t]*(?:#[^\n]*)?$\n?", re.MULTILINE)
#: One of these stands in every checkpoint and validation definition.
_CHECKPOINT = ("expectation_suite_name", '"suite"', "suite:", "validations", "validation_definitions")


def is_expectations(document: Any) -> bool:
    """Whether a document is a suite of Great Expectations, or what came of one."""
    if not isinstance(document, dict):
        return False
    results = document.get("results")
    ran = isinstance(results, list) and any(isinstance(each, dict) and "expectation_config" in each for each in results)
    return isinstance(document.get("expectations"), list) or ran


def read_checks(
    text: str, file: str, suites: Mapping[str, str] | None = None, custom: Collection[str] = ()
) -> list[Imported]:
    """The checks of a file, whichever tool it is of.

    ``suites`` says what table a suite is about, by its name; ``custom`` are kinds of checks of the project's own.
    """
    return [each for document in _documents(text) for each in _of_document(document, file, suites, custom)]


def _documents(text: str) -> list[str]:
    """The YAML documents of a file, each on the lines that it has there."""
    parts, line = [], 0
    for part in _BETWEEN.split(text):
        parts.append("\n" * line + part)
        line += part.count("\n") + 1
    said = [part for part in parts if any(row.strip() and not row.lstrip().startswith("#") for row in part.split("\n"))]
    return said if len(said) > 1 else [text]


def _of_document(text: str, file: str, suites: Mapping[str, str] | None, custom: Collection[str]) -> list[Imported]:
    located = _located(text, file)
    if located.findings and located.value is None:
        return [Imported(table="", findings=located.findings)]
    document = located.value
    if is_expectations(document):
        return gx.read(text, file, suites)
    if own.recognises(document):
        return own.read_located(located, file, custom)
    if dbt.recognises(document):
        return dbt.read_located(located, file)
    if soda.recognises(document):
        return soda.read_located(located, file)
    if suites_of(text, file):
        return []
    hint = "Known are: suites of Great Expectations, checks files and contracts of Soda, schema.yml of dbt."
    message = "This is no file of checks that wherry knows."
    unknown = Finding(code="not-imported", message=message, hint=hint, file=file, line=1, column=1)
    return [Imported(table="", findings=(*located.findings, unknown))]


def _located(text: str, file: str) -> Located:
    # JSON is YAML but for tabs, which YAML does not take as blanks.
    return read_yaml(text.replace("\t", " ") if file.lower().endswith(".json") else text, file=file)
