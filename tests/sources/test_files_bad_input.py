"""What people and servers put where data should be: a Finding that says what, where, what is kept and what to do."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from wherry.errors import SourceError
from wherry.sources.files import source

PAGE = b"<!-- cached -->\n<!DOCTYPE html>\n<html><head><title>Please log in</title></head><body></body></html>\n"


def problem(folder: Any, name: str, mode: str = "full", cursor: Any = None, **options: Any) -> Any:
    with pytest.raises(SourceError) as error:
        folder.read(name, mode, cursor, **options)
    (finding,) = error.value.findings
    assert finding.hint and "Nothing was loaded" in finding.message and name.split("!")[0][-8:] in finding.message
    assert finding.code == "no-file" or str(folder.path) not in finding.message
    return finding


@pytest.mark.parametrize("ending", ["csv", "json", "jsonl", "parquet", "avro", "orc", "xlsx", "txt", "xml"])
def test_a_page_instead_of_data(folder: Any, ending: str) -> None:
    folder.write(f"a.{ending}", PAGE)
    options: dict[str, Any] = {"format": "fixed", "positions": {"a": "1-5"}} if ending == "txt" else {}
    found = problem(folder, f"a.{ending}", **options)
    assert "is an HTML page" in found.message and "Please log in" in found.message
    folder.write(f"a.{ending}", b'<?xml version="1.0"?>\n<Error><Code>AccessDenied</Code></Error>')
    if ending != "xml":
        assert "is " in problem(folder, f"a.{ending}", **options).message


def test_a_file_of_another_kind(folder: Any) -> None:
    folder.write("x", "")
    pq.write_table(pa.table({"a": [1]}), folder.path / "p.csv")
    assert "is a Parquet file, not CSV" in problem(folder, "p.csv").message
    assert folder.read("p.csv", format="parquet").rows == [{"a": 1}]
    folder.write("z.json", b"\x1f\x8b\x08\0\0\0\0\0")
    found = problem(folder, "z.json")
    assert "gzip" in found.message and "z.json.gz" in found.hint
    for name, head in (("a.csv", b"%PDF-1.7"), ("b.csv", b"PK\x03\x04xx"), ("c.xlsx", b"\xd0\xcf\x11\xe0xxxx")):
        folder.write(name, head)
        assert "cannot be read: it is" in problem(folder, name).message
    folder.write("c.parquet", b"a,b\n1,2\n")
    assert "is not Parquet: it starts with b'a,b" in problem(folder, "c.parquet").message


def test_what_was_read_before_stays(folder: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("wherry.sources.files.GROUP_BYTES", 1)
    for name in ("a", "b", "d"):
        folder.write(f"{name}.csv", "id\n1\n")
    folder.write("c.csv", PAGE)
    cursors = []
    with pytest.raises(SourceError) as error:
        for batch in source.read(folder.options, folder.request("*.csv", "incremental"), None):
            batch.rows.read_all()
            cursors.append(batch.cursor)
    assert [sorted(c["files"]) for c in cursors] == [["a.csv"], ["a.csv", "b.csv"]]
    said = error.value.findings[0].message
    assert "`c.csv`" in said and "2 other files" in said and "begins with it" in said
    folder.write("c.csv", "id\n2\n")
    got = folder.read("*.csv", "incremental", cursors[-1])
    assert [r["_file"] for r in got.rows] == ["c.csv", "d.csv"]


def test_a_changed_file_that_is_broken_keeps_its_rows(folder: Any) -> None:
    folder.write("a.csv", "id\n1\n")
    first = folder.read("a.csv", "incremental")
    folder.write("a.csv", PAGE)
    found = problem(folder, "a.csv", "incremental", first.cursor)
    assert "begins with it" in found.message
    (folder.path / "a.csv").unlink()
    (folder.path / "a.csv").mkdir()
    with pytest.raises(SourceError, match="is a folder"):
        folder.read("a.csv")


def test_missing_and_special_files(folder: Any) -> None:
    folder.write("customers.csv", "id\n1\n")
    assert "Did you mean `customers.csv`" in problem(folder, "custmers.csv").hint
    os.mkfifo(folder.path / "pipe.csv")
    assert "not a regular file" in problem(folder, "pipe.csv").message
    (folder.path / "link.csv").symlink_to("nowhere")
    assert "link to nothing" in problem(folder, "link.csv").message


@pytest.mark.skipif(not hasattr(os, "fork"), reason="takes another user in a process of its own")
def test_a_file_that_may_not_be_read(folder: Any) -> None:
    folder.write("b.csv", "id\n1\n")
    assert folder.read("b.csv").rows  # all modules are loaded now, which another user could not
    with tempfile.TemporaryDirectory() as place:
        Path(place).chmod(0o755)
        Path(place, "a.csv").write_text("id\n1\n")
        Path(place, "a.csv").chmod(0)
        said = source.Options(path=place)
        reading, writing = os.pipe()
        child = os.fork()
        if child == 0:
            if os.geteuid() == 0:
                os.setuid(65534)
            try:
                list(source.read(said, folder.request("a.csv"), None))
            except SourceError as error:
                os.write(writing, f"{error.findings[0].message} {error.findings[0].hint}".encode())
            os._exit(0)
        os.close(writing)
        with os.fdopen(reading) as told:
            text = told.read()
        os.waitpid(child, 0)
    assert "Permission denied" in text and "Nothing was loaded" in text and "user" in text


@pytest.mark.parametrize("kind", ["csv", "jsonl", "xml", "json"])
def test_bytes_that_are_no_text(folder: Any, kind: str) -> None:
    lines = {
        "csv": (b"id,t\n" + b"1,ok\n" * 30 + b"2,\xff\xfe\n3,ok\n", 32),
        "jsonl": (b'{"id":1}\n' * 30 + b'{"id":"\xff"}\n', 31),
        "json": (b"[" + b'{"id":1},\n' * 30 + b'{"id":"\xff"}]', 31),
        "xml": (b"<r><a><i>1</i></a>\n<a><i>\xff</i></a></r>", 2),
    }  # fmt: skip
    data, line = lines[kind]
    folder.write(f"a.{kind}", data)
    if kind == "xml":
        found = problem(folder, "a.xml")
        assert found.line == line and found.file == "a.xml"
        return
    got = folder.read(f"a.{kind}")
    assert [(r["file"], r["line"]) for r in got.rejects] == [(f"a.{kind}", line)]
    assert "0xff" in got.rejects[0]["reason"] and "\\xff" in got.rejects[0]["row"]


def test_rejects_of_every_format_have_row_reason_and_position(folder: Any) -> None:
    from test_files_records import KINDS, write

    for kind in KINDS:
        ending = {"excel": "xlsx", "fixed": "txt"}.get(kind, kind)
        write(folder, kind, f"a.{ending}", [1, 300, 2])
        options: dict[str, Any] = {"format": kind, "types": {"id": "tinyint"}}
        options |= {"positions": {"id": "1-3"}} if kind == "fixed" else {}
        options |= {"header": True} if kind == "excel" else {}
        got = folder.read(f"a.{ending}", **options)
        assert [r["id"] for r in got.rows] == [1, 2], kind
        (bad,) = got.rejects
        place = {"csv": 3, "json": 1, "xml": 1}.get(kind, 2)
        assert (bad["file"], bad["line"]) == (f"a.{ending}", place), kind
        assert "300" in bad["row"] and "`id`" in bad["reason"] and "TINYINT" in bad["reason"], kind
        with pytest.raises(SourceError, match="300"):
            folder.read(f"a.{ending}", on_bad_row="fail", **options)


def test_secrets_are_never_told(folder: Any) -> None:
    secret = "s3cr3t-of-ours"
    for path, options in (
        ("http://127.0.0.1:1/x", {"token": secret}), (f"http://ann:{secret}@127.0.0.1:1/x", {}),
        ("ftp://127.0.0.1:1/x", {"username": "ann", "password": secret}), (f"ftp://ann:{secret}@127.0.0.1:1/x", {}),
        ("sftp://127.0.0.1:1/x", {"username": "ann", "password": secret}),
        ("s3://b", {"AWS_ACCESS_KEY_ID": "k", "AWS_SECRET_ACCESS_KEY": secret, "AWS_ENDPOINT_URL": "http://127.0.0.1:1"}),
        ("az://b", {"AZURE_STORAGE_CONNECTION_STRING":
                    f"AccountName=a;AccountKey={secret}0000;BlobEndpoint=http://127.0.0.1:1/a"}),
    ):  # fmt: skip
        said = source.Options(path=path, **options)
        with pytest.raises(SourceError) as error:
            folder.read("a.csv", said=said)
        assert secret not in str(error.value) and secret not in repr(error.value.findings), path
        assert secret not in repr(said) or secret in path


def test_links_that_lead_in_circles_are_passed_over(folder: Any) -> None:
    """One to itself, one to a folder above, and two of which each leads to where the other is."""
    for name in ("a", "b"):
        folder.write(f"in/{name}/{name}.csv", "id\n1\n")
    for link, target in (("in/itself", "itself"), ("in/a/up", ".."), ("in/a/x", "../b"), ("in/b/y", "../a")):
        (folder.path / link).symlink_to(target)
    got = folder.read("in/**/*.csv", "incremental")
    assert sorted(row["_file"] for row in got.rows) == ["in/a/a.csv", "in/a/x/b.csv", "in/b/b.csv", "in/b/y/a.csv"]
