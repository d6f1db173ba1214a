"""The server as other processes meet it: slow, malformed, many, and gone in the middle."""

import http.client
import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from typing import Any

import pytest

from fixtures.rest import S, T, made
from wherry.lake.lake import Lake
from wherry.lake.server import Limits, Server

TOKEN = "a token of sixteen".replace(" ", "-")
AUTH = f"Authorization: Bearer {TOKEN}\r\n"


@pytest.fixture
def server(lake: Lake) -> Iterator[Server]:
    limits = Limits(greeting=0.5, idle=0.5, request=0.5, answer=1)
    with closing(Server(lake.catalog.handle, limits=limits)) as running:
        running.admit(TOKEN, "ada")
        yield running


def call(server: Server, method: str, path: str, body: Any = None, **headers: str) -> tuple[int, Any, Any]:
    client = http.client.HTTPConnection(server.host, server.port, timeout=5)
    with closing(client):
        raw = None if body is None else json.dumps(body)
        client.request(method, path, raw, {"Authorization": f"Bearer {TOKEN}", **headers})
        answer = client.getresponse()
        text = answer.read()
        return answer.status, json.loads(text) if text else None, answer.headers


def talk(server: Server, raw: bytes, more: bytes = b"", pause: float = 0) -> bytes:
    with socket.create_connection((server.host, server.port), timeout=5) as connection:
        connection.sendall(raw)
        if more:
            time.sleep(pause)
            connection.sendall(more)
        answer = b""
        while part := connection.recv(65536):
            answer += part
        return answer


def test_a_request_and_its_author(lake: Lake, server: Server) -> None:
    assert call(server, "POST", "/v1/main/namespaces", {"namespace": ["s"]})[0] == 200
    schema = {"type": "struct", "fields": [{"id": 1, "name": "i", "required": False, "type": "int"}]}
    assert call(server, "POST", f"{S}/tables", {"name": "t", "schema": schema})[0] == 200
    assert lake.log()[0].author == "ada"
    status, body, _ = call(server, "HEAD", T)
    assert (status, body) == (204, None)
    assert call(server, "HEAD", f"{S}/tables/none")[:2] == (404, None)


def test_a_table_that_did_not_change_is_not_sent_again(lake: Lake, server: Server) -> None:
    made(lake)
    _, _, headers = call(server, "GET", T)
    tag = headers["ETag"]
    assert call(server, "GET", T, **{"If-None-Match": tag})[:2] == (304, None)
    assert call(server, "GET", f"{T}?snapshots=refs", **{"If-None-Match": tag})[0] == 200
    call(server, "POST", T, {"updates": [{"action": "set-properties", "updates": {"a": "b"}}]})
    assert call(server, "GET", T, **{"If-None-Match": tag})[0] == 200


def test_only_the_token_endpoint_needs_no_token(server: Server) -> None:
    form = "grant_type=client_credentials&client_id=a&client_secret=b"
    raw = f"POST /v1/oauth/tokens HTTP/1.1\r\nContent-Length: {len(form)}\r\nConnection: close\r\n\r\n{form}"
    answer = talk(server, raw.encode())
    assert answer.startswith(b"HTTP/1.1 400") and b'"unsupported_grant_type"' in answer
    for path in ("/v1/config", "/v1/oauth/tokens/", "/", "/v1/main/namespaces"):
        assert call(server, "GET", path, Authorization="Bearer nothing")[0] == 401
        assert call(server, "GET", path, Authorization="Basic " + TOKEN)[0] == 401
    assert call(server, "GET", "/v1/config", Authorization=f"bearer  {TOKEN}")[0] == 200


MALFORMED = [
    (b"\r\n\r\n", b"400"),
    (b"GET /v1/config\r\n\r\n", b"400"),
    (b"GET /v1/config HTTP/2\r\n\r\n", b"400"),
    (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", b"400"),
    (b"GET /v1/config HTTP/1.1\r\nno colon\r\n\r\n", b"400"),
    (b"GET /v1/config HTTP/1.1\r\nA : b\r\n\r\n", b"400"),
    (b"GET /v1/config HTTP/1.1\r\n folded\r\n\r\n", b"400"),
    (b"POST / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", b"400"),
    (b"POST / HTTP/1.1\r\nContent-Length: -1\r\n\r\n", b"400"),
    (b"POST / HTTP/1.1\r\nContent-Length: 1_0\r\n\r\n", b"400"),
    (b"POST / HTTP/1.1\r\nContent-Length: 99999999999999999999999\r\n\r\n", b"413"),
    (b"POST / HTTP/1.1\r\nContent-Length: 99999999\r\n\r\n", b"413"),
    (b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n", b"501"),
    (f"POST / HTTP/1.1\r\n{AUTH}Content-Length: 2\r\n\r\n\xff\xfe".encode("latin-1"), b"400"),
    (f"POST / HTTP/1.1\r\n{AUTH}Content-Length: 100000\r\n\r\n{'[' * 100_000}".encode(), b"400"),
    (f"GET /v1/config?{'a&' * 500} HTTP/1.1\r\n{AUTH}\r\n".encode(), b"400"),
]


@pytest.mark.parametrize(("raw", "status"), MALFORMED)
def test_what_is_not_http_is_answered_and_hung_up_on(server: Server, raw: bytes, status: bytes) -> None:
    assert talk(server, raw).startswith(b"HTTP/1.1 " + status)
    assert call(server, "GET", "/v1/config")[0] == 200


def test_other_ways_to_write_http(server: Server) -> None:
    full = f"GET http://here:1/v1/config HTTP/1.1\r\n{AUTH}Connection: close\r\n\r\n"
    assert b'"prefix":"main"' in talk(server, full.encode())
    old = f"GET /v1/config HTTP/1.0\r\n{AUTH}\r\n"
    assert b"Connection: close" in talk(server, old.encode())


def test_slow_clients_are_hung_up_on(server: Server) -> None:
    began = time.monotonic()
    assert talk(server, b"") == b""
    assert talk(server, b"GET /v1/con") == b""
    assert talk(server, f"POST / HTTP/1.1\r\n{AUTH}Content-Length: 9\r\n\r\n{{".encode()) == b""
    good = f"GET /v1/config HTTP/1.1\r\n{AUTH}\r\n".encode()
    assert talk(server, good).startswith(b"HTTP/1.1 200")
    assert time.monotonic() - began < 15


def test_a_request_in_pieces(server: Server) -> None:
    good = f"GET /v1/config HTTP/1.1\r\n{AUTH}Connection: close\r\n\r\n".encode()
    assert talk(server, good[:20], good[20:], pause=0.1).startswith(b"HTTP/1.1 200")


def soon(true: Callable[[], bool]) -> bool:
    """Whether it becomes true within some seconds."""
    until = time.monotonic() + 10
    while not true() and time.monotonic() < until:
        time.sleep(0.02)
    return true()


def test_threads_are_used_again_and_spare_ones_leave(lake: Lake) -> None:
    def threads(server: Server) -> int:
        return sum(
            getattr(getattr(each, "_target", None), "__self__", None) is server for each in threading.enumerate()
        )

    with closing(Server(lake.catalog.handle)) as server, ExitStack() as stack:
        server.admit(TOKEN, "ada")
        assert threads(server) == 1
        line = f"GET /v1/config HTTP/1.1\r\n{AUTH}\r\n".encode()
        talking = [stack.enter_context(socket.create_connection((server.host, server.port), 60)) for _ in range(20)]
        for connection in talking:
            connection.sendall(line)
        assert all(connection.recv(100).startswith(b"HTTP/1.1 200") for connection in talking)
        assert threads(server) == 21
        stack.close()
        assert soon(lambda: not server._open and threads(server) <= 3)
        assert call(server, "GET", "/v1/config")[0] == 200


def test_a_thread_that_is_not_to_be_had_costs_one_connection(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    start = threading.Thread.start

    def none(thread: threading.Thread) -> None:
        if thread.name == "wherry-catalog":
            raise RuntimeError("can't start new thread")
        start(thread)

    with closing(Server(lake.catalog.handle)) as server:
        server.admit(TOKEN, "ada")
        monkeypatch.setattr(threading.Thread, "start", none)
        with pytest.raises((ConnectionError, http.client.HTTPException)):
            call(server, "GET", "/v1/config")
        monkeypatch.undo()
        for _ in range(3):
            assert call(server, "GET", "/v1/config")[0] == 200


def test_too_many_connections_are_told_so_and_the_others_go_on(lake: Lake) -> None:
    with ExitStack() as stack:
        server = stack.enter_context(closing(Server(lake.catalog.handle, limits=Limits(connections=4))))
        server.admit(TOKEN, "ada")
        first = stack.enter_context(closing(http.client.HTTPConnection(server.host, server.port, timeout=5)))
        first.request("GET", "/v1/config", headers={"Authorization": f"Bearer {TOKEN}"})
        assert first.getresponse().read()
        with ExitStack() as others:
            for _ in range(3):
                others.enter_context(socket.create_connection((server.host, server.port), timeout=5))
            assert soon(lambda: len(server._open) == 4)
            assert talk(server, b"").startswith(b"HTTP/1.1 503")
            first.request("GET", "/v1/config", headers={"Authorization": f"Bearer {TOKEN}"})
            answer = first.getresponse()
            assert answer.status == 200 and answer.read()
        assert soon(lambda: len(server._open) == 1)
        assert call(server, "GET", "/v1/config")[0] == 200


def test_clients_that_vanish_leave_nothing_behind(server: Server) -> None:
    for _ in range(30):
        with socket.create_connection((server.host, server.port), timeout=5) as connection:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")
            connection.sendall(f"GET /v1/config HTTP/1.1\r\n{AUTH}\r\n".encode())
    assert soon(lambda: not server._open)
    assert call(server, "GET", "/v1/config")[0] == 200


def test_requests_under_way_are_answered_when_it_stops() -> None:
    begun, stopping = threading.Event(), threading.Event()

    def slow(*_: Any, **__: Any) -> tuple[int, dict[str, Any]]:
        begun.set()
        stopping.wait(30)
        return 200, {"done": True}

    server = Server(slow)
    server.admit(TOKEN, "")
    answers: list[bytes] = []
    good = f"GET /v1/config HTTP/1.1\r\n{AUTH}\r\n".encode()
    asking = threading.Thread(target=lambda: answers.append(talk(server, good)))
    asking.start()
    idle = socket.create_connection((server.host, server.port), timeout=60)
    assert begun.wait(30) and soon(lambda: len(server._open) == 2)  # else the second is refused
    stop = threading.Thread(target=server.close, args=(60,))
    stop.start()
    assert soon(lambda: server._closing)
    stopping.set()
    for thread in (asking, stop):
        thread.join(60)
    assert answers and b'"done":true' in answers[0] and b"Connection: close" in answers[0]
    assert idle.recv(10) == b""
    idle.close()
    with pytest.raises(OSError):
        socket.create_connection((server.host, server.port), timeout=1)


def test_an_answer_that_never_comes_does_not_keep_it_from_stopping() -> None:
    begun, never = threading.Event(), threading.Event()

    def stuck(*_: Any, **__: Any) -> tuple[int, None]:
        begun.set()
        never.wait(10)
        return 204, None

    server = Server(stuck)
    server.admit(TOKEN, "")
    with socket.create_connection((server.host, server.port), timeout=5) as connection:
        connection.sendall(f"GET /v1/config HTTP/1.1\r\n{AUTH}\r\n".encode())
        begun.wait(5)
        began = time.monotonic()
        server.close(wait=0.2)
        assert time.monotonic() - began < 2
        never.set()
