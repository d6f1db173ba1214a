"""``wherry serve``, as a process of its own."""

import json
import os
import signal
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest

from fixtures.commands import Wherry
from wherry.lake.attach import connect
from wherry.lake.lake import Lake


@contextmanager
def serving(folder: Path, *words: str) -> Iterator[tuple[subprocess.Popen[str], dict[str, Any]]]:
    command = [sys.executable, "-m", "wherry", "serve", "--project", str(folder), "--port", "0", "--json", *words]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        yield process, json.loads(process.stdout.readline())
    finally:
        process.kill()
        process.communicate()


def get(endpoint: str, path: str, token: str, body: Any = None) -> Any:
    data = None if body is None else json.dumps(body).encode()
    request = Request(endpoint + path, data, {"Authorization": f"Bearer {token}"})
    with urlopen(request, timeout=5) as answer:
        return json.load(answer)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_answers_until_it_is_told_to_stop(shop: Path, number: int) -> None:
    with serving(shop, "--branch", "main") as (process, told):
        path = Path(told["token_file"])
        assert path == shop / ".wherry" / "token" and stat.S_IMODE(path.stat().st_mode) == 0o600
        token = path.read_text().strip()
        assert get(told["endpoint"], "/v1/config", token)["overrides"] == {"prefix": "main"}
        assert get(told["endpoint"], "/v1/main/namespaces", token, {"namespace": ["s"]})["namespace"] == ["s"]
        with pytest.raises(HTTPError, match="401"):
            get(told["endpoint"], "/v1/config", "nothing")
        process.send_signal(number)
        assert process.wait(10) == 0
        assert process.stderr is not None and "Traceback" not in process.stderr.read()


def test_duckdb_reads_and_writes_over_it(shop: Path, wherry: Wherry) -> None:
    assert wherry("run", "--project", shop).code == 0
    assert wherry("branch", "dev", "--project", shop).code == 0
    with serving(shop) as (_, told), connect() as db:
        token = Path(told["token_file"]).read_text().strip()
        db.execute(f"CREATE SECRET lake (TYPE iceberg, TOKEN '{token}')")
        db.execute(f"ATTACH 'dev' AS lake (TYPE iceberg, ENDPOINT '{told['endpoint']}', SECRET lake)")
        assert db.execute("SELECT revenue::DOUBLE FROM lake.marts.revenue").fetchall() == [(2.5,)]
        db.execute("CREATE SCHEMA lake.mine; CREATE TABLE lake.mine.t AS FROM range(3)")
    assert wherry("merge", "dev", "--project", shop).code == 0
    assert json.loads(wherry("sql", "SELECT count(*) AS n FROM mine.t", "--project", shop, "--json").out) == [{"n": 3}]
    assert "rest  create mine.t" in wherry("log", "--branch", "dev", "--project", shop).out


def test_the_token_is_made_once_and_names_are_authors(shop: Path, tmp_path: Path) -> None:
    tokens = tmp_path / "tokens"
    tokens.write_text("# who may\nada 0123456789abcdef\n\nfedcba9876543210\n")
    tokens.chmod(0o600)
    with serving(shop, "--token-file", str(tokens)) as (_, told):
        assert not (shop / ".wherry" / "token").exists()
        get(told["endpoint"], "/v1/main/namespaces", "fedcba9876543210", {"namespace": ["s"]})
        schema = {"type": "struct", "fields": [{"id": 1, "name": "i", "required": False, "type": "int"}]}
        for name, token in (("t", "0123456789abcdef"), ("u", "fedcba9876543210")):
            body = {"name": name, "schema": schema}
            get(told["endpoint"], "/v1/main/namespaces/s/tables", token, body)
    with Lake.open(shop / ".wherry" / "wherry.db", shop / ".wherry" / "lake") as lake:
        assert [c.author for c in lake.log()] == ["rest", "ada"]


@pytest.mark.parametrize(
    ("text", "mode", "why"),
    [
        ("0123456789abcdef", 0o644, "Others may read"),
        ("short", 0o600, "Line 1"),
        ("# nothing\n", 0o600, "no token"),
        ("a b c", 0o600, "Line 1"),
        (None, 0, "cannot be read"),
    ],
)
def test_tokens_that_are_none(
    shop: Path, tmp_path: Path, wherry: Wherry, text: str | None, mode: int, why: str
) -> None:
    path = tmp_path / "tokens"
    if text is not None:
        path.write_text(text)
        path.chmod(mode)
    answer = wherry("serve", "--project", shop, "--token-file", path)
    assert answer.code == 2 and why in answer.err


def test_a_port_that_is_taken_is_told(shop: Path, wherry: Wherry) -> None:
    with serving(shop) as (_, told):
        port = told["endpoint"].rpartition(":")[2]
        answer = wherry("serve", "--project", shop, "--port", port)
    assert answer.code == 1 and f"port {port}" in answer.err and "--port" in answer.err


def test_it_says_how_to_reach_it(shop: Path) -> None:
    command = [sys.executable, "-m", "wherry", "serve", "--project", str(shop), "--port", "0"]
    environment = {**os.environ, "PYTHONUNBUFFERED": "1"}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as process:
        assert process.stdout is not None
        shown = ""
        while "Ctrl-C" not in shown:
            shown += process.stdout.readline()
        process.terminate()
        process.wait(10)
    assert "http://127.0.0.1:" in shown and ".wherry/token" in shown and "ATTACH" in shown
    assert (shop / ".wherry" / "token").read_text().strip() not in shown
