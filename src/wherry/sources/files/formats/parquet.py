"""Parquet, and what is copied to Parquet to be read: types and rows are what the files say."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from wherry.model.dataclass import dataclass
from wherry.ports import FILE_COLUMN
from wherry.sources.files.database import literal_path, named, texts
from wherry.sources.files.formats import kinds
from wherry.sources.files.formats.placed import Placed, numbers_of, places, record_numbers
from wherry.sources.files.formats.scan import (
    Job,
    Scan,
    check_file_column,
    check_types_are_used,
    common_type,
    given_types,
    misfit,
)

if TYPE_CHECKING:
    from wherry.sources.files.work import Piece

#: What the numbers of a file's rows are called, from 1.
NUMBER = "__wherry_n"


def scan(job: Job) -> Scan:
    """All files by column name; a row with a value that is not of the type given in ``types`` is put aside."""
    return scan_pieces(job, job.pieces)


def scan_pieces(job: Job, pieces: Sequence[Piece]) -> Scan:
    paths = texts(literal_path(p.path) for p in pieces)
    source = f"read_parquet({paths}, union_by_name = true, hive_partitioning = false"
    columns = {row[0]: row[1] for row in job.con.execute(f"DESCRIBE SELECT * FROM {source})").fetchall()}
    found = project(job, columns)
    values = list(found.values)
    if job.with_file:
        check_file_column(columns)
        values.append(f"{names_sql(job, pieces)} AS {named(FILE_COLUMN)}")
    there = {name.lower() for name in columns}
    rows = job.con.execute(f"SELECT count(*) FROM {source})").fetchall()[0][0]
    where = ""
    if found.given:
        where = " AND ".join(condition for _, condition in found.given.values())
        rows -= put_aside(job, pieces, found.given)
    source += ", filename = '__path'"
    return Scan(
        sql=f"SELECT {', '.join(values)} FROM {source}){f' WHERE {where}' if where else ''}",
        columns=found.columns,
        rows=rows,
        absent=tuple(name for name in found.columns if name.lower() not in there),
        places=lambda wanted: places((placed(job, piece, found.given) for piece in pieces), wanted),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Projection:
    """How the columns of files become those of a table."""

    #: SQL: one value for each column, with its name.
    values: list[str]
    #: DuckDB types by column.
    columns: dict[str, str]
    #: Columns whose type was given and is another: that type, and SQL that says whether a value is of it.
    given: dict[str, tuple[str, str]]


def project(job: Job, columns: Mapping[str, str]) -> Projection:
    """Known columns first, then new ones; a known one that is not there is empty."""
    types = given_types(job.con, job.table)
    check_types_are_used(job.table, columns, job.known)
    there = {c.lower(): c for c in columns}
    lower_known = {k.lower() for k in job.known}
    values, result, given = [], {}, {}
    for name in [*job.known, *(c for c in columns if c.lower() not in lower_known)]:
        if name == FILE_COLUMN:
            continue
        mine = there.get(name.lower())
        said = types.get(name.lower(), "")
        kind = said or common_type(job.con, job.known.get(name, ""), columns[mine] if mine else "")
        value = f"{named(mine)}::{kind}" if mine and kind != columns[mine] else named(mine) if mine else f"NULL::{kind}"
        if mine and said and said != columns[mine]:
            given[mine] = (said, fits(job, named(mine), columns[mine], said))
        values.append(f"{value} AS {named(name)}")
        result[name] = kind
    return Projection(values=values, columns=result, given=given)


def names_sql(job: Job, pieces: Sequence[Piece]) -> str:
    """SQL: the name of the file that a row is from. All files of a batch lie in one folder, or are all copies."""
    prefixes = {job.work.prefix(p.path, p.file.name) for p in pieces}
    if len(prefixes) == 1:
        return job.work.name_sql("__path", prefixes.pop())
    copies = f"{job.work.path}/"
    (other,) = prefixes - {copies}
    copy, rest = job.work.name_sql("__path", copies), job.work.name_sql("__path", other)
    return f"CASE WHEN starts_with(__path, {texts([copies])}[1]) THEN {copy} ELSE {rest} END"


def fits(job: Job, column: str, kind: str, said: str) -> str:
    """SQL: whether a value becomes one of another type without being rounded or cut."""
    if kind == "VARCHAR":
        return kinds.fits(column, said, job.table)
    there = f"TRY_CAST({column} AS {said})"
    back = f"TRY_CAST({there} AS {kind}) IS NOT DISTINCT FROM {column}"
    return f"({column} IS NULL OR ({there} IS NOT NULL{'' if said == 'VARCHAR' else f' AND {back}'}))"


def put_aside(job: Job, pieces: Sequence[Piece], given: dict[str, tuple[str, str]]) -> int:
    """Put the rows aside that do not fit the given types, with the numbers of their records; how many."""
    bad = 0
    for piece in pieces:
        source, columns, mine = alone(job, piece, given)
        if not mine:
            continue
        judged = ", ".join(f"{named(c)}::VARCHAR, {condition}" for c, (_, condition) in mine.items())
        where = " AND ".join(condition for _, condition in mine.values())
        row = f"to_json(struct_pack({', '.join(f'{named(c)} := {named(c)}' for c in columns)}))"
        found = job.con.cursor().execute(
            f"SELECT {NUMBER}, {row}, {judged} FROM {source} WHERE NOT ({where}) ORDER BY 1"
        )
        while rows := found.fetchmany(1000):
            for number, row, *values in rows:
                reasons = [
                    misfit(column, value, kind)
                    for (column, (kind, _)), value, fit in zip(mine.items(), values[::2], values[1::2], strict=True)
                    if not fit
                ]
                job.rejects.add(piece, number, " ".join(reasons), row)
                bad += 1
    return bad


def alone(
    job: Job, piece: Piece, given: dict[str, tuple[str, str]]
) -> tuple[str, list[str], dict[str, tuple[str, str]]]:
    """SQL for the rows of one file, with their numbers; its columns; and those of them that are given other types."""
    source = f"read_parquet({texts([literal_path(piece.path)])}, hive_partitioning = false"
    columns = [row[0] for row in job.con.execute(f"DESCRIBE SELECT * FROM {source})").fetchall()]
    there = {name.lower() for name in columns}
    number, option = "file_row_number + 1", ", file_row_number = true"
    if "file_row_number" in there:  # DuckDB's own may not stand beside it
        number, option = "row_number() OVER ()", ""
    numbered = f"(SELECT *, {number} AS {NUMBER} FROM {source}{option}))"
    return numbered, columns, {c: told for c, told in given.items() if c.lower() in there}


def placed(job: Job, piece: Piece, given: dict[str, tuple[str, str]]) -> Placed:
    """Where the rows of one file are: by the numbers of its records."""
    source, _, mine = alone(job, piece, given)
    where = f" WHERE {' AND '.join(condition for _, condition in mine.values())}" if mine else ""

    def rows() -> int:
        return int(job.con.cursor().execute(f"SELECT count(*) FROM {source}{where}").fetchall()[0][0])

    def lines(wanted: Iterator[int]) -> Iterator[int | None]:
        if not mine:
            return record_numbers(wanted)
        found = job.con.cursor().execute(f"SELECT {NUMBER} FROM {source}{where} ORDER BY 1")
        return numbers_of(found, wanted)

    return Placed(piece=piece, rows=rows, lines=lines)
