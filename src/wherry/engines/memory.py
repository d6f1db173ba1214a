"""How much memory a database may take before it spills to disk."""

from __future__ import annotations

import sys

#: Share of what this process may have that a database takes at most; the rest is Python, Arrow and what writes files.
SHARE = 0.4


def memory_limit() -> int | None:
    """Bytes for a database in a process whose memory is limited (``ulimit -v`` or ``-d``); None where it is not.

    Limits of containers, and the size of the machine, are known to DuckDB itself.
    """
    if sys.platform == "win32":
        return None
    import resource

    limits = [resource.getrlimit(each)[0] for each in (resource.RLIMIT_AS, resource.RLIMIT_DATA)]
    told = [limit for limit in limits if limit != resource.RLIM_INFINITY]
    return int(min(told) * SHARE) if told else None
