"""What goes wrong is told: where, what was kept, where the cursor stands, what next; and no secret with it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

import mariadb_server
from run.run_folder import Folder
from sources.systems import MariaDB, SQLite
from wherry.errors import SourceError
from wherry.model.finding import Finding
from wherry.testing import Loaded

SECRET = "p%C3%A4ss%40word"  # päss@word
maria = pytest.mark.needs("mariadb")


def fails(source: object, options: object, table: object, cursor: object = None) -> Finding:
    """The one finding of a read that fails."""
    with pytest.raises(SourceError) as raised:
        for batch in source.read(options, table, cursor):  # type: ignore[attr-defined]
            batch.rows.read_all()
            batch.rejects()
    (finding,) = raised.value.findings
    whole = finding.message + finding.hint
    assert "päss" not in whole and SECRET not in whole and "Traceback" not in whole
    return finding


@pytest.fixture
def server(mariadb: str) -> MariaDB:
    return MariaDB(mariadb)


@maria
def test_a_wrong_password(server: MariaDB) -> None:
    server.run("CREATE OR REPLACE USER ann@localhost IDENTIFIED BY 'other'")
    options = server.options(url=server.url.replace("root@", f"ann:{SECRET}@"))
    finding = fails(server.source, options, server.request("t"))
    assert finding.code == "access-denied" and "Nothing was loaded: the table is as it was." in finding.message


@maria
@pytest.mark.parametrize(
    ("url", "code"),
    [
        (f"mysql://ann:{SECRET}@127.0.0.1:1/shop", "unreachable"),
        (f"mysql://ann:{SECRET}@localhost/shop?unix_socket=/nowhere", "unreachable"),
        (f"mysql://ann:{SECRET}@localhost/shop?sokket=/nowhere", "bad-url"),
        (f"mysql://ann:{SECRET}@localhost:port/shop", "bad-url"),
        (f"mysql://ann:{SECRET}@localhost/", "bad-url"),
        (f"postgres://ann:{SECRET}@localhost/shop", "bad-url"),
    ],
)
def test_an_address_that_leads_nowhere(server: MariaDB, url: str, code: str) -> None:
    assert fails(server.source, server.options(url=url), server.request("t")).code == code


@maria
def test_missing_tables_columns_and_rights(server: MariaDB) -> None:
    server.run(
        "CREATE TABLE orders (id int, at datetime, n int)",
        "CREATE TABLE hidden (id int)",
        "CREATE OR REPLACE USER bob@localhost",
        "GRANT SELECT (id) ON orders TO bob@localhost",
    )
    finding = fails(server.source, server.options(), server.request("order"))
    assert finding.code == "no-table" and finding.hint == "Did you mean `orders`?"
    finding = fails(server.source, server.options(), server.request("orders", columns=("idd",)))
    assert finding.code == "unknown-column" and "`columns`" in finding.message
    finding = fails(server.source, server.options(), server.request("orders", "incremental", cursor="att"))
    assert finding.code == "unknown-column" and "Did you mean `at`?" in finding.hint
    assert fails(server.source, server.options(), server.request("orders", where="nope = 1")).code == "unknown-column"
    assert fails(server.source, server.options(), server.request("orders", where="id = = 1")).code == "bad-sql"
    assert fails(server.source, server.options(), server.request("q", query="DELETE FROM orders")).code == "bad-sql"
    bob = server.options(url=server.url.replace("root@", "bob@"))
    # MySQL tells bob that it is there, MariaDB does not.
    assert fails(server.source, bob, server.request("hidden")).code in ("no-table", "no-permission")
    assert server.read(server.request("orders", columns=("id",)), url=bob.url).rows == []


@maria
def test_cursors_and_keys_that_will_not_do(server: MariaDB) -> None:
    server.run(
        "CREATE TABLE t (id int, at datetime, what varchar(9), raw blob)",
        "INSERT INTO t VALUES (1, '2026-01-01', 'a', ''), (1, '2026-01-02', 'b', ''), (2, NULL, 'c', '')",
    )
    finding = fails(server.source, server.options(), server.request("t", "incremental", cursor="at", key="id"))
    assert finding.code == "bad-key" and "2 rows have id = 1" in finding.message
    assert fails(server.source, server.options(), server.request("t", "incremental", cursor="raw")).code == "bad-cursor"
    _, _, told = server.batch(server.request("t", "incremental", cursor="at"))
    assert "1 row of `t` has no `at`" in told
    table = server.request("t", "incremental", cursor="at", key="what")
    loaded = server.read(table)
    server.run("DELETE FROM t WHERE at = '2026-01-02'", "INSERT INTO t VALUES (3, '2026-01-01 12:00', 'd', '')")
    batches = server.source.read(server.options(), table, loaded.cursor)
    batch = next(iter(batches))
    batch.rows.read_all()
    assert "went backwards" in " ".join(each.message for each in batch.findings())
    batches.close()
    server.run("ALTER TABLE t DROP at", "ALTER TABLE t ADD at varchar(9)")
    finding = fails(server.source, server.options(), table, loaded.cursor)
    assert finding.code == "cursor-type-changed" and "stands at" in finding.message


@pytest.fixture
def mortal() -> Iterator[Path]:
    """A server of the test's own, to be killed."""
    folder = Path(tempfile.mkdtemp(prefix="wherry-my-"))
    mariadb_server.launch(folder, make=True)
    yield folder
    mariadb_server.kill(folder)
    shutil.rmtree(folder)


@maria
def test_a_server_that_dies_half_way(mortal: Path) -> None:
    server = MariaDB(mariadb_server.new_database(mortal))
    server.run(
        "CREATE TABLE t (id int PRIMARY KEY, pad char(200))",
        "INSERT INTO t SELECT seq, REPEAT('x', 200) FROM seq_1_to_100000",
    )
    table, loaded = server.request("t", "incremental", cursor="id", batch_rows=10_000), Loaded("incremental")
    with pytest.raises(SourceError) as raised:
        for number, batch in enumerate(server.source.read(server.options(), table, None)):
            try:
                loaded.commit(batch, first=number == 0)
            except Exception:
                batch.rejects()  # as a run asks, since DuckDB passes on only the text
                raise
            if number == 1:
                mariadb_server.kill(mortal)
    (finding,) = raised.value.findings
    assert finding.code == "cut-off" and "batches of this load are kept" in finding.message
    assert loaded.cursor is not None and f"`id` = {loaded.cursor['value']}" in finding.message
    assert 20_000 <= len(loaded.rows) < 100_000
    mariadb_server.launch(mortal, make=False)
    assert [row["id"] for row in server.read(table, loaded).rows] == list(range(1, 100_001))


@maria
def test_a_full_load_that_is_cut_off_keeps_what_was_there(mortal: Path, tmp_path: Path) -> None:
    server = MariaDB(mariadb_server.new_database(mortal))
    server.run("CREATE TABLE t (id int PRIMARY KEY, pad char(200))", "INSERT INTO t SELECT seq, '' FROM seq_1_to_1000")
    url = server.url.replace("root@", f"ann:{SECRET}@")
    server.run("CREATE USER ann@localhost IDENTIFIED BY 'päss@word'", "GRANT ALL ON *.* TO ann@localhost")
    folder = Folder(tmp_path / "project")
    source = "connector: mysql\nurl: ${SHOP_URL}\ntables:\n  t: {as: raw.t}\n"
    folder.write({".env": f"SHOP_URL={url}\n", "sources/shop.yml": source})
    command = [sys.executable, "-m", "wherry", "run", "--project", str(folder.path)]
    assert subprocess.run(command, capture_output=True).returncode == 0
    mariadb_server.kill(mortal)
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 1, done.stdout + done.stderr
    told = done.stdout + done.stderr
    assert "sources/shop.yml" in told and "Traceback" not in told and "päss" not in told and SECRET not in told
    assert folder.rows("raw.t", columns="count(*)") == [(1000,)]
    folder.close()


@maria
def test_two_hundred_megabytes_in_one_field(server: MariaDB) -> None:
    size = 200 if os.environ.get("WHERRY_DEEP") == "1" else 20
    server.run(
        "CREATE TABLE t (id int PRIMARY KEY, v longblob, t longtext)",
        f"INSERT INTO t VALUES (1, 'a', 'b'), (2, REPEAT('x', {size << 20}), REPEAT('é', {size << 19})), (3, 'c', 'd')",
    )
    rows = server.rows("t")
    assert [(len(row["v"]), len(row["t"].encode())) for row in rows] == [(1, 1), (size << 20, size << 20), (1, 1)]


def test_files_that_are_no_database(tmp_path: Path) -> None:
    (tmp_path / "text.db").write_text("this is no database at all, whatever its name says")
    for path, code in (("nowhere.db", "no-file"), ("text.db", "not-sqlite"), (".", "no-file")):
        file = SQLite(path)
        assert fails(file.source, file.options(project=str(tmp_path)), file.request("t")).code == code


def test_a_damaged_file(tmp_path: Path) -> None:
    file = SQLite(str(tmp_path / "t.db"))
    file.run("CREATE TABLE t (id INTEGER PRIMARY KEY, v TEXT)")
    file.run("INSERT INTO t (v) VALUES " + ", ".join(f"('{'x' * 500}')" for _ in range(2000)))
    whole = bytearray((tmp_path / "t.db").read_bytes())
    whole[len(whole) // 2 : len(whole) // 2 + 40_960] = b"\xff" * 40_960
    (tmp_path / "t.db").write_bytes(whole)
    finding = fails(file.source, file.options(), file.request("t"))
    assert finding.code == "damaged" and "Nothing was loaded: the table is as it was." in finding.message


def test_mistakes_in_a_source_of_sqlite(tmp_path: Path) -> None:
    file = SQLite(str(tmp_path / "t.db"))
    file.run("CREATE TABLE orders (id INTEGER, n INTEGER)", "INSERT INTO orders VALUES (1, 1), (1, 2)")
    assert fails(file.source, file.options(), file.request("order")).hint == "Did you mean `orders`?"
    assert fails(file.source, file.options(), file.request("orders", where="m = 1")).code == "unknown-column"
    assert fails(file.source, file.options(), file.request("orders", where="n = = 1")).code == "bad-sql"
    keyed = file.request("orders", "incremental", cursor="n", key="id")
    assert fails(file.source, file.options(), keyed).code == "bad-key"
    assert fails(file.source, file.options(), file.request("orders", types={"n": "nmber"})).code == "bad-option"
