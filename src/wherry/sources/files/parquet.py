"""Parquet: types and rows are what the files say."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from wherry.sources.files.database import literal_path, named, texts
from wherry.sources.files.listing import File
from wherry.sources.files.options import TableOptions
from wherry.sources.files.scan import (
    FILE_COLUMN,
    Scan,
    check_file_column,
    check_types_are_used,
    common_type,
    given_types,
)

if TYPE_CHECKING:
    import duckdb


def scan_parquet(
    con: duckdb.DuckDBPyConnection,
    table: TableOptions,
    files: Sequence[File],
    known: Mapping[str, str],
    with_file: bool,
) -> Scan:
    """All files by column name; a type given in ``types`` is a cast that must succeed."""
    paths = texts(literal_path(f.path) for f in files)
    source = f"read_parquet({paths}, union_by_name = true, hive_partitioning = false"
    columns = {row[0]: row[1] for row in con.execute(f"DESCRIBE SELECT * FROM {source})").fetchall()}
    types = given_types(con, table)
    check_types_are_used(table, columns, known)
    row = con.execute(f"SELECT count(*) FROM {source})").fetchone()
    values, result = [], {}
    there = {c.lower(): c for c in columns}
    for name in [*known, *(c for c in columns if c.lower() not in {k.lower() for k in known})]:
        if name == FILE_COLUMN:
            continue
        mine = there.get(name.lower())
        kind = types.get(name.lower()) or common_type(con, known.get(name, ""), columns[mine] if mine else "")
        value = f"{named(mine)}::{kind}" if mine and kind != columns[mine] else named(mine) if mine else f"NULL::{kind}"
        values.append(f"{value} AS {named(name)}")
        result[name] = kind
    if with_file:
        check_file_column(columns)
        prefix = files[0].path.removesuffix(files[0].name)
        values.append(f"substr(__path, {len(prefix) + 1}) AS {named(FILE_COLUMN)}")
        source += ", filename = '__path'"
    return Scan(sql=f"SELECT {', '.join(values)} FROM {source})", columns=result, rows=row[0] if row else 0)
