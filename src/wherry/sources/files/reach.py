"""Whether the files of a table are there and may be read: they are listed, and the start of one is looked at."""

from __future__ import annotations

import bz2
import lzma
import tempfile
import zlib
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any

from wherry.model.sizes import size_told
from wherry.ports import Reached, TableRequest
from wherry.sources.files.database import failed
from wherry.sources.files.listing import list_files
from wherry.sources.files.magic import WORDS, check_kind
from wherry.sources.files.options import (
    TABLE_FORMATS,
    Options,
    TableOptions,
    compression_of,
    format_of,
    in_archive,
    is_archive,
    table_options,
)
from wherry.sources.files.places.place import Dropped, File, Place, fetch, open_place
from wherry.sources.files.unpack import BROKEN, MEMBERS, broken, is_wanted, no_member, tar_members, zip_members
from wherry.sources.files.work import Piece

#: Bytes of a file that are read.
START = 1 << 16
#: Archives up to this size are opened to see what is in them; a zip file of this machine whatever its size.
OPENED = 16 << 20
#: Bytes that are unpacked for that.
UNPACKED = 256 << 20
WORDS_OF_TABLES = {"delta": "a Delta table", "iceberg": "an Iceberg table", "hudi": "a Hudi table"}
#: What is known of a packed file from its start; zstd is only known by its first bytes.
_UNPACKERS: dict[str, Callable[[], Any]] = {
    "gzip": lambda: zlib.decompressobj(47),
    "bzip2": bz2.BZ2Decompressor,
    "xz": lambda: lzma.LZMADecompressor(memlimit=256 << 20),
}


def reach(options: Options, table: TableRequest) -> Reached:
    """What a load would find. Raises ``SourceError`` for a place that may not be listed, a name or pattern that
    matches nothing, a file that may not be read or is not what its name says."""
    chosen = table_options(options, table)
    with closing(open_place(options)) as place:
        if chosen.format in TABLE_FORMATS:
            from wherry.sources.files.tables.reading import open_table

            version = open_table(place, options, table, chosen)
            return Reached(told=f"{WORDS_OF_TABLES[chosen.format]}, {version.shown}", facts={"format": chosen.format})
        files = list_files(options, place, table.name)
        sizes = [file.size for file in files]
        size = sum(sizes) if min(sizes) >= 0 else None
        opened = next((file for file in files if file.size), files[0])
        start = start_of(place, opened)
        members = members_of(place, opened, in_archive(table.name)[1], chosen) if is_archive(opened.name) else None
    told = f"{len(files):,} file{'s' if len(files) > 1 else ''}" + (f", {size_told(size)}" if size is not None else "")
    said: dict[str, str | int | None] = {"files": len(files), "bytes": size, "opened": opened.name}
    if is_archive(opened.name):
        if members is None and opened.name.lower().endswith(".zip") and not start.startswith(b"PK"):
            raise broken(opened.name, "zip")
        what = "" if members is None else f" with {members:,} member{'s' if members > 1 else ''} to read"
        facts = said | {"format": "archive", "members": members}
        return Reached(told=f"{told}; `{opened.name}` is an archive{what}", facts=facts)
    kind, packed = format_of(opened.name, chosen), compression_of(opened.name, chosen)
    expect_kind(opened, start, kind, packed, chosen)
    what = WORDS[kind] + (f", packed with {packed}" if packed != "none" else "")
    what = f"is {what}" if start else f"is empty, and would be {what}"
    return Reached(told=f"{told}; `{opened.name}` {what}", facts=said | {"format": kind, "compression": packed})


def start_of(place: Place, file: File) -> bytes:
    """The first bytes of a file. Raises ``SourceError``."""
    start = b""
    # Nothing beyond is asked for ahead.
    pieces = place.read(replace(file, size=min(file.size, START)))
    try:
        for piece in pieces:
            start += piece
            if len(start) >= START:
                break
    except Dropped as error:
        raise failed(
            "cut-off", f"`{file.name}` is listed, and reading it was cut off: {error}.",
            "Is the server well? Try again.",
        ) from None  # fmt: skip
    finally:
        if close := getattr(pieces, "close", None):
            close()
    return start[:START]


def expect_kind(file: File, start: bytes, kind: str, packed: str, table: TableOptions) -> None:
    """Raises ``SourceError`` for a file that is something else than its name or options say."""
    with tempfile.TemporaryDirectory(prefix="wherry-files-") as folder:
        path = Path(folder, "start")
        path.write_bytes(start)
        piece = Piece(file=file, path=str(path), name=file.name, label=file.name)
        check_kind(piece, kind, packed)
        if packed == "none" or not start:
            return
        if packed == "zstd":
            if not start.startswith(b"\x28\xb5\x2f\xfd"):
                raise broken(file.name, packed)
            return
        try:
            path.write_bytes(_UNPACKERS[packed]().decompress(start, START))
        except (zlib.error, OSError, lzma.LZMAError, EOFError):
            raise broken(file.name, packed) from None
        check_kind(piece, kind, "none")


def members_of(place: Place, archive: File, wanted: str, table: TableOptions) -> int | None:
    """How many members of an archive are wanted; None where only reading much of it would tell.

    Raises ``SourceError`` for one that is damaged, or has none.
    """
    listed = archive.name.lower().endswith(".zip")
    if not (listed and not archive.remote) and not 0 <= archive.size <= OPENED:
        return None
    with tempfile.TemporaryDirectory(prefix="wherry-files-") as folder:
        path = archive.path
        if archive.remote:
            path = str(Path(folder, "archive"))
            fetch(place, archive, Path(path))
        try:
            found = (zip_members if listed else tar_members)(path, archive.name)
            there, passed = [], 0
            for name, size, _ in islice(found, MEMBERS):
                there.append(name)
                passed += size
                if passed > UNPACKED:
                    return None
        except (*BROKEN, NotImplementedError):
            raise broken(archive.name, "zip" if listed else "tar") from None
    count = sum(is_wanted(name, wanted, table) for name in there)
    if not count:
        raise no_member(archive.name, wanted, there)
    return count
