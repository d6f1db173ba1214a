"""ORC, one stripe after the other."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from wherry.sources.files.formats.copied import scan_copies
from wherry.sources.files.formats.scan import Job, Scan

if TYPE_CHECKING:
    import pyarrow as pa

    from wherry.sources.files.work import Piece


def read(piece: Piece, path: str) -> tuple[pa.Schema, Iterator[pa.RecordBatch]]:
    """The schema of a file, and its rows a stripe at a time."""
    from pyarrow import orc

    file: Any = orc.ORCFile(path)
    return storable(file.schema), (cast(file.read_stripe(n), storable(file.schema)) for n in range(file.nstripes))


def storable(schema: pa.Schema) -> pa.Schema:
    """The same columns, with times in microseconds: the lake has no nanoseconds."""
    import pyarrow as pa

    def kind(of: pa.DataType) -> pa.DataType:
        if pa.types.is_timestamp(of):
            return pa.timestamp("us", of.tz)
        if pa.types.is_struct(of):
            return pa.struct([field.with_type(kind(field.type)) for field in of])
        if pa.types.is_map(of):
            return pa.map_(of.key_type, kind(of.item_type))
        if pa.types.is_list(of) or pa.types.is_large_list(of):
            return pa.list_(kind(of.value_type))
        return of

    return pa.schema([field.with_type(kind(field.type)) for field in schema])


def cast(batch: pa.RecordBatch, schema: pa.Schema) -> pa.RecordBatch:
    """Raises ``pyarrow.ArrowInvalid`` for a time that would lose digits."""
    import pyarrow as pa

    arrays = [
        array if array.type == field.type else array.cast(field.type)
        for array, field in zip(batch.columns, schema, strict=True)
    ]
    return pa.RecordBatch.from_arrays(arrays, schema=schema)


def scan(job: Job) -> Scan:
    """All files by column name."""
    return scan_copies(job, read)
