"""`wherry new source URL` for each kind of address: a file that checks, connects and runs, without a password in it."""

from __future__ import annotations

import json
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from fixtures.buckets import SECRET, ObjectStore, azure, server, store
from fixtures.cloud_servers import KEY, Cloud, google_store, put_google_object
from fixtures.commands import Wherry
from fixtures.file_servers import ftp_server, ssh_server
from fixtures.web import Reply, Request, serving
from sources.systems import MariaDB

__all__ = ["azure", "server", "store"]
PASSWORD = "hush%20hush"
MANIFESTS = Path(__file__).parents[1] / "fixtures" / "manifests"


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    (tmp_path / "wherry.toml").write_text('name = "t"\n')
    monkeypatch.chdir(tmp_path)
    yield tmp_path


def expect_a_way_in(wherry: Wherry, project: Path, address: str, connector: str, table: str, *more: str) -> str:
    """Look, write, check, connect, preview, run; the text of the file."""
    answer = wherry("new", "source", address, "--name", "shop", *more)
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
    # As SQLAlchemy writes it, which many people have at hand.
    address = mariadb.replace("root@", f"ann:{PASSWORD}@").replace("mysql://", "mysql+pymysql://")
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


def test_a_web_api_whose_rows_lie_deeper_on_pages_behind_a_token(project: Path, wherry: Wherry) -> None:
    def answer(r: Request) -> Reply:
        if r.headers.get("authorization") != "Bearer hush hush":
            return Reply(status=401)
        number = int(r.params.get("page", 1))
        return Reply(body={"d": {"rows": [{"id": number}]}, "next": "/orders?page=2" if number == 1 else None})

    with serving(answer) as web:
        url, auth = f"{web.url}/orders", "auth={bearer: hush hush}"
        text = expect_a_way_in(wherry, project, url, "rest", "orders", "--option", auth)
    assert "records: d.rows\n" in text and "${SHOP_AUTH_BEARER}" in text
    assert (project / ".env").read_text() == 'SHOP_AUTH_BEARER="hush hush"\n'


def test_what_the_options_of_an_api_hide(project: Path, wherry: Wherry) -> None:
    with serving(lambda r: Reply(body=[{"id": 1}])) as web:
        headers = "headers={X-Api-Key: hush, X-Auth: hush, Accept: text/json}"
        answer = wherry("new", "source", web.url, "--name", "shop", "--option", headers)
    text = (project / "sources/shop.yml").read_text()
    assert answer.code == 0 and "${SHOP_HEADERS_X_API_KEY}" in text and "text/json" in text
    assert "hush" not in text + answer.out + answer.err and "hush" in (project / ".env").read_text()


@pytest.mark.parametrize("name", ["apikey", "api_key", "access_token", "key", "X-Amz-Signature", "sig"])
def test_a_secret_behind_an_address(project: Path, wherry: Wherry, name: str) -> None:
    with serving(lambda r: Reply(body=[{"id": 1}])) as web:
        answer = wherry("new", "source", f"{web.url}/items?monkey=2&{name}=hush", "--name", "shop")
    text = (project / "sources/shop.yml").read_text()
    assert answer.code == 0 and "${SHOP_URL}" in text and "hush" not in text + answer.out + answer.err
    assert "hush" in (project / ".env").read_text()


def test_a_list_of_a_web_api_that_has_no_rows(project: Path, wherry: Wherry) -> None:
    with serving(lambda r: Reply(body=[])) as web:
        (project / "sources").mkdir()
        text = f"connector: rest\nurl: {web.url}\ntables:\n  orders: {{as: raw.orders, path: /orders}}\n"
        (project / "sources/shop.yml").write_text(text)
        assert wherry("show", "shop", "--preview", "orders").out.startswith("No rows")
        assert wherry("show", "shop", "--preview", "orders", "--json").json["columns"] == {}
        ran = wherry("run")
    assert (ran.code, ran.out) == (
        0,
        "1 skipped. Nothing was published.\n",
    ) and "has no rows for `raw.orders`" in ran.err


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


@pytest.mark.needs("sshd")
def test_a_folder_of_an_sftp_server(project: Path, wherry: Wherry, tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("sftp")
    (folder / "orders.csv").write_text("id,email\n1,x\n2,y\n")
    with ssh_server(tmp_path_factory.mktemp("ssh")) as ssh:
        address = f"sftp://{ssh.user}@127.0.0.1:{ssh.port}{folder}"
        stranger = wherry("new", "source", address, "--name", "shop", "--option", f"private_key={ssh.key}")
        assert stranger.code == 1 and ssh.host_key in stranger.err and "--option host_key=" in stranger.err
        login = ("--option", f"private_key={ssh.locked_key}", "--option", "passphrase=open sesame")
        text = expect_a_way_in(
            wherry, project, address, "files", "orders.csv", *login, "--option", f"host_key={ssh.host_key}"
        )
    assert "email: {tags: [pii]}" in text  # of remote files too the columns are looked at
    assert "sesame" not in text and "passphrase: ${SHOP_PASSPHRASE}" in text.replace('"', "")
    assert "open sesame" in (project / ".env").read_text()


@pytest.mark.needs("fake-gcs")
def test_a_bucket_of_google(project: Path, wherry: Wherry, tmp_path_factory: pytest.TempPathFactory) -> None:
    with google_store(tmp_path_factory.mktemp("gs")) as cloud:
        put_google_object(cloud, "drop/orders.csv", b"id,a\n1,x\n2,y\n")
        key = project / "key.json"
        key.write_text(cloud.options["GOOGLE_SERVICE_ACCOUNT_KEY"])
        (project / ".env").write_text("GOOGLE_APPLICATION_CREDENTIALS=key.json\n")
        expect_a_way_in(wherry, project, "gs://lake/drop/", "files", "orders.csv")


@pytest.mark.needs("azurite")
def test_a_container_of_azure(project: Path, wherry: Wherry, azure: Cloud) -> None:
    from obstore.store import AzureStore

    connection = azure.options["AZURE_STORAGE_CONNECTION_STRING"]
    parts = dict(part.partition("=")[::2] for part in connection.split(";"))
    config: dict[str, str] = {"account_name": parts["AccountName"], "account_key": parts["AccountKey"]}
    container = AzureStore(  # type: ignore[call-overload]
        "lake", config=config | {"endpoint": parts["BlobEndpoint"]}, client_options={"allow_http": True}
    )
    container.put("drop/orders.csv", b"id,a\n1,x\n2,y\n")
    (project / ".env").write_text(f'AZURE_STORAGE_CONNECTION_STRING="{connection}"\n')
    text = expect_a_way_in(wherry, project, "az://lake/drop/", "files", "orders.csv")
    wrong = wherry(
        "new",
        "source",
        "az://lake/drop",
        "--name",
        "b",
        "--option",
        f"AZURE_STORAGE_CONNECTION_STRING={connection.replace('Eby8', 'Abcd')}",
    )
    assert wrong.code == 1 and "refuses the credentials" in wrong.err and "Abcd" not in wrong.err
    assert KEY not in text


@pytest.mark.parametrize(
    ("address", "words"),
    [
        ("postgresql://[bad/x", "address cannot be read"), ("s3://", "names no bucket"), ("s3:///x", "names no bucket"),
        ("abfs://c/x", "az://container"), ("gcs://c/x", "gs://bucket"), ("nowhere/", "Correct the URL"),
        ("here/b.csv", "Did you mean `a.csv`"), ("mysql://u:hush@127.0.0.1:abc/x", "no address"),
        ("ftp://u:hush@127.0.0.1:1/", "127.0.0.1:1"), ("http://u:hush@127.0.0.1:1/a.csv", "127.0.0.1:1"),
        ("sftp://u:hush@127.0.0.1:1/", "127.0.0.1:1"), ("postgresql://u:hush@127.0.0.1:1/x", "Connection refused"),
        ("mongodb://u:hush@127.0.0.1:1/x", "mongodb"),
    ],
)  # fmt: skip
def test_an_address_that_leads_nowhere(project: Path, wherry: Wherry, address: str, words: str) -> None:
    (project / "here").mkdir()
    (project / "here/a.csv").write_text("id\n1\n")
    answer = wherry("new", "source", address, "--name", "shop")
    assert answer.code in (1, 2) and words in answer.err
    assert "hush" not in answer.err and not (project / "sources").exists() and not (project / ".env").exists()


@pytest.mark.parametrize("file", ["o.json", "o [1].csv", "o.xml"])
def test_one_file_of_a_folder(project: Path, wherry: Wherry, file: str) -> None:
    text = {"csv": "id\n1\n2\n", "json": '[{"id": 1}, {"id": 2}]', "xml": "<r><o><id>1</id></o><o><id>2</id></o></r>"}
    (project / "data").mkdir()
    (project / "data" / file).write_text(text[file.rpartition(".")[2]])
    expect_a_way_in(wherry, project, f"data/{file}", "files", file.replace("[", "[[]").replace(" [[]1]", " [[]1[]]"))


def test_options_of_a_source(project: Path, wherry: Wherry) -> None:
    (project / "data").mkdir()
    (project / "data/a.csv").write_text("id\n1\n")
    for option, words in (
        ("nosuch=1", "no option `nosuch`"), ("project=x", "no option `project`"), ("on_bad_row", "has no value"),
        ("token=hush hush", "is for https://"), ("on_bad_row=a\nb", "several lines"),
    ):  # fmt: skip
        answer = wherry("new", "source", "data", "--option", option)
        assert answer.code == 2 and words in answer.err and "hush" not in answer.err
    assert wherry("new", "source", "data", "--option", "on_bad_row=fail").code == 0
    assert "on_bad_row: fail\n" in (project / "sources/data.yml").read_text()
    (project / "sources/data.yml").write_text(
        "connector: files\npath: ftp://h\npassword: hush\ntables: {a.csv: {as: raw.a}}\n"
    )
    told = wherry("check")
    assert told.code == 2 and "`password` is written out" in told.out + told.err and "hush" not in told.out + told.err


@pytest.mark.needs("postgres")
def test_an_address_of_sqlalchemy(project: Path, wherry: Wherry, postgres: str) -> None:
    import psycopg

    with psycopg.connect(postgres, autocommit=True) as database:
        database.execute("CREATE TABLE orders (id int PRIMARY KEY)")
        database.execute("INSERT INTO orders VALUES (1), (2)")
    for driver in ("+psycopg2", "+asyncpg", ""):
        (project / "sources/shop.yml").unlink(missing_ok=True)
        address = postgres.replace("postgresql://", f"postgresql{driver}://")
        expect_a_way_in(wherry, project, address, "postgres", "public.orders")


def test_an_airbyte_manifest(project: Path, wherry: Wherry) -> None:
    shutil.copy(MANIFESTS / "modern.yaml", project / "tracker.yaml")
    answer = wherry("new", "source", "tracker.yaml", "--option", "config={host: 'http://127.0.0.1:1', team: blue}")
    assert answer.code == 0, answer.err
    text = (project / "sources/tracker.yml").read_text()
    assert "connector: rest\nmanifest: tracker.yaml\nconfig: " in text
    assert "  tasks:\n    as: tracker.tasks\n    mode: incremental\n    cursor: updated_at\n    key: id\n" in text
    assert "  # stream that is not read. `fetch_properties_from_endpoint`" in text and "\n  # odd:\n" in text
    assert wherry("check").code == 0
    assert wherry("new", "source", "nothing.yaml").code == 2
