"""How a list is gone through, page by page; a position is plain JSON, so that it can be kept in a cursor."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import field, replace
from typing import Any
from urllib.parse import urljoin

from wherry.http.client import Call
from wherry.model.dataclass import dataclass
from wherry.sources.rest.ask import ask_json, looks_at_rows
from wherry.sources.rest.formats import Page
from wherry.sources.rest.options import Pages

#: Where to go on: ``url`` of the next page, or ``at`` (cursor, offset, number of the page); empty for the first one.
Position = dict[str, Any]

_LINK = re.compile(r"<([^>]*)>((?:\s*;\s*[\w*]+\s*=\s*(?:\"[^\"]*\"|[^;,\s]*))*)")
_NEXT = re.compile(r";\s*rel\s*=\s*(?:\"([^\"]*)\"|([^;,\s]*))", re.IGNORECASE)

#: Asked with an expression and what was learned from an answer.
Ask = Callable[[str, Page], Any]


class BadPages(Exception):
    """An answer that does not lead on as it should."""


def plain_ask(expression: str, page: Page) -> Any:
    """What a JMESPath expression finds in the body."""
    return ask_json(expression, page.body)


@dataclass(frozen=True, slots=True, kw_only=True)
class Paging:
    """One way through a list."""

    pages: Pages
    ask: Ask = plain_ask
    #: What to overlap; 0 where rows cannot be told apart.
    overlap: int = 0
    #: From a manifest: whether a page is the last one.
    ends: Callable[[Page], bool] | None = None
    #: Whether a parameter of that name may be sent with the first request.
    first_too: bool = True
    #: From a manifest: the cursor is put into the path.
    in_path: bool = False
    #: From a manifest: what size a page has when it does not say.
    short_of: int = 0
    extra: Mapping[str, Any] = field(default_factory=dict)

    @property
    def counts(self) -> bool:
        """Whether a page is asked for by number, so that rows move between pages when the list changes."""
        return self.pages.by in ("offset", "page")

    @property
    def whole(self) -> bool:
        """Whether its questions need the rows of an answer too."""
        return any(looks_at_rows(text) for text in (self.pages.at, self.pages.total, self.pages.more))

    @property
    def may_wait(self) -> bool:
        """Whether a position still means the same after a while."""
        return self.pages.by in ("link", "next", "cursor", "header") or (self.pages.by == "offset" and self.overlap > 0)

    def call(self, call: Call, position: Position) -> Call:
        """The request for the page at ``position``."""
        pages = self.pages
        if url := position.get("url"):
            return replace(call, url=str(url), params=())
        added: list[tuple[str, Any]] = []
        if pages.size:
            default = "limit" if pages.by in ("offset", "cursor") else "per_page"
            added.append((pages.size_param or default, pages.size))
        at = position.get("at")
        if pages.by == "offset":
            shift = self.overlap if at is not None and at > self._start else 0
            if at is not None or self.first_too:
                added.append((pages.param or "offset", (self._start if at is None else at) - shift))
        elif pages.by == "page":
            if at is not None or self.first_too:
                added.append((pages.param or "page", self._start if at is None else at))
        elif at is not None and pages.by in ("cursor", "header"):
            if self.in_path:
                return replace(call, url=urljoin(call.url, str(at)))
            added.append((pages.param or "cursor", at))
        return with_values(call, added, pages.into)

    @property
    def _start(self) -> int:
        return self.pages.start if self.pages.start is not None else 1 if self.pages.by == "page" else 0

    def after(self, position: Position, page: Page) -> Position | None:
        """Where the next page is; None after the last one. Raises ``BadPages``."""
        pages = self.pages
        if pages.by == "none" or (self.ends is not None and self.ends(page)):
            return None
        more = self.ask(pages.more, page) if pages.more else None
        if pages.more and more is False:
            return None
        if pages.by == "link":
            url = next_link(page.headers.get("link", ""))
            return {"url": urljoin(page.url, url)} if url else None
        if pages.by in ("cursor", "next", "header"):
            at = page.headers.get(pages.at.lower()) if pages.by == "header" else self.ask(pages.at, page)
            if at in (None, "", False):
                if more is True:
                    where = f"`{pages.at}`"
                    raise BadPages(f"says by `{pages.more}` that there is more, and has no cursor at {where}")
                return None
            if not isinstance(at, str | int | float):
                at = str(at)
            return {"url": urljoin(page.url, str(at))} if pages.by == "next" else {"at": at}
        if pages.stop == "short" and page.rows < (pages.size or self.short_of or 1):
            return None
        at = position.get("at", self._start)
        if pages.by == "page":
            return {"at": at + 1} if page.rows else None
        got = page.rows - (self.overlap if at > self._start else 0)
        return {"at": at + got} if got > 0 else None


def with_values(call: Call, added: list[tuple[str, Any]], into: str) -> Call:
    """The request with more parameters, in its address or in its JSON body; ``a.b`` is a field of a field."""
    if not added:
        return call
    if into == "params":
        named = {name for name, _ in added}
        kept = tuple(pair for pair in call.params if pair[0] not in named)
        return replace(call, params=kept + tuple((name, str(value)) for name, value in added))
    body = json.loads(call.body) if call.body else {}
    for name, value in added:
        held = body
        *path, last = name.split(".")
        for part in path:
            held = held.setdefault(part, {})
        held[last] = value
    return replace(call, body=json.dumps(body).encode())


def next_link(header: str) -> str:
    """The address of relation "next" in a header Link (RFC 8288); empty when there is none."""
    for url, parameters in _LINK.findall(header):
        if (match := _NEXT.search(parameters)) and "next" in (match[1] or match[2]).lower().split():
            return str(url)
    return ""
