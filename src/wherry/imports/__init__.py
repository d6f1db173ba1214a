"""Suites of other tools become checks of ours.

Each importer is a module with ``read(text, file) -> list[Imported]``. What it cannot take over is a finding (severity
``warning``, code ``not-imported``, with its line), never dropped; what the tool itself would not know is an error, and
a check that fails stands in its place.
"""

from wherry.model.asset import Check
from wherry.model.dataclass import dataclass
from wherry.model.finding import Finding, Severity


class NotUnderstood(ValueError):
    """This cannot be taken over, and why."""


class Mistaken(NotUnderstood):
    """Nor does the tool know it that the file is of: what it was to promise is not kept."""

    def __init__(self, why: str, hint: str = "") -> None:
        super().__init__(why)
        self.hint = hint


@dataclass(frozen=True, slots=True, kw_only=True)
class Imported:
    """The checks of one table that a file of another tool holds."""

    #: The table as that file calls it; empty when it does not say.
    table: str
    checks: tuple[Check, ...] = ()
    #: What could not be taken over, and why.
    findings: tuple[Finding, ...] = ()
    #: Whether the file is in wherry's own words: its table must be one of the project's.
    own: bool = False


def not_imported(message: str, file: str, line: int, column: int, problem: Exception | None = None) -> Finding:
    """What is told of a part that could not be taken over; an error where its own tool would not know it either."""
    severity: Severity = "error" if isinstance(problem, Mistaken) else "warning"
    hint = "Write it as a check of the table's own, or as a file in checks/."
    if isinstance(problem, Mistaken):
        hint = problem.hint
    return Finding(
        code="not-imported", severity=severity, message=message, hint=hint, file=file, line=line, column=column
    )
