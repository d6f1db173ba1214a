"""What a program costs: time, CPU seconds of it and of a server, and peak memory."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

ROOT = Path(__file__).parents[2]
#: So that dlt tells nobody, and does not refuse its own second chunk of Arrow rows.
_ENVIRONMENT = {
    "PYTHONPATH": str(ROOT / "src"),
    "DO_NOT_TRACK": "1",
    "RUNTIME__DLTHUB_TELEMETRY": "false",
    "DATA_WRITER__ARROW_CONCAT_PROMOTE_OPTIONS": "default",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """What one run took."""

    #: Seconds from start to end.
    wall: float
    #: CPU seconds of the program, and of the server meanwhile.
    client: float
    server: float
    #: Megabytes that the program had at most.
    memory: float


def measure(
    way: str, command: Callable[[Path], Sequence[str]], server: Callable[[], float], *, quiet: bool = False
) -> Cost | None:
    """Run what ``command`` says for a fresh folder, in it; None when it failed, and why on stderr.

    ``server`` tells the CPU seconds that the server used so far; ``quiet``: nobody reads what the program prints.
    """
    with tempfile.TemporaryDirectory(prefix=f"bulk-{way}-") as name:
        words = command(Path(name))
        before, began = server(), time.perf_counter()
        with (Path(name) / "said").open("wb") as said:
            output = subprocess.DEVNULL if quiet else said
            environment = {**os.environ, **_ENVIRONMENT}
            process = subprocess.Popen(words, stdout=output, stderr=said, env=environment, cwd=name)
            _, status, used = os.wait4(process.pid, 0)
            process.returncode = os.waitstatus_to_exitcode(status)
        wall = time.perf_counter() - began
        if process.returncode:
            print((Path(name) / "said").read_text()[-2000:], file=sys.stderr)
            return None
    return Cost(wall=wall, client=used.ru_utime + used.ru_stime, server=server() - before, memory=used.ru_maxrss / 1024)


def rounds(ways: Iterable[str], count: int, run: Callable[[str], Cost | None]) -> dict[str, Cost]:
    """Every way in turn, so many times; of each the medians, and the most memory. One that fails is left out."""
    found: dict[str, list[Cost]] = {way: [] for way in ways}
    for _ in range(count):
        for way in list(found):
            made = run(way)
            if made is None:
                del found[way]
            else:
                found[way].append(made)
            print(f"{way}: {made or 'failed'}", file=sys.stderr)
    return {way: _middle(costs) for way, costs in found.items() if costs}


def _middle(costs: Sequence[Cost]) -> Cost:
    return Cost(
        wall=median(cost.wall for cost in costs),
        client=median(cost.client for cost in costs),
        server=median(cost.server for cost in costs),
        memory=max(cost.memory for cost in costs),
    )


def table(found: Mapping[str, Cost], rows: int, base: str) -> None:
    """Print what each way took, and its rate as a share of the way ``base``'s."""
    print(f"{'':16} {'rows/s':>9} {'s':>7} {'client CPU':>11} {'server CPU':>11} {'MB':>6} {'of ' + base:>16}")
    for way, made in found.items():
        share = f"{found[base].wall / made.wall:>16.2f}" if base in found else ""
        print(
            f"{way:16} {rows / made.wall:>9,.0f} {made.wall:>7.2f} {made.client:>11.2f} {made.server:>11.2f} "
            f"{made.memory:>6.0f} {share}"
        )


def ticks(process: Path, *, ended: bool) -> int:
    """CPU ticks of a process (a folder of /proc), those of its children that ended included if so asked."""
    fields = (process / "stat").read_text().rpartition(")")[2].split()
    return sum(map(int, fields[11 : 15 if ended else 13]))


def parent(process: Path) -> int:
    return int((process / "stat").read_text().rpartition(")")[2].split()[1])


def seconds(ticks: int) -> float:
    return ticks / os.sysconf("SC_CLK_TCK")


def python_with(folder: Path, packages: Sequence[str]) -> str:
    """A Python that has these packages, made in ``folder`` when it is not there."""
    python = folder / "bin" / "python"
    if not python.exists():
        print(f"installing {', '.join(packages)}", file=sys.stderr)
        subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
        subprocess.run([str(python), "-m", "pip", "install", "-q", *packages], check=True)
    return str(python)
