"""The contracts of everything pluggable."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import field
from typing import TYPE_CHECKING, Any, Protocol

from wherry.model.dataclass import dataclass
from wherry.model.finding import Finding
from wherry.quoting import NOW as NOW  # stands in the SQL of a kind of check for the moment of the run

if TYPE_CHECKING:
    import pyarrow as pa

    from wherry.duckdb import DuckDBPyConnection

#: Arrow schema of a batch's rejects, in this order: the file, table or request they came from; the line (1-based) or
#: position, null when unknown; the reason; the row as text.
REJECT_COLUMNS = ("file", "line", "reason", "row")
#: The column of a table of files that says which one a row is from.
FILE_COLUMN = "_file"


@dataclass(frozen=True, slots=True, kw_only=True)
class Passed:
    """How far a source is with what its next batch will hold."""

    rows: int = 0
    #: Bytes that came from the system.
    size: int = 0
    #: About how many rows this batch and those after it will hold; None when unknown.
    expected: int | None = None
    #: Which part of the work of the whole read is done, from 0 to 1; None when unknown.
    share: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TableRequest:
    """One table to read, with everything its source needs to know."""

    #: What the system calls the table.
    name: str
    #: ``full`` or ``incremental`` (others are refused before a source sees them).
    mode: str
    #: The system's cursor column, where the mode needs one.
    cursor_column: str = ""
    key: tuple[str, ...] = ()
    #: Only these columns are wanted; empty: all.
    columns: tuple[str, ...] = ()
    #: DuckDB types that the project declares, by column.
    types: Mapping[str, str] = field(default_factory=dict)
    #: An instance of the source's ``TableOptions``.
    options: Any = None
    #: Told, by a source that reads much before it gives a batch, how far it is; by any thread.
    tell: Callable[[Passed], None] = field(default=lambda passed: None, compare=False, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Replaced:
    """Rows loaded earlier that a batch takes the place of: those whose column equals a value, or reaches it."""

    column: str
    #: A JSON scalar, read as the column's type.
    value: Any
    #: Also the rows beyond the value: how an incremental source reads its last moments again.
    onward: bool = False
    #: Also the rows that have no value there.
    nulls: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """Rows that the DuckDB which writes them reads by itself, without the way through Arrow."""

    #: A SELECT, in DuckDB's SQL. It is bound more than once, and run once.
    sql: str
    #: Entered before ``sql`` is bound, outside of a transaction: makes the connection ready (loads an extension,
    #: attaches a database by a name that nobody else has), and leaves nothing behind. Raises ``SourceError``.
    attached: Callable[[DuckDBPyConnection], AbstractContextManager[None]]
    #: Entered in the transaction that runs ``sql``, around it. Raises ``SourceError`` for what goes wrong within.
    reading: Callable[[DuckDBPyConnection], AbstractContextManager[None]]
    #: Whether several threads read it; else it comes in one stream, and further threads would only spin.
    parallel: bool = False
    #: Another query for the same rows, for who wants the first few; None where this one is as good.
    few: Query | None = None
    #: Asked, in the transaction that ran ``sql`` and within ``reading``, about the relation that the rows went to, by
    #: its name in DuckDB's SQL. Raises ``SourceError`` for what only the rows tell.
    written: Callable[[DuckDBPyConnection, str], None] = field(default=lambda connection, relation: None)
    #: Told how many rows there were, once they are read.
    counted: Callable[[int], None] = field(default=lambda rows: None)
    #: Asked by another thread while they are read: how many so far; None when unknown.
    passed: Callable[[], int | None] = field(default=lambda: None)
    #: How many bytes came, as far as ``passed`` heard last; 0 when unknown.
    size: Callable[[], int] = field(default=lambda: 0)
    #: Told by that thread when it asks no more, so that what it asked with can go.
    unwatched: Callable[[], None] = field(default=lambda: None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """Where a row is at its source."""

    file: str
    #: Its line (1-based), or the number of its record where there are no lines; None when unknown.
    line: int | None = None
    #: The member of the file that it is in, where that is an archive.
    member: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """Rows that are committed together with the cursor that says they were read."""

    #: Arrow rows; a reader is streamed, never collected. Or a query for them.
    rows: pa.RecordBatchReader | pa.Table | Query
    #: Where to go on after these rows are committed: a JSON object that only the source understands. One that is known
    #: only when the rows were read is asked for once they are consumed.
    cursor: Mapping[str, Any] | Callable[[], Mapping[str, Any]]
    #: Incremental only: rows loaded earlier that these replace; gone in the same transaction.
    replaces: Replaced | None = None
    #: Incremental only: each row replaces the one loaded earlier with the same values in these columns. Empty where all
    #: rows are known to be new. Two rows of a batch with one key are an error that names them.
    upsert: tuple[str, ...] = ()
    #: Incremental only: the keys (columns ``TableRequest.key``) of all rows that the system holds; others go.
    present: pa.RecordBatchReader | None = None
    #: Incremental only: rows loaded earlier with these values, in the columns of these names, go; the batch's own come
    #: after. So all rows of an order, say, are replaced by those that it has now, be they fewer or none.
    gone: pa.Table | None = None
    #: Asked once the rows are consumed: rows that could not be read (columns ``REJECT_COLUMNS``), or None.
    rejects: Callable[[], pa.Table | None] = field(default=lambda: None)
    #: Asked once the rows are consumed, where some of them cannot be stored: where these are. They are told by their
    #: numbers in the batch, which go up from 0, and each gives one answer. None where the source has no such places.
    origins: Callable[[Iterator[int]], Iterator[Origin]] | None = None
    #: Asked while and after the rows are consumed: bytes read from the source, for progress.
    size: Callable[[], int] = field(default=lambda: 0)
    #: About how many rows this batch and those after it hold, for the time left; None when unknown.
    expected: int | None = None
    #: Asked while the rows are consumed: which part of the work of the whole read is done, from 0 to 1; None: unknown.
    share: Callable[[], float | None] = field(default=lambda: None)
    #: Asked once the rows are consumed: what a person should know of them; warnings, since the rows are kept.
    findings: Callable[[], Sequence[Finding]] = field(default=lambda: ())

    def reached(self) -> dict[str, Any]:
        """The cursor; to be asked once the rows are consumed."""
        return dict(self.cursor() if callable(self.cursor) else self.cursor)


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """A table that a system has, as ``tables`` tells of it."""

    #: What to write under ``tables:`` of a source file.
    name: str
    #: ``table``, ``view``, ``partitioned``, ``file``, ``endpoint``...
    kind: str = "table"
    #: Names and DuckDB types of its columns, where they are cheap to tell.
    columns: tuple[tuple[str, str], ...] = ()
    key: tuple[str, ...] = ()
    #: Columns that grow with every change, the best first.
    cursors: tuple[str, ...] = ()
    #: About how many rows and bytes it has; None when that is not cheap to tell.
    rows: int | None = None
    size: int | None = None
    about: str = ""
    #: What else a source file has to say of it, by option.
    options: Mapping[str, Any] = field(default_factory=dict)


class Source(Protocol):
    """A kind of system that data comes from.

    ``Options`` and ``TableOptions`` are dataclasses: their fields are the keys that a source file may hold for the
    whole file and for one table, with types and defaults; their docstring and ``#:`` lines are the documentation.
    Where ``Options`` has fields of these names, they are filled in and no keys of a file: ``project`` (its folder),
    ``project_variables`` (the environment and ``.env``), ``siblings`` (the file's tables, as requests by name).
    """

    Options: type
    TableOptions: type

    def changed(self, options: Any, table: TableRequest, cursor: Mapping[str, Any] | None) -> str | None:
        """Why there is something to read beyond ``cursor``, in plain words, or None. Cheap: no rows are read."""

    def columns(self, options: Any, table: TableRequest) -> Mapping[str, str] | None:
        """Names and DuckDB types of the columns when they can be told offline and cheaply; else None."""

    def read(self, options: Any, table: TableRequest, cursor: Mapping[str, Any] | None) -> Iterator[Batch]:
        """Rows beyond ``cursor`` (None: from the beginning), batch by batch.

        For mode ``full`` the batches of one call together are the whole table, and nothing is yielded when nothing
        changed. Raises ``SourceError`` with findings.
        """


class Lists(Protocol):
    """A source that can also say what is there: for patterns of tables, ``wherry new source`` and ``--connect``."""

    def tables(self, options: Any) -> Iterator[Found]:
        """Every table that the given credentials may read, in order of name. Raises ``SourceError`` with findings."""


class Names(Protocol):
    """A source whose address may name one table of it, for ``wherry new source URL/TABLE``."""

    def named(self, options: Any, table: str) -> Found:
        """The table of this name. Raises ``SourceError`` with findings when it is not there."""


class Shows(Protocol):
    """A source that can give the first rows of a table without reading it: for ``--preview`` and ``--connect``.

    Others are asked for their first batch, and by ``changed`` and ``tables`` whether they answer.
    """

    def first(self, options: Any, table: TableRequest, limit: int) -> pa.Table:
        """At most ``limit`` rows as a load would bring them. Raises ``SourceError`` with findings."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reached:
    """What is there of a table, as ``reach`` saw it."""

    #: In plain words: ``3 files, 1.2 MB; `a.csv` is CSV``.
    told: str
    #: The same for programs, by name.
    facts: Mapping[str, str | int | None] = field(default_factory=dict)


class Reaches(Protocol):
    """A source that can try what a load of a table would do first, and tell what it met: for ``--connect``."""

    def reach(self, options: Any, table: TableRequest) -> Reached:
        """Raises ``SourceError`` for what may not be listed or read, or is not there. Reads a few bytes at most."""


class Expects(Protocol):
    """A source that can tell what would keep a table from being loaded, for ``--connect``."""

    def expect(self, options: Any, table: TableRequest) -> None:
        """Raises ``SourceError`` with findings where a load could not begin. No rows are read."""


class SaidElsewhere(Protocol):
    """A source whose tables are what a file beside its own says, so that a change there loads them anew."""

    def said_elsewhere(self, options: Any, table: TableRequest) -> str:
        """What other files say of which rows a table has, in a text that is another when that is; empty for nothing.

        How rows are fetched (credentials, times to wait) is no part of it. Raises ``ProjectError`` with findings.
        """


class ReadsAgain(Protocol):
    """A source that can read some files of a table once more, to tell where in them rows are that broke a check."""

    def again(
        self, options: Any, table: TableRequest, known: Mapping[str, str], files: Sequence[str]
    ) -> Iterator[Batch]:
        """The rows of these files (of none: of all) as they are now, with ``origins``; those of a file are all in one
        batch, and those of all files where no column tells these apart. ``known`` are the columns of the table. Raises
        ``SourceError``."""


class Secrets(Protocol):
    """A place where secrets are kept, named by an address in ``secrets =`` of wherry.toml."""

    def __call__(self, address: str, name: str, variables: Mapping[str, str]) -> str | None:
        """The secret ``name``, or None when the store does not have it. ``variables`` are the environment's and those
        of ``.env``. Raises ``SourceError`` when the store cannot be asked; its message holds no secret."""
