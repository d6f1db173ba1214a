"""A private DuckDB that reads files: its settings, its extensions, its errors in plain words."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from wherry.errors import SourceError
from wherry.memory import allowed_memory
from wherry.model.finding import Finding
from wherry.sources.files.options import Options, credential

if TYPE_CHECKING:
    from wherry import duckdb


def quoted(text: str) -> str:
    """A SQL string."""
    return "'" + text.replace("'", "''") + "'"


def named(name: str) -> str:
    """A SQL identifier."""
    return '"' + name.replace('"', '""') + '"'


def texts(values: Iterable[str]) -> str:
    """A SQL list of strings."""
    return "[" + ", ".join(quoted(v) for v in values) + "]"


def literal_path(path: str) -> str:
    """A path that DuckDB does not take for a pattern."""
    return "".join(f"[{c}]" if c in "*?[" else c for c in path)


def failed(code: str, message: str, hint: str = "", file: str = "", line: int = 0) -> SourceError:
    """A SourceError with one Finding."""
    return SourceError(findings=[Finding(code=code, message=message, hint=hint, file=file, line=line)])


def load_extension(con: duckdb.DuckDBPyConnection, name: str, extra: str = "") -> None:
    """Load an extension from its Python package: nothing is downloaded."""
    from wherry import duckdb

    spec = importlib.util.find_spec(f"duckdb_extension_{name}")
    folders = list(spec.submodule_search_locations or ()) if spec else []
    found = [f for d in folders for f in Path(d).glob(f"extensions/v{duckdb.__version__}/{name}.duckdb_extension")]
    if not found:
        raise failed(
            "missing-extension",
            f"DuckDB's `{name}` extension is not installed.",
            f"pip install 'wherry[{extra}]'"
            if extra
            else f"pip install 'duckdb-extension-{name}=={duckdb.__version__}'",
        )
    con.execute(f"LOAD {quoted(str(found[0]))}")


def open_database(options: Options, scratch: Path | None = None) -> duckdb.DuckDBPyConnection:
    """A database in memory that reads local files, and the objects of the bucket that ``path`` speaks of.

    What does not fit its memory goes to ``scratch``.
    """
    from wherry import duckdb

    config: dict[str, str | bool | int | float | list[str]] = {
        "autoinstall_known_extensions": False,
        "autoload_known_extensions": False,
        "python_enable_replacements": False,
    }
    if scratch is not None:
        config["temp_directory"] = str(scratch / "spill")
    con = duckdb.connect(config=config)
    con.execute("SET GLOBAL TimeZone = 'UTC'")
    if (allowed := allowed_memory()) is not None:
        # The run's own database, Python and what is on the way between them have the rest.
        con.execute(f"SET GLOBAL memory_limit = '{allowed // 4 >> 20}MiB'")
        if allowed < 2 << 30:
            # Each thread has buffers of its own, of 64 MB for JSON.
            con.execute("SET GLOBAL threads = 1")
    if options.scheme == "s3":
        load_extension(con, "httpfs")
        con.execute("SET GLOBAL http_retries = 2")
        con.execute(f"CREATE SECRET storage ({', '.join(secret_parameters(options))})")
    return con


def secret_parameters(options: Options) -> list[str]:
    """Parameters of CREATE SECRET for the bucket's credentials."""
    given = {
        "KEY_ID": credential(options, "AWS_ACCESS_KEY_ID"),
        "SECRET": credential(options, "AWS_SECRET_ACCESS_KEY"),
        "SESSION_TOKEN": credential(options, "AWS_SESSION_TOKEN"),
        "REGION": credential(options, "AWS_REGION") or "us-east-1",
    }
    parameters = ["TYPE s3"] + [f"{name} {quoted(value)}" for name, value in given.items() if value]
    if endpoint := credential(options, "AWS_ENDPOINT_URL"):
        address = urlsplit(endpoint)
        parameters += [
            f"ENDPOINT {quoted(address.netloc + address.path.rstrip('/'))}",
            "URL_STYLE 'path'",
            f"USE_SSL {'false' if address.scheme == 'http' else 'true'}",
        ]
    return parameters
