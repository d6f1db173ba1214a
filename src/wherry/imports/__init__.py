"""Suites of other tools become checks of ours.

Each importer is a module with ``read(text, file) -> list[Imported]``. What it cannot take over is a finding (severity
``warning``, code ``not-imported``, with its line), never dropped.
"""

from dataclasses import dataclass

from wherry.model.asset import Check
from wherry.model.finding import Finding


@dataclass(frozen=True, slots=True, kw_only=True)
class Imported:
    """The checks of one table that a file of another tool holds."""

    #: The table as that file calls it; empty when it does not say.
    table: str
    checks: tuple[Check, ...] = ()
    #: What could not be taken over, and why.
    findings: tuple[Finding, ...] = ()


def not_imported(message: str, file: str, line: int, column: int) -> Finding:
    """What is told of a part that could not be taken over."""
    hint = "Write it as a check of the table's own, or as a file in checks/."
    return Finding(
        code="not-imported", severity="warning", message=message, hint=hint, file=file, line=line, column=column
    )
