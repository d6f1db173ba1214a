"""What goes by way of SQLAlchemy: reflected types, exact values, drivers that are missing."""

from __future__ import annotations

import re
import sys
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from uuid import UUID

import psycopg
import pytest

from sources.systems import AnyPostgres, AnySQLite, MariaDB
from wherry.errors import SourceError
from wherry.sources.databases.sql import DRIVERS, engine
from wherry.testing import Loaded

PAGE = Path(__file__).parents[2] / "docs" / "sources-sql.md"


@pytest.mark.needs("postgres")
def test_types_are_reflected_and_values_exact(postgres: str) -> None:
    server = AnyPostgres(postgres)
    server.run(
        'CREATE TABLE "Odd: 50%" (i smallint, b bigint, n numeric(30,10), u numeric, f double precision, ok boolean, '
        "d date, at timestamp, tz timestamptz, t text, id uuid, raw bytea, j jsonb, a int[], span interval, tod time)",
        'INSERT INTO "Odd: 50%" VALUES (-1, 9223372036854775807, 12345678901234567890.0123456789, 1.10, 0.1, true, '
        "'2026-01-02', '2026-01-02 03:04:05.678901', '2026-01-02 03:04:05+02', 'ä:x%s', "
        "'123e4567-e89b-12d3-a456-426614174000', '\\x00ff', '{\"k\": [1, null]}', '{1,NULL}', '1 day', '10:00')",
    )
    (row,) = server.rows("Odd: 50%", where="t LIKE 'ä:%'")
    assert row == {
        "i": -1,
        "b": 2**63 - 1,
        "n": Decimal("12345678901234567890.0123456789"),
        "u": "1.10",
        "f": 0.1,
        "ok": True,
        "d": date(2026, 1, 2),
        "at": datetime(2026, 1, 2, 3, 4, 5, 678901),
        "tz": datetime(2026, 1, 2, 1, 4, 5, tzinfo=UTC),
        "t": "ä:x%s",
        "id": UUID("123e4567-e89b-12d3-a456-426614174000"),
        "raw": b"\0\xff",
        "j": '{"k": [1, null]}',
        "a": "{1,NULL}",
        "span": "1 day",
        "tod": "10:00:00",
    }
    (found,) = server.source.tables(server.options())  # type: ignore[attr-defined]
    assert found.name == "Odd: 50%" and dict(found.columns)["n"] == "DECIMAL(30,10)"


@pytest.mark.needs("postgres")
@pytest.mark.parametrize("of", ["table", "query"])
def test_what_a_driver_would_change_is_what_the_database_prints(postgres: str, of: str) -> None:
    server = AnyPostgres(postgres)
    server.run(
        "CREATE TYPE pair AS (a int, b text)",
        "CREATE TABLE t (span interval, doc jsonb, raw json, n numeric, ns numeric[], at timetz, ip inet, net cidr, "
        "x xml, p pair, r int4range, d float8[], m money, o oid, u numeric(50,2), v tsvector, w text)",
        "INSERT INTO t VALUES ('1 year 2 mons 3 days 04:05:06', '{\"a\": 12345678901234567.10}', "
        "'{\"a\" : 1.10, \"a\":2}', 1.50, '{1.10,NaN}', '12:00+02', '::1', '10.0.0.0/8', "
        "'<a b=\"c\"/>', ROW(NULL, NULL), '[1,5)', '{0.1,NULL}', "
        "'12.34', 4294967295, 1.5, 'a:1', 'x%s :y')",
        "INSERT INTO t (w) VALUES ('')",
    )
    with psycopg.connect(postgres) as connection, connection.cursor().copy("COPY t TO STDOUT") as copy:
        printed = list(copy.rows())
    read = server.rows("t") if of == "table" else server.rows("q", query="SELECT * FROM t")
    assert [tuple(None if value is None else str(value) for value in row.values()) for row in read] == printed


@pytest.mark.needs("mariadb")
@pytest.mark.parametrize("of", ["table", "query"])
def test_times_beyond_a_day_are_what_the_database_prints(mariadb: str, of: str) -> None:
    MariaDB(mariadb).run("CREATE TABLE t (a time, b time(3))", "INSERT INTO t VALUES ('-838:59:59', '26:00:00.5')")
    source = AnyPostgres(mariadb.replace("mysql://", "mysql+pymysql://"))
    read = source.rows("t") if of == "table" else source.rows("q", query="SELECT * FROM t")
    assert read == [{"a": "-838:59:59", "b": "26:00:00.500"}]


@pytest.mark.needs("mariadb")
def test_bits_and_large_numbers_of_mysql(mariadb: str) -> None:
    MariaDB(mariadb).run(
        "CREATE TABLE t (a bit(8), b bit(64), c bigint unsigned, d int unsigned, e tinyint(1))",
        "INSERT INTO t VALUES (b'101', ~0, 18446744073709551615, 4294967295, 2), (NULL, NULL, NULL, NULL, NULL)",
    )
    rows = AnyPostgres(mariadb.replace("mysql://", "mysql+pymysql://")).rows("t")
    assert [tuple(None if value is None else int(value) for value in row.values()) for row in rows] == [
        (5, 2**64 - 1, 2**64 - 1, 2**32 - 1, 2),
        (None, None, None, None, None),
    ]


@pytest.mark.needs("postgres")
def test_a_query_of_decimals_is_text_unless_told(postgres: str) -> None:
    server = AnyPostgres(postgres)
    query = "SELECT 1.10 AS n, now() AS at, 'x'::text AS t"
    (row,) = server.rows("q", query=query)
    assert row["n"] == "1.10" and row["at"].tzinfo is not None
    (row,) = server.rows("q", query=query, types={"n": "decimal(5,2)"})
    assert row["n"] == Decimal("1.10")


@pytest.mark.needs("postgres")
def test_all_batches_are_of_one_moment(postgres: str) -> None:
    server = AnyPostgres(postgres)
    server.run("CREATE TABLE t (id int PRIMARY KEY)", "INSERT INTO t SELECT generate_series(1, 100)")
    table, loaded = server.request("t", "incremental", cursor="id", batch_rows=10), Loaded("incremental")
    for number, batch in enumerate(server.source.read(server.options(), table, None)):
        loaded.commit(batch, first=number == 0)
        server.run(f"INSERT INTO t VALUES ({1000 + number})")
    assert [row["id"] for row in loaded.rows] == list(range(1, 101))


def test_values_that_do_not_fit_are_set_aside(tmp_path: Path) -> None:
    file = AnySQLite(str(tmp_path / "x.db"))
    file.run("CREATE TABLE t (n INTEGER, p DECIMAL(10,2))", "INSERT INTO t VALUES (1, 0.99), ('x', 1), (2, 0.999)")
    rows, rejects, _ = file.batch(file.request("t"))
    assert rows == [{"n": 1, "p": Decimal("0.99")}]
    assert [each["reason"] for each in rejects] == [
        "column `n`: 'x' is no BIGINT",
        "column `p`: '0.999' is no DECIMAL(10,2)",
    ]


@pytest.mark.parametrize(
    ("url", "code", "hint"),
    [
        ("mssql+pyodbc://u:pässwort@h/d", "missing-driver", "pip install pyodbc"),
        ("oracle+oracledb://u:pässwort@h", "missing-driver", "pip install oracledb"),
        ("teradatasql://u:pässwort@h", "missing-driver", "pip install teradatasqlalchemy"),
        ("db2+ibm_db://u:pässwort@h", "missing-driver", "pip install ibm-db-sa"),
        ("snowflake://u:pässwort@h", "missing-driver", "pip install snowflake-sqlalchemy"),
        ("nothing://u:pässwort@h", "missing-driver", "Install the package"),
        ("pässwort", "bad-url", "For example"),
    ],
)
def test_a_missing_driver_is_named(url: str, code: str, hint: str) -> None:
    with pytest.raises(SourceError) as raised:
        engine(AnySQLite("x").source.Options(url=url))
    (finding,) = raised.value.findings
    assert finding.code == code and finding.hint.startswith(hint)
    assert "pässwort" not in finding.message + finding.hint


def test_without_sqlalchemy_its_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sqlalchemy", None)
    source = AnySQLite("x").source
    with pytest.raises(SourceError) as raised:
        list(source.tables(source.Options(url="sqlite:////nowhere/x.db")))
    (finding,) = raised.value.findings
    assert (finding.code, finding.hint) == ("missing-extra", "pip install 'wherry[sql]'")


def test_the_page_names_the_drivers_that_errors_name() -> None:
    told = re.findall(r"^\| [^|]+ \| `(\w+)[+:].*?` \| `(.*?)` \|", PAGE.read_text(), re.MULTILINE)
    assert len(told) > 10
    assert all(DRIVERS[kind] == packages for kind, packages in told)


@pytest.mark.needs("postgres")
def test_bad_input_is_a_finding_without_a_secret(postgres: str) -> None:
    database = AnyPostgres(postgres)
    database.run(
        "CREATE TABLE t (id int, at timestamptz, v text)",
        "INSERT INTO t VALUES (1, '2026-01-01', 'a'), (1, '2026-01-02', 'b'), (2, NULL, 'c')",
    )
    nowhere = postgres.split("?")[0].replace("wherry@/", "wherry:hush%20hush@127.0.0.1:1/")
    for request, url, code, words in (
        (database.request("nope"), postgres, "no-table", "`nope`"),
        (database.request("t", columns=("zz",)), postgres, "unknown-column", "`zz`"),
        (database.request("t", "incremental", cursor="att"), postgres, "unknown-column", "`att`"),
        (database.request("t", "incremental", cursor="at", key="id"), postgres, "bad-key", "2 rows have id = 1"),
        (database.request("t", where="no such"), postgres, "bad-sql", ""),
        (database.request("t"), nowhere, "unreachable", "127.0.0.1"),
        (database.request("t"), "postgresql+psycopg://u:hush%20hush@nowhere.invalid/x", "unreachable", "nowhere"),
    ):
        with pytest.raises(SourceError) as raised:
            AnyPostgres(url).read(request)
        (finding,) = raised.value.findings
        assert (finding.code, words in finding.message) == (code, True), finding
        assert "hush" not in finding.message + finding.hint
    _, _, told = database.batch(database.request("t", "incremental", cursor="at", key="v"))
    assert "1 row of `t` has no `at`" in told
