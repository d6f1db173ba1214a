"""A branch of the lake inside a DuckDB connection."""

from __future__ import annotations

import os
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from wherry import quoting
from wherry.errors import LakeError
from wherry.model.finding import Finding

if TYPE_CHECKING:
    from wherry.duckdb import DuckDBPyConnection
    from wherry.lake.server import Server
    from wherry.lake.storage import Storage

#: In this order: each may need the ones before it.
EXTENSIONS = ("avro", "httpfs", "iceberg")


def connect(database: str = ":memory:") -> DuckDBPyConnection:
    """A DuckDB that reads and writes the lake, ready in 10 ms instead of 160.

    DuckDB would hash the 80 MB of the extensions each time to check their signatures. They come from the same package
    index as this program, so for these files, and no longer, that is switched off.
    """
    from wherry import duckdb

    connection = duckdb.connect(database, config={"allow_unsigned_extensions": "true"})
    load_extensions(connection)
    return connection


def load_extensions(connection: DuckDBPyConnection, further: Sequence[str] = ()) -> None:
    """Load what reads and writes Iceberg from the installed packages; nothing is downloaded.

    From then on only signed extensions are loaded, whatever the connection allowed until now.
    """
    connection.execute("SET autoinstall_known_extensions = false; SET autoload_known_extensions = false")
    present = {
        row[0] for row in connection.execute("SELECT extension_name FROM duckdb_extensions() WHERE loaded").fetchall()
    }
    for name in (*EXTENSIONS, *further):
        if name not in present:
            connection.execute(f"LOAD {quoting.text(extension_file(name))}")
    connection.execute("SET allow_unsigned_extensions = false")
    # DuckDB does not sort what it adds to a table that is sorted; upkeep does.
    connection.execute("SET GLOBAL unsafe_iceberg_ignore_sort_order = true")


def extension_file(name: str) -> str:
    """The extension's file for the DuckDB that runs. Raises ``LakeError`` when its package is missing."""
    from wherry import duckdb

    spec = find_spec(f"duckdb_extension_{name}")
    for folder in (spec.submodule_search_locations or ()) if spec else ():
        path = Path(folder) / "extensions" / f"v{duckdb.__version__}" / f"{name}.duckdb_extension"
        if path.exists():
            return str(path)
    message = f"DuckDB's `{name}` extension for version {duckdb.__version__} is not installed"
    hint = f"pip install 'duckdb-extension-{name}=={duckdb.__version__}'"
    raise LakeError(findings=[Finding(code="missing-extra", message=message, hint=hint)])


def attach(
    connection: DuckDBPyConnection,
    server: Server,
    storage: Storage,
    branch: str,
    alias: str,
    *,
    at: int | None,
    author: str,
) -> None:
    """Attach a branch (as of commit number ``at``, then for reading only) as the catalog ``alias``."""
    load_extensions(connection, storage.extensions)
    give_access(connection, storage)
    _keep_from_proxy()
    warehouse = branch if at is None else f"{branch}@{at}"
    secret = quoting.name(f"wherry {alias}")
    token = quoting.text(server.token(author))
    connection.execute(f"CREATE OR REPLACE SECRET {secret} (TYPE iceberg, TOKEN {token})")
    # Without a default the extension takes a schema called `main` for one without a name.
    connection.execute(
        f"ATTACH {quoting.text(warehouse)} AS {quoting.name(alias)} "
        f"(TYPE iceberg, ENDPOINT {quoting.text(server.endpoint)}, SECRET {secret}, ACCESS_DELEGATION_MODE 'none', "
        "DEFAULT_SCHEMA 'main')"
    )


def give_access(connection: DuckDBPyConnection, storage: Storage) -> None:
    """Let a connection read and write the files of a storage."""
    from wherry import duckdb

    for statement in storage.secrets():
        try:
            connection.execute(statement)
        except duckdb.Error as problem:
            # DuckDB quotes the statement.
            raise LakeError(storage.without_secrets(str(problem))) from None


def _keep_from_proxy() -> None:
    """DuckDB would send the catalog's loopback address to the system's proxy too, whatever its settings."""
    if not any(os.environ.get(name) for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY")):
        return
    spared = os.environ.get("no_proxy") or os.environ.get("NO_PROXY") or ""
    if spared != "*" and "127.0.0.1" not in spared.split(","):
        os.environ["no_proxy"] = os.environ["NO_PROXY"] = f"{spared},127.0.0.1".lstrip(",")
