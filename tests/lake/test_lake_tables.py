"""DuckDB writes and reads through the catalog."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import pytest

from wherry.lake.attach import connect
from wherry.lake.lake import Lake

Rows = Callable[[str], list[tuple[Any, ...]]]


def test_create_insert_update_delete_merge_alter_drop(lake: Lake, rows: Rows) -> None:
    rows("CREATE TABLE m.s.t AS SELECT range AS i, 'x' AS x FROM range(100)")
    rows("INSERT INTO m.s.t VALUES (1000, 'z')")
    rows("DELETE FROM m.s.t WHERE i < 10")
    rows("UPDATE m.s.t SET x = 'q' WHERE i = 20")
    rows(
        "MERGE INTO m.s.t USING (SELECT unnest([1000, 2000]) AS i, 'm' AS x) AS u ON m.s.t.i = u.i "
        "WHEN MATCHED THEN UPDATE SET x = u.x WHEN NOT MATCHED THEN INSERT VALUES (u.i, u.x)"
    )
    rows("ALTER TABLE m.s.t ADD COLUMN y INTEGER")
    rows("ALTER TABLE m.s.t RENAME COLUMN y TO z")
    rows("INSERT INTO m.s.t VALUES (5, 'a', 3)")
    assert rows("SELECT count(*), sum(i), max(z) FROM m.s.t") == [(93, sum(range(10, 100)) + 3005, 3)]
    assert rows("SELECT i FROM m.s.t WHERE x = 'm' ORDER BY 1") == [(1000,), (2000,)]
    pointer = lake.pointer("main", "s.t")
    assert pointer is not None and pointer.rows == 93
    assert lake.columns(pointer) == [("i", "BIGINT"), ("x", "VARCHAR"), ("z", "INTEGER")]
    rows("ALTER TABLE m.s.t DROP COLUMN z")
    rows("TRUNCATE m.s.t")
    assert rows("SELECT * FROM m.s.t") == []
    rows("DROP TABLE m.s.t")
    assert lake.pointers("main") == {}
    with pytest.raises(duckdb.CatalogException):
        rows("SELECT * FROM m.s.t")
    rows("CREATE TABLE m.s.t AS SELECT 1 AS other")
    assert rows("SELECT other FROM m.s.t") == [(1,)]


def test_a_transaction_over_two_tables_is_one_commit(lake: Lake, rows: Rows) -> None:
    rows("CREATE TABLE m.s.a (i INTEGER)")
    rows("CREATE TABLE m.s.b (i INTEGER)")
    rows("BEGIN")
    rows("INSERT INTO m.s.a VALUES (1)")
    rows("INSERT INTO m.s.b VALUES (1)")
    rows("DELETE FROM m.s.b")
    rows("COMMIT")
    newest = lake.log()[0]
    assert [c.full_name for c in newest.changes] == ["s.a", "s.b"]
    assert (newest.author, newest.message) == ("ada", "write s.a, s.b")


def test_a_transaction_that_lost_one_table_changes_none(lake: Lake, db: duckdb.DuckDBPyConnection, rows: Rows) -> None:
    rows("CREATE TABLE m.s.a (i INTEGER)")
    rows("CREATE TABLE m.s.b (i INTEGER)")
    with connect() as other:
        lake.attach(other, "main", "m")
        rows("BEGIN")
        rows("INSERT INTO m.s.a VALUES (1)")
        rows("INSERT INTO m.s.b VALUES (1)")
        other.execute("INSERT INTO m.s.b VALUES (2)")
        with pytest.raises(duckdb.TransactionException, match="Conflict_409"):
            rows("COMMIT")
    assert rows("SELECT * FROM m.s.a") == []
    assert rows("SELECT * FROM m.s.b") == [(2,)]


def test_rolled_back_work_leaves_no_commit(lake: Lake, rows: Rows) -> None:
    rows("CREATE TABLE m.s.a (i INTEGER)")
    before = lake.log()
    rows("BEGIN")
    rows("INSERT INTO m.s.a VALUES (1)")
    rows("ROLLBACK")
    assert lake.log() == before


def test_upper_and_lower_case_are_the_same_and_the_spelling_stays(lake: Lake, rows: Rows) -> None:
    rows('CREATE TABLE m.s."Orders" AS SELECT 1 AS i')
    rows("INSERT INTO m.S.ORDERS VALUES (2)")
    assert rows("SELECT sum(i) FROM m.s.orders") == [(3,)]
    assert [p.full_name for p in lake.pointers("main").values()] == ["s.Orders"]
    with pytest.raises(duckdb.Error):
        rows("CREATE TABLE m.s.oRDERS AS SELECT 1 AS i")


def test_time_travel_and_the_past_cannot_be_written(lake: Lake, db: duckdb.DuckDBPyConnection, rows: Rows) -> None:
    rows("CREATE TABLE m.s.t AS SELECT 1 AS i")
    then = lake.log()[0]
    rows("INSERT INTO m.s.t VALUES (2)")
    rows("CREATE TABLE m.s.later AS SELECT 1 AS i")
    lake.attach(db, "main", "past", at=lake.resolve(then.id[:6]))
    assert rows("SELECT * FROM past.s.t") == [(1,)]
    assert rows("SELECT table_name FROM duckdb_tables() WHERE database_name = 'past'") == [("t",)]
    with pytest.raises(duckdb.TransactionException, match="past"):
        rows("INSERT INTO past.s.t VALUES (3)")
    with pytest.raises(duckdb.Error, match="past"):
        rows("CREATE TABLE past.s.u AS SELECT 1 AS i")
    assert rows("SELECT count(*) FROM m.s.t") == [(2,)]
    snapshots = rows("SELECT snapshot_id FROM iceberg_snapshots(m.s.t) ORDER BY sequence_number")
    assert rows(f"SELECT count(*) FROM m.s.t AT (VERSION => {snapshots[0][0]})") == [(1,)]


HOSTILE = [
    ("we ird", "ta ble"),
    ('q"uote', "it's"),
    ("sl/ash", "../../../etc/passwd"),
    ("ünï", "表🙂"),
    ("s", "..."),
    ("s", "a.b.c"),
    ("s", "semi;colon -- x"),
    ("per%20cent", "que?ry&x=1#f"),
    ("s", "x" * 300),
    ("s", "back\\slash"),
    ("s", "new\nline"),
    ("con", "nul"),
    ("s", "plus+sign"),
]


def test_a_name_that_addresses_cannot_carry_is_refused(lake: Lake, rows: Rows) -> None:
    for name in (".", ".."):
        with pytest.raises(duckdb.Error):
            rows(f'CREATE TABLE m.s."{name}" AS SELECT 1 AS i')
        status, _ = lake.catalog.handle("POST", "/v1/main/namespaces/s/tables", {}, {"name": name, "schema": {}})
        assert status == 400
    assert lake.pointers("main") == {}


@pytest.mark.parametrize(("schema", "table"), HOSTILE)
def test_names_may_hold_anything(
    lake: Lake, db: duckdb.DuckDBPyConnection, rows: Rows, schema: str, table: str
) -> None:
    def quoted(name: str) -> str:
        return '"' + name.replace('"', '""') + '"'

    where = f"m.{quoted(schema)}.{quoted(table)}"
    if schema != "s":
        rows(f"CREATE SCHEMA m.{quoted(schema)}")
    rows(f"CREATE TABLE {where} AS SELECT 1 AS i")
    rows(f"INSERT INTO {where} VALUES (2)")
    assert rows(f"SELECT sum(i) FROM {where}") == [(3,)]
    pointer = lake.pointer("main", f"{schema}.{table}")
    assert pointer is not None and pointer.location is not None
    assert (pointer.namespace, pointer.name) == (schema, table)
    assert lake.storage.holds(pointer.location) and ".." not in Path(pointer.location).parts
    assert rows("SELECT table_name FROM duckdb_tables() WHERE database_name = 'm'") == [(table,)]
    rows(f"DROP TABLE {where}")
    assert lake.pointers("main") == {}


def test_a_schema_with_a_dot_is_refused(rows: Rows) -> None:
    with pytest.raises(duckdb.Error, match="without a dot"):
        rows('CREATE SCHEMA m."a.b"')


def test_schemas(lake: Lake, db: duckdb.DuckDBPyConnection, rows: Rows) -> None:
    rows("CREATE SCHEMA IF NOT EXISTS m.s")
    with pytest.raises(duckdb.Error):
        rows("CREATE SCHEMA m.S")
    rows("CREATE TABLE m.s.t AS SELECT 1 AS i")
    with pytest.raises(duckdb.Error, match="not empty"):
        rows("DROP SCHEMA m.s")
    rows("DROP TABLE m.s.t")
    rows("DROP SCHEMA m.s")
    with pytest.raises(duckdb.Error):
        rows("CREATE TABLE m.s.t AS SELECT 1 AS i")


def test_a_schema_is_made_on_a_branch_and_published(lake: Lake, db: duckdb.DuckDBPyConnection, rows: Rows) -> None:
    lake.create_branch("dev")
    lake.attach(db, "dev", "d")
    rows("CREATE SCHEMA d.fresh")
    rows("CREATE TABLE d.fresh.t AS SELECT 1 AS i")
    assert "fresh" not in {n for (n,) in rows("SELECT schema_name FROM duckdb_schemas() WHERE database_name = 'm'")}
    lake.merge("dev", author="ada", message="publish")
    assert rows("SELECT * FROM m.fresh.t") == [(1,)]


def test_rename_keeps_rows_and_state(lake: Lake, rows: Rows) -> None:
    lake.carry("main", "s.t", {"v": 1})
    rows("CREATE TABLE m.s.t AS SELECT 1 AS i")
    rows("ALTER TABLE m.s.t RENAME TO u")
    assert rows("SELECT * FROM m.s.u") == [(1,)]
    assert {k: p.state for k, p in lake.pointers("main").items()} == {"s.u": {"v": 1}}


def test_every_metadata_file_in_the_lake_is_version_2(lake: Lake, rows: Rows) -> None:
    rows("CREATE TABLE m.s.t AS SELECT 1 AS i")
    for number in range(3):
        rows(f"INSERT INTO m.s.t VALUES ({number})")
    pointer = lake.pointer("main", "s.t")
    assert pointer is not None and pointer.location is not None
    metadata = lake.storage.read(pointer.location)
    assert metadata["format-version"] == 2
    assert [s["sequence-number"] for s in metadata["snapshots"]] == [1, 2, 3, 4]
    assert len(metadata["metadata-log"]) == 3
    assert pointer.location.rsplit("/", 1)[1].startswith("00003-")


def test_iceberg_scan_reads_the_files_without_the_catalog(lake: Lake, rows: Rows) -> None:
    rows("CREATE TABLE m.s.t AS SELECT range AS i FROM range(10)")
    rows("DELETE FROM m.s.t WHERE i = 3")
    pointer = lake.pointer("main", "s.t")
    assert pointer is not None
    assert rows(f"SELECT count(*), sum(i) FROM iceberg_scan('{pointer.location}')") == [(9, 42)]


def test_a_schema_may_be_called_main(lake: Lake, db: duckdb.DuckDBPyConnection) -> None:
    db.execute('CREATE SCHEMA m."main"; CREATE TABLE m."main".t AS SELECT 1 AS a')
    assert db.execute("FROM m.main.t").fetchall() == [(1,)]


def data_files(lake: Lake, table: str) -> list[Path]:
    pointer = lake.pointer("main", table)
    assert pointer is not None and pointer.location is not None
    return list((Path(pointer.location.removeprefix("file://")).parents[1] / "data").glob("*.parquet"))


@pytest.mark.parametrize(
    "way", ["CREATE TABLE m.s.t AS", "CREATE TABLE m.s.t (i BIGINT, x VARCHAR); INSERT INTO m.s.t"]
)
def test_many_rows_are_one_file(lake: Lake, rows: Rows, way: str) -> None:
    """DuckDB would begin a file for each one or two groups of rows."""
    rows("SET threads = 4")
    rows(f"{way} SELECT range AS i, repeat('x', 300) AS x FROM range(1000000)")
    assert len(data_files(lake, "s.t")) == 1
    pointer = lake.pointer("main", "s.t")
    assert pointer is not None and pointer.location is not None and pointer.rows == 1_000_000
    assert not [each for each in lake.storage.read(pointer.location)["properties"] if each.startswith("write.")]


def group_rows(lake: Lake, rows: Rows, table: str) -> int:
    [file] = data_files(lake, table)
    return int(rows(f"SELECT max(row_group_num_rows) FROM parquet_metadata('{file}')")[0][0])


def test_groups_of_rows_are_small_unless_a_table_says_otherwise(lake: Lake, rows: Rows) -> None:
    rows("CREATE TABLE m.s.t AS SELECT range AS i FROM range(200000)")
    assert group_rows(lake, rows, "s.t") == lake.storage.group_rows == 40_960
    pointer = lake.pointer("main", "s.t")
    assert pointer is not None and pointer.location is not None
    properties = lake.storage.read(pointer.location)["properties"]
    assert not [each for each in properties if each.startswith(("write.", "wherry."))]
    rows("CREATE TABLE m.s.own (i BIGINT) WITH ('write.parquet.row-group-size' = '20480')")
    rows("INSERT INTO m.s.own SELECT range FROM range(200000)")
    assert group_rows(lake, rows, "s.own") == 20_480
    rows("CREATE TABLE m.s.bytes (i BIGINT) WITH ('write.parquet.row-group-size-bytes' = '100000000')")
    rows("SET preserve_insertion_order = false")  # DuckDB wants it so for that property
    rows("INSERT INTO m.s.bytes SELECT range FROM range(200000)")
    assert group_rows(lake, rows, "s.bytes") > 40_960


def test_rows_are_found_by_their_bytes(lake: Lake, rows: Rows) -> None:
    """Which DuckDB does not where bytes that come often have a dictionary."""
    select = r"SELECT i, ['\xFF'::BLOB, '\xFF\x01', 'a'][i % 3 + 1] AS b FROM range({}) AS t(i)"
    rows(f"CREATE TABLE m.s.made AS {select.format(50_000)}")
    rows("CREATE TABLE m.s.parted (i BIGINT, b BLOB, p INTEGER) PARTITIONED BY (p)")
    rows(f"INSERT INTO m.s.parted SELECT *, 1 FROM ({select.format(50_000)})")
    rows("CREATE TABLE m.s.later (i BIGINT)")
    rows("ALTER TABLE m.s.later ADD COLUMN b BLOB")
    rows(f"INSERT INTO m.s.later {select.format(50_000)}")
    for table in ("made", "parted", "later"):
        assert rows(rf"SELECT count(*) FROM m.s.{table} WHERE b = '\xFF'::BLOB") == [(16_667,)], table
        joined = rf"m.s.{table} JOIN (SELECT unnest(['\xFF\x01'::BLOB, 'b']) AS key) ON b = key"
        assert rows(f"SELECT count(*) FROM {joined}") == [(16_667,)], table
        pointer = lake.pointer("main", f"s.{table}")
        assert pointer is not None and pointer.location is not None
        properties = lake.storage.read(pointer.location)["properties"]
        assert not [each for each in properties if each.startswith(("write.", "wherry."))]


def test_a_new_table_keeps_the_properties_that_it_was_given(lake: Lake, rows: Rows) -> None:
    given = {"write.target-file-size-bytes": "536870912", "write.parquet.row-group-size": "40960", "owner": "me"}
    said = ", ".join(f"'{name}' = '{value}'" for name, value in given.items())
    rows(f"CREATE TABLE m.s.t WITH ({said}) AS SELECT range AS i FROM range(10)")
    pointer = lake.pointer("main", "s.t")
    assert pointer is not None and pointer.location is not None
    kept = lake.storage.read(pointer.location)["properties"]
    assert {name: kept.get(name) for name in given} == given and "wherry.told" not in kept


def test_a_size_of_its_own_and_partitions_are_left_to_a_table(lake: Lake, rows: Rows) -> None:
    rows("CREATE TABLE m.s.small (i BIGINT, x VARCHAR) WITH ('write.target-file-size-bytes' = '1000000')")
    rows("INSERT INTO m.s.small SELECT range, uuid()::VARCHAR FROM range(500000)")
    assert len(data_files(lake, "s.small")) > 1
    rows("CREATE TABLE m.s.parted (i BIGINT, p INTEGER)")
    rows("INSERT INTO m.s.parted VALUES (0, 0)")
    rows("ALTER TABLE m.s.parted SET PARTITIONED BY (p)")
    rows("INSERT INTO m.s.parted SELECT range, range % 3 FROM range(1, 10)")
    assert rows("SELECT count(*), sum(i) FROM m.s.parted") == [(10, 45)]
