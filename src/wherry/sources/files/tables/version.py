"""The contract of a table of another system: which version it has, and what was added since another one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from wherry.model.dataclass import dataclass
from wherry.sources.files.database import failed
from wherry.sources.files.options import Options
from wherry.sources.files.places.local import base_folder
from wherry.sources.files.places.place import File, Place, address

if TYPE_CHECKING:
    from wherry import duckdb


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """Rows that are read together."""

    #: SQL of a table with the rows.
    source: str
    #: SQL condition over them; empty for all.
    where: str = ""
    #: Columns that are none of the table's.
    without: tuple[str, ...] = ()
    #: What the cursor says once they are read.
    cursor: Mapping[str, Any]
    #: How many they are, when the system tells.
    rows: int | None = None


class Version(Protocol):
    """A table as it is now; made by ``open_table(place, options, name)`` of a format's module."""

    #: What a cursor remembers: plain JSON, equal for the same version.
    cursor: Mapping[str, Any]
    #: How people call it.
    shown: str

    def added(self, con: duckdb.DuckDBPyConnection, before: Mapping[str, Any]) -> list[Step] | None:
        """The rows added since ``before``; None when rows were changed or deleted, or when that is not known."""

    def whole(self, con: duckdb.DuckDBPyConnection, work: Path) -> Step:
        """All rows."""


def table_path(options: Options, name: str, kind: str, schemes: tuple[str, ...] = ("", "s3")) -> str:
    """Path or address of a table's folder. Raises ``SourceError`` where its format is not read."""
    if options.scheme not in schemes:
        where = " and ".join(f"{s}://" if s else "local folders" for s in schemes)
        raise failed(
            "not-here", f"`{name}`: {kind} tables are read in {where}, and `path:` is {options.scheme}://.",
            "Copy the table, or have it exported as Parquet files.",
        )  # fmt: skip
    return f"{address(options)}/{name}" if options.scheme else str(base_folder(options) / name)


def content(place: Place, file: File) -> bytes:
    """A small file as a whole."""
    return b"".join(place.read(file))


def files_below(place: Place, folder: str) -> Iterator[File]:
    """The files directly in a folder."""
    yield from place.list(f"{_literal(folder)}/*")


def _literal(name: str) -> str:
    return "".join(f"[{c}]" if c in "*?[" else c for c in name)


def no_table(options: Options, name: str, kind: str, lacks: str) -> Exception:
    return failed(
        "no-table", f"`{name}` in `{address(options) or options.path}` is no {kind} table: it has no `{lacks}`.",
        "Name the folder of the table, which that lies in.",
    )  # fmt: skip
