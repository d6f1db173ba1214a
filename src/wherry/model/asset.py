"""A table of the project and what its author said about it."""

from collections.abc import Iterable, Mapping
from dataclasses import field, replace
from typing import Any, Literal

from wherry.model.dataclass import dataclass
from wherry.model.finding import Finding

BuildWord = Literal["view", "replace", "append", "incremental", "merge", "history", "follow"]
AssetKind = Literal["source", "sql", "python"]
Mode = Literal["full", "incremental", "cdc", "follow"]
Grain = Literal["hour", "day", "month"]
Transform = Literal["identity", "year", "month", "day", "hour", "bucket", "truncate"]

#: Errors about one promise: in its place stands a check that fails and says so, and the table is built.
OF_PROMISES = ("bad-check", "bad-contract", "broken-contract", "missing-column")


@dataclass(frozen=True, slots=True, kw_only=True)
class Build:
    """How the rows of a table come about: one of the closed set of build words."""

    word: BuildWord = "replace"
    #: The time column of ``incremental by``, the key of ``merge on`` and ``history on``.
    columns: tuple[str, ...] = ()
    #: Width of one interval of an incremental table.
    grain: Grain = "day"
    #: First moment of an incremental table (ISO 8601); empty: all time.
    start: str = ""
    #: How many grains before the newest interval are built again for late rows.
    lookback: int = 0
    #: Line and column where it is said; (0, 0) when it is not.
    place: tuple[int, int] = field(default=(0, 0), compare=False)

    def __str__(self) -> str:
        link = {"incremental": " by ", "merge": " on ", "history": " on "}.get(self.word, "")
        return self.word + link + ", ".join(self.columns)


@dataclass(frozen=True, slots=True, kw_only=True)
class Partition:
    """One part of how a table's files are partitioned: rows of equal value lie together."""

    column: str
    #: What is made of the column's value first.
    transform: Transform = "identity"
    #: Number of buckets, or characters (digits) kept by ``truncate``; 0 for the others.
    width: int = 0

    def __str__(self) -> str:
        if self.transform == "identity":
            return self.column
        return f"{self.transform}({f'{self.width}, ' if self.width else ''}{self.column})"

    @property
    def iceberg(self) -> str:
        """The transform as Iceberg's metadata spells it."""
        return f"{self.transform}[{self.width}]" if self.width else self.transform


@dataclass(frozen=True, slots=True, kw_only=True)
class Sort:
    """A column that the rows of a table's files are sorted by; nulls come last."""

    column: str
    descending: bool = False

    def __str__(self) -> str:
        return f"{self.column}{' desc' if self.descending else ''}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One promise about a table's rows, as its author wrote it."""

    #: Name of the check in ``wherry.checks``: ``not_null``, ``compare``, ``condition``...
    kind: str
    #: The column it is about; empty for a check of the whole table.
    column: str = ""
    #: Arguments by name; plain JSON values.
    arguments: Mapping[str, Any] = field(default_factory=dict)
    #: The short form its author wrote, shown to people.
    text: str
    severity: Literal["error", "warn"] = "error"
    #: Share of rows (0 to 1) that must pass.
    mostly: float = 1.0
    #: At most so many failing rows; None: as ``mostly`` says.
    most: int | None = None
    #: From where on it warns and is an error (``wherry.model.levels``), instead of the three above; mostly empty.
    levels: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    #: SQL condition: only these rows are looked at; empty for all.
    where: str = ""
    #: Whether it holds back what is published, or is asked of what was.
    when: Literal["before", "after"] = "before"
    #: Look at a share (below 1) or at so many of the rows; 0: all of them.
    sample: float | int = 0
    #: Whether its bad rows are split off to ``<table>__rejected`` and the rest is published.
    quarantine: bool = False
    #: The columns it is about, when they are several; ``column`` is empty then.
    columns: tuple[str, ...] = ()
    #: The pattern of columns that it was written for; empty for one that names its column.
    matching: str = ""
    #: Whether ``column`` is one of the table's that matches that pattern.
    matched: bool = False
    #: What its author noted of it.
    about: str = ""
    #: Other tables that were found in its SQL, beside those that it names.
    reads: tuple[str, ...] = ()
    file: str = ""
    line: int = 0

    @property
    def needs(self) -> tuple[str, ...]:
        """Other tables that it reads: those that its arguments ``table`` or ``tables`` name, and those in its SQL."""
        one, several = self.arguments.get("table"), self.arguments.get("tables", ())
        return (*([str(one)] if one else []), *map(str, several), *self.reads)


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """A column: what is declared of it and, once bound, its type."""

    name: str
    #: DuckDB type name; empty when it is not known.
    type: str = ""
    about: str = ""
    tags: tuple[str, ...] = ()
    #: Line and column where it is declared; (0, 0) when it is not.
    place: tuple[int, int] = field(default=(0, 0), compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceTable:
    """One table of a system that data comes from."""

    #: Name of the source file without its ending.
    source: str
    #: Name of the plugin that reads it, for example ``files``.
    connector: str
    #: What the system calls the table: a name, a path, a glob.
    table: str
    mode: Mode = "full"
    cursor: str = ""
    key: tuple[str, ...] = ()
    on_schema_change: Literal["evolve", "freeze", "quarantine"] = "evolve"
    #: Only these columns are loaded; empty: all.
    only: tuple[str, ...] = ()
    #: The source file's own options; checked against the connector's dataclass before a run.
    options: Mapping[str, Any] = field(default_factory=dict)
    #: This table's own options; checked likewise.
    table_options: Mapping[str, Any] = field(default_factory=dict)
    #: Line of each option in the file, by name; a table's option as ``table.<name>``.
    option_lines: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Asset:
    """A node of the graph: a table or view of the lake, and the file that says how it comes about."""

    #: ``schema.table``, as written by its author; unique whatever the case.
    name: str
    kind: AssetKind
    #: Relative to the project folder, with forward slashes.
    file: str
    line: int = 1
    about: str = ""
    owner: str = ""
    tags: tuple[str, ...] = ()
    #: "within 2 hours", as written.
    fresh: str = ""
    build: Build = Build()
    #: How its files are laid out. Not part of its meaning: the rows are the same.
    partition: tuple[Partition, ...] = ()
    sort: tuple[Sort, ...] = ()
    #: Line and column where each is said, by key.
    layout_places: Mapping[str, tuple[int, int]] = field(default_factory=dict, compare=False)
    #: Declared columns first; all columns with types once the graph is bound.
    columns: tuple[Column, ...] = ()
    #: Whether ``columns`` is the whole truth with types.
    bound: bool = False
    checks: tuple[Check, ...] = ()
    #: Names of the assets it reads, in order of appearance; the same spelling as their own.
    inputs: tuple[str, ...] = ()
    #: Names (lower case) of the project's SQL functions it uses, through one another.
    functions: tuple[str, ...] = ()
    #: Files that its SQL reads directly (``FROM 'x.parquet'``), relative to the project.
    files: tuple[str, ...] = ()
    #: SQL text of an ``sql`` asset, header comment included.
    text: str = ""
    #: Function name of a ``python`` asset and its parameters: ``(parameter, table)``.
    function: str = ""
    parameters: tuple[tuple[str, str], ...] = ()
    #: Where a ``source`` asset comes from.
    source: SourceTable | None = None
    #: Hash of what it does, blind to layout and comments.
    meaning: str = ""
    #: What is wrong with what its file says of it, promises about its rows aside. What it is to be is not known then:
    #: nothing is done of it, and of what needs it.
    held: tuple[Finding, ...] = ()

    def held_by(self, findings: Iterable[Finding]) -> "Asset":
        """The same, held back by those of the findings that are errors and no promises."""
        more = tuple(each for each in findings if each.severity == "error" and each.code not in OF_PROMISES)
        return replace(self, held=tuple(dict.fromkeys((*self.held, *more)))) if more else self

    @property
    def later_checks(self) -> tuple[Check, ...]:
        """The checks that are asked once it is published."""
        return tuple(check for check in self.checks if check.when == "after")
