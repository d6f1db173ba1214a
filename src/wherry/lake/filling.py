"""Data files that DuckDB's ``COPY`` wrote become the first rows of a table that was just made.

DuckDB's Iceberg extension writes the same files by the same writer, but hands it few of its options. What it says of
them in the table's metadata is said here in the same way: after the Iceberg table specification, version 2,
"Manifests".
"""

from __future__ import annotations

import json
import re
import secrets
import time
import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import field
from typing import TYPE_CHECKING, Any

from wherry.errors import Conflict, DataError
from wherry.lake import iceberg, types
from wherry.lake.bounds import Ask, Column, bounds
from wherry.lake.names import split
from wherry.lake.refusal import Refused
from wherry.lake.shape import FILE_BYTES
from wherry.lake.tables import TableChange
from wherry.lake.upkeep import avro, manifest
from wherry.model.dataclass import dataclass
from wherry.quoting import name, text

if TYPE_CHECKING:
    from wherry.duckdb import DuckDBPyConnection
    from wherry.lake.lake import Lake
    from wherry.lake.storage import Storage

#: Rows of a group where the storage does not care: DuckDB's own.
_GROUP_ROWS = 122_880
#: A column with more different values than this part of a group gets no dictionary. DuckDB tries until it is a fifth of
#: them, a tenth of all the writing, for dictionaries that are then thrown away.
_DICTIONARY = 20
#: Where a column of such a type has a Bloom filter, which comes with a dictionary, DuckDB 1.5.5 does not find all rows
#: of a value: it looks for bytes as they are printed, and takes 0.0 for another number than -0.0.
_NO_BLOOM = ("binary", "float", "double")
#: Types with values that Iceberg has no number for. DuckDB's extension refuses them, COPY does not.
_MOMENTS = {"date": "date", "timestamp": "time", "timestamptz": "time"}
_INFINITE = {"infinity", "-infinity"}
_QUOTED = re.compile(r'"((?:[^"]|"")*)"')


@dataclass(frozen=True, slots=True, kw_only=True)
class DataFile:
    """A Parquet file, as the ``COPY`` that wrote it told of it."""

    path: str
    rows: int
    #: Bytes.
    size: int
    #: By column: ``min``, ``max`` and ``null_count``, as text.
    statistics: Mapping[Column, Mapping[str, str]] = field(repr=False)


def copy_statement(select: str, metadata: Mapping[str, Any], group: int) -> str:
    """Writes the rows of ``select`` to files of the table; returns what ``written`` reads. For ``group`` see below."""
    columns = iceberg.current_schema(dict(metadata))["fields"]
    ids = _field_ids(columns)
    bloom = not any(each["type"] in _NO_BLOOM for each in columns)
    options = (
        "FORMAT parquet, RETURN_STATS, FILENAME_PATTERN '{uuidv7}', OVERWRITE_OR_IGNORE, WRITE_EMPTY_FILE false, "
        f"FILE_SIZE_BYTES {FILE_BYTES}, ROW_GROUP_SIZE {group}, DICTIONARY_SIZE_LIMIT {group // _DICTIONARY}, "
        f"WRITE_BLOOM_FILTER {str(bloom).lower()}, FIELD_IDS {ids}"
    )
    # On a line of its own the bracket survives a comment at the query's end.
    return f"COPY (\n{select}\n) TO {text(metadata['location'] + '/data')} ({options})"


def written(rows: Iterable[Sequence[Any]], metadata: Mapping[str, Any]) -> tuple[DataFile, ...]:
    """The files that a ``copy_statement`` wrote."""
    columns = dict(_leaves((), 0, iceberg.current_schema(dict(metadata))))
    return tuple(
        DataFile(path=path, rows=count, size=size, statistics=_of_columns(statistics, columns))
        for path, count, size, _, statistics, _ in rows
    )


def _of_columns(
    told: Mapping[str, Mapping[str, str]], columns: Mapping[tuple[str, ...], Column]
) -> dict[Column, Mapping[str, str]]:
    """What is told by names, ``"a"`` or ``"a"."element"``."""
    paths = {
        tuple(part.replace('""', '"') for part in _QUOTED.findall(quoted)): facts for quoted, facts in told.items()
    }
    return {columns[path]: facts for path, facts in paths.items() if path in columns}


def expect_kept(files: Iterable[DataFile], metadata: Mapping[str, Any]) -> None:
    """Raises ``DataError`` where a date or time is infinite."""
    names = {column: path[0] for path, column in _leaves((), 0, iceberg.current_schema(dict(metadata)))}
    for each in files:
        for column, facts in each.statistics.items():
            if column[1] in _MOMENTS and _INFINITE & {facts.get("min"), facts.get("max")}:
                raise DataError(
                    f"`{names[column]}` has an infinite {_MOMENTS[column[1]]}, which a table of the lake cannot hold",
                    hint="load it as text, or leave those rows out",
                )


def relation(files: Iterable[DataFile]) -> str:
    """What follows FROM in DuckDB's SQL, for the rows in the files."""
    return f"read_parquet([{', '.join(text(each.path) for each in files)}], hive_partitioning = false)"


def _field_ids(fields: Iterable[Mapping[str, Any]]) -> str:
    return "{" + ", ".join(f"{name(each['name'])}: {_field_id(each['id'], each['type'])}" for each in fields) + "}"


def _field_id(number: int, kind: Any) -> str:
    if isinstance(kind, str):
        return str(number)
    inside = _inside(kind)
    parts = ", ".join(f"{name(each)}: {_field_id(*below)}" for each, below in inside)
    return f"{{__duckdb_field_id: {number}, {parts}}}"


def _inside(kind: Mapping[str, Any]) -> list[tuple[str, tuple[int, Any]]]:
    """What a nested type is made of: names as in Parquet, numbers and types."""
    if kind["type"] == "list":
        return [("element", (kind["element-id"], kind["element"]))]
    if kind["type"] == "map":
        return [("key", (kind["key-id"], kind["key"])), ("value", (kind["value-id"], kind["value"]))]
    return [(each["name"], (each["id"], each["type"])) for each in kind["fields"]]


def _leaves(prefix: tuple[str, ...], number: int, kind: Any) -> Iterator[tuple[tuple[str, ...], tuple[int, str]]]:
    if isinstance(kind, str):
        yield prefix, (number, kind)
        return
    for each, below in _inside(kind):
        yield from _leaves((*prefix, each), *below)


def group_of(storage: Storage) -> int:
    """Rows of a group in the files of a ``copy_statement``. For fewer rows it is not made: its limit of a dictionary is
    one of a whole group, and what repeats itself in a few rows only is no smaller with one."""
    return storage.group_rows or _GROUP_ROWS


def same_types(metadata: Mapping[str, Any], columns: Iterable[tuple[str, str]]) -> bool:
    """Whether the table's columns have just these names and DuckDB types, so that rows need no cast."""
    return types.columns(dict(metadata)) == list(columns)


def fill(
    lake: Lake,
    branch: str,
    table: str,
    metadata: Mapping[str, Any],
    files: Sequence[DataFile],
    connection: DuckDBPyConnection,
) -> None:
    """See ``Lake.fill``."""

    def ask(query: str) -> Sequence[tuple[Any, ...]]:
        return connection.execute(query).fetchall()

    snapshot, made = _first_snapshot(lake.storage, metadata, files, ask)
    ref = {"ref-name": "main", "type": "branch", "snapshot-id": snapshot["snapshot-id"]}
    namespace, short = split(table)
    change = TableChange(
        namespace=namespace,
        name=short,
        requirements=_requirements(metadata),
        updates=[{"action": "add-snapshot", "snapshot": snapshot}, {"action": "set-snapshot-ref", **ref}],
    )
    try:
        lake.tables.commit(branch, [change], "")
    except Refused as refused:
        # Only here is it certain that no pointer leads to the files; what else goes wrong leaves them to upkeep.
        lake.storage.remove([*made, *(each.path for each in files)])
        raise Conflict(str(refused)) from refused


def _first_snapshot(
    storage: Storage, metadata: Mapping[str, Any], files: Sequence[DataFile], ask: Ask
) -> tuple[dict[str, Any], list[str]]:
    """Write the manifest and the list of a snapshot that has these files; the snapshot, and what was written."""
    number, sequence = secrets.randbits(62) + 1, int(metadata["last-sequence-number"]) + 1
    folder = f"{metadata['location']}/metadata"
    schema = iceberg.current_schema(dict(metadata))
    content = avro.write(_ENTRY, _entries(files, ask), _header(schema))
    path = f"{folder}/{uuid.uuid4()}-m0.avro"
    storage.put(path, content, durable=False)
    rows = sum(each.rows for each in files)
    line = {
        "manifest_path": path,
        "manifest_length": len(content),
        "partition_spec_id": metadata["default-spec-id"],
        "content": manifest.DATA,
        "sequence_number": sequence,
        "min_sequence_number": sequence,
        "added_snapshot_id": number,
        "added_files_count": len(files),
        "existing_files_count": 0,
        "deleted_files_count": 0,
        "added_rows_count": rows,
        "existing_rows_count": 0,
        "deleted_rows_count": 0,
        "partitions": None,
    }
    listed = manifest.write_list(storage, folder, [line], number, None, sequence)
    size = sum(each.size for each in files)
    counts = {"data-files": len(files), "records": rows, "files-size": size}
    told = {f"{how}-{what}": str(count) for how in ("added", "total") for what, count in counts.items()}
    none = dict.fromkeys(("total-delete-files", "total-position-deletes", "total-equality-deletes"), "0")
    snapshot = {
        "snapshot-id": number,
        "sequence-number": sequence,
        "timestamp-ms": max(int(time.time() * 1000), metadata["last-updated-ms"] + 1),
        "manifest-list": listed,
        "summary": {"operation": "append", **told, **none},
        "schema-id": metadata["current-schema-id"],
    }
    return snapshot, [path, listed]


def _requirements(metadata: Mapping[str, Any]) -> list[dict[str, Any]]:
    """What must still hold of the table when its first snapshot comes."""
    return [
        {"type": "assert-table-uuid", "uuid": metadata["table-uuid"]},
        {"type": "assert-ref-snapshot-id", "ref": "main", "snapshot-id": None},
        {"type": "assert-current-schema-id", "current-schema-id": metadata["current-schema-id"]},
        {"type": "assert-default-spec-id", "default-spec-id": metadata["default-spec-id"]},
    ]


def _header(schema: Mapping[str, Any]) -> dict[str, bytes]:
    kept = {key: value for key, value in schema.items() if key != "identifier-field-ids"}
    header = {
        "schema": json.dumps(kept, separators=(",", ":"), ensure_ascii=False),
        "schema-id": str(schema["schema-id"]),
        "partition-spec": "[]",
        "partition-spec-id": "0",
        "format-version": "2",
        "content": "data",
    }
    return {key: value.encode() for key, value in header.items()}


def _entries(files: Iterable[DataFile], ask: Ask) -> Iterator[dict[str, Any]]:
    for each in files:
        low, high = bounds(each.statistics, ask)
        nulls = {number: int(s["null_count"]) for (number, _), s in each.statistics.items() if "null_count" in s}
        data = {
            "content": manifest.DATA,
            "file_path": each.path,
            "file_format": "PARQUET",
            "partition": {},
            "record_count": each.rows,
            "file_size_in_bytes": each.size,
            "lower_bounds": _pairs(low),
            "upper_bounds": _pairs(high),
            "null_value_counts": _pairs(nulls),
        }
        numbers = dict.fromkeys(("snapshot_id", "sequence_number", "file_sequence_number"))
        yield {"status": manifest.ADDED, **numbers, "data_file": data}


def _pairs(values: Mapping[int, Any]) -> list[dict[str, Any]]:
    return [{"key": number, "value": value} for number, value in sorted(values.items())]


def _optional(kind: Any) -> list[Any]:
    return ["null", kind]


def _map(key: int, value: int, kind: str) -> Any:
    fields = [{"name": "key", "type": "int", "field-id": key}, {"name": "value", "type": kind, "field-id": value}]
    items = {"type": "record", "name": f"k{key}_v{value}", "fields": fields}
    return _optional({"type": "array", "logicalType": "map", "items": items})


def _record(title: str, fields: Mapping[str, tuple[Any, int]]) -> dict[str, Any]:
    parts = [{"name": name, "type": kind, "field-id": number} for name, (kind, number) in fields.items()]
    return {"type": "record", "name": title, "fields": parts}


_DATA_FILE = {
    "content": ("int", 134),
    "file_path": ("string", 100),
    "file_format": ("string", 101),
    "partition": ({"type": "record", "name": "r102", "fields": []}, 102),
    "record_count": ("long", 103),
    "file_size_in_bytes": ("long", 104),
    "lower_bounds": (_map(126, 127, "bytes"), 125),
    "upper_bounds": (_map(129, 130, "bytes"), 128),
    "null_value_counts": (_map(121, 122, "long"), 110),
}
_ENTRY = json.dumps(
    _record(
        "manifest_entry",
        {
            "status": ("int", 0),
            "snapshot_id": (_optional("long"), 1),
            "sequence_number": (_optional("long"), 3),
            "file_sequence_number": (_optional("long"), 4),
            "data_file": (_record("r2", _DATA_FILE), 2),
        },
    )
)
