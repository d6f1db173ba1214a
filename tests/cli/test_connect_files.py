"""``wherry check --connect`` tries what a load of files would do: list what matches, and open one."""

from __future__ import annotations

import gzip
import os
import shutil
import tempfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from fixtures.commands import Wherry
from fixtures.file_servers import ftp_server
from fixtures.web import Reply, Request, serving
from wherry.sources.files import reach


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "wherry.toml").write_text('name = "t"\n')
    (tmp_path / "sources").mkdir()
    (tmp_path / "data").mkdir()
    monkeypatch.chdir(tmp_path)
    return tmp_path


def source(project: Path, path: str, tables: str, more: str = "") -> None:
    (project / "sources/drop.yml").write_text(f"connector: files\npath: {path}\n{more}tables:\n{tables}")


def test_what_is_there_is_told(project: Path, wherry: Wherry) -> None:
    data = project / "data"
    (data / "a1.csv").write_text("")
    (data / "a2.csv").write_text("id\n1\n")
    (data / "b.jsonl.gz").write_bytes(gzip.compress(b'{"id": 1}\n' * 20_000))
    with zipfile.ZipFile(data / "c.zip", "w") as archive:
        archive.writestr("x.csv", "id\n1\n")
    source(project, "data", "  a*.csv: {as: raw.a}\n  b.jsonl.gz: {as: raw.b}\n  c.zip: {as: raw.c}\n")
    told = wherry("check", "--connect")
    assert told.code == 0, told.err
    assert "reached  drop: raw.a  2 files, 5 bytes; `a2.csv` is CSV\n" in told.err
    assert (
        "`b.jsonl.gz` is JSON Lines, packed with gzip\n" in told.err
        and "`c.zip` is an archive with 1 member to read\n" in told.err
    )
    found = {each["table"]: each["found"] for each in wherry("check", "--connect", "--json").json["connect"]}
    assert found["raw.a"] == {"files": 2, "bytes": 5, "opened": "a2.csv", "format": "csv", "compression": "none"}


@pytest.mark.parametrize(
    ("name", "body", "told"),
    [
        ("a.csv", b"<!doctype html><title>Log in</title>", "is an HTML page"),
        ("a.parquet", b"id,a\n1,2\n", "is not Parquet"),
        ("a.csv.gz", b"id,a\n1,2\n", "cut off or damaged"),
        ("a.csv.gz", gzip.compress(b"<html><title>Log in</title>", mtime=0), "is an HTML page"),
        ("a.csv.zst", b"id,a\n1,2\n", "cut off or damaged"),
        ("a.zip", b"id,a\n1,2\n", "cut off or damaged"),
    ],
)
def test_a_file_that_is_something_else(project: Path, wherry: Wherry, name: str, body: bytes, told: str) -> None:
    (project / "data" / name).write_bytes(body)
    source(project, "data", f"  {name}: {{as: raw.a}}\n")
    answer = wherry("check", "--connect", "--json")
    (finding,) = answer.json["findings"]
    assert answer.code == 1 and told in finding["message"] and finding["hint"] and finding["line"] == 4
    assert answer.json["connect"] == [{"source": "drop", "table": "raw.a", "reached": False}]


@pytest.mark.parametrize("name", ["a.zip", "a.tar.gz"])
def test_a_pattern_of_members_that_matches_nothing(project: Path, wherry: Wherry, name: str) -> None:
    (project / "in").mkdir()
    (project / "in/x.csv").write_text("id\n1\n")
    shutil.make_archive(str(project / "data/a"), "zip" if name == "a.zip" else "gztar", project / "in")
    source(project, "data", f'  "{name}!/y*.csv": {{as: raw.a}}\n  "{name}!/**/x.csv": {{as: raw.b}}\n')
    answer = wherry("check", "--connect", "--json")
    (finding,) = answer.json["findings"]
    assert answer.code == 1 and finding["message"] == f"No member of `{name}` matches `y*.csv`."
    assert "x.csv`" in finding["hint"]
    reached = {each["table"]: each["reached"] for each in answer.json["connect"]}
    assert reached["raw.a"] is False


@pytest.mark.parametrize("mode", ["full", "incremental"])
def test_a_pattern_that_matches_nothing(project: Path, wherry: Wherry, mode: str) -> None:
    (project / "data/orders-1.csv").write_text("id\n1\n")
    source(project, "data", f"  order_*.csv: {{as: raw.a, mode: {mode}}}\n")
    answer = wherry("check", "--connect", "--json")
    (finding,) = answer.json["findings"]
    assert answer.code == 1 and finding["message"].startswith("No file matches `order_*.csv` in `data`.")
    assert "`orders-1.csv`" in finding["hint"]


@contextmanager
def nobody() -> Iterator[None]:
    """As a user who may do little."""
    if os.geteuid():
        yield
        return
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)


@pytest.mark.parametrize(
    ("locked", "table", "told"),
    [
        ("a.csv", "a.csv", "`a.csv` cannot be read: Permission denied"),
        ("sub", "**/*.csv", "The folder `sub` cannot be listed: Permission denied"),
        ("sub", "sub/*.csv", "The folder `sub` cannot be listed: Permission denied"),
        ("", "*.csv", "The folder `{}` cannot be listed: Permission denied"),
    ],
)
def test_a_folder_or_file_without_permission(locked: str, table: str, told: str) -> None:
    """Files below a folder that may not be listed would else seem to be gone."""
    from wherry.errors import SourceError
    from wherry.ports import TableRequest
    from wherry.sources.files import source

    folder = Path(tempfile.mkdtemp())
    try:
        folder.chmod(0o755)
        (folder / "sub").mkdir()
        (folder / "a.csv").write_text("id\n1\n")
        (folder / "sub/b.csv").write_text("id\n2\n")
        (folder / ".hidden").mkdir(mode=0o700)  # no pattern here matches what is in it
        options = source.Options(path=str(folder))
        request = TableRequest(name=table, mode="full", options=source.TableOptions())
        with nobody():
            assert source.reach(options, request).facts["files"] in (1, 2)
        (folder / locked).chmod(0o000)
        for ask in (lambda: source.reach(options, request), lambda: source.changed(options, request, None)):
            with nobody(), pytest.raises(SourceError) as raised:
                ask()
                # Only opening the file tells.
                next(iter(source.read(options, request, None)))
            (finding,) = raised.value.findings
            assert told.format(folder) in finding.message and "Let the user" in finding.hint
    finally:
        for each in (folder, folder / "sub"):
            each.chmod(0o755)
        shutil.rmtree(folder)


@pytest.mark.parametrize(("perm", "told"), [("er", "`*.csv`"), ("el", "`a.csv`")])
def test_an_ftp_server_that_does_not_let_us(
    project: Path, wherry: Wherry, tmp_path_factory: pytest.TempPathFactory, perm: str, told: str
) -> None:
    folder = tmp_path_factory.mktemp("ftp")
    (folder / "a.csv").write_text("id\n1\n")
    for allowed in ("elr", perm):
        with ftp_server(folder, perm=allowed) as port:
            (project / ".env").write_text("FTP_PASSWORD=secret word\n")
            login = "username: ann\npassword: ${FTP_PASSWORD}\n"
            source(project, f"ftp://127.0.0.1:{port}/", '  "*.csv": {as: raw.a}\n', login)
            answer = wherry("check", "--connect", "--json")
        if allowed == "elr":
            assert answer.code == 0 and answer.json["connect"][0]["found"]["files"] == 1
            continue
        (finding,) = answer.json["findings"]
        assert answer.code == 1 and finding["message"].startswith(told) and "`ann` read it" in finding["hint"]


LISTING = """<?xml version="1.0"?><ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Name>b</Name>
<Prefix/><KeyCount>1</KeyCount><MaxKeys>1000</MaxKeys><IsTruncated>false</IsTruncated><Contents><Key>a.csv</Key>
<LastModified>2026-01-01T00:00:00.000Z</LastModified><ETag>"1"</ETag><Size>5</Size></Contents></ListBucketResult>"""
DENIED = "<?xml version='1.0'?><Error><Code>AccessDenied</Code><Message>Access Denied</Message></Error>"


@pytest.mark.parametrize(("may", "told"), [("read", "`*.csv` in"), ("list", "`a.csv` in"), ("both", "")])
def test_a_bucket_that_does_not_let_us(
    project: Path, wherry: Wherry, monkeypatch: pytest.MonkeyPatch, may: str, told: str
) -> None:
    for name in ("AWS_SESSION_TOKEN", "AWS_REGION", "AWS_ENDPOINT_URL"):
        monkeypatch.delenv(name, raising=False)

    def answer(r: Request) -> Reply:
        asked = "list" if "list-type" in r.params else "read"
        if may not in (asked, "both"):
            return Reply(status=403, body=DENIED.encode())
        dated = {"Last-Modified": "Thu, 01 Jan 2026 00:00:00 GMT", "ETag": '"1"'}
        return Reply(body=LISTING.encode()) if asked == "list" else Reply(body=b"id\n1\n", headers=dated)

    with serving(answer) as web:
        (project / ".env").write_text("AWS_SECRET_ACCESS_KEY=hush-hush-hush\n")
        keys = "AWS_ACCESS_KEY_ID: AKIDX\nAWS_SECRET_ACCESS_KEY: ${AWS_SECRET_ACCESS_KEY}\n"
        source(project, "s3://b", '  "*.csv": {as: raw.a}\n', f"{keys}AWS_ENDPOINT_URL: {web.url}\n")
        got: Any = wherry("check", "--connect", "--json")
    assert "hush-hush" not in got.out + got.err
    if not told:
        assert got.code == 0 and got.json["connect"][0]["found"]["bytes"] == 5
        return
    (finding,) = got.json["findings"]
    assert got.code == 1 and finding["message"].startswith(told) and "AWS_SECRET_ACCESS_KEY" in finding["hint"]


def test_little_of_an_archive_is_unpacked(project: Path, wherry: Wherry, monkeypatch: pytest.MonkeyPatch) -> None:
    (project / "in").mkdir()
    for name in ("x.csv", "y.csv"):
        (project / "in" / name).write_text("id\n" + "1\n" * 500)
    shutil.make_archive(str(project / "data/a"), "bztar", project / "in")
    source(project, "data", '  "a.tar.bz2": {as: raw.a}\n')
    for most, members in ((2100, 2), (1100, None)):
        monkeypatch.setattr(reach, "UNPACKED", most)
        (told,) = wherry("check", "--connect", "--json").json["connect"]
        assert told["reached"] and told["found"]["members"] == members
