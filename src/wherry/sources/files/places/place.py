"""The contract of a place where files lie, and how a file is brought here from one."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import field
from importlib import import_module
from pathlib import Path
from typing import Any, Protocol

from wherry.errors import ProjectError, SourceError
from wherry.model.dataclass import dataclass
from wherry.sources.files.database import failed
from wherry.sources.files.options import Options, misplaced

#: Where each kind of address is read.
PLACES = {
    "": "local", "s3": "bucket", "gs": "bucket", "az": "bucket", "sftp": "sftp", "ftp": "ftp", "ftps": "ftp",
    "http": "web", "https": "web",
}  # fmt: skip
#: How often a transfer that was cut off is gone on with before it is given up.
TRIES = 4
#: Seconds to wait for a server that says nothing.
PATIENCE = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class File:
    """One file, as it was when it was listed."""

    #: Relative to the source's path, with forward slashes; how people and cursors know it.
    name: str
    #: Absolute path or address.
    path: str
    #: In bytes; -1 when the server does not tell.
    size: int
    #: What tells this content from another, as kept in a cursor: times of a local file, times and tag of a remote one.
    marks: Mapping[str, Any] = field(default_factory=dict)

    @property
    def remote(self) -> bool:
        return "://" in self.path


class Place(Protocol):
    """A folder of files somewhere. Its methods raise ``SourceError``; ``read`` also ``Dropped``."""

    def list(self, pattern: str) -> Iterator[File]:
        """The files that match, in no particular order, as pages of the listing arrive."""

    def look(self, name: str) -> File | None:
        """The file of this name as it is now; None when there is none."""

    def read(self, file: File, start: int = 0) -> Iterator[bytes]:
        """Its bytes from ``start`` on, piece by piece."""

    def close(self) -> None: ...


class Dropped(Exception):
    """A transfer was cut off; it may be gone on with."""


def open_place(options: Options) -> Place:
    """The place that ``path`` speaks of; close it after use. Raises ``ProjectError`` for options of other places."""
    if wrong := list(misplaced(options)):
        raise ProjectError(findings=wrong)
    module: Any = import_module(f"wherry.sources.files.places.{PLACES[options.scheme]}")
    return module.open_place(options)  # type: ignore[no-any-return]


def missing_driver(what: str, extra: str) -> SourceError:
    return failed("missing-extra", f"{what} needs a driver that is not installed.", f"pip install 'wherry[{extra}]'")


def below(options: Options) -> tuple[str, str]:
    """Host (or bucket) and folder of an address, the folder without slashes at its ends."""
    host, _, folder = options.path.partition("://")[2].partition("/")
    return host, folder.strip("/")


def address(options: Options) -> str:
    """The source's path, without a password that stands in it."""
    scheme, slashes, rest = options.path.partition("://")
    host, slash, folder = rest.partition("/")
    return f"{scheme}{slashes}{host.rpartition('@')[2]}{slash}{folder.split('?')[0]}".rstrip("/")


def fetch(place: Place, file: File, target: Path, passed: Callable[[int], None] = lambda size: None) -> str:
    """Bring a whole file here; returns the hash of its bytes. A transfer that is cut off is gone on with.

    ``passed`` hears how many bytes came.

    Raises ``SourceError`` when what came is not the file that was listed.
    """
    seen = hashlib.sha256()
    size = tries = 0
    with target.open("wb") as out:
        while True:
            before = size
            try:
                for piece in place.read(file, size):
                    out.write(piece)
                    seen.update(piece)
                    size += len(piece)
                    passed(size)
                if file.size >= 0 and size < file.size:
                    raise Dropped(f"{size:,} of {file.size:,} bytes came")
                break
            except Dropped as cut:
                tries = 1 if size > before else tries + 1
                if tries == TRIES:
                    raise failed(
                        "cut-off", f"`{file.name}` was cut off after {size:,} bytes, {TRIES} times: {cut}.",
                        "Is the server well? Run again later.",
                    ) from None  # fmt: skip
    now = place.look(file.name)
    if (file.size >= 0 and size != file.size) or now is None or not same_marks(file, now):
        raise failed(
            "changed-meanwhile",
            f"`{file.name}` changed while it was being read: it came with {size:,} bytes"
            + (f", and {file.size:,} were announced." if file.size >= 0 else "."),
            "Run again, when nobody writes to it.",
        )
    return seen.hexdigest()[:32]


def same_marks(one: File, other: File) -> bool:
    """Whether two looks at a remote file saw the same content, as far as its server tells."""
    return one.size == other.size and (not one.marks or marks_agree(one.marks, other.marks))


def marks_agree(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Whether the marks are of the same content: by the tag alone where it is one of the content, else by all."""
    tags = (str(one.get("etag", "")), str(other.get("etag", "")))
    if all(tags) and not any(t.startswith("W/") for t in tags):
        return tags[0] == tags[1]
    both = [mark for mark in one if mark in other]
    return bool(both) and all(one[mark] == other[mark] for mark in both)
