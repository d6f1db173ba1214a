"""What an API has: from its OpenAPI document where there is one, else from what one answer looks like."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import urljoin, urlsplit

from wherry.errors import SourceError
from wherry.http.client import Answer, Call, Client, Failed
from wherry.http.unpack import Cut
from wherry.model.finding import Finding
from wherry.ports import Found
from wherry.sources.rest import kinds
from wherry.sources.rest.formats import Page, Shape, rows_of
from wherry.sources.rest.json_stream import DECODER, TooLong
from wherry.sources.rest.options import Options

#: Where OpenAPI documents lie, behind the API's address or its host's.
DOCUMENTS = ("openapi.json", "/openapi.json", "/swagger.json", "/v3/api-docs")
#: Bytes of a document or an answer that are looked at.
LARGEST = 20_000_000
#: What is asked for each row of another table, which only a person can name (`each:`).
EACH = "endpoint for each row of another"
_TYPES = {"integer": "BIGINT", "number": "DECIMAL(38,9)", "boolean": "BOOLEAN", "string": "VARCHAR"}
_FORMATS = {"date": "DATE", "date-time": "TIMESTAMP WITH TIME ZONE"}
_GROWS = re.compile(r"(?i)(updated|modified|changed|touched)(_?(at|on|time|date))?\Z|(?i:last_?(updated|modified))")
_BORN = re.compile(r"(?i)(created|inserted|time|date|timestamp)(_?(at|on))?\Z")
_ITEMS = ("data", "items", "results", "records", "value", "rows", "entries", "hits", "list", "content")
_NEXT = ("next", "next_page", "next_url", "nextLink", "@odata.nextLink", "next_link", "nextPage")
_CURSOR = ("next_cursor", "cursor", "nextCursor", "next_page_token", "nextPageToken", "after", "end_cursor")
_TOTAL = ("total", "count", "total_count", "totalCount", "total_results", "totalElements")


def found_tables(options: Options, client: Client) -> Iterator[Found]:
    """The lists of an API, in order of name. Raises ``SourceError``."""
    try:
        document = _asked(client, Call(url=options.url))
        if not _is_openapi(document):
            for place in DOCUMENTS:
                url = urljoin(options.url.rstrip("/") + "/", place)
                try:
                    found = _asked(client, Call(url=url))
                except Failed:
                    continue
                if _is_openapi(found):
                    document = found
                    break
        tables = list(_from_openapi(document)) if _is_openapi(document) else [_from_answer(options, client)]
    except Failed as failed:
        finding = Finding(code=failed.code, message=f"{failed.call} {failed.what}.", hint=failed.hint)
        raise SourceError(findings=[finding]) from None
    yield from tables


def _asked(client: Client, call: Call) -> Any:
    """A JSON document; None when it is something else."""

    def consume(answer: Answer) -> Any:
        body = b""
        for piece in answer.pieces:
            body += piece
            if len(body) > LARGEST:
                return None
        try:
            return DECODER.decode(body.decode("utf-8-sig"))
        except ValueError:
            return None

    return client.ask(call, consume, {404: "ignore"})


def _is_openapi(document: Any) -> bool:
    return isinstance(document, dict) and ("openapi" in document or "swagger" in document) and "paths" in document


def _from_openapi(document: Mapping[str, Any]) -> Iterator[Found]:
    for path, methods in sorted(document["paths"].items()):
        get = methods.get("get") if isinstance(methods, dict) else None
        if not isinstance(get, dict):
            continue
        schema = _answer_schema(document, get)
        records, items = _list_in(document, schema)
        if items is None:
            continue
        properties = _followed(document, items).get("properties") or {}
        columns = tuple((name, _type(_followed(document, about))) for name, about in properties.items())
        about = str(get.get("summary") or get.get("description") or "").strip().split("\n")[0]
        options, hint = _said(records, _paging_of(document, get))
        names = [name for name, _ in columns]
        yield Found(
            name=path.lstrip("/"),
            kind="endpoint" if "{" not in path else EACH,
            columns=columns,
            key=_key_in(names),
            cursors=_cursors_in(names),
            about=". ".join(filter(None, (about.rstrip("."), hint))),
            options=options,
        )


def _answer_schema(document: Mapping[str, Any], get: Mapping[str, Any]) -> Any:
    responses = get.get("responses") or {}
    good = _followed(document, responses.get("200") or responses.get("default") or {})
    content = good.get("content") or {}
    json_kind = next((kind for kind in content if "json" in kind), "")
    return (content[json_kind].get("schema") if json_kind else good.get("schema")) or {}


def _followed(document: Mapping[str, Any], part: Any, depth: int = 0) -> dict[str, Any]:
    """What a ``$ref`` leads to; parts of ``allOf`` together."""
    if not isinstance(part, dict) or depth > 20:
        return {}
    if isinstance(ref := part.get("$ref"), str) and ref.startswith("#/"):
        found: Any = document
        for name in ref[2:].split("/"):
            found = found.get(name.replace("~1", "/").replace("~0", "~")) if isinstance(found, dict) else None
        return _followed(document, found, depth + 1)
    if isinstance(part.get("allOf"), list):
        properties: dict[str, Any] = {}
        for each in part["allOf"]:
            properties |= _followed(document, each, depth + 1).get("properties") or {}
        return {**part, "type": "object", "properties": properties}
    return part


def _list_in(document: Mapping[str, Any], schema: Any) -> tuple[str, Any]:
    """Path and schema of the items of the list that an answer is, or holds."""
    schema = _followed(document, schema)
    if schema.get("type") == "array" or "items" in schema:
        return "", schema.get("items")
    lists = {
        name: inner.get("items")
        for name, about in (schema.get("properties") or {}).items()
        if (inner := _followed(document, about)).get("type") == "array"
        and _followed(document, inner.get("items")).get("properties")
    }
    name = next((name for name in _ITEMS if name in lists), next(iter(lists), ""))
    return (name, lists[name]) if name else ("", None)


def _said(records: str, pages: Mapping[str, Any] | str) -> tuple[dict[str, Any], str]:
    """What a source file has to say of a list; and what it would have to say, where only a person can know that."""
    # As JMESPath has them, names that are no words stand in quotes.
    path = ".".join(name if re.fullmatch(r"[A-Za-z_]\w*", name) else json.dumps(name) for name in records.split("."))
    options: dict[str, Any] = {"records": path} if records else {}
    if not isinstance(pages, Mapping):
        return options | ({"pages": pages} if pages else {}), ""
    if pages["by"] == "next" or (pages["by"] in ("offset", "page") and "param" in pages):
        return options | {"pages": dict(pages)}, ""
    said = ", ".join(f"{key}: {value}" for key, value in pages.items())
    lacks = "at" if "param" in pages else "param"
    return options, f"Only one page of several, without: pages: {{{said}, {lacks}: ...}}"


def _paging_of(document: Mapping[str, Any], get: Mapping[str, Any]) -> Mapping[str, Any] | str:
    parameters = [_followed(document, each) for each in get.get("parameters") or ()]
    names = {str(each.get("name")) for each in parameters if each.get("in") == "query"}
    for by, words in (("cursor", _CURSOR), ("offset", ("offset", "skip", "$skip")), ("page", ("page", "page_number"))):
        if word := next((word for word in words if word in names), ""):
            return {"by": by, "param": word}
    return ""


def _type(about: Mapping[str, Any]) -> str:
    kind = about.get("type")
    if isinstance(kind, list):
        kind = next((each for each in kind if each != "null"), None)
    return _FORMATS.get(str(about.get("format")), _TYPES.get(str(kind), "VARCHAR"))


def _from_answer(options: Options, client: Client) -> Found:
    """A table for the address itself: which list of the answer it is, and how it seems to be divided."""

    def consume(answer: Answer) -> tuple[Page, Any, list[Any]]:
        page = Page()
        rows = []
        try:
            for row in rows_of(answer, Shape(longest=LARGEST, whole=True), page):
                rows.append(row)
                if len(rows) == 1000:
                    break
        except (Cut, TooLong) as problem:
            raise Failed(
                client.shown(Call(url=options.url)), f"was answered, but {problem}", code="bad-answer"
            ) from None
        return page, page.body, rows

    asked = client.ask(Call(url=options.url), consume)
    name = urlsplit(options.url).path.rstrip("/").rpartition("/")[2] or "rows"
    if asked is None:
        return Found(name=name, kind="endpoint", about="The address answers with nothing.")
    page, body, rows = asked
    records = "" if not isinstance(body, dict) else _list_of(body)
    if records:
        rows = list(body[records] if "." not in records else _inside(body, records))
    seen: dict[str, kinds.Seen] = {}
    for row in rows:
        for column, value in (row if isinstance(row, dict) else {"value": row}).items():
            seen.setdefault(column, kinds.Seen()).add(value)
    columns = tuple((column, kinds.fitting(each, "") or "VARCHAR") for column, each in seen.items())
    pages = _pages_of(page, body, len(rows))
    said, hint = _said(records, pages)
    return Found(
        name=name,
        kind="endpoint",
        columns=columns,
        key=_key_in([column for column, _ in columns], rows),
        cursors=_cursors_in([column for column, _ in columns]),
        rows=len(rows) if not pages else None,
        about=hint,
        options=said,
    )


def _list_of(body: Mapping[str, Any]) -> str:
    lists = {
        name: value for name, value in body.items() if isinstance(value, list) and value and isinstance(value[0], dict)
    }
    if lists:
        return next((name for name in _ITEMS if name in lists), max(lists, key=lambda name: len(lists[name])))
    for name, value in body.items():
        if isinstance(value, dict) and (inner := _list_of(value)):
            return f"{name}.{inner}"
    return ""


def _inside(body: Any, path: str) -> list[Any]:
    for name in path.split("."):
        body = body[name]
    return list(body)


def _pages_of(page: Page, body: Any, rows: int) -> Mapping[str, Any] | str:
    """What an answer says of its next page, as it would be declared."""
    if 'rel="next"' in page.headers.get("link", ""):
        return "link"
    for path, value in _values(body):
        word = path.rpartition(".")[2]
        if word in _NEXT and isinstance(value, str) and ("/" in value or "?" in value):
            return {"by": "next", "at": json.dumps(path) if "@" in path else path}
        if (word in _CURSOR or word in _NEXT) and isinstance(value, str | int) and value not in ("", False, True):
            return {"by": "cursor", "at": path}
    totals = ((path, value) for path, value in _values(body) if path.rpartition(".")[2] in _TOTAL)
    total = next((path for path, value in totals if type(value) is int and value > rows), "")
    return {"by": "offset", "total": total} if total else ""


def _values(body: Any, before: str = "", depth: int = 0) -> Iterator[tuple[str, Any]]:
    if isinstance(body, dict) and depth < 3:
        for name, value in body.items():
            yield f"{before}{name}", value
            yield from _values(value, f"{before}{name}.", depth + 1)


def _key_in(names: list[str], rows: list[Any] | None = None) -> tuple[str, ...]:
    for name in names:
        if name.lower() in ("id", "uuid", "guid", "key", "_id"):
            values = [row.get(name) for row in rows or () if isinstance(row, dict)]
            if None not in values and len(set(map(str, values))) == len(values):
                return (name,)
    return ()


def _cursors_in(names: list[str]) -> tuple[str, ...]:
    grows = [name for name in names if _GROWS.search(name)]
    return tuple(grows + [name for name in names if _BORN.search(name) and name not in grows])
