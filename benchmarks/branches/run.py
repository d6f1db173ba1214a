"""Branches of a large lake: make one of 10,000 tables, merge 1,000 changed ones, in milliseconds on the clock.

python benchmarks/branches/run.py [--tables 10000] [--changed 1000]
"""

import argparse
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(ROOT / "tests")]

import postgres_server  # noqa: E402
from wherry.lake.lake import Lake  # noqa: E402
from wherry.lake.pointer import Put  # noqa: E402


def spent(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return (time.perf_counter() - began) * 1000


def puts(lake: Lake, folder: Path, count: int, version: int) -> list[Put]:
    """Tables whose metadata is small; what moves is pointers."""
    made = []
    for number in range(count):
        location = lake.storage.new_table(f"s{number % 20}", f"t{number}")
        metadata = {"location": location, "current-snapshot-id": None, "snapshots": [], "version": version}
        path = lake.storage.write(metadata, None, durable=False)
        made.append(Put(name=f"s{number % 20}.t{number}", kind="table", location=path, state={"version": version}))
    return made


def measure(name: str, address: str, folder: Path, tables: int, changed: int) -> None:
    with Lake.open(address, folder / "lake") as lake:
        lake.create_branch("run/0")
        lake.put("run/0", puts(lake, folder, tables, 0), author="ada", message="made")
        lake.merge("run/0", author="ada", message="publish")
        lake.create_branch("run/warm")
        makes = [spent(lambda n=n: lake.create_branch(f"run/{n}")) for n in range(1, 12)]  # type: ignore[misc]
        merges = []
        for round in range(3):
            branch = f"run/merge{round}"
            lake.create_branch(branch)
            lake.put(branch, puts(lake, folder, changed, round + 1), author="ada", message="changed")
            merges.append(spent(lambda b=branch: lake.merge(b, author="ada", message="publish")))  # type: ignore[misc]
        look = spent(lambda: lake.pointers("run/5"))
        find = statistics.median(spent(lambda: lake.pointer("run/5", "s7.t7")) for _ in range(9))
        print(
            f"{name:12} branch of {tables:,} tables {statistics.median(makes):7.2f} ms   merge of {changed:,} tables "
            f"{statistics.median(merges):7.1f} ms   all pointers {look:6.1f} ms   one pointer {find:5.2f} ms",
            flush=True,
        )


def main() -> None:
    words = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    words.add_argument("--tables", type=int, default=10_000)
    words.add_argument("--changed", type=int, default=1_000)
    asked = words.parse_args()
    with tempfile.TemporaryDirectory(prefix="wherry-branches-") as folder:
        measure("SQLite", str(Path(folder) / "w.db"), Path(folder), asked.tables, asked.changed)
    if postgres_server.ready():
        with tempfile.TemporaryDirectory(prefix="wherry-branches-") as folder:
            address = postgres_server.new_database(postgres_server.start(durable=True))
            measure("PostgreSQL", address, Path(folder), asked.tables, asked.changed)
        postgres_server.stop()


if __name__ == "__main__":
    main()
