"""Rows that come one by one, as tuples of Python's values, become pieces of Arrow."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from wherry.sources.databases.arriving import arrow_type
from wherry.sources.databases.look import Field
from wherry.sources.databases.misfits import Misfits

if TYPE_CHECKING:
    import pyarrow as pa

#: About how many bytes of rows become one piece, and how many rows at most.
PIECE, PIECE_ROWS = 8 << 20, 10_000
#: Rows of the first piece, whose size is not known yet.
_FIRST = 50

#: Makes an Arrow array of a column's values for a DuckDB type; with the reasons of those, by row, that do not fit.
Fit = Callable[[list[Any], str], tuple[Any, dict[int, str]]]


def reader(cursor: Any, fields: Sequence[Field], fit: Fit, misfits: Misfits, *, numbered: bool) -> pa.RecordBatchReader:
    """The rows of a cursor of the Python database interface; ``numbered`` where each begins with its row's number.

    Rows with a value that does not fit go to ``misfits``.
    """
    import pyarrow as pa

    schema = pa.schema([(field.name, arrow_type(field.type)) for field in fields])

    def read() -> Iterator[pa.RecordBatch]:
        wanted = _FIRST
        while rows := cursor.fetchmany(wanted):
            piece = _piece(rows, fields, schema, fit, misfits, numbered=numbered)
            yield piece
            # Of long rows fewer: what is in memory at once stays about the same.
            wanted = max(1, min(PIECE_ROWS, wanted * 4, wanted * PIECE // max(piece.nbytes, 1)))

    return pa.RecordBatchReader.from_batches(schema, read())


def _piece(
    rows: Sequence[Any], fields: Sequence[Field], schema: Any, fit: Fit, misfits: Misfits, *, numbered: bool
) -> Any:
    import pyarrow as pa

    columns = list(zip(*rows, strict=True))
    numbers = columns.pop(0) if numbered else None
    arrays, reasons = [], dict[int, list[str]]()
    for column, field in zip(columns, fields, strict=True):
        array, wrong = fit(list(column), field.type)
        arrays.append(array)
        for row, why in wrong.items():
            reasons.setdefault(row, []).append(f"column `{field.name}`: {why}")
    batch = pa.RecordBatch.from_arrays(arrays, schema=schema)
    if not reasons:
        return batch
    for row, each in sorted(reasons.items()):
        whole = {field.name: column[row] for field, column in zip(fields, columns, strict=True)}
        misfits.reject("; ".join(each), whole, int(numbers[row]) if numbers else None)
    return batch.filter(pa.array([row not in reasons for row in range(len(rows))]))
