"""Values that arrive as text become what they are."""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pyarrow as pa

_DECIMAL = re.compile(r"DECIMAL\((\d+),\s*(\d+)\)\Z")


def arrow_type(kind: str) -> pa.DataType:
    """The Arrow type that DuckDB reads as ``kind``."""
    import pyarrow as pa

    if found := _DECIMAL.match(kind):
        return pa.decimal128(int(found[1]), int(found[2]))
    return {
        "BOOLEAN": pa.bool_(),
        "TINYINT": pa.int8(),
        "SMALLINT": pa.int16(),
        "INTEGER": pa.int32(),
        "BIGINT": pa.int64(),
        "UTINYINT": pa.uint8(),
        "USMALLINT": pa.uint16(),
        "UINTEGER": pa.uint32(),
        "UBIGINT": pa.uint64(),
        "FLOAT": pa.float32(),
        "DOUBLE": pa.float64(),
        "DATE": pa.date32(),
        "TIME": pa.time64("us"),
        "TIMESTAMP": pa.timestamp("us"),
        "TIMESTAMP WITH TIME ZONE": pa.timestamp("us", "UTC"),
        "UUID": pa.uuid(),
        "VARCHAR": pa.string(),
        "BLOB": pa.binary(),
    }[kind]


def arrived(texts: pa.Array, kind: str) -> tuple[pa.Array, pa.Array | None]:
    """The values that an array of binary views holds as UTF-8 text, and where one is no ``kind`` (null in the first).

    A time without a zone is one of UTC where the type has a zone.
    """
    import pyarrow as pa

    try:
        return _cast(texts, kind), None
    except (pa.ArrowInvalid, ValueError):
        pass
    values = texts.to_pylist()
    misfits = {value for value in set(values) if value is not None and _misfit(value, kind)}
    good = [None if value in misfits else value for value in values]
    return _cast(pa.array(good, pa.binary()), kind), pa.array([value in misfits for value in values])


def _misfit(value: bytes, kind: str) -> bool:
    import pyarrow as pa

    try:
        _cast(pa.array([value], pa.binary()), kind)
    except (pa.ArrowInvalid, ValueError):
        return True
    return False


def _cast(texts: Any, kind: str) -> Any:
    import pyarrow as pa
    import pyarrow.compute as pc

    target = arrow_type(kind)
    if kind == "BLOB":
        return pc.cast(texts, target)
    told = pc.cast(texts, pa.string())
    if kind == "VARCHAR":
        return told
    if kind == "UUID":
        return _uuids(told)
    if kind == "TIME":
        moments = pc.cast(pc.binary_join_element_wise("1970-01-01", told, " "), pa.timestamp("us"))
        return pc.cast(moments, target)
    if kind == "TIMESTAMP WITH TIME ZONE":
        return pc.cast(pc.cast(told, pa.timestamp("us")), target)
    return pc.cast(told, target)


def _uuids(told: Any) -> Any:
    """UUIDs of texts; raises ``ValueError`` for one that is none."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    there = told.drop_null()
    digits = _letters(there, 36)
    if digits is not None and (digits[:, _DASHES] == ord("-")).all():
        digits = np.delete(digits, _DASHES, axis=1)
    else:
        digits = _letters(pc.replace_substring(there, "-", ""), 32)
    if digits is None:
        raise ValueError("not a UUID")
    values = _hexadecimal()[digits]
    if values.size and values.max() > 0xF:
        raise ValueError("not a UUID")
    valid = pc.is_valid(told).to_numpy(zero_copy_only=False)
    packed = np.zeros((len(told), 16), dtype=np.uint8)
    packed[valid] = values[:, 0::2] << 4 | values[:, 1::2]
    bits = pa.py_buffer(np.packbits(valid, bitorder="little").tobytes()) if told.null_count else None
    storage = pa.Array.from_buffers(pa.binary(16), len(told), [bits, pa.py_buffer(packed)])
    return pa.ExtensionArray.from_storage(pa.uuid(), storage)


_DASHES = (8, 13, 18, 23)


def _letters(texts: Any, width: int) -> Any:
    """The bytes of texts of that many bytes each, a row for a text; None where one has more or fewer."""
    import numpy as np
    import pyarrow.compute as pc

    if len(texts) and not pc.all(pc.equal(pc.binary_length(texts), width)).as_py():
        return None
    _, offsets, data = texts.buffers()
    if not len(texts) or data is None:
        return np.zeros((0, width), dtype=np.uint8)
    begin = int(np.frombuffer(offsets, dtype=np.int32)[texts.offset])
    return np.frombuffer(data, dtype=np.uint8)[begin : begin + width * len(texts)].reshape(-1, width)


@cache
def _hexadecimal() -> Any:
    """By byte: the value of a hexadecimal digit, or 255."""
    import numpy as np

    values = np.full(256, 255, dtype=np.uint8)
    for value, digit in enumerate("0123456789abcdef"):
        values[[ord(digit), ord(digit.upper())]] = value
    return values
