"""Existing Parquet files become a table of the lake where they lie: only metadata is written."""

from __future__ import annotations

import contextlib
import io
import warnings
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from wherry import quoting
from wherry.lake import types
from wherry.lake.exchange.foreign import file_list

if TYPE_CHECKING:
    from wherry.duckdb import DuckDBPyConnection
    from wherry.lake.lake import Lake

#: Types that are stored in wider ones, and that a Parquet reader widens by itself.
_WIDENED = ("TINYINT", "SMALLINT")
#: Rows that are compared with the files after they were adopted.
_SAMPLE = 1000


class Unfit(Exception):
    """The files cannot be adopted; the message says why."""


def adopt(
    lake: Lake,
    connection: DuckDBPyConnection,
    branch: str,
    alias: str,
    table: str,
    columns: Sequence[tuple[str, str]],
    files: Sequence[str],
    credentials: Mapping[str, str],
    author: str,
) -> None:
    """Make a table of these files on ``branch``, attached as ``alias``. Raises ``Unfit``, having made nothing.

    The columns are found in the files by name: the table gets a name mapping, after the Iceberg specification.
    """
    unfit = [f"{name} ({kind})" for name, kind in columns if kind not in _WIDENED and types.storable(kind) != kind]
    if unfit:
        raise Unfit(f"columns must be stored as another type: {', '.join(unfit)}")
    if not str(lake.storage.location).startswith(("/", "s3://")) or not files[0].startswith(("/", "s3://")):
        raise Unfit("that is done on a disk and on s3:// only")
    try:
        from pyiceberg.catalog.rest import RestCatalog
    except ImportError:
        raise Unfit("a package is not installed: pip install 'wherry[in-place]'") from None
    defined = ", ".join(f"{quoting.name(name)} {types.storable(kind)}" for name, kind in columns)
    target = f"{quoting.name(alias)}.{quoting.full_name(table)}"
    connection.execute(f"CREATE TABLE {target} ({defined})")
    try:
        with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):  # it prints tables
            warnings.simplefilter("ignore")
            given: dict[str, Any] = {**lake.storage.lent(), **credentials}
            given |= {"uri": lake.server.endpoint, "token": lake.server.token(author), "warehouse": branch}
            catalog = RestCatalog("wherry", **given)
            schema, _, name = table.partition(".")
            catalog.load_table((schema, name)).add_files(list(files), check_duplicate_files=False)
    except Exception as problem:
        connection.execute(f"DROP TABLE {target}")
        raise Unfit(_reason(problem)) from problem
    if not _same(connection, target, columns):
        connection.execute(f"DROP TABLE {target}")
        raise Unfit("read in place, its values were not the same")


def _same(connection: DuckDBPyConnection, target: str, columns: Sequence[tuple[str, str]]) -> bool:
    """Whether some rows of the table are what the files hold: a column that is not found by its name would be null."""
    if {name.lower() for name, _ in columns} & {"filename", "file_row_number"}:
        return True
    values = ", ".join(f"{quoting.name(name)}::{types.storable(kind)}::VARCHAR" for name, kind in columns)
    sample = "wherry_sample"
    connection.execute(
        f"CREATE OR REPLACE TEMP TABLE {sample} AS "
        f"SELECT filename, file_row_number, [{values}] AS found FROM {target} LIMIT {_SAMPLE}"
    )
    files = [row[0] for row in connection.execute(f"SELECT DISTINCT filename FROM {sample}").fetchall()]
    if not files:
        return True
    held = (
        f"SELECT filename, file_row_number, [{values}] FROM read_parquet({file_list(files)}, union_by_name = true, "
        "hive_partitioning = false, filename = true, file_row_number = true) "
        f"SEMI JOIN {sample} USING (filename, file_row_number)"
    )
    missing = connection.execute(f"SELECT count(*) FROM (FROM {sample} EXCEPT {held})").fetchall()
    connection.execute(f"DROP TABLE {sample}")
    return bool(missing[0][0] == 0)


def _reason(problem: Exception) -> str:
    if isinstance(problem, KeyError):
        return f"a nested column has another name in its files than Iceberg gives it: {problem.args[0]}"
    first = str(problem).strip().partition("\n")[0].rstrip(":. ")
    return f"its files do not fit a table ({first or type(problem).__name__})"
