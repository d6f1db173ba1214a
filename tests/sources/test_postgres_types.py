"""Every type of PostgreSQL arrives exactly, as docs/sources-postgres.md says, or as a clear error."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import duckdb
import psycopg
import pytest

from sources.database import Server, rows_of
from wherry.errors import SourceError
from wherry.lake.types import select_storable

pytestmark = pytest.mark.needs("postgres")
PAGE = Path(__file__).parents[2] / "docs/sources-postgres.md"
#: Where the page describes a type in words: one such.
MADE = {"an enum": "mood", "a composite type": "pair", "a domain": "positive"}
#: By type: values in SQL, and as DuckDB prints them where that is not how PostgreSQL does.
VALUES: dict[str, dict[str, str | None]] = {
    "boolean": {"true": None, "false": None},
    "smallint": {"-32768": None, "32767": None},
    "integer": {"-2147483648": None},
    "bigint": {"'-9223372036854775808'": None},
    "oid": {"4294967295": None},
    "real": {"1.1": None, "'NaN'": "nan", "'-Infinity'": "-inf", "'3.4028235e38'": "3.4028235e+38"},
    "double precision": {"0.1": None, "'NaN'": "nan", "'Infinity'": "inf", "5e-324": None},
    "numeric(12,2)": {"'-9999999999.99'": None, "0": None},
    "numeric": {"1.50": None, "'NaN'": None, "'Infinity'": None, f"{'9' * 60}.{'1' * 30}": None, "1e-80": None},
    "numeric(50,10)": {f"{'9' * 40}.{'1' * 10}": None, "'NaN'": None},
    "numeric(3,-2)": {"12345": None},
    "money": {"'-1234.56'": None},
    "text": {"''": None, "'  a\\b\"c'": None, "E'\\n\\t\\u2028'": None, "'\U0001f600'": None},
    "varchar(20)": {"' x '": None},
    "char(5)": {"'ab'": None},
    "name": {"'abc'": None},
    '"char"': {"'x'": None},
    "bytea": {"'\\x0001ff5c'": "\\x00\\x01\\xFF\\x5C", "''": ""},
    "uuid": {"'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'": None},
    "date": {"'2026-02-28'": None, "'0044-03-15 BC'": "0044-03-15 (BC)", "'5874897-12-31'": None},
    "time": {"'23:59:59.999999'": None},
    "time with time zone": {"'12:00:00.5+05:30'": None},
    "timestamp": {"'2026-01-01 00:00:00.000001'": None, "'0044-03-15 BC'": "0044-03-15 (BC) 00:00:00"},
    "timestamp with time zone": {"'2026-07-01 12:00:00.5+02'": None, "'9999-12-31 23:59:59Z'": None},
    "interval": {"'1 year 2 mons -3 days 04:05:06.789'": None},
    "json": {'\'{"a" : 1.10, "a":2}\'': None},
    "jsonb": {'\'{"b": 1.10, "a": [null]}\'': None},
    "xml": {"'<a b=\"c\">&lt;</a>'": None},
    "mood": {"'it''s fine'": None},
    "positive": {"1.5": None},
    "pair": {"ROW(1, 'a b')": None, "ROW(NULL, '')": None},
    "int4range": {"'[1,5)'": None, "'empty'": None},
    "hstore": {"'a=>1, b=>NULL'": None},
    "tsvector": {"'a:1 b:2A'": None},
    "inet": {"'192.168.0.1/24'": None, "'::1'": "::1", "'10.0.0.1'": "10.0.0.1", "'10.1.0.0/16'": "10.1.0.0/16"},
    "bit(3)": {"B'101'": None},
    "bit varying(8)": {"B''": None, "B'10101'": None},
    "point": {"'(1.5,-2)'": None},
    "integer[]": {"'{1,NULL,3}'": "[1, NULL, 3]", "'{}'": "[]"},
    "text[]": {'\'{"a,b",NULL,""}\'': "['a,b', NULL, '']"},
    "numeric(5,2)[]": {"'{1.10,-2}'": "[1.10, -2.00]"},
    "numeric[]": {"'{1.5,NaN,{}}'".replace(",{}", ""): None, "'{{1,2},{3,4}}'": None},
}
#: What the lake cannot hold, by type.
REFUSED = {
    "numeric(12,2)": "'NaN'",
    "date": "'infinity'",
    "timestamp": "'-infinity'",
    "timestamp with time zone": "'294276-12-31 23:59:59+00'",
    "integer[]": "'{{1,2},{3,4}}'",
    "text[]": "'[0:1]={a,b}'",
    "numeric(5,2)[]": "'{NaN}'",
    "date[]": "'{infinity}'",
    "time": "'24:00'",
}


@pytest.fixture
def server(postgres: str) -> Server:
    server = Server(postgres)
    server.run(
        "CREATE EXTENSION hstore",
        "CREATE TYPE mood AS ENUM ('it''s fine', 'bad')",
        "CREATE TYPE pair AS (a int, b text)",
        "CREATE DOMAIN small AS numeric(8,3)",
        "CREATE DOMAIN positive AS small CHECK (value > 0)",
    )
    return server


def mapping() -> dict[str, str]:
    """The page's table of types."""
    table = PAGE.read_text().split("| PostgreSQL | In the lake |")[1].split("\n\n")[0]
    rows = [[cell.strip(" `") for cell in line.split("|")[1:3]] for line in table.splitlines()[2:]]
    return {MADE.get(kind, kind): lake for kind, lake in rows}


@pytest.mark.parametrize("lanes", [1, 2])
def test_every_type_of_the_page_and_its_values(server: Server, lanes: int) -> None:
    page = mapping()
    page["positive"] = "DECIMAL(8,3)"
    assert set(page) == set(VALUES)
    columns = {kind: f"c{number}" for number, kind in enumerate(page)}
    server.run(f"CREATE TABLE t (n int, {', '.join(f'{column} {kind}' for kind, column in columns.items())})")
    rows = max(map(len, VALUES.values()))
    for number in range(rows + 1):  # the last row is null
        values = [[*VALUES[kind], "NULL"][min(number, len(VALUES[kind]))] for kind in page]
        casts = ", ".join(f"({value})::{kind}" for value, kind in zip(values, page, strict=True))
        server.run(f"INSERT INTO t SELECT {number}, {casts}")
    arrow = read_arrow(server, "public.t", parallel=lanes)
    con = duckdb.connect()
    con.execute("SET TimeZone = 'UTC'")
    con.register("arrow", arrow)
    relation = con.sql("FROM arrow")
    stored = select_storable(list(zip(relation.columns, map(str, relation.types), strict=True)), "FROM arrow")
    con.execute(f"CREATE TABLE got AS {stored}")
    types = dict(con.execute("SELECT column_name, column_type FROM (DESCRIBE got)").fetchall())
    assert {kind: types[column] for kind, column in columns.items()} == page
    for kind, column in columns.items():
        printed = dict(server.run(f"SELECT n, {column}::text FROM t"))
        got = dict(con.execute(f"SELECT n, {column}::VARCHAR FROM got").fetchall())
        for number, own in enumerate(VALUES[kind].values()):
            assert got[number] == (own if own is not None else printed[number]), kind
        assert got[rows] is None


@pytest.mark.parametrize("lanes", [1, 2])
def test_text_is_what_the_database_prints_whatever_a_cast_gives(server: Server, lanes: int) -> None:
    server.run(
        "CREATE FUNCTION said(mood) RETURNS text LANGUAGE sql AS $$ SELECT 'mine' $$",
        "CREATE FUNCTION said(pair) RETURNS text LANGUAGE sql AS $$ SELECT 'mine' $$",
        "CREATE CAST (mood AS text) WITH FUNCTION said(mood)",
        "CREATE CAST (pair AS text) WITH FUNCTION said(pair)",
        "CREATE DOMAIN host AS inet",
        "CREATE TABLE t (a inet, b cidr, c host, d inet[], e mood, f pair)",
        "INSERT INTO t VALUES ('::1', '10.0.0.0/8', '10.0.0.1', '{10.0.0.1,::/0}', 'bad', ROW(NULL, NULL))",
        "INSERT INTO t (b) VALUES ('::/128')",
    )
    with psycopg.connect(server.url) as connection, connection.cursor().copy("COPY t TO STDOUT") as copy:
        printed = list(copy.rows())
    for types in ({}, dict.fromkeys("abcdef", "text")):
        arrow = read_arrow(server, "public.t", parallel=lanes, types=types)
        assert sorted(map(tuple, zip(*arrow.to_pydict().values(), strict=True)), key=repr) == sorted(printed, key=repr)


def read_arrow(server: Server, table: str, **options: object) -> Any:
    from wherry.sources.databases.postgres import source

    batches = source.read(server.options, server.request(table, **options), None)
    return rows_of(next(batches))


@pytest.mark.parametrize("lanes", [1, 2])
@pytest.mark.parametrize("kind", REFUSED)
def test_what_the_lake_cannot_hold_is_an_error_that_names_it(server: Server, kind: str, lanes: int) -> None:
    server.run(f'CREATE TABLE t (id int, "The Value" {kind})', f"INSERT INTO t VALUES (1, {REFUSED[kind]})")
    with pytest.raises(SourceError) as raised:
        server.read(server.request("public.t", parallel=lanes))
    [finding] = raised.value.findings
    assert finding.code == "value-not-kept"
    assert "`The Value`" in finding.message
    assert "types: {The Value: text}" in finding.hint
    printed = server.run('SELECT "The Value"::text FROM t')[0][0]
    assert server.read(server.request("public.t", types={"The Value": "text"})).rows[0]["The Value"] == printed


def test_a_type_asked_for_refuses_what_it_would_round(server: Server) -> None:
    server.run("CREATE TABLE t (a numeric, b numeric)", "INSERT INTO t VALUES (1.50, 1.505)")
    rows = server.read(server.request("public.t", types={"a": "decimal(10,2)", "b": "decimal(38,3)"})).rows
    assert [str(value) for value in rows[0].values()] == ["1.50", "1.505"]
    with pytest.raises(SourceError) as raised:
        server.read(server.request("public.t", types={"b": "decimal(10,2)"}))
    assert "`b`" in raised.value.findings[0].message and "1.505" in raised.value.findings[0].message


def test_hostile_names(server: Server) -> None:
    name = """We"ird. 'name' -- ; $1 %s {} \U0001f600"""
    quoted = '"' + name.replace('"', '""') + '"'
    server.run(
        f'CREATE SCHEMA "S.x"; CREATE TABLE "S.x".{quoted} ({quoted} int PRIMARY KEY, "select" text, "Ab" int)',
        f"""INSERT INTO "S.x".{quoted} VALUES (1, 'a', 2)""",
    )
    table = server.request(f'"S.x".{quoted}', "incremental", cursor=name, key=name)
    assert server.read(table).rows == [{name: 1, "select": "a", "Ab": 2}]


def test_columns_that_differ_only_in_case_are_an_error(server: Server) -> None:
    server.run('CREATE TABLE t (id int, "Ab" int, ab int)')
    with pytest.raises(SourceError, match="`Ab` and `ab`"):
        server.read(server.request("public.t"))
    assert server.read(server.request("public.t", columns=("id", "ab"))).rows == []


def test_kinds_of_tables(server: Server) -> None:
    server.run(
        "CREATE TABLE parts (id int, day date, twice int GENERATED ALWAYS AS (id * 2) STORED) PARTITION BY RANGE (day)",
        "CREATE TABLE parts_1 PARTITION OF parts FOR VALUES FROM ('2026-01-01') TO ('2026-02-01')",
        "CREATE TABLE parts_2 PARTITION OF parts FOR VALUES FROM ('2026-02-01') TO ('2026-03-01')",
        "INSERT INTO parts SELECT i, date '2026-01-20' + i FROM generate_series(1, 20) AS i",
        "CREATE VIEW shown AS SELECT * FROM parts",
        "CREATE MATERIALIZED VIEW kept AS SELECT * FROM parts",
    )
    for table in ("parts", "public.shown", "kept"):
        for mode in ("full", "incremental"):
            request = server.request(table, mode, cursor="day" if mode == "incremental" else "")
            loaded = server.read(request)
            assert sum(row["twice"] for row in loaded.rows) == 420
            assert server.changed(request, loaded.cursor) is None
    request = server.request("parts", "incremental", cursor="day")
    loaded = server.read(request)
    server.run("INSERT INTO parts VALUES (21, '2026-02-20')")
    assert server.changed(request, loaded.cursor)
    assert len(server.read(request, loaded).rows) == 21
    query = server.request("any name", "incremental", cursor="n", query="SELECT id + 1 AS n, 'x' AS x FROM parts;")
    assert len(server.read(query).rows) == 21
