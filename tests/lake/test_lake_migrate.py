"""Databases of older versions become those of this one, whole, once, and only here."""

import sqlite3
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from wherry.errors import LakeError, NewerLake
from wherry.lake import migrate, sqlite
from wherry.lake.address import database_at, schema_name
from wherry.lake.lake import Lake
from wherry.lake.pointer import Put
from wherry.state.runs import last_runs

FIXTURES = Path(__file__).parents[1] / "fixtures" / "lake"


def old(database: str) -> str:
    """Make the tables and rows of version 1 in an empty database."""
    rows = (FIXTURES / "version_1.rows.sql").read_text()
    if "://" not in database:
        with sqlite3.connect(database) as sqlite:
            sqlite.executescript((FIXTURES / "version_1.sqlite.sql").read_text() + rows)
        sqlite.close()
        return database
    import psycopg

    address = database.replace("postgresql://wherry@/", "postgresql:///") + "&user=wherry"
    with psycopg.connect(address) as server:
        server.execute("CREATE SCHEMA wherry")
        server.execute("SET search_path = wherry")
        server.execute((FIXTURES / "version_1.postgres.sql").read_text() + rows)
        server.execute("SELECT setval('commit_seq_seq', 5), setval('event_seq_seq', 1)")
    server.close()
    return database


def test_the_first_version_becomes_this_one(database: str, tmp_path: Path) -> None:
    with Lake.open(old(database), tmp_path / "lake") as lake:
        assert {k: p.sql for k, p in lake.pointers("main").items()} == {"s.a": "SELECT 1 AS i", "s.c": "SELECT 3 AS i"}
        assert {k: p.sql for k, p in lake.pointers("dev").items()} == {"s.a": "SELECT 10 AS i", "s.b": "SELECT 2 AS i"}
        assert lake.pointers("main")["s.a"].state == {"version": "one"}
        assert [c.message for c in lake.log("main")] == ["drop b", "publish", "first"]
        assert [r.id for r in last_runs(lake.database)] == ["1"]
        assert lake.put("main", [Put(name="s.d", kind="view", sql="SELECT 4")], author="", message="").seq == 6
        assert lake.merge("dev", author="", message="") is not None
    with Lake.open(database, tmp_path / "lake") as lake:
        assert lake.pointers("main")["s.a"].sql == "SELECT 10 AS i"


#: All tables, columns, keys, constraints and indexes, whatever they are in.
SHAPE = {
    "sqlite": (
        "SELECT m.name, c.* FROM sqlite_master AS m, pragma_table_info(m.name) AS c WHERE m.type = 'table'",
        """
        SELECT m.name, i."unique", i.origin, coalesce(s.sql, ''), group_concat(c.name) FROM sqlite_master AS m,
        pragma_index_list(m.name) AS i, pragma_index_info(i.name) AS c LEFT JOIN sqlite_master AS s ON s.name = i.name
        WHERE m.type = 'table' GROUP BY m.name, i.name
        """,
        "SELECT m.name, f.* FROM sqlite_master AS m, pragma_foreign_key_list(m.name) AS f WHERE m.type = 'table'",
        "SELECT name FROM sqlite_master WHERE sql LIKE '%AUTOINCREMENT%'",
    ),
    "postgres": (
        """
        SELECT table_name, column_name, ordinal_position, data_type, is_nullable,
            replace(column_default, current_schema() || '.', '')
        FROM information_schema.columns WHERE table_schema = current_schema()
        """,
        """
        SELECT replace(indexdef, current_schema() || '.', '') FROM pg_indexes WHERE schemaname = current_schema()
        """,
        """
        SELECT conname, contype, replace(pg_get_constraintdef(oid), current_schema() || '.', '') FROM pg_constraint
        WHERE connamespace = current_schema()::regnamespace
        """,
        "SELECT sequencename, data_type FROM pg_sequences WHERE schemaname = current_schema()",
    ),
}


def shape_of(place: str) -> list[list[tuple[Any, ...]]]:
    database = database_at(place)
    try:
        with database.connection() as connection:
            queries = SHAPE["sqlite" if connection.is_sqlite else "postgres"]
            return [sorted(connection.rows(query), key=repr) for query in queries]
    finally:
        database.dispose()


def test_a_migrated_database_has_the_shape_of_a_new_one(database: str, tmp_path: Path) -> None:
    new = database.replace("?", "?schema=other&") if "://" in database else str(tmp_path / "new.db")
    for place in (old(database), new):
        Lake.open(place, tmp_path / "lake").close()
    columns, indexes, constraints, counters = shape_of(new)
    assert shape_of(database) == [columns, indexes, constraints, counters]
    assert len(columns) > 60 and len(indexes) > 15 and len(constraints) > 0 and len(counters) == 2


def test_every_step_has_a_file() -> None:
    numbers = sorted(int(path.name[:3]) for path in (Path(migrate.__file__).parent / "migrations").glob("*.sql"))
    assert numbers == list(range(2, migrate.VERSION + 1))


def test_a_step_that_fails_changes_nothing(database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    old(database)
    before = shape_of(database)
    right = migrate.statements
    monkeypatch.setattr(migrate, "statements", lambda number: [*right(number), "CREATE TABLE nonsense ("])
    with pytest.raises(LakeError, match="cannot be opened"):
        Lake.open(database, tmp_path / "lake")
    assert shape_of(database) == before
    monkeypatch.undo()
    with Lake.open(database, tmp_path / "lake") as lake:
        assert len(lake.log()) == 3


def test_a_lake_that_became_newer_is_written_no_more(database: str, tmp_path: Path) -> None:
    with Lake.open(database, tmp_path / "lake") as lake:
        with lake.database.connection() as connection:
            connection.change("UPDATE meta SET value = '99' WHERE name = 'version'")
        with pytest.raises(NewerLake, match="version 99"):
            lake.create_branch("dev")
        with pytest.raises(NewerLake, match="version 99"):
            Lake.open(database, tmp_path / "lake")


OPEN = """
import sys
from pathlib import Path
from wherry.lake.lake import Lake
print("ready", flush=True)
sys.stdin.readline()
with Lake.open(sys.argv[1], Path(sys.argv[2])) as lake:
    lake.create_branch("b" + sys.argv[3])
"""


@pytest.mark.parametrize("start", ["empty", "version 1"])
def test_many_processes_open_it_at_once(database: str, start: str, tmp_path: Path) -> None:
    if start != "empty":
        old(database)
    words = [sys.executable, "-c", OPEN, database, str(tmp_path / "lake")]
    started = [
        subprocess.Popen([*words, str(n)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for n in range(4)
    ]
    for each in started:
        assert each.stdout is not None and each.stdout.readline() == "ready\n"
    for each in started:
        assert each.stdin is not None
        each.stdin.write("go\n")
        each.stdin.flush()
    for each in started:
        each.communicate(timeout=60)
        assert each.returncode == 0
    with Lake.open(database, tmp_path / "lake") as lake:
        assert {"main", "b0", "b1", "b2", "b3"} <= {b.name for b in lake.branches()}
        assert len(lake.log()) == (0 if start == "empty" else 3)


def test_a_file_that_is_written_when_it_is_opened_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    writer = sqlite3.connect(old(str(tmp_path / "lake.db")))
    writer.execute("BEGIN IMMEDIATE")
    waits: list[float] = []

    def wait(seconds: float) -> None:
        waits.append(seconds)
        writer.close()

    monkeypatch.setattr(sqlite, "time", SimpleNamespace(monotonic=time.monotonic, sleep=wait))
    with Lake.open(str(tmp_path / "lake.db"), tmp_path / "lake") as lake:
        assert len(lake.log()) == 3
    assert len(waits) == 1


@pytest.mark.needs("postgres")
def test_projects_in_one_database_are_apart(postgres: str, tmp_path: Path) -> None:
    one, other = (postgres.replace("?", f"?schema={name}&") for name in ("shop", "bank"))
    with Lake.open(one, tmp_path / "one") as shop, Lake.open(other, tmp_path / "other") as bank:
        shop.put("main", [Put(name="s.a", kind="view", sql="SELECT 1")], author="", message="")
        assert bank.pointers("main") == {} and bank.log() == []
    with pytest.raises(LakeError, match="cannot be the schema"):
        Lake.open(postgres.replace("?", "?schema=a-b&"), tmp_path / "lake")


@pytest.mark.needs("postgres")
@pytest.mark.parametrize(
    "address",
    [
        "postgresql://me:hush-hush@127.0.0.1:1/shop",
        "postgresql://me:hush-hush@127.0.0.1:port/shop",
        "postgresql://me@127.0.0.1:1/shop?password=hush-hush",
        "postgresql://me@127.0.0.1:1/shop?unheard_of=hush-hush",
        "postgresql://me:not@hush-hush@127.0.0.1:1/shop",
        "mysql://me:hush-hush@127.0.0.1/shop",
        "postgresql://me:hush-hush@[/shop",
    ],
)
def test_a_password_is_never_told(address: str, tmp_path: Path) -> None:
    with pytest.raises(LakeError) as told:
        Lake.open(address, tmp_path / "lake")
    assert "hush" not in str(told.value) + repr(told.value.findings)


@pytest.mark.parametrize(("project", "schema"), [("My shop!", "my_shop"), ("9lives", "p_9lives"), ("Ωδ", "p_")])
def test_a_project_has_a_schema(project: str, schema: str) -> None:
    assert schema_name(project) == schema
