"""Columns of a table from the first rows of its first file."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from wherry.ports import TableRequest
from wherry.sources.files.database import open_database
from wherry.sources.files.listing import File, is_remote, list_files
from wherry.sources.files.options import Options, TableOptions, compression_of, format_of
from wherry.sources.files.reading import Reading
from wherry.sources.files.scan import FILE_COLUMN
from wherry.sources.files.text import HEAD, open_bytes


def preview(options: Options, table: TableRequest, chosen: TableOptions) -> Mapping[str, str] | None:
    """Types are those of the first rows: later ones may widen them. None when only reading would tell."""
    if is_remote(options):
        return None
    first = next((f for f in list_files(options, table.name) if f.size), None)
    if first is None:
        return None
    kind = format_of(first.name, chosen)
    with open_database(options) as con, tempfile.TemporaryDirectory(prefix="wherry-files-") as folder:
        file = first
        if kind in ("csv", "jsonl"):
            target = Path(folder, "head", first.name)
            target.parent.mkdir(parents=True, exist_ok=True)
            with open_bytes(first.path, compression_of(first.name, chosen)) as stream:
                head = stream.read(HEAD)
            whole = len(head) < HEAD
            target.write_bytes(head if whole else head[: head.rfind(b"\n") + 1])
            file = File(name=first.name, path=str(target), size=len(head))
            chosen = replace(chosen, compression="none")
        elif kind != "parquet" and first.size > HEAD * 16:
            return None
        scan = Reading(con, options, chosen, (file,), Path(folder)).scan()
    columns = dict(scan.columns)
    return columns | {FILE_COLUMN: "VARCHAR"} if table.mode == "incremental" else columns
