"""The files of a lake: where tables live, and their metadata, read and written.

What a folder (``folder.py``) and a bucket (``bucket.py``) have in common; a location is a path, or an address such as
``s3://bucket/lake/raw/orders-1a2b3c4d``.
"""

from __future__ import annotations

import json
import re
import uuid
from abc import ABC, abstractmethod
from collections import OrderedDict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from threading import Lock
from typing import Any

from wherry.errors import LakeError, MissingFile
from wherry.lake.access import secrets_for_duckdb, without_secrets
from wherry.lake.pointer import Pointer
from wherry.model.dataclass import dataclass

#: Upkeep's own notes, below the root; no file of a table.
NOTES = ".upkeep"
#: Where each lake whose tables are below a root has a file of its name.
LAKES = f"{NOTES}/lakes"
#: Metadata kept in memory, in characters of JSON.
_CACHE = 64 * 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredFile:
    """A file below the root of a lake."""

    location: str
    #: Bytes.
    size: int
    #: Seconds since 1970, by the storage's clock.
    modified: float


class Storage(ABC):
    """Table folders below one root."""

    #: What every location of the lake starts with, without a slash at its end.
    location: str
    #: DuckDB extensions that reading and writing here needs, beside those of every lake.
    extensions: Sequence[str] = ()
    #: Rows of a group in the files that DuckDB writes; None: as many as it likes.
    group_rows: int | None = None
    #: Whether other engines are given the credentials when they open a table through the catalog.
    lends: bool = False
    #: Tells the name of the lake whose files these are, by its database.
    lake: Callable[[], str] | None = None

    def __init__(self, variables: Mapping[str, str]) -> None:
        self._variables = variables
        self._cache: OrderedDict[str, tuple[dict[str, Any], int]] = OrderedDict()
        self._size = 0
        self._lock = Lock()
        self._claimed = False

    @abstractmethod
    def new_table(self, namespace: str, name: str) -> str:
        """A fresh folder for a table; the random end keeps tables of one name on two branches apart."""

    @abstractmethod
    def holds(self, location: str) -> bool:
        """Whether a location that a client names lies below the root."""

    @abstractmethod
    def spelled(self, location: str) -> str:
        """A file's location as ``listing`` has it, however the engine that wrote it does."""

    def spellings(self, locations: Iterable[str]) -> Iterator[str]:
        """All that ``listing`` may call these files."""
        return map(self.spelled, locations)

    @abstractmethod
    def elsewhere(self, location: str) -> bool:
        """Whether a location is of another kind of storage or another bucket: ``listing`` never comes to it."""

    @abstractmethod
    def read_bytes(self, location: str) -> bytes:
        """A whole file. Raises ``MissingFile``, or another ``LakeError``."""

    def told_moved(self, location: str) -> str:
        """What to say of a metadata file that the lake's database places outside this root while the root has one of
        the same name: the lake was moved or copied since it was written. Empty: it was not.
        """
        parts = location.rsplit("/", 4)  # a root, the folders of the schema and the table, `metadata`, the name
        if len(parts) < 5 or self.holds(self.spelled(location)) or not self._has("/".join([self.location, *parts[1:]])):
            return ""
        told = f"the lake's files were written in `{parts[0]}` and name each other by that place"
        if self._has(location):
            return f"{told}, where they still are: what is in `{self.location}` is a copy of them. Use the lake there"
        link = "" if "://" in location else f", or leave a link there: `ln -s {self.location} {parts[0]}`"
        return f"{told}, and the lake is in `{self.location}` now. Move it back{link}"

    def _has(self, location: str) -> bool:
        try:
            self.read_bytes(location)
        except MissingFile:
            return False
        return True

    def read_all(self, locations: Iterable[str]) -> Iterator[tuple[str, bytes | None]]:
        """Whole files, in the order they are asked for; None for one that is not there."""
        for location in locations:
            try:
                yield location, self.read_bytes(location)
            except MissingFile:
                yield location, None

    @abstractmethod
    def forget(self, location: str) -> None:
        """Remove a metadata file whose commit was refused."""

    @abstractmethod
    def listing(self) -> Iterator[StoredFile]:
        """Every file below the root, in no order; this lake's notes left out, those of lakes below may come."""

    @abstractmethod
    def lakes(self) -> set[str]:
        """The names of all lakes that ever wrote a table below the root."""

    def claim(self) -> None:
        """Note that tables of this lake are here, for the upkeep of others: they would take its files for strays."""
        if self._claimed or self.lake is None:
            return
        if not (name := self.lake()):
            return
        place = f"{self.location}/{LAKES}/{name}"
        if not self._has(place):
            self.put(place, b"", durable=False)  # one that a power cut takes is written again
        self._claimed = True

    @abstractmethod
    def remove(self, locations: Collection[str]) -> None:
        """Remove files; one that is gone already is no error."""

    def remove_empty(self, keep: Collection[str], before: float) -> int:
        """Remove empty folders that nobody touched since ``before``, but for those ``keep``; how many."""
        return 0

    @abstractmethod
    def put(self, location: str, content: bytes, *, durable: bool = True) -> None:
        """Write a file, whole or not at all."""

    @abstractmethod
    def make_folders(self, table: str) -> None:
        """Make what a table's location needs before files are written there."""

    @abstractmethod
    def check(self) -> None:
        """Look at the root anew. Raises a ``LakeError`` that says what to do when it cannot be used."""

    def secrets(self) -> Sequence[str]:
        """Statements that give a DuckDB connection what it needs to read and write here. They hold secrets.

        Tables may have files in other buckets too, those that were imported where they lie.
        """
        return secrets_for_duckdb(self._variables)

    def lent(self) -> Mapping[str, str]:
        """Credentials in the words of the Iceberg REST protocol (``config`` of a table). They are secrets."""
        return {}

    def without_secrets(self, text: str) -> str:
        """The text with credentials struck out."""
        return without_secrets(text, self._variables)

    def publish_all(self, moves: Iterable[tuple[Pointer, Pointer | None]]) -> None:  # noqa: B027 - a put is durable
        """Make every file that a new pointer has beyond the old one survive a power cut."""

    def flush(  # noqa: B027 - a put is durable
        self, table: str, files: Collection[str] | None, since: str | None
    ) -> None:
        """Make a table's new ``files`` survive a power cut, once the next metadata file was written durably; None: all
        that were written since the metadata file ``since``."""

    def publish(self, new: Pointer, old: Pointer | None) -> None:
        """Make every file that ``new`` has beyond ``old`` survive a power cut."""
        self.publish_all([(new, old)])

    def read(self, location: str) -> dict[str, Any]:
        """The metadata in a file; treat it as frozen. Files never change, so it is read once."""
        with self._lock:
            found = self._cache.get(location)
            if found is not None:
                self._cache.move_to_end(location)
                return found[0]
        try:
            raw = self.read_bytes(location)
        except MissingFile:
            if told := self.told_moved(location):
                raise MissingFile(told) from None
            raise
        try:
            content = json.loads(raw)
        except ValueError as problem:
            raise LakeError(f"the table's metadata cannot be read: {problem}") from problem
        self._keep(location, content, len(raw))
        return content  # type: ignore[no-any-return]

    def write(self, metadata: dict[str, Any], previous: str | None, *, durable: bool) -> str:
        """Write a table's next metadata file, whole or not at all, and return its path."""
        number = re.match(r"\d+", previous.rpartition("/")[2]) if previous else None
        name = f"{int(number[0]) + 1 if number else 0:05d}-{uuid.uuid4()}.metadata.json"
        text = json.dumps(metadata, separators=(",", ":"), ensure_ascii=False)
        location = f"{metadata['location']}/metadata/{name}"
        self.claim()
        self.put(location, text.encode(), durable=durable)
        self._keep(location, metadata, len(text))
        return location

    def rows(self, location: str) -> int | None:
        """Rows of the table as its writer told, or None."""
        from wherry.lake.iceberg import rows

        return rows(self.read(location))

    def _keep(self, location: str, content: dict[str, Any], size: int) -> None:
        with self._lock:
            if location not in self._cache:
                self._cache[location] = (content, size)
                self._size += size
            while self._size > _CACHE and len(self._cache) > 1:
                self._size -= self._cache.popitem(last=False)[1][1]


def open_storage(root: str | Path, variables: Mapping[str, str]) -> Storage:
    """The storage at a folder or an address such as ``s3://bucket/prefix``; ``variables`` hold its credentials."""
    if "://" in str(root):
        from wherry.lake.bucket import Bucket

        return Bucket(str(root), variables)
    from wherry.lake.folder import Folder

    return Folder(Path(root), variables)
