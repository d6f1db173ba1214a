"""An API that does everything wrong: every row once, or a finding that says what is the matter."""

from __future__ import annotations

import gzip
import json
import random
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from fixtures.api import api, ids
from fixtures.web import Reply, Request
from memory_group import Growth
from wherry.testing import Loaded

ROWS = [{"id": n, "amount": f"{n}.50"} for n in range(60)]
PAGES = {"by": "page", "size": 10, "total": "total"}


def page_of(r: Request) -> dict[str, Any]:
    page = int(r.params["page"])
    return {"data": ROWS[page * 10 - 10 : page * 10], "total": len(ROWS)}


def text_of(r: Request) -> bytes:
    return json.dumps(page_of(r)).encode()


#: What may happen to an answer once and not again.
TROUBLE: dict[str, Callable[[Request], Reply]] = {
    "dropped mid-body": lambda r: Reply(body=text_of(r), cut=40),
    "dropped at once": lambda r: Reply(body=text_of(r), cut=0),
    "429": lambda r: Reply(status=429, body={"message": "slow down"}),
    "429, seconds": lambda r: Reply(status=429, headers={"Retry-After": "7"}),
    "429, a date": lambda r: Reply(status=429, headers={"Retry-After": "Sat, 10 Jan 2026 12:00:30 GMT"}),
    "500": lambda r: Reply(status=500, body=b"<html><title>Oops</title></html>"),
    "503": lambda r: Reply(status=503, headers={"Retry-After": "1"}),
    "HTML": lambda r: Reply(body=b"<!DOCTYPE html><title>Sign in</title>", headers={"Content-Type": "text/html"}),
    "HTML that says it is JSON": lambda r: Reply(body=b"  <html><title>Sign in</title></html>"),
    "cut JSON": lambda r: Reply(body=text_of(r)[:-30]),
    "invalid UTF-8": lambda r: Reply(body=text_of(r).replace(b'"amount"', b'"am\xffount"', 1)),
    "too short a length": lambda r: Reply(body=text_of(r), length=len(text_of(r)) - 25),
    "too long a length": lambda r: Reply(body=text_of(r), length=len(text_of(r)) + 25),
    "a gzip cut short": lambda r: Reply(body=gzip.compress(text_of(r))[:-20], headers={"Content-Encoding": "gzip"}),
    "damaged gzip": lambda r: Reply(body=b"\x1f\x8b" + bytes(40), headers={"Content-Encoding": "gzip"}),
    "unknown packing": lambda r: Reply(body=text_of(r), headers={"Content-Encoding": "snappy"}),
    "an empty list": lambda r: Reply(body={"data": [], "total": len(ROWS)}),
    "one sign": lambda r: Reply(body=b"["),
    "a page that came before": lambda r: Reply(body={"data": ROWS[:10], "total": len(ROWS)}),
    "shorter": lambda r: Reply(body={"data": page_of(r)["data"][:4], "total": len(ROWS)}),
    "reordered": lambda r: Reply(body={"data": page_of(r)["data"][::-1], "total": len(ROWS)}),
    "a total that lies": lambda r: Reply(body={**page_of(r), "total": 7}),
    "packed": lambda r: Reply(body=gzip.compress(text_of(r)), headers={"Content-Encoding": "gzip"}),
}


@pytest.mark.parametrize("mode", ["full", "incremental"])
@pytest.mark.parametrize("trouble", TROUBLE)
def test_one_trouble_loses_no_row(trouble: str, mode: str) -> None:
    seen: set[str] = set()

    def answer(r: Request) -> Reply:
        if r.params["page"] in ("2", "6") and r.params["page"] not in seen:
            seen.add(r.params["page"])
            return TROUBLE[trouble](r)
        return Reply(body=page_of(r))

    with api(answer, commit_every=15) as made:
        loaded = made.load(made.table(mode=mode, records="data", pages=PAGES, key="id"))
    assert ids(loaded) == list(range(60)) and seen == {"2", "6"}
    assert {type(row["amount"]) for row in loaded.rows} == {str}


@pytest.mark.parametrize("seed", range(6))
def test_every_trouble_at_random(seed: int) -> None:
    chance = random.Random(seed)

    def answer(r: Request) -> Reply:
        if chance.random() < 0.4:
            return TROUBLE[chance.choice(list(TROUBLE))](r)
        return Reply(body=page_of(r))

    with api(answer, commit_every=15, attempts=12, patience="10 hours") as made:
        request = made.table(mode="incremental", records="data", pages=PAGES, key="id")
        loaded = made.load(request)
        assert ids(loaded) == list(range(60))
        assert len(made.web.requests) > 7


def test_waits_as_long_as_it_is_asked_to() -> None:
    answers = iter(
        [
            TROUBLE["429, seconds"],
            lambda r: Reply(status=429, headers={"Retry-After": "Sat, 10 Jan 2026 12:00:30 GMT"}),
            TROUBLE["429"],
            TROUBLE["429"],
            lambda r: Reply(status=403, headers={"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "1768046520"}),
        ]
    )

    with api(lambda r: next(answers, lambda r: Reply(body=ROWS))(r)) as made:
        made.load(made.table())
        assert made.clock.waits[:4] == [7.0, 23.0, 8.0, 16.0]  # 12:00:07 -> :30 by the date; then twice as long
        assert made.clock.now().isoformat() == "2026-01-10T12:02:00+00:00"


def test_a_used_up_quota_is_not_asked_beyond() -> None:
    def answer(r: Request) -> Reply:
        quota = {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "40"} if r.params["page"] == "2" else {}
        return Reply(body=page_of(r), headers=quota)

    with api(answer) as made:
        made.load(made.table(records="data", pages=PAGES, key="id"))
        assert made.clock.waits == [40.0]


def test_a_rate_is_kept_by_all_tables_together() -> None:
    with api(lambda r: Reply(body=ROWS), rate="3 per minute") as made:
        for name in ("a", "b", "c", "d", "e", "f", "g"):
            made.load(made.table(name))
        assert made.clock.waits == [60.0, 60.0]


def fails_for_good(answer: Callable[[Request], Reply], mode: str = "full", **said: Any) -> tuple[Any, Loaded]:
    """The finding of an API that never gets better after page 3, and what was kept."""

    def sometimes(r: Request) -> Reply:
        return answer(r) if int(r.params.get("page", 9)) > 3 else Reply(body=page_of(r))

    with api(sometimes, commit_every=10, **said) as made:
        request = made.table(mode=mode, records="data", pages=PAGES, key="id", cursor="id" if mode != "full" else "")
        loaded = Loaded(mode)
        return made.fails(request, loaded), loaded


@pytest.mark.parametrize(
    ("trouble", "code", "words"),
    [
        ("dropped mid-body", "no-answer", "got no whole answer"),
        ("429, seconds", "rate-limited", "asks to be left alone"),
        ("500", "no-answer", "answered 500 with a web page, 6 times"),
        ("HTML", "bad-answer", "with a web page (“Sign in”) instead of data"),
        ("cut JSON", "bad-answer", "its JSON is cut or wrong"),
        ("invalid UTF-8", "bad-answer", "it is not UTF-8"),
        ("a gzip cut short", "bad-answer", "its packed bytes end early"),
        ("a page that came before", "loop", "with the same page as before"),
        ("too long a length", "no-answer", "got no whole answer"),
    ],
)
def test_trouble_that_stays_is_a_finding(trouble: str, code: str, words: str) -> None:
    finding, _ = fails_for_good(TROUBLE[trouble])
    assert finding.code == code and words in finding.message
    assert "`rows` of 127.0.0.1" in finding.message and "page=4" in finding.message
    assert "the table is as it was" in finding.message and finding.hint


def test_only_a_server_that_asks_for_it_asks_to_be_left_alone() -> None:
    for trouble, words in (("500", "answered 500 with a web page, once"), ("429, seconds", "asks to be left alone")):
        finding, _ = fails_for_good(TROUBLE[trouble], patience="0.05 seconds")
        assert words in finding.message and finding.hint.startswith("Run again later, or set `patience:`")


def test_what_was_kept_and_where_the_cursor_stands() -> None:
    finding, loaded = fails_for_good(TROUBLE["500"], "incremental")
    assert ids(loaded) == list(range(30))
    assert "30 rows of this reading are kept" in finding.message and "cursor stands at" in finding.message
    with api(lambda r: Reply(body=page_of(r))) as made:
        request = made.table(mode="incremental", records="data", pages=PAGES, key="id", cursor="id")
        assert ids(made.load(request, loaded)) == list(range(60))


@pytest.mark.parametrize(
    ("status", "code"), [(401, "bad-credentials"), (403, "no-permission"), (404, "not-found"), (400, "refused")]
)
def test_a_refusal_is_not_repeated(status: int, code: str) -> None:
    def answer(r: Request) -> Reply:
        return Reply(status=status, body={"error": {"message": f"no {r.headers['x-key']}"}})

    with api(answer, auth={"key": {"value": "hush-hush", "header": "X-Key"}}, params={"key": "hush-hush"}) as made:
        finding = made.fails(made.table())
        assert finding.code == code and f"answered {status}: no ***" in finding.message
        assert len(made.web.requests) == 1 and "hush" not in finding.message + finding.hint


def test_statuses_are_ignored_retried_or_stopped_as_told() -> None:
    statuses = iter([418, 418, 200])
    with api(lambda r: Reply(status=next(statuses), body=ROWS)) as made:
        assert len(made.load(made.table(errors={"418": "retry"})).rows) == 60
    with api(lambda r: Reply(status=500)) as made:
        assert made.fails(made.table(errors={"500": "stop"})).code == "refused"
        assert len(made.web.requests) == 1
    with api(lambda r: Reply(status=404)) as made:
        loaded = made.load(made.table(errors={"404": "ignore"}, declared={"id": "BIGINT"}))
        assert loaded.rows == [] and loaded.schema is not None and loaded.schema.names == ["id"]


def test_credentials_do_not_follow_to_another_host() -> None:
    with api(lambda r: Reply(body=ROWS)) as other:
        elsewhere = other.web.url.replace("127.0.0.1", "localhost")

        def answer(r: Request) -> Reply:
            if r.path == "/rows":
                return Reply(status=302, headers={"Location": "/moved"})
            return Reply(status=307, headers={"Location": f"{elsewhere}/file?sig=1"})

        auth = {"key": {"value": "hush-hush", "header": "X-Key"}}
        with api(answer, auth=auth, headers={"X-Team": "data"}) as made:
            assert len(made.load(made.table()).rows) == 60
            assert [r.headers.get("x-key") for r in made.web.requests] == ["hush-hush"] * 2
            assert "what it sends must not go there" in made.fails(made.table("send", method="POST", body={})).message
        (there,) = other.web.requests
        assert "hush-hush" not in str(there) and "x-team" not in there.headers


def test_redirects_in_a_circle() -> None:
    with api(lambda r: Reply(status=302, headers={"Location": "/rows"})) as made:
        assert made.fails(made.table()).code == "redirected"
    with api(lambda r: Reply(status=302, headers={"Location": "file:///etc/passwd"})) as made:
        assert "not followed" in made.fails(made.table()).message


def endless(r: Request) -> Reply:
    def drip() -> Iterator[bytes]:
        while True:
            yield b" "

    return Reply(body=drip())


def test_an_answer_that_trickles_is_given_up() -> None:
    with api(endless, attempts=2) as made:
        made.clock.step = 5.0
        finding = made.fails(made.table())
    assert "it came too slowly" in finding.message


def test_a_field_of_200_mb_is_a_finding_and_no_memory() -> None:
    def huge(r: Request) -> Reply:
        def body() -> Iterator[bytes]:
            yield b'{"data": [{"id": 1, "note": "'
            for _ in range(200):
                yield b"x" * 1_000_000
            yield b'"}]}'

        return Reply(body=body())

    grown = Growth()
    with api(huge, longest=8_000_000) as made:
        finding = made.fails(made.table(records="data"))
    assert finding.code == "too-long" and "8,000,000 bytes" in finding.message and "longest" in finding.hint
    assert grown.most() < 150_000_000


@pytest.mark.parametrize("start", [b"", b"<r><item><note>", b"a,b\n"])
def test_an_answer_without_end_is_given_up(start: bytes) -> None:
    def endless(r: Request) -> Reply:
        def body() -> Iterator[bytes]:
            if start:
                yield start
            while True:
                yield (b" " if not start else b"x") * 100_000

        return Reply(body=body(), headers={"Content-Type": "text/xml" if b"<" in start else "text/csv"})

    said = {"format": "xml", "records": "item"} if b"<" in start else {"format": "csv"} if start else {"format": "json"}
    with api(endless, longest=3_000_000, attempts=1) as made:
        assert made.fails(made.table(**said)).code == "too-long"


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b'{"data": [{"id": 1}]', "ends before"),
        (b'{"data": [{"id": 1}]} trailing', "more behind its end"),
        (b'{"data": [{"id": NaN}]}', "NaN"),
        (b'{"data": ' + b"[" * 200_000, "nested too deeply"),
        (b'{"items": []}', "there is `items`"),
        (b'{"data": [{"id": 1},]}', "cut or wrong"),
    ],
)
def test_bodies_that_are_no_list(body: bytes, words: str) -> None:
    with api(lambda r: Reply(body=body), attempts=2) as made:
        assert words in made.fails(made.table(records="data")).message


def test_a_key_that_is_not_one() -> None:
    with api(lambda r: Reply(body=[{"id": 1, "v": 1}, {"id": 1, "v": 2}])) as made:
        finding = made.fails(made.table(key="id"))
        assert finding.code == "bad-key" and "id = 1" in finding.message
        assert "they have `id`, `v`" in made.fails(made.table(key="number")).message
    with api(lambda r: Reply(body=[{"id": 1}, {"id": None}])) as made:
        (batch,) = made.batches(made.table(key="id"))
        assert [row["id"] for row in batch["rows"]] == [1]
        assert batch["rejects"][0]["reason"] == "no value in the key `id`"
