"""How much memory this process may have, when somebody limited it."""

import resource


def allowed_memory() -> int | None:
    """Bytes, as ``ulimit`` and the like say; None when there is no limit."""
    limits = [resource.getrlimit(kind)[0] for kind in (resource.RLIMIT_AS, resource.RLIMIT_DATA)]
    return min((limit for limit in limits if limit != resource.RLIM_INFINITY), default=None)
