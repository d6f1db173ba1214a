"""The bytes of an answer as they come, unpacked, never more than a piece at a time."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator

#: Bytes that one step of unpacking gives at most.
PIECE = 1 << 18


class Cut(Exception):
    """An answer ended early or cannot be read; the same request may do better."""

    def __init__(self, told: str, code: str = "bad-answer") -> None:
        super().__init__(told)
        self.code = code


def unpacked(pieces: Iterable[bytes], encoding: str) -> Iterator[bytes]:
    """The content of an answer; ``encoding`` is its header Content-Encoding. Raises ``Cut``.

    What is a gzip file in itself is unpacked too.
    """
    for word in reversed([word.strip().lower() for word in encoding.split(",")]):
        if word in ("gzip", "x-gzip", "deflate"):
            pieces = _inflated(pieces)
        elif word not in ("", "identity"):
            raise Cut(f"it is packed as `{word}`, which was not asked for")
    source = iter(pieces)
    head = b""
    for piece in source:
        head += piece
        if len(head) > 1:
            break
    rest = _after(head, source)
    yield from _inflated(rest) if head.startswith(b"\x1f\x8b") else rest


def _after(head: bytes, rest: Iterator[bytes]) -> Iterator[bytes]:
    if head:
        yield head
    yield from rest


def _inflated(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """Unpack gzip (of one or more parts), zlib or bare deflate."""
    unpack = None
    for piece in pieces:
        while piece:
            if unpack is None:
                bare = piece[0] & 0x0F != 8 and not piece.startswith(b"\x1f")
                unpack = zlib.decompressobj(-15 if bare else 47)
            try:
                out = unpack.decompress(piece, PIECE)
                while out or unpack.unconsumed_tail:
                    if out:
                        yield out
                    out = unpack.decompress(unpack.unconsumed_tail, PIECE) if unpack.unconsumed_tail else b""
            except zlib.error:
                raise Cut("its packed bytes are damaged") from None
            piece = unpack.unused_data
            if unpack.eof:
                unpack = None
    if unpack is not None:
        if tail := unpack.flush():
            yield tail
        if not unpack.eof:
            raise Cut("its packed bytes end early")
