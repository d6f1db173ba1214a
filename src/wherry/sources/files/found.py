"""What lies in a place of files, as tables: each file one, files whose names differ only in numbers one together."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import closing
from itertools import islice
from pathlib import Path

from wherry.errors import WherryError
from wherry.ports import Found, TableRequest
from wherry.sources.files.database import failed
from wherry.sources.files.listing import list_files
from wherry.sources.files.options import COMPRESSIONS, ENDINGS, INSIDE, Options, TableOptions, is_archive
from wherry.sources.files.places.place import File, Place, address, fetch, open_place
from wherry.sources.files.unpack import member_names

#: At most so many files are looked through.
LOOK_THROUGH = 10_000
_NUMBERS = re.compile(r"\d+(?:[-_.]\d+)*")
#: Archives up to this size are opened to see what is in them.
OPENED = 16 << 20
#: What lies in the folder of a table of another system.
_INNER = (
    (re.compile(r"(.*?)_delta_log/[^/]+\.(?:json|parquet)\Z"), "delta"),
    (re.compile(r"(.*?)metadata/[^/]+\.metadata\.json\Z"), "iceberg"),
)
#: What a pattern would take for a sign.
_MAGIC = re.compile(r"[\[\]*?]")


def found_files(options: Options) -> Iterator[Found]:
    """The tables of a place, by name. A file of a format that is not known, or hidden, is none."""
    if options.scheme in ("http", "https"):
        hint = "Name the file: `wherry new source https://host/folder/file.csv`, or write it under `tables:`."
        raise failed("no-listing", f"{address(options)} cannot be listed: HTTP knows no folders.", hint)
    with closing(open_place(options)) as place:
        files = list(islice(place.list("**"), LOOK_THROUGH))
        tables = _tables(options, place, files)
        groups: dict[str, list[File]] = {}
        for file in files:
            if _is_table(file.name) and not any(_is_below(file.name, folder) for folder in tables):
                groups.setdefault(_NUMBERS.sub("*", _escaped(file.name)), []).append(file)
        named = {pattern if len(found) > 1 else _escaped(found[0].name): found for pattern, found in groups.items()}
        wholes = {name: tuple(_members(place, name, found[0])) or (name,) for name, found in named.items()}
    for folder, kind in sorted(tables.items()):
        below = [file.size for file in files if _is_below(file.name, folder) and file.name.endswith(".parquet")]
        size = sum(below) if below and min(below) >= 0 else None
        yield Found(name=folder or ".", kind=f"{kind} table", size=size, options={"format": kind})
    for whole, found in sorted(named.items()):
        size = sum(file.size for file in found) if all(file.size >= 0 for file in found) else None
        for name in wholes[whole]:
            yield Found(
                name=name,
                kind="file" if len(found) == 1 else "files",
                columns=tuple(_columns(options, name).items()),
                size=size,
                about=f"{len(found)} files; new ones as they come: mode: incremental" if len(found) > 1 else "",
            )


def _tables(options: Options, place: Place, files: list[File]) -> dict[str, str]:
    """Folders that are tables of another system, with its name: their files are none of their own."""
    found: dict[str, str] = {}
    for file in files:
        for pattern, kind in _INNER:
            if match := pattern.match(file.name):
                found[match[1].rstrip("/")] = kind
    if not options.scheme:  # hidden, and read from folders only
        for file in place.list("**/.hoodie/hoodie.properties"):
            found[file.name.removesuffix(".hoodie/hoodie.properties").rstrip("/")] = "hudi"
    return found


def _is_below(name: str, folder: str) -> bool:
    return not folder or name.startswith(f"{folder}/")


def _members(place: Place, name: str, archive: File) -> Iterator[str]:
    """Where an archive has members that are several tables: the name of each."""
    if not is_archive(archive.name) or not 0 <= archive.size <= OPENED:
        return
    with tempfile.TemporaryDirectory(prefix="wherry-files-") as folder:
        path = Path(archive.path)
        if archive.remote:
            path = Path(folder, "archive")
            fetch(place, archive, path)
        there = member_names(str(path), archive.name)
    groups: dict[str, list[str]] = {}
    for member in there:
        groups.setdefault(_NUMBERS.sub("*", _escaped(member)), []).append(member)
    if len(groups) > 1:
        for pattern, found in sorted(groups.items()):
            yield f"{name}{INSIDE}{pattern if len(found) > 1 else _escaped(found[0])}"


def named_file(options: Options, name: str) -> Found:
    """One file as a table. Raises ``SourceError`` when it is not there."""
    pattern = name if options.scheme in ("http", "https") else _escaped(name)
    with closing(open_place(options)) as place:
        file = list_files(options, place, pattern)[0]
    columns = tuple(_columns(options, pattern).items())
    return Found(name=pattern, kind="file", columns=columns, size=file.size if file.size >= 0 else None)


def _escaped(name: str) -> str:
    return _MAGIC.sub(lambda sign: f"[{sign[0]}]", name)


def _is_table(name: str) -> bool:
    plain = name.lower()
    if any(part.startswith((".", "_")) for part in plain.split("/")):
        return False
    if is_archive(plain):
        return True
    for end in COMPRESSIONS:
        plain = plain.removesuffix(end)
    return plain.endswith(tuple(ENDINGS))


def _columns(options: Options, name: str) -> Mapping[str, str]:
    from wherry.sources.files.preview import preview

    try:
        return preview(options, TableRequest(name=name, mode="full"), TableOptions()) or {}
    except WherryError:
        return {}  # what is wrong with it, a load will tell
