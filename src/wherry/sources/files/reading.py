"""Turn a batch of files into rows, and whatever goes wrong into a Finding."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wherry.errors import ProjectError, SourceError, WherryError
from wherry.model.finding import Finding
from wherry.ports import FILE_COLUMN, Batch, Origin, Replaced
from wherry.sources.files.database import failed, named
from wherry.sources.files.formats.scan import Job, Places, Scan
from wherry.sources.files.grown import can_grow, read_on
from wherry.sources.files.listing import entry, still_same
from wherry.sources.files.magic import check_kind
from wherry.sources.files.options import (
    Options,
    TableOptions,
    compression_of,
    format_of,
    in_archive,
    is_archive,
    without_secrets,
)
from wherry.sources.files.passing import LOOKS, Passing
from wherry.sources.files.places.local import unreadable
from wherry.sources.files.places.place import File, Place, fetch
from wherry.sources.files.unpack import BROKEN, members
from wherry.sources.files.work import Piece, Reject, Rejects, WorkFolder

if TYPE_CHECKING:
    import pyarrow as pa

    from wherry import duckdb

#: Rows in one Arrow record batch: few, since rows may be long.
ROWS_PER_BATCH = 16_384
#: The module that reads each format, when it is not called like it.
MODULES = {"jsonl": "json"}


def damage() -> tuple[type[Exception], ...]:
    """What the readers of formats raise for a file that is not what it should be."""
    import pyarrow as pa

    from wherry import duckdb

    return (duckdb.Error, OSError, pa.ArrowException, ValueError, EOFError, MemoryError, *BROKEN)


class Reading:
    """One batch of files on its way to rows."""

    def __init__(
        self,
        con: duckdb.DuckDBPyConnection,
        place: Place,
        options: Options,
        table: TableOptions,
        files: tuple[File, ...],
        folder: Path,
        *,
        wanted: str = "",
        known: Mapping[str, str] | None = None,
        before: Mapping[str, Any] | None = None,
        with_file: bool = False,
        kept: str = "",
        after: int = 0,
        passing: Passing | None = None,
        only: tuple[str, ...] = (),
    ) -> None:
        self.con, self.place = con.cursor(), place
        self.options, self.table, self.files = options, table, files
        #: Which members of archives are wanted.
        self.wanted = in_archive(wanted)[1]
        self.known, self.with_file = known or {}, with_file
        #: What a cursor remembers of the one file there is, if it may be read on.
        self.before = before
        #: Bytes of the files that are to be read after these.
        self.after = after
        #: The columns that are wanted; none: all.
        self.only = only
        #: Hears how far it is.
        self.passing = passing or Passing(tell=lambda passed: None, size=self.bytes)
        #: Bytes that were fetched.
        self.got = 0
        #: Rows that were handed on.
        self.count = 0
        #: What stays loaded when these files cannot be.
        self.kept = kept
        self.work = WorkFolder(folder)
        self.rejects = Rejects(self.work)
        self.failure: WherryError | None = None
        #: Hashes of files that were read here, and how far they were read when that is not to their end.
        self.digests: dict[str, str] = {}
        self.ends: dict[str, int] = {}
        #: Remote files that DuckDB reads where they are.
        self.in_place: set[str] = set()
        #: Whether only the end of the file is read, so that its earlier rows stay.
        self.goes_on = False

    def batch(self, done: Mapping[str, Any], replaces: Replaced | None = None) -> Batch:
        """The rows of the files, with a cursor that tells of them and of what was ``done`` before.

        It also tells the columns when rows carry their file's name.
        """
        with self.told_plainly():
            scan = self.only_wanted(self.scan())
            self.check_same()
            on_bad_row = self.table.on_bad_row or self.options.on_bad_row
            if self.rejects.first is not None and on_bad_row == "fail":
                raise SourceError(findings=[bad_row(self.rejects.first, self.rejects.count)])
            cursor: dict[str, Any] = {"files": {**done, **{f.name: self.entry(f) for f in self.files}}}
            reader = self.con.execute(_without(scan)).to_arrow_reader(ROWS_PER_BATCH)
        if self.with_file:
            cursor |= {"columns": scan.columns}
        return Batch(
            rows=self.guarded(reader, scan),
            cursor=cursor,
            replaces=None if self.goes_on else replaces,
            rejects=self.bad_rows,
            origins=partial(self.origins, scan.places) if scan.places is not None else None,
            size=lambda: self.bytes * self.count // scan.rows if scan.rows else self.bytes,
            expected=self.expected(scan.rows),
            share=lambda: self.passing.of_rows(self.count / scan.rows) if scan.rows else None,
        )

    def origins(self, places: Places, wanted: Iterator[int]) -> Iterator[Origin]:
        """Where rows are that were read; their files are looked through once more, and must be what they were."""
        with self.told_plainly():
            for piece, line in places(wanted):
                member = piece.name if piece.label != piece.file.name else ""
                yield Origin(file=piece.file.name, line=line, member=member)
            self.check_same()

    @property
    def bytes(self) -> int:
        return sum(max(f.size, 0) for f in self.files)

    def expected(self, rows: int | None) -> int | None:
        """About how many rows these files and those after them have."""
        if not rows:
            return rows if not self.after else None
        return rows + rows * self.after // self.bytes if self.bytes else rows

    def entry(self, file: File) -> dict[str, Any]:
        """What the cursor remembers of a file."""
        found = entry(file, self.digests)
        return found | {"end": self.ends[file.name]} if file.name in self.ends else found

    def scan(self) -> Scan:
        """Work out the query, in the way of the files' format."""
        self.passing.looks = looks_of(self.files[0].name, self.table) if self.files else None
        pieces = [piece for file in self.files for piece in self.pieces(file)]
        formats = {format_of(p.name, self.table) for p in pieces}
        if len(formats) > 1 and formats != {"json", "jsonl"}:
            raise failed(
                "mixed-formats", f"The files are of different formats: {', '.join(sorted(formats))}.",
                "Match one format by the pattern, or set `format:`.",
            )  # fmt: skip
        kind = formats.pop()
        module: Any = import_module(f"wherry.sources.files.formats.{MODULES.get(kind, kind)}")
        job = Job(
            con=self.con, table=self.table, work=self.work, pieces=pieces, known=self.known, with_file=self.with_file,
            rejects=self.rejects,
        )  # fmt: skip
        with self.passing.watching(self.con):
            return module.scan(job)  # type: ignore[no-any-return]

    def only_wanted(self, scan: Scan) -> Scan:
        """The same rows, of the columns that ``columns:`` names. Raises ``SourceError`` for one that is not there."""
        if not self.only:
            return scan
        there = {name.lower(): name for name in scan.columns}
        if missing := [name for name in self.only if name.lower() not in there]:
            near = difflib.get_close_matches(missing[0].lower(), list(there), 1)
            known = ", ".join(f"`{name}`" for name in scan.columns)
            hint = f"Did you mean `{there[near[0]]}`?" if near else f"There are {known}."
            message = f"There is no column `{missing[0]}`, which `columns:` names, in {self.names()}."
            raise failed("unknown-column", message, hint)
        columns = {there[name.lower()]: scan.columns[there[name.lower()]] for name in self.only}
        given = [*(name for name in columns if name not in scan.absent), *([FILE_COLUMN] if self.with_file else [])]
        sql = f"SELECT {', '.join(map(named, given))} FROM ({scan.sql})"
        return replace(scan, sql=sql, columns=columns, absent=())

    def pieces(self, file: File) -> list[Piece]:
        """A file as something to read on this machine: itself, a copy, its end, its members."""
        piece = Piece(file=file, path=file.path, name=file.name, label=file.name)
        archive = is_archive(file.name)
        if file.remote:
            if not archive and self.is_read_in_place(file):
                self.in_place.add(file.name)
                return [piece]
            target = self.work.new(file.name)
            self.digests[file.name] = fetch(self.place, file, target, self.passing.fetching(self.got))
            self.got += max(file.size, 0)
            piece = replace(piece, path=str(target))
        if archive:
            found = members(file, piece.path, self.wanted, self.table, self.work)
        elif self.wanted:
            raise failed(
                "no-archive", f"`{file.name}` is no archive that has members, and `!/{self.wanted}` names one.",
                "Archives are called .zip, .tar, .tar.gz, .tar.bz2, .tar.xz or .tar.zst.",
            )  # fmt: skip
        else:
            found = [self.grown(piece)]
        for each in found:
            kind = format_of(each.name, self.table)
            if each.tail is None:
                check_kind(each, kind, compression_of(each.name, self.table))
        return found

    def grown(self, piece: Piece) -> Piece:
        """The part of a file that is to be read."""
        kind = format_of(piece.name, self.table)
        if not self.with_file or not can_grow(piece, kind, self.table):
            return piece
        read = read_on(piece, kind, self.table, self.before, self.work)
        if read is None:
            return piece
        self.goes_on = read.piece.tail is not None
        self.digests[piece.file.name] = read.sha
        self.ends[piece.file.name] = read.end
        return read.piece

    def is_read_in_place(self, file: File) -> bool:
        """Whether DuckDB reads the file where it is: it fetches only what it needs of Parquet in a bucket."""
        return self.options.scheme == "s3" and format_of(file.name, self.table) == "parquet"

    def check_same(self) -> None:
        """Raise a Finding when a file that is read where it is changed meanwhile."""
        still_same(
            tuple(f for f in self.files if not f.remote or f.name in self.in_place),
            self.place.look,
            grows=self.table.grows,
        )

    def guarded(self, reader: pa.RecordBatchReader, scan: Scan) -> pa.RecordBatchReader:
        """The same rows; after the last one, a check that they are all of what the files still are."""
        import pyarrow as pa

        def rows() -> Iterator[pa.RecordBatch]:
            with self.told_plainly():
                for batch in reader:
                    self.count += batch.num_rows
                    yield batch
                self.check_same()
                if scan.rows is not None and self.count != scan.rows:
                    raise failed(
                        "changed-meanwhile",
                        f"{self.names()} gave {self.count:,} rows, and {scan.rows:,} when first looked at.",
                        "It seems to have changed while it was being read. Run again.",
                    )

        return pa.RecordBatchReader.from_batches(reader.schema, rows())

    def bad_rows(self) -> pa.Table | None:
        """Bad rows; or the error that ended the rows, for a reader that only passed on its text."""
        if self.failure:
            raise self.failure
        return self.rejects.table()

    def names(self) -> str:
        shown = ", ".join(f"`{f.name}`" for f in self.files[:3])
        return shown + (f" and {len(self.files) - 3} more" if len(self.files) > 3 else "")

    @contextmanager
    def told_plainly(self) -> Iterator[None]:
        """Errors as Findings that say what is kept; a file that changed meanwhile is the error, whatever it led to."""
        known: tuple[type[Exception], ...] = (WherryError, *damage())
        try:
            yield
        except known as error:
            cause: Exception = error
            try:
                self.check_same()
            except SourceError as changed:
                cause = changed
            found = cause if isinstance(cause, WherryError) else self.explained(cause)
            self.failure = found if isinstance(found, ProjectError) else with_kept(found, self.kept)
            raise self.failure from None

    def explained(self, error: Exception) -> SourceError:
        """What DuckDB says, with the name of the file and a next step."""
        if isinstance(error, PermissionError):
            guilty_path = str(error.filename or "")
            return unreadable(next((f.name for f in self.files if f.path == guilty_path), self.files[0].name), error)
        whole = without_secrets(str(error) or "there is not enough memory", self.options).strip()
        text = whole.split("\n")[0]
        text = re.sub(r"^([A-Z]\w+ )+Error: ", "", text)
        text = re.sub(
            re.escape(f"{self.work.path}/") + r"(\d{9})", lambda m: self.work.names[int(m[1])] or "a copy", text
        )
        guilty = next((f for f in self.files if f.path in text or f.name in text), None)
        who = f"`{guilty.name}`" if guilty else self.names()
        if guilty:
            text = text.replace(guilty.path, guilty.name)
        hints = (
            (("404", "NotFound"), "Is the address right? Does the file still exist?"),
            (("403", "401", "Forbidden", "AccessDenied"), "Check the credentials and what they allow."),
            (("parquet", "magic bytes", "Parquet", "thrift"), "It is cut off or no Parquet file: write it again."),
            (("zip", "xlsx"), "It is no Excel workbook (.xlsx) or is damaged; or correct `sheet:` and `range:`."),
            (
                ("Out of Memory", "allocate", "memory"),
                "A single value or row group is too large: write it in smaller ones.",
            ),
            (("HTTP", "Connection", "connect"), "Is the server reachable? Run again."),
        )
        near = re.search(r"^Did you mean: .*", whole, re.MULTILINE)
        hint = (
            near[0]
            if near
            else next((h for words, h in hints if any(w in text for w in words)), "It may be cut off: write it again.")
        )
        return failed("unreadable", f"{who} cannot be read: {text.rstrip('. ')}.", hint)


def looks_of(name: str, table: TableOptions) -> int | None:
    """How often files are looked through before their rows come; None when that is not known."""
    if is_archive(name):
        return None
    try:
        return LOOKS.get(format_of(name, table))
    except ProjectError:  # told where the format matters
        return None


def with_kept(error: WherryError, kept: str) -> WherryError:
    """The same error, saying what stays loaded."""
    if kept:
        error.findings = tuple(
            f if kept in f.message else replace(f, message=f"{f.message.rstrip()} {kept}") for f in error.findings
        )
        error.args = ("\n".join(f.message for f in error.findings),)
    return error


def bad_row(first: Reject, count: int) -> Finding:
    """The first bad row, for tables that have none."""
    more = f" ({count - 1:,} more bad rows)" if count > 1 else ""
    return Finding(
        code="bad-row",
        message=f"`{first.file}`: {first.reason}{more}",
        hint="Correct the file, or set `on_bad_row: reject` to put such rows aside.",
        file=first.file,
        line=first.line or 0,
        source_line=first.row[:200].split("\n")[0],
    )


def _without(scan: Scan) -> str:
    """The query, without columns that its files have not: so it is seen that they are gone."""
    return f"SELECT * EXCLUDE ({', '.join(map(named, scan.absent))}) FROM ({scan.sql})" if scan.absent else scan.sql
