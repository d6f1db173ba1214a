"""A Parquet file, or a folder of them, perhaps with hive partitions (``day=2026-01-01/``)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from wherry import quoting
from wherry.errors import LakeError
from wherry.lake.exchange.foreign import Foreign, Offer, file_list, schema_of, told
from wherry.model.finding import Finding

if TYPE_CHECKING:
    from wherry.duckdb import DuckDBPyConnection

EXTENSIONS = ()
#: Bytes of one file that is written.
FILE_SIZE = "512MB"


def offers(connection: DuckDBPyConnection, foreign: Foreign) -> list[Offer]:
    """The one table of a file or folder. Raises ``LakeError`` when there is no file."""
    files = [foreign.path] if foreign.path.endswith(".parquet") else []
    if not files or foreign.glob(connection, "/**/*.parquet"):
        start = len(foreign.path)
        found = foreign.glob(connection, "/**/*.parquet")
        files = [file for file in found if not any(part[:1] in "._" for part in file[start:].split("/") if part)]
    if not files:
        finding = Finding(
            code="no-file",
            message=f"There is no Parquet file in `{foreign.path}`.",
            hint="Check the path; --format says what it holds when that cannot be seen.",
        )
        raise LakeError(findings=[finding])
    partitioned = any("=" in part for part in files[0][len(foreign.path) :].split("/")[:-1])
    plain = f"SELECT * FROM read_parquet({file_list(files)}, union_by_name = true, hive_partitioning = false)"
    if not partitioned:
        return [Offer(select=plain, files=tuple(files))]
    select = plain.replace("hive_partitioning = false", "hive_partitioning = true")
    with told(foreign):
        only_in_paths = len(schema_of(connection, select)) > len(schema_of(connection, plain))
    why = "columns are in the names of folders only, where Iceberg's readers do not look" if only_in_paths else ""
    return [Offer(select=select, files=tuple(files), why_copy=why)]


def write(connection: DuckDBPyConnection, select: str, path: str) -> None:
    """A folder of Parquet files."""
    connection.execute(
        f"COPY ({select}) TO {quoting.text(path)} (FORMAT parquet, COMPRESSION zstd, FILE_SIZE_BYTES '{FILE_SIZE}')"
    )
