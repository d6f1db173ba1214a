"""Rows out of JSON while it comes in: never more than one of them in memory."""

from __future__ import annotations

import codecs
import json
from collections.abc import Iterator
from decimal import Decimal
from typing import Any, NoReturn

from wherry.http.unpack import Cut

#: Characters that one step reads at least.
STEP = 1 << 16


class TooLong(Exception):
    """A row is longer than may be."""


def _integer(text: str) -> int | Decimal:
    return int(text) if len(text) < 40 else Decimal(text)


def _no_number(text: str) -> NoReturn:
    raise ValueError(f"{text} is no number of JSON")


#: Numbers as they are written: whole ones int, others Decimal.
DECODER = json.JSONDecoder(parse_float=Decimal, parse_int=_integer, parse_constant=_no_number, strict=False)


class JsonStream:
    """Reads values one after another from the pieces of a UTF-8 text."""

    def __init__(self, pieces: Iterator[bytes], longest: int) -> None:
        self._pieces, self._longest = pieces, longest
        self._decode = codecs.getincrementaldecoder("utf-8-sig")()
        self._text, self._at, self._ended = "", 0, False

    def peek(self) -> str:
        """The next sign that is not white space; empty at the end."""
        passed = 0
        while True:
            while self._at < len(self._text) and self._text[self._at] in " \t\r\n":
                self._at += 1
                passed += 1
            if passed > self._longest:
                raise TooLong(f"more than {self._longest:,} bytes of white space")
            if self._at < len(self._text) or not self._more(1):
                return self._text[self._at : self._at + 1]

    def take(self, sign: str) -> None:
        found = self.peek()
        if found != sign:
            raise Cut(f"it is not JSON: {f'{found!r} instead of' if found else 'it ends before'} {sign!r}")
        self._at += 1

    def value(self) -> Any:
        """The next value as a whole."""
        if not self.peek():
            raise Cut("its JSON ends early")
        while True:
            error = None
            try:
                value, end = DECODER.raw_decode(self._text, self._at)
                if end < len(self._text) or not self._more(1):
                    self._at = end
                    return value
                continue
            except RecursionError:
                raise Cut("it is not JSON that can be read: it is nested too deeply") from None
            except ValueError as problem:
                error = problem
            size = len(self._text) - self._at
            if size > self._longest:
                raise TooLong(f"a row of more than {self._longest:,} bytes")
            if not self._more(size):
                told = getattr(error, "msg", str(error))
                begins = self._text[self._at : self._at + 60].strip()
                raise Cut(f"its JSON is cut or wrong ({told}) at `{begins}`")

    def _more(self, wanted: int) -> bool:
        """Read on, as much as is wanted or a step; whether there was more."""
        parts, size = [self._text[self._at :]], 0
        while not self._ended and size < max(wanted, 1):
            piece = next(self._pieces, b"")
            try:
                text = self._decode.decode(piece, not piece)
            except UnicodeDecodeError as error:
                place = error.object[max(0, error.start - 20) : error.start].decode("utf-8", "replace")
                raise Cut(f"it is not UTF-8: a wrong byte after `{place}`") from None
            self._ended = not piece
            parts.append(text)
            size += len(text)
        self._text, self._at = "".join(parts), 0
        return size > 0


def stream_rows(json_in: JsonStream, path: list[str], envelope: dict[str, Any]) -> Iterator[Any]:
    """The items of the list at ``path``. ``envelope["body"]`` becomes what is around it, with its last row only."""
    found: list[bool] = []
    holder: dict[str, Any] = {}
    yield from _descend(json_in, path, holder, "body", found)
    envelope.update(holder)
    envelope["found"] = bool(found)
    if json_in.peek():
        raise Cut(f"it is not JSON: there is more behind its end, `{json_in.peek()}`")


def _descend(
    json_in: JsonStream, path: list[str], holder: dict[str, Any], name: str, found: list[bool]
) -> Iterator[Any]:
    if not path:
        found.append(True)
        if json_in.peek() != "[":
            value = holder[name] = json_in.value()
            if value is not None:
                yield value
            return
        last: list[Any] = []
        for item in _items(json_in):
            last = [item]
            yield item
        holder[name] = last
    elif json_in.peek() != "{":
        holder[name] = json_in.value()
        found.extend([True] if holder[name] is None else [])
    else:
        inner: dict[str, Any] = {}
        holder[name] = inner
        json_in.take("{")
        while json_in.peek() != "}":
            key = json_in.value()
            json_in.take(":")
            if key == path[0]:
                yield from _descend(json_in, path[1:], inner, key, found)
            else:
                inner[str(key)] = json_in.value()
            if json_in.peek() != ",":
                break
            json_in.take(",")
        json_in.take("}")


def _items(json_in: JsonStream) -> Iterator[Any]:
    json_in.take("[")
    if json_in.peek() != "]":
        yield json_in.value()
        while json_in.peek() == ",":
            json_in.take(",")
            yield json_in.value()
    json_in.take("]")
