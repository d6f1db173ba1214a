"""One list of an API, from its first page to its last: whole, though it moves while it is read."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import field
from typing import Any, Protocol
from urllib.parse import urlsplit

from wherry.http.client import Answer, Call, Client, Failed
from wherry.http.unpack import Cut
from wherry.model.dataclass import dataclass
from wherry.sources.rest.declared import Declared, Row
from wherry.sources.rest.formats import BadRow, NoRecords, Page, rows_of
from wherry.sources.rest.json_stream import TooLong
from wherry.sources.rest.paging import BadPages, Position
from wherry.sources.rest.stage import digest_of, key_digest

#: How often a list that moved is gone through in all.
PASSES = 3
#: How often a reading goes back within a list that shrinks under it.
STEPS_BACK = 1000


class Sink(Protocol):
    """Where rows go; what an answer gave is taken back when the answer fails."""

    def mark(self) -> Any: ...

    def back_to(self, mark: Any) -> None: ...

    def take(self, row: Row, page: int) -> None:
        """A row of an answer; answers are numbered."""

    def bad(self, row: BadRow, place: str) -> None:
        """A line that is no row."""


@dataclass(slots=True, kw_only=True)
class Listing:
    """A way through one list; its pages come one by one."""

    client: Client
    declared: Declared
    call: Call
    sink: Sink
    #: The row that this list is about, where there is one.
    parent: Row | None = None
    hosts: tuple[str, ...] = ()
    #: What a person should know of it in the end.
    warnings: list[str] = field(default_factory=list)
    pages: int = 0
    #: How many rows the API says there are.
    total: int | None = None
    #: Keys that came at all, and with this pass; totals that were told with it.
    _keys: set[int] = field(default_factory=set)
    _pass: set[int] = field(default_factory=set)
    _totals: set[int] = field(default_factory=set)
    _page_keys: list[int] = field(default_factory=list)
    _rows: int = 0
    _repeats: bool = False

    def read(self, position: Position) -> Iterator[Position | None]:
        """Read page after page; yields where the next one is, None after the last. Raises ``Failed``.

        A list with a key that moved while it was gone through is gone through again, until that brings nothing new.
        """
        resumed = bool(position)
        for number in range(PASSES):
            known = len(self._keys)
            self._pass, self._totals, self._repeats, self._rows = set(), set(), False, 0
            for following in self._through(position, first=number == 0 and not resumed):
                if following is not None:
                    yield following
            if resumed or not self._moved() or (number and len(self._keys) == known):
                break
            position = {}
        if not resumed:
            self._conclude()
        yield None

    def _moved(self) -> bool:
        """Whether rows may have slipped between pages, and going through the list again can tell."""
        paging = self.declared.paging
        if not paging.counts or not self.declared.row_key:
            return False
        return self._repeats or (bool(self._totals) and self._totals != {len(self._pass)})

    def _conclude(self) -> None:
        came = len(self._pass) if self.declared.row_key else self._rows
        if not self._totals or self._totals == {came}:
            return
        said = " or ".join(f"{total:,}" for total in sorted(self._totals))
        told = f"the API says that there are {said} rows, and {came:,} came"
        if not self.declared.row_key:
            told += "; without `key:` rows cannot be told apart, so a list that changes while it is read may lose some"
        self.warnings.append(told)

    def _through(self, position: Position, *, first: bool) -> Iterator[Position | None]:
        paging = self.declared.paging
        places: set[str] = {json.dumps(position)}
        digests: set[tuple[int, int]] | None = set() if first else None
        anchor: set[int] = set()
        backs, back = 0, False
        start = paging.pages.start or 0
        while True:
            page = self._fetch(position, None if backs else digests)
            if page is None:
                return
            keys = set(self._page_keys)
            at = position.get("at", start)
            back = paging.overlap > 0 and paging.pages.by == "offset" and at > start and bool(anchor - keys == anchor)
            if back and anchor:
                backs += 1
                if backs > STEPS_BACK:
                    raise self._failed(position, "is a list that shrinks faster than it can be read", "unstable")
                position = {"at": max(start, at - max(paging.pages.size, len(anchor), 1))}
                continue
            anchor = keys or anchor
            if paging.overlap == 0 and keys & self._pass:
                self._repeats = True
            self._keys |= keys
            self._pass |= keys
            following = self._after(position, page)
            yield following
            if following is None:
                return
            place = json.dumps(following)
            if place in places and not backs:
                raise self._failed(
                    following, "is where the list leads a second time: it goes round in a circle", "loop"
                )
            places.add(place)
            position = following

    def _after(self, position: Position, page: Page) -> Position | None:
        paging = self.declared.paging
        try:
            following = paging.after(position, page)
            if paging.pages.total and (total := self._whole_number(paging.ask(paging.pages.total, page))) is not None:
                self.total = total
                self._totals.add(total)
            return following
        except BadPages as bad:
            raise self._failed(position, str(bad), "bad-page") from None
        except ValueError as error:
            raise self._failed(position, f"was answered, but {error}", "bad-page") from None

    @staticmethod
    def _whole_number(value: Any) -> int | None:
        try:
            return int(value)
        except (TypeError, ValueError):
            return None

    def _fetch(self, position: Position, digests: set[tuple[int, int]] | None) -> Page | None:
        """One page, into the sink; None where its status is ignored."""
        call = self.declared.paging.call(self.call, position)
        self._expect_host(call)
        self.pages += 1
        mark, rows = self.sink.mark(), self._rows
        # Keys are counted where that tells something; elsewhere they would only take room.
        paging = self.declared.paging
        key = self.declared.row_key if paging.counts or paging.pages.total else ()

        def consume(answer: Answer) -> Page:
            self.sink.back_to(mark)
            self._page_keys, self._rows = [], rows
            page, digest = Page(), 0
            for row in rows_of(answer, self.declared.shape, page):
                if isinstance(row, BadRow):
                    self.sink.bad(row, self.client.veil.hide(call.address))
                    continue
                held = self.declared.row_of(row, self.parent)
                if held is None:
                    continue
                if digests is not None:
                    digest = (digest + digest_of(held)) % (1 << 128)
                if key:
                    self._page_keys.append(key_digest(held, key))
                self._rows += 1
                self.sink.take(held, self.pages)
            if page.rows and digests is not None:
                if (digest, page.rows) in digests:
                    raise Cut("with the same page as before", "loop")
                digests.add((digest, page.rows))
            return page

        try:
            return self.client.ask(call, consume, self.declared.errors)
        except TooLong as long:
            hint = (
                "Set `longest:` to more bytes if memory allows, or leave the field out by the API's own means. A plain "
                "path in `records` is read row by row."
            )
            raise self._failed(position, f"was answered with {long}", "too-long", hint) from None
        except NoRecords as none:
            hint = "Name where the rows are, or what may be missing: `records: items || `[]``."
            raise self._failed(position, f"was answered, but {none}", "no-records", hint) from None
        except ValueError as error:
            raise self._failed(position, f"was answered, but {error}", "bad-page") from None

    def _expect_host(self, call: Call) -> None:
        """Next pages are on the API's own host, or one that is named."""
        host = urlsplit(call.url).hostname or ""
        if self.client.at_home(call.url) or host in self.hosts:
            return
        told = f"leads to another host, `{host}`"
        hint = f"If that is right, add `hosts: [{host}]`; credentials are not sent there."
        raise Failed(self.client.shown(call), told, code="other-host", hint=hint)

    def _failed(self, position: Position, what: str, code: str, hint: str = "") -> Failed:
        call = self.declared.paging.call(self.call, position)
        hint = hint or "Look at `pages:`, and at what the API says of its pages."
        return Failed(self.client.shown(call), what, code=code, hint=hint)


class Rows:
    """A sink that keeps the rows of a page in memory."""

    def __init__(self) -> None:
        self.rows: list[Row] = []

    def mark(self) -> int:
        return len(self.rows)

    def back_to(self, mark: int) -> None:
        del self.rows[mark:]

    def take(self, row: Row, page: int) -> None:
        self.rows.append(row)

    def bad(self, row: BadRow, place: str) -> None:
        raise Cut(f"line {row.line}: {row.reason}")

    def taken(self) -> list[Row]:
        rows, self.rows = self.rows, []
        return rows
