"""A temporary folder for copies, and the end of those that killed processes left behind."""

from __future__ import annotations

import fcntl
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

PREFIX = "wherry-files-"
#: Locked for as long as the folder is in use; the system lets it go when a process is killed.
LOCK = "in-use"


@contextmanager
def scratch_folder() -> Iterator[Path]:
    """A folder that is gone afterwards."""
    remove_abandoned(Path(tempfile.gettempdir()))
    with tempfile.TemporaryDirectory(prefix=PREFIX) as folder, Path(folder, LOCK).open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield Path(folder)


def remove_abandoned(base: Path) -> None:
    """Remove the folders of processes that were killed: a copy may be as large as what it is a copy of."""
    for folder in base.glob(f"{PREFIX}*"):
        # One without the file was made just now, or by somebody else; one that is locked is in use.
        with suppress(OSError), Path(folder, LOCK).open("r+") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(folder, ignore_errors=True)
