"""A process that writes to a lake and tells, commit by commit, what was acknowledged.

    python writing.py DATABASE LAKE WAY WHO COMMITS

Ways: ``append`` to one table, ``apart`` (each writer its own table), ``merge`` of the same keys, ``counter``: one
number counted up. A line ``WHO NUMBER SECONDS TRIES`` is printed for each commit that was acknowledged.
"""

import sys
import time
from contextlib import closing
from pathlib import Path

import duckdb

from wherry.engines.duckdb import DuckDB
from wherry.lake.lake import Lake

WAYS = ("append", "apart", "merge", "counter")
#: Rows of one append: a reader that sees some of them, not all, saw half a commit.
ROWS = 5
#: Keys that every merge touches.
KEYS = 10


def prepare(lake: Lake, connection: duckdb.DuckDBPyConnection, writers: int) -> None:
    """Make the tables that the writers write to, in the schema ``s`` of the attached ``m``."""
    connection.execute("CREATE SCHEMA m.s")
    connection.execute("CREATE TABLE m.s.append (who INTEGER, number INTEGER, part INTEGER)")
    for who in range(writers):
        connection.execute(f"CREATE TABLE m.s.apart_{who} (who INTEGER, number INTEGER, part INTEGER)")
    connection.execute(f"CREATE TABLE m.s.merge AS SELECT range::INTEGER AS k, 0 AS n FROM range({KEYS})")
    connection.execute("CREATE TABLE m.s.counter AS SELECT 0 AS n")


def table(way: str, who: int) -> str:
    return f"apart_{who}" if way == "apart" else way


def statement(way: str, who: int, number: int) -> str:
    """One commit of one writer, over the catalog ``m``."""
    target = f"m.s.{table(way, who)}"
    if way == "counter":
        return f"UPDATE {target} SET n = n + 1"
    if way == "merge":
        return (
            f"MERGE INTO {target} AS t USING (SELECT range::INTEGER AS k FROM range({KEYS})) AS s ON t.k = s.k "
            "WHEN MATCHED THEN UPDATE SET n = t.n + 1 WHEN NOT MATCHED THEN INSERT VALUES (s.k, -1000000)"
        )
    return f"INSERT INTO {target} SELECT {who}, {number}, range FROM range({ROWS})"


def missing(way: str, connection: duckdb.DuckDBPyConnection, acknowledged: set[tuple[int, int]]) -> str:
    """What is wrong with the tables after all these commits; empty when nothing is."""
    if way == "counter":
        found = connection.execute("SELECT n FROM m.s.counter").fetchall()
        return "" if found == [(len(acknowledged),)] else f"counted {found}, not {len(acknowledged)}"
    if way == "merge":
        found = connection.execute("SELECT count(*), count(DISTINCT k), min(n), max(n) FROM m.s.merge").fetchall()
        wanted = [(KEYS, KEYS, len(acknowledged), len(acknowledged))]
        return "" if found == wanted else f"merged {found}, not {wanted}"
    writers = {who for who, _ in acknowledged}
    names = [table(way, who) for who in writers] if way == "apart" else [way]
    rows = [row for name in names for row in connection.execute(f"FROM m.s.{name}").fetchall()]
    wanted_rows = {(who, number, part) for who, number in acknowledged for part in range(ROWS)}
    lost, doubled = len(wanted_rows - set(rows)), len(rows) - len(set(rows))
    extra = len(set(rows) - wanted_rows)
    return f"{lost} rows lost, {doubled} doubled, {extra} too many" if lost or doubled or extra else ""


def half_seen(connection: duckdb.DuckDBPyConnection, way: str, writers: int) -> str:
    """Half a commit, where one is seen now."""
    if way == "counter":
        found = connection.execute("SELECT count(*) FROM m.s.counter").fetchall()
        return "" if found == [(1,)] else f"the counter has {found}"
    if way == "merge":
        found = connection.execute("SELECT count(*), count(DISTINCT k), max(n) - min(n) FROM m.s.merge").fetchall()
        return "" if found == [(KEYS, KEYS, 0)] else f"half a merge: {found}"
    for name in [f"apart_{who}" for who in range(writers)] if way == "apart" else [way]:
        query = f"SELECT who, number, count(*) FROM m.s.{name} GROUP BY ALL HAVING count(*) <> {ROWS} LIMIT 1"
        if found := connection.execute(query).fetchall():
            return f"half an append: {found}"
    return ""


def main(database: str, folder: str, way: str, who: int, commits: int) -> None:
    engine = DuckDB(folder=Path(folder), scratch=Path(folder))
    with Lake.open(database, Path(folder)) as lake, closing(engine):
        lake.attach(engine.connection, "main", "m", author=f"writer {who}")
        engine.execute("SET threads = 1")
        tries = 0

        def work() -> None:
            nonlocal tries
            tries += 1
            with engine.transaction():
                engine.execute(statement(way, who, number))

        print("ready", flush=True)
        sys.stdin.readline()
        for number in range(commits):
            tries, began = 0, time.perf_counter()
            lake.retrying(work, tables=[f"s.{table(way, who)}"])
            print(who, number, f"{time.perf_counter() - began:.6f}", tries, flush=True)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4]), int(sys.argv[5]))
