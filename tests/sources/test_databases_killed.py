"""Loads that are killed at random moments while another process writes end with what the database holds, and no run is
sent more than one batch again, with what is on the way behind it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from datetime import datetime
from pathlib import Path
from random import Random
from typing import Any
from urllib.parse import quote

import pytest

from fixtures.tap import mysql_messages, prepared, tapped
from mariadb_server import VARIABLE
from run.run_folder import Folder
from sources.systems import MariaDB

pytestmark = pytest.mark.needs("mariadb")
DEEP = os.environ.get("WHERRY_DEEP") == "1"
ROWS, KILLS, BATCH = (1_000_000, 100, 50_000) if DEEP else (60_000, 4, 20_000)

#: A bigint, an int, a text and a moment; then the columns that are added.
ROW = prepared((8, 4, 0, 0), 5)

#: Inserts, updates and adds a column now and then, until its input ends.
WRITER = """
import random, select, sys
sys.path.insert(0, {tests!r})
from sources.systems import MariaDB
server, random = MariaDB({url!r}), random.Random(7)
with server.connect() as connection, connection.cursor() as cursor:
    cursor.execute("SELECT max(id) FROM t")
    top, added = cursor.fetchone()[0], 0
    while not select.select([sys.stdin], [], [], 0)[0]:
        top += 1
        cursor.execute("INSERT INTO t (id, what) VALUES (%s, 'new')", (top,))
        cursor.execute("UPDATE t SET n = n + 1, what = 'changed' WHERE id = %s", (random.randrange(1, top),))
        if added < 5 and random.random() < 0.001:
            added += 1
            cursor.execute(f"ALTER TABLE t ADD COLUMN extra{{added}} int DEFAULT {{added}}")
"""


def test_killed_while_another_writes(mariadb: str, tmp_path: Path) -> None:
    server = MariaDB(mariadb)
    server.run(
        "CREATE TABLE t (id bigint PRIMARY KEY, n int NOT NULL DEFAULT 0, what varchar(20), "
        "changed_at datetime(6) NOT NULL DEFAULT current_timestamp(6) ON UPDATE current_timestamp(6), "
        "KEY (changed_at))",
        "INSERT INTO t (id, what, changed_at) SELECT seq, 'first', '2026-01-01' + INTERVAL seq DIV 10 SECOND "
        f"FROM seq_1_to_{ROWS}",
    )
    sockets = Path(tempfile.mkdtemp(prefix="wherry-tap-"))  # the path of a socket may not be long
    folder = Folder(tmp_path / "project")
    folder.write(
        {
            ".env": f"SHOP_URL={mariadb.partition('?')[0]}?unix_socket={quote(str(sockets / 'tap'))}\n",
            "sources/shop.yml": "connector: mariadb\nurl: ${SHOP_URL}\ntables:\n"
            f"  t: {{as: raw.t, mode: incremental, cursor: changed_at, key: id, batch_rows: {BATCH}}}\n",
        }
    )
    folder.close()
    command = [sys.executable, "-m", "wherry", "run", "--project", str(folder.path)]
    writer = WRITER.format(tests=str(Path(__file__).parents[1]), url=mariadb)
    random, killed, whole, again = Random(4), 0, 0, list[tuple[int, int]]()
    with (
        tapped(Path(os.environ[VARIABLE]) / "socket", sockets / "tap", mysql_messages, ROW) as tap,
        subprocess.Popen([sys.executable, "-c", writer], stdin=subprocess.PIPE) as other,
    ):
        while killed < KILLS:
            tap.hold_at(random.randrange(1, 5 * BATCH // 4 if not whole else 300))
            with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) as run:
                # Until enough rows came; what is done with them then is at any point when it is killed.
                while not tap.held.wait(0.01) and run.poll() is None:
                    pass
                try:
                    _, said = run.communicate(timeout=random.uniform(0, 0.5))
                    assert run.returncode == 0, said.decode()
                    whole += 1
                    if whole > 3 * KILLS:
                        break
                except subprocess.TimeoutExpired:
                    run.kill()
                    run.communicate()
                    killed += 1
            tap.let_go()
            again.append(tap.again())
        assert other.stdin is not None
        other.stdin.close()
        assert other.wait() == 0
        assert killed
        done = subprocess.run(command, capture_output=True, text=True)
        again.append(tap.again())
    shutil.rmtree(sockets)
    assert done.returncode == 0, done.stderr
    print(f"{killed} killed, {whole} whole; rows sent and of these again, by run: {again}")
    assert sum(rows for rows, _ in again) >= ROWS
    # Beside the batch: the piece in which its end is seen, and some 300 kB in buffers on the way.
    assert max(repeated for _, repeated in again) <= BATCH + 10_000
    columns = [row[0] for row in server.run("SHOW COLUMNS FROM t")]
    theirs = server.run(f"SELECT {', '.join(columns)} FROM t ORDER BY id")
    folder = Folder(folder.path)
    ours = sorted(folder.rows("raw.t", columns=", ".join(columns)))
    folder.close()
    assert [plain(row, columns) for row in ours] == [plain(row, columns) for row in theirs]


def plain(row: tuple[Any, ...], columns: list[str]) -> tuple[Any, ...]:
    """Without what a column that was added later holds in rows that nobody touched since: it is null in the lake."""
    return tuple(
        value if isinstance(value, datetime) or not name.startswith("extra") else None
        for name, value in zip(columns, row, strict=True)
    )
