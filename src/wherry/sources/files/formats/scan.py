"""What a format makes of a batch of files: one query, and the rows that are no part of it."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from wherry.errors import ProjectError
from wherry.model.dataclass import dataclass
from wherry.model.finding import Finding
from wherry.ports import FILE_COLUMN
from wherry.sources.files.options import TableOptions
from wherry.sources.files.work import Piece, Rejects, WorkFolder

if TYPE_CHECKING:
    from wherry import duckdb

#: Says which files (or members) the n-th rows are from, and where in them they are; n goes up from 0.
Places = Callable[[Iterator[int]], Iterator[tuple[Piece, int | None]]]


@dataclass(slots=True, kw_only=True)
class Job:
    """A batch of files to make rows of."""

    con: duckdb.DuckDBPyConnection
    table: TableOptions
    work: WorkFolder
    #: In order of their files' names.
    pieces: Sequence[Piece]
    #: DuckDB types of the columns that the table has already.
    known: Mapping[str, str]
    #: Whether rows carry the name of their file.
    with_file: bool
    #: Rows that cannot be read go here.
    rejects: Rejects


@dataclass(frozen=True, slots=True, kw_only=True)
class Scan:
    """A query over a batch of files, known to succeed."""

    #: SELECT of all columns, and of the file's name last when that was asked for.
    sql: str
    #: DuckDB types by column.
    columns: dict[str, str]
    #: How many rows the query has; None when only reading tells.
    rows: int | None = None
    #: Columns that were known before and that none of these files has, where files say which columns they have.
    absent: tuple[str, ...] = ()
    #: Asked once the rows were read. None where rows have no place that would tell a person anything.
    places: Places | None = None


def misfit(column: str, value: str | None, kind: str) -> str:
    """Why a row with a value that is not of the given type is a bad row."""
    shown = value if value is None or len(value) <= 100 else value[:100] + "..."
    return f"Column `{column}`: {shown!r} is not {kind} exactly."


def distinct_names(names: Iterable[str]) -> list[str]:
    """Names that differ whatever the case: a second ``id`` becomes ``id_1``, a missing one ``column0``."""
    taken: set[str] = set()
    result: list[str] = []
    for position, name in enumerate(names):
        wanted = name.strip() or f"column{position}"
        number, candidate = 0, wanted
        while candidate.lower() in taken:
            number += 1
            candidate = f"{wanted}_{number}"
        taken.add(candidate.lower())
        result.append(candidate)
    return result


def given_types(con: duckdb.DuckDBPyConnection, table: TableOptions) -> dict[str, str]:
    """The option ``types``, by lower-case name, in DuckDB's own spelling. Raises ``ProjectError``."""
    from wherry import duckdb

    found: list[Finding] = []
    types: dict[str, str] = {}
    for name, text in table.types.items():
        try:
            types[name.lower()] = str(con.type(str(text)))
        except (duckdb.Error, RuntimeError):
            found.append(
                Finding(
                    code="bad-type",
                    message=f"`{text}` in `types:` of column `{name}` is not a type.",
                    hint="Types are DuckDB's: bigint, double, decimal(12,2), varchar, date, timestamp, boolean...",
                )
            )
    if found:
        raise ProjectError(findings=found)
    return types


def common_type(con: duckdb.DuckDBPyConnection, one: str, other: str) -> str:
    """The type that holds both, as DuckDB's UNION finds it; text where there is none."""
    from wherry import duckdb

    if not one or not other or one == other:
        return one or other
    try:
        row = con.execute(f"DESCRIBE SELECT NULL::{one} AS x UNION ALL SELECT NULL::{other}").fetchone()
    except duckdb.Error:
        return "VARCHAR"
    return str(row[1]) if row else "VARCHAR"


def check_types_are_used(table: TableOptions, columns: Iterable[str], known: Mapping[str, str]) -> None:
    """Raise a Finding for a type of a column that no file has."""
    there = {c.lower(): c for c in [*columns, *known]}
    missing = [name for name in table.types if name.lower() not in there]
    if missing:
        findings = []
        for name in missing:
            near = difflib.get_close_matches(name.lower(), list(there), 1)
            hint = f"Did you mean `{there[near[0]]}`?" if near else f"There are {', '.join(there.values())}."
            findings.append(
                Finding(
                    code="unknown-column", message=f"`types:` names a column `{name}` that is not there.", hint=hint
                )
            )
        raise ProjectError(findings=findings)


def check_file_column(columns: Iterable[str]) -> None:
    """Raise a Finding when the data has a column of the name that incremental tables add."""
    if FILE_COLUMN in {c.lower() for c in columns}:
        raise ProjectError(
            findings=[
                Finding(
                    code="file-column",
                    message=f"The files have a column `{FILE_COLUMN}`, which an incremental table adds itself.",
                    hint="Use `mode: full`, or give other `names:`.",
                )
            ]
        )
