"""Values that arrive as text become what they are."""

from __future__ import annotations

import re
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
    import pyarrow as pa
    import pyarrow.compute as pc

    digits = pc.fill_null(pc.replace_substring(told, "-", ""), "0" * 32)
    if not pc.all(pc.equal(pc.binary_length(digits), 32)).as_py() and len(told):
        raise ValueError("not a UUID")
    joined = bytes.fromhex("".join(digits.to_pylist()))
    storage = pa.Array.from_buffers(pa.binary(16), len(told), [None, pa.py_buffer(joined)])
    storage = pc.if_else(pc.is_valid(told), storage, pa.scalar(None, pa.binary(16)))
    return pa.ExtensionArray.from_storage(pa.uuid(), storage)
