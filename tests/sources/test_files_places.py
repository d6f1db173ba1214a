"""Files on SFTP, FTP and web servers: real ones, that are also slow of hearing and quick to hang up."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from fixtures.file_servers import SshServer, certificate, ftp_server, ssh_server, web_server
from wherry.errors import ProjectError, SourceError
from wherry.sources.files import source
from wherry.sources.files.places.patterns import Entry, matches, walk
from wherry.testing import check_source


@pytest.mark.parametrize(
    ("pattern", "yes", "no"),
    [
        ("*.csv", ["a.csv", "a b.csv"], ["x/a.csv", ".a.csv", "a.csvx"]),
        ("**/*.csv", ["a.csv", "x/a.csv", "x/y/a.csv"], [".x/a.csv", "x/.a.csv"]),
        ("x/**", ["x/a", "x/y/a"], ["x", "y/a"]), ("x/*/a[0-9].?", ["x/y/a1.b"], ["x/a1.b", "x/y/ab.b"]),
        ("a[!b]c", ["axc"], ["abc", "a/c"]), ("a[b", ["a[b"], ["ab"]), ("[]]x", ["]x"], ["x"]),
        ("a+(b).c", ["a+(b).c"], ["ab.c"]),
    ],
)  # fmt: skip
def test_patterns(pattern: str, yes: list[str], no: list[str]) -> None:
    assert [name for name in yes if not matches(pattern, name)] == []
    assert [name for name in no if matches(pattern, name)] == []


def test_only_folders_that_can_match_are_listed() -> None:
    tree = {
        "": ["a/", "b/", "1.csv"], "a": ["x/", "2.csv"], "a/x": ["y/", "3.csv"], "a/x/y": ["4.csv"], "b": ["5.csv"],
    }  # fmt: skip
    listed: list[str] = []

    def listing(folder: str) -> Iterator[Entry]:
        listed.append(folder)
        yield from (Entry(name=n.rstrip("/"), is_folder=n.endswith("/")) for n in tree[folder])

    assert [name for name, _ in walk("a/*/*.csv", listing)] == ["a/x/3.csv"] and listed == ["a", "a/x"]
    assert {name for name, _ in walk("**/*.csv", listing)} == {
        "1.csv", "a/2.csv", "a/x/3.csv", "a/x/y/4.csv", "b/5.csv"
    }  # fmt: skip


@pytest.fixture(scope="module")
def ssh(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SshServer]:
    with ssh_server(tmp_path_factory.mktemp("ssh")) as server:
        yield server


def sftp_options(ssh: SshServer, folder: Path, **other: Any) -> Any:
    given = {"username": ssh.user, "private_key": str(ssh.key), "host_key": ssh.host_key} | other
    return source.Options(path=ssh.url(folder), **given)


@pytest.mark.needs("sshd")
@pytest.mark.parametrize("mode", ["full", "incremental"])
def test_sftp_conforms(folder: Any, ssh: SshServer, mode: str) -> None:
    for i in range(3):
        folder.write(f"in/{i}/a.csv", f"id\n{i}\n")
    folder.write("in/.hidden/a.csv", "id\n9\n")
    (folder.path / "in/loop").symlink_to(folder.path / "in")
    said = sftp_options(ssh, folder.path)

    def change() -> int:
        folder.write("in/1/a.csv", "id\n1\n11\n")
        folder.write("in/3/b.csv", "id\n3\n")
        return 5

    check_source(source, said, folder.request("in/**/*.csv", mode), 3, change)


@pytest.mark.needs("sshd")
def test_sftp_says_what_is_wrong(folder: Any, ssh: SshServer) -> None:
    folder.write("a.csv", "id\n1\n")
    folder.write("sub/b.csv", "id\n1\n")

    def fails(name: str = "a.csv", **other: Any) -> Any:
        with pytest.raises(SourceError) as error:
            folder.read(name, said=sftp_options(ssh, folder.path, **other))
        assert "sesame" not in str(error.value)
        return error.value.findings[0]

    assert "refuses the login" in fails(private_key=str(ssh.other_key)).message
    assert "passphrase" in fails(private_key=str(ssh.locked_key)).hint
    unlocked = sftp_options(ssh, folder.path, private_key=str(ssh.locked_key), passphrase="open sesame")
    assert folder.read("a.csv", said=unlocked).rows == [{"id": 1}]
    stranger = fails(host_key="")
    assert stranger.code == "host-key" and ssh.host_key in stranger.message and "known_hosts" in stranger.hint
    other = ssh.other_key.with_suffix(".pub").read_text()
    assert "another key" in fails(host_key=other).message
    assert fails(host_key="nonsense").code == "bad-option"
    assert "Did you mean `a.csv`" in fails("b.csv").hint
    assert "is a folder" in fails("sub").message
    assert "sub/b.csv" in fails("sub/c.csv").hint
    assert "No file" in fails("x/*.csv").message
    with pytest.raises(SourceError, match="cannot be read"):
        folder.read("a.csv", said=source.Options(path="sftp://127.0.0.1:1/x", username="x", password="y"))


@pytest.fixture(params=["mlsd", "old", "tls"])
def ftp(folder: Any, request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Any]:
    folder.write("in/a.csv", "id\n1\n")
    pem = certificate(tmp_path) if request.param == "tls" else None
    with ftp_server(folder.path, pem, old=request.param == "old") as port:
        scheme = "ftps" if pem else "ftp"
        trusted = {"certificate": str(pem)} if pem else {}

        def options(**other: Any) -> Any:
            login = {"username": "ann", "password": "secret word"} | trusted | other
            return source.Options(path=f"{scheme}://localhost:{port}/", **login)

        yield options


def test_ftp_conforms(folder: Any, ftp: Any) -> None:
    folder.write("in/b/c.csv", "id\n2\n")
    folder.write("in/b/d e.csv", "id\n3\n")

    def change() -> int:
        path = folder.write("in/a.csv", "id\n1\n11\n")
        os.utime(path, (1_000_000_000, 1_000_000_000))
        folder.write("in/b/x.csv", "id\n4\n")
        return 5

    check_source(source, ftp(), folder.request("in/**/*.csv", "incremental"), 3, change)


def test_ftp_says_what_is_wrong(folder: Any, ftp: Any) -> None:
    for name, word, other in (
        ("in/a.csv", "cannot be read", {"password": "wrong word"}), ("in/b.csv", "No file matches", {}),
        ("in", "is a folder", {}),
    ):  # fmt: skip
        with pytest.raises(SourceError, match=word) as error:
            folder.read(name, said=ftp(**other))
        assert "word" not in str(error.value) and error.value.findings[0].hint
    if ftp().scheme == "ftps":
        with pytest.raises(SourceError, match="certificate") as error:
            folder.read("in/a.csv", said=ftp(certificate=""))
        assert "certificate:" in error.value.findings[0].hint


ROWS = "id,text\n" + "".join(f"{i},{'x' * 50}\n" for i in range(30_000))


def test_an_ftp_transfer_that_is_cut_off_goes_on(folder: Any) -> None:
    folder.write("a.csv", ROWS)
    with ftp_server(folder.path, cut_after=700_000) as port:
        said = source.Options(path=f"ftp://127.0.0.1:{port}", username="ann", password="secret word")
        assert len(folder.read("a.csv", said=said).rows) == 30_000


@pytest.mark.parametrize("ranges", [True, False])
def test_a_web_transfer_that_is_cut_off_goes_on(folder: Any, ranges: bool) -> None:
    folder.write("a.csv", ROWS)
    with web_server(folder.path, cut_after=600_000, ranges=ranges) as web:
        said = source.Options(path=web.url)
        if ranges:
            assert len(folder.read("a.csv", said=said).rows) == 30_000
            starts = [headers["Range"] for _, _, headers in web.asked if "Range" in headers]
            assert starts == ["bytes=600000-", "bytes=1200000-"]
        else:
            with pytest.raises(SourceError, match="cut off after 600,000 bytes, 4 times"):
                folder.read("a.csv", said=said)


def test_a_web_server_that_stumbles(folder: Any) -> None:
    folder.write("a.csv", "id\n1\n")
    with web_server(folder.path, first=[503, 429]) as web:
        assert folder.read("a.csv", said=source.Options(path=web.url)).rows == [{"id": 1}]
    with web_server(folder.path, head=False, tags=False) as web:
        said = source.Options(path=web.url)
        got = folder.read("a.csv", said=said)
        assert got.rows == [{"id": 1}]
        # Nothing tells whether the file is the same: it is read again.
        assert source.changed(said, folder.request("a.csv"), got.cursor)


def test_a_file_that_changes_on_the_way_is_refused(folder: Any) -> None:
    path = folder.write("a.csv", ROWS)
    with web_server(folder.path, cut_after=600_000) as web:
        from wherry.sources.files.places.place import fetch, open_place

        place = open_place(source.Options(path=web.url))
        file = place.look("a.csv")
        assert file is not None
        path.write_text(ROWS.replace("x", "y"))
        with pytest.raises(SourceError, match="changed while it was being read"):
            fetch(place, file, folder.path / "copy")


@pytest.mark.parametrize(
    ("given", "header", "value"),
    [
        ({"token": "very-secret"}, "Authorization", "Bearer very-secret"),
        ({"username": "ann", "password": "very-secret"}, "Authorization", "Basic YW5uOnZlcnktc2VjcmV0"),
        ({"headers": {"X-Key": "very-secret"}}, "X-Key", "very-secret"),
    ],
)
def test_logins_stay_with_their_server(folder: Any, given: Any, header: str, value: str) -> None:
    folder.write("a.csv", "id\n1\n")
    with web_server(folder.path) as other, web_server(folder.path, wants=(header, value)) as web:
        web.redirect |= {"/here.csv": "/a.csv", "/there.csv": f"{other.url}/a.csv"}
        said = source.Options(path=web.url, **given)
        for name in ("a.csv", "here.csv", "there.csv"):
            assert folder.read(name, said=said).rows == [{"id": 1}]
        assert other.asked and not any("very-secret" in str(headers) for _, _, headers in other.asked)
        assert not any(header in headers for _, _, headers in other.asked)
        with pytest.raises(SourceError, match="401") as error:
            folder.read("a.csv", said=source.Options(path=web.url, token="stale-token"))
        assert "expired" in error.value.findings[0].hint and "stale-token" not in str(error.value)


def test_a_web_server_has_no_listing(folder: Any) -> None:
    with pytest.raises(SourceError, match="cannot be asked"):
        folder.read("*.csv", said=source.Options(path="http://127.0.0.1:1"))


def test_options_of_another_place_are_findings(folder: Any) -> None:
    for options, word in (
        ({"path": "s3://a", "private_key": "x"}, "sftp://"), ({"path": ".", "token": "x"}, "a local folder"),
        ({"path": "gopher://x"}, "not read"),
    ):  # fmt: skip
        with pytest.raises(ProjectError, match=word):
            folder.read("a.csv", said=source.Options(**options))


@pytest.mark.parametrize(("path", "module", "extra"), [
    ("sftp://h/x", "paramiko", "sftp"), ("s3://b", "obstore", "s3"), ("gs://b", "obstore", "gcs"),
    ("az://b", "obstore", "azure"),
])  # fmt: skip
def test_a_missing_driver_says_what_to_install(
    folder: Any, monkeypatch: pytest.MonkeyPatch, path: str, module: str, extra: str
) -> None:
    monkeypatch.setitem(__import__("sys").modules, module, None)
    with pytest.raises(SourceError) as error:
        folder.read("a.csv", said=source.Options(path=path))
    assert error.value.findings[0].hint == f"pip install 'wherry[{extra}]'"
