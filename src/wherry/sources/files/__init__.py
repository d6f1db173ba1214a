"""Files as a source: in a folder, in a bucket, behind a web address."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from wherry.errors import SourceError, WherryError
from wherry.ports import Batch, Replaced, TableRequest
from wherry.sources.files import options as said
from wherry.sources.files.database import open_database
from wherry.sources.files.listing import Difference, File, difference, entry, list_files
from wherry.sources.files.reading import Reading
from wherry.sources.files.scan import FILE_COLUMN

#: Small new files of an incremental table are committed together up to this many bytes.
GROUP_BYTES = 64 << 20


class Files:
    """Reads CSV, JSON, JSON Lines, Parquet and Excel files.

    A table is a file or a pattern. With ``mode: full`` it is read again as a whole when any of its files is new,
    changed or gone. With ``mode: incremental`` new files are added, the rows of a changed file are replaced (a column
    ``_file`` says where each row came from), and the rows of a deleted file stay.
    """

    Options: type = said.Options
    TableOptions: type = said.TableOptions

    def __init__(self) -> None:
        self._memory: dict[Any, str] = {}

    def changed(self, options: said.Options, table: TableRequest, cursor: Mapping[str, Any] | None) -> str | None:
        """Which files are new, changed or gone. Reads no rows."""
        said.table_options(options, table)
        found = self._difference(options, table, cursor)
        if cursor is None:
            count = len(found.new)
            return f"never read: {count} file{'s' if count != 1 else ''}"
        return str(found) if found else None

    def columns(self, options: said.Options, table: TableRequest) -> Mapping[str, str] | None:
        """Columns of the first local file, from its first rows. None when that is not known."""
        from wherry.sources.files.preview import preview

        chosen = said.table_options(options, table)
        try:
            return preview(options, table, chosen)
        except WherryError:
            return None

    def read(self, options: said.Options, table: TableRequest, cursor: Mapping[str, Any] | None) -> Iterator[Batch]:
        """New and changed files in order of their names; see the class for what a mode means."""
        chosen = said.table_options(options, table)
        found = self._difference(options, table, cursor)
        if cursor is not None and not found:
            return
        with open_database(options) as con, tempfile.TemporaryDirectory(prefix="wherry-files-") as folder:
            if table.mode == "full":
                cursor = {"files": {f.name: entry(f) for f in found.files}}
                yield Reading(con, options, chosen, found.files, Path(folder)).batch(cursor)
                return
            done: dict[str, Any] = dict((cursor or {}).get("files", {}))
            columns: dict[str, str] = dict((cursor or {}).get("columns", {}))
            for number, (group, replaces) in enumerate(groups(found)):
                done = done | {f.name: entry(f) for f in group}
                reading = Reading(con, options, chosen, group, Path(folder, str(number)), known=columns, with_file=True)
                batch = reading.batch({"files": done}, replaces)
                columns = dict(batch.reached()["columns"])
                yield batch

    def _difference(self, options: said.Options, table: TableRequest, cursor: Mapping[str, Any] | None) -> Difference:
        known = (cursor or {}).get("files", {})
        try:
            files = list_files(options, table.name)
        except SourceError as error:
            # A drop folder may be emptied once its files were loaded.
            if table.mode == "incremental" and known and error.findings[0].code == "no-file":
                files = []
            else:
                raise
        found = difference(files, known, self._memory)
        return replace(found, gone=()) if table.mode == "incremental" else found


def groups(found: Difference) -> Iterator[tuple[tuple[File, ...], Replaced | None]]:
    """Files to commit together, in order of their names: each changed file alone, small new ones in company."""
    changed = {f.name for f in found.changed}
    group: list[File] = []
    size = 0
    for file in sorted((*found.new, *found.changed), key=lambda f: f.name):
        if group and (file.name in changed or size + file.size > GROUP_BYTES):
            yield tuple(group), None
            group, size = [], 0
        if file.name in changed:
            yield (file,), Replaced(column=FILE_COLUMN, value=file.name)
        else:
            group.append(file)
            size += file.size
    if group:
        yield tuple(group), None


source = Files()
