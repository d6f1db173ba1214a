"""Rows out of an answer, whatever it is written in."""

from __future__ import annotations

import codecs
import csv
import re
from collections.abc import Iterator
from dataclasses import field
from decimal import Decimal
from itertools import chain
from typing import Any
from xml.etree import ElementTree

from wherry.http.client import Answer
from wherry.http.unpack import Cut
from wherry.model.dataclass import dataclass
from wherry.sources.rest.ask import ask_json, simple_path
from wherry.sources.rest.json_stream import JsonStream, TooLong, stream_rows

_NUMBER = re.compile(r"-?(0|[1-9]\d{0,37})(\.\d{1,30})?\Z")
_ENTITY = re.compile(rb"<!ENTITY|<!DOCTYPE[^>]*\[")


@dataclass(slots=True)
class Page:
    """What came with one answer, rows aside."""

    headers: dict[str, str] = field(default_factory=dict)
    url: str = ""
    #: The JSON around the rows, with the last of them only.
    body: Any = None
    rows: int = 0
    last: Any = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """Where rows are in an answer."""

    format: str = ""
    delimiter: str = ","
    records: str = ""
    layout: str = "rows"
    longest: int = 64_000_000
    #: Whether the paging looks at more than single values around the rows, so that they are kept together.
    whole: bool = False
    #: Whether an answer that lacks the list is one without rows; so it is for a manifest.
    lenient: bool = False


def rows_of(answer: Answer, shape: Shape, page: Page) -> Iterator[Any]:
    """The rows of an answer, in order; ``page`` is filled when the last one is taken. Raises ``Cut``, ``TooLong``."""
    pieces, start = _start_of(answer.pieces, shape.longest)
    page.headers, page.url = dict(answer.headers), answer.url
    form = shape.format or _form(answer.kind, start)
    if form in ("json", "jsonl") and (start[:1] == b"<" or answer.kind == "text/html"):
        raise Cut(f"with a web page{_title(start)} instead of data")
    reader = {"csv": _csv, "xml": _xml, "jsonl": _lines}.get(form, _json)
    for row in reader(pieces, shape, page):
        page.rows += 1
        page.last = row
        yield row


def _start_of(pieces: Iterator[bytes], longest: int) -> tuple[Iterator[bytes], bytes]:
    """The pieces again, and how the text begins. Raises ``TooLong`` for white space without end."""
    head: list[bytes] = []
    passed = 0
    for piece in pieces:
        head.append(piece)
        text = piece if passed else piece.removeprefix(b"\xef\xbb\xbf")
        if start := text.lstrip()[:2000]:
            return chain(head, pieces), start
        passed += len(piece)
        if passed > longest:
            raise TooLong(f"more than {longest:,} bytes of white space")
    return iter(head), b""


def _form(kind: str, start: bytes) -> str:
    if kind in ("application/jsonl", "application/x-ndjson", "application/ndjson", "application/x-jsonlines"):
        return "jsonl"
    if "csv" in kind:
        return "csv"
    if "xml" in kind or start.startswith(b"<?xml"):
        return "xml"
    return "json"


def _title(start: bytes) -> str:
    match = re.search(r"<title[^>]*>\s*([^<]{1,80})", start.decode("utf-8", "replace"), re.IGNORECASE)
    return f" (“{match[1].strip()}”)" if match else ""


def _json(pieces: Iterator[bytes], shape: Shape, page: Page) -> Iterator[Any]:
    path = simple_path(shape.records)
    json_in = JsonStream(pieces, shape.longest)
    if not json_in.peek():
        return  # 204, or nothing said
    if path is not None and not shape.whole and shape.layout == "rows":
        envelope: dict[str, Any] = {}
        yield from stream_rows(json_in, path, envelope)
        page.body = envelope.get("body")
        if not envelope["found"]:
            raise NoRecords(shape.records, page.body)
        return
    page.body = json_in.value()
    if json_in.peek():
        raise Cut("it is not JSON: there is more behind its end")
    found = ask_json(shape.records, page.body) if shape.records else page.body
    if found is None and path and not shape.lenient and not _held(page.body, path):
        raise NoRecords(shape.records, page.body)
    if shape.layout == "columns":
        yield from _across(found)
    else:
        yield from found if isinstance(found, list) else [] if found is None else [found]


def _held(body: Any, path: list[str]) -> bool:
    """Whether the path leads somewhere, be it to null."""
    for name in path:
        if not isinstance(body, dict):
            return body is None
        if name not in body:
            return False
        body = body[name]
    return True


class NoRecords(Exception):
    """An answer has no list where it should be."""

    def __init__(self, records: str, body: Any) -> None:
        keys = ", ".join(f"`{key}`" for key in list(body)[:12]) if isinstance(body, dict) else type(body).__name__
        super().__init__(f"there is nothing at `records: {records}`; there is {keys or 'an empty object'}")


def _across(found: Any) -> Iterator[dict[str, Any]]:
    """Rows from an object of equally long lists."""
    if not isinstance(found, dict):
        raise Cut("`layout: columns` needs an object of lists")
    lists = {name: items for name, items in found.items() if isinstance(items, list)}
    if len({len(items) for items in lists.values()}) > 1:
        raise Cut("its columns are not equally long: " + ", ".join(f"{k} {len(v)}" for k, v in lists.items()))
    for values in zip(*lists.values(), strict=True):
        yield dict(zip(lists, values, strict=True))


def _text_lines(pieces: Iterator[bytes], longest: int) -> Iterator[str]:
    decode = codecs.getincrementaldecoder("utf-8-sig")()
    rest = ""
    try:
        for piece in chain(pieces, (b"",)):
            rest += decode.decode(piece, not piece)
            if "\n" in rest:
                *lines, rest = rest.split("\n")
                yield from (line + "\n" for line in lines)
            if len(rest) > longest:
                raise TooLong(f"a line of more than {longest:,} bytes")
    except UnicodeDecodeError as error:
        place = error.object[max(0, error.start - 20) : error.start].decode("utf-8", "replace")
        raise Cut(f"it is not UTF-8: a wrong byte after `{place}`") from None
    if rest:
        yield rest


def _lines(pieces: Iterator[bytes], shape: Shape, page: Page) -> Iterator[Any]:
    for number, line in enumerate(_text_lines(pieces, shape.longest), 1):
        if line.strip():
            try:
                yield JsonStream(iter([line.encode()]), shape.longest).value()
            except Cut as cut:
                raise Cut(f"line {number}: {cut}") from None


@dataclass(frozen=True, slots=True)
class BadRow:
    """A row that is none, with its place in the answer."""

    line: int
    reason: str
    text: str


def _csv(pieces: Iterator[bytes], shape: Shape, page: Page) -> Iterator[Any]:
    csv.field_size_limit(shape.longest)
    reader = csv.reader(_text_lines(pieces, shape.longest), delimiter=shape.delimiter)
    try:
        names = next(reader, None)
        for values in reader:
            if not values:
                continue
            if names is None or len(values) != len(names):
                reason = f"{len(values)} values for {len(names or ())} columns"
                yield BadRow(reader.line_num, reason, shape.delimiter.join(values)[:10_000])
                continue
            yield {name: as_number(value) for name, value in zip(names, values, strict=True)}
    except csv.Error as error:
        raise Cut(f"it is not CSV: {error}") from None


def as_number(text: str) -> Any:
    """A text that is written as a number is one; an empty one is no value. Its text can be had back."""
    if not text:
        return None
    if _NUMBER.match(text) is None or text == "-0":
        return text
    return Decimal(text) if "." in text else int(text)


def _xml(pieces: Iterator[bytes], shape: Shape, page: Page) -> Iterator[Any]:
    """Elements at the path of tags below the root; attributes are ``@name`` inside, plain names in a row itself."""
    path = shape.records.split(".") if shape.records else []
    parser: Any = ElementTree.XMLPullParser(events=("start", "end"))
    stack: list[Any] = []
    fed = 0
    try:
        for piece in pieces:
            fed += len(piece)
            if _ENTITY.search(piece):
                raise Cut("it is XML that defines entities of its own, which are not read")
            parser.feed(piece)
            for row in _ended(parser, stack, path):
                yield row
                fed = 0
            if fed > shape.longest:
                raise TooLong(f"a row of more than {shape.longest:,} bytes")
        parser.close()
        yield from _ended(parser, stack, path)
    except ElementTree.ParseError as error:
        raise Cut(f"it is not XML: {error}") from None


def _ended(parser: Any, stack: list[Any], path: list[str]) -> Iterator[Any]:
    for event, element in parser.read_events():
        if event == "start":
            stack.append(element)
            continue
        stack.pop()
        tags = [_tag(each) for each in stack[1:]]
        if (stack and [*tags, _tag(element)] == path) or (not path and len(stack) == 1):
            plain = _plain(element)
            row = plain if isinstance(plain, dict) else {"value": plain}
            yield {name.removeprefix("@"): value for name, value in row.items()}
            element.clear()
            stack[-1].remove(element)


def _tag(element: Any) -> str:
    return str(element.tag).rpartition("}")[2]


def _plain(element: Any) -> Any:
    text = (element.text or "").strip()
    held: dict[str, Any] = {f"@{name.rpartition('}')[2]}": as_number(value) for name, value in element.attrib.items()}
    for child in element:
        name, value = _tag(child), _plain(child)
        if name in held:
            held[name] = [*(held[name] if isinstance(held[name], list) else [held[name]]), value]
        else:
            held[name] = value
    if not held:
        return as_number(text)
    if text:
        held["text"] = as_number(text)
    return held
