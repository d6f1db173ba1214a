"""Files of checks in wherry's own words: ``table:``, ``columns:`` and ``checks:`` as in a table's header."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from wherry.imports import Imported
from wherry.project.located import Located
from wherry.project.table_keys import TableKeys

KEYS = ("table", "columns", "checks")


def recognises(document: Any) -> bool:
    return (
        isinstance(document, Mapping)
        and isinstance(document.get("table"), str)
        and ("columns" in document or "checks" in document)
    )


def read_located(located: Located, file: str, custom: Collection[str] = ()) -> list[Imported]:
    """The checks of one table; ``custom`` are kinds of the project's own."""
    reader = TableKeys(located=located, file=file, custom=custom)
    reader.unknown(located.value, KEYS)
    fields = reader.read({key: located.value[key] for key in ("columns", "checks") if key in located.value})
    findings = (*located.findings, *reader.findings)
    return [Imported(table=located.value["table"], checks=fields["checks"], findings=findings, own=True)]
