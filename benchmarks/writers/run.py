"""Many processes write to one lake: wherry, DuckLake and delta-rs, one after the other on this machine.

    python benchmarks/writers/run.py [--processes 8] [--commits 50] [--only wherry ducklake delta] [--ways append ...]

Four ways: ``append`` to one table, ``apart`` (a table per process), ``merge`` of the same ten keys, ``counter``: one
number counted up. All the while one more process reads and looks for half commits. Pointers are in SQLite or in a
PostgreSQL that this script starts, with fsync on. Prints commits acknowledged, failed, lost and doubled, seconds on
the clock, milliseconds per acknowledged commit, and CPU seconds of the writers.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(ROOT / "tests"), str(ROOT / "tests" / "lake"), str(Path(__file__).parent), str(ROOT / "benchmarks")]

import peers  # noqa: E402
import writers  # noqa: E402
import writing  # noqa: E402

import postgres_server  # noqa: E402

#: What is measured, and in which database it keeps its pointers.
SYSTEMS = (
    ("wherry", "sqlite"),
    ("wherry", "postgres"),
    ("ducklake", "sqlite"),
    ("ducklake", "postgres"),
    ("delta", ""),
)


def one(system: str, database: str, way: str, processes: int, commits: int) -> str:
    """Run all writers and the reader to their end; the line to print."""
    folder = Path(tempfile.mkdtemp(prefix="wherry-writers-"))
    place = str(folder / "pointers.db")
    if database == "postgres":
        place = postgres_server.new_database(postgres_server.start(durable=True))
    program = [sys.executable, str(Path(__file__).with_name("writers.py")), system, database, place, str(folder), way]
    path = os.pathsep.join([*filter(None, [os.environ.get("PYTHONPATH")]), str(peers.FOLDER)])
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": path}
    try:
        subprocess.run([*program, "prepare", str(processes), "0"], check=True, env=environment)
        reader = subprocess.Popen(
            [*program, "read", str(processes), "0"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env=environment,
        )
        started = [
            subprocess.Popen(
                [*program, "write", str(who), str(commits)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                text=True,
                env=environment,
            )
            for who in range(processes)
        ]
        for each in (reader, *started):
            assert each.stdout is not None and each.stdout.readline() == "ready\n"
        began = time.perf_counter()
        for each in started:
            assert each.stdin is not None
            each.stdin.write("go\n")
            each.stdin.flush()
        lines: list[list[str]] = []
        for each in started:
            lines += [line.split() for line in each.communicate()[0].splitlines()]
        cpu = sum(float(w[1]) for w in lines if w[0] == "cpu")
        wall = time.perf_counter() - began
        told, _ = reader.communicate("stop\n", timeout=120)
        acknowledged = {(int(w[1]), int(w[2])) for w in lines if w[0] == "done"}
        failed = sum(w[0] == "failed" for w in lines)
        problem = subprocess.run(
            [*program, "look", str(processes), "0"],
            input="\n".join(f"{who} {number}" for who, number in acknowledged),
            capture_output=True,
            text=True,
            env=environment,
        )
        times = sorted(float(w[3]) * 1000 for w in lines if w[0] == "done") or [0.0]
        p50, p99 = times[len(times) // 2], times[min(len(times) - 1, int(len(times) * 0.99))]
        tries = sum(int(w[4]) for w in lines if w[0] == "done") / max(1, len(acknowledged))
        broken = problem.stderr.strip()[-80:] if problem.returncode else ""
        verdict = problem.stdout.strip() or broken or "all there"
        each_cpu = cpu / max(1, len(acknowledged)) * 1000
        return (
            f"{system:9}{database:9}{way:8} {len(acknowledged):5} {failed:6}   {wall:7.1f} {p50:8.1f} {p99:8.1f} "
            f"{cpu:7.1f} {each_cpu:7.1f} {tries:5.2f}  {verdict}; reader: {told.strip()}"
        )
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def main() -> None:
    words = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    words.add_argument("--processes", type=int, default=8)
    words.add_argument("--commits", type=int, default=50)
    words.add_argument("--only", nargs="*", default=["wherry", "ducklake", "delta"])
    words.add_argument("--ways", nargs="*", default=list(writing.WAYS))
    words.add_argument("--databases", nargs="*", default=["sqlite", "postgres", ""])
    asked = words.parse_args()
    peers.bring(peers.LAKES)
    print(f"{asked.processes} processes, {asked.commits} commits each; {os.cpu_count()} cores")
    print("system   database way       done failed   seconds   p50 ms   p99 ms   CPU s  ms/com tries  what is there")
    try:
        for way in asked.ways:
            for system, database in SYSTEMS:
                if system in asked.only and database in asked.databases and writers.installed(system, database):
                    print(one(system, database, way, asked.processes, asked.commits), flush=True)
    finally:
        postgres_server.stop()


if __name__ == "__main__":
    main()
