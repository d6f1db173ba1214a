"""From an address to tables of the lake: look, write a source file, preview, connect, run."""

import json
import sqlite3
import stat
import tarfile
import zipfile
from contextlib import closing
from pathlib import Path

import pyarrow as pa
import pytest

from fixtures.commands import Wherry
from fixtures.foreign import write_hudi

TABLES = """
CREATE TABLE customers (id INTEGER PRIMARY KEY, email TEXT NOT NULL, updated_at TIMESTAMP);
INSERT INTO customers VALUES (1, 'a@example.com', '2026-01-01 00:00:00'), (2, 'b@example.com', '2026-01-02 00:00:00');
CREATE TABLE log (line TEXT);
CREATE VIEW latest AS SELECT max(id) AS id FROM customers;
"""


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "wherry.toml").write_text('name = "t"\n')
    with closing(sqlite3.connect(tmp_path / "shop.db")) as database:
        database.executescript(TABLES)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_database_becomes_a_source_file_that_runs(project: Path, wherry: Wherry) -> None:
    answer = wherry("new", "source", "shop.db", "--schema", "raw")
    assert (answer.code, answer.err) == (0, "")
    assert "Wrote sources/shop.yml with 3 tables" in answer.out
    text = (project / "sources/shop.yml").read_text()
    assert "connector: sqlite\npath: shop.db\n" in text
    assert "  customers:\n    as: raw.customers\n" in text
    assert "email: {tags: [pii]}" in text
    assert "  # latest:\n" in text
    assert wherry("check").code == 0
    assert wherry("run").code == 0
    assert json.loads(wherry("sql", "SELECT count(*) AS n FROM raw.customers", "--format", "json").out) == [{"n": 2}]


def test_what_is_there_stays_there(project: Path, wherry: Wherry) -> None:
    assert wherry("new", "source", "shop.db").code == 0
    before = (project / "sources/shop.yml").read_text()
    answer = wherry("new", "source", "shop.db", "--tables", "log")
    assert answer.code == 2
    assert "sources/shop.yml is there already" in answer.err
    assert (project / "sources/shop.yml").read_text() == before


def test_only_some_tables_printed_as_text_or_json(project: Path, wherry: Wherry) -> None:
    answer = wherry("new", "source", "shop.db", "--tables", "cust*", "--print")
    assert "customers" in answer.out and "log" not in answer.out
    told = wherry("new", "source", "shop.db", "--tables", "l*", "--print", "--json").json
    assert [(table["name"], table["kind"]) for table in told["tables"]] == [("latest", "view"), ("log", "table")]
    assert not (project / "sources").exists()
    answer = wherry("new", "source", "shop.db", "--tables", "orders")
    assert answer.code == 1
    assert "No table is like that" in answer.err and "customers" in answer.err


def test_a_folder_of_files(project: Path, wherry: Wherry) -> None:
    (project / "drop").mkdir()
    for month in ("01", "02"):
        (project / f"drop/orders-2026-{month}.csv").write_text("id,phone\n1,2\n")
    (project / "drop/one [x].csv").write_text("id\n1\n")
    (project / "drop/readme.md").write_text("no table")
    assert wherry("new", "source", "drop/").code == 0
    text = (project / "sources/drop.yml").read_text()
    assert '"orders-*.csv":' in text and "readme" not in text and "phone: {tags: [pii]}" in text
    assert wherry("run").code == 0
    assert wherry("new", "source", "drop/orders-2026-01.csv", "--name", "one").code == 0
    assert "path: drop\n" in (project / "sources/one.yml").read_text()


@pytest.mark.needs("delta", "pyiceberg", "hudi")
def test_tables_of_other_systems_among_files(project: Path, wherry: Wherry) -> None:
    """They are tables, and the files that they are made of are none: some of those rows were deleted."""
    import deltalake
    from pyiceberg.catalog.memory import InMemoryCatalog

    rows = pa.table({"id": [1, 2, 3], "p": ["x", "y", "x"]})
    drop = project / "drop"
    deltalake.write_deltalake(str(drop / "lake/sales"), rows)
    deltalake.DeltaTable(str(drop / "lake/sales")).delete("id = 1")
    with closing(InMemoryCatalog("x", warehouse=f"file://{drop}")) as catalog:
        catalog.create_namespace("ice")
        catalog.create_table("ice.stock", rows.schema).append(rows)
    write_hudi(drop / "trips", rows)
    (drop / "more.csv").write_text("id\n1\n")
    assert wherry("new", "source", "drop").code == 0
    text = (project / "sources/drop.yml").read_text()
    assert text.count("    as: ") == 4
    for name, kind in (("lake/sales", "delta"), ("ice/stock", "iceberg"), ("trips", "hudi")):
        assert f"  {name}:\n    as: drop.{name.rpartition('/')[2]}\n    format: {kind}\n" in text
    assert wherry("check", "--connect").code == 0 and wherry("run").code == 0
    counts = {name: wherry("sql", f"SELECT id FROM drop.{name}", "--json").json for name in ("sales", "trips")}
    assert {name: len(found) for name, found in counts.items()} == {"sales": 2, "trips": 3}
    assert wherry("new", "source", "drop/lake/sales/", "--name", "one").code == 0
    text = (project / "sources/one.yml").read_text()
    assert "path: drop/lake\n" in text and "  sales:\n    as: one.sales\n    format: delta\n" in text


def test_archives_of_several_tables(project: Path, wherry: Wherry) -> None:
    (project / "drop").mkdir()
    for day in ("01", "02"):
        with zipfile.ZipFile(project / f"drop/export-{day}.zip", "w") as archive:
            archive.writestr("in/orders-1.csv", "id,amount\n1,2\n")
            archive.writestr("in/orders-2.csv", "id,amount\n2,2\n")
            archive.writestr("in/customers.json", '[{"name": "x"}]')
            archive.writestr("readme.md", "no table")
    with tarfile.open(project / "drop/one.tar.gz", "w:gz") as packed:
        packed.add(project / "shop.db", "shop.db")
        (project / "a.csv").write_text("id\n1\n")
        packed.add(project / "a.csv", "a.csv")
    (project / "drop/damaged.zip").write_bytes(b"PK")
    assert wherry("new", "source", "drop").code == 0
    text = (project / "sources/drop.yml").read_text()
    assert '"export-*.zip!/in/orders-*.csv":' in text and '"export-*.zip!/in/customers.json":' in text
    assert "  one.tar.gz:\n" in text and "readme" not in text and "  damaged.zip:\n" in text
    assert wherry("run", "drop.orders", "drop.customers", "drop.one").code == 0


def test_the_first_rows_of_a_table(project: Path, wherry: Wherry) -> None:
    wherry("new", "source", "shop.db")
    shown = wherry("show", "shop", "--preview", "customers", "--limit", "1")
    assert "a@example.com" in shown.out and "b@example.com" not in shown.out
    told = wherry("show", "shop", "--preview", "customers", "--json").json
    assert [row["email"] for row in told["rows"]] == ["a@example.com", "b@example.com"]
    assert set(told["columns"].values()) <= {"BIGINT", "VARCHAR"} and "BIGINT" in shown.out  # as the lake has them
    # A table that the source file does not name can be looked at too.
    assert wherry("show", "shop", "--preview", "latest", "--json").json["rows"] == [{"id": 2}]
    answer = wherry("show", "shp", "--preview", "customers")
    assert answer.code == 2 and "Did you mean `shop`?" in answer.err
    assert wherry("show", "--preview", "customers").code == 2
    assert not (project / ".wherry/wherry.db").exists()


def test_whether_sources_answer(project: Path, wherry: Wherry) -> None:
    wherry("new", "source", "shop.db")
    told = wherry("check", "--connect", "--json")
    assert told.code == 0
    assert {each["table"]: each["reached"] for each in told.json["connect"]} == {
        "shop.customers": True,
        "shop.log": True,
    }
    with (project / "sources/shop.yml").open("a") as file:
        file.write("  custmers: {as: shop.typo}\n")
    answer = wherry("check", "--connect")
    assert answer.code == 1
    assert "no table `custmers`" in answer.err + answer.out
    assert "Did you mean `customers`?" in answer.err + answer.out
    assert wherry("check").code == 0
    (project / "shop.db").unlink()
    answer = wherry("check", "--connect", "--json")
    assert (answer.code, {each["reached"] for each in answer.json["connect"]}) == (1, {False})


@pytest.mark.needs("postgres")
def test_a_password_goes_to_dotenv_only(project: Path, wherry: Wherry, postgres: str) -> None:
    import psycopg

    with psycopg.connect(postgres, autocommit=True) as connection:
        connection.execute("CREATE TABLE orders (id int PRIMARY KEY, updated_at timestamptz NOT NULL)")
    secret = "s3cret%2Fword"
    address = postgres.replace("wherry@", f"wherry:{secret}@")
    (project / ".env").write_text("OTHER=1\n")
    answer = wherry("new", "source", address, "--name", "shop_db")
    assert answer.code == 0, answer.err
    assert secret not in answer.out + answer.err
    text = (project / "sources/shop_db.yml").read_text()
    assert "${SHOP_DB_URL}" in text and secret not in text
    assert "mode: incremental\n    cursor: updated_at\n    key: id\n" in text
    assert (project / ".env").read_text() == f'OTHER=1\nSHOP_DB_URL="{address}"\n'
    assert stat.S_IMODE((project / ".env").stat().st_mode) == 0o600
    assert ".env" in (project / ".gitignore").read_text().splitlines()
    assert wherry("run").code == 0


@pytest.mark.needs("postgres")
def test_a_refused_address_shows_no_password(project: Path, wherry: Wherry, postgres: str) -> None:
    address = postgres.replace("wherry@", "nobody:hunter%202@")
    answer = wherry("new", "source", address, "--name", "shop_db")
    assert answer.code == 1
    assert "hunter" not in answer.out + answer.err
    assert not (project / "sources").exists() and not (project / ".env").exists()
