"""Only what is new: ties, rows that come late, readings that are cut, rows of rows."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from fixtures.api import Api, api, ids
from fixtures.web import Reply, Request
from wherry.testing import Loaded, check_source

START = datetime(2026, 1, 1, tzinfo=UTC)


def stamp(minutes: float) -> str:
    return (START + timedelta(minutes=minutes)).strftime("%Y-%m-%dT%H:%M:%SZ")


class Feed:
    """Rows that can be asked for since a moment, oldest first, some of them with the same moment."""

    def __init__(self, count: int = 30) -> None:
        self.rows: list[dict[str, Any]] = [{"id": n, "at": stamp(n // 3), "v": 0} for n in range(count)]
        self.exclusive = False

    def add(self, id: int, minutes: float, v: int = 0) -> None:
        self.rows = [row for row in self.rows if row["id"] != id] + [{"id": id, "at": stamp(minutes), "v": v}]

    def __call__(self, r: Request) -> Reply:
        since = r.params.get("since", "")
        rows = [row for row in self.rows if (row["at"] > since if self.exclusive else row["at"] >= since)]
        rows.sort(key=lambda row: (row["at"], row["id"]))
        at = int(r.params.get("after", 0))
        return Reply(body={"d": rows[at : at + 4], "next": at + 4 if at + 4 < len(rows) else None})


SAID: dict[str, Any] = {
    "records": "d",
    "pages": {"by": "cursor", "at": "next", "param": "after"},
    "since": {"param": "since"},
    "cursor": "at",
}


@pytest.mark.parametrize("key", ["id", ""])
@pytest.mark.parametrize("exclusive", [False, True])
@pytest.mark.parametrize("order", ["", "ascending"])
def test_conformance(key: str, exclusive: bool, order: str) -> None:
    feed = Feed()
    feed.exclusive = exclusive

    def change() -> int:
        feed.add(100, 9)  # the same moment as the last rows that were read
        feed.add(101, 50)
        return 32

    with api(feed, commit_every=7) as made:
        since = {"param": "since", "inclusive": not exclusive, "order": order}
        request = made.table(mode="incremental", key=key, **{**SAID, "since": since})
        check_source(made.source, made.options, request, 30, change)


def test_only_what_is_new_is_asked_for() -> None:
    feed = Feed()
    with api(feed) as made:
        request = made.table(mode="incremental", key="id", **SAID)
        loaded = made.load(request)
        asked = len(made.web.requests)
        assert made.load(request, loaded) is loaded and len(made.web.requests) == asked + 1
        assert made.web.requests[-1].params == {"since": stamp(9)}
        feed.add(3, 60, v=7)
        made.load(request, loaded)
        assert ids(loaded) == list(range(30))
        assert [row["v"] for row in loaded.rows if row["id"] == 3] == [7]


@pytest.mark.parametrize("key", ["id", ""])
def test_rows_that_come_late_are_found_within_the_lookback(key: str) -> None:
    feed = Feed()
    with api(feed) as made:
        said = {**SAID, "since": {"param": "since", "lookback": "5 minutes"}}
        request = made.table(mode="incremental", key=key, **said)
        loaded = made.load(request)
        feed.add(200, 6)  # within the lookback
        feed.add(201, 1)  # beyond it
        made.load(request, loaded)
        assert ids(loaded) == [*range(30), 200]


def test_a_row_of_the_edge_that_changes_is_seen() -> None:
    feed = Feed()
    with api(feed) as made:
        request = made.table(mode="incremental", key="id", **SAID)
        loaded = made.load(request)
        feed.add(29, 9, v=5)  # the same moment, another value
        made.load(request, loaded)
        assert {row["id"]: row["v"] for row in loaded.rows}[29] == 5


@pytest.mark.parametrize("key", ["id", ""])
def test_a_reading_that_is_cut_goes_on_in_the_middle(key: str) -> None:
    feed = Feed()
    with api(feed, commit_every=7) as made:
        request = made.table(mode="incremental", key=key, **SAID)
        loaded = made.load(request, stop_after=2)
        assert loaded.cursor is not None and loaded.cursor["since"] is None
        asked = len(made.web.requests)
        made.load(request, loaded)
        assert ids(loaded) == list(range(30))
        assert len(made.web.requests) - asked == 4, "it begins again"


@pytest.mark.parametrize("key", ["id", ""])
def test_a_place_that_the_api_forgot_is_read_from_its_start(key: str) -> None:
    feed = Feed()
    with api(feed, commit_every=7) as made:
        request = made.table(mode="incremental", key=key, **SAID)
        loaded = made.load(request, stop_after=1)
        asked: list[str] = []

        def forgetful(r: Request) -> Reply:
            asked.append(r.params.get("after", ""))
            return Reply(status=410) if len(asked) == 1 else feed(r)

        made.web.answer = forgetful
        made.load(request, loaded)
        assert asked[:2] == ["8", ""] and ids(loaded) == list(range(30))


def test_newest_first_stops_at_what_is_known() -> None:
    feed = Feed()

    def answer(r: Request) -> Reply:
        rows = sorted(feed.rows, key=lambda row: (row["at"], row["id"]), reverse=True)
        page = int(r.params["page"])
        return Reply(body=rows[page * 5 - 5 : page * 5])

    with api(answer) as made:
        request = made.table(mode="incremental", key="id", cursor="at", pages="page", since={"order": "descending"})
        loaded = made.load(request)
        asked = len(made.web.requests)
        feed.add(50, 99)
        made.load(request, loaded)
        assert ids(loaded) == [*range(30), 50] and len(made.web.requests) == asked + 1


def test_pieces_of_time() -> None:
    feed = Feed()

    def answer(r: Request) -> Reply:
        rows = [row for row in feed.rows if r.params["from"] <= row["at"][:10] <= r.params["to"]]
        return Reply(body=rows)

    feed.rows = [{"id": n, "at": stamp(1440 * n)} for n in range(9)]
    since = {
        "param": "from",
        "until": "to",
        "start": "2026-01-01",
        "step": "3 days",
        "format": "date",
        "granularity": "day",
    }
    with api(answer, commit_every=2) as made:
        request = made.table(mode="incremental", cursor="at", since=since, key="id")
        check_source(made.source, made.options, request, 9)
        spans = [(r.params["from"], r.params["to"]) for r in made.web.requests[:4]]
        assert spans == [
            ("2026-01-01", "2026-01-03"),
            ("2026-01-04", "2026-01-06"),
            ("2026-01-07", "2026-01-09"),
            ("2026-01-10", "2026-01-10"),
        ]
        loaded = made.load(request, stop_after=1)
        asked = len(made.web.requests)
        made.load(request, loaded)
        assert made.web.requests[asked].params["from"] == "2026-01-04" and ids(loaded) == list(range(9))


@pytest.mark.parametrize(
    ("form", "value", "sent"),
    [
        ("iso", "2026-01-01T10:20:30.5Z", "2026-01-01T10:20:30Z"),
        ("date", "2026-01-01", "2026-01-01"),
        ("epoch", 1767225600, "1767225600"),
        ("epoch_ms", "2026-01-01T00:00:00Z", "1767225600000"),
        ("%Y%m%d", "2026-01-01T10:00:00Z", "20260101"),
        ("plain", "2026-W01", "2026-W01"),
        ("iso", 17, "17"),
    ],
)
def test_how_a_moment_is_said(form: str, value: Any, sent: str) -> None:
    with api(lambda r: Reply(body=[{"id": 1, "at": value}])) as made:
        request = made.table(
            mode="incremental", key="id", cursor="at", since={"param": "s", "format": form, "form": "ge:{}"}
        )
        made.load(request, made.load(request))
        assert made.web.requests[-1].params == {"s": f"ge:{sent}"}


def test_a_cursor_column_without_values_or_that_goes_backwards() -> None:
    rows: list[dict[str, Any]] = [{"id": 1, "at": stamp(5)}, {"id": 2, "at": None}]
    with api(lambda r: Reply(body=rows)) as made:
        request = made.table(mode="incremental", key="id", cursor="at", since="since")
        loaded = made.load(request)
        assert ids(loaded) == [1, 2] and loaded.cursor is not None
        assert made.batches(request, loaded.cursor) == [] or ids(made.load(request, loaded)) == [1, 2]
        rows[:] = [{"id": 3, "at": stamp(1)}]
        (batch,) = made.batches(request, loaded.cursor)
        assert [row["id"] for row in batch["rows"]] == [3]
        assert any("older than was asked for by `since`" in told for told in batch["findings"])
        assert batch["cursor"]["since"] == stamp(5), "the cursor went back"
        rows[:] = [{"id": 4, "at": None}]
        assert made.fails(request, Loaded("incremental")).code == "bad-cursor"
        (batch,) = made.batches(made.table(mode="incremental", cursor="at", since="since"), loaded.cursor)
        assert batch["rejects"][0]["reason"] == "no value in the cursor column `at`"


class Shop:
    """Orders, and lines of each; an order is touched when its lines change."""

    def __init__(self) -> None:
        self.orders = {n: {"id": n, "touched": stamp(n)} for n in range(1, 8)}
        self.lines = {n: [{"no": i, "sku": f"{n}-{i}"} for i in range(n % 4)] for n in self.orders}

    def __call__(self, r: Request) -> Reply:
        if r.path == "/orders":
            rows = [row for row in self.orders.values() if row["touched"] >= r.params.get("since", "")]
            at = int(r.params.get("after", 0))
            embedded = [{**row, "lines": self.lines[int(row["id"])]} for row in rows]
            return Reply(body={"d": embedded[at : at + 2], "next": at + 2 if at + 2 < len(rows) else None})
        number = int(r.path.split("/")[2])
        at = int(r.params.get("after", 0))
        rows = self.lines[number]
        return Reply(body={"d": rows[at : at + 2], "next": at + 2 if at + 2 < len(rows) else None})

    @property
    def expected(self) -> set[tuple[int, str]]:
        return {(n, line["sku"]) for n, lines in self.lines.items() for line in lines}


def shop_table(made: Api, kind: str, mode: str) -> Any:
    pages = {"by": "cursor", "at": "next", "param": "after"}
    made.table(
        "orders", mode=mode, records="d", pages=pages, key="id",
        **({"cursor": "touched", "since": "since"} if mode != "full" else {}),
    )  # fmt: skip
    if kind == "each":
        return made.table("lines", mode=mode, path="/orders/{id}/lines", records="d", pages=pages, each="orders")
    return made.table("lines", mode=mode, unnest="orders.lines")


def pairs(loaded: Loaded) -> set[tuple[int, str]]:
    found = [(row["orders_id"], row["sku"]) for row in loaded.rows]
    assert len(found) == len(set(found))
    return set(found)


@pytest.mark.parametrize("mode", ["full", "incremental"])
@pytest.mark.parametrize("kind", ["each", "unnest"])
def test_rows_of_rows(kind: str, mode: str) -> None:
    shop = Shop()
    with api(shop, commit_every=2) as made:
        request = shop_table(made, kind, mode)
        loaded = made.load(request)
        assert pairs(loaded) == shop.expected
        if kind == "unnest":
            assert {row["position"] for row in loaded.rows} == {1, 2, 3}
        assert made.batches(request, loaded.cursor) == []
        # One order loses lines, one loses all, one gains; the others are not asked for.
        shop.lines[3], shop.lines[7], shop.lines[4] = shop.lines[3][:1], [], [{"no": 9, "sku": "new"}]
        for number in (3, 4, 7):
            shop.orders[number]["touched"] = stamp(100 + number)
        asked = len(made.web.asked("/orders/"))
        made.load(request, loaded)
        assert pairs(loaded) == shop.expected
        if kind == "each" and mode == "incremental":
            assert len(made.web.asked("/orders/")) - asked == 3


@pytest.mark.parametrize("mode", ["full", "incremental"])
@pytest.mark.parametrize("kind", ["each", "unnest"])
def test_an_order_that_changes_while_the_orders_are_read(kind: str, mode: str) -> None:
    shop = Shop()

    def answer(r: Request) -> Reply:
        reply = shop(r)
        if r.path == "/orders" and r.params.get("after") == "6" and shop.orders[3]["touched"] < stamp(50):
            shop.lines[3] = [{"no": 0, "sku": "3-x"}]  # it had three; it comes again, at the end
            shop.orders[3]["touched"] = stamp(50)
            reply.body["d"].append({**shop.orders[3], "lines": shop.lines[3]})
        return reply

    with api(answer) as made:
        request = shop_table(made, kind, mode)
        loaded = made.load(request)
        assert pairs(loaded) == shop.expected
        made.load(request, loaded)
        assert pairs(loaded) == shop.expected


@pytest.mark.parametrize("kind", ["each", "unnest"])
def test_rows_of_rows_can_be_cut_anywhere(kind: str) -> None:
    shop = Shop()
    with api(shop, commit_every=2) as made:
        request = shop_table(made, kind, "incremental")
        check_source(made.source, made.options, request, len(shop.expected))
        begun = len(made.web.requests)
        loaded = made.load(request, stop_after=1)
        asked = {r.path for r in made.web.requests[begun:]} - {"/orders"}
        before = len(made.web.requests)
        made.load(request, loaded)
        again = {r.path for r in made.web.requests[before:]} - {"/orders"}
        assert pairs(loaded) == shop.expected and not asked & again


def test_values_instead_of_parents() -> None:
    with api(lambda r: Reply(body=[{"id": 1, "of": r.params["for"]}])) as made:
        each = {"values": ["USD", "CHF"], "name": "currency"}
        loaded = made.load(made.table(params={"for": "{currency}"}, each=each))
        assert {(row["currency"], row["of"]) for row in loaded.rows} == {("USD", "USD"), ("CHF", "CHF")}
