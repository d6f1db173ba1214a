"""What a source file may say of a database and of its tables."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from typing import Literal

from wherry.model.dataclass import dataclass


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
