"""What a source file may say of a database and of its tables."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import field
from typing import Literal

from wherry.model.dataclass import dataclass
from wherry.model.finding import Finding
from wherry.sources.databases.position import LOOKBACK


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """A database."""

    #: Its address, with user and password: best a ``${VARIABLE}``.
    url: str
    #: Seconds to wait for a connection.
    connect_timeout: int = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class TableOptions:
    """One table of a database."""

    #: Only rows for which this SQL condition holds, in the database's own SQL.
    where: str = ""
    #: A SELECT to load instead of a table, in the database's own SQL.
    query: str = ""
    #: Incremental only: read again what is this far behind the newest value: ``2 hours``, ``3 days``, or a number.
    lookback: str | int = ""
    #: Incremental only: ``compare`` takes away rows whose key the database no longer has.
    deletes: Literal["ignore", "compare"] = "ignore"
    #: Incremental only: about how many rows are committed together.
    batch_rows: int = 250_000
    #: How many connections read a large table at once in mode ``full``; 0: chosen by its size.
    parallel: int = 0
    #: Load these columns as another type: ``text`` for a value exactly as the database prints it, or ``decimal(20,4)``.
    types: Mapping[str, str] = field(default_factory=dict)


def mistakes(table: TableOptions) -> Iterator[Finding]:
    """What no database could do."""
    for option, least in (("batch_rows", 1), ("parallel", 0)):
        if (value := getattr(table, option)) < least:
            yield Finding(code="bad-option", message=f"`{option}: {value}` must be {least} or more.")
    if table.lookback and not _is_number(table.lookback) and not LOOKBACK.match(str(table.lookback)):
        hint = "Write for example `2 hours` or `3 days`; for a cursor of numbers, a number."
        yield Finding(code="bad-option", message=f"`lookback: {table.lookback}` is no length of time.", hint=hint)


def _is_number(value: str | int) -> bool:
    try:
        return float(value) >= 0
    except ValueError:
        return False
