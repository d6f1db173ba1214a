"""Apache Hudi tables, read only, through hudi-rs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from wherry.lake.exchange.foreign import Foreign, Offer, driver, told

if TYPE_CHECKING:
    import pyarrow as pa
    from duckdb import DuckDBPyConnection

EXTENSIONS = ()


def offers(connection: DuckDBPyConnection, foreign: Foreign) -> list[Offer]:
    """The one table, as of its newest instant; Hudi's own columns (``_hoodie_...``) are left out."""
    hudi = driver("hudi", "hudi", "Apache Hudi")
    with told(foreign):
        builder = hudi.HudiTableBuilder.from_base_uri(foreign.path)
        if foreign.remote:
            from wherry.lake.exchange.delta import options

            builder = builder.with_options(options(foreign) or {})
        table = builder.build()
        names = [field.name for field in table.get_schema()]
    return [Offer(rows=lambda: _rows(hudi, table, names), why_copy="Hudi merges its files while they are read")]


def _rows(hudi: Any, table: Any, names: list[str]) -> pa.RecordBatchReader:
    import pyarrow as pa

    stream = iter(table.read_stream(hudi.HudiReadOptions(projection=names)))
    first = next(stream, None)
    if first is None:
        return pa.RecordBatchReader.from_batches(pa.schema(table.get_schema()), [])

    def batches() -> Any:
        yield first
        for batch in stream:
            yield batch.select(first.schema.names)

    return pa.RecordBatchReader.from_batches(first.schema, batches())
