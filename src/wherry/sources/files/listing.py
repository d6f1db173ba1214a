"""Which files a table is made of, and whether they are the ones that were read before."""

from __future__ import annotations

import difflib
import hashlib
import itertools
import time
from collections.abc import Callable, Mapping
from pathlib import Path, PurePosixPath
from typing import Any

from wherry.errors import ProjectError, SourceError
from wherry.model.dataclass import dataclass
from wherry.model.finding import Finding
from wherry.sources.files.database import failed
from wherry.sources.files.options import Options, in_archive
from wherry.sources.files.places.local import base_folder, unreadable
from wherry.sources.files.places.patterns import has_magic
from wherry.sources.files.places.place import File, Place, address, marks_agree

#: A file younger than this (seconds) may be written again without its times telling.
SETTLED = 2.0
#: How many names are looked through for the nearest to one that is not there.
LOOK_THROUGH = 2000


def list_files(options: Options, place: Place, table: str) -> list[File]:
    """The files of a table, sorted by name. Raises ``SourceError`` with the nearest names when there are none."""
    pattern, _ = in_archive(table)
    if ".." in pattern.split("/") or pattern.startswith("/"):
        message = f"`{pattern}` is outside of the source's path `{address(options)}`."
        hint = "Change `path:`, or name files below it."
        raise ProjectError(findings=[Finding(code="outside", message=message, hint=hint)])
    exact = None if options.scheme and has_magic(pattern) and "[" not in pattern else place.look(pattern)
    listed = has_magic(pattern) or options.scheme in ("http", "https")
    found = [exact] if exact else list(place.list(pattern)) if listed else []
    if not found:
        raise nothing_matches(options, place, pattern)
    return sorted(found, key=lambda f: f.name)


def nothing_matches(options: Options, place: Place, pattern: str) -> SourceError:
    """A Finding that names what is there instead."""
    where = address(options) if options.scheme else options.path
    if not options.scheme and (base_folder(options) / pattern).is_dir():
        return failed("no-file", f"`{pattern}` is a folder.", f"Did you mean `{pattern.rstrip('/')}/*`?")
    if options.scheme in ("http", "https"):
        return failed(
            "no-file", f"`{pattern}` at {where} cannot be read: the server answers 404, there is none.",
            "Is the address right? Does the file still exist?",
        )  # fmt: skip
    there: list[str] = []
    for wide in ("*", "**") if options.scheme else ("**",):
        there = [f.name for f in itertools.islice(place.list(wide), LOOK_THROUGH)]
        if any(name.startswith(f"{pattern}/") for name in there):
            return failed("no-file", f"`{pattern}` is a folder.", f"Did you mean `{pattern.rstrip('/')}/*`?")
    return failed("no-file", f"No file matches `{pattern}` in `{where}`.", nearest_files(pattern, there))


def nearest_files(table: str, there: list[str]) -> str:
    """ "did you mean", for a file or a pattern."""
    if not there:
        return "There are no files at all."
    if has_magic(table):
        return f"There are {', '.join(f'`{n}`' for n in sorted(there)[:3])}{'...' if len(there) > 3 else ''}"
    near = difflib.get_close_matches(table, there, 3, 0.4)
    near = near or [n for n in sorted(there) if PurePosixPath(n).name == PurePosixPath(table).name][:3]
    if near:
        return f"Did you mean {' or '.join(f'`{n}`' for n in near)}?"
    return f"There are {', '.join(f'`{n}`' for n in sorted(there)[:3])}{'...' if len(there) > 3 else ''}"


def digest(path: str) -> str:
    """Hash of a local file's bytes; reads the file once (about 1 GB/s)."""
    with Path(path).open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()[:32]


def entry(file: File, digests: Mapping[str, str]) -> dict[str, Any]:
    """What a cursor remembers of a file: its size, its marks and the hash of its content.

    ``digests`` has the hash of a file that was brought here; a local one is read for it.
    """
    if file.remote:
        return {"size": file.size, **file.marks, **({"sha": digests[file.name]} if file.name in digests else {})}
    marks = dict(file.marks)
    if time.time() - max(marks["mtime"], marks["ctime"]) / 1e9 < SETTLED:
        marks = {}
    try:
        return {"size": file.size, **marks, "sha": digests.get(file.name) or digest(file.path)}
    except OSError as error:
        raise unreadable(file.name, error) from None


def is_same(file: File, known: Mapping[str, Any], memory: dict[Any, str]) -> bool:
    """Whether a file still has the content that a cursor remembers.

    Constant time when size and times are the same or the size differs. Only when the times of a local file moved
    (touched, copied, restored) or were too young to trust is the content hashed, in time linear to its size;
    ``memory`` keeps that hash for as long as the process lives.
    """
    if file.size != known.get("size"):
        return False
    if file.remote:
        return marks_agree(file.marks, known)
    if all(known.get(mark) == value for mark, value in file.marks.items()) and file.marks:
        return True
    if "sha" not in known:
        return False
    key = (file.path, file.size, *file.marks.values())
    if key not in memory:
        try:
            memory[key] = digest(file.path)
        except OSError as error:
            raise unreadable(file.name, error) from None
    return bool(memory[key] == known["sha"])


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """What happened to a table's files since a cursor."""

    #: All files there are now.
    files: tuple[File, ...]
    new: tuple[File, ...]
    changed: tuple[File, ...] = ()
    gone: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.new or self.changed or self.gone)

    def __str__(self) -> str:
        groups = (
            ("new", [f.name for f in self.new]),
            ("changed", [f.name for f in self.changed]),
            ("gone", list(self.gone)),
        )
        told = [(word, names) for word, names in groups if names]
        if len(told) == 1 and len(told[0][1]) == 1:
            return f"{told[0][1][0]} is {told[0][0]}" if told[0][0] != "changed" else f"{told[0][1][0]} changed"
        parts = [f"{len(names)} {word}" for word, names in told]
        count = len(told[0][1]) if told else 0
        parts[0] = f"{count} {told[0][0]} file{'s' if count != 1 else ''}"
        return ", ".join(parts)


def difference(files: list[File], known: Mapping[str, Any], memory: dict[Any, str]) -> Difference:
    """What is new, changed and gone."""
    names = {f.name for f in files}
    return Difference(
        files=tuple(files),
        new=tuple(f for f in files if f.name not in known),
        changed=tuple(f for f in files if f.name in known and not is_same(f, known[f.name], memory)),
        gone=tuple(sorted(n for n in known if n not in names)),
    )


def still_same(files: tuple[File, ...], look: Callable[[str], File | None], *, grows: bool = False) -> None:
    """Raise a Finding when a file changed since it was listed; a file of which the beginning was read may grow.

    Of remote files only those are looked at that are read where they are; a copy was compared when it was made.
    """
    for file in files:
        now: File | None
        if file.remote:
            now = look(file.name)
            same = now is not None and now.size == file.size and (not file.marks or marks_agree(file.marks, now.marks))
        else:
            try:
                about = Path(file.path).stat()
                same = (about.st_size, about.st_mtime_ns, about.st_ctime_ns) == (file.size, *file.marks.values())
                same = same or (grows and about.st_size >= file.size)
            except OSError:
                same = False
        if not same:
            raise failed("changed-meanwhile", f"`{file.name}` changed while it was being read.", "Run again.")
