"""How much memory this process may have, where somebody limited it."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

#: Where Linux tells of groups of processes and their limits.
GROUPS = Path("/sys/fs/cgroup")
OWN_GROUPS = Path("/proc/self/cgroup")


def allowed_memory(groups: Path = GROUPS, own: Path = OWN_GROUPS) -> int | None:
    """Bytes that this process may have: the least that a container, a service's group or ``ulimit`` leaves it.

    None where nobody limited it. What the groups of an operating system are called and where they lie is a parameter
    only so that it can be tried.
    """
    if sys.platform == "win32":
        return None
    import resource

    rules = [resource.getrlimit(each)[0] for each in (resource.RLIMIT_AS, resource.RLIMIT_DATA)]
    limits = [limit for limit in rules if limit != resource.RLIM_INFINITY]
    return min([*limits, *_of_groups(groups, own)], default=None)


def _of_groups(groups: Path, own: Path) -> Iterator[int]:
    """Limits of the group that this process is in and of those around it, as Linux has them (v1 and v2)."""
    named: list[str] = []
    with suppress(OSError):
        named = own.read_text().splitlines()
    for line in named:
        _, _, rest = line.partition(":")
        controllers, _, path = rest.partition(":")
        if not controllers:
            top, name = groups, "memory.max"
        elif "memory" in controllers.split(","):
            top, name = groups / "memory", "memory.limit_in_bytes"
        else:
            continue
        inner = path.strip("/")
        # Inside a container the path may be that of the machine outside, of which only the last part is there.
        for depth in range(len(parts := inner.split("/") if inner else []), -1, -1):
            with suppress(OSError):
                told = top.joinpath(*parts[:depth], name).read_text().strip()
                if told.isdigit() and int(told) < 1 << 60:  # v1 says a very large number for "no limit"
                    yield int(told)
