"""pyiceberg and wherry on the same tables."""

from collections.abc import Iterator
from typing import Any

import duckdb
import pyarrow as pa
import pytest

from wherry.lake.attach import connect
from wherry.lake.lake import Lake
from wherry.lake.pointer import Put

# Its dependencies warn of their own dependencies.
pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.fixture
def dev(lake: Lake) -> Iterator[duckdb.DuckDBPyConnection]:
    """DuckDB on the branch ``dev``."""
    lake.create_branch("dev")
    with connect() as connection:
        lake.attach(connection, "dev", "d")
        connection.execute("CREATE SCHEMA d.s")
        yield connection


@pytest.fixture
def catalog(lake: Lake, dev: duckdb.DuckDBPyConnection) -> Any:
    """pyiceberg's catalog of the branch ``dev``."""
    from pyiceberg.catalog import load_catalog

    token = lake.server.token("py")
    return load_catalog("lake", type="rest", uri=lake.server.endpoint, warehouse="dev", token=token)


def test_it_reads_what_duckdb_wrote(catalog: Any, dev: duckdb.DuckDBPyConnection) -> None:
    dev.execute(
        "CREATE TABLE d.s.t AS SELECT range AS i, 'x' || range AS s, (range / 4)::DECIMAL(9,2) AS d, "
        "DATE '2026-01-01' + range::INTEGER AS day, [range] AS l, {'a': range} AS st FROM range(10)"
    )
    dev.execute("DELETE FROM d.s.t WHERE i % 2 = 0")
    dev.execute("UPDATE d.s.t SET s = 'changed' WHERE i = 3")
    table = catalog.load_table("s.t")
    assert sorted(table.scan().to_arrow()["i"].to_pylist()) == [1, 3, 5, 7, 9]
    assert table.scan(row_filter="i = 3", selected_fields=("s", "d", "st")).to_arrow().to_pylist() == [
        {"s": "changed", "d": table.scan(row_filter="i = 3").to_arrow()["d"][0].as_py(), "st": {"a": 3}}
    ]


def test_we_read_what_it_wrote(lake: Lake, catalog: Any, dev: duckdb.DuckDBPyConnection) -> None:
    from pyiceberg.types import DoubleType

    table = catalog.create_table("s.t", schema=pa.schema([("i", pa.int64()), ("s", pa.string())]))
    table.append(pa.table({"i": [1, 2, 3], "s": ["a", "b", "c"]}))
    with table.update_schema() as update:
        update.add_column("f", DoubleType())
        update.rename_column("s", "name")
    table.append(pa.table({"i": [4], "name": ["d"], "f": [1.5]}))
    table.delete("i = 2")
    table.overwrite(pa.table({"i": [9], "name": ["z"], "f": [0.5]}), overwrite_filter="i = 1")
    with table.update_spec() as update:
        update.add_identity("name")
    table.append(pa.table({"i": [5], "name": ["e"], "f": [2.5]}))
    found = dev.execute("SELECT i, name, f FROM d.s.t ORDER BY i").fetchall()
    assert found == [(3, "c", None), (4, "d", 1.5), (5, "e", 2.5), (9, "z", 0.5)]
    dev.execute("INSERT INTO d.s.t VALUES (6, 'f', 3.5)")
    assert catalog.load_table("s.t").scan().to_arrow().num_rows == 5
    assert {c.author for c in lake.log("dev") if "write" in c.message} == {"py", ""}
    assert lake.pointer("main", "s.t") is None
    lake.merge("dev", author="ada", message="publish")
    assert lake.pointer("main", "s.t") is not None


def test_tags_properties_renaming_and_dropping(lake: Lake, catalog: Any) -> None:
    from pyiceberg.exceptions import NamespaceNotEmptyError, NoSuchTableError

    table = catalog.create_table("s.t", schema=pa.schema([("i", pa.int64())]), properties={"a": "b"})
    other = catalog.load_table("s.t")
    table.append(pa.table({"i": [1]}))
    table.manage_snapshots().create_tag(table.current_snapshot().snapshot_id, "v1").commit()
    table.append(pa.table({"i": [2]}))
    assert table.scan(snapshot_id=table.snapshot_by_name("v1").snapshot_id).to_arrow().num_rows == 1
    with table.transaction() as transaction:
        transaction.set_properties(c="d")
        transaction.remove_properties("a")
    assert table.properties == {"c": "d", "gc.enabled": "false"}
    # It has not seen the others' commits: the catalog refuses, and it tries again.
    other.append(pa.table({"i": [3]}))
    catalog.create_namespace("r", {"owner": "me"})
    assert catalog.update_namespace_properties("r", {"owner"}, {"x": "y"}).removed == ["owner"]
    assert catalog.load_namespace_properties("r")["x"] == "y"
    catalog.rename_table("s.t", "r.u")
    assert catalog.list_tables("r") == [("r", "u")] and not catalog.table_exists("s.t")
    catalog.drop_namespace("s")
    assert catalog.list_namespaces() == [("r",)] and not catalog.namespace_exists("s")
    with pytest.raises(NamespaceNotEmptyError):
        catalog.drop_namespace("r")
    location = catalog.load_table("r.u").metadata_location
    catalog.purge_table("r.u")
    with pytest.raises(NoSuchTableError):
        catalog.load_table("r.u")
    assert catalog.register_table("r.back", location).scan().to_arrow().num_rows == 3


def test_two_tables_change_in_one_commit_of_the_log(lake: Lake, catalog: Any) -> None:
    table = catalog.create_table("s.t", schema=pa.schema([("i", pa.int64())]))
    before = len(lake.log("dev"))
    with table.transaction() as transaction:
        transaction.append(pa.table({"i": [1]}))
        transaction.append(pa.table({"i": [2]}))
    assert len(lake.log("dev")) == before + 1
    assert len(table.history()) == 1 and table.scan().to_arrow().num_rows == 2


def test_the_past_and_views(lake: Lake, catalog: Any) -> None:
    from pyiceberg.catalog import load_catalog
    from pyiceberg.exceptions import ForbiddenError

    table = catalog.create_table("s.t", schema=pa.schema([("i", pa.int64())]))
    then = lake.log("dev")[0]
    table.append(pa.table({"i": [1]}))
    past = load_catalog(
        "past", type="rest", uri=lake.server.endpoint, warehouse=f"dev@{then.id}", token=lake.server.token("py")
    )
    assert past.load_table("s.t").scan().to_arrow().num_rows == 0
    with pytest.raises(ForbiddenError):
        past.load_table("s.t").append(pa.table({"i": [2]}))
    lake.put("dev", [Put(name="s.v", kind="view", sql="SELECT 1 AS i", state={})], author="", message="")
    assert catalog.list_views("s") == [("s", "v")] and catalog.view_exists("s.v")
    catalog.drop_view("s.v")
    assert not catalog.view_exists("s.v")


def test_metadata_can_be_read_without_the_catalog(lake: Lake, catalog: Any) -> None:
    from pyiceberg.table import StaticTable

    table = catalog.create_table("s.t", schema=pa.schema([("i", pa.int64())]))
    table.append(pa.table({"i": [1]}))
    pointer = lake.pointer("dev", "s.t")
    assert pointer is not None and pointer.location is not None
    assert StaticTable.from_metadata(pointer.location).scan().to_arrow().num_rows == 1
