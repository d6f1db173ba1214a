"""The one asset graph."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import field
from fnmatch import fnmatchcase
from functools import cached_property
from typing import Any

from wherry.model.asset import Asset
from wherry.model.contract import Breach, Contract
from wherry.model.dataclass import dataclass
from wherry.model.finding import Finding

#: The folder of the project's SQL functions.
FUNCTIONS = "functions/"


@dataclass(frozen=True, slots=True, kw_only=True)
class Function:
    """A SQL macro shared by all tables."""

    #: Lower case.
    name: str
    file: str
    line: int
    #: The whole CREATE statement.
    text: str
    #: Tables its body reads, as written.
    tables: tuple[str, ...] = ()
    #: Functions its body calls, lower case; the project's own and others.
    calls: tuple[str, ...] = ()
    #: Hash of what it does, blind to layout and comments.
    meaning: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class SqlCheck:
    """A file of SQL that returns bad rows."""

    #: File name without its ending.
    name: str
    file: str
    text: str
    about: str = ""
    owner: str = ""
    severity: str = "error"
    #: From how many rows on it warns and is an error (``wherry.model.levels``), instead of that; mostly empty.
    levels: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    #: Assets it reads.
    inputs: tuple[str, ...] = ()
    functions: tuple[str, ...] = ()
    meaning: str = ""

    @property
    def stops(self) -> bool:
        """Whether what it finds can hold back what is published; else it only warns."""
        return "error" in self.levels if self.levels else self.severity == "error"


@dataclass(frozen=True, slots=True, kw_only=True)
class UnitTest:
    """Given rows, expected rows."""

    table: str
    name: str
    file: str
    line: int
    given: Mapping[str, tuple[Mapping[str, Any], ...]] = field(default_factory=dict)
    expect: tuple[Mapping[str, Any], ...] = ()
    #: Values of ``$start`` and ``$end``, where the table has them.
    start: str = ""
    end: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Unread:
    """A file that makes tables, and of which nobody can tell which ones: all that no other file makes may be its."""

    #: Why, with the file.
    finding: Finding
    #: What the names of its tables look like: a glob, in lower case.
    names: str = "*"
    #: Exit code of what is at fault: 2 the project, 1 a source that does not answer.
    fault: int = 2

    def may_make(self, name: str) -> bool:
        """Whether a table of that name may be one of its own."""
        return fnmatchcase(name.lower(), self.names)


@dataclass(frozen=True, kw_only=True)
class Graph:
    """Every asset of a project and what joins them; immutable.

    ``assets`` is keyed by lower-case name and in topological order (inputs first) wherever there is no cycle.
    """

    assets: Mapping[str, Asset] = field(default_factory=dict)
    functions: Mapping[str, Function] = field(default_factory=dict)
    checks: tuple[SqlCheck, ...] = ()
    tests: tuple[UnitTest, ...] = ()
    contracts: tuple[Contract, ...] = ()
    #: Where tables are not what their contracts promise.
    breaches: tuple[Breach, ...] = ()
    #: Files that may make more tables than there are here.
    unread: tuple[Unread, ...] = ()
    findings: tuple[Finding, ...] = ()

    def __getitem__(self, name: str) -> Asset:
        return self.assets[name.lower()]

    def __contains__(self, name: str) -> bool:
        return name.lower() in self.assets

    @cached_property
    def readers(self) -> Mapping[str, tuple[str, ...]]:
        """The assets that read each asset, by lower-case name."""
        readers: dict[str, list[str]] = {key: [] for key in self.assets}
        for key, asset in self.assets.items():
            for name in asset.inputs:
                if name.lower() in readers:
                    readers[name.lower()].append(key)
        return {key: tuple(names) for key, names in readers.items()}

    def functions_in(self, sql: str) -> tuple[str, ...]:
        """The project's functions that a piece of SQL may call, callees first."""
        words = set(re.findall(r"\w+", sql.lower()))
        found: dict[str, None] = {}

        def add(name: str) -> None:
            for call in self.functions[name].calls:
                if call in self.functions and call != name and call not in found:
                    add(call)
            found[name] = None

        for name in self.functions:
            if name in words:
                add(name)
        return tuple(found)

    @property
    def held(self) -> set[str]:
        """Lower-case names of the tables that are held back, and of all that needs one of them."""
        return self.downstream(key for key, asset in self.assets.items() if asset.held)

    def faults(self, keys: Iterable[str], claimed: Mapping[str, Finding]) -> dict[str, int]:
        """The exit code of what holds back each of ``keys``, or ``claimed`` some of them: 2 the project, 1 a source
        that does not answer."""
        keys = set(keys)
        why = {key: (*self.assets[key].held, *([claimed[key]] if key in claimed else ())) for key in keys}
        grave = [key for key, findings in why.items() if any(self.fault_of(each) == 2 for each in findings)]
        return dict.fromkeys(keys, 1) | dict.fromkeys(self.downstream(grave) & keys, 2)

    @property
    def fault(self) -> int:
        """The exit code of what is wrong, whichever tables it concerns: files that may make tables which are not known,
        and functions; 0 where there is none."""
        functions = (each.file.startswith(FUNCTIONS) and each.severity == "error" for each in self.findings)
        silent = (each.fault for each in self.unread if each.finding.severity == "error")
        return 2 if any(functions) else max(silent, default=0)

    def fault_of(self, finding: Finding) -> int:
        """The exit code of one that holds back tables."""
        return next((each.fault for each in self.unread if each.finding == finding), 2)

    def upstream(self, keys: Iterable[str]) -> set[str]:
        """``keys`` and all that they need, directly or not. O(nodes + edges)."""
        return self._reach(keys, lambda key: [n.lower() for n in self.assets[key].inputs if n in self])

    def downstream(self, keys: Iterable[str]) -> set[str]:
        """``keys`` and all that needs them, directly or not. O(nodes + edges)."""
        return self._reach(keys, lambda key: self.readers[key])

    @staticmethod
    def _reach(keys: Iterable[str], step: Any) -> set[str]:
        seen: set[str] = set()
        stack = list(keys)
        while stack:
            key = stack.pop()
            if key not in seen:
                seen.add(key)
                stack.extend(step(key))
        return seen


def in_order(assets: Mapping[str, Asset]) -> tuple[dict[str, Asset], tuple[tuple[str, ...], ...]]:
    """Inputs before their readers, names in alphabetical order where there is a choice; and every cycle as a path.

    Depth first without recursion, O(nodes + edges). A path of a cycle ends with the name it starts with.
    """
    order: dict[str, Asset] = {}
    cycles: list[tuple[str, ...]] = []
    state: dict[str, int] = {}
    for root in sorted(assets):
        if state.get(root):
            continue
        path: list[str] = [root]
        stack = [iter(sorted(n.lower() for n in assets[root].inputs if n.lower() in assets))]
        state[root] = 1
        while stack:
            child = next(stack[-1], None)
            if child is None:
                done = path.pop()
                stack.pop()
                state[done] = 2
                order[done] = assets[done]
            elif state.get(child) == 1:
                cycles.append((*path[path.index(child) :], child))
            elif not state.get(child):
                state[child] = 1
                path.append(child)
                stack.append(iter(sorted(n.lower() for n in assets[child].inputs if n.lower() in assets)))
    return order, tuple(cycles)
