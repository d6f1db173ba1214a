"""What happened: runs and their events."""

from collections.abc import Mapping
from dataclasses import field
from typing import Any, Literal

from wherry.model.dataclass import dataclass
from wherry.model.finding import Finding

RunState = Literal["running", "done", "failed", "killed"]
AssetState = Literal["built", "skipped", "failed", "blocked", "dropped"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What a check found, before ``mostly``, ``most`` and ``severity`` are applied."""

    passed: bool
    #: What was measured: a number, text or a list, as JSON knows them.
    observed: Any = None
    #: How many rows break it; 0 when it does not count rows, and then no tolerance applies.
    failing: int = 0
    #: Why it did not pass, in the user's words, when the number of bad rows does not say it.
    why: str = ""
    #: The level that what was measured reached, of a check that has levels.
    level: Literal["error", "warn", ""] = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckResult:
    """The verdict of one check on one table."""

    check: str
    column: str
    state: Literal["passed", "failed", "warned"]
    #: How many rows (or groups) break it.
    failing: int
    #: Why it could not be decided, when it could not.
    error: str = ""
    #: What was measured, as JSON knows it; None when only bad rows are counted.
    observed: Any = None
    #: How many rows were looked at; None when that was not counted.
    looked: int | None = None
    #: Why it did not pass, when the number of bad rows does not say it.
    why: str = ""
    #: How it was decided: the whole table was read, only new rows were, or the lake's metadata said it.
    how: Literal["table", "slice", "metadata"] = "table"
    #: Rows that went to the table of rejected rows for it.
    quarantined: int = 0
    #: Whether it was asked of what was published already: it blocks nothing.
    after: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Drift:
    """A change of the columns that a source gives."""

    kind: Literal["added", "dropped", "renamed", "widened", "narrowed", "changed"]
    column: str
    #: DuckDB types before and after; for ``renamed`` the names.
    before: str = ""
    after: str = ""

    def __str__(self) -> str:
        return {
            "added": f"column `{self.column}` ({self.after}) is new",
            "dropped": f"column `{self.column}` ({self.before}) is gone",
            "renamed": f"column `{self.before}` is gone and `{self.after}`, of the same type, is new: a rename?",
        }.get(self.kind, f"column `{self.column}` {self.kind} from {self.before} to {self.after}")


@dataclass(frozen=True, slots=True, kw_only=True)
class AssetResult:
    """What a run did to one table."""

    name: str
    state: AssetState
    reason: str = ""
    rows: int | None = None
    seconds: float = 0.0
    checks: tuple[CheckResult, ...] = ()
    #: Rows that could not be stored and went to the reject table.
    rejected: int = 0
    #: Rows that went because the source no longer has them.
    gone: int = 0
    #: How the source's columns changed.
    drifts: tuple[Drift, ...] = ()
    findings: tuple[Finding, ...] = ()
    #: Exit code of what failed: 1 the data, 2 the project, 3 wherry itself; 0 when nothing did.
    fault: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One thing that happened; the log of them is the only history."""

    #: None: it belongs to no run.
    run: str | None
    #: ISO 8601, UTC.
    at: str
    kind: str
    asset: str = ""
    body: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One attempt to bring a branch of the lake up to date."""

    id: str
    branch: str
    work_branch: str
    state: RunState
    started_at: str
    ended_at: str = ""
    author: str = ""
    commit: str = ""
    assets: tuple[AssetResult, ...] = ()
    #: Published tables (lower case) whose later checks (``when: after``) are still to be asked -> of which versions.
    owed: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    #: Exit code of what is wrong beside its tables: a file, asked for with all others, may make tables that are not
    #: known. 0 when nothing is.
    fault: int = 0
