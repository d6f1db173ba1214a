"""The catalog on a port, for the DuckDB of this process and for other engines: as much HTTP as that takes.

A call costs well under a millisecond, which no general web server reaches, and a small ``create table`` makes five.
"""

import json
import secrets
import socket
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from hashlib import blake2b
from threading import Condition, Lock, Thread
from typing import Any
from urllib.parse import parse_qsl

from wherry.lake.refusal import Refused, bad
from wherry.model.dataclass import dataclass

#: ``handle(method, path, query, body, author=..., agent=...) -> (status, body)``
Handle = Callable[..., tuple[int, dict[str, Any] | None]]

_HEAD_LIMIT = 64 * 1024
_BODY_LIMIT = 64 * 1024 * 1024
#: Threads that stay to wait for a connection when there is nothing else to do.
_WAITING = 2
#: The only address that is answered without a token: it tells clients that they need one.
_OPEN = "/v1/oauth/tokens"
_REASONS = {200: "OK", 204: "No Content", 304: "Not Modified", 400: "Bad Request", 401: "Unauthorized"}
_REASONS |= {403: "Forbidden", 404: "Not Found", 406: "Not Acceptable", 409: "Conflict", 413: "Too Large"}
_REASONS |= {422: "Unprocessable", 500: "Error", 501: "Not Implemented", 503: "Unavailable"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What one client may take from the others. Times are in seconds."""

    #: Connections at once; the next one is told to come back.
    connections: int = 512
    #: Until a new connection has sent its first request with a token.
    greeting: float = 30.0
    #: Between two requests; None: any time, for clients of this process.
    idle: float | None = None
    #: From the first byte of a request to its last.
    request: float = 60.0
    #: To take an answer.
    answer: float = 60.0


class Server:
    """Listens from the moment it is made until ``close``; a thread per connection.

    DuckDB sends each commit over a connection of its own, so threads are used again.
    """

    def __init__(self, handle: Handle, *, host: str = "127.0.0.1", port: int = 0, limits: Limits | None = None) -> None:
        self._handle = handle
        self._limits = limits or Limits()
        self._tokens: dict[str, str] = {}
        self._open: set[socket.socket] = set()
        self._lock = Lock()
        self._left = Condition(self._lock)
        self._closing = False
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self._listener = socket.create_server((host, port), family=family, backlog=128)
        self.host = host
        self.port: int = self._listener.getsockname()[1]
        #: Threads that wait for a connection.
        self._waiting = 0
        self._start()

    @property
    def endpoint(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"http://{host}:{self.port}"

    def token(self, author: str) -> str:
        """The author's bearer token; commits made with it are theirs."""
        with self._lock:
            for token, known in self._tokens.items():
                if known == author:
                    return token
            token = secrets.token_urlsafe(32)
            self._tokens[token] = author
            return token

    def admit(self, token: str, author: str) -> None:
        """Take a token that was made elsewhere; commits made with it are the author's."""
        with self._lock:
            self._tokens[token] = author

    def close(self, wait: float = 5.0) -> None:
        """Stop listening, let requests that came in whole be answered (at most ``wait`` seconds), and hang up."""
        with self._lock:
            self._closing = True
            connections = list(self._open)
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for each in connections:
            # Whoever waits for a request gets its end; whoever answers one can still send.
            with suppress(OSError):
                each.shutdown(socket.SHUT_RD)
        until = time.monotonic() + wait
        with self._left:
            while self._open and (left := until - time.monotonic()) > 0:
                self._left.wait(left)
            connections = list(self._open)
            self._tokens.clear()
        for each in connections:
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()

    def _serve(self) -> None:
        """What each thread does: hold one conversation after the other, unless enough others wait for the next."""
        while (connection := self._accept()) is not None:
            self._converse(connection)
            with self._lock:
                if self._waiting >= _WAITING:
                    return
                self._waiting += 1

    def _accept(self) -> socket.socket | None:
        """The next connection, when a thread waits for the one after it. None: this server is closed."""
        while not self._closing:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                # Out of file handles, or the client was gone already: the next one may do better.
                time.sleep(0.01)
                continue
            with self._lock:
                room = not self._closing and len(self._open) < self._limits.connections
                if room:
                    self._open.add(connection)
                    self._waiting -= 1
                last = self._waiting == 0
            try:
                # Otherwise the system waits 40 ms for more to send.
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                if room:
                    if last:
                        self._start()
                    return connection
                connection.settimeout(0.1)
                _send(connection, 503, _BUSY.body(), closing=True)
            except (OSError, RuntimeError):
                pass  # hung up meanwhile, or no thread is to be had
            self._hang_up(connection)
            if room:
                with self._lock:
                    self._waiting += 1
        return None

    def _start(self) -> None:
        """Have one more thread wait. Raises ``RuntimeError`` when none is to be had."""
        with self._lock:
            self._waiting += 1
        try:
            Thread(target=self._serve, name="wherry-catalog", daemon=True).start()
        except RuntimeError:
            with self._lock:
                self._waiting -= 1
            raise

    def _hang_up(self, connection: socket.socket) -> None:
        connection.close()
        with self._left:
            self._open.discard(connection)
            self._left.notify_all()

    def _converse(self, connection: socket.socket) -> None:
        try:
            talk = _Talk(connection, bytearray())
            wait: float | None = self._limits.greeting
            while self._one(talk, wait):
                wait = self._limits.idle
        except OSError:
            pass
        finally:
            self._hang_up(connection)

    def _one(self, talk: "_Talk", wait: float | None) -> bool:
        """Answer one request; False when the conversation is over."""
        if not talk.waiting and not talk.receive(wait):
            return False
        until = time.monotonic() + self._limits.request
        while (end := talk.waiting.find(b"\r\n\r\n")) < 0:
            if len(talk.waiting) > _HEAD_LIMIT or not talk.receive(until - time.monotonic()):
                return False
        try:
            head = _Head.parse(bytes(talk.waiting[:end]))
            del talk.waiting[: end + 4]
            author = self._tokens.get(head.token)
            if author is None and head.path != _OPEN:
                raise Refused(401, "NotAuthorizedException", "the token is not known")
            if head.get("expect").lower() == "100-continue":
                talk.connection.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
            while len(talk.waiting) < head.length:
                if not talk.receive(until - time.monotonic()):
                    return False
            raw = bytes(talk.waiting[: head.length])
            del talk.waiting[: head.length]
            body = _json(raw) if head.path != _OPEN else None
            query = dict(parse_qsl(head.query, keep_blank_values=True, max_num_fields=100)) if head.query else {}
        except ValueError:
            return _refuse(talk.connection, bad("this is not understood"))
        except Refused as refused:
            return _refuse(talk.connection, refused)
        status, answer = self._handle(
            head.method, head.path, query, body, author=author or "", agent=head.get("user-agent")
        )
        tag = _tag(head, answer) if status == 200 and head.method == "GET" else ""
        if tag and head.get("if-none-match") == tag:
            status, answer = 304, None
        talk.connection.settimeout(self._limits.answer)
        closing = head.closes or self._closing
        _send(talk.connection, status, answer, closing=closing, head=head.method == "HEAD", tag=tag)
        return not closing


@dataclass(slots=True)
class _Talk:
    """One connection and what came in over it and was not read yet."""

    connection: socket.socket
    waiting: bytearray

    def receive(self, seconds: float | None) -> bool:
        """Take in more; False when there is no more, or not in that time."""
        if seconds is not None and seconds <= 0:
            return False
        self.connection.settimeout(seconds)
        more = self.connection.recv(262144)
        self.waiting += more
        return bool(more)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Head:
    """The lines before a request's body."""

    method: str
    #: As sent, without what follows the question mark.
    path: str
    query: str
    length: int
    closes: bool
    headers: Mapping[str, str]

    @classmethod
    def parse(cls, raw: bytes) -> "_Head":
        """Raises ``Refused`` for what is not HTTP, or too large."""
        lines = raw.decode("latin-1").split("\r\n")
        headers: dict[str, str] = {}
        for line in lines[1:]:
            name, colon, value = line.partition(":")
            if not colon or name != name.strip() or headers.get(name.lower(), value.strip()) != value.strip():
                raise bad("this is not HTTP")
            headers[name.lower()] = value.strip()
        parts = lines[0].split(" ")
        said = headers.get("content-length", "0")
        if len(parts) != 3 or not parts[2].startswith("HTTP/1.") or not (said.isascii() and said.isdecimal()):
            raise bad("this is not HTTP")
        if "transfer-encoding" in headers:
            raise Refused(501, "UnsupportedOperationException", "send a Content-Length")
        if len(said) > 12 or int(said) > _BODY_LIMIT:
            raise Refused(413, "BadRequestException", "the request is too large")
        target = parts[1]
        if not target.startswith("/"):
            # As to a proxy: http://host/path
            target = "/" + target.partition("://")[2].partition("/")[2]
        path, _, query = target.partition("?")
        connection = headers.get("connection", "").lower()
        closes = connection == "close" or (parts[2] == "HTTP/1.0" and connection != "keep-alive")
        return cls(method=parts[0], path=path, query=query, length=int(said), closes=closes, headers=headers)

    def get(self, name: str) -> str:
        return self.headers.get(name, "")

    @property
    def token(self) -> str:
        kind, _, token = self.get("authorization").partition(" ")
        return token.strip() if kind.lower() == "bearer" else ""


_BUSY = Refused(503, "ServiceUnavailableException", "there are too many connections; come back in a moment")


def _json(raw: bytes) -> Any:
    if not raw:
        return None
    try:
        return json.loads(raw)
    except (ValueError, RecursionError):
        raise bad("the body is not JSON") from None


def _tag(head: _Head, answer: Mapping[str, Any] | None) -> str:
    """What a client may show next time to be told that nothing changed. An answer with credentials has none."""
    if not answer or not answer.get("metadata-location") or answer.get("config") or "storage-credentials" in answer:
        return ""
    said = f"{answer['metadata-location']} {head.query}"
    return f'"{blake2b(said.encode("utf-8", "replace"), digest_size=12).hexdigest()}"'


def _refuse(connection: socket.socket, refused: Refused) -> bool:
    connection.settimeout(1)
    _send(connection, refused.status, refused.body(), closing=True)
    # Hanging up with something unread would take the answer back from the client.
    connection.shutdown(socket.SHUT_WR)
    left = _HEAD_LIMIT * 16
    until = time.monotonic() + 2
    while left > 0 and time.monotonic() < until and (more := connection.recv(_HEAD_LIMIT)):
        left -= len(more)
    return False


def _send(
    connection: socket.socket,
    status: int,
    answer: Mapping[str, Any] | None,
    *,
    closing: bool,
    head: bool = False,
    tag: str = "",
) -> None:
    body = b""
    if answer is not None:
        # A lone surrogate that came in as an escape goes out as a question mark, not as the end of the thread.
        body = json.dumps(answer, separators=(",", ":"), ensure_ascii=False).encode("utf-8", "replace")
    length = "" if status in (204, 304) else f"Content-Length: {len(body)}\r\n"
    named = f"ETag: {tag}\r\n" if tag else ""
    line = f"HTTP/1.1 {status} {_REASONS.get(status, 'Unknown')}\r\nContent-Type: application/json\r\n{length}{named}"
    end = "Connection: close\r\n\r\n" if closing else "\r\n"
    # One send: two would wait for the client's acknowledgement between them.
    connection.sendall((line + end).encode("latin-1") + (b"" if head else body))
