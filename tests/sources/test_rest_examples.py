"""The declarations that come with wherry, each against a server that enforces that API's paging, auth and limits."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

import wherry
from fixtures.projects import read, write
from fixtures.public_apis import Ecb, GitHub, OpenMeteo
from fixtures.web import StillClock, Web, serving
from wherry.errors import SourceError
from wherry.run.project import ReadySource
from wherry.sources.rest import Rest
from wherry.testing import Loaded, load

TEMPLATES = Path(wherry.__file__).parent / "templates" / "sources"


class Example:
    """A declaration pointed at a server of the test's, each table with what it loaded."""

    def __init__(self, folder: Path, name: str, web: Web, clock: StillClock, **instead: str) -> None:
        text = (TEMPLATES / f"{name}.yml").read_text()
        for key, value in instead.items():
            text = re.sub(rf"\b{key}: [\w -]+", f"{key}: {value}", text)
        host = re.search(r"https://[\w.-]+", text)
        assert host is not None
        self.web, self.source = web, Rest(clock=clock)
        project = read(write(folder, {f"sources/{name}.yml": text.replace(host[0], web.url)}))
        assert project.errors == ()
        self.ready: dict[str, ReadySource] = {ready.request.name: ready for ready in project.sources.values()}
        self.loaded = {name: Loaded("incremental") for name in self.ready}

    def load(self, name: str, **how: Any) -> list[dict[str, Any]]:
        ready = self.ready[name]
        load(self.source, ready.options, ready.request, self.loaded[name], **how)
        return self.loaded[name].rows

    def changed(self, name: str) -> str | None:
        ready = self.ready[name]
        return self.source.changed(ready.options, ready.request, self.loaded[name].cursor)


@pytest.fixture
def clock() -> StillClock:
    return StillClock(datetime(2026, 1, 10, 12, tzinfo=UTC))


@pytest.fixture
def token(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GITHUB_TOKEN", "ghp_secret")
    monkeypatch.setenv("GITHUB_REPOSITORY", "acme/shop")


def test_github_issues(tmp_path: Path, clock: StillClock, token: None) -> None:
    api = GitHub(clock)
    with serving(api) as web:
        example = Example(tmp_path, "github", web, clock)
        rows = example.load("issues")
        assert sorted(row["number"] for row in rows) == list(range(1, 251)) and len(web.requests) == 3
        assert rows[0]["updated_at"] == datetime(2025, 6, 1, 0, 1, tzinfo=UTC)
        assert len(example.load("comments")) == 29
        assert len(example.load("labels")) == sum(n % 3 for n in range(1, 251))
        assert {tuple(row)[:2] for row in example.loaded["labels"].rows} == {("issues_id", "position")}
        assert [example.changed(name) for name in example.ready] == [None] * 3

        api.touch(17, 5000)
        api.touch(20, 5000)  # the same moment
        asked = len(web.requests)
        rows = example.load("issues")
        assert len(web.requests) == asked + 1 and len(rows) == 250
        assert {row["number"] for row in rows if row["state"] == "closed"} == {17, 20}
        example.load("labels")
        assert not [row for row in example.loaded["labels"].rows if row["issues_id"] in (1_000_017, 1_000_020)]


def test_github_waits_for_its_quota(tmp_path: Path, clock: StillClock, token: None) -> None:
    api = GitHub(clock, quota=2)
    with serving(api) as web:
        example = Example(tmp_path, "github", web, clock)
        assert len(example.load("issues")) == 250
        assert clock.waits == [3600.0], "it asks beyond its quota, or waits longer than it must"


def test_github_with_a_wrong_token(
    tmp_path: Path, clock: StillClock, token: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GITHUB_TOKEN", "ghp_wrong")
    with serving(GitHub(clock)) as web:
        with pytest.raises(SourceError) as told:
            Example(tmp_path, "github", web, clock).load("issues")
        assert "answered 401: Bad credentials" in str(told.value) and "ghp_wrong" not in str(told.value)


def test_open_meteo(tmp_path: Path, clock: StillClock) -> None:
    api = OpenMeteo(clock, per_minute=3)
    with serving(api) as web:
        example = Example(tmp_path, "open_meteo", web, clock, start="2025-12-20", step="12 days")
        rows = example.load("hourly")
        days = (date(2026, 1, 8) - date(2025, 12, 20)).days + 1
        assert len(rows) == 2 * 24 * days
        assert {row["place"] for row in rows} == {"Berlin", "New York"}
        first = min(rows, key=lambda row: (row["place"], row["time"]))
        assert first["time"] == datetime(2025, 12, 20) and first["temperature_2m"] == 52.5
        spans = {(r.params["start_date"], r.params["end_date"]) for r in web.requests}
        assert spans == {("2025-12-20", "2025-12-31"), ("2026-01-01", "2026-01-08")}
        assert sum(clock.waits) > 0, "the limit was never met"

        clock.passed += 86400
        api.ends += timedelta(days=1)
        asked = len(web.requests)
        rows = example.load("hourly")
        assert len(rows) == 2 * 24 * (days + 1)
        assert {r.params["start_date"] for r in web.requests[asked:]} == {"2026-01-03"}


def test_ecb_rates(tmp_path: Path, clock: StillClock) -> None:
    api = Ecb()
    with serving(api) as web:
        example = Example(tmp_path, "ecb", web, clock)
        rows = example.load("rates")
        assert len(rows) == len(api.rates) == 60
        usd = next(row for row in rows if row["CURRENCY"] == "USD" and row["TIME_PERIOD"] == date(2025, 12, 15))
        assert usd["OBS_VALUE"] == Decimal("1.050000")
        assert web.requests[0].params["startPeriod"] == "2025-01-01" and example.changed("rates") is None
        api.rates["USD", "2026-01-02"] = "1.9999"  # put right later
        api.publish("2026-01-05", 21)
        rows = example.load("rates")
        assert len(rows) == 64 and web.requests[-1].params["startPeriod"] == "2025-12-26"
        assert [row["OBS_VALUE"] for row in rows if row["CURRENCY"] == "USD"][-2:] == [
            Decimal("1.9999"),
            Decimal("1.071"),
        ]
        api.rates.clear()
        assert example.load("rates") and web.requests[-1].path.endswith("D.USD+GBP+JPY+CHF.EUR.SP00.A")
