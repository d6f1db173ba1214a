"""Rows of a prepared statement of MySQL and MariaDB: numbers, dates and times in the server's own form.

A server prints no text for them and nobody parses one, which is half of the work on both sides. In each row a bit per
column tells what is null; numbers have their width, dates and times up to eleven bytes, everything else is a text with
its length before it. See "Binary Protocol Resultset" of the MySQL client/server protocol.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cache
from struct import Struct
from typing import TYPE_CHECKING, Any

from wherry.model.dataclass import dataclass
from wherry.sources.databases.arriving import arrived, arrow_type
from wherry.sources.databases.look import Field
from wherry.sources.databases.mysql_wire import Texts, packets, text_column

if TYPE_CHECKING:
    import pyarrow as pa

_PREPARE, _EXECUTE, _CLOSE = 0x16, 0x17, 0x19
_prepared = Struct("<xIHH").unpack_from
_UNSIGNED = 32
#: The connection is gone.
_LOST = (2006, 2013, 2014, 2055)
#: Type of the protocol -> bytes of a number.
_NUMBERS = {1: 1, 2: 2, 13: 2, 3: 4, 9: 4, 8: 8, 5: 8}
_YEAR, _DOUBLE = 13, 5
_DATES, _MOMENTS = (10, 14), (7, 12)
#: Texts of every kind, decimals, bits, shapes.
_TEXTS = frozenset([0, 15, 16, *range(245, 256)])


@dataclass(slots=True)
class Values:
    """A column whose values came as they are; ``odd`` is where there was one that its type does not have."""

    values: pa.Array
    odd: pa.Array | None = None
    #: The odd ones, as the server prints them, by row.
    printed: dict[int, bytes] | None = None

    def arrived(self, kind: str) -> tuple[pa.Array, pa.Array | None]:
        import pyarrow as pa
        import pyarrow.compute as pc

        target = arrow_type(kind)
        if self.values.type == target:
            return self.values, self.odd
        try:
            return pc.cast(self.values, target), self.odd
        except pa.ArrowInvalid:  # one is too large
            return arrived(pc.cast(pc.cast(self.values, pa.string()), pa.binary()), kind)

    def text(self, row: int) -> bytes | None:
        if self.printed and row in self.printed:
            return self.printed[row]
        import pyarrow as pa
        import pyarrow.compute as pc

        # Not by Python's own values, which have no year 0.
        text = pc.cast(self.values.slice(row, 1), pa.string())[0].as_py()
        return None if text is None else text.encode()


def prepared(connection: Any, sql: str, wanted: dict[str, Field]) -> list[Any] | None:
    """Prepare and execute a query; the descriptions of its columns. ``prepared_pieces`` then gives its rows.

    None, with nothing under way, where the server does not prepare it or a column's value would have to be printed to
    be of the type that is ``wanted``.
    """
    import pymysql
    from pymysql.protocol import FieldDescriptorPacket

    connection._execute_command(_PREPARE, sql)
    try:
        number, columns, parameters = _prepared(connection._read_packet().get_all_data())
    except pymysql.err.Error as error:
        if error.args[0] in _LOST:
            raise
        return None  # not this statement, no statement, no more of them; what else is wrong, the text's answer tells
    for _ in range(parameters + (parameters > 0)):
        connection._read_packet()
    fields = [connection._read_packet(FieldDescriptorPacket) for _ in range(columns)]
    if columns:
        connection._read_packet()
    handle = number.to_bytes(4, "little")
    if parameters or not columns or not all(_kept(field, wanted[field.name]) for field in fields):
        connection._execute_command(_CLOSE, handle)
        return None
    connection._execute_command(_EXECUTE, handle + b"\0\1\0\0\0")
    count = connection._read_packet().read_length_encoded_integer()
    fields = [connection._read_packet(FieldDescriptorPacket) for _ in range(count)]
    connection._read_packet()
    if not all(_kept(field, wanted[field.name]) for field in fields):
        raise pymysql.err.OperationalError(1615, "Prepared statement needs to be re-prepared")
    return [*fields, handle]


def prepared_pieces(connection: Any, fields: Sequence[Any], most: int | None) -> Iterator[list[Texts | Values]]:
    """The rows that follow, piece by piece, as a column for each of ``fields``."""
    *columns, handle = fields
    for buffer, begins in packets(connection, most):
        yield _columns(buffer, begins, columns)
    connection._execute_command(_CLOSE, handle)


def _kept(field: Any, wanted: Field) -> bool:
    """Whether the value that comes is the one of the type, or a text that becomes it."""
    code, kind = field.type_code, wanted.type
    if code in _TEXTS:
        return True
    if code in _DATES:
        return kind == "DATE"
    if code in _MOMENTS:
        return kind.startswith("TIMESTAMP")
    if code == _DOUBLE:
        # A column of FLOAT is asked for as DOUBLE, since it is printed with six digits; it is one all the same.
        return kind == "DOUBLE" or (kind == "FLOAT" and wanted.native.startswith("float"))
    return code in _NUMBERS and kind.endswith(("INT", "INTEGER"))


def _columns(buffer: bytearray, begins: list[int], fields: Sequence[Any]) -> list[Texts | Values]:
    import numpy as np

    raw = np.frombuffer(buffer, dtype=np.uint8)
    # Four or eight bytes from any position on, whatever its alignment.
    words = np.ndarray(shape=(len(buffer) - 3,), dtype="<u4", buffer=buffer, strides=(1,))
    longs = np.ndarray(shape=(len(buffer) - 7,), dtype="<u8", buffer=buffer, strides=(1,))
    begin = np.array(begins, dtype=np.int64)
    bits = (len(fields) + 9) >> 3
    at = begin + (1 + bits)
    # The first two bits are of nothing.
    flags = [raw[begin + (1 + byte)] for byte in range(bits)]
    all_flags = [int(np.bitwise_or.reduce(each)) for each in flags]
    columns: list[Texts | Values] = []
    for number, field in enumerate(fields, 2):
        byte, bit = number >> 3, 1 << (number & 7)
        null = (flags[byte] & bit) != 0 if all_flags[byte] & bit else None
        if width := _NUMBERS.get(field.type_code):
            columns.append(Values(_numbers(field, raw, words, longs, at, null)))
            at = at + width if null is None else at + np.where(null, 0, width)
        elif field.type_code in _TEXTS:
            column, at = text_column(buffer, raw, words, longs, at, null)
            columns.append(column)
        else:
            size = raw[at].astype(np.int64)
            if null is not None:
                size[null] = 0
            columns.append(_moments(field, words, longs, at, size, null))
            at = at + 1 + size if null is None else at + np.where(null, 0, 1 + size)
    return columns


def _numbers(field: Any, raw: Any, words: Any, longs: Any, at: Any, null: Any) -> pa.Array:
    import numpy as np

    code, width = field.type_code, _NUMBERS[field.type_code]
    if code == _DOUBLE:
        return _array(longs[at].view(np.float64), null)
    sign = "u" if field.flags & _UNSIGNED and code != _YEAR else "i"
    if width == 8:
        values = longs[at]
    elif width == 4:
        values = words[at]
    else:
        values = raw[at] if width == 1 else words[at].astype(np.uint16)
    return _array(values.view(f"{sign}{width}"), null)


def _moments(field: Any, words: Any, longs: Any, at: Any, size: Any, null: Any) -> Values:
    """Dates and times: two bytes for the year, one each for month, day, hour, minute, second, four for microseconds."""
    import numpy as np
    import pyarrow as pa

    packed = longs[at + 1]
    least = int(size.min())
    if least < 8:
        packed &= _masks()[np.minimum(size, 8)]
    year, month, day = packed & 0xFFFF, packed >> 16 & 0xFF, packed >> 24 & 0xFF
    first, length = _months()
    index = np.minimum(year, 9999) << 4 | np.minimum(month, 15)
    odd = (day == 0) | (day > length[index]) | (year > 9999)
    if null is not None:
        odd &= ~null
    days = first[index] + day.astype(np.int32) - 1
    hidden = odd if null is None else odd | null
    some = bool(odd.any())
    absent = hidden if some or null is not None else None
    if field.type_code in _DATES:
        values = _array(days.astype(np.int32), absent).view(pa.date32())
        seconds = micros = None
    else:
        seconds = (packed >> 32 & 0xFF) * 3600 + (packed >> 40 & 0xFF) * 60 + (packed >> 48 & 0xFF)
        micros = words[at + 8].astype(np.int64)
        micros[size < 11] = 0
        total = (days.astype(np.int64) * 86400 + seconds.astype(np.int64)) * 1_000_000 + micros
        values = _array(total, absent).view(pa.timestamp("us"))
    if not some:
        return Values(values)
    printed = {}
    for row in np.flatnonzero(odd).tolist():
        text = f"{int(year[row]):04}-{int(month[row]):02}-{int(day[row]):02}"
        if seconds is not None and micros is not None:
            clock = int(seconds[row])
            text += f" {clock // 3600:02}:{clock // 60 % 60:02}:{clock % 60:02}"
            text += f".{int(micros[row]):06}"[: field.scale + 1] if 0 < field.scale <= 6 else ""
        printed[row] = text.encode()
    return Values(values, pa.array(odd), printed)


def _array(values: Any, null: Any) -> pa.Array:
    import numpy as np
    import pyarrow as pa

    kind = pa.from_numpy_dtype(values.dtype)
    if null is None:
        return pa.Array.from_buffers(kind, len(values), [None, pa.py_buffer(values)])
    valid = pa.py_buffer(np.packbits(~null, bitorder="little").tobytes())
    return pa.Array.from_buffers(kind, len(values), [valid, pa.py_buffer(values)])


@cache
def _masks() -> Any:
    """By a number of bytes: what keeps so many of a word, and no more."""
    import numpy as np

    return np.array([(1 << 8 * size) - 1 for size in range(8)] + [(1 << 64) - 1], dtype=np.uint64)


@cache
def _months() -> tuple[Any, Any]:
    """By ``year << 4 | month``: days since 1970 of the month's first day, and how many it has (none: 0)."""
    import numpy as np

    firsts = np.arange("0000-01", "10000-02", dtype="datetime64[M]").astype("datetime64[D]").astype(np.int32)
    first, length = np.zeros((10_000, 16), dtype=np.int32), np.zeros((10_000, 16), dtype=np.uint64)
    first[:, 1:13] = firsts[:-1].reshape(10_000, 12)
    length[:, 1:13] = np.diff(firsts).reshape(10_000, 12)
    return first.reshape(-1), length.reshape(-1)
