"""The files in a project's folders, and their text."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from wherry.model.finding import Finding

#: Where files make tables: of one whose name a folder has now, it is not known what it made.
_MAKING = ("tables/", "sources/")


def files_of(root: Path, folder: str, endings: tuple[str, ...]) -> Iterator[str]:
    """The files of a folder of the project, relative to it, and those of folders in it, linked ones too; hidden ones
    and those that begin with ``_`` left out.

    What cannot be looked into is among them: it may hold files. ``read_text`` says what is wrong with it.
    """
    start = root / folder
    if start.is_symlink() or start.exists():
        here = root.resolve()
        yield from _below(start, f"{folder}/", endings, (here, *here.parents))


def _below(folder: Path, name: str, endings: tuple[str, ...], above: tuple[Path, ...]) -> Iterator[str]:
    try:
        its = Path(os.path.realpath(folder)) if folder.is_symlink() else above[0] / folder.name
        if its in above:
            return  # a link to where it came from
        with os.scandir(folder) as entries:
            # Whoever may list a folder may still not be let into it.
            found = sorted((entry.name, _is_folder(entry)) for entry in entries if entry.name[0] not in "._")
    except OSError:
        yield name
        return
    for entry, is_folder in found:
        if entry.lower().endswith(endings) and (not is_folder or name.startswith(_MAKING)):
            yield name + entry
        if is_folder:
            yield from _below(folder / entry, f"{name}{entry}/", endings, (its, *above))


def _is_folder(entry: os.DirEntry[str]) -> bool:
    """A link that leads nowhere may have led to a folder, where its name has no ending."""
    try:
        lost = entry.is_symlink() and not Path(entry).exists()
        return entry.is_dir() or (lost and "." not in entry.name)
    except OSError:
        return "." not in entry.name


def read_text(root: Path, file: str) -> str | Finding:
    """The text of a file, its lines ended by newlines alone; a finding when it cannot be read."""
    shown = file.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    try:
        if shown != file:
            return _finding("not-utf8", "The name of this file is not UTF-8.", "Rename it.", shown)
        if file.endswith("/"):
            next((root / file).iterdir(), None)
        return (root / file).read_bytes().decode("utf-8-sig").replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        return _finding("not-utf8", "This file is not UTF-8 text.", "Save it as UTF-8.", file, line)
    except OSError as error:
        kind = "folder" if file.endswith("/") else "file"
        message = f"This {kind} cannot be read: {error.strerror or error}."
        return _finding("unreadable", message, "Give it back, make it readable, or delete it.", file)


def as_far_as_readable(path: Path) -> str:
    """The text of a file, with signs in place of what is no text; empty when it cannot be read."""
    try:
        return path.read_bytes().decode("utf-8-sig", "replace")
    except OSError:
        return ""


def _finding(code: str, message: str, hint: str, file: str, line: int = 1) -> Finding:
    return Finding(code=code, message=message, hint=hint, file=file, line=line, column=1)
