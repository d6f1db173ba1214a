"""A lake in a bucket does what a lake in a folder does."""

import base64
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import pytest

from fixtures import cloud_servers
from fixtures.buckets import KEY, SECRET, Objects, ObjectStore, azure, objects, scheme, server, store
from fixtures.cloud_servers import Cloud
from wherry.errors import Conflict, LakeError
from wherry.lake import filling, folder
from wherry.lake.access import find_access
from wherry.lake.attach import connect
from wherry.lake.lake import Lake
from wherry.lake.storage import LAKES, open_storage

__all__ = ["azure", "objects", "scheme", "server", "store"]


@pytest.fixture
def bucket_lake(scheme: str, objects: Objects, tmp_path: Path) -> Iterator[Lake]:
    with Lake.open(str(tmp_path / "w.db"), f"{scheme}://lake/some.where", objects.variables) as opened:
        yield opened


@pytest.fixture
def con(bucket_lake: Lake) -> Iterator[duckdb.DuckDBPyConnection]:
    with connect() as connection:
        bucket_lake.attach(connection, "main", "m", author="ada")
        connection.execute("CREATE SCHEMA m.s")
        yield connection


def rows(connection: duckdb.DuckDBPyConnection, query: str) -> list[tuple[Any, ...]]:
    return connection.execute(query).fetchall()


def test_files_that_were_copied(bucket_lake: Lake, con: duckdb.DuckDBPyConnection, objects: Objects) -> None:
    con.execute("CREATE TABLE m.s.t (id BIGINT, name VARCHAR)")
    pointer = bucket_lake.pointer("main", "s.t")
    assert pointer is not None and pointer.location is not None
    metadata, group = bucket_lake.storage.read(pointer.location), filling.group_of(bucket_lake.storage)
    assert group == 122_880
    query = "SELECT i AS id, 'n' || i AS name FROM range(150_000) AS t(i)"
    copies = [filling.written(rows(con, filling.copy_statement(query, metadata, group)), metadata) for _ in range(2)]
    bucket_lake.fill("main", "s.t", metadata, copies[0], con)
    with pytest.raises(Conflict):
        bucket_lake.fill("main", "s.t", metadata, copies[1], con)
    assert len([key for key in objects.objects() if key.endswith(".parquet")]) == 1
    assert rows(con, "SELECT count(*), sum(id), max(name) FROM m.s.t") == [(150_000, 11_249_925_000, "n99999")]
    con.execute("DELETE FROM m.s.t WHERE id > 0")
    assert rows(con, "FROM m.s.t") == [(0, "n0")]


def test_tables_live_in_the_bucket(
    bucket_lake: Lake, con: duckdb.DuckDBPyConnection, objects: Objects, tmp_path: Path, monkeypatch: Any
) -> None:
    def never(*_: object) -> None:
        raise AssertionError("nothing is to be flushed")

    monkeypatch.setattr(folder, "_sync", never)
    monkeypatch.setattr(folder, "_sync_file_system", never)
    con.execute("CREATE TABLE m.s.t AS SELECT range AS id, 'n' || range AS name FROM range(10)")
    before = bucket_lake.log()[0]
    con.execute("INSERT INTO m.s.t VALUES (10, 'ten')")
    con.execute("DELETE FROM m.s.t WHERE id = 3")
    con.execute("UPDATE m.s.t SET name = 'x' WHERE id = 4")
    con.execute(
        "MERGE INTO m.s.t USING (VALUES (5, 'five'), (11, 'eleven')) AS v (id, name) USING (id) "
        "WHEN MATCHED THEN UPDATE WHEN NOT MATCHED THEN INSERT"
    )
    found = rows(con, "SELECT count(*), sum(id), max(name) FILTER (id = 5), max(name) FILTER (id = 4) FROM m.s.t")
    assert found == [(11, 63, "five", "x")]
    bucket_lake.attach(con, "main", "past", before.seq)
    assert rows(con, "SELECT count(*), sum(id) FROM past.s.t") == [(10, 45)]
    bucket_lake.restore(before.id, author="ada")
    bucket_lake.attach(con, "main", "again")
    assert rows(con, "SELECT count(*), sum(id) FROM again.s.t") == [(10, 45)]
    assert all(key.startswith("some.where/s/t-") for key in objects.objects() if LAKES not in key)
    assert not (tmp_path / "lake").exists()


def test_a_branch_is_published_in_one_move(bucket_lake: Lake, con: duckdb.DuckDBPyConnection) -> None:
    con.execute("CREATE TABLE m.s.t AS SELECT 1 AS a")
    bucket_lake.create_branch("dev")
    bucket_lake.attach(con, "dev", "d")
    con.execute("INSERT INTO d.s.t VALUES (2)")
    con.execute("CREATE TABLE d.s.u AS SELECT 3 AS a")
    assert rows(con, "SELECT count(*) FROM m.s.t") == [(1,)]
    bucket_lake.merge("dev", author="ada", message="m")
    assert rows(con, "SELECT count(*) FROM m.s.t") == [(2,)] and rows(con, "FROM m.s.u") == [(3,)]


def test_names_are_encoded(bucket_lake: Lake, con: duckdb.DuckDBPyConnection, objects: Objects) -> None:
    for name in ("a b", "../x", "100%", "ünï", "q?*[1]", "a/b"):
        con.execute(f'CREATE TABLE m.s."{name}" AS SELECT 1 AS a')
        con.execute(f'INSERT INTO m.s."{name}" VALUES (2)')
        assert rows(con, f'SELECT sum(a) FROM m.s."{name}"') == [(3,)], name
    keys = [key for key in objects.objects() if LAKES not in key]
    assert all(key.startswith("some.where/s/") and not set("?*[]") & set(key) for key in keys)
    assert {file.location for file in bucket_lake.storage.listing()} == {
        f"{bucket_lake.storage.location[:2]}://lake/{key}" for key in keys
    }


def test_metadata_is_read_from_the_bucket_by_another_process_s_lake(
    bucket_lake: Lake, con: duckdb.DuckDBPyConnection, objects: Objects, tmp_path: Path
) -> None:
    con.execute("CREATE TABLE m.s.t AS SELECT 1::DECIMAL(9,2) AS a")
    with Lake.open(str(tmp_path / "w.db"), bucket_lake.storage.location, objects.variables) as other:
        pointer = other.pointer("main", "s.t")
        assert pointer is not None and other.columns(pointer) == [("a", "DECIMAL(9,2)")]
        bucket_lake.storage.remove([pointer.location or ""])
        with (
            pytest.raises(LakeError, match="is not there") as problem,
            Lake.open(str(tmp_path / "w.db"), bucket_lake.storage.location, objects.variables) as third,
        ):
            third.columns(pointer)
        assert problem.value.findings[0].code == "missing-file"


def test_a_refused_commit_leaves_no_metadata(
    bucket_lake: Lake, con: duckdb.DuckDBPyConnection, objects: Objects
) -> None:
    con.execute("CREATE TABLE m.s.t AS SELECT 1 AS a")
    before = objects.objects()
    update = {"action": "set-location", "location": f"{bucket_lake.storage.location}/../../elsewhere"}
    status, body = bucket_lake.catalog.handle("POST", "/v1/main/namespaces/s/tables/t", {}, {"updates": [update]})
    assert status == 400 and body is not None and "must lie in the lake" in body["error"]["message"]
    assert objects.objects() == before


def test_credentials_are_lent_only_when_asked_for(
    bucket_lake: Lake, con: duckdb.DuckDBPyConnection, scheme: str, objects: Objects
) -> None:
    con.execute("CREATE TABLE m.s.t AS SELECT 1 AS a")
    path = "/v1/main/namespaces/s/tables/t"
    _, kept = bucket_lake.catalog.handle("GET", path)
    assert kept is not None and kept["config"] == {} and SECRET not in json.dumps(kept)
    bucket_lake.storage.lends = True
    _, lent = bucket_lake.catalog.handle("GET", path)
    assert lent is not None
    if scheme == "az":
        assert lent["config"] == {"adls.connection-string": objects.variables["AZURE_STORAGE_CONNECTION_STRING"]}
    else:
        assert lent["config"]["s3.secret-access-key"] == SECRET
        assert lent["config"]["s3.path-style-access"] == "true"


@pytest.mark.needs("pyiceberg")
def test_another_engine_reads_with_lent_credentials(
    bucket_lake: Lake, con: duckdb.DuckDBPyConnection, objects: Objects, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not bucket_lake.storage.location.startswith("s3://"):
        pytest.skip("pyiceberg reads other stores by drivers and credentials of its own")
    from pyiceberg.catalog.rest import RestCatalog

    con.execute("CREATE TABLE m.s.t AS SELECT range AS a FROM range(5)")
    for name in objects.variables:
        monkeypatch.delenv(name)
    bucket_lake.storage.lends = True
    token = bucket_lake.server.token("engine")
    catalog = RestCatalog("other", uri=bucket_lake.server.endpoint, token=token, warehouse="main")
    assert sum(catalog.load_table("s.t").scan().to_arrow()["a"].to_pylist()) == 10


def test_what_is_wrong_is_told_without_the_secret(
    store: ObjectStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def problem(address: str, variables: dict[str, str]) -> Any:
        with (
            Lake.open(str(tmp_path / "w.db"), address, variables) as opened,
            connect() as connection,
            pytest.raises(LakeError) as raised,
        ):
            opened.attach(connection, "main", "m")
        (finding,) = raised.value.findings
        assert finding.hint and SECRET not in str(finding)
        return finding.code

    assert problem("s3://nowhere/x", store.variables) == "no-bucket"
    assert (
        problem("s3://lake/x", {**store.variables, "AWS_ENDPOINT_URL": "http://127.0.0.1:9"}) == "storage-unreachable"
    )
    # From now on the store knows no key at all.
    monkeypatch.setattr("moto.settings.INITIAL_NO_AUTH_ACTION_COUNT", 0)
    assert problem("s3://lake/x", store.variables) == "storage-denied"


@pytest.mark.needs("azurite")
def test_what_is_wrong_with_azure_is_told_without_the_secret(azure: Cloud, tmp_path: Path) -> None:
    right = azure.options["AZURE_STORAGE_CONNECTION_STRING"]

    def problem(address: str, connection: str) -> Any:
        with (
            Lake.open(str(tmp_path / "w.db"), address, {"AZURE_STORAGE_CONNECTION_STRING": connection}) as opened,
            connect() as duck,
            pytest.raises(LakeError) as raised,
        ):
            opened.attach(duck, "main", "m")
        (finding,) = raised.value.findings
        assert finding.hint and "AccountKey" not in str(finding) and cloud_servers.KEY not in str(finding)
        return finding.code

    assert problem("az://nowhere/x", right) == "no-bucket"
    assert problem("az://lake/x", right.replace("AccountKey=Eby8", "AccountKey=Abcd")) == "storage-denied"
    elsewhere = re.sub(r"127\.0\.0\.1:\d+", "127.0.0.1:9", right)
    assert problem("az://lake/x", elsewhere) == "storage-unreachable"


@pytest.mark.parametrize(
    ("address", "missing"),
    [
        ("s3://lake/x", "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"),
        ("gs://lake/x", "GOOGLE_ACCESS_KEY_ID and GOOGLE_SECRET_ACCESS_KEY"),
        ("az://lake/x", "AZURE_STORAGE_ACCOUNT and AZURE_STORAGE_KEY"),
    ],
)
def test_missing_credentials_are_named(address: str, missing: str) -> None:
    with pytest.raises(LakeError, match=missing):
        open_storage(address, {})


def test_secrets_are_in_no_text_that_is_shown() -> None:
    key = base64.b64encode(b"azure key").decode()
    azure = find_access("az://box/x", {"AZURE_STORAGE_ACCOUNT": "me", "AZURE_STORAGE_KEY": key})
    assert key not in repr(azure) and key in azure.secret_for_duckdb() and key in azure.secrets()
    variables = {"AWS_ACCESS_KEY_ID": KEY, "AWS_SECRET_ACCESS_KEY": SECRET, "AWS_SESSION_TOKEN": "a-token-of-it"}
    amazon = find_access("s3://box/x", variables)
    assert not any(secret in repr(amazon) for secret in variables.values())
    assert "USE_SSL" not in amazon.secret_for_duckdb() and "SESSION_TOKEN" in amazon.secret_for_duckdb()
    storage = open_storage("s3://box/x", variables)
    assert storage.without_secrets(f"refused {SECRET} for {KEY}") == "refused *** for ***"
    assert storage.holds("s3://box/x/s/t") and not storage.holds("s3://box/xy/t") and not storage.holds("s3://b/x/t")
