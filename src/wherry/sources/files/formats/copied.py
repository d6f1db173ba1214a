"""Files that DuckDB does not read are copied to Parquet, a few thousand rows at a time, and read from there."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

from wherry.sources.files.formats.parquet import scan_pieces
from wherry.sources.files.formats.scan import Job, Scan
from wherry.sources.files.formats.text import Text, plain_copy
from wherry.sources.files.options import compression_of

if TYPE_CHECKING:
    import pyarrow as pa

    from wherry.sources.files.work import Piece

#: Reads a file: its schema, and its rows.
Reader = Callable[["Piece", str], tuple["pa.Schema", Iterator["pa.RecordBatch"]]]


def scan_copies(job: Job, read: Reader) -> Scan:
    """All files by column name, through copies of them."""
    return scan_pieces(job, [replace(piece, path=copy(job, piece, read)) for piece in job.pieces])


def copy(job: Job, piece: Piece, read: Reader) -> str:
    """Where the copy of a file is."""
    import pyarrow.parquet as pq

    schema, rows = read(piece, unpacked_path(job, piece))
    target = str(job.work.new(piece.file.name))
    with pq.ParquetWriter(target, schema, compression="zstd", compression_level=1) as out:
        for batch in rows:
            out.write_batch(batch)
    return target


def unpacked_path(job: Job, piece: Piece) -> str:
    """Where the file is, uncompressed."""
    packed = compression_of(piece.name, job.table)
    if packed == "none":
        return piece.path
    return plain_copy(Text(piece=piece, path=piece.path, compression=packed, head=b"", table=job.table), job.work)
