"""The lake's files as upkeep needs them: read, written, listed and removed by their paths."""

import os
import uuid
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

#: Upkeep's own notes, below the lake's root.
NOTES = ".upkeep"


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """A file of the lake."""

    path: str
    #: Bytes.
    size: int
    #: Seconds since 1970 when it was last written.
    written: float


def local(path: str) -> str:
    """A file's path as ``listing`` spells it, however a table does: some engines write ``file:/lake/t/1.parquet``."""
    if path.startswith("file:"):
        path = "/" + path.removeprefix("file:").lstrip("/")
    elif "://" in path:
        return path
    return os.path.normpath(path)


def read(path: str) -> bytes:
    """A file's content. Raises ``FileNotFoundError``."""
    return Path(local(path)).read_bytes()


def write(path: str, content: bytes) -> None:
    """Write a new file that survives a power cut once this returns."""
    with Path(path).open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def write_whole(path: str, content: bytes) -> None:
    """Write or replace a file: a reader finds the old content or the new, never a part."""
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    beside = f"{path}.{uuid.uuid4().hex}"
    write(beside, content)
    Path(beside).replace(path)


def remove(path: str) -> bool:
    """Remove a file; whether it was there."""
    try:
        Path(path).unlink()
    except FileNotFoundError:
        return False
    return True


def listing(root: str) -> Iterator[Found]:
    """Every file below ``root``, one after the other; upkeep's notes and links, which lead elsewhere, left out."""
    for entry in _entries(root):
        if entry.is_symlink():
            continue
        if entry.is_dir(follow_symlinks=False):
            if entry.name != NOTES:
                yield from listing(entry.path)
            continue
        with suppress(FileNotFoundError):
            status = entry.stat(follow_symlinks=False)
            yield Found(path=entry.path, size=status.st_size, written=status.st_mtime)


def remove_empty(root: str, keep: set[str], before: float) -> int:
    """Remove folders below ``root`` with nothing in them that nobody touched since ``before``; how many.

    The folders ``keep`` stay with all that is in them: DuckDB does not make a table's folders itself.
    """
    removed = 0
    for entry in _entries(root):
        if not entry.is_dir(follow_symlinks=False) or entry.path in keep or entry.name == NOTES:
            continue
        touched = entry.stat(follow_symlinks=False).st_mtime
        removed += remove_empty(entry.path, keep, before)
        if touched <= before:
            # Refused by the system when there is something in it.
            with suppress(OSError):
                Path(entry.path).rmdir()
                removed += 1
    return removed


def _entries(folder: str) -> Iterator[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            yield from entries
    except FileNotFoundError:
        return
