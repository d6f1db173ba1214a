"""What a run would do, and why."""

from collections.abc import Mapping
from dataclasses import field
from datetime import datetime
from typing import Any, Literal

from wherry.model.dataclass import dataclass
from wherry.model.slice import Slice

Action = Literal["build", "load", "skip", "drop"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Built:
    """What the lake says of a table that was built before."""

    #: Identity of the data; another after every build that changed something.
    version: str
    #: Meaning and inputs' versions it was built from.
    recipe: str
    #: Meaning of the table and of all that it is made of, data aside.
    lineage: str
    #: Meaning of the table itself.
    meaning: str
    #: Its build word, ``source``, ``imported``, or ``foreign``: another engine made it.
    word: str = "replace"
    #: Intervals of an incremental table.
    filled: tuple[Slice, ...] = ()
    #: Newest value of an incremental table's time column: late rows are late against this.
    reached: datetime | None = None
    #: Cursor of a source.
    cursor: Mapping[str, Any] | None = None
    #: Where a source's columns are not those of the table: the source's type by column, empty for one it lacks.
    unlike: Mapping[str, str] = field(default_factory=dict)
    #: Whether its checks passed on these rows.
    checked: bool = True
    #: Hash of the checks that were run on it.
    checks: str = ""
    #: What its checks found, so that after the next build only new rows need be looked at; None: nothing is kept.
    kept: Mapping[str, Any] | None = None
    #: A load that was cut off: rows and cursor are right but not yet the whole.
    partial: bool = False
    #: The versions of its inputs that it was built from, each cut short; only to say which of them changed.
    made_of: Mapping[str, str] = field(default_factory=dict)
    #: Who wrote to it since it was built, and when, where that was no run.
    outside: str = ""
    #: Whether these rows are on the branch of an unfinished run only.
    unpublished: bool = False
    #: What is published instead, where these rows are not; None: nothing.
    published: "Built | None" = None

    @property
    def short(self) -> str:
        """Enough of the version to tell it from another."""
        return self.version[:8]


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What the person asked for, beside the selection."""

    #: Build everything selected from scratch.
    full: bool = False
    #: Backfill: build these moments of incremental tables.
    start: datetime | None = None
    until: datetime | None = None
    #: Drop tables whose file is gone even when their rows cannot be built again.
    prune: bool = False
    #: The clock of the run, UTC without a zone.
    now: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One table and what becomes of it."""

    name: str
    action: Action
    #: Plain words, lower case, no full stop.
    reason: str
    #: Intervals of an incremental table to build.
    slices: tuple[Slice, ...] = ()
    #: Whether rows that are there now are thrown away first.
    refill: bool = False
    #: Whether it is not carried out, for the reason given: rows would be lost that nobody asked to lose.
    refused: bool = False
    #: Whether nothing may be done: it, or something that it needs, is not understood.
    held: bool = False
    #: Exit code of what holds it back: 2 the project, 1 a source that does not answer.
    fault: int = 0
    #: Whether checks run although nothing is built.
    only_checks: bool = False
    #: Whether people should hear of it though nothing is done.
    noted: bool = False
    #: Whether what an unfinished run gathered is given up: it goes on from what is published.
    give_up: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Steps in the order they may run: inputs first."""

    steps: tuple[Step, ...] = ()
    by_name: Mapping[str, Step] = field(default_factory=dict)
