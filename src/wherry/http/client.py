"""One request after another to one API: patient with it, within its limits, silent about secrets.

An answer is given to a ``consume`` function while it comes in. What ends early or is not what was asked for (``Cut``)
is asked for again like an error of the server; the function must take back what it had then.
"""

from __future__ import annotations

import email.utils
import json
import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import field, replace
from datetime import UTC
from functools import cache
from typing import TYPE_CHECKING, Any, Protocol, TypeVar
from urllib.parse import quote, urlencode, urljoin, urlsplit, urlunsplit

from wherry.errors import SourceError
from wherry.http.clock import Clock, Limit
from wherry.http.unpack import Cut, unpacked
from wherry.http.veil import Veil
from wherry.model.dataclass import dataclass

if TYPE_CHECKING:
    import httpx

T = TypeVar("T")

#: Answers that may be another one the next time.
PASSING = frozenset((408, 409, 425, 429, 500, 502, 503, 504, 520, 521, 522, 523, 524, 529))
#: An answer that is slower than this many bytes a second, once it took SLOW_AFTER seconds, is given up.
SLOWEST, SLOW_AFTER = 50, 30.0
LONGEST_WAIT = 60.0
REDIRECTS = 5

#: What to do next, by code, when trying again did not help.
_AFTER = {
    "loop": "The list goes round in a circle: look at `pages:`.",
    "bad-answer": "Look at what the address answers, with a browser or curl; run again later if it is passing.",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """A request."""

    url: str
    method: str = "GET"
    params: tuple[tuple[str, str], ...] = ()
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes | None = None

    @property
    def address(self) -> str:
        """The URL with its parameters; one given here takes the place of one in the URL."""
        parts = urlsplit(self.url)
        named = {name for name, _ in self.params}
        kept = [pair for pair in parts.query.split("&") if pair and pair.partition("=")[0] not in named]
        added = urlencode(self.params, quote_via=quote, safe="/:,@")
        return urlunsplit(parts._replace(query="&".join([*kept, added] if added else kept), fragment=""))

    def __str__(self) -> str:
        return f"{self.method} {self.address}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """An answer whose body comes in while it is read."""

    status: int
    #: By lower-case name.
    headers: Mapping[str, str]
    url: str
    pieces: Iterator[bytes]

    @property
    def kind(self) -> str:
        """Its media type, without parameters."""
        return self.headers.get("content-type", "").partition(";")[0].strip().lower()


class Failed(Exception):
    """A request that got no answer to use, in plain words without secrets."""

    def __init__(self, call: str, what: str, *, status: int = 0, hint: str = "", code: str = "no-answer") -> None:
        super().__init__(f"{call} {what}")
        self.call, self.what, self.status, self.hint, self.code = call, what, status, hint, code


class Credentials(Protocol):
    """Adds to a request what lets it in."""

    def sign(self, call: Call) -> Call:
        """The request with credentials; they may be fetched first."""

    def renew(self) -> bool:
        """Told that the server does not take them any more (401): whether there are new ones now."""


@dataclass(slots=True, kw_only=True)
class Client:
    """A client of the API at ``home``."""

    home: str
    credentials: Credentials | None = None
    veil: Veil = field(default_factory=Veil)
    clock: Clock = field(default_factory=Clock)
    limit: Limit = field(default_factory=Limit)
    #: How often a request is made before it is given up.
    attempts: int = 6
    #: Seconds to wait in all for an API that asks to be left alone.
    patience: float = 900.0
    #: Seconds of silence after which a connection is given up.
    timeout: float = 60.0
    #: What to do with an answer of a status: ``ignore``, ``retry`` or ``stop``.
    errors: Mapping[int, str] = field(default_factory=dict)
    #: Bytes that came in.
    received: int = 0
    _http: Any = None

    def close(self) -> None:
        if self._http is not None:
            self._http.close()
            self._http = None

    def apart(self, url: str) -> Client:
        """A client for the requests that get credentials: it shares what is patient, limited and hidden."""
        self._open()
        return replace(self, home=url, credentials=None, errors={})

    def ask(self, call: Call, consume: Callable[[Answer], T], errors: Mapping[int, str] | None = None) -> T | None:
        """What ``consume`` makes of the answer; None where its status is to be ignored. Raises ``Failed``."""
        rules = {**self.errors, **(errors or {})}
        tried, broken, waited, renewed, told, code = 0, 0, 0.0, False, "", "no-answer"
        while True:
            self._turn(call)
            tried += 1
            wait: float | None = None
            try:
                with self._answer(call) as answer:
                    said, wait = self._verdict(answer, rules)
                    if said == "take":
                        self._heed(answer)
                        return consume(answer)
                    if said == "ignore":
                        return None
                    told, code = f"answered {answer.status}{self._words(answer)}", "no-answer"
                    if said == "renew" and not renewed and self.credentials is not None and self.credentials.renew():
                        renewed = True
                        continue
                    if said in ("renew", "stop"):
                        raise self._stopped(call, answer.status, told)
            except Cut as cut:
                told, code = f"was answered, but {self.veil.hide(str(cut))}", cut.code
            except self._errors() as error:
                told, code = f"got no whole answer: {self.veil.hide(_plain(error))}", "no-answer"
            own = wait is None
            broken += own
            if broken >= self.attempts:
                raise Failed(
                    self.shown(call), f"{told}, {_often(broken)}", code=code, hint=_AFTER.get(code, "Run again later.")
                )
            wait = wait or self._backoff(tried)
            if waited + wait > self.patience:
                when = f"for {round(wait)} s" if wait > LONGEST_WAIT else f"again after {round(waited)} s"
                hint = f"Run again later, or set `patience:` to more than {round(self.patience)} seconds."
                if own:
                    times = f"{told}, {_often(tried)}"
                    raise Failed(self.shown(call), times, code=code, hint=_AFTER.get(code, hint))
                raise Failed(
                    self.shown(call), f"{told}: it asks to be left alone {when}", code="rate-limited", hint=hint
                )
            waited += wait
            self.clock.wait(wait)

    def shown(self, call: Call) -> str:
        """The request as a person may see it."""
        return f"`{self.veil.hide(str(call))}`"

    def at_home(self, url: str) -> bool:
        """Whether credentials may go to this address."""
        return origin(url) == origin(self.home)

    def _turn(self, call: Call) -> None:
        length = self.limit.take(self.clock)
        if length > max(self.patience, self.limit.period):
            told = f"has to wait {round(length)} s for its turn: the API's quota is used up"
            raise Failed(self.shown(call), told, code="rate-limited", hint="Run again later, or set `patience:`.")
        if length > 0:
            self.clock.wait(length)

    def _backoff(self, tried: int) -> float:
        """Twice as long after each try, by chance anywhere below it, so that clients do not come back together."""
        return max(0.1, float(self.clock.chance() * min(LONGEST_WAIT, 2.0**tried)))

    def _verdict(self, answer: Answer, rules: Mapping[int, str]) -> tuple[str, float | None]:
        """``take``, ``ignore``, ``renew``, ``retry`` or ``stop``; and how long it asks to wait (0: it does not say)."""
        status = answer.status
        if status in rules:
            return rules[status], None
        if 200 <= status < 300:
            return "take", None
        if status == 401:
            return "renew", None
        asked = self._asked_wait(answer)
        if status == 429 or (status in (403, 503) and asked is not None):
            return "retry", asked or 0.0
        return ("retry", None) if status in PASSING else ("stop", None)

    def _asked_wait(self, answer: Answer) -> float | None:
        """Seconds, from Retry-After (RFC 9110, 10.2.3) or from the end of a used-up quota."""
        if after := answer.headers.get("retry-after", "").strip():
            try:
                return max(0.0, float(after))
            except ValueError:
                pass
            try:
                moment = email.utils.parsedate_to_datetime(after)
                return max(0.0, (moment.astimezone(UTC) - self.clock.now()).total_seconds())
            except (ValueError, TypeError):
                return 0.0
        return self._quota_end(answer)

    def _quota_end(self, answer: Answer) -> float | None:
        for prefix in ("x-ratelimit-", "ratelimit-", "x-rate-limit-"):
            left, end = answer.headers.get(prefix + "remaining", ""), answer.headers.get(prefix + "reset", "")
            if left.strip() == "0" and end.strip().isdigit():
                moment = float(end)
                return max(0.0, moment - self.clock.now().timestamp() if moment > 1e9 else moment)
        return None

    def _heed(self, answer: Answer) -> None:
        """An answer that used up the quota: nobody asks before it is there again."""
        if (length := self._quota_end(answer)) is not None:
            self.limit.pause(self.clock, length)

    def _words(self, answer: Answer) -> str:
        """What a refusing server says, shortly."""
        try:
            head = b""
            for piece in answer.pieces:
                head += piece
                if len(head) > 20_000:
                    break
        except (Cut, self._errors()[0], self._errors()[1]):
            head = b""  # what it says is lost; its status is not
        text = head.decode("utf-8", "replace")
        try:
            text = _message(json.loads(text)) or text
        except ValueError:
            if "<" in text[:200]:
                return " with a web page"
        text = " ".join(self.veil.hide(text).split())
        return f": {text[:200]}{'...' if len(text) > 200 else ''}" if text else ""

    def _stopped(self, call: Call, status: int, told: str) -> Failed:
        code = {401: "bad-credentials", 403: "no-permission", 404: "not-found"}.get(status, "refused")
        hint = {
            401: "The token or password is wrong or has expired: get a new one.",
            403: "The credentials may not read this: ask for the permission, or name other ones.",
            404: "Look at `path:` and `url:`; `errors: {404: ignore}` takes it for an empty answer.",
        }.get(status, f"Look at what is asked for; `errors: {{{status}: ignore}}` takes it for an empty answer.")
        return Failed(self.shown(call), told, status=status, hint=hint, code=code)

    @contextmanager
    def _answer(self, call: Call) -> Iterator[Answer]:
        """Send, and follow redirects; credentials go to the API's own host only."""
        http = self._open()
        for _ in range(REDIRECTS + 1):
            signed = self._dressed(call)
            request = http.build_request(
                signed.method, signed.address, headers=dict(signed.headers), content=signed.body
            )
            answer = http.send(request, stream=True)
            try:
                target = answer.headers.get("location", "")
                if answer.status_code in (301, 302, 303, 307, 308) and target:
                    call = self._redirected(call, answer.status_code, urljoin(signed.address, target))
                    continue
                headers = {name.lower(): value for name, value in answer.headers.items()}
                if "set-cookie" in headers:
                    headers["set-cookie"] = "\n".join(answer.headers.get_list("set-cookie"))
                pieces = self._watched(answer)
                yield Answer(
                    status=answer.status_code,
                    headers=headers,
                    url=signed.address,
                    pieces=unpacked(pieces, headers.get("content-encoding", "")),
                )
                return
            finally:
                answer.close()
        raise Failed(self.shown(call), f"is redirected more than {REDIRECTS} times", code="redirected")

    def _dressed(self, call: Call) -> Call:
        basic = {"accept-encoding": "gzip, deflate", "user-agent": "wherry", "accept": "*/*"}
        if not self.at_home(call.url):
            return replace(call, headers=basic)
        signed = self.credentials.sign(call) if self.credentials is not None else call
        return replace(signed, headers={**basic, **{name.lower(): text for name, text in signed.headers.items()}})

    def _redirected(self, call: Call, status: int, target: str) -> Call:
        there = urlsplit(target)
        away = not self.at_home(target)
        if there.scheme not in ("http", "https") or (away and urlsplit(call.url).scheme == "https" > there.scheme):
            message = f"is redirected to {there.scheme}://{there.netloc}, which is not followed"
            raise Failed(self.shown(call), message, code="redirected", hint="Set `url:` to where the API is now.")
        if call.body is not None and away:
            message = f"is redirected to another host, {there.netloc}, and what it sends must not go there"
            raise Failed(self.shown(call), message, code="redirected", hint="Set `url:` to where the API is now.")
        if status == 303 or (status in (301, 302) and call.method == "POST"):
            return replace(call, url=target, params=(), method="GET", body=None)
        return replace(call, url=target, params=())

    def _watched(self, answer: httpx.Response) -> Iterator[bytes]:
        """The raw bytes of an answer; one that trickles is given up."""
        began, size = self.clock.ticks(), 0
        for piece in answer.iter_raw():
            size += len(piece)
            self.received += len(piece)
            took = self.clock.ticks() - began
            if took > SLOW_AFTER and size < took * SLOWEST:
                raise Cut(f"it came too slowly: {size} bytes in {round(took)} s")
            yield piece

    def _open(self) -> httpx.Client:
        if self._http is None:
            try:
                import httpx
            except ModuleNotFoundError:
                raise SourceError("Web APIs are read with httpx.", hint="pip install 'wherry[rest]'") from None
            for logger in ("httpx", "httpcore"):  # they would write addresses and headers, secrets and all
                logging.getLogger(logger).setLevel(logging.WARNING)
            timeout = httpx.Timeout(self.timeout, connect=min(self.timeout, 15.0))
            self._http = httpx.Client(timeout=timeout, follow_redirects=False, verify=_trust())
        return self._http  # type: ignore[no-any-return]

    def _errors(self) -> tuple[type[Exception], type[Exception]]:
        import httpx

        return (httpx.TransportError, httpx.StreamError)


@cache
def _trust() -> Any:
    """Whom to trust; reading it takes longer than a request."""
    import httpx

    return httpx.create_ssl_context()


def origin(url: str) -> tuple[str, str, int]:
    """Scheme, host and port."""
    parts = urlsplit(url)
    return parts.scheme, (parts.hostname or "").lower(), parts.port or {"http": 80, "https": 443}.get(parts.scheme, 0)


def _often(times: int) -> str:
    return "once" if times == 1 else f"{times} times"


def _message(document: Any) -> str:
    """The sentence in an API's error document."""
    if isinstance(document, str):
        return document
    if isinstance(document, list) and document:
        return _message(document[0])
    if isinstance(document, dict):
        for key in ("message", "error_description", "detail", "reason", "title", "error", "errors"):
            if document.get(key):
                return _message(document[key])
    return ""


def _plain(error: Exception) -> str:
    import httpx

    if isinstance(error, httpx.ConnectTimeout | httpx.ConnectError):
        return f"the host cannot be reached ({error or type(error).__name__})"
    if isinstance(error, httpx.TimeoutException):
        return "the server was silent for too long"
    return str(error).rstrip(".") or type(error).__name__
