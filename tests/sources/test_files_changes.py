"""Which files are read again, and what a load survives."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from wherry.errors import ProjectError, SourceError
from wherry.ports import Replaced
from wherry.sources import files
from wherry.sources.files import listing, source
from wherry.testing import check_source


def test_full_is_read_again_when_something_changed(folder: Any) -> None:
    folder.write("a.csv", "id\n1\n2\n")

    def change() -> int:
        folder.write("a.csv", "id\n1\n2\n3\n")
        return 3

    check_source(source, folder.options, folder.request("a.csv"), 2, change)


@pytest.mark.parametrize("group", [1, 100, 64 << 20])
def test_incremental_conforms(folder: Any, monkeypatch: pytest.MonkeyPatch, group: int) -> None:
    monkeypatch.setattr(files, "GROUP_BYTES", group)
    # A file's times enter the cursor once they have settled, which would be in the middle of a slow test.
    monkeypatch.setattr(listing, "SETTLED", 0)
    for i in range(12):
        folder.write(f"e/{i:02}.jsonl", f'{{"id":{i},"a":"x{i}"}}\n' * 3)

    def change() -> int:
        folder.write("e/03.jsonl", '{"id":3,"new":1.5}\n')
        folder.write("e/50.jsonl", '{"id":"text"}\n')
        (folder.path / "e/00.jsonl").unlink()
        return 36 - 3 + 1 + 1

    check_source(source, folder.options, folder.request("e/*.jsonl", "incremental"), 36, change)


def test_changed_files_replace_their_rows(folder: Any) -> None:
    folder.write("a.csv", "id\n1\n")
    folder.write("b.csv", "id\n2\n")
    before = folder.read("*.csv", "incremental")
    assert before.replaces == [None]
    folder.write("b.csv", "id\n3\n")
    folder.write("c.csv", "id\n4\n")
    assert folder.changed("*.csv", "incremental", before.cursor) == "1 new file, 1 changed"
    after = folder.read("*.csv", "incremental", before.cursor)
    assert after.replaces == [Replaced(column="_file", value="b.csv"), None]
    assert after.rows == [{"id": 3, "_file": "b.csv"}, {"id": 4, "_file": "c.csv"}]
    assert folder.changed("*.csv", "incremental", after.cursor) is None


def test_same_content_is_not_read_again(folder: Any) -> None:
    path = folder.write("a.csv", "id\n1\n")
    os.utime(path, ns=(1, 1))
    cursor = folder.read("a.csv").cursor
    os.utime(path, ns=(5, 5))
    assert folder.changed("a.csv", "full", cursor) is None
    assert folder.read("a.csv", cursor=cursor).cursors == []
    folder.write("a.csv", "id\n2\n")
    os.utime(path, ns=(1, 1))
    assert folder.changed("a.csv", "full", cursor) == "a.csv changed"


def test_reasons(folder: Any) -> None:
    folder.write("a.csv", "id\n1\n")
    assert folder.changed("*.csv", "full", None) == "never read: 1 file"
    cursor = folder.read("*.csv").cursor
    folder.write("b.csv", "id\n1\n")
    folder.write("c.csv", "id\n1\n")
    assert folder.changed("*.csv", "full", cursor) == "2 new files"
    (folder.path / "a.csv").unlink()
    assert folder.changed("*.csv", "full", cursor) == "2 new files, 1 gone"
    assert folder.changed("*.csv", "incremental", cursor) == "2 new files"


def test_a_drop_folder_may_be_emptied(folder: Any) -> None:
    path = folder.write("a.csv", "id\n1\n")
    cursor = folder.read("*.csv", "incremental").cursor
    path.unlink()
    assert folder.changed("*.csv", "incremental", cursor) is None
    assert folder.read("*.csv", "incremental", cursor).rows == []


def test_types_are_kept_from_one_load_to_the_next(folder: Any) -> None:
    folder.write("a.csv", "id,zip,gone\n1,007,1\n")
    first = folder.read("*.csv", "incremental")
    folder.write("b.csv", "id,zip,more\n2,100,x\n")
    second = folder.read("*.csv", "incremental", first.cursor)
    assert second.rows == [{"id": 2, "zip": "100", "more": "x", "_file": "b.csv"}]
    folder.write("c.csv", "id\n")
    third = folder.read("*.csv", "incremental", second.cursor)
    assert third.types == {"id": "int64", "_file": "string"}
    assert third.cursor["columns"] == second.cursor["columns"]
    folder.write("d.csv", "id,zip,gone\n2,100,3\n")
    assert folder.read("*.csv", "incremental", third.cursor).types == first.types


@pytest.mark.parametrize("what", ["grows", "vanishes"])
def test_a_file_that_changes_meanwhile_gives_nothing(folder: Any, what: str) -> None:
    path = folder.write("a.csv", "id\n" + "1\n" * 300_000)
    batch = next(iter(source.read(folder.options, folder.request("a.csv"), None)))
    if what == "grows":
        with path.open("a") as out:
            out.write("2\n")
    else:
        path.unlink()
    with pytest.raises(SourceError, match="changed while it was being read"):
        batch.rows.read_all()
    with pytest.raises(SourceError, match="changed while it was being read"):
        batch.rejects()


def test_many_small_files_are_one_batch(folder: Any) -> None:
    folder.write("many/x", "")
    for i in range(2_000):
        (folder.path / f"many/{i:05}.csv").write_text(f"id,name\n{i},n{i}\n")
    got = folder.read("many/*.csv", "incremental")
    assert len(got.cursors) == 1 and len(got.rows) == 2_000 and len(got.cursor["files"]) == 2_000


def test_how_far_it_is(folder: Any) -> None:
    """Rows and bytes so far, and how many rows about there are, of these files and those after them."""
    for name in "abc":
        folder.write(f"{name}.csv", "id,name\n" + "".join(f"{i:06},x\n" for i in range(40_000)))
    size = (folder.path / "a.csv").stat().st_size
    [whole] = source.read(folder.options, folder.request("*.csv"), None)
    assert (whole.expected, whole.size()) == (120_000, 0)
    first = next(iter(whole.rows))
    assert 0 < whole.size() < 3 * size and whole.size() == 3 * size * first.num_rows // 120_000
    whole.rows.read_all()
    assert whole.size() == 3 * size
    seen = folder.read("[ab].csv", "incremental").cursor
    folder.write("a.csv", "id,name\n" + "".join(f"{i:06},y\n" for i in range(40_000)))
    told = []
    for batch in source.read(folder.options, folder.request("*.csv", "incremental"), seen):
        told.append(batch.expected)
        batch.rows.read_all()
    assert told == [80_000, 40_000]


def test_nothing_matches(folder: Any) -> None:
    folder.write("customers.csv", "id\n1\n")
    for name, hint in (("custmers.csv", "Did you mean `customers.csv`"), ("*.json", "`customers.csv`")):
        with pytest.raises(SourceError) as error:
            folder.changed(name, "full", None)
        assert hint in error.value.findings[0].hint
    with pytest.raises(ProjectError, match="outside"):
        folder.read("../x.csv")
    with pytest.raises(SourceError, match="does not exist"):
        source.changed(source.Options(path="nowhere", project=str(folder.path)), folder.request("a.csv"), None)
    assert source.changed(source.Options(path=".", project=str(folder.path)), folder.request("customers.csv"), None)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_permission_denied(folder: Any) -> None:
    folder.write("a.csv", "id\n1\n").chmod(0)
    with pytest.raises(SourceError, match="Permission denied"):
        folder.read("a.csv")


def test_columns_without_reading(folder: Any) -> None:
    folder.write("a.csv", "id,name\n" + "1,x\n" * 50_000)
    assert source.columns(folder.options, folder.request("a.csv")) == {"id": "BIGINT", "name": "VARCHAR"}
    assert source.columns(folder.options, folder.request("b.csv")) is None


def test_a_column_of_the_files_may_not_be_called_file(folder: Any) -> None:
    folder.write("a.csv", "_file\n1\n")
    assert folder.read("a.csv").rows == [{"_file": 1}]
    with pytest.raises(ProjectError, match="_file"):
        folder.read("a.csv", "incremental")


def test_copies_of_killed_processes_are_removed(folder: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    folder.write("a.csv", "id\n1\n")
    reading = source.read(folder.options, folder.request("a.csv"), None)
    next(reading)
    (live,) = tmp_path.glob("wherry-files-*")
    left = tmp_path / "wherry-files-left"
    left.mkdir()
    (left / "in-use").touch()
    (left / "copy").write_text("x")
    assert folder.read("a.csv").rows == [{"id": 1}]
    assert live.is_dir() and not left.exists()
    reading.close()
    assert not list(tmp_path.glob("wherry-files-*"))


@pytest.mark.parametrize("mode", ["full", "incremental"])
@pytest.mark.parametrize("kind", ["csv", "jsonl", "parquet", "xml"])
def test_only_the_columns_that_are_wanted(folder: Any, kind: str, mode: str) -> None:
    """What is left out, because it is personal, say, must not come with the rest."""
    import duckdb
    import pyarrow as pa

    def put(name: str, **columns: Any) -> None:
        rows = pa.table(columns)
        folder.path.mkdir(parents=True, exist_ok=True)
        if kind == "parquet":
            duckdb.from_arrow(rows).write_parquet(str(folder.path / f"{name}.parquet"))
            return
        lines = {
            "csv": [",".join(columns), *(",".join(map(str, row.values())) for row in rows.to_pylist())],
            "jsonl": [json.dumps(row) for row in rows.to_pylist()],
            "xml": ["<r>", *(f"<a>{''.join(f'<{k}>{v}</{k}>' for k, v in r.items())}</a>" for r in rows.to_pylist())],
        }[kind]  # fmt: skip
        lines += ["</r>"] if kind == "xml" else []
        folder.write(f"{name}.{kind}", "\n".join(lines) + "\n")

    def read(cursor: Any = None, *only: str) -> Any:
        found: list[Any] = []
        request = replace(folder.request(f"*.{kind}", mode), columns=only or ("V", "id"))
        for batch in source.read(folder.options, request, cursor):
            found += batch.rows.read_all().to_pylist()
            cursor = json.loads(json.dumps(batch.reached()))
        return found, cursor

    more = {"_file": f"1.{kind}"} if mode == "incremental" else {}
    put("1", id=[1], email=["ann@example.com"], v=[5])
    rows, cursor = read()
    assert rows == [{"v": 5, "id": 1} | more]
    assert "email" not in json.dumps(cursor)
    if mode == "incremental":
        put("2", email=["bob@example.com"], id=[2])
        rows, cursor = read(cursor)
        there = {} if kind in ("csv", "parquet") else {"v": None}
        assert rows == [there | {"id": 2, "_file": f"2.{kind}"}]
        put("3", email=["bob@example.com"], id=[3], v=[7])
        assert read(cursor)[0] == [{"v": 7, "id": 3, "_file": f"3.{kind}"}]
    with pytest.raises(SourceError, match=r"There is no column `idd`.*Nothing was") as raised:
        read(None, "idd")
    assert raised.value.findings[0].hint == "Did you mean `id`?"
