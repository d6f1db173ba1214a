"""Read one table of files in a process whose memory is limited: ``bounded.py MEGABYTES OPTIONS``, options in JSON."""

from __future__ import annotations

import json
import resource
import sys
from pathlib import Path


def main(megabytes: int, given: dict[str, object]) -> None:
    """Prints rows, rejects and the most memory that was resident, in MB."""
    resource.setrlimit(resource.RLIMIT_DATA, (megabytes << 20, megabytes << 20))
    import pyarrow.compute as pc

    from wherry.errors import WherryError
    from wherry.ports import TableRequest
    from wherry.sources.files import source

    request = TableRequest(
        name=str(given["name"]),
        mode="full",
        options=source.TableOptions(**given.get("table", {})),  # type: ignore[arg-type]
    )
    rows = rejects = longest = 0
    problem = ""
    try:
        for batch in source.read(source.Options(path=str(given["path"])), request, None):
            for some in batch.rows:
                rows += some.num_rows
            found = batch.rejects()
            rejects += found.num_rows if found is not None else 0
            if found is not None:
                longest = max(longest, pc.max(pc.utf8_length(found["row"])).as_py())
    except WherryError as error:
        problem = str(error)
    # Not the kernel's ru_maxrss, which begins with what the process was that started this one.
    status = Path("/proc/self/status").read_text()
    peak = int(status.partition("VmHWM:")[2].split()[0]) >> 10
    print(json.dumps({"rows": rows, "rejects": rejects, "longest": longest, "peak": peak, "problem": problem}))


if __name__ == "__main__":
    main(int(sys.argv[1]), json.loads(sys.argv[2]))
