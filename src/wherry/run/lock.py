"""One run at a time on a branch, held by the operating system: a killed run holds nothing."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

from wherry.errors import LakeError
from wherry.model.finding import Finding


@contextmanager
def run_lock(database: Path, branch: str) -> Iterator[None]:
    """Hold the right to run on ``branch``. Raises ``LakeError`` when another process holds it."""
    path = database.parent / f"{database.name}.run-{quote(branch, safe='')}.lock"
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            file.seek(0)
            holder = file.read().strip() or "another process"
            finding = Finding(
                code="run-in-progress",
                message=f"Another run on branch `{branch}` is under way ({holder}).",
                hint="Wait for it, stop it, or run on a branch of your own with --branch.",
            )
            raise LakeError(findings=[finding]) from None
        file.truncate(0)
        file.write(f"process {os.getpid()}")
        file.flush()
        yield
