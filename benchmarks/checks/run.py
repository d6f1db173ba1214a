"""Time fifty checks of a table: wherry, two hand-written forms of SQL, and the tools that people use for it.

    python benchmarks/checks/run.py [ROWS...] [--only ours,one,fifty,pandera,pointblank,soda,dbt,gx]

Every tool runs in a process of its own over the same Parquet files (wherry, and "lake": over the same rows as a table
of a lake), start included. Prints wall and CPU seconds, peak memory and the ratio of CPU seconds to those of wherry;
then what a slice of one row in a hundred costs, as a share of all checks on all rows: the medians of five of each.
"""

import json
import os
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
HERE = Path(__file__).parent
BENCH = ROOT / ".bench" / "checks"
sys.path.insert(0, str(HERE))

from suite import SUITE, rows_sql  # noqa: E402

NEEDS = {
    "pandera": ("pandera[polars]", "polars", "pyarrow"),
    "pointblank": ("pointblank[pl]", "polars", "pyarrow"),
    "soda": ("soda-core-duckdb",),
    "dbt": ("dbt-core==1.11.16", "dbt-duckdb==1.10.1", "duckdb==1.5.5"),
    "gx": ("great_expectations==1.24.0", "pyarrow"),
}
SCRIPTS = {
    "pandera": "pandera_polars.py",
    "pointblank": "pointblank_polars.py",
    "soda": "soda_scan.py",
    "gx": "gx.py 50",
    "gx, 49": "gx.py 49",
}
#: Appended and checked one after another.
SLICES = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Spent:
    """What one process took."""

    cpu: float
    wall: float
    #: Largest resident set, in MiB.
    peak: float
    output: str


def measure(command: list[str], folder: Path) -> Spent | None:
    """Run ``command`` to its end; None when it fails, with the end of what it said on stderr."""
    environment = {**os.environ, "PYTHONPATH": f"{HERE}:{ROOT / 'src'}"}
    log = BENCH / "last.log"
    with log.open("wb") as output:
        begun = time.perf_counter()
        process = subprocess.Popen(command, cwd=folder, env=environment, stdout=output, stderr=output)
        _, status, usage = os.wait4(process.pid, 0)
        wall = time.perf_counter() - begun
    process.returncode = os.waitstatus_to_exitcode(status)
    text = log.read_text(errors="replace")
    if process.returncode:
        print(f"{' '.join(command)[:120]} failed:\n{text[-1500:]}", file=sys.stderr)
        return None
    return Spent(cpu=usage.ru_utime + usage.ru_stime, wall=wall, peak=usage.ru_maxrss / 1024, output=text)


def python_of(tool: str) -> str | None:
    """The tool's own Python, made when it is not there; None when it does not install."""
    home = BENCH / tool
    if not (home / "installed").exists():
        shutil.rmtree(home, ignore_errors=True)
        subprocess.run([sys.executable, "-m", "venv", str(home)], check=True)
        done = subprocess.run([str(home / "bin" / "pip"), "install", "-q", *NEEDS[tool]])
        if done.returncode:
            return None
        (home / "installed").touch()
    return str(home / "bin" / "python")


def header() -> str:
    """The fifty checks as the header of a table."""
    columns: dict[str, list[str]] = {}
    table = []
    for kind, column, given in SUITE:
        if kind == "after":
            table.append(f'"{column} > {given[0]}"')
            continue
        if kind == "rows":
            table.append(f'"rows between {given[0]} and {given[1]}"')
            continue
        form = {
            "not_null": "not_null",
            "unique": "unique",
            "in": f"in [{', '.join(map(str, given))}]",
            "between": f"between {given[0]} and {given[1]}" if kind == "between" else "",
            "matches": f"matches {given[0]}" if kind == "matches" else "",
            "length": f"length between {given[0]} and {given[1]}" if kind == "length" else "",
            "refers": "refers to s.customers.id",
        }.get(kind) or f"{'distinct_count' if kind == 'distinct' else kind} between {given[0]} and {given[1]}"
        columns.setdefault(column, []).append("'" + form.replace("'", "''") + "'")
    lines = [f"--   {column}: {{checks: [{', '.join(forms)}]}}" for column, forms in columns.items()]
    return "\n".join(["-- columns:", *lines, f"-- checks: [{', '.join(table)}]"])


def prepare(rows: int) -> tuple[Path, list[str], str]:
    """A project with the table built, the Parquet files of its rows, and the file of customers."""
    import duckdb

    folder = BENCH / f"rows_{rows}"
    files = folder / "in"
    if not (folder / "ready").exists():
        shutil.rmtree(folder, ignore_errors=True)
        files.mkdir(parents=True)
        connection = duckdb.connect()
        connection.execute(
            f"COPY (SELECT (range + 1)::INTEGER AS id FROM range(100000)) TO '{folder}/customers.parquet'"
        )
        for number, start in enumerate(range(0, rows, 500_000)):
            stop = min(start + 500_000, rows)
            connection.execute(f"COPY ({rows_sql(start, stop)}) TO '{files}/{number:04d}.parquet'")
        (folder / "wherry.toml").write_text('name = "checks"\n')
        tables = folder / "tables" / "s"
        tables.mkdir(parents=True)
        (tables / "customers.sql").write_text("SELECT * FROM 'customers.parquet'")
        (tables / "orders.sql").write_text("-- build: append\nSELECT * FROM 'in/*.parquet'")
        program = str(Path(sys.executable).with_name("wherry"))
        environment = {**os.environ, "PYTHONPATH": str(ROOT / "src")}
        subprocess.run([program, "run"], cwd=folder, check=True, env=environment)
        (tables / "orders.sql").write_text(f"-- build: append\n{header()}\nSELECT * FROM 'in/*.parquet'")
        for number in range(SLICES):
            start = rows + number * (rows // 100)
            (folder / f"slice{number}.sql").write_text(rows_sql(start, start + rows // 100))
        (folder / "ready").touch()
    return folder, [str(each) for each in sorted(files.iterdir())], str(folder / "customers.parquet")


def time_all(rows: int, only: set[str]) -> None:
    folder, files, customers = prepare(rows)
    tools = HERE / "tools"
    print(f"\n{rows:,} rows, {len(SUITE)} checks\n{'':12}{'wall s':>9}{'CPU s':>9}{'peak MB':>9}{'CPU / ours':>12}")
    commands: dict[str, list[str] | None] = {
        "ours": [sys.executable, str(tools / "ours.py"), str(folder), "full"],
        "one": [sys.executable, str(tools / "plain.py"), "one", customers, *files],
        "fifty": [sys.executable, str(tools / "plain.py"), "fifty", customers, *files],
        "one, lake": [sys.executable, str(tools / "plain.py"), "one", str(folder)],
        "fifty, lake": [sys.executable, str(tools / "plain.py"), "fifty", str(folder)],
    }
    for tool, script in SCRIPTS.items():
        name, *words = script.split()
        python = python_of(tool.partition(",")[0]) if tool.partition(",")[0] in only else None
        commands[tool] = [python, str(tools / name), *words, customers, *files] if python else None
    if "dbt" in only and (python := python_of("dbt")):
        project = folder / "dbt"
        shutil.rmtree(project, ignore_errors=True)
        done = measure([python, str(tools / "dbt_project.py"), str(project), customers, *files], folder)
        dbt = [
            str(Path(python).with_name("dbt")),
            "build",
            "--project-dir",
            str(project),
            "--profiles-dir",
            str(project),
        ]
        commands["dbt"] = dbt if done else None
    ours = 0.0
    for tool, command in commands.items():
        if tool.partition(",")[0] not in only:
            continue
        spent = measure(command, folder) if command else None
        if spent is None:
            print(f"{tool:12}{'does not run':>18}")
            continue
        ours = spent.cpu if tool == "ours" else ours
        ratio = f"{spent.cpu / ours:.2f}" if ours else ""
        print(f"{tool:12}{spent.wall:9.2f}{spent.cpu:9.2f}{spent.peak:9.0f}{ratio:>12}", flush=True)
        if tool == "ours":
            told = json.loads(spent.output.splitlines()[-1])["full"]
            print(f"{'  of it':12}{told['wall']:9.2f}{told['cpu']:9.2f}   the checks alone: {told['how']}", flush=True)
    if "slice" in only:
        slices = [str(folder / f"slice{number}.sql") for number in range(SLICES)]
        command = [sys.executable, str(tools / "ours.py"), str(folder), "slice", *slices]
        (folder / "ready").unlink()  # its table is about to grow
        spent = measure(command, folder)
        if spent is not None:
            told = json.loads(spent.output.splitlines()[-1])
            share = told["slice"]["cpu"] / told["full"]["cpu"]
            clock = told["slice"]["wall"] / told["full"]["wall"]
            print(
                f"a slice of 1%: {told['slice']['cpu']:.3f} CPU s of {told['full']['cpu']:.2f} ({share:.1%}), "
                f"{told['slice']['wall']:.3f} s of {told['full']['wall']:.2f} ({clock:.1%}); {told['slice']['how']}"
            )


def main() -> None:
    words = sys.argv[1:]
    only = {"ours", "one", "fifty", "slice", *NEEDS}
    if "--only" in words:
        at = words.index("--only")
        only = set(words[at + 1].split(","))
        del words[at : at + 2]
    BENCH.mkdir(parents=True, exist_ok=True)
    for rows in [int(word.replace("_", "")) for word in words] or [500_000, 5_000_000]:
        time_all(rows, only)


main()
