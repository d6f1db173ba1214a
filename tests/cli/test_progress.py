"""How a load goes: rows of how many, bytes, rate, time so far and left."""

from __future__ import annotations

import os
import pty
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from wherry.cli.progress import moved


@pytest.mark.parametrize(
    ("rows", "size", "expected", "seconds", "told"),
    [
        (0, 0, None, 0.2, ("", "", "", "0 s")),
        (0, 0, 500, 3.0, ("", "", "", "3 s")),
        (1_000, 0, None, 0.5, ("1,000 rows", "", "", "0 s")),
        (250_000, 12_345_678, None, 2.0, ("250,000 rows", "12.3 MB", "125,000 rows/s", "2 s")),
        (250_000, 0, 1_000_000, 2.0, ("250,000 rows of about 1,000,000", "", "125,000 rows/s", "2 s, about 6 s left")),
        # An estimate that was too small.
        (300, 0, 200, 10.0, ("300 rows of about 200", "", "30 rows/s", "10 s, about 0 s left")),
    ],
)
def test_how_it_goes(rows: int, size: int, expected: int | None, seconds: float, told: tuple[str, ...]) -> None:
    assert moved(rows, size, expected, seconds) == told


def test_the_time_left_is_by_the_share_of_the_work_where_that_is_known() -> None:
    """A file that is fetched and looked through gives no rows yet; later ones come at a rate of their own."""
    assert moved(0, 20_000_000, None, 4.0, 0.25) == ("", "20.0 MB", "5.0 MB/s", "4 s, about 12 s left")
    assert moved(0, 20_000_000, None, 4.0, 0.001)[3] == "4 s"
    assert moved(500, 0, 1_000, 10.0, 0.8)[3] == "10 s, about 2 s left"
    # Rows began to come after 8 of 10 seconds.
    assert moved(500, 0, 1_000, 10.0, None, 8.0)[3] == "10 s, about 2 s left"


def test_on_a_terminal_and_piped(tmp_path: Path) -> None:
    """Progress goes to standard error, drawn on a terminal and in plain lines elsewhere; stdout has the answer."""
    (tmp_path / "wherry.toml").write_text('name = "t"\n')
    (tmp_path / "sources").mkdir()
    (tmp_path / "sources" / "shop.yml").write_text("connector: sqlite\npath: shop.db\ntables:\n  t: {as: raw.t}\n")
    with closing(sqlite3.connect(tmp_path / "shop.db")) as database:
        database.executescript("CREATE TABLE t (id INTEGER PRIMARY KEY); INSERT INTO t VALUES (1), (2);")
    command = [sys.executable, "-m", "wherry", "run", "--project", str(tmp_path), "--json", "--full"]
    ours, theirs = pty.openpty()
    run = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=theirs, text=True, env={**os.environ, "TERM": "xterm"}
    )
    os.close(theirs)
    drawn = b""
    while True:
        try:
            drawn += os.read(ours, 10_000)
        except OSError:  # the other end is closed
            break
    out, _ = run.communicate()
    os.close(ours)
    assert run.returncode == 0 and out.startswith("{")
    assert b"\x1b[" in drawn and b"raw.t  2 rows" in drawn
    piped = subprocess.run(command, capture_output=True, text=True)
    assert "\x1b" not in piped.stderr and piped.stderr.startswith("built    raw.t  2 rows")
