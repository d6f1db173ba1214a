"""The table of types in the documentation is true, and nothing changes on its way unseen."""

from __future__ import annotations

import re
import struct
from pathlib import Path
from random import Random

import pytest

from mariadb_server import MYSQL
from sources.systems import MariaDB
from wherry.errors import SourceError
from wherry.lake.types import storable
from wherry.testing import Loaded, load

pytestmark = pytest.mark.needs("mariadb")
PAGE = Path(__file__).parents[2] / "docs" / "sources-mysql.md"
_ROW = re.compile(r"^\| `(.*?)` \| ([A-Z][^|]*?) \| `(.*?)` \| `(.*?)` \|$", re.MULTILINE)


#: Types that MariaDB has and the MySQL of ``make test-mysql`` has not.
MARIADB_ONLY = ("json", "uuid", "inet4", "inet6")


@pytest.fixture
def server(mariadb: str) -> MariaDB:
    return MariaDB(mariadb)


def test_the_table_of_the_page(server: MariaDB) -> None:
    promised = _ROW.findall(PAGE.read_text())
    assert len(promised) > 40
    promised = [row for row in promised if MYSQL is None or row[0] not in MARIADB_ONLY]
    columns = ", ".join(f"c{n} {declared}" for n, (declared, *_) in enumerate(promised))
    examples = ", ".join(example for _, _, example, _ in promised)
    nothing = ", ".join("NULL" for _ in promised)
    # Text in UTF-16 and the like is not counted towards the limit of a row.
    server.run(
        f"CREATE TABLE t ({columns})", "SET time_zone = '+00:00'", "INSERT INTO t SELECT " + nothing,
        "SET time_zone = '+00:00'",
    )  # fmt: skip
    with server.connect(init_command="SET time_zone = '+00:00'") as connection:
        connection.cursor().execute(f"INSERT INTO t VALUES ({examples})")
    looked = server.source.look(server.options())  # type: ignore[attr-defined]
    fields = looked.describe(server.request("t")).fields
    looked.close()
    empty, full = sorted(server.rows("t"), key=lambda row: row["c0"] is not None)
    assert set(empty.values()) == {None}
    for (declared, kind, _, shown), field in zip(promised, fields, strict=True):
        assert (declared, storable(field.type)) == (declared, kind)
        assert (declared, str(full[field.name])) == (declared, shown)


def test_every_float_and_double_arrives_to_the_last_bit(server: MariaDB) -> None:
    random = Random(4)
    doubles = [struct.unpack("<d", random.randbytes(8))[0] for _ in range(2000)]
    doubles = [value for value in doubles if value == value and abs(value) != float("inf")]
    floats = [random.uniform(-1e9, 1e9) for _ in doubles]
    rows = ", ".join(
        f"({n}, {double!r}, {single!r})" for n, (double, single) in enumerate(zip(doubles, floats, strict=True))
    )
    server.run("CREATE TABLE t (id int PRIMARY KEY, d double, f float)", f"INSERT INTO t VALUES {rows}")
    loaded = {row["id"]: row for row in server.rows("t")}
    assert [loaded[n]["d"] for n in range(len(doubles))] == doubles
    singles = [struct.unpack("<f", struct.pack("<f", value))[0] for value in floats]
    assert [loaded[n]["f"] for n in range(len(floats))] == singles


ZERO = (
    "CREATE TABLE t (id int PRIMARY KEY, d date, at datetime)",
    "SET sql_mode = ''",
    "INSERT INTO t VALUES (1, '0000-00-00', '2026-00-15 10:00:00'), (2, '2026-01-02', '2026-01-02 03:04:05')",
)


def test_zero_dates_are_null_and_told(server: MariaDB) -> None:
    server.run(*ZERO)
    rows, rejects, told = server.batch(server.request("t"))
    assert [(row["id"], row["d"] is None, row["at"] is None) for row in rows] == [(1, True, True), (2, False, False)]
    assert rejects == []
    assert "`d`, such as 0000-00-00" in told and "`at`, such as 2026-00-15 10:00:00" in told


def test_zero_dates_are_set_aside(server: MariaDB) -> None:
    server.run(*ZERO)
    rows, (reject,), _ = server.batch(server.request("t"), zero_dates="reject")
    assert [row["id"] for row in rows] == [2]
    assert reject["file"] == "t" and "`d`: no DATE" in reject["reason"] and "2026-00-15 10:00:00" in reject["row"]


def test_zero_dates_are_text(server: MariaDB) -> None:
    server.run(*ZERO)
    rows = server.rows("t", zero_dates="text")
    assert [(row["d"], row["at"]) for row in rows] == [
        ("0000-00-00", "2026-00-15 10:00:00"),
        ("2026-01-02", "2026-01-02 03:04:05"),
    ]


def test_a_cursor_that_is_no_date_stops_the_load(server: MariaDB) -> None:
    server.run(*ZERO)
    with pytest.raises(SourceError, match="holds 2026-00-15 10:00:00, which is no date"):
        load(server.source, server.options(), server.request("t", "incremental", cursor="at"), Loaded("incremental"))


def test_what_is_told_to_be_another_type(server: MariaDB) -> None:
    server.run(
        "CREATE TABLE t (id int PRIMARY KEY, ok tinyint(1), n decimal(65,30), b varbinary(9))",
        "INSERT INTO t VALUES (1, 1, 1.5, x'ff'), (2, 7, 2, 'a'), (3, 0, 12345678901234567890123456789012345, NULL)",
    )
    table = server.request("t", types={"ok": "boolean", "n": "decimal(38,10)", "b": "text"})
    rows, rejects, _ = server.batch(table)
    assert [(row["id"], row["ok"], str(row["n"]), row["b"]) for row in rows] == [(1, True, "1.5000000000", "FF")]
    reasons = {reject["reason"] for reject in rejects}
    assert reasons == {"column `ok`: no BOOLEAN", "column `n`: no DECIMAL(38,10)"}
    assert {row["ok"] for row in server.rows("t", tinyint1="boolean", columns=("id", "ok"), where="id <> 2")} == {
        True,
        False,
    }


@pytest.mark.skipif(MYSQL is not None, reason="hidden columns are MariaDB's")
def test_hostile_names_and_hidden_columns(server: MariaDB) -> None:
    server.run(
        'CREATE TABLE `My ``odd``.table %s` (`a``b` int PRIMARY KEY, `Ünï "x"` int, '
        "`select` int AS (`a``b` * 2) STORED, "
        "hidden int INVISIBLE DEFAULT 7) PARTITION BY HASH (`a``b`) PARTITIONS 3",
        'INSERT INTO `My ``odd``.table %s` (`a``b`, `Ünï "x"`) VALUES (1, 2)',
        "CREATE VIEW seen AS SELECT `a``b` AS A, 'x' AS b FROM `My ``odd``.table %s`",
    )
    assert server.rows("My `odd`.table %s") == [{"a`b": 1, 'Ünï "x"': 2, "select": 2, "hidden": 7}]
    assert server.rows("seen") == [{"A": 1, "b": "x"}]
    found = {each.name: each for each in server.source.tables(server.options())}  # type: ignore[attr-defined]
    assert found["My `odd`.table %s"].kind == "partitioned" and found["My `odd`.table %s"].key == ("a`b",)
    assert found["seen"].kind == "view"


def test_a_query_has_the_types_of_its_result(server: MariaDB) -> None:
    server.run(
        "CREATE TABLE t (id bigint unsigned, n decimal(10,3), at timestamp(3) NULL, raw blob, name text)",
        "INSERT INTO t VALUES (18446744073709551615, 1.5, '2026-01-02 03:04:05.678', x'00', 'ä')",
    )
    query = "SELECT id, n * 2 AS twice, at, raw, name, 1 = 1 AS yes FROM t -- with a comment"
    (row,) = server.rows("twice", query=query, types={"at": "text"})
    assert (row["id"], str(row["twice"]), row["raw"], row["name"], row["yes"]) == (2**64 - 1, "3.000", b"\0", "ä", 1)


def test_text_that_is_no_ascii_in_a_column_of_ascii(server: MariaDB) -> None:
    server.run("CREATE TABLE t (id int, a varchar(9) CHARACTER SET ascii)", "INSERT INTO t VALUES (1, 'fine')")
    with server.connect(
        init_command="SET character_set_client = binary, character_set_connection = binary"
    ) as connection:
        connection.cursor().execute(b"INSERT INTO t VALUES (2, 'caf\xe9')")
    rows, (reject,), _ = server.batch(server.request("t"))
    assert rows == [{"id": 1, "a": "fine"}]
    assert reject["reason"] == "column `a`: no VARCHAR" and "636166e9" in reject["row"]


@pytest.mark.parametrize("length", [0, 250, 251, 65_535, 65_536, 4_194_300, 16_777_210, 16_777_216, 40_000_000])
def test_values_of_every_length(server: MariaDB, length: int) -> None:
    server.run(
        "CREATE TABLE t (id int PRIMARY KEY, v longtext)",
        f"INSERT INTO t VALUES (1, 'before'), (2, REPEAT('x', {length})), (3, NULL), (4, 'after')",
    )
    assert [row["v"] for row in server.rows("t")] == ["before", "x" * length, None, "after"]


#: The server tells of its transactions from a copy, and makes a new one when it was not asked for a tenth of a second.
RENEWED = "DO SLEEP(0.11)"


@pytest.mark.parametrize("key", ["", "id"])
@pytest.mark.parametrize("moment", ["timestamp(6)", "datetime(6)"])
def test_rows_that_a_long_transaction_commits_late(server: MariaDB, key: str, moment: str) -> None:
    server.run(f"CREATE TABLE t (id int PRIMARY KEY, at {moment} NOT NULL DEFAULT current_timestamp(6))")
    with server.connect(autocommit=False) as long, long.cursor() as cursor:
        cursor.execute("INSERT INTO t (id) VALUES (1)")
        server.run("INSERT INTO t (id) VALUES (2)")
        while not server.run("SELECT * FROM information_schema.INNODB_TRX"):
            server.run(RENEWED)
        table = server.request("t", "incremental", cursor="at", key=key)
        loaded = server.read(table)
        assert [row["id"] for row in loaded.rows] == [2]
        long.commit()
    assert server.changed(table, loaded.cursor)
    assert sorted(row["id"] for row in server.read(table, loaded).rows) == [1, 2]
    server.run(RENEWED)
    while server.changed(table, loaded.cursor):
        server.read(table, loaded)
        server.run(RENEWED)
    assert sorted(row["id"] for row in loaded.rows) == [1, 2]
