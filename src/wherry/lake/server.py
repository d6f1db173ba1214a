"""The catalog on a loopback port, for the DuckDB of this process: as much HTTP as that takes.

A call costs well under a millisecond, which no general web server reaches, and a small ``create table`` makes five.
"""

import json
import secrets
import socket
from collections.abc import Callable, Mapping
from contextlib import suppress
from threading import Lock, Thread
from typing import Any
from urllib.parse import parse_qsl

from wherry.lake.refusal import Refused

#: ``handle(method, path, query, body, author=...) -> (status, body)``
Handle = Callable[..., tuple[int, dict[str, Any] | None]]

_HEAD_LIMIT = 64 * 1024
_BODY_LIMIT = 256 * 1024 * 1024
_REASONS = {200: "OK", 204: "No Content", 400: "Bad Request", 401: "Unauthorized", 403: "Forbidden"}
_REASONS |= {404: "Not Found", 409: "Conflict", 413: "Too Large", 500: "Error", 501: "Not Implemented"}


class Server:
    """Listens from the moment it is made until ``close``; a thread per connection."""

    def __init__(self, handle: Handle) -> None:
        self._handle = handle
        self._tokens: dict[str, str] = {}
        self._open: set[socket.socket] = set()
        self._lock = Lock()
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.port: int = self._listener.getsockname()[1]
        Thread(target=self._accept, name="wherry-catalog", daemon=True).start()

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def token(self, author: str) -> str:
        """The author's bearer token; commits made with it are theirs."""
        with self._lock:
            for token, known in self._tokens.items():
                if known == author:
                    return token
            token = secrets.token_urlsafe(32)
            self._tokens[token] = author
            return token

    def close(self) -> None:
        """Stop listening and hang up."""
        with self._lock:
            connections = list(self._open)
            self._tokens.clear()
        for each in (self._listener, *connections):
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            # Otherwise the system waits 40 ms for more to send.
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            with self._lock:
                self._open.add(connection)
            Thread(target=self._converse, args=(connection,), name="wherry-catalog", daemon=True).start()

    def _converse(self, connection: socket.socket) -> None:
        try:
            waiting = bytearray()
            while self._one(connection, waiting):
                pass
        except OSError:
            pass
        finally:
            with self._lock:
                self._open.discard(connection)
            connection.close()

    def _one(self, connection: socket.socket, waiting: bytearray) -> bool:
        """Answer one request; False when the conversation is over."""
        while (end := waiting.find(b"\r\n\r\n")) < 0:
            if len(waiting) > _HEAD_LIMIT or not _receive(connection, waiting):
                return False
        lines = waiting[:end].decode("latin-1").split("\r\n")
        del waiting[: end + 4]
        headers = {}
        for line in lines[1:]:
            name, _, value = line.partition(":")
            headers[name.lower()] = value.strip()
        try:
            method, target, _ = lines[0].split(" ")
            length = int(headers.get("content-length") or 0)
        except ValueError:
            return _refuse(connection, Refused(400, "BadRequestException", "this is not HTTP"))
        if "transfer-encoding" in headers:
            return _refuse(connection, Refused(501, "UnsupportedOperationException", "send a Content-Length"))
        if not 0 <= length <= _BODY_LIMIT:
            return _refuse(connection, Refused(413, "BadRequestException", "the request is too large"))
        author = self._tokens.get(headers.get("authorization", "").removeprefix("Bearer "))
        if author is None:
            return _refuse(connection, Refused(401, "NotAuthorizedException", "the token is not known"))
        if headers.get("expect", "").lower() == "100-continue":
            connection.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
        while len(waiting) < length:
            if not _receive(connection, waiting):
                return False
        raw = bytes(waiting[:length])
        del waiting[:length]
        path, _, asked = target.partition("?")
        try:
            body = json.loads(raw) if raw else None
        except ValueError:
            return _refuse(connection, Refused(400, "BadRequestException", "the body is not JSON"))
        query = dict(parse_qsl(asked)) if asked else {}
        status, answer = self._handle(method, path, query, body, author=author)
        closing = headers.get("connection", "").lower() == "close"
        _send(connection, status, answer, closing=closing, head=method == "HEAD")
        return not closing


def _receive(connection: socket.socket, waiting: bytearray) -> bool:
    more = connection.recv(262144)
    waiting += more
    return bool(more)


def _refuse(connection: socket.socket, refused: Refused) -> bool:
    _send(connection, refused.status, refused.body(), closing=True)
    # Hanging up with something unread would take the answer back from the client.
    connection.shutdown(socket.SHUT_WR)
    connection.settimeout(1)
    left = _HEAD_LIMIT * 16
    while left > 0 and (more := connection.recv(_HEAD_LIMIT)):
        left -= len(more)
    return False


def _send(
    connection: socket.socket, status: int, answer: Mapping[str, Any] | None, *, closing: bool, head: bool = False
) -> None:
    body = b"" if answer is None else json.dumps(answer, separators=(",", ":"), ensure_ascii=False).encode()
    length = "" if status == 204 else f"Content-Length: {len(body)}\r\n"
    line = f"HTTP/1.1 {status} {_REASONS.get(status, 'Unknown')}\r\nContent-Type: application/json\r\n{length}"
    end = "Connection: close\r\n\r\n" if closing else "\r\n"
    # One send: two would wait for the client's acknowledgement between them.
    connection.sendall((line + end).encode("latin-1") + (b"" if head else body))
