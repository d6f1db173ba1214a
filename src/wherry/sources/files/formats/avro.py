"""Avro: nested records, logical types and unions keep what they are; a union of several types becomes text."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wherry.sources.files.database import failed
from wherry.sources.files.formats.copied import scan_copies
from wherry.sources.files.formats.scan import Job, Scan
from wherry.sources.files.places.place import missing_driver

if TYPE_CHECKING:
    import pyarrow as pa

    from wherry.sources.files.work import Piece

#: Rows, or about so many bytes, in one Arrow batch.
ROWS, BYTES = 20_000, 32 << 20
#: Turns a value as fastavro gives it into one that Arrow takes; None: it does already.
Convert = Callable[[Any], Any] | None


def read(piece: Piece, path: str) -> tuple[pa.Schema, Iterator[pa.RecordBatch]]:
    """The schema of a file, and its rows block by block."""
    try:
        import fastavro
    except ImportError:
        raise missing_driver("Avro", "avro") from None
    import pyarrow as pa

    stream = Path(path).open("rb")  # noqa: SIM115 - closed with the rows
    try:
        with _damage_told(piece):
            reader = fastavro.block_reader(stream)
            written: Any = reader.writer_schema
        if not isinstance(written, dict) or written.get("type") != "record":
            raise failed("not-records", f"`{piece.label}` does not hold records.", "Write records to it.")
        with _damage_told(piece):
            types = Types(written)
            columns = [(field["name"], *types.of(field["type"])) for field in written["fields"]]
    except BaseException:
        stream.close()
        raise
    schema = pa.schema([(name, kind) for name, kind, _ in columns])

    def rows() -> Iterator[pa.RecordBatch]:
        waiting: list[dict[str, Any]] = []
        size = 0
        with stream, _damage_told(piece):
            for block in reader:
                size += len(block.bytes_.getvalue()) if hasattr(block, "bytes_") else 0
                for record in block:
                    waiting.append(record)  # type: ignore[arg-type]
                    if len(waiting) >= ROWS:
                        yield batch(waiting)
                        waiting, size = [], 0
                if size > BYTES:
                    yield batch(waiting)
                    waiting, size = [], 0
            if waiting:
                yield batch(waiting)

    def batch(records: list[dict[str, Any]]) -> pa.RecordBatch:
        arrays = []
        for name, kind, convert in columns:
            values = [record.get(name) for record in records]
            if convert is not None:
                values = [None if value is None else convert(value) for value in values]
            arrays.append(pa.array(values, kind))
        return pa.RecordBatch.from_arrays(arrays, schema=schema)

    return schema, rows()


class Types:
    """The Arrow type of each Avro type, and how its values get there."""

    def __init__(self, schema: Mapping[str, Any]) -> None:
        #: Named types by name; those that are being described, which cannot be named again inside of themselves.
        self.named: dict[str, Any] = {}
        self.open: set[str] = set()
        self.collect(schema)

    def collect(self, schema: Any) -> None:
        if isinstance(schema, list):
            for each in schema:
                self.collect(each)
        elif isinstance(schema, dict):
            if "name" in schema and schema.get("type") in ("record", "enum", "fixed", "error"):
                self.named[schema["name"]] = schema
            for key in ("type", "items", "values"):
                if isinstance(schema.get(key), (dict, list)):
                    self.collect(schema[key])
            for field in schema.get("fields", ()):
                self.collect(field["type"])

    def of(self, schema: Any) -> tuple[pa.DataType, Convert]:
        """Type and conversion of a schema. What has no type of its own becomes its text as JSON."""
        import pyarrow as pa

        if isinstance(schema, str):
            if schema in self.named:
                return self.of(self.named[schema]) if schema not in self.open else (pa.string(), as_text)
            simple = {
                "null": pa.string(), "boolean": pa.bool_(), "int": pa.int32(), "long": pa.int64(),
                "float": pa.float32(), "double": pa.float64(), "bytes": pa.binary(), "string": pa.string(),
            }  # fmt: skip
            return simple[schema], None
        if isinstance(schema, list):
            return self.union([each for each in schema if each != "null"])
        if logical := schema.get("logicalType"):
            found = _logical(logical, schema)
            if found is not None:
                return found
        kind = schema["type"]
        if kind == "array":
            item, convert = self.of(schema["items"])
            return pa.list_(item), _each(convert)
        if kind == "map":
            item, convert = self.of(schema["values"])
            return pa.map_(pa.string(), item), lambda value: [(k, _one(convert, v)) for k, v in value.items()]
        if kind == "enum":
            return pa.string(), None
        if kind == "fixed":
            return pa.binary(), None
        if kind in ("record", "error"):
            return self.record(schema)
        return self.of(kind)

    def record(self, schema: Any) -> tuple[pa.DataType, Convert]:
        import pyarrow as pa

        if not schema["fields"]:
            return pa.string(), as_text
        self.open.add(schema["name"])
        fields = [(field["name"], *self.of(field["type"])) for field in schema["fields"]]
        self.open.discard(schema["name"])
        kind = pa.struct([(name, each) for name, each, _ in fields])
        if not any(convert for _, _, convert in fields):
            return kind, None
        return kind, lambda value: {name: _one(convert, value[name]) for name, _, convert in fields}

    def union(self, members: list[Any]) -> tuple[pa.DataType, Convert]:
        """One type is itself, whole numbers are the longest of them, anything else is text."""
        import pyarrow as pa

        if not members:
            return pa.string(), None
        if len(members) == 1:
            return self.of(members[0])
        if set(map(str, members)) == {"int", "long"}:
            return pa.int64(), None
        if set(map(str, members)) <= {"int", "float", "double"}:
            return pa.float64(), None
        return pa.string(), as_text


def _one(convert: Convert, value: Any) -> Any:
    return value if convert is None or value is None else convert(value)


def _each(convert: Convert) -> Convert:
    return None if convert is None else lambda values: [_one(convert, value) for value in values]


def _logical(logical: str, schema: Any) -> tuple[pa.DataType, Convert] | None:
    """Type and conversion of a logical type; None for one that is not known: then it is what it is written as."""
    import pyarrow as pa

    base = schema["type"]
    if logical == "decimal":
        precision, scale = int(schema["precision"]), int(schema.get("scale", 0))
        return (pa.decimal128(precision, scale), None) if precision <= 38 else (pa.string(), str)
    if logical == "uuid":
        return pa.string(), str
    known = {
        ("date", "int"): pa.date32(), ("time-millis", "int"): pa.time32("ms"), ("time-micros", "long"): pa.time64("us"),
        ("timestamp-millis", "long"): pa.timestamp("us", "UTC"),
        ("timestamp-micros", "long"): pa.timestamp("us", "UTC"),
        ("local-timestamp-millis", "long"): pa.timestamp("us"), ("local-timestamp-micros", "long"): pa.timestamp("us"),
    }  # fmt: skip
    kind = known.get((logical, base))
    return None if kind is None else (kind, None)


@contextmanager
def _damage_told(piece: Piece) -> Iterator[None]:
    """What fastavro stumbles over where bytes are not those that were written."""
    from fastavro.schema import SchemaParseException, UnknownType

    try:
        yield
    except (LookupError, TypeError, ArithmeticError, SchemaParseException, UnknownType) as error:
        why = f"{type(error).__name__}: {error}".rstrip(". ")
        hint = "It is cut off or damaged: write or copy it again."
        raise failed("not-avro", f"`{piece.label}` cannot be read as Avro: {why}.", hint) from None


def as_text(value: Any) -> str:
    """A text as it is, anything else as JSON."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=_plain)


def _plain(value: Any) -> str:
    return value.hex() if isinstance(value, bytes) else value.isoformat() if hasattr(value, "isoformat") else str(value)


def scan(job: Job) -> Scan:
    """All files by column name."""
    return scan_copies(job, read)
