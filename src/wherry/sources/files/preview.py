"""Columns of a table from the first rows of its first file."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from contextlib import closing
from dataclasses import replace
from pathlib import Path

from wherry.ports import FILE_COLUMN, TableRequest
from wherry.sources.files.database import open_database
from wherry.sources.files.formats.text import HEAD
from wherry.sources.files.listing import list_files
from wherry.sources.files.options import (
    TABLE_FORMATS,
    Options,
    TableOptions,
    compression_of,
    format_of,
    in_archive,
    is_archive,
)
from wherry.sources.files.places.place import File, open_place
from wherry.sources.files.reading import Reading, damage
from wherry.sources.files.unpack import unpacked


def preview(options: Options, table: TableRequest, chosen: TableOptions) -> Mapping[str, str] | None:
    """Types are those of the first rows: later ones may widen them. None when only reading would tell, or fail."""
    try:
        return _of_first_rows(options, table, chosen)
    except damage():
        return None  # what is wrong with the file, a load will tell


def _of_first_rows(options: Options, table: TableRequest, chosen: TableOptions) -> Mapping[str, str] | None:
    if options.scheme or chosen.format in TABLE_FORMATS or is_archive(in_archive(table.name)[0]):
        return None
    place = open_place(options)
    first = next((f for f in list_files(options, place, table.name) if f.size), None)
    if first is None or is_archive(first.name):
        return None
    kind = format_of(first.name, chosen)
    with tempfile.TemporaryDirectory(prefix="wherry-files-") as folder, closing(open_database(options)) as con:
        file = first
        if kind in ("csv", "jsonl", "fixed"):
            target = Path(folder, "head", first.name)
            target.parent.mkdir(parents=True, exist_ok=True)
            head = b""
            for piece in unpacked(first.path, compression_of(first.name, chosen)):
                head += piece
                if len(head) >= HEAD:
                    break
            head = head[:HEAD]
            whole = len(head) < HEAD
            target.write_bytes(head if whole else head[: head.rfind(b"\n") + 1])
            about = target.stat()
            marks = {"mtime": about.st_mtime_ns, "ctime": about.st_ctime_ns}
            file = File(name=first.name, path=str(target), size=about.st_size, marks=marks)
            chosen = replace(chosen, compression="none")
        elif kind != "parquet" and first.size > HEAD * 16:
            return None
        reading = Reading(con, place, options, chosen, (file,), Path(folder, "work"), only=table.columns)
        scan = reading.only_wanted(reading.scan())
    columns = dict(scan.columns)
    return columns | {FILE_COLUMN: "VARCHAR"} if table.mode == "incremental" else columns
