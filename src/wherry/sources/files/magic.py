"""What a file is by its first bytes, where that is not what its name says."""

from __future__ import annotations

import re
from pathlib import Path

from wherry.errors import SourceError
from wherry.sources.files.database import failed
from wherry.sources.files.work import Piece

#: First bytes of files that are of one kind for certain.
MARKS = (
    (b"PAR1", "a Parquet file", "parquet"), (b"Obj\x01", "an Avro file", "avro"), (b"ORC", "an ORC file", "orc"),
    (b"PK\x03\x04", "a zip archive or a workbook", "excel"), (b"PK\x05\x06", "an empty zip archive", ""),
    (b"\x1f\x8b", "compressed with gzip", "gzip"), (b"\x28\xb5\x2f\xfd", "compressed with zstd", "zstd"),
    (b"BZh", "compressed with bzip2", "bzip2"), (b"\xfd7zXZ\0", "compressed with xz", "xz"),
    (b"%PDF-", "a PDF document", ""), (b"\x89PNG", "a picture", ""), (b"\xd0\xcf\x11\xe0", "an old Excel workbook", ""),
)  # fmt: skip
_PAGE = re.compile(rb"\s*(<!--.*?-->\s*)*<(!doctype\s+html|html|head|body)\b", re.IGNORECASE | re.DOTALL)
_ERROR = re.compile(rb"\s*<\?xml.{0,200}?<(Error|ServiceExceptionReport)\b", re.DOTALL)
TEXT = ("csv", "json", "jsonl", "fixed", "xml")
WORDS = {"csv": "CSV", "json": "JSON", "jsonl": "JSON Lines", "xml": "XML", "fixed": "text of fixed width",
         "parquet": "Parquet", "avro": "Avro", "orc": "ORC", "excel": "an Excel workbook"}  # fmt: skip


def check_kind(piece: Piece, kind: str, packed: str) -> None:
    """Raise a Finding when a file cannot be what it is read as: a page of a web server, another format."""
    with Path(piece.path).open("rb") as stream:
        head = stream.read(1024)
    said = WORDS[kind]
    if _PAGE.match(head):
        title = re.search(rb"<title[^>]*>(.*?)</title>", head, re.IGNORECASE | re.DOTALL)
        shown = f" (\u201c{title[1].decode('utf-8', 'replace').strip()[:80]}\u201d)" if title else ""
        raise _other(
            piece, f"is an HTML page{shown}, not {said}",
            "It is what a server sends instead: a login, an error. Check the address and the credentials.",
        )  # fmt: skip
    if kind != "xml" and _ERROR.match(head):
        raise _other(piece, f"is the error message of a server, not {said}", "Check the address and the credentials.")
    for mark, what, word in MARKS:
        if head.startswith(mark) and word not in (kind, packed) and (kind in TEXT or word in WORDS):
            if word in ("gzip", "zstd", "bzip2", "xz"):
                hint = f"Set `compression: {word}`, or have it called `{piece.name}.{word[:3].replace('gzi', 'gz')}`."
            else:
                hint = f"Set `format: {word}`, if all files of the table are so." if word else "Have it exported again."
            raise _other(piece, f"is {what}, not {said}", hint)
    if kind in ("parquet", "avro", "orc", "excel") and packed == "none" and head:
        mark = {"parquet": b"PAR1", "avro": b"Obj\x01", "orc": b"ORC", "excel": b"PK"}[kind]
        if not head.startswith(mark):
            raise _other(
                piece, f"is not {said}: it starts with {head[:8]!r}", "Have it written again, or set `format:`."
            )


def _other(piece: Piece, what: str, hint: str) -> SourceError:
    return failed("wrong-kind", f"`{piece.label}` cannot be read: it {what}.", hint)
