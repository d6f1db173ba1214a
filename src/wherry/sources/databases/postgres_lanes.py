"""Rows of PostgreSQL as Arrow, streamed through DuckDB's scanner: every lane a connection, all of one snapshot."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wherry.errors import SourceError
from wherry.quoting import text
from wherry.sources.databases.look import Described
from wherry.sources.databases.postgres_errors import explained, without
from wherry.sources.databases.problems import problem

if TYPE_CHECKING:
    import pyarrow as pa

    from wherry import duckdb

#: Bytes that a piece should have, and its rows at most.
PIECE_BYTES, PIECE_ROWS = 8 << 20, 122_880
#: Bytes of rows that the scanner may hold beyond the piece that was asked for.
AHEAD_BYTES = 64 << 10
#: The first day that PostgreSQL has (4714-11-24 BC), in days since 1970. What lies before was too large for a DuckDB
#: timestamp, or is -infinity.
_FIRST_DAY = -2_440_588
_DAY = 86_400_000_000


def open_database() -> duckdb.DuckDBPyConnection:
    """A DuckDB with the scanner, from the installed package. Raises ``SourceError`` when that is missing."""
    from wherry import duckdb

    # The package is as trusted as this program; checking the signature of its 40 MB takes a tenth of a second.
    config: dict[str, Any] = {
        "autoinstall_known_extensions": "false",
        "autoload_known_extensions": "false",
        "allow_unsigned_extensions": "true",
    }
    connection = duckdb.connect(":memory:", config=config)
    load_scanner(connection)
    connection.execute("SET allow_unsigned_extensions = false")
    connection.execute("SET GLOBAL TimeZone = 'UTC'")
    # A lane is read by the thread that asks for its rows; further ones would only spin while the server works.
    connection.execute("SET GLOBAL threads = 1")
    # Else a UUID would arrive as text.
    connection.execute("SET GLOBAL arrow_lossless_conversion = true")
    return connection


def load_scanner(connection: duckdb.DuckDBPyConnection) -> None:
    """Load the scanner from the installed package. Raises ``SourceError`` when that is missing."""
    from wherry import duckdb

    spec = find_spec("duckdb_extension_postgres")
    for folder in (spec.submodule_search_locations or ()) if spec else ():
        path = Path(folder) / "extensions" / f"v{duckdb.__version__}" / "postgres.duckdb_extension"
        if path.exists():
            with tempfile.TemporaryDirectory(prefix="wherry-postgres-") as place:
                # DuckDB derives the name of the function to call from the file's.
                link = Path(place) / "postgres_scanner.duckdb_extension"
                link.symlink_to(path)
                connection.execute(f"LOAD {text(str(link))}")
            return
    raise problem("missing-extra", "Reading PostgreSQL needs more packages.", "pip install 'wherry[postgres]'")


class Lane:
    """One connection to PostgreSQL, in a transaction of the given snapshot."""

    def __init__(self, database: Any, number: int, address: str, snapshot: str, secrets: tuple[str, ...]) -> None:
        self._alias, self._secrets, self._closed = f"pg{number}", secrets, False
        self._cursor = database.cursor()
        self._cursor.execute(f"SET streaming_buffer_size = '{AHEAD_BYTES}B'")
        try:
            self._cursor.execute(f"ATTACH {text(address)} AS {self._alias} (TYPE postgres, READ_ONLY)")
            self._cursor.execute("BEGIN")
            follow = f"SET TRANSACTION SNAPSHOT {text(snapshot)}"
            self._cursor.execute(f"CALL postgres_execute({text(self._alias)}, {text(follow)})")
        except Exception as error:
            raise explained(without(str(error), secrets), secrets) from None

    def rows(self, sql: str, described: Described) -> pa.RecordBatchReader:
        """What a SELECT gives, streamed; one at a time."""
        import pyarrow as pa

        query = f"FROM postgres_query({text(self._alias)}, {text(sql)})"
        rows = self._cursor.execute(query)
        expect_types(described, ((each[0], each[1]) for each in rows.description))
        reader = rows.to_arrow_reader(piece_rows(described))
        return pa.RecordBatchReader.from_batches(reader.schema, self._pieces(reader))

    def _pieces(self, reader: Any) -> Iterator[Any]:
        pieces = _checked(reader)
        while True:
            try:
                piece = next(pieces, None)
            except SourceError:
                raise
            except Exception as error:  # DuckDB's, by way of Arrow
                raise explained(without(str(error), self._secrets), self._secrets) from None
            if piece is None and self._closed:
                raise problem("connection-lost", "The rows were read after the database was let go.")
            if piece is None:
                return
            yield piece

    def close(self) -> None:
        self._closed = True  # DuckDB ends the rows as if there were no more
        # Left to the destructor, a rollback over a lost connection would end the process.
        with suppress(Exception):
            self._cursor.execute("ROLLBACK")
        self._cursor.close()


def expect_types(described: Described, given: Iterable[tuple[str, Any]]) -> None:
    """Raises ``SourceError`` when a column does not arrive as the type that keeps its values: as a float, say."""
    for column, kind in given:
        field = described.field(column)
        if field is not None and str(kind).replace("JSON", "VARCHAR") != field.type:
            message = (
                f"The column `{column}` ({field.native}) of `{described.name}` arrives as {kind}, not {field.type}."
            )
            raise problem("type-not-kept", message, f"Load it as it is printed: `types: {{{column}: text}}`.")


def piece_rows(described: Described) -> int:
    """Rows of a piece, so that it fits in memory however wide they are."""
    most = described.piece or PIECE_ROWS
    if described.rows and described.size:
        width = max(described.size // described.rows, 1)
        return int(min(max(PIECE_BYTES // width, 256), most, PIECE_ROWS))
    return min(16_384, most)


def _checked(reader: Any) -> Iterator[Any]:
    """The pieces, but an error for dates and times that the lake would not hold as they are."""
    import pyarrow as pa

    def times(kind: Any) -> bool:
        return (
            pa.types.is_date32(kind)
            or pa.types.is_timestamp(kind)
            or (pa.types.is_list(kind) and times(kind.value_type))
        )

    columns = [number for number, column in enumerate(reader.schema) if times(column.type)]
    for piece in reader:
        for number in columns:
            _expect_finite(reader.schema.field(number).name, piece.column(number))
        yield piece


def _expect_finite(column: str, values: Any) -> None:
    import pyarrow as pa
    import pyarrow.compute as pc

    while pa.types.is_list(values.type):
        values = values.flatten()
    day = pa.types.is_date32(values.type)
    numbers = values.cast(pa.int32()) if day else values.view(pa.int64())
    ends = pc.min_max(numbers)
    low, high = ends["min"].as_py(), ends["max"].as_py()
    if low is None:
        return
    first, last = (_FIRST_DAY, 2**31 - 1) if day else (_FIRST_DAY * _DAY, 2**63 - 1)
    if low < first or high >= last:
        what = "infinity" if high >= last else "-infinity, or a moment beyond the year 294246"
        message = f"The column `{column}` has a value that its type in the lake cannot hold: {what}."
        raise problem("value-not-kept", message, f"Load it as it is printed: `types: {{{column}: text}}`.")
