"""Every way to divide a list; lists that move while they are read; lists that lead nowhere."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from fixtures.api import api, ids
from fixtures.web import Reply, Request
from wherry.testing import check_source

ROWS = [{"id": n, "name": f"row {n}"} for n in range(25)]


def by_link(r: Request) -> Reply:
    page = int(r.params.get("page", 1))
    links = [f'<{r.path}?page={page + 1}&per_page=10>; rel="next"'] if page * 10 < len(ROWS) else []
    links.append(f'<{r.path}?page=1>; rel="first"')
    return Reply(body=ROWS[page * 10 - 10 : page * 10], headers={"Link": ", ".join(reversed(links))})


def by_cursor(r: Request) -> Reply:
    at = int(r.params.get("after", 0))
    return Reply(body={"data": ROWS[at : at + 10], "meta": {"next": at + 10 if at + 10 < len(ROWS) else None}})


def by_body_cursor(r: Request) -> Reply:
    assert r.method == "POST"
    at = r.json.get("page", {}).get("after", 0)
    assert r.json["query"] == "all"
    return Reply(body={"data": ROWS[at : at + 10], "next": at + 10, "more": at + 10 < len(ROWS)})


def by_offset(r: Request) -> Reply:
    at, size = int(r.params["skip"]), int(r.params["top"])
    return Reply(body={"data": ROWS[at : at + size], "count": len(ROWS)})


def by_page(r: Request) -> Reply:
    page = int(r.params["page"])
    return Reply(body={"data": ROWS[page * 10 - 10 : page * 10]})


def by_next(r: Request) -> Reply:
    at = int(r.params.get("at", 0))
    following = f"/rows?at={at + 10}" if at + 10 < len(ROWS) else ""
    return Reply(body={"data": ROWS[at : at + 10], "links": {"next": following}})


def by_header(r: Request) -> Reply:
    at = int(r.params.get("cursor", 0))
    return Reply(body=ROWS[at : at + 10], headers={"X-Next": str(at + 10)} if at + 10 < len(ROWS) else {})


def by_last_row(r: Request) -> Reply:
    at = int(r.params.get("starting_after", -1)) + 1
    return Reply(body={"data": ROWS[at : at + 10], "has_more": at + 10 < len(ROWS)})


WAYS: dict[str, tuple[Callable[[Request], Reply], dict[str, Any]]] = {
    "none": (lambda r: Reply(body=ROWS), {}),
    "link": (by_link, {"pages": "link"}),
    "cursor": (by_cursor, {"records": "data", "pages": {"by": "cursor", "at": "meta.next", "param": "after"}}),
    "cursor in the body": (
        by_body_cursor,
        {
            "method": "POST",
            "body": {"query": "all"},
            "records": "data",
            "pages": {"by": "cursor", "at": "next", "param": "page.after", "into": "body", "more": "more"},
        },
    ),
    "offset": (
        by_offset,
        {
            "records": "data",
            "pages": {"by": "offset", "param": "skip", "size_param": "top", "size": 10, "total": "count"},
        },
    ),
    "page": (by_page, {"records": "data", "pages": {"by": "page"}}),
    "next": (by_next, {"records": "data", "pages": {"by": "next", "at": "links.next"}}),
    "header": (by_header, {"pages": {"by": "header", "at": "X-Next"}}),
    "last row": (
        by_last_row,
        {
            "records": "data",
            "pages": {"by": "cursor", "at": "data[-1].id", "param": "starting_after", "more": "has_more"},
        },
    ),
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("key", ["id", ""])
def test_every_row_once(way: str, key: str) -> None:
    answer, said = WAYS[way]
    with api(answer) as made:
        loaded = made.load(made.table(key=key, **said))
        assert ids(loaded) == list(range(25))
        check_source(made.source, made.options, made.table(key=key, **said), ROWS)


@pytest.mark.parametrize("way", [way for way in WAYS if way != "page"])
def test_an_incremental_reading_can_be_cut_anywhere(way: str) -> None:
    rows = list(ROWS)
    answer, said = WAYS[way]
    with api(answer, commit_every=10) as made:
        request = made.table(mode="incremental", key="id", cursor="id", **said)
        check_source(made.source, made.options, request, rows)
        loaded = made.load(request, stop_after=1)
        if way not in ("none",):
            asked = len(made.web.requests)
            made.load(request, loaded)
            assert len(made.web.requests) - asked < len(WAYS) and ids(loaded) == list(range(25))


def test_page_numbers_begin_again_when_a_reading_is_cut() -> None:
    answer, said = WAYS["page"]
    with api(answer, commit_every=10) as made:
        request = made.table(mode="incremental", key="id", **said)
        loaded = made.load(request, stop_after=1)
        assert loaded.cursor is not None and loaded.cursor["reading"]["place"] is None
        made.load(request, loaded)
        assert ids(loaded) == list(range(25))


class Moving:
    """A list of rows, divided by offset or page, that another changes after some requests."""

    def __init__(self, count: int, changes: dict[int, Callable[[list[dict[str, Any]]], None]]) -> None:
        self.rows = [{"id": n} for n in range(count)]
        self.changes, self.asked, self.lies = changes, 0, 0

    def __call__(self, r: Request) -> Reply:
        self.asked += 1
        if change := self.changes.get(self.asked):
            change(self.rows)
        size = int(r.params.get("limit") or r.params.get("per_page") or 10)
        at = int(r.params["offset"]) if "offset" in r.params else (int(r.params["page"]) - 1) * size
        return Reply(body={"data": self.rows[at : at + size], "total": len(self.rows) + self.lies})


def insert_front(rows: list[dict[str, Any]]) -> None:
    rows[:0] = [{"id": n} for n in range(100, 107)]


def delete_front(rows: list[dict[str, Any]]) -> None:
    del rows[:7]


def delete_much(rows: list[dict[str, Any]]) -> None:
    del rows[:25]


@pytest.mark.parametrize("change", [insert_front, delete_front, delete_much])
@pytest.mark.parametrize("when", [2, 3, 4])
@pytest.mark.parametrize("by", ["offset", "page"])
def test_a_list_that_moves_loses_no_row(change: Callable[[list[dict[str, Any]]], None], when: int, by: str) -> None:
    moving = Moving(40, {when: change})
    pages = {"by": by, "size": 10, "total": "total"}
    with api(moving) as made:
        loaded = made.load(made.table(records="data", pages=pages, key="id"))
    assert {row["id"] for row in moving.rows} - set(ids(loaded)) <= set(range(100, 107)), "a row was lost"
    assert len(set(ids(loaded))) == len(loaded.rows)


def test_a_list_that_shrinks_at_its_end_is_whole() -> None:
    def shrink(rows: list[dict[str, Any]]) -> None:
        del rows[33:]

    moving = Moving(40, {5: shrink})
    with api(moving) as made:
        loaded = made.load(made.table(records="data", pages={"by": "offset", "size": 10}, key="id"))
    assert set(range(33)) <= set(ids(loaded))


def test_rows_that_cannot_be_told_apart_are_counted() -> None:
    moving = Moving(40, {3: delete_front})
    with api(moving) as made:
        request = made.table(records="data", pages={"by": "page", "size": 10, "total": "total"})
        (batch,) = made.batches(request)
    assert any("without `key:`" in told for told in batch["findings"])


@pytest.mark.parametrize("lies", [-30, 30])
def test_a_total_that_lies_stops_nothing(lies: int) -> None:
    moving = Moving(45, {})
    moving.lies = lies
    for by in ("offset", "page"):
        with api(moving) as made:
            request = made.table(records="data", pages={"by": by, "size": 10, "total": "total"}, key="id")
            (batch,) = made.batches(request)
        assert len(batch["rows"]) == 45
        assert any(f"{45 + lies:,} rows, and 45 came" in told for told in batch["findings"])


def test_short_pages_are_not_the_end() -> None:
    def answer(r: Request) -> Reply:
        at = int(r.params["offset"])
        return Reply(body=ROWS[at : at + (3 if at % 2 else 5)])  # never the 10 that are asked for

    with api(answer) as made:
        assert ids(made.load(made.table(pages={"by": "offset", "size": 10}, key="id"))) == list(range(25))
        assert ids(made.load(made.table(pages={"by": "offset", "size": 10}))) == list(range(25))


@pytest.mark.parametrize(
    ("answer", "pages", "code"),
    [
        (lambda r: Reply(body={"d": [{"id": 1}], "next": "same"}), {"by": "cursor", "at": "next"}, "loop"),
        (lambda r: Reply(body={"d": [{"id": 1}], "next": r.path}), {"by": "next", "at": "next"}, "loop"),
        (lambda r: Reply(body={"d": [{"id": 1}]}), {"by": "page"}, "loop"),
        (lambda r: Reply(body={"d": [{"id": 1}]}), {"by": "offset", "size": 1}, "loop"),
        (
            lambda r: Reply(body={"d": [{"id": 1}], "more": True}),
            {"by": "cursor", "at": "next", "more": "more"},
            "bad-page",
        ),
        (
            lambda r: Reply(body={"d": [], "next": "http://elsewhere.test/x"}),
            {"by": "next", "at": "next"},
            "other-host",
        ),
    ],
)
def test_what_leads_nowhere_is_told(answer: Callable[[Request], Reply], pages: dict[str, Any], code: str) -> None:
    with api(answer) as made:
        finding = made.fails(made.table(records="d", pages=pages))
        assert finding.code == code and "`rows` of 127.0.0.1" in finding.message and finding.hint
        assert "the table is as it was" in finding.message
        assert len(made.web.requests) < 20


def test_a_page_that_is_repeated_once_is_asked_for_again() -> None:
    answers = iter([ROWS[:10], ROWS[:10], ROWS[10:20], ROWS[:10], ROWS[20:], []])

    with api(lambda r: Reply(body=next(answers))) as made:
        assert ids(made.load(made.table(pages={"by": "page"}))) == list(range(25))


def test_reordered_pages_with_a_key_give_every_row_once() -> None:
    def answer(r: Request) -> Reply:
        page = int(r.params["page"])
        rows = ROWS if page % 2 else list(reversed(ROWS))
        return Reply(body={"data": rows[page * 10 - 10 : page * 10], "total": len(ROWS)})

    with api(answer) as made:
        request = made.table(records="data", key="id", pages={"by": "page", "total": "total"})
        (batch,) = made.batches(request)
    came = {row["id"] for row in batch["rows"]}
    assert len(batch["rows"]) == len(came)
    assert came == set(range(25)) or any("25 rows, and" in told for told in batch["findings"])


def test_a_next_page_elsewhere_is_read_without_credentials() -> None:
    with api(lambda r: Reply(body=[{"id": 2}])) as there:
        host = there.web.url.replace("127.0.0.1", "localhost")
        first = {"d": [{"id": 1}], "next": f"{host}/rest"}

        def answer(r: Request) -> Reply:
            assert r.headers["authorization"] == "Bearer s3cret-token"
            return Reply(body=first)

        with api(answer, auth={"bearer": "s3cret-token"}, hosts=["localhost"]) as made:
            request = made.table(records="d || @", pages={"by": "next", "at": "next || ''"})
            assert ids(made.load(request)) == [1, 2]
        assert "authorization" not in there.web.requests[0].headers
