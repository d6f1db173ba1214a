"""A wall around the memory of a process that a test starts: what it touches may never be more, or it is killed.

Where this may be made (as root, on Linux) it is a control group: resident memory and the cache of files count in it,
the cache is given back first, and there is no swap. Elsewhere it is RLIMIT_DATA, in which also counts what is reserved
and never touched: Python, DuckDB and Arrow reserve up to half again of what they use, so the wall stands farther out.
"""

from __future__ import annotations

import os
import sys
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

_V1 = Path("/sys/fs/cgroup/memory")
_V2 = Path("/sys/fs/cgroup")
#: RLIMIT_DATA for each byte that may be used.
RESERVE = 1.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Wall:
    """A limit that is ready for one process and those that it starts."""

    #: The bytes that may be used.
    size: int
    #: The group's folder; None where there is RLIMIT_DATA instead.
    group: Path | None = None

    def inside(self, command: Sequence[str]) -> list[str]:
        """The command, so that it runs inside."""
        if self.group is not None:
            return ["/bin/sh", "-c", 'echo $$ > "$0" && exec "$@"', str(self.group / "cgroup.procs"), *command]
        limit = int(self.size * RESERVE)
        program = (
            "import os, resource, sys; "
            f"resource.setrlimit(resource.RLIMIT_DATA, ({limit}, {limit})); os.execvp(sys.argv[1], sys.argv[1:])"
        )
        return [sys.executable, "-c", program, *command]

    @property
    def environment(self) -> dict[str, str]:
        """The environment for it. Only where reserved memory counts, less of it is asked for."""
        less = {"ARROW_DEFAULT_MEMORY_POOL": "system", "MALLOC_ARENA_MAX": "2"} if self.group is None else {}
        return {**os.environ, **less}


@contextmanager
def wall(megabytes: int) -> Iterator[Wall]:
    """A wall of so many megabytes."""
    size = megabytes << 20
    group = _made(size)
    try:
        yield Wall(size=size, group=group)
    finally:
        if group is not None:
            group.rmdir()


def _made(size: int) -> Path | None:
    if os.geteuid() != 0:
        return None
    for top, rules in (
        (_V1, {"memory.limit_in_bytes": size, "memory.memsw.limit_in_bytes": size}),
        (_V2, {"memory.max": size, "memory.swap.max": 0}),
    ):
        group = top / f"wherry-{uuid.uuid4().hex[:12]}"
        try:
            group.mkdir()
        except OSError:
            continue
        try:
            if not (group / next(iter(rules))).exists():
                raise OSError("the group has no memory controller")
            for name, value in rules.items():
                with suppress(FileNotFoundError):  # a kernel that does not count swap
                    (group / name).write_text(str(value))
            return group
        except OSError:
            group.rmdir()
    return None


class Growth:
    """How much more memory this process had, at its most, since this was made; in bytes."""

    def __init__(self) -> None:
        Path("/proc/self/clear_refs").write_text("5")  # forgets what it had at its most before
        self._before = _status("VmRSS")

    def most(self) -> int:
        return _status("VmHWM") - self._before


def _status(word: str) -> int:
    return int(Path("/proc/self/status").read_text().partition(f"{word}:")[2].split()[0]) << 10
