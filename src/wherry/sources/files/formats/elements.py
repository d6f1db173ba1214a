"""The values of a text, one by one, and where each begins: lines, or the elements of an array."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import field, replace

from wherry.model.dataclass import dataclass

#: Bytes that are kept of a value that is too long.
SHOWN = 1 << 20
_MARK = re.compile(rb'[][{}",]')
_IN_TEXT = re.compile(rb'["\\]')
_DEEPER = {b"{": 1, b"[": 1, b"}": -1, b"]": -1}
_BLANK = b" \t\r\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class Element:
    """One value."""

    #: 1-based line where it begins.
    line: int
    text: bytes
    #: Why it cannot be read, whatever it holds; empty when nothing is known against it.
    problem: str = ""
    #: False when the text ended in the middle of it.
    whole: bool = True


@dataclass(slots=True)
class _Value:
    """A value whose pieces are still coming: never more of it than may be kept."""

    longest: int
    #: Where it begins, then where it ends.
    line: int = 1
    parts: list[bytes] = field(default_factory=list)
    size: int = 0
    began: int = 1

    def add(self, part: bytes) -> None:
        if not self.size:
            part = part.lstrip(_BLANK) if self.count(part, len(part) - len(part.lstrip(_BLANK))) else part
            self.began = self.line
        if part:
            self.count(part, len(part))
            self.size += len(part)
            if self.size <= self.longest:
                self.parts.append(part)
            elif len(self.parts) != 1 or len(self.parts[0]) != SHOWN:
                self.parts = [b"".join([*self.parts, part[:SHOWN]])[:SHOWN]]

    def count(self, part: bytes, end: int) -> bool:
        self.line += part.count(b"\n", 0, end)
        return end > 0

    def take(self) -> Element:
        text, size = b"".join(self.parts).rstrip(_BLANK), self.size
        self.parts, self.size = [], 0
        problem = f"It has {size:,} bytes; {self.longest:,} can be read." if size > self.longest else ""
        return Element(line=self.began, text=text, problem=problem)


def lines(pieces: Iterator[bytes], longest: int) -> Iterator[Element]:
    """The lines that are not blank."""
    value = _Value(longest)
    for piece in pieces:
        *ended, rest = piece.split(b"\n")
        for part in ended:
            value.add(part)
            found = value.take()
            value.line += 1
            if found.text:
                yield found
        value.add(rest)
    if (found := value.take()).text:
        yield found


def elements(pieces: Iterator[bytes], longest: int) -> Iterator[Element]:
    """The elements of an array, or values that stand one after the other, found by their brackets and quotes alone."""
    value, depth, quoted, escaped = _Value(longest), 0, False, False
    array: bool | None = None
    for piece in pieces:
        start, escaped, at = 0, False, int(escaped)
        if array is None:
            rest = piece.lstrip(b"\xef\xbb\xbf" + _BLANK)
            value.count(piece, len(piece) - len(rest))
            if not rest:
                continue
            array = rest.startswith(b"[")
            at = start = len(piece) - len(rest) + array
        while depth >= 0 and (found := (_IN_TEXT if quoted else _MARK).search(piece, at)):
            mark, at = found[0], found.end()
            if quoted:
                quoted = mark != b'"'
                if quoted:
                    escaped = at == len(piece)
                    at += 1
                continue
            if mark == b'"':
                quoted = True
                continue
            depth += _DEEPER.get(mark, 0)
            if depth < 0 or (depth == 0 and mark == (b"," if array else b"}")):
                value.add(piece[start : at - array])
                if (ended := value.take()).text:
                    yield ended
                start = at
        value.add(piece[start:])
    if (left := value.take()).text or (array and depth >= 0):
        if depth < 0:
            yield replace(left, problem="It stands after the end of the array.")
        else:
            yield replace(left, problem="The text ends in the middle of it.", whole=not (array or depth or quoted))
