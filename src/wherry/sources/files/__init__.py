"""Files as a source: in a folder, in a bucket, on a server, behind a web address."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

from wherry.errors import SourceError, WherryError
from wherry.ports import FILE_COLUMN, Batch, Found, Reached, Replaced, TableRequest
from wherry.sources.files import options as said
from wherry.sources.files.database import open_database
from wherry.sources.files.grown import last_line_end
from wherry.sources.files.listing import Difference, difference, list_files
from wherry.sources.files.passing import Passing
from wherry.sources.files.places.place import File, Place, open_place
from wherry.sources.files.reading import Reading, with_kept
from wherry.sources.files.scratch import scratch_folder

#: Small new files of an incremental table are committed together up to this many bytes.
GROUP_BYTES = 64 << 20


class Files:
    """Reads CSV, JSON, XML, fixed-width, Parquet, Avro, ORC and Excel files, also compressed and in archives.

    A table is a file or a pattern. With ``mode: full`` it is read again as a whole when any of its files is new,
    changed or gone. With ``mode: incremental`` new files are added, the rows of a changed file are replaced (a column
    ``_file`` says where each row came from), those of a file that only grew are added, and the rows of a deleted file
    stay. With ``format: delta``, ``iceberg`` or ``hudi`` the table is one of another system.
    """

    Options: type = said.Options
    TableOptions: type = said.TableOptions
    #: Options that are secrets: they are named in the file, not written out.
    secret_options = tuple(name for name in said.SECRETS if not name.endswith("_ACCESS_KEY_ID"))

    #: What may be said of a table of any source, and has no meaning here.
    unused: ClassVar[Mapping[str, str]] = {
        "cursor": "which files were read is known by their names and content",
    }

    def __init__(self) -> None:
        self._memory: dict[Any, str] = {}

    def changed(self, options: said.Options, table: TableRequest, cursor: Mapping[str, Any] | None) -> str | None:
        """Which files are new, changed or gone. Reads no rows."""
        chosen = said.table_options(options, table)
        with nothing_kept(table, cursor), closing(open_place(options)) as place:
            if chosen.format in said.TABLE_FORMATS:
                from wherry.sources.files.tables.reading import changed

                return changed(place, options, table, chosen, cursor)
            found = self._difference(place, options, table, cursor, grows=chosen.grows)
        if cursor is None and (count := len(found.new)):
            return f"never read: {count} file{'s' if count != 1 else ''}"
        return str(found) if found else None

    def tables(self, options: said.Options) -> Iterator[Found]:
        """Every file of a known format, those whose names differ only in numbers as one pattern."""
        from wherry.sources.files.found import found_files

        return found_files(options)

    def named(self, options: said.Options, table: str) -> Found:
        """One file of the place. Raises ``SourceError`` when it is not there."""
        from wherry.sources.files.found import named_file

        return named_file(options, table)

    def reach(self, options: said.Options, table: TableRequest) -> Reached:
        """How many files there are, and of what format the first one is. Raises ``SourceError``."""
        from wherry.sources.files.reach import reach

        return reach(options, table)

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
        with scratch_folder() as folder:
            with nothing_kept(table, cursor):
                place = open_place(options)
            with closing(place):
                if chosen.format in said.TABLE_FORMATS:
                    from wherry.sources.files.tables.reading import read

                    yield from read(place, options, table, chosen, cursor, folder)
                else:
                    yield from self._read(place, options, table, chosen, cursor, folder)

    def again(
        self, options: said.Options, table: TableRequest, known: Mapping[str, str], files: Sequence[str]
    ) -> Iterator[Batch]:
        """Files that were read, as they are now. Tables of other systems have no lines that would tell anything."""
        chosen = said.table_options(options, table)
        if chosen.format in said.TABLE_FORMATS:
            return
        with scratch_folder() as folder, closing(open_place(options)) as place:
            wanted = frozenset(files)
            there = tuple(file for file in list_files(options, place, table.name) if not wanted or file.name in wanted)
            full = table.mode == "full"
            every = [there] if full else [group for group, _ in groups(Difference(files=there, new=there))]
            with closing(open_database(options, folder)) as con:
                for number, group in enumerate(every):
                    here = folder / str(number)
                    reading = Reading(
                        con, place, options, chosen, group, here, wanted=table.name, only=table.columns,
                        known={} if full else known, with_file=not full,
                    )  # fmt: skip
                    yield reading.batch({})
                    shutil.rmtree(here)

    def _read(
        self, place: Place, options: said.Options, table: TableRequest, chosen: said.TableOptions,
        cursor: Mapping[str, Any] | None, folder: Path,
    ) -> Iterator[Batch]:  # fmt: skip
        with nothing_kept(table, cursor):
            found = self._difference(place, options, table, cursor, grows=chosen.grows)
        if cursor is not None and not found:
            return
        with closing(open_database(options, folder)) as con:
            if table.mode == "full":
                kept = f"Nothing was loaded: `{table.name}` and its cursor are as they were."
                reading = Reading(
                    con, place, options, chosen, found.files, folder / "0", wanted=table.name, kept=kept,
                    passing=part_of(table, found.files, found.files), only=table.columns,
                )  # fmt: skip
                yield reading.batch({})
                return
            done: dict[str, Any] = dict((cursor or {}).get("files", {}))
            columns: dict[str, str] = dict((cursor or {}).get("columns", {}))
            each = list(groups(found))
            every = [file for group, _ in each for file in group]
            left = sum(max(file.size, 0) for file in every)
            for number, (group, replaces) in enumerate(each):
                left -= sum(max(file.size, 0) for file in group)
                here = folder / str(number)
                reading = Reading(
                    con, place, options, chosen, group, here, wanted=table.name, known=columns,
                    before=done.get(group[0].name) if replaces else None, with_file=True,
                    kept=kept_before(table, group, done), after=left, passing=part_of(table, group, every),
                    only=table.columns,
                )  # fmt: skip
                batch = reading.batch(done, replaces)
                reached = batch.reached()
                done, columns = dict(reached["files"]), dict(reached["columns"])
                yield batch
                shutil.rmtree(here)

    def _difference(
        self,
        place: Place,
        options: said.Options,
        table: TableRequest,
        cursor: Mapping[str, Any] | None,
        *,
        grows: bool,
    ) -> Difference:
        known = (cursor or {}).get("files", {})
        try:
            files = list_files(options, place, table.name)
        except SourceError as error:
            # A drop folder may be emptied once its files were loaded.
            if table.mode == "incremental" and known and error.findings[0].code == "no-file":
                files = []
            else:
                raise
        if grows:
            # A log that has no whole line yet is not there yet.
            files = [f for f in files if f.remote or f.name in known or last_line_end(f.path, 0)]
        found = difference(files, known, self._memory)
        return replace(found, gone=()) if table.mode == "incremental" else found


@contextmanager
def nothing_kept(table: TableRequest, cursor: Mapping[str, Any] | None) -> Iterator[None]:
    """Errors before anything was read say so."""
    try:
        yield
    except SourceError as error:
        kept = f"Nothing was loaded of `{table.name}`"
        raise with_kept(error, f"{kept}; what was loaded before stays." if cursor else f"{kept}.") from None


def part_of(table: TableRequest, group: Sequence[File], every: Sequence[File]) -> Passing:
    """What hears how far it is with a group of files, of all that are read one after the other."""
    size, whole = sum(max(file.size, 0) for file in group), sum(file.size for file in every)
    if any(file.size < 0 for file in every):
        return Passing(tell=table.tell, size=size)
    before = sum(file.size for file in every[: every.index(group[0])])
    return Passing(tell=table.tell, size=size, whole=whole, before=before)


def kept_before(table: TableRequest, group: tuple[File, ...], done: Mapping[str, Any]) -> str:
    """What stays loaded when a group of files cannot be."""
    first = group[0].name
    others = f" and the {len(group) - 1} after it" if len(group) > 1 else ""
    count = len([name for name in done if name not in {f.name for f in group}])
    kept = f"what was read of {count} other file{'s' if count != 1 else ''} stays" if count else "nothing was before it"
    return f"Nothing was loaded of `{first}`{others}; {kept}, and the next run of `{table.name}` begins with it."


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
