"""Delta Lake tables, through delta-rs and DuckDB's ``delta`` extension."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from wherry import quoting
from wherry.errors import LakeError
from wherry.lake.exchange.foreign import Foreign, Offer, driver, told
from wherry.model.finding import Finding

if TYPE_CHECKING:
    import pyarrow as pa

    from wherry.duckdb import DuckDBPyConnection

EXTENSIONS = ("delta",)
#: Features of a table after which its Parquet files still hold its rows as they are.
_HARMLESS = frozenset(("timestampNtz", "v2Checkpoint", "vacuumProtocolCheck", "appendOnly", "invariants"))


def offers(connection: DuckDBPyConnection, foreign: Foreign) -> list[Offer]:
    """The one table, as of now."""
    deltalake = driver("deltalake", "delta", "Delta Lake")
    with told(foreign):
        table = deltalake.DeltaTable(foreign.path, storage_options=options(foreign))
        version = table.version()
        files = tuple(table.file_uris())
        why = _why_copy(table)
    select = f"SELECT * FROM delta_scan({quoting.text(foreign.path)}, version := {version})"
    return [Offer(select=select, files=files, why_copy=why)]


def _why_copy(table: Any) -> str:
    features = set(table.protocol().reader_features or ()) - _HARMLESS
    metadata = table.metadata()
    if "deletionVectors" in features:
        return "some of its rows may be deleted by deletion vectors, which Iceberg 2 lacks"
    if features - {"columnMapping"}:
        return f"it uses {', '.join(sorted(features))}"
    if metadata.configuration.get("delta.columnMapping.mode", "none") != "none":
        return "its columns have other names in its files"
    if metadata.partition_columns:
        return "columns are in the names of folders only, where Iceberg's readers do not look"
    return ""


def write(rows: Callable[[], pa.RecordBatchReader], columns: list[tuple[str, str]], foreign: Foreign) -> None:
    """A new Delta table, in one version; memory does not grow with the rows."""
    deltalake = driver("deltalake", "delta", "Delta Lake")
    unfit = [f"{name} ({kind})" for name, kind in columns if any(word in kind for word in ("TIME)", "UUID", "NS"))]
    unfit += [f"{name} ({kind})" for name, kind in columns if kind == "TIME"]
    if unfit:
        finding = Finding(
            code="unfit-type",
            message=f"Delta Lake has no such type: {', '.join(sorted(set(unfit)))}.",
            hint="Make a view that casts these columns, for example to VARCHAR, and export that.",
        )
        raise LakeError(findings=[finding])
    deltalake.write_deltalake(foreign.path, rows(), mode="error", storage_options=options(foreign))


def options(foreign: Foreign) -> dict[str, str] | None:
    """Credentials as delta-rs wants them."""
    access = foreign.access
    if access is None:
        return None
    if access.scheme == "az":
        return {"azure_storage_connection_string": access.connection}
    given = {
        "aws_access_key_id": access.key,
        "aws_secret_access_key": access.secret,
        "aws_region": access.region,
        # A table that is new has no other writer to be kept apart from.
        "aws_s3_allow_unsafe_rename": "true",
    }
    given |= {"aws_session_token": access.token} if access.token else {}
    if access.endpoint:
        given |= {"aws_endpoint_url": access.endpoint, "aws_allow_http": "true"}
    return given
