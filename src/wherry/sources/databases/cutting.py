"""One ordered stream of rows, cut into batches where the cursor's value changes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pyarrow as pa


class Cuts:
    """Rows of several streams one after the other, given out batch by batch.

    A batch ends after ``rows`` rows, or later: rows of one value in ``column`` are never parted, so that a read that
    goes on at that value reads again what one batch held, however many rows share a value. Nothing is collected.
    """

    def __init__(self, streams: Iterable[tuple[bool, Callable[[], pa.RecordBatchReader]]], column: str, rows: int):
        """``streams`` come with whether they are ordered by ``column`` (the last ones are)."""
        self._column, self._rows = column, rows
        #: Columns and types, from the first stream.
        self.schema: Any = None
        self._last_plain: Any = None
        #: The greatest value of an ordered stream so far; None before the first.
        self.last: Any = None
        self._pieces = self._chained(streams)
        self._next: Any = next(self._pieces, None)
        #: Bytes given out so far.
        self.size = 0

    @property
    def more(self) -> bool:
        """Whether rows are left beyond what was given out."""
        return self._next is not None

    def batch(self) -> Iterator[pa.RecordBatch]:
        """The pieces of the next batch."""
        given = 0
        while self._next is not None:
            ordered, piece = self._next
            end = self._end(piece, given)
            taken = piece if end == piece.num_rows else piece.slice(0, end)
            if taken.num_rows:
                given += taken.num_rows
                self.size += taken.nbytes
                self._keep_last(taken, ordered)
            self._next = next(self._pieces, None) if end == piece.num_rows else (ordered, piece.slice(end))
            if taken.num_rows:
                yield taken
            if end < piece.num_rows:
                return

    def _end(self, piece: pa.RecordBatch, given: int) -> int:
        """How many rows of the piece still belong to the batch."""
        import pyarrow.compute as pc

        if given + piece.num_rows <= self._rows and given < self._rows:
            return int(piece.num_rows)
        values = _plain(piece.column(self._column))
        at = max(self._rows - given, 0)
        before = self._last_plain if at == 0 else values[at - 1]
        for position in range(at, piece.num_rows):
            # The usual case: the value changes within a row or two.
            if position - at >= 64:
                break
            if not values[position].equals(before):
                return position
        else:
            return int(piece.num_rows)
        same = pc.fill_null(pc.equal(values, before), False) if before.is_valid else pc.is_null(values)
        rest = same.slice(at)
        found = pc.index(rest, False).as_py()
        return int(piece.num_rows) if found < 0 else at + int(found)

    def _keep_last(self, taken: pa.RecordBatch, ordered: bool) -> None:
        self._last_plain = _plain(taken.column(self._column))[-1]
        if ordered:
            self.last = taken.column(self._column)[-1].as_py()

    def _chained(self, streams: Iterable[tuple[bool, Callable[[], pa.RecordBatchReader]]]) -> Iterator[Any]:
        for ordered, stream in streams:
            reader = stream()
            self.schema = self.schema or reader.schema
            yield from ((ordered, piece) for piece in reader if piece.num_rows)


def _plain(values: Any) -> Any:
    """The values without the extension type that, say, a UUID has."""
    return getattr(values, "storage", values)
