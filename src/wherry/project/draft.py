"""What one file says, before its references are joined to the other files'."""

from collections.abc import Collection, Iterable
from dataclasses import field

from wherry.model.asset import Asset
from wherry.model.dataclass import dataclass
from wherry.model.finding import Finding
from wherry.model.graph import Function, SqlCheck, UnitTest, Unread
from wherry.sql.statement import Statement


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """An asset or check, and the statement that makes it, where it is SQL."""

    asset: Asset | None = None
    check: SqlCheck | None = None
    statement: Statement | None = None
    #: Tables that a Python file names, each with its line and column.
    references: tuple[tuple[str, int, int], ...] = ()
    #: Whether it can be bound to columns and types; what is wrong with it is told already otherwise.
    sound: bool = True
    #: Whether it is there only because others speak of it, and a file that cannot be read may make it.
    guess: bool = False


@dataclass(slots=True, kw_only=True)
class Drafts:
    """Everything read so far, and everything wrong with it."""

    assets: list[Draft] = field(default_factory=list)
    functions: list[Function] = field(default_factory=list)
    #: Kinds of checks that the project has of its own.
    custom: Collection[str] = ()
    checks: list[Draft] = field(default_factory=list)
    tests: list[UnitTest] = field(default_factory=list)
    #: Tables that unit tests speak of: name, file, line, column.
    tested: list[tuple[str, str, int, int]] = field(default_factory=list)
    #: Files of which it is not known which tables they make.
    unread: list[Unread] = field(default_factory=list)
    #: Functions (lower case) that are not understood, and why; under "" what may define any function.
    broken: dict[str, list[Finding]] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)

    def tell(self, findings: Iterable[Finding]) -> None:
        """Note what is wrong with a file in such a way that any table may be its own."""
        findings = list(findings)
        self.findings += findings
        self.unread += [Unread(finding=each) for each in findings if each.severity == "error"]
