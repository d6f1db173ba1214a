"""Tables of other systems come into the lake, and the project reads them."""

import json
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from fixtures.buckets import ObjectStore, server, store
from fixtures.commands import Wherry, wherry
from fixtures.foreign import FOUND, ROWS, SUMS, write_hudi
from wherry.lake.exchange.iceberg_table import for_the_lake
from wherry.lake.types import columns

__all__ = ["server", "store", "wherry"]
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "shop"
    (folder / "tables/marts").mkdir(parents=True)
    (folder / "wherry.toml").write_text('name = "shop"\n')
    (folder / "tables/marts/one.sql").write_text("SELECT 1 AS id\n")
    monkeypatch.chdir(folder)
    return folder


@pytest.fixture
def call(shop: Path, wherry: Wherry) -> Iterator[Any]:
    def run(*words: str | Path, code: int = 0) -> Any:
        answer = wherry(*words, "--json")
        assert answer.code == code, answer
        return answer.json

    yield run


def came(call: Any, path: str | Path, *words: str) -> tuple[str, str]:
    """Import a table as ``old.t`` and see that its rows are there; how it came, and why."""
    (table,) = call("lake", "import", path, "--as", "old.t", *words)["tables"]
    assert call("sql", f"SELECT {SUMS} FROM old.t") == [FOUND]
    return table["how"], table["why"]


@pytest.mark.needs("pyiceberg")
def test_parquet_files_are_used_where_they_lie(call: Any, shop: Path, tmp_path: Path) -> None:
    (tmp_path / "pq/more").mkdir(parents=True)
    pq.write_table(ROWS.slice(0, 4), tmp_path / "pq/a [1].parquet")
    pq.write_table(ROWS.slice(4), tmp_path / "pq/more/b.parquet")
    (tmp_path / "pq/_hidden.parquet").write_text("no")
    assert came(call, tmp_path / "pq") == ("in place", "")
    assert not list((shop / ".wherry/lake").rglob("*.parquet"))


def test_rows_are_copied_when_asked(call: Any, shop: Path, tmp_path: Path) -> None:
    pq.write_table(ROWS, tmp_path / "a.parquet")
    assert came(call, tmp_path / "a.parquet", "--copy") == ("copied", "")
    (tmp_path / "a.parquet").unlink()
    assert call("sql", f"SELECT {SUMS} FROM old.t") == [FOUND]


@pytest.mark.needs("pyiceberg")
def test_values_in_the_names_of_folders_are_not_lost(call: Any, tmp_path: Path) -> None:
    import pyarrow.dataset as ds

    parts = ds.partitioning(pa.schema([("small", pa.int16())]), flavor="hive")
    ds.write_dataset(ROWS, tmp_path / "pq", format="parquet", partitioning=parts)
    how, why = came(call, tmp_path / "pq")
    assert how == "copied" and "names of folders" in why


@pytest.mark.needs("pyiceberg")
def test_types_that_iceberg_lacks_make_a_copy(call: Any, tmp_path: Path) -> None:
    rows = ROWS.append_column("ns", pa.array([1_000] * 10, pa.timestamp("ns"))).append_column(
        "big", pa.array([2**63] * 10, pa.uint64())
    )
    pq.write_table(rows, tmp_path / "a.parquet")
    how, why = came(call, tmp_path / "a.parquet")
    assert how == "copied" and "ns (TIMESTAMP_NS)" in why and "big (UBIGINT)" in why
    assert call("sql", "SELECT typeof(ns) AS ns, big::VARCHAR AS big FROM old.t LIMIT 1") == [
        {"ns": "TIMESTAMP", "big": str(2**63)}
    ]


def test_an_import_that_fails_leaves_nothing(call: Any, tmp_path: Path) -> None:
    pq.write_table(pa.table({"ns": pa.array([1], pa.timestamp("ns"))}), tmp_path / "a.parquet")
    (finding,) = call("lake", "import", tmp_path / "a.parquet", "--as", "old.t", code=1)["findings"]
    assert finding["code"] == "import-failed" and "`old.t`" in finding["message"] and finding["hint"]
    assert [each["name"] for each in call("branch", "--all")["branches"]] == ["main"]
    assert call("log")["commits"] == []
    for path, code in (("nowhere", "no-file"), ("x.ducklake", "no-file"), ("ftp://x/y", "unknown-storage")):
        path = str(tmp_path / path) if "://" not in path else path
        (finding,) = call("lake", "import", path, "--as", "old.t", code=1)["findings"]
        assert finding["code"] in (code, "missing-extra"), finding


@pytest.mark.needs("delta", "pyiceberg")
def test_delta(call: Any, shop: Path, tmp_path: Path) -> None:
    from deltalake import DeltaTable, write_deltalake

    write_deltalake(str(tmp_path / "delta"), ROWS.slice(0, 5))
    write_deltalake(str(tmp_path / "delta"), ROWS.slice(5), mode="append")
    write_deltalake(str(tmp_path / "delta"), ROWS.slice(0, 1), mode="append")
    DeltaTable(str(tmp_path / "delta")).delete('"a name" IS NULL')
    write_deltalake(str(tmp_path / "delta"), ROWS.slice(0, 1), mode="append")
    assert came(call, tmp_path / "delta") == ("in place", "")
    assert not list((shop / ".wherry/lake").rglob("*.parquet"))


@pytest.mark.needs("pyiceberg")
def test_lists_whose_elements_go_by_another_name_are_copied(call: Any, tmp_path: Path) -> None:
    tags = pa.array([["a"]] * 10, pa.list_(pa.field("item", pa.string())))
    rows = ROWS.set_column(5, "tags", tags)
    pq.write_table(rows, tmp_path / "a.parquet", use_compliant_nested_type=False)
    how, why = came(call, tmp_path / "a.parquet")
    assert how == "copied" and "tags.list.item" in why


@pytest.mark.needs("delta", "pyiceberg")
def test_delta_with_partitions_is_copied(call: Any, tmp_path: Path) -> None:
    from deltalake import write_deltalake

    write_deltalake(str(tmp_path / "delta"), ROWS, partition_by=["small"])
    how, why = came(call, tmp_path / "delta")
    assert how == "copied" and "names of folders" in why


@pytest.mark.needs("hudi")
def test_hudi(call: Any, tmp_path: Path) -> None:
    write_hudi(tmp_path / "hudi", ROWS)
    how, why = came(call, tmp_path / "hudi")
    assert how == "copied" and "Hudi" in why
    assert "_hoodie" not in json.dumps(call("sql", "SELECT * EXCLUDE (day) FROM old.t"))


@pytest.mark.needs("ducklake")
def test_every_table_of_a_ducklake_comes_in_one_commit(call: Any, tmp_path: Path) -> None:
    from wherry.lake.attach import load_extensions

    with duckdb.connect(config={"allow_unsigned_extensions": "true"}) as connection:
        load_extensions(connection, ["ducklake"])
        connection.register("rows", ROWS)
        connection.execute(f"ATTACH 'ducklake:{tmp_path}/x.ducklake' AS d (DATA_PATH '{tmp_path}/files')")
        connection.execute("CREATE SCHEMA d.old; CREATE TABLE d.old.t AS FROM rows; CREATE TABLE d.u AS SELECT 1 AS a")
        connection.execute(
            "INSERT INTO d.old.t SELECT * REPLACE (99 AS id) FROM rows; DELETE FROM d.old.t WHERE id = 99"
        )
        connection.execute("DETACH d")
    done = call("lake", "import", tmp_path / "x.ducklake")
    assert {each["name"]: each["how"] for each in done["tables"]} == {"main.u": "copied", "old.t": "copied"}
    assert call("sql", f"SELECT {SUMS} FROM old.t") == [FOUND]
    assert len(call("log")["commits"]) == 1
    (finding,) = call("lake", "import", tmp_path / "x.ducklake", "--table", "nobody", code=2)["findings"]
    assert "main.u, old.t" in finding["hint"]
    assert came_one(call, tmp_path / "x.ducklake", "--table", "main.u", "--as", "old.u") == ["old.u"]


def came_one(call: Any, path: Path, *words: str) -> list[str]:
    return [each["name"] for each in call("lake", "import", path, *words)["tables"]]


@pytest.mark.needs("pyiceberg")
def test_an_iceberg_table_is_registered_and_then_ours(call: Any, shop: Path, tmp_path: Path) -> None:
    from pyiceberg.catalog.sql import SqlCatalog

    (tmp_path / "wh").mkdir()
    catalog = SqlCatalog("c", uri=f"sqlite:///{tmp_path}/c.db", warehouse=f"file://{tmp_path}/wh")
    catalog.create_namespace("s")
    rows = ROWS.set_column(1, "small", ROWS["small"].cast(pa.int32()))
    theirs = catalog.create_table("s.t", rows.schema)
    theirs.append(rows.slice(0, 5))
    theirs.append(rows.slice(5))
    assert came(call, tmp_path / "wh/s/t") == ("registered", "")
    assert not list((shop / ".wherry/lake").rglob("*.parquet"))
    # Their next write is not ours, and ours not theirs.
    theirs.append(rows)
    assert call("sql", f"SELECT {SUMS} FROM old.t") == [FOUND]
    metadata = theirs.refresh().metadata_location.removeprefix("file://")
    assert came_one(call, Path(metadata), "--as", "old.later") == ["old.later"]
    assert call("sql", "SELECT count(*) AS n FROM old.later") == [{"n": 20}]
    catalog.close() if hasattr(catalog, "close") else None
    catalog.engine.dispose()


def test_the_first_version_of_iceberg_becomes_the_second() -> None:
    schema = {"type": "struct", "fields": [{"id": 1, "name": "a", "required": False, "type": "long"}]}
    snapshot = {"snapshot-id": 5, "timestamp-ms": 1, "manifest-list": "/old/m.avro"}
    old = {
        "format-version": 1,
        "table-uuid": "u",
        "location": "/old",
        "last-updated-ms": 1,
        "last-column-id": 1,
        "schema": schema,
        "partition-spec": [],
        "current-snapshot-id": 5,
        "snapshots": [snapshot],
        "properties": {"write.data.path": "/old/data", "owner": "ada"},
    }
    new = for_the_lake(old, "/lake/t")
    assert (new["format-version"], new["location"], new["current-snapshot-id"]) == (2, "/lake/t", 5)
    assert columns(new) == [("a", "BIGINT")] and new["refs"]["main"]["snapshot-id"] == 5
    assert new["properties"] == {"owner": "ada"} and new["table-uuid"] != "u"
    assert for_the_lake({**old, "current-snapshot-id": -1, "snapshots": []}, "/x")["refs"] == {}


def test_a_table_whose_values_would_be_lost_is_refused(call: Any, tmp_path: Path) -> None:
    spec = {"spec-id": 0, "fields": [{"name": "day", "transform": "identity", "source-id": 1, "field-id": 1000}]}
    metadata = {"format-version": 2, "partition-specs": [spec], "properties": {"schema.name-mapping.default": "[]"}}
    (tmp_path / "metadata").mkdir()
    (tmp_path / "metadata/v1.metadata.json").write_text(json.dumps(metadata))
    (finding,) = call("lake", "import", tmp_path, "--as", "old.t", code=1)["findings"]
    assert finding["code"] == "values-in-partitions" and "--format parquet" in finding["hint"]


def test_the_project_reads_an_imported_table_and_no_run_drops_it(call: Any, shop: Path, tmp_path: Path) -> None:
    pq.write_table(pa.table({"id": [1, 2], "day": [date(2026, 1, 1)] * 2}), tmp_path / "a.parquet")
    words = ("lake", "import", tmp_path / "a.parquet", "--copy", "--as")
    call(*words, "old.t")
    call(*words, "old.undeclared")
    (shop / "tables/marts/reads.sql").write_text("SELECT sum(id)::BIGINT AS ids, max(day) AS day FROM old.t\n")
    (finding,) = call("check", code=2)["findings"]
    assert finding["code"] == "unknown-table" and finding["file"] == "tables/marts/reads.sql"
    (shop / "sources").mkdir()
    (shop / "sources/old.yml").write_text(
        "connector: lake\nowner: ada\ntables:\n  t:\n    columns: {id: {checks: [not_null, unique]}}\n"
    )
    assert call("check")["findings"] == []
    shown = call("show", "marts.reads")
    assert [(c["name"], c["type"], c["from"]) for c in shown["columns"]] == [
        ("ids", "BIGINT", ["old.t.id"]),
        ("day", "DATE", ["old.t.day"]),
    ]
    states = {each["name"]: each["state"] for each in call("run")["assets"]}
    assert states == {"marts.one": "built", "marts.reads": "built", "old.t": "skipped"}
    assert call("run", "--full", "--prune")["state"] == "done"
    assert call("sql", "SELECT count(*) AS n FROM old.undeclared, old.t") == [{"n": 4}]
    assert {each["state"] for each in call("run")["assets"]} == {"skipped"}
    # Imported again, it is new to what reads it.
    pq.write_table(pa.table({"id": [5], "day": [date(2026, 1, 2)]}), tmp_path / "a.parquet")
    (finding,) = call(*words, "old.t", code=2)["findings"]
    assert "--replace" in finding["hint"]
    call(*words, "old.t", "--replace")
    assert {each["name"]: each["state"] for each in call("run")["assets"]}["marts.reads"] == "built"
    assert call("sql", "SELECT ids FROM marts.reads") == [{"ids": 5}]
    (finding,) = call(*words, "marts.one", code=2)["findings"]
    assert finding["code"] == "duplicate-table" and finding["file"] == "tables/marts/one.sql"


def test_a_declared_table_that_was_not_imported_says_how(call: Any, shop: Path) -> None:
    (shop / "sources").mkdir()
    (shop / "sources/old.yml").write_text("connector: lake\ntables:\n  t:\n")
    (asset,) = [each for each in call("run", code=1)["assets"] if each["name"] == "old.t"]
    assert asset["findings"][0]["code"] == "not-imported" and "wherry lake import" in asset["findings"][0]["hint"]


def test_an_import_goes_to_its_branch(call: Any, tmp_path: Path) -> None:
    pq.write_table(ROWS, tmp_path / "a.parquet")
    call("branch", "dev")
    call("lake", "import", tmp_path / "a.parquet", "--as", "old.t", "--branch", "dev", "--copy")
    assert call("sql", f"SELECT {SUMS} FROM old.t", "--branch", "dev") == [FOUND]
    assert call("sql", "FROM old.t", code=2)["findings"]
    assert call("merge", "dev")["tables"] == ["old.t"]


@pytest.mark.needs("pyiceberg", "delta")
def test_between_buckets(call: Any, shop: Path, store: ObjectStore, tmp_path: Path) -> None:
    from deltalake import write_deltalake

    from wherry.lake.exchange.delta import options
    from wherry.lake.exchange.foreign import at

    pq.write_table(ROWS, tmp_path / "a.parquet")
    store.client.upload_file(str(tmp_path / "a.parquet"), "lake", "old/pq/a b.parquet")
    place = at("s3://lake/old/delta", store.variables)
    write_deltalake(place.path, ROWS, storage_options=options(place))
    for lake in (".wherry/lake", "s3://lake/new"):
        (shop / "wherry.toml").write_text(f'name = "shop"\nlake = "{lake}"\n')
        assert came(call, "s3://lake/old/pq", *(["--replace"] if "://" in lake else [])) == ("in place", "")
        # delta-rs calls the elements of a list `item`.
        assert "tags.list.item" in came(call, "s3://lake/old/delta", "--replace")[1]
        for form in ("parquet", "delta", "iceberg"):
            target = f"s3://lake/out/{form}{len(lake)}"
            call("lake", "export", target, "old.t", "--format", form)
            assert came(call, f"{target}/old/t", "--replace")[0] in ("in place", "registered") or form == "delta"
            assert not [key for key in store.objects("out") if key.endswith(".unfinished")]
        (finding,) = call("lake", "export", target, "old.t", "--format", "parquet", code=2)["findings"]
        assert "something already" in finding["message"]
