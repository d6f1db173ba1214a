"""Apache Hudi tables, read only, through hudi-rs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from wherry.lake.exchange.foreign import Foreign, Offer, driver, told

if TYPE_CHECKING:
    import pyarrow as pa

    from wherry.duckdb import DuckDBPyConnection

EXTENSIONS = ()


def offers(connection: DuckDBPyConnection, foreign: Foreign) -> list[Offer]:
    """The one table, as of its newest instant; Hudi's own columns (``_hoodie_...``) are left out."""
    import pyarrow as pa

    hudi = driver("hudi", "hudi", "Apache Hudi")
    with told(foreign):
        builder = hudi.HudiTableBuilder.from_base_uri(foreign.path)
        if foreign.remote:
            from wherry.lake.exchange.delta import options

            builder = builder.with_options(options(foreign) or {})
        table = builder.build()
        schema = pa.schema([field for field in table.get_schema() if not field.name.startswith("_hoodie_")])
    return [Offer(rows=lambda: _rows(hudi, table, schema), why_copy="Hudi merges its files while they are read")]


def _rows(hudi: Any, table: Any, schema: pa.Schema) -> pa.RecordBatchReader:
    import pyarrow as pa

    stream = iter(table.read_stream(hudi.HudiReadOptions(projection=schema.names)))
    first = next(stream, None)
    if first is None:
        return pa.RecordBatchReader.from_batches(schema, [])

    def batches() -> Any:
        yield first
        for batch in stream:
            yield batch.select(first.schema.names)

    return pa.RecordBatchReader.from_batches(first.schema, batches())
