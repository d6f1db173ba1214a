"""Time a graph of 1,000 tables: wherry, dbt with DuckDB, and DuckDB alone, one after the other on this machine.

    python benchmarks/graph_1000/run.py [wherry] [dbt] [plain]

Prints, for each step, the CPU seconds of the whole process tree, the seconds on the clock and the largest resident
set of one process. Every step is its own process, as a person at a terminal would start it.
"""

import os
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import generate

ROOT = Path(__file__).parents[2]
BENCH = ROOT / ".bench"
GRAPH = BENCH / "graph_1000"
DBT = BENCH / "dbt" / "bin" / "dbt"
#: dbt-core 1.12 fetches a prebuilt program from elsewhere while it is installed; 1.11 is whole in the package index.
PINNED = ("dbt-core==1.11.16", "dbt-duckdb==1.10.1", "duckdb==1.5.5")
PLAIN = "import duckdb; duckdb.connect('graph.duckdb').execute(open('graph.sql').read())"


@dataclass(frozen=True, slots=True, kw_only=True)
class Spent:
    """What one step took."""

    #: User and system time of the process and all that it started and waited for, in seconds.
    cpu: float
    #: Seconds on the clock.
    wall: float
    #: Largest resident set of one process of the tree, in MiB.
    peak: float


def measure(command: list[str], folder: Path, **more: str) -> Spent:
    """Run ``command`` in ``folder`` to its end; exit with its output when it fails."""
    environment = {**os.environ, **more}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    log = BENCH / "last.log"
    with log.open("wb") as output:
        begun = time.perf_counter()
        process = subprocess.Popen(command, cwd=folder, env=environment, stdout=output, stderr=output)
        _, status, usage = os.wait4(process.pid, 0)
        wall = time.perf_counter() - begun
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        sys.exit(f"{' '.join(command)} failed:\n{log.read_text()[-3000:]}")
    return Spent(cpu=usage.ru_utime + usage.ru_stime, wall=wall, peak=usage.ru_maxrss / 1024)


def time_wherry() -> dict[str, Spent]:
    folder, program = GRAPH / "wherry", str(Path(sys.executable).with_name("wherry"))
    generate.write_wherry(folder)
    measure([program, "--help"], folder)  # so that nobody's time holds the compiling of modules
    return {
        "check, cold": measure([program, "check"], folder),
        "check, warm": measure([program, "check"], folder),
        "run, first": measure([program, "run"], folder),
        "run, nothing changed": measure([program, "run"], folder),
    }


def time_dbt() -> dict[str, Spent]:
    if not DBT.exists():
        print(f"installing {' '.join(PINNED)} into {DBT.parents[1].relative_to(ROOT)}", file=sys.stderr)
        subprocess.run([sys.executable, "-m", "venv", DBT.parents[1]], check=True)
        subprocess.run([DBT.with_name("pip"), "install", "--quiet", *PINNED], check=True)
    folder, quiet = GRAPH / "dbt", {"DBT_SEND_ANONYMOUS_USAGE_STATS": "false", "DBT_PROFILES_DIR": "."}
    generate.write_dbt(folder)
    measure([str(DBT), "--help"], folder, **quiet)
    return {
        "check, cold": measure([str(DBT), "parse", "--no-partial-parse"], folder, **quiet),
        "check, warm": measure([str(DBT), "parse"], folder, **quiet),
        "run, first": measure([str(DBT), "run"], folder, **quiet),
        "run, nothing changed": measure([str(DBT), "run"], folder, **quiet),
    }


def time_plain() -> dict[str, Spent]:
    folder = GRAPH / "plain"
    generate.write_plain(folder)
    return {"run, first": measure([sys.executable, "-c", PLAIN], folder)}


PROGRAMS = {"wherry": time_wherry, "dbt": time_dbt, "plain": time_plain}


def show(results: dict[str, dict[str, Spent]]) -> None:
    """The table; the ratio is CPU over wherry's CPU for the same step, where wherry was timed."""
    ours = results.get("wherry", {})
    print(f"\n{'step':22} {'program':8} {'CPU s':>8} {'wall s':>8} {'peak MiB':>9} {'to wherry':>10}")
    for step in dict.fromkeys(step for steps in results.values() for step in steps):
        for program, steps in results.items():
            if spent := steps.get(step):
                ratio = f"{spent.cpu / ours[step].cpu:9.1f}x" if step in ours else ""
                print(f"{step:22} {program:8} {spent.cpu:8.2f} {spent.wall:8.2f} {spent.peak:9.0f} {ratio:>10}")


def main() -> None:
    wanted = sys.argv[1:] or list(PROGRAMS)
    if unknown := set(wanted) - set(PROGRAMS):
        sys.exit(f"There is no {', '.join(sorted(unknown))}; there is {', '.join(PROGRAMS)}.")
    shutil.rmtree(GRAPH, ignore_errors=True)
    GRAPH.mkdir(parents=True)
    show({name: PROGRAMS[name]() for name in wanted})


if __name__ == "__main__":
    main()
