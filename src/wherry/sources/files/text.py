"""The text of a file: decompressed, in UTF-8, and known to be whole."""

from __future__ import annotations

import codecs
import itertools
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from wherry.errors import SourceError
from wherry.sources.files.database import failed
from wherry.sources.files.listing import File
from wherry.sources.files.options import TableOptions, compression_of

CHUNK = 1 << 20
HEAD = 1 << 16


@dataclass(slots=True, kw_only=True)
class Text:
    """A file whose text DuckDB can read."""

    file: File
    #: Where the text is: the file itself, or a copy in UTF-8.
    path: str
    #: ``none``, ``gzip`` or ``zstd``.
    compression: str
    #: The first bytes, without a byte order mark.
    head: bytes


class WorkFolder:
    """A folder for copies of files: one folder inside for each reason to copy, and in it the files' own names."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def new(self, why: str, name: str) -> Path:
        target = self.path / why / name
        target.parent.mkdir(parents=True, exist_ok=True)
        return target


def open_bytes(path: str, compression: str) -> IO[bytes]:
    """A stream of the decompressed bytes. Truncated or broken compression raises ``OSError`` while reading."""
    if compression == "none":
        return Path(path).open("rb")
    import pyarrow as pa

    stream: Any = pa.input_stream(path, compression="gzip" if compression == "gzip" else "zstd")
    return stream  # type: ignore[no-any-return]


def chunks(text: Text) -> Iterator[bytes]:
    """The decompressed bytes, piece by piece. Raises a Finding when the file is broken."""
    try:
        with open_bytes(text.path, text.compression) as stream:
            while chunk := stream.read(CHUNK):
                yield chunk
    except OSError as error:
        if text.compression == "none":
            raise failed("unreadable", f"`{text.file.name}` cannot be read: {error.strerror or error}.") from None
        raise broken(text.file.name, text.compression) from None


def broken(name: str, compression: str) -> SourceError:
    return failed(
        "broken-file",
        f"`{name}` is cut off or damaged: it does not decompress to its end as {compression}.",
        "Write or copy it again, and run again; or correct `compression:`.",
    )


def open_text(file: File, table: TableOptions, work: WorkFolder, local: str | None = None) -> Text:
    """Find the text of a file; one that is not in UTF-8 is copied. Raises a Finding for a wrong encoding."""
    text = Text(file=file, path=local or file.path, compression=compression_of(file.name, table), head=b"")
    codec = codecs.lookup(table.encoding).name
    if codec not in ("utf-8", "utf-8-sig"):
        target = work.new("utf-8", file.name)
        decode(text, codec, target)
        text.path, text.compression = str(target), "none"
    text.head = first_bytes(text)
    return text


def decode(text: Text, codec: str, target: Path) -> None:
    decoder = codecs.getincrementaldecoder(codec)()
    done = 0
    with target.open("wb") as out:
        for chunk in itertools.chain(chunks(text), (b"",)):
            try:
                out.write(decoder.decode(chunk, final=not chunk).encode("utf-8"))
            except UnicodeError as error:
                at = done + getattr(error, "start", 0)
                raise wrong_encoding(text.file.name, codec, f"byte {at}") from None
            done += len(chunk)


def wrong_encoding(name: str, codec: str, where: str) -> SourceError:
    return failed(
        "wrong-encoding",
        f"`{name}` is not written in {codec}: {where} does not decode.",
        "Set `encoding:` to what it is, for example latin-1, cp1252 or utf-16.",
    )


def first_bytes(text: Text) -> bytes:
    if text.compression == "none":
        with Path(text.path).open("rb") as stream:
            return stream.read(HEAD).removeprefix(codecs.BOM_UTF8)
    return next(chunks(text), b"")[:HEAD].removeprefix(codecs.BOM_UTF8)


def plain_copy(text: Text, work: WorkFolder) -> str:
    """A path with the text uncompressed."""
    if text.compression == "none":
        return text.path
    target = work.new("plain", text.file.name)
    with target.open("wb") as out:
        for chunk in chunks(text):
            out.write(chunk)
    return str(target)


def count_records(pieces: Iterator[bytes], quote: bytes = b"", escape: bytes = b"", blanks: bool = False) -> int:
    """How many records a text has: line ends outside of quotes that end something (or nothing, with ``blanks``).

    It knows nothing of columns, and is fast: the number that DuckDB's own must equal.
    """
    count, inside, fresh, rest = 0, False, True, b""
    for piece in itertools.chain(pieces, (None,)):
        data = rest + (piece or b"")
        if piece is not None:
            cut = max(data.rfind(b"\n"), data.rfind(b"\r")) + 1
            data, rest = data[:cut], data[cut:]
            if not cut:
                continue
        if quote and quote in data:
            if escape and escape != quote:
                data = data.replace(escape * 2, b"x").replace(escape + quote, b"x")
            parts = data.split(quote)
            # A quoted part is something, also where all that is left of its line is the line end.
            outside = b"x" * inside + b"x".join(parts[inside::2])
            inside ^= len(parts) % 2 == 0
            outside += b"x" * inside
        else:
            outside = b"" if inside else data
        if b"\r" in outside:
            outside = outside.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        if not blanks:
            if fresh:
                outside = outside.lstrip(b"\n")
            if b"\n\n" in outside:
                outside = re.sub(rb"\n\n+", b"\n", outside)
        if outside:
            count += outside.count(b"\n")
            fresh = outside.endswith(b"\n")
    return count + (not fresh)


def without_lines(pieces: Iterator[bytes], lines: int) -> Iterator[bytes]:
    """The text after its first lines."""
    for piece in pieces:
        while lines and (end := piece.find(b"\n")) >= 0:
            piece, lines = piece[end + 1 :], lines - 1
        if not lines:
            yield piece
