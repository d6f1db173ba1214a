"""One process of the benchmark: a writer, the reader, or the one that looks afterwards, of one system.

python writers.py SYSTEM DATABASE PLACE FOLDER WAY (prepare|write|read|look) NUMBER COMMITS
"""

import random
import select
import sys
import time
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

sys.path[:0] = [str(Path(__file__).parents[2] / "tests" / "lake")]

import writing  # noqa: E402

#: Attempts at one commit, the same for each system that leaves this to its caller.
ATTEMPTS = 12


def installed(system: str, database: str) -> bool:
    """Whether the packages of a system are here; says which are missing."""
    wanted = {"delta": ["deltalake"], "ducklake": ["duckdb_extension_ducklake"]}.get(system, [])
    if system == "ducklake":
        wanted.append(f"duckdb_extension_{database}_scanner")
    if database == "postgres":
        wanted.append("psycopg")
    missing = [name for name in wanted if find_spec(name) is None]
    if missing:
        print(f"{system} {database}: not measured for want of {', '.join(missing)}", file=sys.stderr)
    return not missing


class Wherry:
    """Commits with the product's own retry."""

    def __init__(self, database: str, place: str, folder: Path) -> None:
        from wherry.lake.attach import connect
        from wherry.lake.lake import Lake

        self.lake = Lake.open(place, folder / "lake")
        self.connection = connect()
        self.lake.attach(self.connection, "main", "m")
        self.connection.execute("SET threads = 1")

    def prepare(self, processes: int) -> None:
        writing.prepare(self.lake, self.connection, processes)

    def write(self, way: str, who: int, number: int) -> int:
        tries = 0

        def work() -> None:
            nonlocal tries
            tries += 1
            self.connection.execute(writing.statement(way, who, number))

        self.lake.retrying(work, tables=[f"s.{writing.table(way, who)}"])
        return tries


class DuckLake:
    """DuckLake 1.0; it tries again by itself as often as it is set to, and the caller does beyond that."""

    def __init__(self, database: str, place: str, folder: Path) -> None:
        import duckdb

        from wherry.lake.attach import extension_file

        self.connection = duckdb.connect(config={"allow_unsigned_extensions": "true"})
        self.connection.execute("SET autoinstall_known_extensions = false; SET autoload_known_extensions = false")
        for name in (f"{database}_scanner", "ducklake"):
            self.connection.execute(f"LOAD '{extension_file(name)}'")
        self.connection.execute("SET threads = 1; SET ducklake_max_retry_count = 100")
        kind = "sqlite" if database == "sqlite" else "postgres"
        if kind == "postgres":
            name, _, host = place.removeprefix("postgresql://wherry@/").partition("?host=")
            place = f"dbname={name} user=wherry host={host.replace('%2F', '/')}"
        options = ", META_BUSY_TIMEOUT 30000" if kind == "sqlite" else ""
        self.connection.execute(f"ATTACH 'ducklake:{kind}:{place}' AS m (DATA_PATH '{folder}/data'{options})")

    def prepare(self, processes: int) -> None:
        writing.prepare(None, self.connection, processes)  # type: ignore[arg-type]

    def write(self, way: str, who: int, number: int) -> int:
        return again(lambda: self.connection.execute(writing.statement(way, who, number)))


class Delta:
    """delta-rs, which has no transaction over several statements and no SQL; the reader goes through DuckDB."""

    def __init__(self, database: str, place: str, folder: Path) -> None:
        self.folder = folder
        self.connection = View(self)

    def path(self, name: str) -> str:
        return str(self.folder / "delta" / name)

    def prepare(self, processes: int) -> None:
        from deltalake import write_deltalake

        write_deltalake(self.path("append"), rows(0, 0, 0))
        for who in range(processes):
            write_deltalake(self.path(f"apart_{who}"), rows(0, 0, 0))
        write_deltalake(self.path("merge"), keys())
        write_deltalake(self.path("counter"), keys(1).drop_columns(["k"]))

    def write(self, way: str, who: int, number: int) -> int:
        from deltalake import DeltaTable, write_deltalake

        name = self.path(writing.table(way, who))

        def work() -> None:
            if way == "counter":
                DeltaTable(name).update(updates={"n": "n + 1"})
            elif way == "merge":
                merger = DeltaTable(name).merge(keys(), "t.k = s.k", source_alias="s", target_alias="t")
                merger.when_matched_update({"n": "t.n + 1"}).when_not_matched_insert_all().execute()
            else:
                write_deltalake(name, rows(who, number, writing.ROWS), mode="append")

        return again(work)


class View:
    """What ``writing`` asks of a DuckDB connection, over delta tables read as they are now."""

    def __init__(self, delta: Delta) -> None:
        import duckdb

        self.delta, self.duckdb = delta, duckdb.connect()

    def execute(self, query: str) -> Any:
        from deltalake import DeltaTable

        name = query.partition("m.s.")[2].split()[0]
        self.duckdb.register("seen", DeltaTable(self.delta.path(name)).to_pyarrow_table())
        return self.duckdb.execute(query.replace(f"m.s.{name}", "seen"))


def rows(who: int, number: int, count: int) -> Any:
    import pyarrow as pa

    columns = {"who": [who] * count, "number": [number] * count, "part": list(range(count))}
    return pa.table({name: pa.array(values, pa.int32()) for name, values in columns.items()})


def keys(count: int = writing.KEYS) -> Any:
    import pyarrow as pa

    return pa.table({"k": pa.array(range(count), pa.int32()), "n": pa.array([0] * count, pa.int32())})


def again(work: Callable[[], object]) -> int:
    """Try a commit with a growing pause, as a careful caller would; how often it was tried."""
    for attempt in range(1, ATTEMPTS + 1):
        try:
            work()
            return attempt
        except Exception:
            if attempt == ATTEMPTS:
                raise
            time.sleep(random.uniform(0, min(1.0, 0.01 * 2**attempt)))
    raise AssertionError


def main(system: str, database: str, place: str, folder: str, way: str, task: str, number: int, commits: int) -> None:
    opened: Any = {"wherry": Wherry, "ducklake": DuckLake, "delta": Delta}[system](database, place, Path(folder))
    if task == "prepare":
        opened.prepare(number)
    elif task == "look":
        acknowledged = {(int(who), int(n)) for who, n in (line.split() for line in sys.stdin)}
        print(writing.missing(way, opened.connection, acknowledged))
    elif task == "read":
        print("ready", flush=True)
        read, failed, half, first = 0, 0, 0, ""
        while not select.select([sys.stdin], [], [], 0.05)[0]:
            try:
                problem = writing.half_seen(opened.connection, way, number)
                half += bool(problem)
            except Exception as error:
                problem = f"{type(error).__name__}: {error}".replace("\n", " ")[:120]
                failed += 1
            first = first or problem
            read += 1
        print(f"{read} reads, {failed} failed, {half} saw half{': ' + first if first else ''}")
    else:
        print("ready", flush=True)
        sys.stdin.readline()
        cpu = time.process_time()
        for n in range(commits):
            began = time.perf_counter()
            try:
                tries = opened.write(way, number, n)
                print("done", number, n, f"{time.perf_counter() - began:.6f}", tries, flush=True)
            except Exception as error:
                print("failed", number, n, f"{type(error).__name__}", 0, flush=True)
                print(error, file=sys.stderr)
        print("cpu", time.process_time() - cpu, flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:7], int(sys.argv[7]), int(sys.argv[8]))
