"""Rows as the server of MySQL and MariaDB sends them, turned into Arrow without a Python object for a value.

A result set is a chain of packets, one a row, and in each a chain of texts with their lengths before them. The chain of
packets is walked in Python; the texts of a column are then found for all rows at once and become an Arrow array of
views into the bytes that were received. See "Protocol::ResultsetRow" of the MySQL client/server protocol.
"""

from __future__ import annotations

from collections.abc import Iterator
from struct import Struct
from typing import TYPE_CHECKING, Any

from wherry.model.dataclass import dataclass
from wherry.sources.databases.arriving import arrived

if TYPE_CHECKING:
    import pyarrow as pa

#: About how many bytes of rows become one piece.
PIECE = 4 << 20
#: Bytes that are asked of the network at once.
_READ = 1 << 18
_COM_QUERY = 3
_FULL = 0xFFFFFF  # a packet of this size goes on in the next
_NULL, _END, _ERROR = 0xFB, 0xFE, 0xFF
_ROOM = 16  # bytes after the rows that may be looked at, and mean nothing
_head = Struct("<I").unpack_from


def columns_of(connection: Any, sql: str) -> list[Any]:
    """Send a query; the descriptions of its columns. ``pieces`` then gives its rows."""
    from pymysql.protocol import FieldDescriptorPacket

    connection._execute_command(_COM_QUERY, sql)
    count = connection._read_packet().read_length_encoded_integer()
    fields = [connection._read_packet(FieldDescriptorPacket) for _ in range(count)]
    connection._read_packet()  # the end of the descriptions
    return fields


@dataclass(frozen=True, slots=True)
class Texts:
    """A column as binary views of texts."""

    texts: pa.Array

    def arrived(self, kind: str) -> tuple[pa.Array, pa.Array | None]:
        """The values, and where a text is no ``kind``."""
        return arrived(self.texts, kind)

    def text(self, row: int) -> bytes | None:
        """What the server printed."""
        text: bytes | None = self.texts[row].as_py()
        return text


def pieces(connection: Any, count: int, most: int | None = None) -> Iterator[list[Texts]]:
    """The rows that follow, piece by piece, as ``count`` columns."""
    for buffer, begins in packets(connection, most):
        yield _columns(buffer, begins, count)


def packets(connection: Any, most: int | None) -> Iterator[tuple[bytearray, list[int]]]:
    """The packets of the rows that follow, piece by piece: bytes, and where in them each row begins.

    After ``most`` rows no more is read for a piece.
    """
    rest = b""
    while True:
        buffer, begins, rest, done = _piece(connection, rest, most or PIECE)
        if begins:
            yield buffer, begins
        if done:
            return


def _piece(connection: Any, rest: bytes, most: int) -> tuple[bytearray, list[int], bytes, bool]:
    """Bytes with whole rows, where each begins, what is left over, and whether that was all."""
    file = connection._rfile
    buffer = bytearray(PIECE + _ROOM)
    filled, at = len(rest), 0
    if filled > PIECE:
        buffer.extend(bytes(filled - PIECE))
    buffer[:filled] = rest
    begins: list[int] = []
    add = begins.append
    while True:
        while at + 4 < filled:
            size = _head(buffer, at)[0] & _FULL
            end = at + 4 + size
            first = buffer[at + 4]
            if size == _FULL or (end > filled and size > PIECE - 4):
                if begins:
                    return buffer, begins, bytes(buffer[at:filled]), False
                row, rest = _long_row(file, bytes(buffer[at:filled]))
                return row, [0], rest, False
            if end > filled:
                break
            if first == _END and size < 9:
                return buffer, begins, b"", True
            if first == _ERROR:
                _raise(bytes(buffer[at + 4 : end]))
            add(at + 4)
            at = end
        room = len(buffer) - _ROOM - filled
        if begins and (room < PIECE // 8 or len(begins) >= most):
            return buffer, begins, bytes(buffer[at:filled]), False
        # Not `readinto1`: that waits for more where some of what it has is at hand.
        got = file.read1(min(max(room, 1), _READ))
        if not got:
            _raise_lost()
        buffer[filled : filled + len(got)] = got
        filled += len(got)


def _long_row(file: Any, begun: bytes) -> tuple[bytearray, bytes]:
    """A row that is larger than a piece, or than a packet: its packets joined, and the bytes after it."""
    row, at = bytearray(), 0
    while True:
        begun = _enough(file, begun, at + 4)
        size = _head(begun[at : at + 4])[0] & _FULL
        missing = at + 4 + size - len(begun)
        row += begun[at + 4 : at + 4 + size]
        if missing > 0:
            row += _read(file, missing)
            begun, at = b"", 0
        else:
            at += 4 + size
        if size < _FULL:
            row += bytes(_ROOM)
            return row, begun[at:]


def _enough(file: Any, begun: bytes, wanted: int) -> bytes:
    return begun + _read(file, wanted - len(begun)) if len(begun) < wanted else begun


def _read(file: Any, size: int) -> bytes:
    got: bytes = file.read(size)
    if len(got) < size:
        _raise_lost()
    return got


def _columns(buffer: bytearray, begins: list[int], count: int) -> list[Texts]:
    import numpy as np

    raw = np.frombuffer(buffer, dtype=np.uint8)
    # Four or eight bytes from any position on, whatever its alignment.
    words = np.ndarray(shape=(len(buffer) - 3,), dtype="<u4", buffer=buffer, strides=(1,))
    longs = np.ndarray(shape=(len(buffer) - 7,), dtype="<u8", buffer=buffer, strides=(1,))
    at = np.array(begins, dtype=np.int64)
    columns = []
    for _ in range(count):
        null = raw[at] == _NULL
        # A null is one byte that says so.
        column, at = text_column(buffer, raw, words, longs, at, null if bool(null.any()) else None, width=1)
        columns.append(column)
    return columns


def text_column(
    buffer: bytearray, raw: Any, words: Any, longs: Any, at: Any, null: Any, width: int = 0
) -> tuple[Texts, Any]:
    """A column of texts whose lengths stand ``at``, and where the next column begins; a null takes ``width`` bytes."""
    import numpy as np
    import pyarrow as pa

    head = raw[at]
    size, start = head.astype(np.int64), at + 1
    if head.max() >= _NULL:
        _long_sizes(head, at, size, start, words)
    if null is not None:
        size[null] = 0
        start[null] = at[null] + width
    valid = pa.py_buffer(np.packbits(~null, bitorder="little").tobytes()) if null is not None else None
    views = pa.py_buffer(_views(size, start, words, longs))
    array = pa.Array.from_buffers(pa.binary_view(), len(at), [valid, views, pa.py_buffer(buffer)])
    return Texts(array), start + size


def _long_sizes(head: Any, at: Any, size: Any, start: Any, words: Any) -> None:
    """Sizes that stand in two, three or eight bytes after the first."""
    for mark, width in ((0xFC, 2), (0xFD, 3), (0xFE, 8)):
        here = head == mark
        if here.any():
            from_ = at[here] + 1
            low = words[from_].astype(size.dtype)
            size[here] = low & ((1 << 8 * width) - 1) if width < 8 else low | words[from_ + 4].astype(size.dtype) << 32
            start[here] = from_ + width


def _views(size: Any, start: Any, words: Any, longs: Any) -> Any:
    """Arrow's binary views: texts of up to 12 bytes stand in the view, of others their first four bytes and place."""
    import numpy as np

    views = np.empty((len(size), 2), dtype=np.uint64)
    least, most = int(size.min()), int(size.max())
    first_bits, rest_bits = _masks()
    inside = min(least, 12) if least == most else np.minimum(size, 12)
    first = words[start].astype(np.uint64)
    if least < 4:
        first &= first_bits[inside]
    views[:, 0] = size.view(np.uint64) | first << np.uint64(32)
    places = start.view(np.uint64) << np.uint64(32)
    if least > 12:
        views[:, 1] = places
        return views
    rest = longs[start + 4] & rest_bits[inside]
    views[:, 1] = rest if most <= 12 else np.where(size > 12, places, rest)
    return views


_MASKS: list[Any] = []


def _masks() -> list[Any]:
    """By size: which bits of the first four bytes, and of the eight after them, belong to the text."""
    import numpy as np

    if not _MASKS:
        for begin, width in ((0, 4), (4, 8)):
            bits = [(1 << 8 * min(max(size - begin, 0), width)) - 1 for size in range(13)]
            _MASKS.append(np.array(bits, dtype=np.uint64))
    return _MASKS


def _raise(packet: bytes) -> None:
    from pymysql.err import raise_mysql_exception

    raise_mysql_exception(packet)


def _raise_lost() -> None:
    from pymysql.err import OperationalError

    raise OperationalError(2013, "Lost connection to MySQL server during query")
