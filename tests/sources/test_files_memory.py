"""Memory is bounded, whatever a file holds: each is read in a process that may not have what the file would need."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import IO, Any

import pytest

from memory_group import wall

DEEP = os.environ.get("WHERRY_DEEP") == "1"
#: Arrow's own allocator would reserve a gigabyte at once, which counts in the limit.
ENVIRONMENT = {**os.environ, "ARROW_DEFAULT_MEMORY_POOL": "system", "MALLOC_ARENA_MAX": "2"}
#: Megabytes of data that the process may have; Python, DuckDB and pyarrow take half of it.
LIMIT = 512
LONG = 300_000_000


def bounded(path: Path, name: str, limit: int = LIMIT, **table: Any) -> dict[str, Any]:
    """What reading a table comes to, under the limit."""
    given = json.dumps({"path": str(path), "name": name, "table": table})
    done = subprocess.run(
        [sys.executable, str(Path(__file__).with_name("bounded.py")), str(limit), given],
        capture_output=True, text=True, check=False, env=ENVIRONMENT,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    told: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    assert not told["problem"], told["problem"]
    return told


CSV = "".join(f"{i},name {i},{'x' * 80}\n" for i in range(10_000)).encode()
JSON = ",\n".join(json.dumps({"id": i, "deep": {"x": [1, 2]}, "text": "x" * 60}) for i in range(10_000)).encode()
XML = "".join(f"<r id='{i}'><n>n{i}</n><t>{'x' * 60}</t></r>\n" for i in range(10_000)).encode()


def many_csv(out: IO[bytes]) -> int:
    out.write(b"id,name,text\n")
    for _ in range(300):
        out.write(CSV)
    return 3_000_000


def test_an_archive_that_is_larger_than_memory(tmp_path: Path) -> None:
    path = tmp_path / "a.zip"
    with (
        zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive,
        archive.open("a.csv", "w") as out,
    ):
        count = many_csv(out)
    assert path.stat().st_size < 40 << 20
    assert bounded(tmp_path, "a.zip")["rows"] == count


def test_one_large_array(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_bytes(b"[" + b",\n".join([JSON] * 50) + b"]")
    assert bounded(tmp_path, "a.json")["rows"] == 500_000


def test_one_large_document(tmp_path: Path) -> None:
    (tmp_path / "a.xml").write_bytes(b"<all>" + XML * 20 + b"</all>")
    assert bounded(tmp_path, "a.xml")["rows"] == 200_000


VALUES = {
    "csv": (b"id,t\n1,a\n2,", b"\n3,b\n"),
    "jsonl": (b'{"id":1}\n{"id":2,"t":"', b'"}\n{"id":3}\n'),
    "json": (b'[{"id":1},\n{"id":2,"t":"', b'"},\n{"id":3}]'),
    "xml": (b"<r><a><i>1</i></a>\n<a><t>", b"</t></a>\n<a><i>3</i></a></r>"),
}


@pytest.mark.parametrize("kind", VALUES)
def test_300_megabytes_in_one_value(tmp_path: Path, kind: str) -> None:
    before, after = VALUES[kind]
    with (tmp_path / f"a.{kind}").open("wb") as out:
        out.write(before)
        for _ in range(LONG // 1_000_000):
            out.write(b"x" * 1_000_000)
        out.write(after)
    told = bounded(tmp_path, f"a.{kind}")
    assert told["rows"] == 2 and told["rejects"] == 1 and told["longest"] < 2 << 20


def test_more_bad_rows_than_memory(tmp_path: Path) -> None:
    with (tmp_path / "a.csv").open("wb") as out:
        out.write(b"id,t\n")
        for _ in range(150):
            out.write(b"1,ok\n" * 10 + (b"a bad line" * 100_000 + b"\n") * 2)
    told = bounded(tmp_path, "a.csv")
    assert told["rows"] == 1_500 and told["rejects"] == 300


@contextmanager
def generator(pieces: Callable[[], Iterator[bytes]], size: int) -> Iterator[str]:
    """A web server whose file is made while it is sent."""

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, format: str, *args: object) -> None:
            pass

        def do_HEAD(self) -> None:
            self.send_response(200)
            self.send_header("Content-Length", str(size))
            self.send_header("ETag", '"one"')
            self.end_headers()

        def do_GET(self) -> None:
            self.do_HEAD()
            for piece in pieces():
                self.wfile.write(piece)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_a_generator_through_a_limited_process(tmp_path: Path) -> None:
    """The whole way into the lake, by a process of 1 GB: 40 MB; with WHERRY_DEEP=1 10 GB."""
    header, times, limit = b"id,name,text\n", 10_000_000_000 // len(CSV) if DEEP else 40, 1024

    def pieces() -> Iterator[bytes]:
        yield header
        for _ in range(times):
            yield CSV

    (tmp_path / "wherry.toml").write_text('name = "big"\n')
    (tmp_path / "sources").mkdir()
    program = (
        "import sys; from wherry.cli import main\n"
        "try: main()\n"
        # Not the kernel's ru_maxrss, which begins with what the process was that started this one.
        "finally:\n"
        " status = open('/proc/self/status').read()\n"
        " print(int(status.partition('VmHWM:')[2].split()[0]) >> 10, file=sys.stderr)"
    )
    with generator(pieces, len(header) + times * len(CSV)) as url, wall(limit) as around:
        (tmp_path / "sources" / "web.yml").write_text(
            f"connector: files\npath: {url}\ntables:\n  a.csv: {{as: raw.a}}\n"
        )
        done = subprocess.run(
            around.inside([sys.executable, "-c", program, "run", "--project", str(tmp_path), "--json"]),
            capture_output=True, text=True, check=False, env=around.environment,
        )  # fmt: skip
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    (built,) = json.loads(done.stdout)["assets"]
    assert built["rows"] == times * 10_000
    assert int(done.stderr.split()[-1]) < limit
    print(f"{times * len(CSV) / 1e9:.2f} GB, {built['seconds']} s, peak {done.stderr.split()[-1]} MB, {around}")
