"""How requests are let in. Nothing of it is ever shown: every secret goes under the client's veil."""

from __future__ import annotations

import base64
import fcntl
import json
import os
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import field, replace
from hashlib import sha256
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from wherry.http.client import Answer, Call, Client, Credentials, Failed
from wherry.http.unpack import Cut
from wherry.model.dataclass import dataclass
from wherry.model.finding import Finding
from wherry.sources.rest.ask import ask_json
from wherry.sources.rest.options import Auth, Basic, Key, Login, OAuth2, Options

#: A token is renewed this many seconds before it ends.
EARLY = 60.0
_LOCK = threading.RLock()


def auth_findings(auth: Auth | None) -> Iterator[Finding]:
    """What is wrong with how requests are to be let in."""
    given = [name for name in ("bearer", "basic", "key", "oauth2", "login") if auth is not None and getattr(auth, name)]
    if auth is not None and len(given) != 1:
        told = f"one of {' and '.join(given)}, not both" if given else "empty"
        yield Finding(code="bad-option", message=f"`auth` is {told}.", hint="Give bearer, basic, key, oauth2 or login.")
    if auth is not None and auth.key and bool(auth.key.header) + bool(auth.key.query) + bool(auth.key.cookie) != 1:
        message = "`auth: key` needs one of `header`, `query` and `cookie`."
        yield Finding(code="bad-option", message=message, hint="For example `header: X-Api-Key`.")


def credentials_of(options: Options, client: Client) -> Credentials | None:
    """What signs the requests of a source; its secrets are put under the client's veil."""
    auth = options.auth or Auth()
    for secret in secrets_in(auth):
        client.veil.add(secret)
    if auth.bearer:
        return Fixed(headers={"authorization": f"Bearer {auth.bearer}"})
    if auth.basic:
        return Fixed(headers={"authorization": basic(auth.basic)})
    if auth.key:
        return fixed_key(auth.key)
    if auth.oauth2:
        return Tokens(auth.oauth2, client, options.project)
    if auth.login:
        return Session(auth.login, client)
    return None


def secrets_in(auth: Auth) -> Iterator[str]:
    yield auth.bearer
    if auth.basic:
        yield auth.basic.password
        yield basic(auth.basic).removeprefix("Basic ")
    if auth.key:
        yield auth.key.value
    if auth.oauth2:
        yield from (auth.oauth2.client_secret, auth.oauth2.refresh_token)
    if auth.login:
        values = [*auth.login.body.items(), *auth.login.form.items()]
        yield from (
            str(value) for name, value in values if name.lower() not in ("user", "username", "email", "grant_type")
        )


def basic(given: Basic) -> str:
    return "Basic " + base64.b64encode(f"{given.user}:{given.password}".encode()).decode()


@dataclass(frozen=True, slots=True, kw_only=True)
class Fixed:
    """The same with every request."""

    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    params: tuple[tuple[str, str], ...] = field(default=(), repr=False)

    def sign(self, call: Call) -> Call:
        kept = tuple(pair for pair in call.params if pair[0] not in dict(self.params))
        return replace(call, headers={**call.headers, **self.headers}, params=kept + self.params)

    def renew(self) -> bool:
        return False


def fixed_key(key: Key) -> Fixed:
    if key.query:
        return Fixed(params=((key.query, key.value),))
    return Fixed(headers={key.header: key.value} if key.header else {"cookie": f"{key.cookie}={key.value}"})


class Tokens:
    """OAuth 2.0 (RFC 6749): by client credentials (4.4) or a refresh token (6).

    A server may give another refresh token with each access token, and take the old one no more. The newest is kept in
    a file that only its owner can read (``.wherry/tokens`` of the project, or ``keep``), written before it is used;
    processes that share it take turns.
    """

    def __init__(self, given: OAuth2, client: Client, project: str) -> None:
        self._given, self._client = given, client
        self._access, self._ends = "", 0.0
        identity = "\0".join((given.token_url, given.client_id, given.refresh_token, given.scope))
        name = sha256(identity.encode()).hexdigest()[:24]
        home = Path(project or ".")
        self._file = home / given.keep if given.keep else home / ".wherry" / "tokens" / f"{name}.json"

    def sign(self, call: Call) -> Call:
        with _LOCK:
            if not self._access or self._client.clock.now().timestamp() > self._ends - EARLY:
                self._fetch(self._access)
            return replace(call, headers={**call.headers, "authorization": f"Bearer {self._access}"})

    def renew(self) -> bool:
        with _LOCK:
            self._fetch(self._access)
            return True

    def _fetch(self, used: str) -> None:
        """Have a new access token. One that another process got meanwhile will do."""
        if not self._given.refresh_token:
            self._take(self._ask({"grant_type": "client_credentials"}))
            return
        with _locked(self._file):
            kept = _read(self._file)
            now = self._client.clock.now().timestamp()
            if kept.get("access", used) != used and kept.get("ends", 0) > now + EARLY:
                self._access, self._ends = kept["access"], kept["ends"]
                self._hide(kept)
                return
            refresh = kept.get("refresh") or self._given.refresh_token
            self._hide(kept)
            try:
                told = self._ask({"grant_type": "refresh_token", "refresh_token": refresh})
            except Failed:
                if refresh == self._given.refresh_token:
                    raise
                # A person may have put a newer one into the environment.
                told = self._ask({"grant_type": "refresh_token", "refresh_token": self._given.refresh_token})
                refresh = self._given.refresh_token
            self._take(told)
            newest = str(told.get("refresh_token") or refresh)
            self._client.veil.add(newest)
            _write(self._file, {"refresh": newest, "access": self._access, "ends": self._ends})

    def _hide(self, kept: Mapping[str, Any]) -> None:
        for name in ("access", "refresh"):
            self._client.veil.add(str(kept.get(name, "")))

    def _take(self, told: Mapping[str, Any]) -> None:
        token = told.get("access_token")
        if not isinstance(token, str) or not token:
            raise Failed(f"`POST {self._url}`", "gave no `access_token`", code="bad-credentials")
        self._client.veil.add(token)
        try:
            length = float(told.get("expires_in") or 3600)
        except (TypeError, ValueError):
            length = 3600.0
        self._access, self._ends = token, self._client.clock.now().timestamp() + length

    @property
    def _url(self) -> str:
        return joined(self._client.home, self._given.token_url)

    def _ask(self, fields: Mapping[str, str]) -> Mapping[str, Any]:
        given = self._given
        form = {**fields, **given.fields}
        headers = {"content-type": "application/x-www-form-urlencoded", "accept": "application/json"}
        if given.scope:
            form["scope"] = given.scope
        if given.send == "basic":
            headers["authorization"] = basic(Basic(user=given.client_id, password=given.client_secret))
            self._client.veil.add(headers["authorization"].removeprefix("Basic "))
        else:
            form |= {"client_id": given.client_id} | (
                {"client_secret": given.client_secret} if given.client_secret else {}
            )
        call = Call(url=self._url, method="POST", headers=headers, body=urlencode(form).encode())
        try:
            return self._client.apart(self._url).ask(call, _document) or {}
        except Failed as failed:
            hint = "The client's name, its secret or the refresh token is wrong or has expired: get new ones."
            raise Failed(
                failed.call, f"{failed.what} (it gives tokens)", status=failed.status, hint=hint, code="bad-credentials"
            ) from None


class Session:
    """A session that a request opens."""

    def __init__(self, given: Login, client: Client) -> None:
        self._given, self._client = given, client
        self._headers: dict[str, str] = {}

    def sign(self, call: Call) -> Call:
        with _LOCK:
            if not self._headers:
                self.renew()
            return replace(call, headers={**call.headers, **self._headers})

    def renew(self) -> bool:
        given = self._given
        url = joined(self._client.home, given.path)
        if given.form:
            kind, body = "application/x-www-form-urlencoded", urlencode(given.form).encode()
        else:
            kind, body = "application/json", json.dumps(given.body).encode()
        call = Call(url=url, method="POST", headers={"content-type": kind}, body=body)
        cookies: list[str] = []

        def opened(answer: Answer) -> Any:
            cookies.extend(answer.headers.get("set-cookie", "").split("\n"))
            return _document(answer) if given.token else None

        document = self._client.apart(url).ask(call, opened)
        if given.token:
            token = ask_json(given.token, document)
            if not isinstance(token, str) or not token:
                raise Failed(f"`POST {url}`", f"gave no token at `{given.token}`", code="bad-credentials")
            self._client.veil.add(token)
            self._headers = {given.header.lower(): given.prefix + token}
        else:
            pairs = [cookie.partition(";")[0].strip() for cookie in cookies if "=" in cookie]
            for pair in pairs:
                self._client.veil.add(pair.partition("=")[2])
            if not pairs:
                raise Failed(f"`POST {url}`", "set no cookie", code="bad-credentials")
            self._headers = {"cookie": "; ".join(pairs)}
        return True


def joined(home: str, path: str) -> str:
    """An address behind ``home``, or one of its own."""
    return path if "://" in path else f"{home.rstrip('/')}/{path.lstrip('/')}" if path else home


def _document(answer: Answer) -> Any:
    try:
        return json.loads(b"".join(answer.pieces))
    except ValueError:
        raise Cut("not with JSON") from None


@contextmanager
def _locked(file: Path) -> Iterator[None]:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.parent.chmod(0o700) if file.parent.name == "tokens" else None
    handle = os.open(file.with_suffix(".lock"), os.O_CREAT | os.O_RDWR, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def _read(file: Path) -> dict[str, Any]:
    try:
        kept = json.loads(file.read_text())
    except (OSError, ValueError):
        return {}
    return kept if isinstance(kept, dict) else {}


def _write(file: Path, kept: Mapping[str, Any]) -> None:
    """Whole or not at all, and on the disk before it is used."""
    beside = file.with_suffix(".new")
    handle = os.open(beside, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600)
    with os.fdopen(handle, "w") as out:
        json.dump(kept, out)
        out.flush()
        os.fsync(out.fileno())
    beside.replace(file)
    folder = os.open(file.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
