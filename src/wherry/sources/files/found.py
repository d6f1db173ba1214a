"""What lies in a place of files, as tables: each file one, files whose names differ only in numbers one together."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import closing

from wherry.errors import WherryError
from wherry.ports import Found, TableRequest
from wherry.sources.files.database import failed
from wherry.sources.files.listing import list_files
from wherry.sources.files.options import COMPRESSIONS, ENDINGS, Options, TableOptions, is_archive
from wherry.sources.files.places.place import File, address, open_place

#: At most so many files are looked through.
LOOK_THROUGH = 10_000
_NUMBERS = re.compile(r"\d+(?:[-_.]\d+)*")
#: What a pattern would take for a sign.
_MAGIC = re.compile(r"[\[\]*?]")


def found_files(options: Options) -> Iterator[Found]:
    """The tables of a place, by name. A file of a format that is not known, or hidden, is none."""
    if options.scheme in ("http", "https"):
        hint = "Name the file: `wherry new source https://host/folder/file.csv`, or write it under `tables:`."
        raise failed("no-listing", f"{address(options)} cannot be listed: HTTP knows no folders.", hint)
    groups: dict[str, list[File]] = {}
    with closing(open_place(options)) as place:
        for number, file in enumerate(place.list("**")):
            if number == LOOK_THROUGH:
                break
            if _is_table(file.name):
                groups.setdefault(_NUMBERS.sub("*", _escaped(file.name)), []).append(file)
    for pattern, files in sorted(groups.items()):
        together = len(files) > 1
        size = sum(file.size for file in files) if all(file.size >= 0 for file in files) else None
        name = pattern if together else _escaped(files[0].name)
        yield Found(
            name=name,
            kind="file" if not together else "files",
            columns=tuple(_columns(options, name).items()),
            size=size,
            about=f"{len(files)} files; new ones as they come: mode: incremental" if together else "",
        )


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
