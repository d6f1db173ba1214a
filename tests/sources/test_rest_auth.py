"""Every way to be let in; tokens that end, rotate and must not be seen."""

from __future__ import annotations

import base64
import stat
import threading
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import pytest

from fixtures.api import Api, api
from fixtures.web import Reply, Request
from wherry.errors import SourceError
from wherry.testing import Loaded

ROWS = [{"id": 1}, {"id": 2}]
BASIC = "Basic " + base64.b64encode(b"ada:pass-word").decode()


@pytest.mark.parametrize(
    ("auth", "seen"),
    [
        ({"bearer": "t0ken-abc"}, lambda r: r.headers.get("authorization") == "Bearer t0ken-abc"),
        ({"basic": {"user": "ada", "password": "pass-word"}}, lambda r: r.headers.get("authorization") == BASIC),
        ({"key": {"value": "k-e-y-1", "header": "X-Key"}}, lambda r: r.headers.get("x-key") == "k-e-y-1"),
        ({"key": {"value": "k-e-y-1", "query": "api_key"}}, lambda r: r.params.get("api_key") == "k-e-y-1"),
        ({"key": {"value": "k-e-y-1", "cookie": "sid"}}, lambda r: r.headers.get("cookie") == "sid=k-e-y-1"),
    ],
)
def test_fixed_credentials(auth: dict[str, Any], seen: Any, caplog: pytest.LogCaptureFixture) -> None:
    def answer(r: Request) -> Reply:
        return Reply(body=ROWS) if seen(r) else Reply(status=401, body={"message": f"not {r.params} {r.headers}"})

    caplog.set_level("DEBUG")
    with api(answer, auth=auth) as made:
        assert len(made.load(made.table()).rows) == 2
        assert not any(secret in caplog.text for secret in ("t0ken-abc", "pass-word", "k-e-y-1", BASIC[6:]))
        # The server that shows what it was given shows nothing here.
        made.web.answer = lambda r: Reply(status=401, body={"message": f"not {r.params} {r.headers}"})
        finding = made.fails(made.table())
        assert finding.code == "bad-credentials" and "expired" in finding.hint
        assert not any(secret in finding.message for secret in ("t0ken-abc", "pass-word", "k-e-y-1", BASIC[6:]))


def test_one_way_to_be_let_in() -> None:
    with api(lambda r: Reply(body=ROWS), auth={"bearer": "a", "key": {"value": "b", "header": "c"}}) as made:
        assert made.problems(made.table()) == ["`auth` is one of bearer and key, not both."]
    with api(lambda r: Reply(body=ROWS), auth={"key": {"value": "b"}}) as made:
        assert "needs one of `header`" in made.problems(made.table())[0]


class Identity:
    """A server of tokens and an API that checks them; every token lives ``lives`` seconds by the client's clock."""

    def __init__(self, rotates: bool = True) -> None:
        self.made: Api | None = None
        self.rotates, self.lives = rotates, 3600
        self.refresh = "refresh-0"
        self.valid: dict[str, float] = {}
        self.given = 0
        self.forms: list[dict[str, str]] = []
        self.lock = threading.Lock()

    def now(self) -> float:
        assert self.made is not None
        return self.made.clock.now().timestamp()

    def __call__(self, r: Request) -> Reply:
        if r.path != "/token":
            token = r.headers.get("authorization", "").removeprefix("Bearer ")
            good = self.valid.get(token, 0) > self.now()
            return Reply(body={"d": ROWS}) if good else Reply(status=401, body={"error": f"bad {token}"})
        form = dict(parse_qsl(r.body.decode()))
        self.forms.append(form)
        if form["grant_type"] == "refresh_token" and form["refresh_token"] != self.refresh:
            return Reply(status=400, body={"error": "invalid_grant", "error_description": form["refresh_token"]})
        if form.get("client_secret", "hush-hush") != "hush-hush":
            return Reply(status=401, body={"error": f"invalid_client {form['client_secret']}"})
        self.given += 1
        token = f"access-{self.given}"
        self.valid[token] = self.now() + self.lives
        told: dict[str, Any] = {"access_token": token, "expires_in": self.lives, "token_type": "Bearer"}
        if self.rotates and form["grant_type"] == "refresh_token":
            self.refresh = told["refresh_token"] = f"refresh-{self.given}"
        return Reply(body=told)


def oauth(tmp_path: Path, **more: str) -> dict[str, Any]:
    given = {"token_url": "/token", "client_id": "me", "client_secret": "hush-hush", **more}
    return {"auth": {"oauth2": given}, "project": str(tmp_path)}


def test_client_credentials_are_renewed_before_they_end_and_when_they_are_refused(tmp_path: Path) -> None:
    identity = Identity()
    with api(identity, **oauth(tmp_path, scope="read")) as made:
        identity.made = made
        request = made.table(records="d")
        assert len(made.load(request).rows) == 2
        assert identity.forms == [
            {"grant_type": "client_credentials", "scope": "read", "client_id": "me", "client_secret": "hush-hush"}
        ]
        identity.lives = 30  # shorter than the time before its end at which a token is renewed
        statuses = []
        inner = identity.__call__
        pages = made.table(records="d", pages={"by": "next", "at": "next"})

        def paged(r: Request) -> Reply:
            reply = inner(r)
            statuses.append(reply.status)
            if r.path == "/rows" and reply.status == 200:
                return Reply(body={"d": ROWS, "next": "/more"})
            return Reply(body={"d": [{"id": 3}]}) if reply.status == 200 and r.path == "/more" else reply

        made.web.answer = paged
        assert len(made.load(pages).rows) == 3
        assert 401 not in statuses and identity.given == 3
        # One that is taken back early is refused, and another is got once.
        identity.lives = 3600
        made.web.answer = lambda r: identity.valid.clear() or inner(r) if len(identity.valid) == 4 else inner(r)
        made.load(request)


def test_a_token_that_is_refused_at_once_is_renewed_once_and_then_told(tmp_path: Path) -> None:
    identity = Identity()
    with api(identity, **oauth(tmp_path)) as made:
        identity.made = made

        def answer(r: Request) -> Reply:
            reply = identity(r)
            return Reply(status=401, body={"error": r.headers["authorization"]}) if r.path == "/rows" else reply

        made.web.answer = answer
        finding = made.fails(made.table())
        assert identity.given == 2 and len(made.web.asked("/rows")) == 2
        assert finding.code == "bad-credentials" and "access-" not in finding.message


def test_a_rotated_refresh_token_survives_and_is_kept_from_others(tmp_path: Path) -> None:
    identity = Identity()
    with api(identity, **oauth(tmp_path, refresh_token="refresh-0")) as made:
        identity.made = made
        request = made.table(records="d")
        for expected, passing in ((1, 10), (1, 4000), (2, 0)):
            loaded = made.load(request)  # each with a client of its own, as in another process
            assert identity.given == expected
            assert "refresh-" not in str(loaded.cursor) and "access-" not in str(loaded.cursor)
            made.clock.passed += passing
        assert [form["refresh_token"] for form in identity.forms][:2] == ["refresh-0", "refresh-1"]
    (kept,) = (tmp_path / ".wherry" / "tokens").glob("*.json")
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600 and stat.S_IMODE(kept.parent.stat().st_mode) == 0o700
    assert f'"refresh": "{identity.refresh}"' in kept.read_text()


def test_tables_that_are_read_at_once_share_one_rotation(tmp_path: Path) -> None:
    identity = Identity()
    with api(identity, **oauth(tmp_path, refresh_token="refresh-0")) as made:
        identity.made = made
        requests = [made.table(f"t{n}", records="d") for n in range(6)]
        failed: list[BaseException] = []

        def read(request: Any) -> None:
            try:
                made.load(request)
            except SourceError as error:
                failed.append(error)

        threads = [threading.Thread(target=read, args=(request,)) for request in requests]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert failed == [] and identity.given == 1


def test_a_refresh_token_that_a_person_renewed_is_taken(tmp_path: Path) -> None:
    identity = Identity()
    with api(identity, **oauth(tmp_path, refresh_token="refresh-0")) as made:
        identity.made = made
        made.load(made.table(records="d"))
        identity.refresh = "refresh-0"  # what is kept is void, what is in the environment is good again
        made.clock.passed += 4000
        assert len(made.load(made.table(records="d")).rows) == 2
        identity.refresh = "another"
        made.clock.passed += 4000
        finding = made.fails(made.table(records="d"))
        assert finding.code == "bad-credentials" and "refresh token" in finding.hint
        assert "refresh-0" not in finding.message and "hush" not in finding.message


@pytest.mark.parametrize("kind", ["token", "cookie"])
def test_a_session_is_opened_and_opened_again(kind: str) -> None:
    sessions: list[str] = []

    def answer(r: Request) -> Reply:
        if r.path == "/login":
            assert r.json == {"user": "ada", "password": "pass-word"}
            sessions.append(f"session-{len(sessions)}")
            cookie = {"Set-Cookie": f"sid={sessions[-1]}; Path=/; Expires=Fri, 01 Jan 2027 00:00:00 GMT"}
            return Reply(body={"data": {"token": sessions[-1]}}, headers=cookie)
        given = r.headers.get("x-session") if kind == "token" else r.headers.get("cookie", "").removeprefix("sid=")
        if given != sessions[-1] or (r.path == "/more" and len(sessions) == 1):
            return Reply(status=401)
        return Reply(body={"d": [{"id": r.path}], "next": "/more" if r.path == "/rows" else ""})

    login: dict[str, Any] = {"path": "/login", "body": {"user": "ada", "password": "pass-word"}}
    if kind == "token":
        login |= {"token": "data.token", "header": "X-Session", "prefix": ""}
    with api(answer, auth={"login": login}) as made:
        loaded = made.load(made.table(records="d", pages={"by": "next", "at": "next"}))
        assert len(loaded.rows) == 2 and len(sessions) == 2
        made.web.answer = lambda r: Reply(status=403, body={"message": f"{r.body!r}"})
        assert "pass-word" not in made.fails(made.table(records="d"), Loaded("full")).message


def test_a_secret_in_the_next_address_is_in_no_cursor() -> None:
    def answer(r: Request) -> Reply:
        at = int(r.params.get("at", 0))
        following = f"/rows?at={at + 1}&api_key={r.params['api_key']}" if at < 5 else ""
        return Reply(body={"d": [{"id": at}], "next": following})

    auth = {"key": {"value": "k-e-y-1", "query": "api_key"}}
    with api(answer, auth=auth, commit_every=2) as made:
        request = made.table(mode="incremental", key="id", records="d", pages={"by": "next", "at": "next"})
        for batch in made.batches(request):
            assert "k-e-y-1" not in str(batch["cursor"])
        loaded = made.load(request, stop_after=1)
        made.load(request, loaded)
        assert sorted(row["id"] for row in loaded.rows) == list(range(6))
