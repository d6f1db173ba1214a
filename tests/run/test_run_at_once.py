"""Two runs at once on one table of PostgreSQL: one of them loads, the other is told; nothing is lost or doubled."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from run_folder import NOON

import postgres_server
from fixtures.tap import Tap, copied, postgres_messages, tapped
from sources.database import Server
from wherry.errors import LakeError
from wherry.model.plan import Request
from wherry.project.config import read_config
from wherry.run.project import open_lake, open_project
from wherry.run.reading import reading
from wherry.run.runner import RunOptions, run

pytestmark = pytest.mark.needs("postgres")
ROWS = 20_000
MODES = ["mode: full", "mode: incremental, cursor: at, key: id, batch_rows: 3000"]


@contextmanager
def through_a_tap(server: Server) -> Iterator[tuple[Tap, str]]:
    """A tap before the server, and the address that leads through it."""
    sockets = Path(tempfile.mkdtemp(prefix="wherry-tap-"))  # the path of a socket may not be long
    own = Path(os.environ[postgres_server.VARIABLE]) / ".s.PGSQL.5432"
    try:
        with tapped(own, sockets / ".s.PGSQL.5432", postgres_messages, copied(3)) as tap:
            yield tap, server.url.partition("?")[0] + f"?host={quote(str(sockets))}"
    finally:
        shutil.rmtree(sockets)


@pytest.fixture
def server(postgres: str) -> Server:
    server = Server(postgres)
    server.run(
        "CREATE TABLE orders (id int PRIMARY KEY, at timestamptz, note text)",
        f"INSERT INTO orders SELECT i, timestamptz '2026-01-01' + i * interval '1 second', 'n' || i "
        f"FROM generate_series(1, {ROWS}) AS i",
    )
    return server


def project(path: Path, url: str, mode: str, top: str = "") -> Path:
    (path / "sources").mkdir(parents=True)
    (path / "wherry.toml").write_text(f'name = "shop"\n{top}')
    (path / "sources" / "shop.yml").write_text(
        f"connector: postgres\nurl: {url}\ntables:\n  public.orders: {{as: raw.orders, {mode}}}\n"
    )
    return path


def start(path: Path) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "wherry", "run", "--json", "--project", str(path)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def expect_done(run: subprocess.Popen[str]) -> dict[str, Any]:
    out, said = run.communicate()
    assert run.returncode == 0, out + said
    told: dict[str, Any] = json.loads(out)
    assert told["state"] == "done"
    return told


def expect_refused(path: Path) -> None:
    """Another run is told who runs, and what to do; and that is all."""
    with pytest.raises(LakeError) as refused:
        run_here(path)
    (finding,) = refused.value.findings
    assert finding.code == "run-in-progress" and refused.value.exit_code == 1
    assert "Another run on branch `main` is under way" in finding.message and "--branch" in finding.hint


def run_here(path: Path) -> str:
    """Run in this process; what became of the table."""
    config = read_config(path)
    with open_lake(config) as lake:
        made = run(open_project(config, lake), lake, Request(now=NOON), RunOptions())
    assert made.state == "done", made
    return made.assets[0].state


def expect_same(path: Path, server: Server) -> None:
    config = read_config(path)
    with open_lake(config) as lake, reading(config, lake, "main") as opened:
        opened.session.show(["raw.orders"])
        ours = opened.session.engine.execute("SELECT id, note FROM raw.orders ORDER BY id")
    assert ours == server.run("SELECT id, note FROM orders ORDER BY id")


def go_on(server: Server) -> None:
    server.run(
        "UPDATE orders SET note = 'changed', at = at + interval '1 year' WHERE id % 1000 = 0",
        f"INSERT INTO orders VALUES ({ROWS + 1}, '2027-02-01', 'new')",
    )


@pytest.mark.parametrize("mode", MODES)
def test_two_runs_of_one_folder(tmp_path: Path, server: Server, mode: str) -> None:
    with through_a_tap(server) as (tap, url):
        path = project(tmp_path / "shop", url, mode)
        # The first is in the middle of its rows when the second begins.
        tap.hold_at(1)
        first = start(path)
        assert tap.held.wait(100)
        expect_refused(path)
        tap.let_go()
        assert expect_done(first)["assets"][0]["state"] == "built"
        expect_same(path, server)
        go_on(server)
        assert run_here(path) == "built"
        expect_same(path, server)
        assert run_here(path) == "skipped"


@pytest.mark.parametrize("mode", MODES)
def test_two_clones_over_one_lake(tmp_path: Path, server: Server, mode: str) -> None:
    """The same project twice, on two machines as it were: lake and database are the same, the folders are not."""
    shared = Server(postgres_server.new_database(postgres_server.start()))
    top = f'lake = "{tmp_path / "lake"}"\ndatabase = "{shared.url}"\n'
    with through_a_tap(server) as (tap, url):
        one, other = (project(tmp_path / name, url, mode, top) for name in ("one", "other"))
        tap.hold_at(1)
        first = start(one)
        assert tap.held.wait(100)
        expect_refused(other)
        tap.let_go()
        expect_done(first)
        # What one of them loaded, the other knows of; both in turns are one history.
        assert run_here(other) == "skipped"
        go_on(server)
        assert run_here(other) == "built"
        expect_same(one, server)
        assert run_here(one) == "skipped"


def test_one_dies_and_the_other_takes_over(tmp_path: Path, server: Server) -> None:
    """kill -9 of the one in the middle of its rows: the other, begun at once, goes on behind what was committed."""
    shared = Server(postgres_server.new_database(postgres_server.start()))
    top = f'lake = "{tmp_path / "lake"}"\ndatabase = "{shared.url}"\n'
    with through_a_tap(server) as (tap, url):
        one, other = (project(tmp_path / name, url, MODES[1], top) for name in ("one", "other"))
        tap.hold_at(ROWS * 3 // 4)
        first = start(one)
        assert tap.held.wait(100)
        first.kill()
        first.communicate()
        tap.let_go()
        tap.again()
        assert run_here(other) == "built"
        rows, _ = tap.again()
        expect_same(one, server)
    assert ROWS // 4 <= rows <= ROWS


def test_two_projects_read_one_table(tmp_path: Path, server: Server) -> None:
    """Each has a lake of its own: they do not wait for one another, and both have every row."""
    with through_a_tap(server) as (tap, url):
        one, other = (project(tmp_path / name, url, MODES[1]) for name in ("one", "other"))
        tap.hold_at(1)
        first = start(one)
        assert tap.held.wait(100)
        tap.let_go()
        assert run_here(other) == "built"
        expect_done(first)
        for path in (one, other):
            expect_same(path, server)
