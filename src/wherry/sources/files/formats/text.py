"""The text of a file: decompressed, in UTF-8, and known to be whole."""

from __future__ import annotations

import codecs
import itertools
import re
from collections.abc import Iterator
from pathlib import Path

from wherry.errors import SourceError
from wherry.model.dataclass import dataclass
from wherry.sources.files.database import failed
from wherry.sources.files.options import TableOptions, compression_of
from wherry.sources.files.unpack import BROKEN, Allowance, broken, unpacked
from wherry.sources.files.work import Piece, WorkFolder

CHUNK = 1 << 20
HEAD = 1 << 16
#: A piece of text without a line end is counted when it is this long.
LONG_LINE = 4 << 20


@dataclass(slots=True, kw_only=True)
class Text:
    """A file whose text DuckDB can read."""

    piece: Piece
    #: Where the text is: the file itself, or a copy in UTF-8.
    path: str
    #: ``none``, ``gzip`` or ``zstd``.
    compression: str
    #: The first bytes, without a byte order mark.
    head: bytes
    table: TableOptions


def chunks(text: Text) -> Iterator[bytes]:
    """The decompressed bytes, piece by piece. Raises a Finding when the file is broken, or unpacks to too much."""
    packed = text.compression != "none"
    try:
        allowance = Allowance(text.piece.label, Path(text.path).stat().st_size, text.table) if packed else None
        for chunk in unpacked(text.path, text.compression):
            if allowance:
                allowance.take(len(chunk))
            yield chunk
    except BROKEN as error:
        if not packed or getattr(error, "errno", None):
            why = getattr(error, "strerror", "") or error
            raise failed("unreadable", f"`{text.piece.label}` cannot be read: {why}.") from None
        raise broken(text.piece.label, text.compression) from None


def open_text(piece: Piece, table: TableOptions, work: WorkFolder) -> Text:
    """Find the text of a file; one that is not in UTF-8 is copied. Raises a Finding for a wrong encoding."""
    text = Text(piece=piece, path=piece.path, compression=compression_of(piece.name, table), head=b"", table=table)
    if text.compression in ("bzip2", "xz"):
        text.path, text.compression = plain_copy(text, work), "none"
    if not is_utf8(table):
        target = work.new(piece.file.name)
        decode(text, codecs.lookup(table.encoding).name, target)
        text.path, text.compression = str(target), "none"
    text.head = piece.tail.head if piece.tail else first_bytes(text)
    return text


def is_utf8(table: TableOptions) -> bool:
    return codecs.lookup(table.encoding).name in ("utf-8", "utf-8-sig")


def decode(text: Text, codec: str, target: Path) -> None:
    decoder = codecs.getincrementaldecoder(codec)()
    done = 0
    with target.open("wb") as out:
        for chunk in itertools.chain(chunks(text), (b"",)):
            try:
                out.write(decoder.decode(chunk, final=not chunk).encode("utf-8"))
            except UnicodeError as error:
                at = done + getattr(error, "start", 0)
                raise wrong_encoding(text.piece.label, codec, f"byte {at}") from None
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
    target = work.new(text.piece.file.name)
    with target.open("wb") as out:
        for chunk in chunks(text):
            out.write(chunk)
    return str(target)


def with_line_feeds(text: Text, work: WorkFolder) -> Text:
    """A text whose lines all end with a carriage return alone, as a copy whose lines end as others do."""
    if b"\r" not in text.head or b"\n" in text.head or text.piece.tail:
        return text
    target = work.new(text.piece.file.name)
    with target.open("wb") as out:
        for chunk in chunks(text):
            if b"\n" in chunk:
                return text
            out.write(chunk.replace(b"\r", b"\n"))
    text.path, text.compression = str(target), "none"
    text.head = first_bytes(text)
    return text


class RecordCount:
    """How many records a text has: line ends outside of quotes that end something (or nothing, with ``blanks``).

    It knows nothing of columns, and is fast: the number that DuckDB's own must equal.
    """

    def __init__(self, quote: bytes = b"", escape: bytes = b"", blanks: bool = False) -> None:
        self.quote, self.escape, self.blanks = quote, escape if escape != quote else b"", blanks
        #: Whether the text so far ends within quotes, and whether it ends with a line end.
        self.inside, self.fresh = False, True
        self._count, self._rest = 0, b""

    def feed(self, piece: bytes) -> None:
        data = self._rest + piece
        cut = max(data.rfind(b"\n"), data.rfind(b"\r")) + 1
        if not cut and len(data) > LONG_LINE:
            # An escape must not be parted from what it escapes, nor the two bytes of a line end.
            cut = len(data.rstrip(self.escape + b"\r"))
        self._rest = data[cut:]
        if cut:
            self._take(data[:cut])

    def end(self) -> int:
        """The number, once all of the text was fed."""
        self._take(self._rest)
        self._rest = b""
        return self._count + (not self.fresh)

    def _take(self, data: bytes) -> None:
        quote, escape = self.quote, self.escape
        if quote and quote in data:
            if escape:
                data = data.replace(escape * 2, b"x").replace(escape + quote, b"x")
            parts = data.split(quote)
            # A quoted part is something, also where all that is left of its line is the line end.
            outside = b"x" * self.inside + b"x".join(parts[self.inside :: 2])
            self.inside ^= len(parts) % 2 == 0
            outside += b"x" * self.inside
        else:
            outside = b"" if self.inside else data
        if b"\r" in outside:
            outside = outside.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        if not self.blanks:
            if self.fresh:
                outside = outside.lstrip(b"\n")
            if b"\n\n" in outside:
                outside = re.sub(rb"\n\n+", b"\n", outside)
        if outside:
            self._count += outside.count(b"\n")
            self.fresh = outside.endswith(b"\n")


def count_records(pieces: Iterator[bytes], quote: bytes = b"", escape: bytes = b"", blanks: bool = False) -> int:
    """How many records the text has; see ``RecordCount``."""
    count = RecordCount(quote, escape, blanks)
    for piece in pieces:
        count.feed(piece)
    return count.end()


def count_lines(pieces: Iterator[bytes]) -> int | None:
    """How many lines the text has; None where some end with what not everyone takes for a line end."""
    count, last = 0, b"\n"
    for piece in pieces:
        if piece.count(b"\r") != piece.count(b"\r\n"):
            return None
        count, last = count + piece.count(b"\n"), piece[-1:] or last
    return count + (last != b"\n")


def without_lines(pieces: Iterator[bytes], lines: int) -> Iterator[bytes]:
    """The text after its first lines."""
    for piece in pieces:
        while lines and (end := piece.find(b"\n")) >= 0:
            piece, lines = piece[end + 1 :], lines - 1
        if not lines:
            yield piece
