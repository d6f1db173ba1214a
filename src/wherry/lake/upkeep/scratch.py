"""A catalog for one rewrite: a table to read that holds what is written anew, and an empty one to write it to.

DuckDB reads and writes Iceberg through a catalog only. Through this one it makes data files and a manifest in the
table's own folder, with the table's field ids, partitions and bounds, and no pointer knows of them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from wherry.duckdb import DuckDBPyConnection
from wherry.errors import LakeError
from wherry.lake.attach import attach
from wherry.lake.refusal import no_table
from wherry.lake.server import Server
from wherry.lake.storage import Storage

Metadata = dict[str, Any]

READ, WRITTEN = "read", "written"
_ALIAS = "wherry_upkeep"


class Scratch:
    """Answers what DuckDB asks for one ``INSERT INTO written FROM read``."""

    def __init__(self, read: Metadata, written: Metadata, config: Mapping[str, Any]) -> None:
        self._tables = {READ: read, WRITTEN: written}
        #: What a client needs to reach the files, as the lake's catalog tells it.
        self._config = dict(config)
        #: The snapshot that was written.
        self.snapshot: dict[str, Any] | None = None

    def handle(
        self, method: str, path: str, query: Any = None, body: Any = None, *, author: str = "", agent: str = ""
    ) -> tuple[int, dict[str, Any] | None]:
        match [method, *path.strip("/").split("/")[1:]]:
            case ["GET", "config"]:
                return 200, {"defaults": {}, "overrides": {"prefix": "x"}}
            case [_, "x", "namespaces", namespace]:
                return 200, {"namespace": [namespace], "properties": {}}
            case ["GET" | "HEAD", "x", "namespaces", _, "tables", name] if name in self._tables:
                answer = {"metadata": self._tables[name], "metadata-location": "", "config": self._config}
                return 200, answer
            case ["POST", "x", "transactions", "commit"]:
                for change in body["table-changes"]:
                    self._take(change["updates"])
                return 204, None
            case ["POST", "x", "namespaces", _, "tables", name] if name == WRITTEN:
                self._take(body["updates"])
                return 200, {"metadata": self._tables[WRITTEN], "metadata-location": ""}
        refused = no_table(path)
        return refused.status, refused.body()

    def _take(self, updates: list[dict[str, Any]]) -> None:
        for update in updates:
            if update["action"] == "add-snapshot":
                self.snapshot = update["snapshot"]


@contextmanager
def attached(connection: DuckDBPyConnection, scratch: Scratch, storage: Storage) -> Iterator[tuple[str, str]]:
    """The two tables' names in SQL, for as long as the block lasts."""
    server = Server(scratch.handle)
    try:
        attach(connection, server, storage, "x", _ALIAS, at=None, author="")
        yield f"{_ALIAS}.s.{READ}", f"{_ALIAS}.s.{WRITTEN}"
    finally:
        connection.execute(f"DETACH DATABASE IF EXISTS {_ALIAS}")
        server.close()


def emptied(metadata: Metadata, properties: Mapping[str, str]) -> Metadata:
    """The table without a row and without an order, which DuckDB would not write to."""
    return {
        **metadata,
        "current-snapshot-id": None,
        "snapshots": [],
        "refs": {},
        "snapshot-log": [],
        "metadata-log": [],
        "sort-orders": [{"order-id": 0, "fields": []}],
        "default-sort-order-id": 0,
        "properties": dict(properties),
    }


def holding(metadata: Metadata, snapshot: Mapping[str, Any]) -> Metadata:
    """The table with that snapshot as its only one."""
    if snapshot["sequence-number"] > metadata["last-sequence-number"]:
        raise LakeError("the snapshot to read is newer than its table")
    number = snapshot["snapshot-id"]
    return {
        **emptied(metadata, {}),
        "current-snapshot-id": number,
        "snapshots": [dict(snapshot)],
        "refs": {"main": {"type": "branch", "snapshot-id": number}},
    }
