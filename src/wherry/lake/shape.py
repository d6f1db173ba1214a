"""What DuckDB is told of the files that it writes, where the table itself says nothing of it: the format's own size
of a file, how many rows a group has, and that bytes get no dictionary.

Without the first DuckDB begins a file for each one or two groups of rows, and threads that write wait in a loop for one
another at every change of file: half of the time of writing. It refuses it for a table with partitions. A dictionary
comes with a Bloom filter, in which DuckDB 1.5.5 looks for bytes as they are printed: it then finds and joins none. All
are in answers alone: what it sends back of them, with the first commit of a new table, is no wish of anybody's.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from wherry.lake.iceberg import current_schema

#: The format's own size.
FILE_BYTES = 512 << 20
_FILE, _GROUP, _GROUP_BYTES, _DICTIONARY = (
    "write.target-file-size-bytes",
    "write.parquet.row-group-size",
    "write.parquet.row-group-size-bytes",
    "write.parquet.dict-size-bytes",
)
#: In an answer to who makes a table: the properties that only answers have.
_TOLD = "wherry.told"


def shaped(metadata: dict[str, Any], group_rows: int | None) -> dict[str, Any]:
    """The metadata of a table as DuckDB is told it; for ``group_rows`` see ``Storage.group_rows``."""
    properties, wanted = metadata["properties"], _wanted(metadata, group_rows)
    return {**metadata, "properties": properties | wanted} if wanted else metadata


def shaped_new(metadata: dict[str, Any], group_rows: int | None) -> dict[str, Any]:
    """The same of a table that DuckDB is about to make: it will send all its properties back."""
    properties, wanted = metadata["properties"], _wanted(metadata, group_rows)
    return {**metadata, "properties": {**properties, **wanted, _TOLD: " ".join(wanted)}} if wanted else metadata


def wished(updates: Iterable[Mapping[str, Any]]) -> Iterator[Mapping[str, Any]]:
    """The updates of a commit without properties that only an answer had."""
    for update in updates:
        properties = update.get("updates") if update.get("action") == "set-properties" else None
        if not isinstance(properties, Mapping) or _TOLD not in properties:
            yield update
            continue
        told = {_TOLD, *str(properties[_TOLD]).split()}
        yield {**update, "updates": {name: value for name, value in properties.items() if name not in told}}


def _wanted(metadata: Mapping[str, Any], group_rows: int | None) -> dict[str, str]:
    wanted = plain_bytes(metadata)
    spec = next((each for each in metadata["partition-specs"] if each["spec-id"] == metadata["default-spec-id"]), None)
    if spec is None or not spec["fields"]:
        wanted[_FILE] = str(FILE_BYTES)
        if group_rows is not None and _GROUP_BYTES not in metadata["properties"]:
            wanted[_GROUP] = str(group_rows)
    return {name: value for name, value in wanted.items() if name not in metadata["properties"]}


def plain_bytes(metadata: Mapping[str, Any]) -> dict[str, str]:
    """What keeps columns of bytes without a dictionary, and those of text with them: the limit is one of both."""
    columns = current_schema(dict(metadata))["fields"]
    return {_DICTIONARY: "1"} if any(each["type"] == "binary" for each in columns) else {}
