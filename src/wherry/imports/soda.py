"""Files of Soda: SodaCL checks files and data contracts, told apart by their content."""

from __future__ import annotations

from wherry.imports import Imported
from wherry.imports.soda_contract import is_soda_contract, read_soda_contract
from wherry.imports.sodacl import is_sodacl, read_sodacl
from wherry.model.finding import Finding
from wherry.project.located import Located, read_yaml


def read(text: str, file: str) -> list[Imported]:
    """The checks of a file, by table."""
    return read_located(read_yaml(text, file=file), file)


def read_located(located: Located, file: str) -> list[Imported]:
    """``read`` for a document that was read already; what is wrong with its YAML comes along."""
    broken = [Imported(table="", findings=located.findings)] if located.findings else []
    if is_soda_contract(located.value):
        return broken + read_soda_contract(located, file)
    if is_sodacl(located.value):
        return broken + read_sodacl(located, file)
    hint = "A checks file has sections `checks for TABLE:`, a contract has `dataset:`."
    told = Finding(code="not-imported", message="This is no file of Soda's.", hint=hint, file=file, line=1, column=1)
    return broken or [Imported(table="", findings=(told,))]


def recognises(document: object) -> bool:
    """Whether a document is one of Soda's."""
    return is_soda_contract(document) or is_sodacl(document)
