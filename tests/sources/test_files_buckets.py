"""Files in buckets: of S3 (moto), of Google by HMAC (moto) and its own way (fake-gcs-server), of Azure (azurite)."""

from __future__ import annotations

import gzip
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from fixtures.buckets import KEY, SECRET, server, store
from fixtures.cloud_servers import Cloud, azure_store, google_store, put_google_object
from wherry.errors import SourceError
from wherry.sources.files import source
from wherry.sources.files.places.bucket import make_store
from wherry.testing import check_source

__all__ = ["server", "store"]


@pytest.fixture(scope="module", params=["s3", "hmac", "gs", "az"])
def cloud(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cloud]:
    kind = request.param
    if kind in ("gs", "az"):
        from services import ready

        service = {"gs": "fake-gcs", "az": "azurite"}[kind]
        if not ready(service):
            pytest.skip(f"needs {service}: make test-clouds installs it")
        with (google_store if kind == "gs" else azure_store)(tmp_path_factory.mktemp(kind)) as made:
            yield made
        return
    url = request.getfixturevalue("server")
    who = "AWS" if kind == "s3" else "GOOGLE"
    options = {f"{who}_ACCESS_KEY_ID": KEY, f"{who}_SECRET_ACCESS_KEY": SECRET, f"{who}_ENDPOINT_URL": url}
    yield Cloud(scheme="s3" if kind == "s3" else "gs", options=options)


@pytest.fixture
def bucket(cloud: Cloud, request: pytest.FixtureRequest) -> tuple[Any, Callable[[str, bytes], None]]:
    """Options of an empty prefix, and a way to put objects there."""
    import obstore

    name = request.node.name.replace("[", "-").replace("]", "").replace("_", "-")
    said = source.Options(path=f"{cloud.scheme}://lake/{name}", **cloud.options)
    make_container(cloud, said)
    made = make_store(said, "lake")

    def put(path: str, body: bytes) -> None:
        if "GOOGLE_SERVICE_ACCOUNT_KEY" in cloud.options:
            put_google_object(cloud, f"{name}/{path}", body)
        else:
            obstore.put(made, f"{name}/{path}", body)

    return said, put


def make_container(cloud: Cloud, said: Any) -> None:
    """The container ``lake``, where its server does not have it from the start."""
    if "AZURE_STORAGE_CONNECTION_STRING" in cloud.options:
        from fixtures.cloud_servers import make_azure_container

        make_azure_container(cloud)
    elif any("ACCESS_KEY_ID" in name for name in cloud.options):
        import boto3

        url = next(value for name, value in cloud.options.items() if name.endswith("ENDPOINT_URL"))
        client = boto3.client(
            "s3", endpoint_url=url, aws_access_key_id=KEY, aws_secret_access_key=SECRET, region_name="us-east-1"
        )
        client.create_bucket(Bucket="lake")
        client.close()


@pytest.mark.parametrize("mode", ["full", "incremental"])
def test_buckets_conform(folder: Any, bucket: Any, mode: str) -> None:
    said, put = bucket
    put("e/1.csv", b"id,a\n1,x\n2\n")
    put("e/b/2.csv.gz", gzip.compress(b"id,a\n3,y\n"))
    put("e/c/3.jsonl", b"{}")
    put("else/2.csv", b"id,a\n9,y\n")

    def change() -> int:
        put("e/1.csv", b"id,a\n1,x\n11,x\n")
        put("e/d/[4] \xc3\xa9+&.csv".encode("latin-1").decode(), b"id,a\n5,z\n")
        return 4

    check_source(source, said, folder.request("e/**/*.csv*", mode), 2, change)
    got = folder.read("e/1.csv", said=said)
    assert got.rows == [{"id": 1, "a": "x"}, {"id": 11, "a": "x"}]
    with pytest.raises(SourceError, match="No file matches") as error:
        folder.read("e/2.csv", said=said)
    assert "`e/1.csv`" in error.value.findings[0].hint


def test_a_listing_comes_in_pages(folder: Any, bucket: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("wherry.sources.files.places.bucket.PAGE", 7)
    said, put = bucket
    for i in range(20):
        put(f"p/{i:02}.csv", b"id\n%d\n" % i)
    got = folder.read("p/*.csv", "incremental", said=said)
    assert sorted(r["id"] for r in got.rows) == list(range(20))


@pytest.mark.parametrize("kind", ["parquet", "avro"])
def test_other_formats(folder: Any, bucket: Any, kind: str) -> None:
    from test_files_records import write

    said, put = bucket
    write(folder, kind, f"x.{kind}", [1, 2])
    put(f"x.{kind}", (folder.path / f"x.{kind}").read_bytes())
    got = folder.read(f"*.{kind}", "incremental", said=said)
    assert got.rows == [{"id": i, "_file": f"x.{kind}"} for i in (1, 2)]
    assert source.changed(said, folder.request(f"*.{kind}", "incremental"), got.cursor) is None


def test_wrong_credentials(folder: Any, bucket: Any, cloud: Cloud) -> None:
    said, put = bucket
    put("a.csv", b"id\n1\n")
    if cloud.scheme != "az":
        pytest.skip("moto and fake-gcs-server let everybody in")
    wrong = cloud.options["AZURE_STORAGE_CONNECTION_STRING"].replace("Eby8", "Abcd")
    with pytest.raises(SourceError, match="refuses the credentials") as error:
        folder.read("a.csv", said=source.Options(path=said.path, AZURE_STORAGE_CONNECTION_STRING=wrong))
    assert "Abcd" not in str(error.value) and "AZURE_STORAGE_CONNECTION_STRING" in error.value.findings[0].hint


def test_a_bucket_that_is_not_there(folder: Any, cloud: Cloud) -> None:
    with pytest.raises(SourceError) as error:
        folder.read("*.csv", said=source.Options(path=f"{cloud.scheme}://nowhere", **cloud.options))
    assert error.value.findings[0].hint


def test_credentials_from_the_environment(folder: Any, store: Any) -> None:
    store.client.put_object(Bucket="lake", Key="d/a.csv", Body=b"id\n1\n")
    assert folder.read("a.csv", said=source.Options(path="s3://lake/d")).rows == [{"id": 1}]
    store.client.put_object(Bucket="lake", Key="d/a.csv", Body=b"id\n1\n")
    assert folder.read("a.csv", said=source.Options(path="gs://lake/d")).rows == [{"id": 1}]


def test_the_same_content_put_again_is_no_change(folder: Any, store: Any) -> None:
    said = source.Options(path="s3://lake/d")
    store.client.put_object(Bucket="lake", Key="d/a.csv", Body=b"id\n1\n")
    cursor = folder.read("a.csv", said=said).cursor
    store.client.put_object(Bucket="lake", Key="d/a.csv", Body=b"id\n1\n")
    assert source.changed(said, folder.request("a.csv"), cursor) is None
    store.client.put_object(Bucket="lake", Key="d/a.csv", Body=b"id\n2\n")
    assert source.changed(said, folder.request("a.csv"), cursor) == "a.csv changed"


def test_temporary_files_are_gone(folder: Any, bucket: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "tmp"))
    (tmp_path / "tmp").mkdir()
    said, put = bucket
    put("a.csv", b"id\n1\n")
    assert folder.read("a.csv", said=said).rows == [{"id": 1}]
    assert list((tmp_path / "tmp").iterdir()) == []
