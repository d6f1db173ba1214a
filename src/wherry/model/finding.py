"""A problem, told so that its reader can mend it."""

from typing import Literal

from wherry.model.dataclass import dataclass

Severity = Literal["error", "warning"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What is wrong, where, why, and what to do next."""

    #: Stable name of the kind of problem, for example ``unknown-column``.
    code: str
    #: What is wrong and why, in one sentence.
    message: str
    #: What to do next ("did you mean `amount`?"); may be empty.
    hint: str = ""
    #: An ``error`` stops what depends on it; a ``warning`` is only told.
    severity: Severity = "error"
    #: The file, relative to the project; empty when no file is at fault.
    file: str = ""
    #: 1-based line, 0 when unknown.
    line: int = 0
    #: 1-based column, 0 when unknown.
    column: int = 0
    #: The text of that line, to print above a caret; may be empty.
    source_line: str = ""

    @property
    def told(self) -> str:
        """Where, and what, on one line that goes on."""
        return f"{self.file}:{self.line}: {self.message.rstrip('.')}"
