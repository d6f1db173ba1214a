"""Readers in transactions of their own while others publish: they never fail and never see what was not published."""

from collections.abc import Callable, Iterator
from typing import Any

import duckdb
import pytest

from wherry.lake.attach import connect
from wherry.lake.lake import Lake

Rows = Callable[[str], list[tuple[Any, ...]]]


@pytest.fixture
def reader(lake: Lake, db: duckdb.DuckDBPyConnection) -> Iterator[duckdb.DuckDBPyConnection]:
    with connect() as connection:
        lake.attach(connection, "main", "m")
        yield connection


def begin(reader: duckdb.DuckDBPyConnection) -> None:
    """Begin a transaction at a moment of its own on a clock that counts milliseconds."""
    reader.execute("BEGIN")
    reader.execute("SELECT 1")
    before = reader.execute("SELECT epoch_ms(now()::TIMESTAMP)").fetchall()
    with connect() as clock:
        while clock.execute("SELECT epoch_ms(now()::TIMESTAMP) - ?", before[0]).fetchall()[0][0] < 3:
            pass


def test_a_table_that_got_its_first_rows_meanwhile(lake: Lake, rows: Rows, reader: duckdb.DuckDBPyConnection) -> None:
    rows("CREATE TABLE m.s.t (i INTEGER)")
    begin(reader)
    rows("INSERT INTO m.s.t VALUES (1)")
    assert reader.execute("FROM m.s.t").fetchall() == [(1,)]
    # Once read, it stays as it was for the transaction.
    rows("INSERT INTO m.s.t VALUES (2)")
    assert reader.execute("FROM m.s.t").fetchall() == [(1,)]


def test_only_duckdb_is_told_other_times(lake: Lake, rows: Rows) -> None:
    rows("CREATE TABLE m.s.t AS SELECT 1 AS i")
    rows("INSERT INTO m.s.t VALUES (2)")
    pointer = lake.pointer("main", "s.t")
    assert pointer is not None and pointer.location is not None
    kept = lake.storage.read(pointer.location)
    path = "/v1/main/namespaces/s/tables/t"
    for agent in ("", "ReactorNetty/1.1", "PyIceberg/0.12"):
        _, answer = lake.catalog.handle("GET", path, agent=agent)
        # Iceberg's own library refuses an update that is older than what the table lists of its files.
        assert answer is not None and answer["metadata"] == kept
    _, answer = lake.catalog.handle("GET", path, agent="duckdb/v1.5.5(linux_amd64)")
    assert answer is not None and answer["metadata"]["last-updated-ms"] < kept["last-updated-ms"] - 3_000_000


def test_a_table_that_was_made_anew_meanwhile(lake: Lake, rows: Rows, reader: duckdb.DuckDBPyConnection) -> None:
    rows("CREATE TABLE m.s.t AS SELECT 1 AS i")
    begin(reader)
    lake.create_branch("run/1")
    with connect() as connection:
        lake.attach(connection, "run/1", "r")
        connection.execute("DROP TABLE r.s.t")
        connection.execute("CREATE TABLE r.s.t AS SELECT 2 AS i")
    lake.merge("run/1", author="", message="")
    assert reader.execute("FROM m.s.t").fetchall() == [(2,)]


def test_a_run_half_written_when_the_reader_began(lake: Lake, rows: Rows, reader: duckdb.DuckDBPyConnection) -> None:
    rows("CREATE TABLE m.s.t AS SELECT 1 AS i")
    lake.create_branch("run/1")
    with connect() as connection:
        lake.attach(connection, "run/1", "r")
        connection.execute("INSERT INTO r.s.t VALUES (2)")
        begin(reader)
        connection.execute("INSERT INTO r.s.t VALUES (3)")
    lake.merge("run/1", author="", message="")
    assert reader.execute("FROM m.s.t ORDER BY i").fetchall() == [(1,), (2,), (3,)]


def test_two_writers_begin_with_an_empty_table(lake: Lake, rows: Rows, reader: duckdb.DuckDBPyConnection) -> None:
    rows("CREATE TABLE m.s.t (i INTEGER)")
    reader.execute("BEGIN")
    reader.execute("INSERT INTO m.s.t VALUES (1)")
    rows("INSERT INTO m.s.t VALUES (2)")
    with pytest.raises(duckdb.TransactionException, match="409"):
        reader.execute("COMMIT")
    assert rows("FROM m.s.t") == [(2,)]
