"""Loads that are killed at random moments while another process writes end with what the database holds."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import datetime
from pathlib import Path
from random import Random
from typing import Any

import pytest

from run.run_folder import Folder
from sources.systems import MariaDB

pytestmark = pytest.mark.needs("mariadb")
DEEP = os.environ.get("WHERRY_DEEP") == "1"
ROWS, KILLS, BATCH = (1_000_000, 100, 50_000) if DEEP else (20_000, 4, 2_000)

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
    folder = Folder(tmp_path / "project")
    folder.write(
        {
            ".env": f"SHOP_URL={mariadb}\n",
            "sources/shop.yml": "connector: mariadb\nurl: ${SHOP_URL}\ntables:\n"
            f"  t: {{as: raw.t, mode: incremental, cursor: changed_at, key: id, batch_rows: {BATCH}}}\n",
        }
    )
    folder.close()
    command = [sys.executable, "-m", "wherry", "run", "--project", str(folder.path)]
    writer = WRITER.format(tests=str(Path(__file__).parents[1]), url=mariadb)
    random, killed, whole = Random(4), 0, 0
    with subprocess.Popen([sys.executable, "-c", writer], stdin=subprocess.PIPE) as other:
        while killed < KILLS:
            with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) as run:
                try:
                    _, told = run.communicate(timeout=random.uniform(0.5, 6 if DEEP else 4))
                    assert run.returncode == 0, told.decode()
                    whole += 1
                    if whole > 3 * KILLS:
                        break
                except subprocess.TimeoutExpired:
                    run.kill()
                    run.communicate()
                    killed += 1
        assert other.stdin is not None
        other.stdin.close()
        assert other.wait() == 0
    assert killed
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
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
