"""Apache Avro object container files: as much of the format as Iceberg's manifests use.

After the Avro 1.11 specification. A library would do the same, and a driver in C would do it faster, but upkeep reads
a few manifests per table where the base install would carry it always.
"""

import json
import os
import struct
import zlib
from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache
from typing import Any

from wherry.errors import LakeError
from wherry.model.dataclass import dataclass

_MAGIC = b"Obj\x01"
Value = Any
#: Reads a value at a position; gives it and the position behind it.
Read = Callable[[bytes, int], tuple[Value, int]]
Write = Callable[[bytearray, Value], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Container:
    """A file's records and what its header says."""

    #: Everything in the header but the schema and the codec.
    metadata: Mapping[str, bytes]
    #: The schema as JSON text, kept as it was written: field ids and all.
    schema: str
    records: tuple[dict[str, Value], ...]


def read(content: bytes) -> Container:
    """All records of a container file. Raises ``LakeError`` when it is none."""
    if content[:4] != _MAGIC:
        raise LakeError("this is not an Avro file")
    header, at = _read_map(_bytes)(content, 4)
    sync = content[at : at + 16]
    at += 16
    schema = header.pop("avro.schema").decode()
    unpack = _codec(header.pop("avro.codec", b"null").decode())
    one = _reader_of(schema)
    records = []
    while at < len(content):
        count, at = _long(content, at)
        size, at = _long(content, at)
        block, position = unpack(content[at : at + size]), 0
        for _ in range(count):
            record, position = one(block, position)
            records.append(record)
        at += size
        if content[at : at + 16] != sync:
            raise LakeError("an Avro file is damaged: its blocks do not end where they should")
        at += 16
    return Container(metadata=header, schema=schema, records=tuple(records))


def write(schema: str, records: Iterable[Mapping[str, Value]], metadata: Mapping[str, bytes]) -> bytes:
    """A container file with one compressed block of these records."""
    body, count = bytearray(), 0
    one = _writer(json.loads(schema), {})
    for record in records:
        one(body, record)
        count += 1
    sync = os.urandom(16)
    compress = zlib.compressobj(wbits=-15)
    packed = compress.compress(bytes(body)) + compress.flush()
    out = bytearray(_MAGIC)
    header = {**metadata, "avro.schema": schema.encode(), "avro.codec": b"deflate"}
    _write_long(out, len(header))
    for key, value in header.items():
        _write_bytes(out, key.encode())
        _write_bytes(out, value)
    out += b"\x00" + sync
    if count:
        _write_long(out, count)
        _write_long(out, len(packed))
        out += packed + sync
    return bytes(out)


def _codec(name: str) -> Callable[[bytes], bytes]:
    match name:
        case "null":
            return lambda block: block
        case "deflate":
            return lambda block: zlib.decompress(block, wbits=-15)
        case "zstandard":

            def unpack(block: bytes) -> bytes:
                import pyarrow

                with pyarrow.input_stream(pyarrow.py_buffer(block), compression="zstd") as stream:
                    return bytes(stream.read())

            return unpack
    raise LakeError(f"the table's manifests are compressed with {name}, which is not read here")


# Reading


def _long(data: bytes, at: int) -> tuple[int, int]:
    byte = data[at]
    at += 1
    value, shift = byte & 0x7F, 7
    while byte & 0x80:
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        shift += 7
    return (value >> 1) ^ -(value & 1), at


def _bytes(data: bytes, at: int) -> tuple[bytes, int]:
    size, at = _long(data, at)
    return data[at : at + size], at + size


def _string(data: bytes, at: int) -> tuple[str, int]:
    size, at = _long(data, at)
    return data[at : at + size].decode(), at + size


def _read_array(item: Read) -> Read:
    def read_array(data: bytes, at: int) -> tuple[list[Value], int]:
        items = []
        count, at = _long(data, at)
        while count:
            if count < 0:
                count = -count
                _, at = _long(data, at)
            for _ in range(count):
                value, at = item(data, at)
                items.append(value)
            count, at = _long(data, at)
        return items, at

    return read_array


def _read_map(item: Read) -> Read:
    def pair(data: bytes, at: int) -> tuple[tuple[str, Value], int]:
        key, at = _string(data, at)
        value, at = item(data, at)
        return (key, value), at

    pairs = _read_array(pair)

    def read_map(data: bytes, at: int) -> tuple[dict[str, Value], int]:
        found, at = pairs(data, at)
        return dict(found), at

    return read_map


def _packed(form: str) -> Read:
    size = struct.calcsize(form)
    return lambda data, at: (struct.unpack_from(form, data, at)[0], at + size)


_READ: dict[str, Read] = {
    "null": lambda data, at: (None, at),
    "boolean": lambda data, at: (data[at] == 1, at + 1),
    "int": _long,
    "long": _long,
    "float": _packed("<f"),
    "double": _packed("<d"),
    "bytes": _bytes,
    "string": _string,
}


@lru_cache(maxsize=100)
def _reader_of(schema: str) -> Read:
    """How to read records of a schema; the files of one writer, and of one table, have the same."""
    return _reader(json.loads(schema), {})


def _reader(schema: Any, named: dict[str, Any]) -> Read:
    schema = _resolved(schema, named)
    if isinstance(schema, list):
        branches = [_reader(branch, named) for branch in schema]

        def read_union(data: bytes, at: int) -> tuple[Value, int]:
            index, at = _long(data, at)
            return branches[index](data, at)

        return read_union
    match schema["type"]:
        case "record":
            fields = [(field["name"], _reader(field["type"], named)) for field in schema["fields"]]

            def read_record(data: bytes, at: int) -> tuple[dict[str, Value], int]:
                record = {}
                for name, one in fields:
                    record[name], at = one(data, at)
                return record, at

            return read_record
        case "array":
            return _read_array(_reader(schema["items"], named))
        case "map":
            return _read_map(_reader(schema["values"], named))
        case "fixed":
            size = schema["size"]
            return lambda data, at: (data[at : at + size], at + size)
        case "enum":
            return _long
        case simple:
            return _READ[simple]


# Writing


def _write_long(out: bytearray, value: int) -> None:
    value = (value << 1) ^ (value >> 63)
    while value > 0x7F:
        out.append((value & 0x7F) | 0x80)
        value >>= 7
    out.append(value)


def _write_bytes(out: bytearray, value: bytes) -> None:
    _write_long(out, len(value))
    out += value


_WRITE: dict[str, Write] = {
    "null": lambda out, value: None,
    "boolean": lambda out, value: out.append(1 if value else 0),
    "int": _write_long,
    "long": _write_long,
    "float": lambda out, value: out.extend(struct.pack("<f", value)),
    "double": lambda out, value: out.extend(struct.pack("<d", value)),
    "bytes": _write_bytes,
    "string": lambda out, value: _write_bytes(out, value.encode()),
    "fixed": lambda out, value: out.extend(value),
    "enum": _write_long,
}


def _writer(schema: Any, named: dict[str, Any]) -> Write:
    schema = _resolved(schema, named)
    if isinstance(schema, list):
        return _write_union(schema, named)
    match schema["type"]:
        case "record":
            fields = [(field["name"], _writer(field["type"], named)) for field in schema["fields"]]

            def write_record(out: bytearray, value: Value) -> None:
                for name, one in fields:
                    one(out, value[name])

            return write_record
        case "array":
            item = _writer(schema["items"], named)

            def write_array(out: bytearray, value: Value) -> None:
                if value:
                    _write_long(out, len(value))
                    for each in value:
                        item(out, each)
                out.append(0)

            return write_array
        case "map":
            values = _writer(schema["values"], named)

            def write_map(out: bytearray, value: Value) -> None:
                if value:
                    _write_long(out, len(value))
                    for key, each in value.items():
                        _write_bytes(out, key.encode())
                        values(out, each)
                out.append(0)

            return write_map
        case simple:
            return _WRITE[simple]


def _write_union(branches: list[Any], named: dict[str, Any]) -> Write:
    """Only unions of null and one other type: Iceberg has no others."""
    other = next((n for n, branch in enumerate(branches) if branch != "null"), 0)
    null = branches.index("null") if "null" in branches else -1
    if len(branches) > 2:
        raise LakeError("a manifest with a union of several types cannot be written again")
    one = _writer(branches[other], named)

    def write_union(out: bytearray, value: Value) -> None:
        if value is None and null >= 0:
            _write_long(out, null)
        else:
            _write_long(out, other)
            one(out, value)

    return write_union


def _resolved(schema: Any, named: dict[str, Any]) -> Any:
    """A schema as a mapping or a list; names that were defined before become what they stand for."""
    if isinstance(schema, str):
        return named.get(schema) or {"type": schema}
    if isinstance(schema, dict):
        if schema["type"] in ("record", "fixed", "enum"):
            named[schema["name"]] = schema
        elif isinstance(schema["type"], dict | list):
            return _resolved(schema["type"], named)
    return schema
