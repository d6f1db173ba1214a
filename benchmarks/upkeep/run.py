"""A table worn by 1,000 appends and 100 merges: what a scan of it costs before and after upkeep.

Prints wall and CPU seconds of the same query over the worn table, the table after upkeep, and a freshly written table
of the same rows; and what upkeep itself took. The share of the fresh table's time is what to look at. The last line is
a fresh table that is sorted as well, as upkeep does where a table declares an order.
"""

from __future__ import annotations

import argparse
import resource
import statistics
import tempfile
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import duckdb

from wherry.lake.attach import connect
from wherry.lake.lake import Lake
from wherry.lake.upkeep.upkeep import Options, keep_up

QUERY = "SELECT count(*), sum(i), sum(v), max(text) FROM {}"


def cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def timed(connection: duckdb.DuckDBPyConnection, *tables: str, rounds: int) -> Iterator[tuple[float, float, object]]:
    """Of each table: median wall and CPU seconds of one scan, and what it found. They are scanned in turns."""
    walls: dict[str, list[float]] = {table: [] for table in tables}
    cpus: dict[str, list[float]] = {table: [] for table in tables}
    found = {}
    for _ in range(rounds):
        for table in tables:
            wall, used = time.perf_counter(), cpu()
            found[table] = connection.execute(QUERY.format(table)).fetchone()
            walls[table].append(time.perf_counter() - wall)
            cpus[table].append(cpu() - used)
    yield from ((statistics.median(walls[table]), statistics.median(cpus[table]), found[table]) for table in tables)


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--appends", type=int, default=1000)
    options.add_argument("--rows", type=int, default=1000, help="rows of one append")
    options.add_argument("--merges", type=int, default=100)
    options.add_argument("--rounds", type=int, default=50, help="scans of each table after upkeep")
    given = options.parse_args()
    with tempfile.TemporaryDirectory() as folder, Lake.open(f"{folder}/wherry.db", Path(folder) / "lake") as lake:
        # A work branch, as a run has: no flush to disk for each commit.
        lake.create_branch("run/wear")
        connection = connect()
        lake.attach(connection, "run/wear", "w")
        connection.execute("CREATE SCHEMA w.s")
        columns = f"range * {given.appends} + $n AS i, (hash(range) % 1000)::DOUBLE AS v, 'text ' || range AS text"
        rows = f"{columns} FROM range({given.rows})"
        began = time.perf_counter()
        connection.execute("CREATE TABLE w.s.t (i BIGINT, v DOUBLE, text VARCHAR)")
        for number in range(given.appends):
            connection.execute(f"INSERT INTO w.s.t SELECT {rows}", {"n": number})
        total = given.appends * given.rows
        for number in range(given.merges):
            connection.execute(
                f"MERGE INTO w.s.t AS t USING (SELECT (hash(range + {number * 1000}) % {total})::BIGINT AS i "
                f"FROM range({given.rows // 10}) GROUP BY ALL) AS s ON t.i = s.i "
                "WHEN MATCHED THEN UPDATE SET v = 1 WHEN NOT MATCHED THEN INSERT VALUES (s.i, 0, 'new')"
            )
        print(f"worn by {given.appends} appends of {given.rows} rows and {given.merges} merges", end=" ")
        print(f"in {time.perf_counter() - began:.0f} s")
        lake.merge("run/wear", author="", message="publish")
        lake.attach(connection, "main", "m")
        connection.execute("CREATE TABLE m.s.fresh AS FROM m.s.t")
        connection.execute("CREATE TABLE m.s.ordered AS FROM m.s.t ORDER BY i")
        (before,) = timed(connection, "m.s.t", rounds=5)
        wall, used = time.perf_counter(), cpu()
        report = keep_up(lake, Options(tables=["s.t"], grace=timedelta(0)))
        wall, used = time.perf_counter() - wall, cpu() - used
        after, fresh, ordered = timed(connection, "m.s.t", "m.s.fresh", "m.s.ordered", rounds=given.rounds)
        assert before[2] == after[2] == fresh[2] == ordered[2], "the rows changed"
        (result,) = report.tables
        print(f"upkeep: {result.files_before} data files -> {result.files_after},", end=" ")
        print(f"{result.deletes_before} delete files -> {result.deletes_after},", end=" ")
        print(f"{result.manifests_before} manifests -> {result.manifests_after}; {wall:.2f} s, {used:.2f} CPU s")
        wall, used = time.perf_counter(), cpu()
        swept = keep_up(lake, Options(tables=["s.t"], keep=timedelta(0), grace=timedelta(0))).swept
        wall, used = time.perf_counter() - wall, cpu() - used
        print(f"expiry: {swept.files} files removed, {swept.bytes / 1e6:.0f} MB; {swept.kept} files stay,", end=" ")
        print(f"{swept.kept_bytes / 1e6:.0f} MB; {wall:.2f} s, {used:.2f} CPU s")
        print(f"{'scan':<8} {'s':>8} {'CPU s':>8} {'of fresh':>9} {'of fresh, CPU':>14}")
        for name, found in {"before": before, "after": after, "fresh": fresh, "sorted": ordered}.items():
            print(f"{name:<8} {found[0]:>8.4f} {found[1]:>8.4f}", end=" ")
            print(f"{found[0] / fresh[0]:>9.2f} {found[1] / fresh[1]:>14.2f}")


if __name__ == "__main__":
    main()
