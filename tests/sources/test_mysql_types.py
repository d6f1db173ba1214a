"""The table of types in the documentation is true, and nothing changes on its way unseen."""

from __future__ import annotations

import re
import struct
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from random import Random
from typing import Any

import pyarrow as pa
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


DAYS = ("0000-00-00", "2026-00-15", "2026-02-31", "2026-01-00", "0000-01-01", "0001-02-03", "1000-01-01", "1900-02-28",
        "1969-12-31", "1970-01-01", "2000-02-29", "2024-02-29", "2026-12-31", "9999-12-31")  # fmt: skip
CLOCKS = ("00:00:00", "00:00:01", "23:59:59", "00:00:00.000001", "03:04:05.678", "23:59:59.999999")
NUMBERS = {
    "tinyint": (-128, 127), "tinyint unsigned": (0, 255), "smallint": (-32768, 32767), "smallint unsigned": (0, 65535),
    "mediumint": (-8388608, 8388607), "mediumint unsigned": (0, 16777215), "int": (-(2**31), 2**31 - 1),
    "int(6) unsigned zerofill": (0, 2**32 - 1), "bigint": (-(2**63), 2**63 - 1), "bigint unsigned": (0, 2**64 - 1),
    "year": (1901, 2155), "bit(3)": (0, 7), "bit(64)": (0, 2**64 - 1), "tinyint(1)": (-128, 127), "boolean": (0, 1),
    "float": (-1.5, 3.4e38), "double": (-1.7e308, 5e-324), "decimal(38,10)": ("-1.0000000001", "12345.5"),
}  # fmt: skip


@pytest.fixture
def both_ways(server: MariaDB, monkeypatch: pytest.MonkeyPatch) -> Callable[..., pa.Table]:
    """Reads a table by a prepared statement, and as texts; what both gave, which is the same."""
    from wherry.sources.databases import mysql_look

    own = mysql_look.prepared

    def read(name: str, **options: str) -> pa.Table:
        got = []
        for by_text in (False, True):
            answers: list[Any] = []

            def asked(*about: Any, by_text: bool = by_text, answers: list[Any] = answers) -> Any:
                answers.append(None if by_text else own(*about))
                return answers[-1]

            monkeypatch.setattr(mysql_look, "prepared", asked)
            with closing(server.source.read(server.options(**options), server.request(name), None)) as batches:
                batch = next(iter(batches))
                rows, rejects = batch.rows.read_all(), batch.rejects()
            assert by_text or answers[0] is not None, "it was not prepared"
            reasons = rejects["reason"].to_pylist() if rejects is not None else []
            got.append((rows, reasons, [finding.message for finding in batch.findings()]))
        assert got[0][0].schema == got[1][0].schema
        assert got[0][1:] == got[1][1:]
        assert got[0][0].equals(got[1][0])
        return got[0][0]

    return read


def test_numbers_arrive_as_their_texts_would(server: MariaDB, both_ways: Any) -> None:
    random = Random(11)
    names = [f"c{number}" for number in range(len(NUMBERS))]
    columns = ", ".join(f"{name} {kind}" for name, kind in zip(names, NUMBERS, strict=True))
    ends = list(NUMBERS.values())
    rows: list[list[Any]] = [[each[which] for each in ends] for which in (0, 1)]
    rows += [[random.choice((None, None, *each)) for each in ends] for _ in range(300)]
    rows += [[None for _ in ends]]
    server.run(f"CREATE TABLE t (id int PRIMARY KEY, {columns}, last varchar(9))")
    with server.connect() as connection, connection.cursor() as cursor:
        cursor.executemany(
            f"INSERT INTO t VALUES ({', '.join('%s' for _ in range(len(names) + 2))})",
            [(number, *row, random.choice((None, "x" * (number % 9)))) for number, row in enumerate(rows)],
        )
    loaded = {row["id"]: row for row in both_ways("t").to_pylist()}
    for number, row in enumerate(rows):
        for name, kind, value in zip(names, NUMBERS, row, strict=True):
            if kind not in ("float", "decimal(38,10)"):
                assert loaded[number][name] == value, (kind, value)


@pytest.mark.parametrize("zero", ["null", "reject"])
def test_days_and_moments_arrive_as_their_texts_would(server: MariaDB, both_ways: Any, zero: str) -> None:
    server.run(
        "CREATE TABLE t (id int PRIMARY KEY AUTO_INCREMENT, d date, m datetime, p datetime(6), s timestamp(3) NULL)"
    )
    with (
        server.connect(init_command="SET sql_mode = 'ALLOW_INVALID_DATES', time_zone = '+00:00'") as connection,
        connection.cursor() as cursor,
    ):
        moments = [f"{day} {clock}" for day in DAYS for clock in CLOCKS]
        stamps = [f"{day} {clock}" for day in ("1970-01-02", "2024-02-29", "2037-12-31") for clock in CLOCKS]
        values = [(moment[:10], moment, moment, stamps[n % len(stamps)]) for n, moment in enumerate(moments)]
        values += [(None, moments[-1], None, None), ("2026-01-02", None, moments[-1], stamps[0]), (None,) * 4]
        cursor.executemany("INSERT INTO t (d, m, p, s) VALUES (%s, %s, %s, %s)", values)
    rows = both_ways("t", zero_dates=zero)
    assert rows.num_rows >= len(moments) // 2
    last = rows.slice(rows.num_rows - 2).to_pylist()[0]
    assert str(last["p"]) == "9999-12-31 23:59:59.999999" and str(last["d"]) == "2026-01-02"


def test_each_type_of_the_page_arrives_as_its_text_would(server: MariaDB, both_ways: Any) -> None:
    # A time is printed by the server.
    types = [row for row in _ROW.findall(PAGE.read_text()) if not re.match(r"time\b", row[0])]
    types = [row for row in types if MYSQL is None or row[0] not in MARIADB_ONLY]
    columns = ", ".join(f"c{n} {declared} NULL" for n, (declared, *_) in enumerate(types))
    server.run(f"CREATE TABLE t ({columns}, z int)")
    with server.connect(init_command="SET time_zone = '+00:00'") as connection, connection.cursor() as cursor:
        cursor.execute(f"INSERT INTO t VALUES ({', '.join(example for _, _, example, _ in types)}, 2)")
        for odd in range(2):  # every other column is null
            values = ["NULL" if n % 2 == odd else example for n, (_, _, example, _) in enumerate(types)]
            cursor.execute(f"INSERT INTO t VALUES ({', '.join(values)}, 4)")
    assert both_ways("t")["z"].to_pylist() == [2, 4, 4]


def test_a_server_that_prepares_nothing(server: MariaDB) -> None:
    server.run("CREATE TABLE t (id int, d date)", "INSERT INTO t VALUES (1, '2026-01-02'), (2, NULL)")
    (before,) = server.run("SELECT @@GLOBAL.max_prepared_stmt_count")
    server.run("SET GLOBAL max_prepared_stmt_count = 0")
    try:
        assert [(row["id"], str(row["d"])) for row in server.rows("t")] == [(1, "2026-01-02"), (2, "None")]
    finally:
        server.run(f"SET GLOBAL max_prepared_stmt_count = {before[0]}")


def test_no_prepared_statement_is_left(server: MariaDB) -> None:
    server.run("CREATE TABLE t (id int, at time)", "INSERT INTO t VALUES (1, '10:00:00')", "CREATE TABLE u (id int)")
    for name in ("t", "u"):
        server.rows(name)
    (left,) = server.run("SHOW GLOBAL STATUS LIKE 'Prepared_stmt_count'")
    assert int(left[1]) == 0


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
