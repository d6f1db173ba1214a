"""Which files a table is made of, and whether they are the ones that were read before."""

from __future__ import annotations

import difflib
import glob
import hashlib
import os
import stat
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

from wherry.errors import ProjectError, SourceError
from wherry.model.finding import Finding
from wherry.sources.files.database import failed
from wherry.sources.files.options import Options

#: A file younger than this (seconds) may be written again without its times telling.
SETTLED = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class File:
    """One file, as it was when it was listed."""

    #: Relative to the source's path, with forward slashes; how people and cursors know it.
    name: str
    #: Absolute path or address.
    path: str
    size: int
    #: What tells this content from another, as kept in a cursor: times of a local file, times and tag of a remote one.
    marks: Mapping[str, Any] = field(default_factory=dict)

    @property
    def remote(self) -> bool:
        return "://" in self.path


def is_remote(options: Options) -> bool:
    return "://" in options.path


def base_folder(options: Options) -> Path:
    """The absolute folder of a local source."""
    return Path(options.project or ".", options.path).absolute()


def list_files(options: Options, table: str) -> list[File]:
    """The files of a table, sorted by name. Raises ``SourceError`` with the nearest names when there are none."""
    if is_remote(options):
        from wherry.sources.files.remote import list_remote

        return list_remote(options, table)
    base = base_folder(options)
    if PurePosixPath(table).is_absolute() or ".." in PurePosixPath(table).parts:
        raise ProjectError(
            findings=[
                Finding(
                    code="outside",
                    message=f"`{table}` is outside of the source's path `{options.path}`.",
                    hint="Change `path:`, or name files below it.",
                )
            ]
        )
    if os.path.lexists(base / table) and not (base / table).is_dir():
        found = [look_at(base, PurePosixPath(table).as_posix())]
    else:
        names = glob.glob(table, root_dir=base, recursive=True) if glob.has_magic(table) else []  # noqa: PTH207 - a base may hold brackets
        found = [look_at(base, PurePosixPath(n).as_posix()) for n in names if not (base / n).is_dir()]
    if not found:
        raise nothing_matches(options, base, table)
    return sorted(found, key=lambda f: f.name)


def look_at(base: Path, name: str) -> File:
    """A local file as it is now."""
    path = base / name
    try:
        about = path.stat()
    except FileNotFoundError:
        raise failed("no-file", f"`{name}` is gone, or is a link to nothing.", "Put it back and run again.") from None
    except OSError as error:
        raise unreadable(name, error) from None
    if not stat.S_ISREG(about.st_mode):
        raise failed("not-a-file", f"`{name}` is not a regular file.", "Name files, or a pattern such as `*.csv`.")
    if not os.access(path, os.R_OK):
        raise unreadable(name, PermissionError(13, "Permission denied"))
    return File(
        name=name,
        path=str(path),
        size=about.st_size,
        marks={"mtime": about.st_mtime_ns, "ctime": about.st_ctime_ns},
    )


def unreadable(name: str, error: OSError) -> SourceError:
    """A Finding for a file that the operating system refuses."""
    hint = "Let the user that runs wherry read it." if isinstance(error, PermissionError) else "Mend it and run again."
    return failed("unreadable", f"`{name}` cannot be read: {error.strerror or error}.", hint)


def nothing_matches(options: Options, base: Path, table: str) -> SourceError:
    """A Finding that names what is there instead."""
    if not base.is_dir():
        what = "is not a folder" if base.exists() else "does not exist"
        return failed("no-folder", f"The source's path `{options.path}` {what}.", "Correct `path:` in the source file.")
    if (base / table).is_dir():
        return failed("no-file", f"`{table}` is a folder.", f"Did you mean `{table.rstrip('/')}/*`?")
    there: list[str] = []
    for folder, folders, names in os.walk(base):
        folders[:] = sorted(f for f in folders if not f.startswith("."))
        there += (Path(folder, n).relative_to(base).as_posix() for n in names)
        if len(there) > 2000:
            break
    return failed("no-file", f"No file matches `{table}` in `{options.path}`.", nearest_files(table, there))


def nearest_files(table: str, there: list[str]) -> str:
    """ "did you mean", for a file or a pattern."""
    if not there:
        return "There are no files at all."
    if glob.has_magic(table):
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


def entry(file: File) -> dict[str, Any]:
    """What a cursor remembers of a file: its size, its marks and, for a local one, the hash of its content."""
    if file.remote:
        return {"size": file.size, **file.marks}
    marks = dict(file.marks)
    if time.time() - max(marks["mtime"], marks["ctime"]) / 1e9 < SETTLED:
        marks = {}
    try:
        return {"size": file.size, **marks, "sha": digest(file.path)}
    except OSError as error:
        raise unreadable(file.name, error) from None


def is_same(file: File, known: Mapping[str, Any], memory: dict[Any, str]) -> bool:
    """Whether a file still has the content that a cursor remembers.

    Constant time when size and times are the same or the size differs. Only when the times moved (touched, copied,
    restored) or were too young to trust is the content hashed, in time linear to its size; ``memory`` keeps that hash
    for as long as the process lives.
    """
    if file.size != known.get("size"):
        return False
    if all(known.get(mark) == value for mark, value in file.marks.items()) and file.marks:
        return True
    if file.remote or "sha" not in known:
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
    changed: tuple[File, ...]
    gone: tuple[str, ...]

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


def still_same(files: tuple[File, ...]) -> None:
    """Raise a Finding when a local file changed since it was listed."""
    for file in files:
        if file.remote:
            continue
        try:
            about = Path(file.path).stat()
            now: object = (about.st_size, about.st_mtime_ns, about.st_ctime_ns)
        except OSError:
            now = None
        if now != (file.size, file.marks["mtime"], file.marks["ctime"]):
            raise failed("changed-meanwhile", f"`{file.name}` changed while it was being read.", "Run again.")
