"""`wherry new source URL` for each kind of address: a file that checks, connects and runs, without a password in it."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from fixtures.buckets import SECRET, ObjectStore, server, store
from fixtures.commands import Wherry
from fixtures.file_servers import ftp_server
from fixtures.web import Reply, Request, serving
from sources.systems import MariaDB

__all__ = ["server", "store"]
PASSWORD = "hush%20hush"


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    (tmp_path / "wherry.toml").write_text('name = "t"\n')
    monkeypatch.chdir(tmp_path)
    yield tmp_path


def expect_a_way_in(wherry: Wherry, project: Path, address: str, connector: str, table: str) -> str:
    """Look, write, check, connect, preview, run; the text of the file."""
    answer = wherry("new", "source", address, "--name", "shop")
    assert answer.code == 0, answer.err
    text = (project / "sources/shop.yml").read_text()
    assert f"connector: {connector}\n" in text
    told = answer.out + answer.err + text
    assert "hush" not in told and SECRET not in told
    assert wherry("check").code == 0
    connected = wherry("check", "--connect", "--json")
    assert connected.code == 0, connected.out + connected.err
    assert all(each["reached"] for each in connected.json["connect"])
    shown = wherry("show", "shop", "--preview", table, "--json")
    assert [row["id"] for row in shown.json["rows"]] == [1, 2]
    assert wherry("run").code == 0
    name = next(each["name"] for each in wherry("run", "--json").json["assets"])
    counted = wherry("sql", f"SELECT count(*) AS n FROM {name}", "--format", "json")
    assert json.loads(counted.out) == [{"n": 2}]
    return text


@pytest.mark.needs("mariadb")
def test_mariadb(project: Path, wherry: Wherry, mariadb: str) -> None:
    MariaDB(mariadb).run(
        "CREATE TABLE orders (id int PRIMARY KEY, email text, updated_at timestamp NOT NULL, KEY (updated_at))",
        "INSERT INTO orders VALUES (1, 'a', '2026-01-01'), (2, 'b', '2026-01-02')",
        "CREATE OR REPLACE USER ann@localhost IDENTIFIED BY 'hush hush'",
        "GRANT ALL ON *.* TO ann@localhost",
    )
    address = mariadb.replace("root@", f"ann:{PASSWORD}@")
    text = expect_a_way_in(wherry, project, address, "mysql", "orders")
    assert "${SHOP_URL}" in text and "cursor: updated_at\n    key: id\n" in text
    assert "email: {tags: [pii]}" in text


def test_any_database_that_sqlalchemy_knows(project: Path, wherry: Wherry) -> None:
    with closing(sqlite3.connect(project / "x.db")) as database:
        database.executescript("CREATE TABLE orders (id INTEGER PRIMARY KEY); INSERT INTO orders VALUES (1), (2);")
    expect_a_way_in(wherry, project, f"sqlite+pysqlite:///{project}/x.db", "sql", "orders")


def test_a_web_api(project: Path, wherry: Wherry) -> None:
    def answer(r: Request) -> Reply:
        return Reply(body=[{"id": 1, "email": "a"}, {"id": 2}]) if r.path == "/orders" else Reply(status=404)

    with serving(answer) as web:
        text = expect_a_way_in(wherry, project, f"{web.url}/orders", "rest", "orders")
    assert "key: id" in text


def test_a_file_on_the_web(project: Path, wherry: Wherry) -> None:
    there = True

    def answer(r: Request) -> Reply:
        return Reply(body=b"id,a\n1,x\n2,y\n", headers={"ETag": '"1"'}) if there else Reply(status=404)

    with serving(answer) as web:
        expect_a_way_in(wherry, project, f"{web.url}/drop/orders.csv", "files", "orders.csv")
        there = False
        gone = wherry("check", "--connect", "--json")
        assert gone.code == 1 and not gone.json["connect"][0]["reached"]
        assert "orders.csv" in gone.json["findings"][0]["message"]


def test_a_folder_of_an_ftp_server(project: Path, wherry: Wherry, tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("ftp")
    (folder / "orders.csv").write_text("id,a\n1,x\n2,y\n")
    with ftp_server(folder) as port:
        address = f"ftp://ann:secret%20word@127.0.0.1:{port}/"
        text = expect_a_way_in(wherry, project, address, "files", "orders.csv")
    assert "secret" not in text


def test_a_bucket(project: Path, wherry: Wherry, store: ObjectStore) -> None:
    store.client.put_object(Bucket="lake", Key="drop/orders.csv", Body=b"id,a\n1,x\n2,y\n")
    expect_a_way_in(wherry, project, "s3://lake/drop/", "files", "orders.csv")
