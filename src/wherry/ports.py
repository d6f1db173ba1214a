"""The contracts of everything pluggable."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    import pyarrow as pa

#: Arrow schema of a batch's rejects, in this order: file, line (1-based, null when unknown), reason, row (raw text).
REJECT_COLUMNS = ("file", "line", "reason", "row")


#: Stands in the SQL of a kind of check for the moment of the run, a TIMESTAMP in UTC.
NOW = "$wherry_now"


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
    #: An instance of the source's ``TableOptions``.
    options: Any = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """Rows that are committed together with the cursor that says they were read."""

    #: Arrow rows; a reader is streamed, never collected.
    rows: pa.RecordBatchReader | pa.Table
    #: Where to go on after these rows are committed: a JSON object that only the source understands.
    cursor: Mapping[str, Any]
    #: Incremental only: rows loaded earlier that these replace, as ``(column, value)``; gone in the same transaction.
    replaces: tuple[str, str] | None = None
    #: Asked once the rows are consumed: rows that could not be read (columns ``REJECT_COLUMNS``), or None.
    rejects: Callable[[], pa.Table | None] = field(default=lambda: None)
    #: Asked once the rows are consumed: bytes read from the source, for progress.
    size: Callable[[], int] = field(default=lambda: 0)


class Source(Protocol):
    """A kind of system that data comes from.

    ``Options`` and ``TableOptions`` are dataclasses: their fields are the keys that a source file may hold for the
    whole file and for one table, with types and defaults; their docstring and ``#:`` lines are the documentation.
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
