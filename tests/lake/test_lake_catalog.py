"""The catalog's answers, its server, and the database beneath."""

import http.client
import json
import os
import socket
import sqlite3
import subprocess
import sys
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import duckdb
import pytest

from wherry.errors import LakeError, NewerLake
from wherry.lake import database
from wherry.lake.attach import connect, load_extensions
from wherry.lake.clock import boot
from wherry.lake.lake import Lake
from wherry.lake.names import file_name, from_prefix, prefix
from wherry.lake.pointer import Put

SCHEMA = {"type": "struct", "schema-id": 0, "fields": [{"id": 1, "name": "i", "required": False, "type": "long"}]}


def ask(lake: Lake, method: str, path: str, body: Any = None, **query: str) -> tuple[int, Any]:
    return lake.catalog.handle(method, path, query, body, author="ada")


def made(lake: Lake, name: str = "t") -> dict[str, Any]:
    ask(lake, "POST", "/v1/main/namespaces", {"namespace": ["s"]})
    status, answer = ask(lake, "POST", "/v1/main/namespaces/s/tables", {"name": name, "schema": SCHEMA})
    assert status == 200
    return dict(answer)


@pytest.mark.parametrize("branch", ["main", "run/2026-ab", "a_b", "a_2fb", "é.1", "x.12"])
@pytest.mark.parametrize("at", [None, 0, 12])
def test_prefixes_carry_any_branch(branch: str, at: int | None) -> None:
    coded = prefix(branch, at)
    assert all(c.isascii() and (c.isalnum() or c in "_.") for c in coded)
    assert from_prefix(coded) == (branch, at)


def test_file_names_stay_inside() -> None:
    for name in ("..", ".", "", "a/b", "a\\b", "\0", "x" * 500, "表" * 200, "con", "~", " "):
        safe = file_name(name) + "-12345678"
        assert "/" not in safe and "\0" not in safe and len(safe.encode()) <= 140 and safe not in (".", "..")


def test_config_and_an_engine_that_knows_no_prefix_encoding(lake: Lake) -> None:
    lake.create_branch("run/1")
    status, answer = ask(lake, "GET", "/v1/config", warehouse="run/1")
    assert (status, answer["overrides"]) == (200, {"prefix": "run_2f1"})
    assert ask(lake, "GET", "/v1/config", warehouse="main@7")[1]["overrides"] == {"prefix": "main.7"}
    assert ask(lake, "GET", "/v1/config")[1]["overrides"] == {"prefix": "main"}
    assert ask(lake, "GET", "/v1/config", warehouse="nope")[0] == 404
    assert ask(lake, "GET", "/v1/config", warehouse="main@x")[0] == 404


def test_tables_made_without_staging(lake: Lake) -> None:
    answer = made(lake)
    assert answer["metadata"]["current-snapshot-id"] is None
    assert Path(answer["metadata-location"]).exists()
    assert ask(lake, "GET", "/v1/main/namespaces/s/tables")[1] == {"identifiers": [{"namespace": ["s"], "name": "t"}]}
    assert ask(lake, "HEAD", "/v1/main/namespaces/S/tables/T") == (204, None)
    assert ask(lake, "HEAD", "/v1/main/namespaces/s/tables/u")[0] == 404
    status, answer = ask(lake, "POST", "/v1/main/namespaces/s/tables", {"name": "T", "schema": SCHEMA})
    assert (status, answer["error"]["type"]) == (409, "AlreadyExistsException")
    assert ask(lake, "POST", "/v1/main/namespaces/none/tables", {"name": "t", "schema": SCHEMA})[0] == 404


def test_commits_that_do_not_fit_are_refused(lake: Lake) -> None:
    uuid = made(lake)["metadata"]["table-uuid"]
    path = "/v1/main/namespaces/s/tables/t"
    properties = [{"action": "set-properties", "updates": {"a": "b"}}]

    def post(requirements: list[dict[str, Any]], updates: list[dict[str, Any]] = properties) -> int:
        return ask(lake, "POST", path, {"requirements": requirements, "updates": updates})[0]

    assert post([{"type": "assert-create"}]) == 409
    assert post([{"type": "assert-table-uuid", "uuid": "other"}]) == 409
    assert post([{"type": "assert-ref-snapshot-id", "ref": "main", "snapshot-id": 7}]) == 409
    assert post([{"type": "assert-current-schema-id", "current-schema-id": 5}]) == 409
    assert post([{"type": "assert-something"}]) == 400
    assert post([], [{"action": "do-something"}]) == 400
    assert post([], [{"action": "replace-all", "metadata": {}}]) == 400
    assert post([], [{"action": "set-location", "location": "/etc"}]) == 400
    assert post([], [{"action": "set-location", "location": f"{lake.storage.root}/../x"}]) == 400
    assert post([], [{"action": "set-snapshot-ref", "ref-name": "main", "snapshot-id": 1, "type": "branch"}]) == 400
    assert post([{"type": "assert-table-uuid", "uuid": uuid}]) == 200
    assert len(lake.log()) == 2
    assert len(list(lake.storage.root.rglob("*.json"))) == 2


def test_a_stale_table_name_is_404(lake: Lake) -> None:
    made(lake)
    ask(lake, "DELETE", "/v1/main/namespaces/s/tables/t")
    assert ask(lake, "POST", "/v1/main/namespaces/s/tables/t", {"requirements": [], "updates": []})[0] == 404


def test_schemas_and_their_properties(lake: Lake) -> None:
    assert ask(lake, "POST", "/v1/main/namespaces", {"namespace": ["S"], "properties": {"a": "1"}})[0] == 200
    properties = {"a": "1", "location": f"{lake.storage.root}/S"}
    assert ask(lake, "GET", "/v1/main/namespaces/s")[1] == {"namespace": ["S"], "properties": properties}
    status, answer = ask(
        lake, "POST", "/v1/main/namespaces/s/properties", {"updates": {"b": "2"}, "removals": ["a", "z"]}
    )
    assert (status, answer) == (200, {"updated": ["b"], "removed": ["a"], "missing": ["z"]})
    assert ask(lake, "GET", "/v1/main/namespaces")[1] == {"namespaces": [["S"]]}
    assert ask(lake, "DELETE", "/v1/main/namespaces/s") == (204, None)
    assert ask(lake, "GET", "/v1/main/namespaces")[1] == {"namespaces": []}


def test_nonsense_is_refused_politely(lake: Lake) -> None:
    made(lake)
    cases: list[tuple[str, str, Any, int]] = [
        ("GET", "/", None, 400),
        ("GET", "/v1", None, 400),
        ("GET", "/v1/main", None, 400),
        ("GET", "/v1/nope/namespaces", None, 404),
        ("GET", "/v1/main.x/namespaces", None, 400),
        ("PATCH", "/v1/main/namespaces/s/tables/t", None, 400),
        ("POST", "/v1/main/namespaces/s/tables/t", {}, 400),
        ("POST", "/v1/main/transactions/commit", {}, 400),
        ("POST", "/v1/main/transactions/commit", {"table-changes": [{"identifier": {"namespace": []}}]}, 400),
        ("GET", "/v1/main/namespaces/s/tables/t/rows", None, 404),
        ("GET", "/v1/main/namespaces/a%1Fb/tables/t", None, 404),
        ("POST", "/v1/main.1/namespaces", {"namespace": ["x"]}, 403),
    ]
    for method, path, body, status in cases:
        found, answer = ask(lake, method, path, body)
        assert found == status, (method, path, answer)
        assert answer["error"]["code"] == status and answer["error"]["message"] and answer["error"]["type"]


# The server


def converse(lake: Lake, raw: bytes) -> bytes:
    with socket.create_connection(("127.0.0.1", lake.server.port), timeout=5) as connection:
        connection.sendall(raw)
        connection.shutdown(socket.SHUT_WR)
        answer = b""
        while more := connection.recv(65536):
            answer += more
        return answer


def test_a_wrong_token_is_refused(lake: Lake, db: duckdb.DuckDBPyConnection) -> None:
    client = http.client.HTTPConnection("127.0.0.1", lake.server.port, timeout=5)
    for headers in ({}, {"Authorization": "Bearer wrong"}, {"Authorization": "Bearer "}):
        client.request("GET", "/v1/config", headers=headers)
        answer = client.getresponse()
        assert answer.status == 401
        assert json.loads(answer.read())["error"]["type"] == "NotAuthorizedException"
    with pytest.raises(duckdb.Error, match=r"401|Unauthorized"):
        db.execute(f"ATTACH 'main' AS x (TYPE iceberg, ENDPOINT '{lake.server.endpoint}', AUTHORIZATION_TYPE 'none')")


def test_several_requests_on_one_connection(lake: Lake) -> None:
    token = lake.server.token("ada")
    one = f"GET /v1/config?warehouse=main HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\n"
    answer = converse(lake, (one + "\r\n" + one + "Connection: close\r\n\r\n").encode())
    assert answer.count(b"HTTP/1.1 200 OK") == 2 and answer.count(b'"prefix":"main"') == 2


def test_what_is_not_http_is_hung_up_on(lake: Lake) -> None:
    token = f"Authorization: Bearer {lake.server.token('ada')}\r\n".encode()
    assert converse(lake, b"hello\r\n\r\n").startswith(b"HTTP/1.1 400")
    assert converse(lake, b"GET / HTTP/1.1\r\nContent-Length: x\r\n\r\n").startswith(b"HTTP/1.1 400")
    assert converse(lake, b"POST / HTTP/1.1\r\n" + token + b"Content-Length: 2\r\n\r\n{]").startswith(b"HTTP/1.1 400")
    assert converse(lake, b"POST / HTTP/1.1\r\nContent-Length: 99999999999\r\n\r\n").startswith(b"HTTP/1.1 413")
    assert converse(lake, b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n").startswith(b"HTTP/1.1 501")
    assert converse(lake, b"POST / HTTP/1.1\r\n" + token + b"Content-Length: 9\r\n\r\n{") == b""
    with suppress(OSError):
        assert converse(lake, b"x" * 2_000_000) == b""


def test_the_server_listens_on_loopback_only_and_ends_with_the_lake(tmp_path: Path) -> None:
    with Lake.open(str(tmp_path / "w.db"), tmp_path / "lake") as lake:
        port = lake.server.port
        assert lake.server.endpoint == f"http://127.0.0.1:{port}"
    with pytest.raises(OSError):
        socket.create_connection(("127.0.0.1", port), timeout=5)


def test_many_connections_at_once(lake: Lake, db: duckdb.DuckDBPyConnection) -> None:
    db.execute("CREATE TABLE m.s.t AS SELECT 1 AS i")
    others = [connect() for _ in range(20)]
    for other in others:
        lake.attach(other, "main", "m")
    assert [other.execute("SELECT i FROM m.s.t").fetchall() for other in others] == [[(1,)]] * 20
    for other in others:
        other.close()


def test_a_proxy_is_not_asked_for_the_catalog(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "HTTP_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.setenv(name, "example.org")
    with connect() as connection:
        lake.attach(connection, "main", "m")
        connection.execute("CREATE SCHEMA m.s")
    assert os.environ["no_proxy"] == os.environ["NO_PROXY"] == "example.org,127.0.0.1"


def test_extensions_come_from_packages_and_a_missing_one_is_named() -> None:
    with duckdb.connect() as connection:
        load_extensions(connection)
        load_extensions(connection)
    with connect() as connection:
        for setting in ("autoinstall_known_extensions", "allow_unsigned_extensions"):
            assert connection.execute(f"SELECT current_setting('{setting}')").fetchall() == [(False,)]
        with pytest.raises(duckdb.InvalidInputException):
            connection.execute("SET allow_unsigned_extensions = true")
    from wherry.lake.attach import extension_file

    with pytest.raises(LakeError, match="`nothing`"):
        extension_file("nothing")


# The database


def test_a_newer_lake_is_refused(tmp_path: Path) -> None:
    path = str(tmp_path / "w.db")
    Lake.open(path, tmp_path / "lake").close()
    Lake.open(path, tmp_path / "lake").close()
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("UPDATE meta SET value = '99'")
    with pytest.raises(NewerLake, match="version 99"):
        Lake.open(path, tmp_path / "lake")


def test_what_is_no_database_is_told(tmp_path: Path) -> None:
    (tmp_path / "w.db").write_text("this is prose, not a database" * 100)
    with pytest.raises(LakeError, match="cannot be opened"):
        Lake.open(str(tmp_path / "w.db"), tmp_path / "lake")


def test_commits_that_people_see_survive_a_power_cut(lake: Lake) -> None:
    for durable, synchronous in ((True, 2), (False, 1), (True, 2)):
        with database.writing(lake.database, durable=durable) as connection:
            assert connection.value("PRAGMA synchronous") == synchronous
    with database.reading(lake.database) as connection:
        assert connection.value("PRAGMA journal_mode") == "wal"


def test_work_from_before_a_restart_of_the_machine_is_not_published(lake: Lake) -> None:
    lake.create_branch("run/1")
    lake.create_branch("dev")
    for branch in ("run/1", "dev"):
        lake.put(branch, [Put(name=f"s.{branch[:3]}", kind="view", sql="SELECT 1")], author="", message="")
    with database.writing(lake.database) as connection:
        earlier = "UPDATE branch SET boot = 'earlier' WHERE boot IS NOT NULL"
        assert connection.change(earlier) == int(bool(boot()))
    if boot():
        with pytest.raises(LakeError, match="started again"):
            lake.merge("run/1", author="", message="")
        assert lake.continue_branch("run/1", "run/2") == []
    assert lake.merge("dev", author="", message="") is not None


def test_a_database_that_cannot_be_had_is_told(lake: Lake) -> None:
    with database.writing(lake.database):
        with lake.database.connection() as other:
            other.rows("PRAGMA busy_timeout=1")
        with pytest.raises(LakeError, match="locked"):
            lake.create_branch("dev")


def test_readers_do_not_wait_for_a_writer(lake: Lake) -> None:
    with database.writing(lake.database):
        assert lake.pointers("main") == {}


def test_nothing_heavy_is_imported_early() -> None:
    program = "import sys, wherry.lake; print(int('sqlite3' in sys.modules or 'duckdb' in sys.modules))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "0\n"
    heavy = {"duckdb", "pyarrow", "psycopg", "http.server", "wherry.lake.merge", "wherry.lake.catalog"}
    program = f"import sys, wherry.lake.lake; print(len({heavy} & sys.modules.keys()))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "0\n"
