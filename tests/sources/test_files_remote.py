"""Files behind web addresses and in buckets."""

from __future__ import annotations

import gzip
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from wherry.errors import SourceError
from wherry.sources.files import source
from wherry.testing import check_source


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        pass

    def do_HEAD(self) -> None:
        if "broken" in self.path:
            self.send_error(500)
        else:
            super().do_HEAD()


@pytest.fixture
def web(folder: Any) -> Iterator[str]:
    folder.write("a.csv", "id,name\n1,x\n2,y\n3\n")
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder.path)))
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def test_web(folder: Any, web: str) -> None:
    said = source.Options(path=web)
    got = folder.read("a.csv", said=said)
    assert got.rows == [{"id": 1, "name": "x"}, {"id": 2, "name": "y"}] and got.rejects[0]["line"] == 4
    assert folder.read("a.csv", said=said, cursor=got.cursor).cursors == []
    folder.write("b c.csv.gz", gzip.compress(b"id\n1\n"))
    assert folder.read("b c.csv.gz", said=said).rows == [{"id": 1}]

    def change() -> int:
        folder.write("a.csv", "id,name\n1,xx\n")
        return 1

    check_source(source, said, folder.request("a.csv"), 2, change)
    for name, word in (("none.csv", "404"), ("broken.csv", "500")):
        with pytest.raises(SourceError, match=word) as error:
            folder.read(name, said=said)
        assert error.value.findings[0].hint
    with pytest.raises(SourceError, match="cannot be read"):
        folder.read("a.csv", said=source.Options(path="http://127.0.0.1:1"))


@pytest.fixture(scope="module")
def bucket() -> Iterator[tuple[Any, str]]:
    pytest.importorskip("moto", reason="moto plays S3")
    boto3 = pytest.importorskip("boto3", reason="boto3 fills the bucket")
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    address = f"http://{host}:{port}"
    client = boto3.client(
        "s3",
        endpoint_url=address,
        aws_access_key_id="key",
        aws_secret_access_key="very-secret",
        region_name="us-east-1",
    )
    client.create_bucket(Bucket="lake")
    yield client, address
    client.close()
    server.stop()


def test_bucket(folder: Any, bucket: tuple[Any, str]) -> None:
    client, address = bucket
    said = source.Options(
        path="s3://lake/drop", AWS_ACCESS_KEY_ID="key", AWS_SECRET_ACCESS_KEY="very-secret", AWS_REGION="us-east-1",
        AWS_ENDPOINT_URL=address,
    )  # fmt: skip

    def put(name: str, body: bytes) -> None:
        client.put_object(Bucket="lake", Key=f"drop/{name}", Body=body)

    put("e/1.csv", b"id,a\n1,x\n2\n")
    put("e/2.csv", b"id,a\n3,y\n")
    got = folder.read("e/*.csv", "incremental", said=said)
    assert got.rows == [{"id": 1, "a": "x", "_file": "e/1.csv"}, {"id": 3, "a": "y", "_file": "e/2.csv"}]
    assert [(r["file"], r["line"]) for r in got.rejects] == [("e/1.csv", 3)]
    assert folder.read("e/*.csv", "incremental", got.cursor, said=said).cursors == []

    def change() -> int:
        put("e/2.csv", b"id,a\n3,y\n4,z\n")
        put("e/3.csv", b"id,a\n5,z\n")
        return 4

    check_source(source, said, folder.request("e/*.csv", "incremental"), 2, change)
    import duckdb

    folder.write("x", "")
    duckdb.execute(f"COPY (SELECT 1 AS a) TO '{folder.path}/p.parquet'")
    put("p.parquet", (folder.path / "p.parquet").read_bytes())
    assert folder.read("*.parquet", "incremental", said=said).rows == [{"a": 1, "_file": "p.parquet"}]
    with pytest.raises(SourceError, match="No file matches") as error:
        folder.read("e/*.json", said=said)
    assert "e/1.csv" in error.value.findings[0].hint


def test_secrets_are_not_told(folder: Any) -> None:
    said = source.Options(
        path="s3://lake/drop", AWS_ACCESS_KEY_ID="AKIDX", AWS_SECRET_ACCESS_KEY="top'secret", AWS_ENDPOINT_URL="http://127.0.0.1:1"
    )  # fmt: skip
    assert "top'secret" not in repr(said)
    with pytest.raises(SourceError) as error:
        folder.read("a.csv", said=said)
    assert "secret" not in str(error.value) and "AKIDX" not in str(error.value)
