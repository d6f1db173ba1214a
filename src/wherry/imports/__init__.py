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
