"""Turn a batch of files into rows, and whatever goes wrong into a Finding."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wherry.errors import SourceError, WherryError
from wherry.model.finding import Finding
from wherry.ports import REJECT_COLUMNS, Batch, Replaced
from wherry.sources.files.database import failed, without_secrets
from wherry.sources.files.listing import File, still_same, unreadable
from wherry.sources.files.options import Options, TableOptions, format_of
from wherry.sources.files.scan import Reject, Scan
from wherry.sources.files.text import WorkFolder

if TYPE_CHECKING:
    import duckdb
    import pyarrow as pa

#: Rows in one Arrow record batch.
ROWS_PER_BATCH = 122_880


class Reading:
    """One batch of files on its way to rows."""

    def __init__(
        self,
        con: duckdb.DuckDBPyConnection,
        options: Options,
        table: TableOptions,
        files: tuple[File, ...],
        folder: Path,
        *,
        known: Mapping[str, str] | None = None,
        with_file: bool = False,
    ) -> None:
        self.con = con.cursor()
        self.options, self.table, self.files = options, table, files
        self.folder, self.known, self.with_file = folder, known or {}, with_file
        self.failure: WherryError | None = None

    def batch(self, cursor: dict[str, Any], replaces: Replaced | None = None) -> Batch:
        """The rows of the files, with a cursor that also tells the columns when rows carry their file's name."""
        with self.told_plainly():
            scan = self.scan()
            still_same(self.files)
            on_bad_row = self.table.on_bad_row or self.options.on_bad_row
            if scan.rejects and on_bad_row == "fail":
                raise SourceError(findings=[bad_row(scan.rejects)])
            reader = self.con.execute(scan.sql).to_arrow_reader(ROWS_PER_BATCH)
        if self.with_file:
            cursor = cursor | {"columns": scan.columns}
        return Batch(
            rows=self.guarded(reader, scan),
            cursor=cursor,
            replaces=replaces,
            rejects=lambda: self.rejects(scan.rejects),
            size=lambda: sum(f.size for f in self.files),
        )

    def scan(self) -> Scan:
        """Work out the query, in the way of the files' format."""
        formats = {format_of(f.name, self.table) for f in self.files}
        if len(formats) > 1 and formats != {"json", "jsonl"}:
            raise failed(
                "mixed-formats", f"The files are of different formats: {', '.join(sorted(formats))}.",
                "Match one format by the pattern, or set `format:`.",
            )  # fmt: skip
        kind = formats.pop()
        work = WorkFolder(self.folder)
        local: dict[str, str] = {}
        if kind != "parquet" and any(f.remote for f in self.files):
            from wherry.sources.files.remote import fetch

            local = {f.name: fetch(self.con, self.options, f, work) for f in self.files}
        if kind == "csv":
            from wherry.sources.files.csv import CsvScan

            return CsvScan(self.con, self.table, work, self.known, self.with_file).scan(self.files, local)
        if kind in ("json", "jsonl"):
            from wherry.sources.files.json import JsonScan

            return JsonScan(self.con, self.table, work, self.known, self.with_file).scan(self.files, local)
        if kind == "excel":
            from wherry.sources.files.excel import scan_excel

            return scan_excel(self.con, self.table, self.files, self.known, self.with_file, local)
        from wherry.sources.files.parquet import scan_parquet

        return scan_parquet(self.con, self.table, self.files, self.known, self.with_file)

    def guarded(self, reader: pa.RecordBatchReader, scan: Scan) -> pa.RecordBatchReader:
        """The same rows; after the last one, a check that they are all of what the files still are."""
        import pyarrow as pa

        def rows() -> Iterator[pa.RecordBatch]:
            count = 0
            with self.told_plainly():
                for batch in reader:
                    count += batch.num_rows
                    yield batch
                still_same(self.files)
                if scan.rows is not None and count != scan.rows:
                    raise failed(
                        "changed-meanwhile",
                        f"{self.names()} gave {count:,} rows, and {scan.rows:,} when first looked at.",
                        "It seems to have changed while it was being read. Run again.",
                    )

        return pa.RecordBatchReader.from_batches(reader.schema, rows())

    def rejects(self, found: list[Reject]) -> pa.Table | None:
        """Bad rows; or the error that ended the rows, for a reader that only passed on its text."""
        import pyarrow as pa

        if self.failure:
            raise self.failure
        if not found:
            return None
        schema = pa.schema([(c, pa.int64() if c == "line" else pa.string()) for c in REJECT_COLUMNS])
        return pa.Table.from_pylist([{c: getattr(r, c) for c in REJECT_COLUMNS} for r in found], schema=schema)

    def names(self) -> str:
        shown = ", ".join(f"`{f.name}`" for f in self.files[:3])
        return shown + (f" and {len(self.files) - 3} more" if len(self.files) > 3 else "")

    @contextmanager
    def told_plainly(self) -> Iterator[None]:
        """Errors as Findings; and when a file changed meanwhile, that is the error, whatever it led to."""
        import duckdb

        try:
            yield
        except (WherryError, duckdb.Error, OSError) as error:
            try:
                still_same(self.files)
            except SourceError as changed:
                self.failure = changed
                raise changed from None
            self.failure = error if isinstance(error, WherryError) else self.explained(error)
            raise self.failure from None

    def explained(self, error: Exception) -> SourceError:
        """What DuckDB says, with the name of the file and a next step."""
        if isinstance(error, PermissionError):
            return unreadable(self.names(), error)
        whole = without_secrets(str(error), self.options).strip()
        text = whole.split("\n")[0]
        text = re.sub(r"^([A-Z]\w+ )+Error: ", "", text)
        guilty = next((f for f in self.files if f.path in text), None)
        who = f"`{guilty.name}`" if guilty else self.names()
        if guilty:
            text = text.replace(guilty.path, guilty.name)
        hints = (
            (("404", "NotFound"), "Is the address right? Does the file still exist?"),
            (("403", "401", "Forbidden", "AccessDenied"), "Check the credentials and what they allow."),
            (("parquet", "magic bytes", "Parquet"), "It is cut off or no Parquet file: write it again and run again."),
            (("zip", "xlsx"), "It is no Excel workbook (.xlsx) or is damaged; or correct `sheet:` and `range:`."),
            (("HTTP", "Connection", "connect"), "Is the server reachable? Run again."),
        )
        near = re.search(r"^Did you mean: .*", whole, re.MULTILINE)
        hint = (
            near[0]
            if near
            else next((h for words, h in hints if any(w in text for w in words)), "Mend it and run again.")
        )
        return failed("unreadable", f"{who} cannot be read: {text}", hint)


def bad_row(rejects: list[Reject]) -> Finding:
    """The first bad row, for tables that have none."""
    first = rejects[0]
    more = f" ({len(rejects) - 1:,} more bad rows)" if len(rejects) > 1 else ""
    return Finding(
        code="bad-row",
        message=f"`{first.file}`: {first.reason}{more}",
        hint="Correct the file, or set `on_bad_row: reject` to put such rows aside.",
        file=first.file,
        line=first.line or 0,
        source_line=first.row[:200].split("\n")[0],
    )
