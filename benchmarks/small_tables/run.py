"""What a small commit costs: create, append to and read a table of 100 rows, in wherry, DuckLake and a DuckDB file.

    python benchmarks/small_tables/run.py [--times 50] [--only wherry ducklake duckdb]

Prints CPU milliseconds (user and system, all threads of the process) per statement, the middle of three rounds.
"""

import argparse
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(ROOT / "tests"), str(ROOT / "benchmarks"), str(ROOT / "benchmarks" / "writers")]

import peers  # noqa: E402

import postgres_server  # noqa: E402

ROWS = "SELECT range AS id, range * 1.5 AS amount, 'name ' || range AS name FROM range(100)"
STEPS = ("create", "append", "read")


def spent(work: Callable[[], object], times: int) -> float:
    began = time.process_time()
    for _ in range(times):
        work()
    return (time.process_time() - began) / times * 1000


def measure(connection: Any, catalog: str, times: int, number: int) -> dict[str, float]:
    """Milliseconds of each step; ``number`` keeps the names of rounds apart."""
    names = iter(range(times))
    reads = iter(range(times))
    appends = iter(range(times))
    told = {
        "create": spent(lambda: connection.execute(f"CREATE TABLE {catalog}.t{number}_{next(names)} AS {ROWS}"), times),
        "append": spent(lambda: connection.execute(f"INSERT INTO {catalog}.t{number}_{next(appends)} {ROWS}"), times),
    }
    query = "SELECT count(*), sum(amount) FROM"
    told["read"] = spent(lambda: connection.execute(f"{query} {catalog}.t{number}_{next(reads)}").fetchall(), times)
    return told


def wherry(place: str, branch: str) -> Callable[[Path], tuple[Any, str, Callable[[], None]]]:
    def make(folder: Path) -> tuple[Any, str, Callable[[], None]]:
        from wherry.lake.attach import connect
        from wherry.lake.lake import Lake

        address = postgres_server.new_database(postgres_server.start(durable=True)) if place else str(folder / "w.db")
        lake = Lake.open(address, folder / "lake")
        if branch != "main":
            lake.create_branch(branch)
        connection = connect()
        lake.attach(connection, branch, "m")
        connection.execute("CREATE SCHEMA m.s")
        return connection, "m.s", lake.close

    return make


def ducklake(database: str) -> Callable[[Path], tuple[Any, str, Callable[[], None]]]:
    def make(folder: Path) -> tuple[Any, str, Callable[[], None]]:
        import writers

        place = str(folder / "pointers.db")
        if database == "postgres":
            place = postgres_server.new_database(postgres_server.start(durable=True))
        connection = writers.DuckLake(database, place, folder).connection
        connection.execute("RESET threads")
        connection.execute("CREATE SCHEMA m.s")
        return connection, "m.s", connection.close

    return make


def duckdb_file(folder: Path) -> tuple[Any, str, Callable[[], None]]:
    import duckdb

    connection = duckdb.connect(str(folder / "file.duckdb"))
    connection.execute("CREATE SCHEMA s")
    return connection, "s", connection.close


def main() -> None:
    words = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    words.add_argument("--times", type=int, default=50)
    words.add_argument("--only", nargs="*")
    asked = words.parse_args()
    systems = {
        "wherry, a run's branch": wherry("", "run/1"),
        "wherry, main": wherry("", "main"),
        "wherry, PostgreSQL": wherry("postgres", "main"),
        "DuckLake, SQLite": ducklake("sqlite"),
        "DuckLake, PostgreSQL": ducklake("postgres"),
        "DuckDB file": duckdb_file,
    }
    peers.bring({name: wanted for name, wanted in peers.LAKES.items() if name.startswith("duckdb_extension_")})
    missing = [] if postgres_server.ready() else ["wherry, PostgreSQL", "DuckLake, PostgreSQL"]
    for database, name in (("sqlite", "SQLite"), ("postgres", "PostgreSQL")):
        if any(find_spec(f"duckdb_extension_{each}") is None for each in ("ducklake", f"{database}_scanner")):
            missing.append(f"DuckLake, {name}")
    for name in dict.fromkeys(missing):
        print(f"{name} is not measured: what it needs is not installed", file=sys.stderr)
        del systems[name]
    print(f"{'CPU ms per statement':24}" + "".join(f"{step:>9}" for step in STEPS))
    for name, make in systems.items():
        if asked.only and not any(word in name.lower() for word in asked.only):
            continue
        folder = Path(tempfile.mkdtemp(prefix="wherry-small-"))
        try:
            connection, catalog, close = make(folder)
            measure(connection, catalog, 3, 0)  # so that nobody's figure holds the loading of modules
            rounds = [measure(connection, catalog, asked.times, number) for number in (1, 2, 3)]
            close()
            figures = (statistics.median(each[step] for each in rounds) for step in STEPS)
            print(f"{name:24}" + "".join(f"{figure:9.2f}" for figure in figures), flush=True)
        finally:
            shutil.rmtree(folder, ignore_errors=True)
    postgres_server.stop()


if __name__ == "__main__":
    main()
