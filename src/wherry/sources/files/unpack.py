"""Compressed files and archives, unpacked piece by piece and only so far."""

from __future__ import annotations

import tarfile
import zipfile
from collections.abc import Callable, Iterator
from itertools import islice
from lzma import LZMAError
from pathlib import Path
from typing import IO, Any
from zlib import error as ZlibError

from wherry.errors import SourceError
from wherry.sources.files.database import failed
from wherry.sources.files.options import ENDINGS, INSIDE, TableOptions, format_of
from wherry.sources.files.places.patterns import matches
from wherry.sources.files.places.place import File
from wherry.sources.files.work import Piece, WorkFolder

CHUNK = 1 << 20
#: What anything may become when it is unpacked, whatever its size.
ALLOWED = 1 << 30
#: Memory that an .xz file may ask for.
XZ_MEMORY = 256 << 20
#: Bytes of an extended header of a tar file; a real one holds a name.
TAR_HEADER = 1 << 20
#: Members of one archive.
MEMBERS = 100_000
BROKEN = (OSError, EOFError, LZMAError, ZlibError, zipfile.BadZipFile, tarfile.TarError)


def unpacked(path: str, compression: str) -> Iterator[bytes]:
    """The bytes of a file that is compressed. A truncated or damaged one raises one of ``BROKEN``."""
    if compression in ("bzip2", "xz"):
        yield from _streams(path, _bzip2 if compression == "bzip2" else _xz)
        return
    with open_packed(path, compression) as stream:
        while chunk := stream.read(CHUNK):
            yield chunk


def open_packed(path: str, compression: str) -> IO[bytes]:
    if compression == "none":
        return Path(path).open("rb")
    import pyarrow as pa

    stream: Any = pa.input_stream(path, compression="gzip" if compression == "gzip" else "zstd")
    return stream  # type: ignore[no-any-return]


def _bzip2() -> Any:
    import bz2

    return bz2.BZ2Decompressor()


def _xz() -> Any:
    import lzma

    return lzma.LZMADecompressor(memlimit=XZ_MEMORY)


def _streams(path: str, make: Callable[[], Any]) -> Iterator[bytes]:
    """One compressed stream after the other, as ``bzip2`` and ``xz`` write them; little memory, whatever they hold."""
    with Path(path).open("rb") as packed:
        machine, given = make(), False
        data = packed.read(CHUNK)
        while True:
            if machine.eof:
                data = (machine.unused_data or packed.read(CHUNK)).lstrip(b"\0")
                if not data:
                    return
                machine, given = make(), False
            elif machine.needs_input and given:
                data = packed.read(CHUNK)
                if not data:
                    raise EOFError("it ends too early")
            given = True
            piece = machine.decompress(data, CHUNK)
            data = b""
            if piece:
                yield piece


class Allowance:
    """How much may still come out of what is packed. Raises a Finding when it is too much."""

    def __init__(self, label: str, packed: int, table: TableOptions) -> None:
        self.label, self.table = label, table
        self.limit = max(ALLOWED, packed * table.expands_to)
        self.left = self.limit

    def take(self, size: int) -> None:
        self.left -= size
        if self.left < 0:
            raise failed(
                "expands", f"`{self.label}` unpacks to more than {self.limit:,} bytes,"
                f" {self.table.expands_to} times its size: it may be made to fill the disk.",
                "If it is what it should be, set `expands_to:` to how many times it may grow.",
            )  # fmt: skip


def broken(label: str, kind: str) -> SourceError:
    return failed(
        "broken-file",
        f"`{label}` is cut off or damaged: it does not decompress to its end as {kind}.",
        "Write or copy it again, and run again; or correct `compression:`.",
    )


def members(file: File, path: str, wanted: str, table: TableOptions, work: WorkFolder) -> list[Piece]:
    """The members of an archive that match a pattern, each copied out. Links and devices are left where they are.

    Names inside of an archive tell what is wanted and in which format it is; they are never used as paths.
    """
    kind = "zip" if file.name.lower().endswith(".zip") else "tar"
    allowance = Allowance(file.name, max(file.size, 0), table)
    pieces: list[Piece] = []
    there: list[str] = []
    try:
        for name, _, stream in (zip_members if kind == "zip" else tar_members)(path, file.name):
            there.append(name)
            if len(there) > MEMBERS:
                raise failed("many-members", f"`{file.name}` has more than {MEMBERS:,} members.", "Split it.")
            if not is_wanted(name, wanted, table):
                continue
            target = work.new(file.name)
            with stream() as source, target.open("wb") as out:
                while chunk := source.read(CHUNK):
                    allowance.take(len(chunk))
                    out.write(chunk)
            pieces.append(Piece(file=file, path=str(target), name=name, label=f"{file.name}{INSIDE}{name}"))
    except RuntimeError as error:  # what zipfile says of a password
        raise failed(
            "encrypted", f"`{file.name}` cannot be read: {error}.", "Archives with a password are not read: unpack it."
        ) from None
    except (*BROKEN, NotImplementedError) as error:
        if isinstance(error, OSError) and error.errno:
            raise
        raise broken(file.name, kind) from None
    if not pieces:
        raise no_member(file.name, wanted, there)
    return sorted(pieces, key=lambda p: p.name)


def is_wanted(name: str, wanted: str, table: TableOptions) -> bool:
    return matches(wanted, name) or wanted == name if wanted else _readable(name, table)


def no_member(label: str, wanted: str, there: list[str]) -> SourceError:
    """A Finding for an archive that has nothing of what is wanted."""
    shown = ", ".join(f"`{name}`" for name in sorted(there)[:5])
    return failed(
        "no-member", f"No member of `{label}` matches `{wanted}`." if wanted else
        f"`{label}` has no member of a format that its ending tells.",
        f"There are {shown}{'...' if len(there) > 5 else ''}." if there else "It is empty.",
    )  # fmt: skip


def member_names(path: str, label: str) -> list[str]:
    """The members of an archive that are meant when none is named; none where it cannot be read."""
    read = zip_members if label.lower().endswith(".zip") else tar_members
    try:
        return [name for name, _, _ in islice(read(path, label), MEMBERS) if _readable(name, TableOptions())]
    except (*BROKEN, NotImplementedError, RuntimeError):
        return []  # what is wrong with it, a load will tell


def _readable(name: str, table: TableOptions) -> bool:
    """Whether a member is meant when none is named: not hidden, not the notes that lie beside the data."""
    last = name.rpartition("/")[2]
    if last.startswith(".") or name.startswith("__MACOSX/"):
        return False
    if table.format:
        return True
    from wherry.errors import ProjectError

    try:
        return format_of(name, table) in ENDINGS.values()
    except ProjectError:
        return False


#: A member's name; how many bytes are unpacked to come to the next one; and its bytes.
Member = tuple[str, int, Callable[[], IO[bytes]]]


def zip_members(path: str, label: str) -> Iterator[Member]:
    with zipfile.ZipFile(path) as archive:
        for about in archive.infolist():
            if not about.is_dir():
                yield about.filename, 0, lambda about=about: archive.open(about)  # type: ignore[misc]


def tar_members(path: str, label: str) -> Iterator[Member]:
    lower = label.lower()
    packed = "zstd" if lower.endswith((".zst", ".tzst")) else "none"
    mode = "r|" if packed == "zstd" or lower.endswith(".tar") else "r|*"
    ended = False

    class Header(tarfile.TarInfo):
        """A header of a size that a name can have, since it is read as a whole; and a note of the archive's end."""

        @classmethod
        def frombuf(cls, buf: Any, encoding: str, errors: str) -> Any:
            nonlocal ended
            ended = len(buf) == tarfile.BLOCKSIZE and not any(buf)
            found = super().frombuf(buf, encoding, errors)
            if found.size > TAR_HEADER and found.type in b"xgXLK":
                raise tarfile.ReadError("a header is too long")
            return found

    with (
        open_packed(path, packed) as stream,
        tarfile.open(fileobj=stream, mode=mode, tarinfo=Header) as archive,  # type: ignore[call-overload]
    ):
        for about in archive:
            if about.isreg():
                # `tar -C folder .` puts it before all names.
                name = about.name.removeprefix("./")
                yield name, about.size, lambda about=about: archive.extractfile(about)  # type: ignore[misc]
            archive.members = []  # else all headers are kept
        if not ended:
            raise tarfile.ReadError("it has no end")
