"""A place that belongs to another system: a folder, a file or an address in a bucket."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import field
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wherry import quoting
from wherry.errors import LakeError, WherryError
from wherry.lake.access import SCHEMES, Access, find_access, without_secrets
from wherry.lake.attach import load_extensions
from wherry.model.dataclass import dataclass
from wherry.model.finding import Finding

if TYPE_CHECKING:
    import pyarrow as pa

    from wherry.duckdb import DuckDBPyConnection


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """One table that is there, and the ways to have it."""

    #: What it is called there: ``schema.table``, or empty when it has no name of its own.
    name: str = ""
    #: A query of its rows; empty when ``rows`` gives them.
    select: str = ""
    rows: Callable[[], pa.RecordBatchReader] | None = None
    #: Parquet files that hold its rows and all its columns as they are.
    files: tuple[str, ...] = ()
    #: Iceberg: its metadata file, and what is in it.
    metadata: Mapping[str, Any] | None = None
    #: Why it cannot be had without copying; empty when it can.
    why_copy: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Foreign:
    """Where another system's tables are, or are to be."""

    #: An absolute path, or an address; without a slash at its end.
    path: str
    #: Hold the credentials of an address.
    variables: Mapping[str, str] = field(repr=False)

    @property
    def remote(self) -> bool:
        return "://" in self.path

    @property
    def access(self) -> Access | None:
        """The right to use the bucket; None for a local path. Raises ``LakeError`` when it is missing."""
        return find_access(self.path, self.variables) if self.remote else None

    def open(self, connection: DuckDBPyConnection, extensions: Collection[str] = ()) -> None:
        """Let a connection that has not attached a lake yet use what is there."""
        access = self.access
        further = [*extensions, *(["azure"] if access is not None and access.scheme == "az" else [])]
        load_extensions(connection, further)
        if access is not None:
            connection.execute(access.secret_for_duckdb())

    def glob(self, connection: DuckDBPyConnection, pattern: str) -> list[str]:
        """Files below it, by a pattern of DuckDB's."""
        from wherry import duckdb

        literal = "".join(f"[{c}]" if c in "*?[" else c for c in self.path)
        try:
            rows = connection.execute("SELECT file FROM glob(?) ORDER BY 1", [literal + pattern]).fetchall()
        except duckdb.Error as problem:
            raise unreadable(self, str(problem)) from None
        return [row[0] for row in rows]

    def without_secrets(self, text: str) -> str:
        return without_secrets(text, self.variables)


def at(path: str, variables: Mapping[str, str]) -> Foreign:
    """The place that a person names."""
    scheme, slashes, _ = path.partition("://")
    if slashes and scheme not in SCHEMES:
        raise LakeError(
            findings=[
                Finding(
                    code="unknown-storage",
                    message=f"`{scheme}://` is no storage that is known here.",
                    hint=f"Known are a path and {', '.join(f'{each}://' for each in SCHEMES)}.",
                )
            ]
        )
    return Foreign(path=path.rstrip("/") if slashes else str(Path(path).absolute()), variables=variables)


def unreadable(foreign: Foreign, why: str) -> LakeError:
    reason = foreign.without_secrets(why).strip().partition("\n")[0]
    finding = Finding(
        code="unreadable",
        message=f"`{foreign.path}` cannot be read: {reason}",
        hint="Check the path, that it is complete, and for an address its credentials.",
    )
    return LakeError(findings=[finding])


@contextmanager
def told(foreign: Foreign) -> Iterator[None]:
    """What a driver complains about, as a finding without secrets."""
    try:
        yield
    except (WherryError, KeyboardInterrupt):
        raise
    except Exception as problem:
        raise unreadable(foreign, str(problem) or type(problem).__name__) from problem


def driver(module: str, extra: str, what: str) -> Any:
    """Import what reads or writes a format. Raises ``LakeError`` that says which extra brings it."""
    try:
        return import_module(module)
    except ImportError:
        finding = Finding(
            code="missing-extra",
            message=f"{what} needs a package that is not installed.",
            hint=f"pip install 'wherry[{extra}]'",
        )
        raise LakeError(findings=[finding]) from None


def schema_of(connection: DuckDBPyConnection, select: str) -> list[tuple[str, str]]:
    """Names and DuckDB types of a query's columns."""
    relation = connection.sql(select)
    return list(zip(relation.columns, map(str, relation.types), strict=True))


def file_list(files: Collection[str]) -> str:
    """Paths as a SQL list, none of them taken for a pattern."""
    literal = ("".join(f"[{c}]" if c in "*?[" else c for c in file) for file in files)
    return "[" + ", ".join(map(quoting.text, literal)) + "]"
