"""A web API through whole runs: what is loaded, what a mistake looks like, and kill -9 while the API changes."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from run_folder import NOON, Folder, problems, result, states

from fixtures.web import Reply, Request, Web, serving
from wherry.project.config import read_config
from wherry.run.look import connect, preview
from wherry.run.project import open_project

SOURCE = """\
connector: rest
url: {url}
auth: {{bearer: "${{SHOP_TOKEN}}"}}
commit_every: 20
tables:
  orders:
    as: raw.orders
    mode: incremental
    path: /orders
    records: data
    pages: {{by: cursor, at: next, param: after}}
    cursor: at
    since: {{param: since, lookback: 2 minutes}}
    key: id
  orders.lines: {{as: raw.lines, mode: incremental, unnest: orders.lines}}
  notes: {{as: raw.notes, mode: incremental, path: "/orders/{{id}}/notes", each: orders}}
  rates: {{as: raw.rates, path: /rates, key: code}}
"""
START = datetime(2026, 1, 1, tzinfo=UTC)


class Shop:
    """Orders that change while they are read: new ones come, old ones change, columns are added."""

    def __init__(self, orders: int = 60, seed: int = 0, busy: bool = False) -> None:
        self.chance, self.busy, self.clock = random.Random(seed), busy, 0
        self.orders: dict[int, dict[str, Any]] = {}
        for number in range(orders):
            self.touch(number)

    def touch(self, number: int, **more: Any) -> None:
        self.clock += self.chance.choice((0, 1, 30))
        at = (START + timedelta(seconds=self.clock)).strftime("%Y-%m-%dT%H:%M:%SZ")
        old = self.orders.pop(number, {"id": number, "v": 0})
        lines = [{"sku": f"{number}-{n}", "price": n + 0.5} for n in range(self.chance.randint(0, 3))]
        self.orders[number] = {**old, "v": old["v"] + 1, "at": at, "lines": lines, **more}

    def happen(self) -> None:
        self.touch(len(self.orders))
        self.touch(self.chance.randrange(len(self.orders)))
        if self.chance.random() < 0.2:
            self.touch(0, **{f"extra_{self.clock}": self.clock})

    def __call__(self, r: Request) -> Reply:
        if r.headers.get("authorization") != "Bearer t0ken-of-shop":
            return Reply(status=401, body={"message": f"bad token {r.headers.get('authorization')}"})
        if self.busy and self.chance.random() < 0.4:
            self.happen()
        if r.path == "/rates":
            return Reply(body=[{"code": "EUR", "rate": 1}, {"code": "USD", "rate": 1.0812}])
        if r.path != "/orders":
            number = int(r.path.split("/")[2])
            return Reply(body=[{"text": f"{number} v{self.orders[number]['v']}"}])
        rows = [row for row in self.orders.values() if row["at"] >= r.params.get("since", "")]
        if after := r.params.get("after"):
            at, number = after.split("|")
            rows = [row for row in rows if (row["at"], row["id"]) > (at, int(number))]
        rows.sort(key=lambda row: (row["at"], row["id"]))
        page = rows[:10]
        return Reply(body={"data": page, "next": f"{page[-1]['at']}|{page[-1]['id']}" if len(rows) > 10 else None})

    def expect_in(self, folder: Folder) -> None:
        """The lake has what the shop has, every row once."""
        assert folder.rows("raw.orders", columns="id, v") == sorted((o["id"], o["v"]) for o in self.orders.values())
        lines = sorted((o["id"], n, line["sku"]) for o in self.orders.values() for n, line in enumerate(o["lines"], 1))
        assert folder.rows("raw.lines", columns="orders_id, position, sku") == lines
        notes = sorted((o["id"], f"{o['id']} v{o['v']}") for o in self.orders.values())
        assert folder.rows("raw.notes", columns="orders_id, text") == notes


@pytest.fixture(autouse=True)
def token(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHOP_TOKEN", "t0ken-of-shop")


def made(folder: Folder, web: Web, text: str = SOURCE) -> None:
    folder.write({"sources/shop.yml": text.format(url=web.url)})


def test_loads_only_what_is_new(folder: Folder) -> None:
    shop = Shop()
    with serving(shop) as web:
        made(folder, web)
        assert set(states(folder.done()).values()) == {"built"}
        shop.expect_in(folder)
        assert folder.schema("raw.lines")["price"] == "DECIMAL(38,9)"
        assert folder.rows("raw.rates", columns="code, rate::VARCHAR") == [
            ("EUR", "1.000000000"),
            ("USD", "1.081200000"),
        ]
        again = folder.run()
        assert set(states(again).values()) <= {"skipped"} | {"built"} and states(again)["orders"] == "skipped"
        assert states(again)["notes"] == "skipped" and states(again)["rates"] == "skipped"
        for _ in range(5):
            shop.happen()
        asked = len(web.asked("/orders/"))
        folder.done()
        shop.expect_in(folder)
        assert len(web.asked("/orders/")) - asked <= 12, "it asks for the notes of orders that did not change"


def test_an_order_that_loses_its_lines(folder: Folder) -> None:
    shop = Shop(5)
    with serving(shop) as web:
        made(folder, web)
        folder.done()
        shop.touch(3)
        shop.orders[3]["lines"] = []
        folder.done()
        shop.expect_in(folder)


def test_killed_while_the_shop_changes(tmp_path: Path) -> None:
    """kill -9 at moments that chance chooses; ``WHERRY_DEEP=1``: a hundred times."""
    deep = os.environ.get("WHERRY_DEEP") == "1"
    chance = random.Random(7)
    shop = Shop(20, busy=True)
    folder = Folder(tmp_path)
    killed = 0
    with serving(shop) as web:
        made(folder, web)
        folder.close()
        command = [sys.executable, str(Path(__file__).with_name("killed.py")), str(tmp_path), NOON.isoformat()]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdin is not None and process.stdout is not None
            while killed < (100 if deep else 2):
                moment = f"commit {chance.randint(2, 25)}" if killed % 2 else f"statement {chance.randint(2, 120)}"
                process.stdin.write(moment + "\n")
                process.stdin.flush()
                said = process.stdout.readline().partition(" ")[0].strip()
                assert said in ("killed", "ended"), "a run failed"
                killed += said == "killed"
            process.stdin.close()
        shop.busy = False
        folder = Folder(tmp_path)
        folder.done()
        shop.expect_in(folder)
        folder.close()


def test_killed_it_is_served_no_more_than_a_batch_again(tmp_path: Path) -> None:
    """kill -9 at moments all through a load: what an API serves to the next run again is one batch at most."""
    size, page, batch = 360, 10, 40
    served: list[int] = []

    def answer(r: Request) -> Reply:
        after = int(r.params.get("after", 0))
        rows = [{"id": n, "v": n * 1.5} for n in range(after + 1, min(after + page, size) + 1)]
        served.extend(row["id"] for row in rows)
        return Reply(body={"data": rows, "next": str(rows[-1]["id"]) if rows else None})

    text = (
        f"connector: rest\nurl: {{url}}\ncommit_every: {batch}\ntables:\n"
        "  t: {{as: raw.t, mode: incremental, key: id, path: /t, records: data, "
        "pages: {{by: cursor, at: next, param: after}}}}\n"
    )
    folder, before, told = Folder(tmp_path), set[int](), list[tuple[int, int]]()
    with serving(answer) as web:
        made(folder, web, text)
        folder.close()
        command = [sys.executable, str(Path(__file__).with_name("killed.py")), str(tmp_path), NOON.isoformat()]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdin is not None and process.stdout is not None
            for moment in ["commit 3", "statement 20", "commit 5", "statement 30", "commit 6", "statement 35"] * 9:
                process.stdin.write(moment + "\n")
                process.stdin.flush()
                said, *_ = process.stdout.readline().split()
                assert said in ("killed", "ended"), "a run failed"
                told.append((len(served), len(before & set(served))))
                before |= set(served)
                served.clear()
                if size in before:
                    break  # all of it was read; a list without `since` is from now on read anew
            process.stdin.close()
        folder = Folder(tmp_path)
        folder.done()
        assert folder.rows("raw.t", columns="id") == [(n,) for n in range(1, size + 1)]
        folder.close()
    assert max(again for _, again in told) <= batch, told
    assert len([rows for rows, _ in told if rows]) > 1 and size in before, told


def test_a_wrong_token_says_what_is_kept_and_shows_nothing(folder: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    shop = Shop()
    with serving(shop) as web:
        made(folder, web)
        folder.done()
        monkeypatch.setenv("SHOP_TOKEN", "wr0ng-token")
        shop.happen()
        run = folder.run()
        assert run.state == "failed" and shop.orders
        (finding,) = result(run, "raw.orders").findings
        assert finding.code == "bad-credentials" and finding.file == "sources/shop.yml"
        assert "answered 401: bad token Bearer ***" in finding.message and "wr0ng" not in str(problems(run))
        assert "cursor stands at at = 2026-01-01T" in finding.message


WHOLE = """\
connector: rest
url: {{url}}
on_schema_change: {}
tables:
  t: {{{{as: raw.t, mode: incremental, key: id, path: /t}}}}
"""


def test_rows_of_other_parents_take_the_place_of_those_before(folder: Folder) -> None:
    """Those of shop 2 are older than where the cursor of shop 1 stands."""
    tables = (
        "  o: {as: raw.o, mode: incremental, path: /o, cursor: at, since: {param: since}, key: id, params: {shop: 1}}\n"
        "  o.lines: {as: raw.lines, mode: incremental, unnest: o.lines}\n"
        "  n: {as: raw.n, mode: incremental, each: o, path: '/n/{id}'}\n"
    )

    def answer(request: Request) -> Reply:
        if request.path != "/o":
            return Reply(body=[{"note": request.path}])
        shop = int(request.params["shop"])
        at = f"{2027 - shop}-01-01T00:00:00Z"
        return Reply(body=[{"id": shop, "at": at, "lines": [shop]}] * (at >= request.params.get("since", "")))

    with serving(answer) as web:
        text = f"connector: rest\nurl: {web.url}\ntables:\n{tables}"
        for shop in (1, 2):
            folder.write({"sources/shop.yml": text.replace("shop: 1", f"shop: {shop}")})
            folder.done()
            assert folder.rows("raw.o", columns="id") == folder.rows("raw.lines", columns="o_id") == [(shop,)]
            assert folder.rows("raw.n", columns="note") == [(f"/n/{shop}",)]


def test_whole_numbers_that_get_fractions_widen(folder: Folder) -> None:
    body: list[dict[str, Any]] = [{"id": 1, "v": 2**63 - 1}, {"id": 2, "v": None}]
    with serving(lambda r: Reply(body=body)) as web:
        made(folder, web, WHOLE.format("evolve"))
        folder.done()
        body.append({"id": 3, "v": 1.5})
        (drift,) = result(folder.done(), "raw.t").drifts
        assert str(drift) == "column `v` widened from BIGINT to DECIMAL(38,9)"
        assert folder.rows("raw.t") == [(1, Decimal(2**63 - 1)), (2, None), (3, Decimal("1.5"))]
        body[0]["v"] = 7
        assert result(folder.done(), "raw.t").drifts == ()
        assert folder.rows("raw.t")[0] == (1, Decimal(7))


def test_fractions_where_columns_are_frozen_or_kept(folder: Folder, folders: Callable[[], Folder]) -> None:
    body: list[dict[str, Any]] = [{"id": 1, "v": 1}]
    other = folders()
    with serving(lambda r: Reply(body=body)) as web:
        for each, policy in ((folder, "freeze"), (other, "quarantine")):
            made(each, web, WHOLE.format(policy))
            each.done()
        body += [{"id": 2, "v": 1.5}, {"id": 3, "v": 3}]
        (finding,) = result(folder.run(), "raw.t").findings
        assert finding.code == "schema-changed" and "is frozen, and its column `v`" in finding.message
        assert folder.rows("raw.t") == [(1, 1)]
        assert result(other.done(), "raw.t").rejected == 1
        assert other.rows("raw.t") == [(1, 1), (3, 3)]
        ((reason, row),) = other.rows("raw.t__rejects", columns="reason, row")
        assert reason == "column `v`: not exactly BIGINT" and json.loads(row)["v"] == 1.5


def test_a_type_that_changes_is_told_with_what_to_write(folder: Folder) -> None:
    body: list[dict[str, Any]] = [{"id": 1, "v": 1}]
    with serving(lambda r: Reply(body=body)) as web:
        made(folder, web, WHOLE.format("evolve"))
        folder.done()
        body.append({"id": 2, "v": "one and a half"})
        (finding,) = result(folder.run(), "raw.t").findings
        assert finding.code == "schema-changed" and "`v` of `raw.t` is BIGINT" in finding.message
        assert folder.rows("raw.t") == [(1, 1)]


@pytest.mark.parametrize(
    ("line", "number", "message", "hint"),
    [
        ("urll: x", 2, "There is no option `urll` here.", "Did you mean `url`?"),
        ("auth: {beerer: x}", 2, "There is no option `beerer` here.", "Did you mean `bearer`?"),
        ("auth:\n  oauth2:\n    token_url: /t\n    client_id: a\n    scopes: b", 6, "no option `scopes`", "`scope`"),
        ("auth: {oauth2: {client_id: a}}", 2, "The option `token_url` is missing.", ""),
        ("auth: {bearer: plain-secret}", 2, "`auth.bearer` is written out in the file", "write ${NAME}"),
        ("auth:\n  key:\n    header: X\n    value: plain-secret", 5, "`auth.key.value` is written out", ""),
        ("rate: quickly", 7, "`rate: quickly` is no rate.", "10 per second"),
        ("attempts: many", 2, "`attempts: many` must be a whole number.", ""),
    ],
)
def test_mistakes_in_the_file(folder: Folder, line: str, number: int, message: str, hint: str) -> None:
    url = "" if line.startswith("urll") else "url: https://api.test\n"
    folder.write({"sources/shop.yml": f"connector: rest\n{line}\n{url}tables:\n  t: {{as: raw.t, path: /t}}\n"})
    found = open_project(read_config(folder.path), None).graph.findings
    assert [f for f in found if message in f.message and hint in f.hint and f.file == "sources/shop.yml"], found
    assert "plain-secret" not in str(found)
    if message.startswith(("There is no", "no option", "`auth")):
        assert message in found[0].message and found[0].line == number


@pytest.mark.parametrize(
    ("said", "message", "hint"),
    [
        ("pages: {by: ofset}", "must be one of none, link", ""),
        ("pages: {by: cursor, att: x}", "There is no option `att` here.", "Did you mean `at`?"),
        ("pages: {by: cursor}", "needs `at`", "at: meta.next"),
        ("records: 'a['", "is not JMESPath", ""),
        ("mode: incremental", "`mode: incremental` needs `key`", "key: id"),
        ("since: s", "`since` needs `cursor`", ""),
        ("cursor: a, since: {param: s, lookback: often}", "`often` is no length of time", ""),
        ("each: orderz", "no table of this file", "Did you mean `orders`?"),
        ("path: '/x/{id}'", "there is no `each`", ""),
        ("types: {a: bigintt}", "There is no type `BIGINTT`", ""),
        ("errors: {404: skip}", "must be", ""),
        ("unnest: nothing.lines", "no table of this file", ""),
        ("mode: incremental, each: free", "nothing tells whose rows are to be replaced", ""),
        ("mode: incremental, unnest: free.x", "nothing tells whose rows are to be replaced", ""),
        ("each: t", "goes through its own rows", ""),
    ],
)
def test_mistakes_in_a_table(folder: Folder, said: str, message: str, hint: str) -> None:
    tables = f"  orders: {{key: id}}\n  t: {{as: raw.t, {said}}}\n  free: {{path: /free}}\n"
    text = f"connector: rest\nurl: https://api.test\ntables:\n{tables}"
    folder.write({"sources/shop.yml": text})
    found = open_project(read_config(folder.path), None).graph.findings
    match = [f for f in found if message in f.message and hint in f.hint]
    assert match and match[0].line == 5 and match[0].file == "sources/shop.yml", found


def test_looking_at_an_api_asks_for_little(folder: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    shop = Shop()
    with serving(shop) as web:
        made(folder, web)
        project = open_project(read_config(folder.path), None)
        assert [answer.findings for answer in connect(project)] == [()] * 4
        assert len(web.requests) <= 5
        asked = len(web.requests)
        assert preview(project, "shop", "orders", 3).num_rows == 3 and len(web.requests) == asked + 1
        assert preview(project, "shop", "notes", 2).column_names == ["orders_id", "text"]
        monkeypatch.setenv("SHOP_TOKEN", "wr0ng-token")
        answers = list(connect(open_project(read_config(folder.path), None)))
        assert [[finding.code for finding in answer.findings] for answer in answers] == [["bad-credentials"]] * 4
        assert "wr0ng" not in str(answers)


def test_how_far_a_reading_is_is_told_while_its_rows_wait(folder: Folder) -> None:
    """Rows of all pages are held until all were seen; what is told must not wait for that."""
    source = "connector: rest\nurl: {url}\ncommit_every: 40\ntables:\n  t:\n"
    source += (
        "    {{as: raw.t, mode: MODE, path: /, records: data, key: id, pages: {{by: page, size: 10, total: n}}}}\n"
    )
    told: list[tuple[int, int, int | None]] = []

    def answer(r: Request) -> Reply:
        at = (int(r.params["page"]) - 1) * 10
        return Reply(body={"n": 95, "data": [{"id": n} for n in range(at, min(at + 10, 95))]})

    def hear(kind: str, **what: Any) -> None:
        if kind == "progress":
            told.append((what["rows"], what["bytes"], what["expected"]))

    for mode in ("full", "incremental"):
        told.clear()
        with serving(answer) as web:
            made(folder, web, source.replace("MODE", mode))
            assert folder.run(tell=hear, full=True).state == "done"
        rows, sizes = [each[0] for each in told], [each[1] for each in told]
        assert {10, 20, 30, 60, 90, 95} <= set(rows) and rows == sorted(rows) and rows[-1] == 95
        assert sizes == sorted(sizes) and {each[2] for each in told} == {95}


def test_a_whole_table_that_goes_through_another_has_nothing_new(folder: Folder) -> None:
    """Only reading it tells; the table stays as it is."""
    source = "connector: rest\nurl: {url}\ntables:\n  o: {{as: raw.o, path: /o, key: id}}\n"
    source += '  notes: {{as: raw.notes, path: "/o/{{id}}", each: o}}\n'
    texts = ["a", "b"]

    def answer(r: Request) -> Reply:
        return Reply(body=[{"id": 1}] if r.path == "/o" else [{"text": text} for text in texts])

    with serving(answer) as web:
        made(folder, web, source)
        assert states(folder.done()) == {"o": "built", "notes": "built"}
        seq = folder.seqs()
        again = folder.done()
        assert states(again) == {"o": "skipped", "notes": "skipped"} and folder.seqs() == seq
        assert result(again, "raw.notes").reason == "there was nothing new after all"
        texts.append("c")
        assert states(folder.done()) == {"o": "skipped", "notes": "built"}
        assert folder.rows("raw.notes", columns="text") == [("a",), ("b",), ("c",)]
