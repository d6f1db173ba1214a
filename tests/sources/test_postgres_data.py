"""Real databases: every value of every table is what the database prints; what there is is listed."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import duckdb
import pytest

from sources.database import Server, rows_of
from wherry.lake.types import select_storable
from wherry.sources.databases.postgres import source

pytestmark = pytest.mark.needs("postgres")
DATA = {
    "pagila": "pagila/pagila.sql",
    "chinook": "chinook/Chinook_PostgreSql.sql",
    "northwind": "northwind/northwind.sql",
}


def fill(server: Server, script: Path) -> None:
    """Run a script; statements that make or choose a database of its own are left out."""
    text = script.read_text(encoding="utf-8", errors="replace")
    kept = "\n".join(
        line
        for line in text.splitlines()
        if not line.upper().startswith(("CREATE DATABASE", "DROP DATABASE", "\\C ", "ALTER DATABASE"))
        and " OWNER TO " not in line
    )
    command = [shutil.which("psql") or "psql", server.url, "-q", "-v", "ON_ERROR_STOP=1"]
    done = subprocess.run(command, input=kept.encode(), capture_output=True)
    assert done.returncode == 0, done.stderr.decode()[:2000]


@pytest.mark.needs("reference")
@pytest.mark.parametrize("name", DATA)
def test_every_value_is_what_the_database_prints(postgres: str, reference: Path, name: str) -> None:
    server = Server(postgres)
    fill(server, reference / "data" / DATA[name])
    for (view,) in server.run("SELECT oid::regclass::text FROM pg_class WHERE relkind = 'm'"):
        server.run(f"REFRESH MATERIALIZED VIEW {view}")
    con = duckdb.connect()
    con.execute("SET TimeZone = 'UTC'")
    tables = list(source.tables(server.options))
    assert len(tables) >= {"pagila": 20, "chinook": 11, "northwind": 14}[name]
    total = 0
    for found in tables:
        batches = source.read(server.options, server.request(found.name), None)
        rows = rows_of(next(batches))
        con.register("arrow", rows)
        relation = con.sql("FROM arrow")
        columns = list(zip(relation.columns, map(str, relation.types), strict=True))
        assert columns == list(found.columns), found.name
        con.execute(f"CREATE OR REPLACE TABLE got AS {select_storable(columns, 'FROM arrow')}")
        printed = ", ".join(shown(column, kind) for column, kind in columns)
        got = con.execute(f"SELECT {printed} FROM got").fetchall()
        asked = ", ".join(spoken(column, kind) for column, kind in columns)
        wanted = server.run("SET TimeZone = 'UTC'", f"SELECT {asked} FROM {found.name}")
        assert sorted(got, key=repr) == sorted(wanted, key=repr), found.name
        total += len(got)
    assert total > 3000


def shown(column: str, kind: str) -> str:
    """What a column of the lake prints, in one form for both sides."""
    name = '"' + column.replace('"', '""') + '"'
    if kind.startswith("TIMESTAMP"):
        return f"epoch_us({name})"
    if kind.endswith("[]"):
        return f"to_json({name})::VARCHAR"
    if kind == "BLOB":
        return f"lower(hex({name}))"
    if kind in ("DOUBLE", "FLOAT"):
        return f"{name}::VARCHAR::DOUBLE"
    return f"{name}::VARCHAR"


def spoken(column: str, kind: str) -> str:
    """The same, of the database."""
    name = '"' + column.replace('"', '""') + '"'
    if kind.startswith("TIMESTAMP"):
        return f"(extract(epoch FROM {name}) * 1000000)::int8"
    if kind.endswith("[]"):
        return f"array_to_json({name})::text"
    if kind == "BLOB":
        return f"encode({name}, 'hex')"
    return name if kind in ("DOUBLE", "FLOAT") else f"{name}::text"


def test_what_there_is(postgres: str) -> None:
    server = Server(postgres)
    server.run(
        'CREATE TABLE "Big Orders" (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, created_at timestamptz, '
        "updated_at timestamptz, tags text[])",
        'CREATE INDEX ON "Big Orders" (updated_at)',
        """COMMENT ON TABLE "Big Orders" IS 'all of them'""",
        'INSERT INTO "Big Orders" (tags) SELECT NULL FROM generate_series(1, 1000)',
        'ANALYZE "Big Orders"',
        "CREATE VIEW seen AS SELECT 1 AS one",
        "CREATE TABLE pair (a int, b int, PRIMARY KEY (b, a)) PARTITION BY LIST (a)",
        "CREATE TABLE pair_1 PARTITION OF pair FOR VALUES IN (1)",
    )
    found = {each.name: each for each in source.tables(server.options)}
    assert list(found) == ['public."Big Orders"', "public.pair", "public.seen"]
    orders = found['public."Big Orders"']
    assert orders.key == ("id",) and orders.cursors == ("updated_at", "created_at", "id")
    assert orders.rows == 1000 and (orders.size or 0) > 8000 and orders.about == "all of them"
    assert dict(orders.columns)["tags"] == "VARCHAR[]"
    assert found["public.pair"].kind == "partitioned" and found["public.pair"].key == ("b", "a")
    assert found["public.seen"].columns == (("one", "INTEGER"),)
    assert server.read(server.request(orders.name)).counts == [1000]
