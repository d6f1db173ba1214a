"""Iceberg tables that stand alone: a folder each, which engines without a catalog open by its path."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from wherry import quoting
from wherry.lake import database as db
from wherry.lake.clock import stamp
from wherry.lake.exchange.foreign import Foreign
from wherry.lake.names import file_name, split
from wherry.lake.storage import open_storage

if TYPE_CHECKING:
    from wherry.duckdb import DuckDBPyConnection

_ALIAS = "wherry_out"


@contextmanager
def attached(connection: DuckDBPyConnection, foreign: Foreign) -> Iterator[Callable[[str, str], None]]:
    """A function that writes a table, given its name and the query of its rows.

    A catalog of our own stands behind it while it is written. Each table's newest metadata is also kept under the
    names that engines look for without a catalog: ``v1.metadata.json`` and ``version-hint.text``.
    """
    from wherry.lake.lake import Lake

    storage = open_storage(foreign.path, foreign.variables)

    def plain(namespace: str, name: str) -> str:
        location = f"{storage.location}/{file_name(namespace)}/{file_name(name)}"
        storage.make_folders(location)
        return location

    storage.new_table = plain  # type: ignore[method-assign]
    with tempfile.TemporaryDirectory() as folder:
        database = db.open_database(str(Path(folder, "catalog.db")), stamp())
        with Lake(database, storage) as out:
            out.attach(connection, "main", _ALIAS)

            def write(table: str, select: str) -> None:
                schema, _ = split(table)
                connection.execute(f"CREATE SCHEMA IF NOT EXISTS {_ALIAS}.{quoting.name(schema)}")
                connection.execute(f"CREATE TABLE {_ALIAS}.{quoting.full_name(table)} AS {select}")
                pointer = out.pointer("main", table)
                assert pointer is not None and pointer.location is not None
                metadata: Mapping[str, object] = storage.read(pointer.location)
                beside = pointer.location.rpartition("/")[0]
                storage.put(f"{beside}/v1.metadata.json", json.dumps(metadata, ensure_ascii=False).encode())
                storage.put(f"{beside}/version-hint.text", b"1")

            try:
                yield write
            finally:
                connection.execute(f"DETACH {_ALIAS}")
