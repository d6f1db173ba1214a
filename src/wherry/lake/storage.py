"""The files of a lake: where tables live, and their metadata, read and written.

The only file that knows that the root is a local folder.
"""

import ctypes
import json
import os
import re
import secrets
import stat
import sys
import uuid
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from threading import Lock
from typing import Any

from wherry.errors import LakeError
from wherry.lake.names import file_name
from wherry.lake.pointer import Pointer

#: Metadata kept in memory, in characters of JSON.
_CACHE = 64 * 1024 * 1024
#: Clocks of files and of processes may differ by this many seconds.
_SLACK = 60.0
#: Of so many files it is remembered that they were synced.
_REMEMBERED = 100_000
#: With more files than this, one flush of the whole file system is cheaper than one per file.
_MANY = 16


class Storage:
    """Table folders below one root."""

    def __init__(self, root: Path) -> None:
        self.root = Path(root).resolve()
        self.root.mkdir(parents=True, exist_ok=True)
        self._cache: OrderedDict[str, tuple[dict[str, Any], int]] = OrderedDict()
        self._size = 0
        self._lock = Lock()
        #: Files that were synced as they are, by path: size and time of change.
        self._synced: dict[str, tuple[int, int]] = {}

    def new_table(self, namespace: str, name: str) -> str:
        """A fresh folder for a table; the random end keeps tables of one name on two branches apart."""
        folder = self.root / file_name(namespace) / f"{file_name(name)}-{secrets.token_hex(4)}"
        # DuckDB does not make local folders itself.
        (folder / "data").mkdir(parents=True)
        (folder / "metadata").mkdir()
        return str(folder)

    def holds(self, location: str) -> bool:
        """Whether a location that a client names lies below the root."""
        return Path(os.path.normpath(location)).is_relative_to(self.root)

    def read(self, location: str) -> dict[str, Any]:
        """The metadata in a file; treat it as frozen. Files never change, so it is read once."""
        with self._lock:
            found = self._cache.get(location)
            if found is not None:
                self._cache.move_to_end(location)
                return found[0]
        try:
            text = Path(location).read_text("utf-8")
            content = json.loads(text)
        except (OSError, ValueError) as problem:
            raise LakeError(f"the table's metadata cannot be read: {problem}") from problem
        self._keep(location, content, len(text))
        return content  # type: ignore[no-any-return]

    def write(self, metadata: dict[str, Any], previous: str | None, *, durable: bool) -> str:
        """Write a table's next metadata file, whole or not at all, and return its path."""
        folder = Path(metadata["location"]) / "metadata"
        number = re.match(r"\d+", Path(previous).name) if previous else None
        path = folder / f"{int(number[0]) + 1 if number else 0:05d}-{uuid.uuid4()}.metadata.json"
        text = json.dumps(metadata, separators=(",", ":"), ensure_ascii=False)
        temporary = path.with_suffix(".tmp")
        try:
            handle = temporary.open("w", encoding="utf-8")
        except FileNotFoundError:
            folder.mkdir(parents=True)
            handle = temporary.open("w", encoding="utf-8")
        with handle:
            handle.write(text)
            if durable:
                handle.flush()
                os.fsync(handle.fileno())
        temporary.rename(path)
        if durable:
            _sync(folder)
        self._keep(str(path), metadata, len(text))
        return str(path)

    def forget(self, location: str) -> None:
        """Remove a metadata file whose commit was refused."""
        Path(location).unlink(missing_ok=True)

    def rows(self, location: str) -> int | None:
        """Rows of the table as its writer told, or None."""
        from wherry.lake.iceberg import rows

        return rows(self.read(location))

    def publish(self, new: Pointer, old: Pointer | None) -> None:
        """Make every file that ``new`` has beyond ``old`` survive a power cut."""
        self.publish_all([(new, old)])

    def publish_all(self, moves: Iterable[tuple[Pointer, Pointer | None]]) -> None:
        """Make every file that a new pointer has beyond the old one survive a power cut."""
        fresh: list[Path] = []
        for new, old in moves:
            if new.location is not None and (old is None or old.location != new.location):
                fresh += _fresh(new.location, old.location if old else None, self._synced)
        if len(fresh) > _MANY and _sync_file_system(self.root):
            return
        for path in fresh:
            _sync(path)

    def flush(self, table: str, since: str | None) -> None:
        """Make a table's files written since the metadata file ``since`` survive a power cut."""
        if len(self._synced) > _REMEMBERED:
            self._synced = {}
        for path in _fresh(str(Path(table) / "metadata" / "-"), since, self._synced):
            state = _sync(path)
            if state is not None:
                self._synced[str(path)] = state

    def _keep(self, location: str, content: dict[str, Any], size: int) -> None:
        with self._lock:
            if location not in self._cache:
                self._cache[location] = (content, size)
                self._size += size
            while self._size > _CACHE and len(self._cache) > 1:
                self._size -= self._cache.popitem(last=False)[1][1]


def _fresh(location: str, old: str | None, synced: Mapping[str, tuple[int, int]]) -> Iterator[Path]:
    """Files and folders of a table that changed since its old metadata file was written, but for those ``synced``."""
    table = Path(location).parent.parent
    since = 0.0
    if old is not None and Path(old).parent.parent == table:
        try:
            since = Path(old).stat().st_mtime - _SLACK
        except OSError:
            since = 0.0
    yield table.parent
    yield table
    yield from _changed(table / "data", since, synced)
    yield from _changed(table / "metadata", since, synced)


def _changed(folder: Path, since: float, synced: Mapping[str, tuple[int, int]]) -> Iterator[Path]:
    if not folder.is_dir():
        return
    yield folder
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                yield from _changed(Path(entry.path), since, synced)
                continue
            state = entry.stat()
            if state.st_mtime >= since and synced.get(entry.path) != (state.st_size, state.st_mtime_ns):
                yield Path(entry.path)


def _sync(path: Path) -> tuple[int, int] | None:
    """Sync a file or folder; the size and time of change that a file had before."""
    try:
        handle = os.open(path, os.O_RDONLY)
    except FileNotFoundError:
        return None
    try:
        # Asked first: somebody may be writing still.
        state = os.fstat(handle)
        os.fsync(handle)
    finally:
        os.close(handle)
    return None if stat.S_ISDIR(state.st_mode) else (state.st_size, state.st_mtime_ns)


def _sync_file_system(path: Path) -> bool:
    """Flush the file system that ``path`` is on; False where that cannot be asked for."""
    if not sys.platform.startswith("linux"):
        return False
    handle = os.open(path, os.O_RDONLY)
    try:
        return ctypes.CDLL(None, use_errno=True).syncfs(handle) == 0  # type: ignore[no-any-return]
    except AttributeError:
        return False
    finally:
        os.close(handle)
