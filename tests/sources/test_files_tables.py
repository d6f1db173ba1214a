"""Tables of Delta Lake, Iceberg and Hudi as inputs."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import closing
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest

from fixtures.buckets import server, store
from fixtures.foreign import write_hudi
from wherry.errors import ProjectError, SourceError
from wherry.ports import Replaced
from wherry.sources.files import source
from wherry.testing import check_source

__all__ = ["server", "store"]


def rows(*ids: int, **columns: Any) -> pa.Table:
    return pa.table(
        {"id": pa.array(ids, pa.int64()), "p": pa.array([f"p {i % 2}%" for i in ids], pa.string()), **columns}
    )


def ids(got: Any) -> list[int]:
    return sorted(r["id"] for r in got.rows)


@pytest.mark.needs("delta")
def test_delta(folder: Any) -> None:
    import deltalake

    path = str(folder.path / "t")

    def write(*numbers: int, **how: Any) -> None:
        deltalake.write_deltalake(path, rows(*numbers), mode="append", partition_by=["p"], **how)

    write(1, 2)
    first = folder.read("t", "incremental", format="delta")
    assert ids(first) == [1, 2] and {r["_file"] for r in first.rows} == {"t"}
    assert folder.changed("t", "incremental", first.cursor, format="delta") is None
    write(3)
    write(4, 5)
    assert folder.changed("t", "incremental", first.cursor, format="delta") == "version 2 is new"
    second = folder.read("t", "incremental", first.cursor, format="delta")
    assert ids(second) == [3, 4, 5] and second.replaces == [None]
    # Files that are put together hold no new rows, also between versions that do.
    write(6)
    deltalake.DeltaTable(path).optimize.compact()
    write(7)
    third = folder.read("t", "incremental", second.cursor, format="delta")
    assert ids(third) == [6, 7] and set(third.replaces) == {None}
    deltalake.DeltaTable(path).delete("id = 1")
    fourth = folder.read("t", "incremental", third.cursor, format="delta")
    assert ids(fourth) == [2, 3, 4, 5, 6, 7] and fourth.replaces == [Replaced(column="_file", value="t")]
    assert ids(folder.read("t", format="delta")) == [2, 3, 4, 5, 6, 7]
    shutil.rmtree(path)
    for number in range(20, 28):
        write(number)
    fifth = folder.read("t", "incremental", fourth.cursor, format="delta")
    assert ids(fifth) == list(range(20, 28)) and fifth.replaces == [Replaced(column="_file", value="t")]


@pytest.mark.needs("delta")
@pytest.mark.parametrize("mode", ["full", "incremental"])
def test_delta_conforms(folder: Any, mode: str) -> None:
    import deltalake

    path = str(folder.path / "in" / "t")
    for numbers in ((1, 2), (3,)):
        deltalake.write_deltalake(path, rows(*numbers), mode="append")

    def change() -> int:
        for numbers in ((4,), (5, 6)):
            deltalake.write_deltalake(path, rows(*numbers), mode="append")
        return 6

    check_source(source, folder.options, folder.request("in/t", mode, format="delta"), 3, change)


@pytest.fixture
def iceberg(folder: Any) -> Iterator[Any]:
    from pyiceberg.catalog.memory import InMemoryCatalog

    with closing(InMemoryCatalog("x", warehouse=f"file://{folder.path}")) as catalog:
        catalog.create_namespace("n")
        yield catalog.create_table("n.t", rows().schema)


@pytest.mark.needs("pyiceberg")
def test_iceberg(folder: Any, iceberg: Any) -> None:
    table = iceberg
    empty = folder.read("n/t", "incremental", format="iceberg")
    assert empty.rows == [] and len(empty.cursors) == 1
    table.append(rows(1, 2))
    first = folder.read("n/t", "incremental", empty.cursor, format="iceberg")
    assert ids(first) == [1, 2] and first.replaces == [None]
    assert folder.changed("n/t", "incremental", first.cursor, format="iceberg") is None
    table.append(rows(3))
    table.append(rows(4, 5))
    second = folder.read("n/t", "incremental", first.cursor, format="iceberg")
    assert ids(second) == [3, 4, 5] and set(second.replaces) == {None} and len(second.cursors) == 2
    table.delete("id = 1")
    third = folder.read("n/t", "incremental", second.cursor, format="iceberg")
    assert ids(third) == [2, 3, 4, 5] and third.replaces == [Replaced(column="_file", value="n/t")]
    with table.update_schema() as update:
        update.rename_column("p", "q")
    table.append(pa.table({"id": pa.array([6], pa.int64()), "q": ["x"]}))
    fourth = folder.read("n/t", "incremental", third.cursor, format="iceberg")
    assert ids(fourth) == [6] and fourth.rows[0]["q"] == "x"
    named = folder.read(f"n/t/metadata/{table.metadata_location.rpartition('/')[2]}", format="iceberg")
    assert ids(named) == [2, 3, 4, 5, 6]


@pytest.mark.needs("pyiceberg")
@pytest.mark.parametrize("mode", ["full", "incremental"])
def test_iceberg_conforms(folder: Any, iceberg: Any, mode: str) -> None:
    iceberg.append(rows(1, 2))

    def change() -> int:
        iceberg.append(rows(3))
        iceberg.append(rows(4, 5))
        return 5

    check_source(source, folder.options, folder.request("n/t", mode, format="iceberg"), 2, change)


@pytest.mark.needs("delta")
def test_iceberg_and_delta_in_a_bucket(folder: Any, store: Any) -> None:
    import deltalake

    how = {"AWS_ALLOW_HTTP": "true", "AWS_S3_ALLOW_UNSAFE_RENAME": "true", "AWS_REGION": "us-east-1"}
    deltalake.write_deltalake("s3://lake/in/t", rows(1, 2), storage_options=how)
    said = source.Options(path="s3://lake/in")
    first = folder.read("t", "incremental", said=said, format="delta")
    deltalake.write_deltalake("s3://lake/in/t", rows(3), mode="append", storage_options=how)
    assert ids(first) == [1, 2]
    assert ids(folder.read("t", "incremental", first.cursor, said=said, format="delta")) == [3]
    with pytest.raises(SourceError, match="tables are read in local folders"):
        folder.read("t", said=source.Options(path="gs://lake/in"), format="delta")


@pytest.mark.needs("hudi")
def test_hudi(folder: Any) -> None:
    write_hudi(folder.path / "t", rows(1, 2))
    first = folder.read("t", "incremental", format="hudi")
    assert ids(first) == [1, 2] and set(first.types) == {"id", "p", "_file"}
    assert folder.changed("t", "incremental", first.cursor, format="hudi") is None
    check_source(source, folder.options, folder.request("t", "full", format="hudi"), 2)
    add_hudi_commit(folder.path / "t", rows(3), updates=0)
    second = folder.read("t", "incremental", first.cursor, format="hudi")
    assert ids(second) == [3] and second.replaces == [None]
    add_hudi_commit(folder.path / "t", rows(4), updates=1, instant="20250103000000000")
    third = folder.read("t", "incremental", second.cursor, format="hudi")
    assert ids(third) == [1, 2, 3, 4] and third.replaces == [Replaced(column="_file", value="t")]


def add_hudi_commit(path: Any, table: pa.Table, *, updates: int, instant: str = "20250102000000000") -> None:
    """One more commit with a file group of its own."""
    import json

    other = path.parent / f"other-{instant}"
    write_hudi(other, table)
    (old,) = other.glob("*.parquet")
    name = old.name.replace("11111111", instant[:8]).replace("20250101000000000", instant)
    import pyarrow.parquet as pq

    data = pq.read_table(old)
    at = data.schema.get_field_index("_hoodie_commit_time")
    pq.write_table(data.set_column(at, "_hoodie_commit_time", [[instant] * data.num_rows]), path / name)
    commit = json.loads((other / ".hoodie" / "20250101000000000.commit").read_text())
    (stats,) = commit["partitionToWriteStats"][""]
    stats |= {"path": name, "fileId": name.partition("_")[0], "numUpdateWrites": updates}
    for ending, text in ((".commit.requested", ""), (".inflight", ""), (".commit", json.dumps(commit))):
        (path / ".hoodie" / f"{instant}{ending}").write_text(text)
    shutil.rmtree(other)


@pytest.mark.needs("delta")
def test_types_and_findings(folder: Any) -> None:
    import deltalake

    table = pa.table({"id": ["1", "x"], "price": [Decimal("1.10"), Decimal("2.25")]})
    deltalake.write_deltalake(str(folder.path / "t"), table)
    got = folder.read("t", format="delta", types={"id": "bigint"})
    assert got.rows == [{"id": 1, "price": Decimal("1.10")}]
    assert [(r["file"], "x" in r["row"]) for r in got.rejects] == [("t", True)]
    for kind in ("delta", "iceberg", "hudi"):
        with pytest.raises(SourceError, match="is no"):
            folder.read("none", format=kind)
    with pytest.raises(ProjectError, match="is a pattern"):
        folder.read("*", format="delta")
    log = folder.path / "t" / "_delta_log" / "00000000000000000000.json"
    log.write_text(log.read_text()[:100])
    with pytest.raises(SourceError, match="cannot be read"):
        folder.read("t", format="delta")
