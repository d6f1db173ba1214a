"""Mode ``full``: a whole table as of one moment, when it is not what it was."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from queue import Empty, Full, Queue
from threading import Event, Thread
from typing import TYPE_CHECKING, Any

from wherry.errors import SourceError
from wherry.ports import Batch, Query, TableRequest
from wherry.sources.databases.look import Look
from wherry.sources.databases.problems import standing, telling

if TYPE_CHECKING:
    import pyarrow as pa

#: Pieces that may wait while the lake is busy; with those under way this bounds the memory of a load.
WAITING = 2
KEPT = "The table is as it was loaded last."
#: Of a first load, and of one that is to load anew.
NOTHING = "Nothing was loaded: the table is as it was."


def changed(look: Look, table: TableRequest, cursor: Mapping[str, Any]) -> str | None:
    """Why a table is not what it was when it was read last; None when it is."""
    return look.changed_since(look.describe(table), cursor)


def read_full(look: Look, table: TableRequest, cursor: Mapping[str, Any] | None) -> Iterator[Batch]:
    """The table in one batch, unless it is what ``cursor`` says."""
    described = look.describe(table)
    if cursor is not None and look.changed_since(described, cursor) is None:
        return
    query = look.query(described)
    kept = KEPT if cursor is not None else NOTHING
    rows = _Rows(look, look.streams(described), kept) if query is None else _Asked(look, query, kept)

    def reached() -> Mapping[str, Any]:
        with telling(look, kept):
            return dict(look.mark(described, rows.count))

    yield Batch(
        rows=rows.given(),
        cursor=reached,
        rejects=rows.rejects,
        size=lambda: rows.size,
        expected=described.rows,
        findings=look.findings,
    )


class _Asked:
    """Rows that a query gives to whoever runs it."""

    def __init__(self, look: Look, query: Query, kept: str) -> None:
        self._look, self._query, self._kept = look, query, kept
        self.count = 0

    @property
    def size(self) -> int:
        return self._query.size()

    def given(self) -> Query:
        return replace(self._query, attached=self._attached, reading=self._reading, counted=self._counted)

    def rejects(self) -> pa.Table | None:
        return self._look.rejects()

    @contextmanager
    def _attached(self, connection: Any) -> Iterator[None]:
        with ExitStack() as stack:
            with telling(self._look, self._kept):
                stack.enter_context(self._query.attached(connection))
            yield

    @contextmanager
    def _reading(self, connection: Any) -> Iterator[None]:
        try:
            with self._query.reading(connection):
                yield
        except SourceError as error:
            raise standing(error, self._kept) from None

    def _counted(self, rows: int) -> None:
        self.count = rows


class _Rows:
    """Rows of several streams at once, as one reader."""

    def __init__(self, look: Look, streams: Sequence[pa.RecordBatchReader], kept: str) -> None:
        self._look, self._streams, self._kept = look, streams, kept
        self.count = self.size = 0
        self._error: SourceError | None = None

    def given(self) -> pa.RecordBatchReader:
        import pyarrow as pa

        return pa.RecordBatchReader.from_batches(self._streams[0].schema, self._told())

    def rejects(self) -> pa.Table | None:
        """Rows set aside; or the error that broke the rows off, of which DuckDB passes on only the text."""
        if self._error is not None:
            raise self._error
        return self._look.rejects()

    def _told(self) -> Iterator[Any]:
        try:
            for piece in together(self._streams) if len(self._streams) > 1 else self._streams[0]:
                self.count += piece.num_rows
                self.size += piece.nbytes
                yield piece
        except Exception as error:
            known = error if isinstance(error, SourceError) else self._look.explain(error)
            if known is None:
                raise
            self._error = standing(known, self._kept)
            raise self._error from None


def together(streams: Sequence[pa.RecordBatchReader]) -> Iterator[Any]:
    """The pieces of several streams as they come, each read by a thread of its own; no more than a few wait."""
    waiting: Queue[Any] = Queue(WAITING)
    stop = Event()

    def put(item: Any) -> None:
        while not stop.is_set():
            try:
                waiting.put(item, timeout=0.2)
                return
            except Full:
                continue

    def read(stream: Any) -> None:
        try:
            for piece in stream:
                put(piece)
                if stop.is_set():
                    return
            put(None)
        except Exception as error:
            put(error)

    threads = [Thread(target=read, args=(stream,), daemon=True) for stream in streams]
    for thread in threads:
        thread.start()
    left = len(threads)
    try:
        while left:
            item = waiting.get()
            if isinstance(item, Exception):
                raise item
            if item is None:
                left -= 1
            else:
                yield item
    finally:
        stop.set()
        for thread in threads:
            while thread.is_alive():
                try:
                    waiting.get_nowait()
                except Empty:
                    thread.join(timeout=0.1)
