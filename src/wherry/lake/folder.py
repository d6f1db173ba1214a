"""A lake in a folder of this machine.

The only file that knows that files must be flushed to survive a power cut.
"""

import os
import secrets
import stat
import sys
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import suppress
from functools import lru_cache
from pathlib import Path

from wherry.errors import LakeError, MissingFile
from wherry.lake.names import file_name
from wherry.lake.pointer import Pointer
from wherry.lake.storage import LAKES, NOTES, Storage, StoredFile, open_storage

_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
#: Clocks of files and of processes may differ by this many seconds.
_SLACK = 60.0
#: Of so many files it is remembered that they were synced.
_REMEMBERED = 100_000
#: With more files than this, one flush of the whole file system is cheaper than one per file.
_MANY = 16


class Folder(Storage):
    """Table folders below a local one."""

    #: A third of DuckDB's own: what is gathered of a group while it is written outgrows a processor's cache later, and
    #: reading costs no more. In a bucket each group would be further requests.
    group_rows = 40_960

    def __init__(self, root: Path, variables: Mapping[str, str] | None = None) -> None:
        super().__init__(variables or {})
        self.root = Path(root).resolve()
        self.root.mkdir(parents=True, exist_ok=True)
        self.location = str(self.root)
        self._inside = f"{self.location}/"
        #: Files that were synced as they are, by path: size and time of change.
        self._synced: dict[str, tuple[int, int]] = {}

    def new_table(self, namespace: str, name: str) -> str:
        folder = f"{self.location}/{file_name(namespace)}/{file_name(name)}-{secrets.token_hex(4)}"
        self.make_folders(folder)
        return folder

    def make_folders(self, table: str) -> None:
        # DuckDB does not make local folders itself.
        os.makedirs(f"{table}/data")  # noqa: PTH103 - a third of what pathlib costs, for each small table
        os.mkdir(f"{table}/metadata")  # noqa: PTH102

    def check(self) -> None:
        _real.cache_clear()  # links may lead elsewhere than when they were followed last

    def holds(self, location: str) -> bool:
        return Path(self.spelled(location)).is_relative_to(self.root)

    def read_bytes(self, location: str) -> bytes:
        if "://" in location:
            # A table made when the lake was elsewhere.
            return open_storage(location.rpartition("/")[0], self._variables).read_bytes(location)
        try:
            return Path(self.spelled(location)).read_bytes()
        except FileNotFoundError as problem:
            raise MissingFile(f"the table's metadata cannot be read: {problem}") from problem
        except OSError as problem:
            raise LakeError(f"the table's metadata cannot be read: {problem}") from problem

    def forget(self, location: str) -> None:
        Path(location).unlink(missing_ok=True)

    def spelled(self, location: str) -> str:
        if location.startswith("file:"):
            # Some engines write file:/lake/t/1.parquet.
            location = "/" + location.removeprefix("file:").lstrip("/")
        if "://" in location:
            return location
        path = os.path.normpath(location)
        if path.startswith(self._inside):
            return path
        # By a link to the lake, or to a folder above it: at the place where it was when the table was made, for one.
        folder, name = os.path.split(path)
        real = f"{_real(folder)}/{name}"
        return real if real.startswith(self._inside) else path

    def spellings(self, locations: Iterable[str]) -> Iterator[str]:
        for location in locations:
            path = self.spelled(location)
            yield path
            # By a link within the lake: its files are listed where they really are.
            folder, name = os.path.split(path)
            if path.startswith(self._inside) and (real := _real(folder)) != folder:
                yield f"{real}/{name}"

    def elsewhere(self, location: str) -> bool:
        return "://" in location and not location.startswith("file:")

    def listing(self) -> Iterator[StoredFile]:
        yield from _files(self.location)

    def lakes(self) -> set[str]:
        return {entry.name for entry in _entries(f"{self.location}/{LAKES}")}

    def remove(self, locations: Collection[str]) -> None:
        for location in locations:
            Path(location).unlink(missing_ok=True)

    def remove_empty(self, keep: Collection[str], before: float) -> int:
        return _remove_empty(self.location, keep, before)

    def put(self, location: str, content: bytes, *, durable: bool = True) -> None:
        # Of its own: two upkeeps may write their notes at once.
        temporary, folder = f"{location}.{secrets.token_hex(4)}.tmp", location.rpartition("/")[0]
        try:
            handle = os.open(temporary, _NEW, 0o666)
        except FileNotFoundError:
            Path(folder).mkdir(parents=True, exist_ok=True)
            handle = os.open(temporary, _NEW, 0o666)
        try:
            rest = memoryview(content)
            while rest:
                rest = rest[os.write(handle, rest) :]
            if durable:
                os.fsync(handle)
        finally:
            os.close(handle)
        os.replace(temporary, location)  # noqa: PTH105
        if durable:
            _sync(folder)

    def publish_all(self, moves: Iterable[tuple[Pointer, Pointer | None]]) -> None:
        fresh: list[Path] = []
        for new, old in moves:
            if new.location is not None and (old is None or old.location != new.location):
                fresh += _fresh(new.location, old.location if old else None, self._synced)
        if len(fresh) > _MANY and _sync_file_system(self.root):
            return
        for path in fresh:
            _sync(path)

    def flush(self, table: str, files: Collection[str] | None, since: str | None) -> None:
        table = self.spelled(table)
        if len(self._synced) > _REMEMBERED:
            self._synced = {}
        metadata = f"{table}/metadata"
        if files is None:
            fresh: Iterable[str] = map(str, _fresh(f"{metadata}/-", since, self._synced))
        else:
            fresh = self._named(table, files, since)
        for path in fresh:
            if path == metadata:
                continue  # synced when the metadata file has come
            state = _sync(path)
            if state is not None:
                self._synced[path] = state

    def _named(self, table: str, files: Collection[str], since: str | None) -> Iterator[str]:
        """The files, and the folders on the way to them."""
        paths = [path for path in map(self.spelled, files) if self.holds(path)]
        yield from paths
        folders = {f"{table}/data"}
        for path in paths:
            folder = os.path.dirname(path)  # noqa: PTH120 - many of them
            while folder.startswith(f"{table}/") and folder not in folders:
                folders.add(folder)
                folder = os.path.dirname(folder)  # noqa: PTH120
        yield from folders
        if since is None or not since.startswith(f"{table}/"):
            yield table
            yield os.path.dirname(table)  # noqa: PTH120


@lru_cache(maxsize=1 << 14)
def _real(folder: str) -> str:
    return os.path.realpath(folder)


def _files(root: str) -> Iterator[StoredFile]:
    """Every file below ``root``; links, which lead elsewhere, left out."""
    for entry in _entries(root):
        if entry.is_symlink():
            continue
        if entry.is_dir(follow_symlinks=False):
            if entry.name != NOTES and not _is_lake(entry.path):
                yield from _files(entry.path)
            continue
        with suppress(FileNotFoundError):
            status = entry.stat(follow_symlinks=False)
            yield StoredFile(location=entry.path, size=status.st_size, modified=status.st_mtime)


def _is_lake(folder: str) -> bool:
    """Whether a folder below a lake is another one."""
    return os.path.isdir(f"{folder}/{LAKES}")  # noqa: PTH112


def _remove_empty(root: str, keep: Collection[str], before: float) -> int:
    removed = 0
    for entry in _entries(root):
        if not entry.is_dir(follow_symlinks=False) or entry.path in keep or entry.name == NOTES:
            continue
        if _is_lake(entry.path):
            continue
        touched = entry.stat(follow_symlinks=False).st_mtime
        removed += _remove_empty(entry.path, keep, before)
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


def _fresh(location: str, old: str | None, synced: Mapping[str, tuple[int, int]]) -> Iterator[Path]:
    """Files and folders of a table that changed since its old metadata file was written, but for those ``synced``."""
    table = Path(location).parent.parent
    since = 0.0
    if old is not None and Path(old).parent.parent == table:
        try:
            since = Path(old).stat().st_mtime - _SLACK
        except OSError:
            since = 0.0
    else:
        # Once is enough: what a table's folder is called never changes.
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


def _sync(path: Path | str) -> tuple[int, int] | None:
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
    import ctypes

    handle = os.open(path, os.O_RDONLY)
    try:
        return ctypes.CDLL(None, use_errno=True).syncfs(handle) == 0  # type: ignore[no-any-return]
    except AttributeError:
        return False
    finally:
        os.close(handle)
