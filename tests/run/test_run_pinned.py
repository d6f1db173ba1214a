"""What functions of Python tables read is what the lake has: the same rows, types and files."""

import re
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from wherry.engines.duckdb import DuckDB
from wherry.errors import LakeError
from wherry.lake.lake import Lake
from wherry.lake.pointer import Pointer, Put
from wherry.quoting import full_name
from wherry.run.session import Session

TABLES = {
    "deleted": [
        "CREATE TABLE {} AS SELECT range AS id, 'x' || range AS n FROM range(1000)",
        "DELETE FROM {} WHERE id % 7 = 0",
        "UPDATE {} SET n = 'u' WHERE id % 5 = 1",
    ],
    "grown": [
        "CREATE TABLE {} AS SELECT 1::INTEGER AS a, 'x' AS b, 1.5::FLOAT AS f",
        'ALTER TABLE {} RENAME COLUMN b TO "be "" low"',
        "ALTER TABLE {} ADD COLUMN c DOUBLE",
        "ALTER TABLE {} ALTER a TYPE BIGINT",
        "INSERT INTO {} VALUES (5_000_000_000, 'y', 2.5, 3.25)",
        "ALTER TABLE {} DROP COLUMN f",
        "ALTER TABLE {} ADD COLUMN f VARCHAR",
        "INSERT INTO {} VALUES (3, 'z', NULL, 'again')",
    ],
    "nested": [
        "CREATE TABLE {} AS SELECT {{'a': 1, 'b': [1, 2, NULL], 'c': {{'d': 'x'}}}} AS s, [{{'k': 1}}] AS l, "
        "MAP {{'a': 1}} AS m, [[1], [2, 3]] AS ll, NULL::STRUCT(z INTEGER) AS n",
    ],
    "kinds": [
        "CREATE TABLE {} AS SELECT true AS bo, 1::INTEGER AS i, 2::BIGINT AS bi, 1.5::FLOAT AS f, 'nan'::DOUBLE AS d, "
        "1.23::DECIMAL(9,2) AS de, 123456789012345678.12::DECIMAL(38,2) AS dl, DATE '2024-01-01' AS da, "
        "TIME '10:00:00.123456' AS ti, TIMESTAMP '2024-01-01 10:00:00.123456' AS ts, "
        "TIMESTAMPTZ '2024-01-01 10:00:00.123456+02' AS tz, 'a\\x00b'::BLOB AS bl, 'ü' AS v, "
        "'5d38e3cd-2bd2-4d2b-9a3b-0123456789ab'::UUID AS u",
    ],
    "parted": [
        "CREATE TABLE {} PARTITIONED BY (p, month(t)) AS "
        "SELECT range AS id, range % 3 AS p, TIMESTAMP '2024-01-01' + INTERVAL (range) DAY AS t FROM range(100)",
        "DELETE FROM {} WHERE p = 1 AND id < 50",
    ],
    "third_version": [
        "CREATE TABLE {} (id BIGINT, n VARCHAR) WITH ('format-version' = 3)",
        "INSERT INTO {} SELECT range, 'x' FROM range(100)",
        "DELETE FROM {} WHERE id % 7 = 0",
        "ALTER TABLE {} ADD COLUMN c INTEGER DEFAULT 7",
        "INSERT INTO {} (id) VALUES (5000)",
    ],
    "never_filled": ["CREATE TABLE {} (a INTEGER, b VARCHAR, t TIMESTAMPTZ)"],
    "emptied": ["CREATE TABLE {} AS SELECT 1 AS a", "DELETE FROM {}"],
    "T.a 'b\"": ['CREATE TABLE {} AS SELECT 1 AS "select", 2 AS "A b"'],
}


@pytest.fixture
def lake(tmp_path: Path) -> Iterator[Lake]:
    with Lake.open(tmp_path / "lake.db", tmp_path / "tables") as opened:
        yield opened


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[DuckDB]:
    made = DuckDB(folder=tmp_path, scratch=tmp_path / "scratch")
    yield made
    made.close()


@pytest.fixture
def session(lake: Lake, engine: DuckDB) -> Session:
    made = Session(lake, "main", engine)
    made.attach()
    return made


def write(session: Session, table: str, *statements: str) -> None:
    session.make_lake_schema(table, session.engine)
    for statement in statements:
        session.engine.execute(statement.format(f"lake.{full_name(table)}"))
    session.built(table)


def view(session: Session, table: str, sql: str, *inputs: str, functions: tuple[str, ...] = ()) -> None:
    schema, _, own = table.partition(".")
    state = {"inputs": list(inputs), "functions": list(functions)}
    session.set_view(Pointer(namespace=schema, name=own, kind="view", sql=sql, state=state))


def rows(session: Session, table: str) -> list[tuple[object, ...]]:
    return session.for_functions([table]).cursor().execute(f"FROM {full_name(table)} ORDER BY ALL")


@pytest.mark.parametrize("table", TABLES)
@pytest.mark.parametrize("schema", ["raw", 'Od d"s'])
def test_a_table_is_what_it_is_in_the_lake(session: Session, schema: str, table: str) -> None:
    name = f"{schema}.{table}"
    write(session, name, *TABLES[table])
    here, there = session.engine, session.for_functions([name]).cursor()
    assert there.schema(f"FROM {full_name(name)}") == here.schema(f"FROM lake.{full_name(name)}")
    read, expected = (
        each.connection.execute(f"FROM {source}{full_name(name)} ORDER BY ALL").to_arrow_table()
        for each, source in ((there, ""), (here, "lake."))
    )
    assert read.schema == expected.schema
    assert repr(read.to_pylist()) == repr(expected.to_pylist())  # a NaN is not itself
    assert read.num_rows == 0 if table in ("never_filled", "emptied") else read.num_rows > 0


def test_a_table_whose_files_are_named_as_spark_does(lake: Lake, session: Session) -> None:
    write(session, "raw.rows", *TABLES["deleted"])
    location = Path(session.pointers["raw.rows"].location or "")
    moved = location.with_name("00099-00000000-0000-0000-0000-000000000000.metadata.json")
    moved.write_text(location.read_text().replace(f'"{lake.storage.location}', f'"file:{lake.storage.location}'))
    lake.put("main", [Put(name="raw.rows", kind="table", location=f"file:{moved}")], author="ada", message="as Spark")
    session.built("raw.rows")
    assert session.pointers["raw.rows"].location == f"file:{moved}"
    assert rows(session, "raw.rows") == session.engine.execute("FROM lake.raw.rows ORDER BY ALL")


def test_only_files_that_may_hold_what_is_asked_for_are_read(session: Session) -> None:
    write(session, "raw.parted", *TABLES["parted"], "INSERT INTO {} SELECT 200, 2, TIMESTAMP '2025-01-01'")
    ask = "EXPLAIN ANALYZE SELECT * FROM {}raw.parted WHERE p = 2 AND t < '2024-02-01'"
    plans = [
        engine.execute(ask.format(source))[0][1]
        for engine, source in ((session.for_functions(["raw.parted"]), ""), (session.engine, "lake."))
    ]
    assert [re.findall(r"Total Files Read: (\d+)", plan) for plan in plans] == [["1"], ["1"]]


def test_views_read_what_they_read(session: Session) -> None:
    write(session, "raw.rows", "CREATE TABLE {} AS SELECT range AS id FROM range(3)")
    view(session, "s.twice", "SELECT double(id) AS d FROM raw.rows", "raw.rows", functions=(MACRO,))
    view(session, "s.most", "SELECT max(d) AS m, double(1) AS two FROM s.twice", "s.twice", functions=(MACRO,))
    assert rows(session, "s.most") == [(4, 2)]
    assert rows(session, "s.twice") == [(0,), (2,), (4,)]


MACRO = "CREATE MACRO double(x) AS 2 * x"


def test_a_table_that_is_written_again_is_read_as_it_is_then(session: Session) -> None:
    write(session, "raw.rows", "CREATE TABLE {} AS SELECT 1 AS id")
    view(session, "s.shown", "FROM raw.rows", "raw.rows")
    assert rows(session, "s.shown") == [(1,)]
    session.engine.execute("INSERT INTO lake.raw.rows VALUES (2)")
    # Until the run knows of it, a function reads what there was: its inputs are of one moment.
    assert rows(session, "s.shown") == [(1,)]
    write(session, "raw.rows", "ALTER TABLE {} ADD COLUMN n VARCHAR")
    assert rows(session, "raw.rows") == [(1, None), (2, None)]
    assert rows(session, "s.shown") == [(1, None), (2, None)]


def test_each_branch_has_its_own(lake: Lake, session: Session, tmp_path: Path) -> None:
    write(session, "raw.rows", "CREATE TABLE {} AS SELECT 1 AS id")
    lake.create_branch("dev")
    engine = DuckDB(folder=tmp_path, scratch=tmp_path / "other")
    other = Session(lake, "dev", engine)
    other.attach()
    write(other, "raw.rows", "INSERT INTO {} VALUES (2)")
    assert (rows(session, "raw.rows"), rows(other, "raw.rows")) == ([(1,)], [(1,), (2,)])
    engine.close()


def test_a_table_that_is_not_there_is_told(session: Session) -> None:
    with pytest.raises(LakeError, match=r"`raw\.nowhere` is not in the branch"):
        session.for_functions(["raw.nowhere"])


def test_the_database_knows_of_no_lake(session: Session) -> None:
    write(session, "raw.rows", "CREATE TABLE {} AS SELECT 1 AS id")
    apart = session.for_functions(["raw.rows"])
    attached = "SELECT database_name FROM duckdb_databases() WHERE NOT internal ORDER BY ALL"
    assert apart.execute(attached) == [("memory",)]
    assert session.engine.execute(attached) == [("lake",), ("memory",)]
    assert session.for_functions(["raw.rows"]) is apart


def test_what_is_done_in_it_is_broken_off_and_closed_with_the_run(session: Session, engine: DuckDB) -> None:
    write(session, "raw.rows", "CREATE TABLE {} AS SELECT 1 AS id")
    apart = session.for_functions(["raw.rows"])
    cursor, told = apart.cursor(), []

    def endless() -> None:
        try:
            cursor.execute("SELECT count(*) FROM range(1_000_000_000_000) AS a, range(1_000_000_000_000) AS b")
        except Exception as problem:
            told.append(type(problem).__name__)

    thread = threading.Thread(target=endless)
    thread.start()
    while thread.is_alive():
        engine.interrupt()
        thread.join(0.01)
    assert told == ["InterruptException"]
    engine.close()
    with pytest.raises(Exception, match="closed"):
        apart.execute("SELECT 1")


def test_both_databases_together_have_their_share_of_memory(engine: DuckDB) -> None:
    def limit(database: DuckDB) -> float:
        ((told,),) = database.execute("SELECT current_setting('memory_limit')")
        number, unit = told.split()
        return float(number) * 1024 ** ["bytes", "KiB", "MiB", "GiB", "TiB"].index(unit)

    assert limit(engine.apart()) == pytest.approx(limit(engine) / 2, rel=0.05)
