"""``checks/*.json|yml|yaml``: suites of other tools, each recognised by what is in it."""

from __future__ import annotations

from typing import Any

from wherry.imports import Imported, dbt, own, soda
from wherry.model.finding import Finding
from wherry.project.located import Located, read_yaml

ENDINGS = (".json", ".yml", ".yaml")


def is_expectations(document: Any) -> bool:
    """Whether a document is a suite of Great Expectations."""
    return isinstance(document, dict) and isinstance(document.get("expectations"), list)


def read_checks(text: str, file: str) -> list[Imported]:
    """The checks of a file, whichever tool it is of."""
    located = _located(text, file)
    if located.findings and located.value is None:
        return [Imported(table="", findings=located.findings)]
    document = located.value
    if is_expectations(document):
        return _expectations(text, file)
    if own.recognises(document):
        return own.read_located(located, file)
    if dbt.recognises(document):
        return dbt.read_located(located, file)
    if soda.recognises(document):
        return soda.read_located(located, file)
    hint = "Known are: suites of Great Expectations, checks files and contracts of Soda, schema.yml of dbt."
    unknown = Finding(
        code="not-imported",
        message="This is no file of checks that wherry knows.",
        hint=hint,
        file=file,
        line=1,
        column=1,
    )
    return [Imported(table="", findings=(*located.findings, unknown))]


def _located(text: str, file: str) -> Located:
    # JSON is YAML but for tabs, which YAML does not take as blanks.
    return read_yaml(text.replace("\t", " ") if file.endswith(".json") else text, file=file)


def _expectations(text: str, file: str) -> list[Imported]:
    from wherry.imports import gx

    return gx.read(text, file)
