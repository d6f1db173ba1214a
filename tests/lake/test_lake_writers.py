"""Several processes write at once: nothing acknowledged is lost or doubled, no reader fails or sees half a commit."""

import subprocess
import sys
from pathlib import Path

import duckdb
import pytest
import writing

from wherry.lake.lake import Lake

WRITERS, COMMITS = 4, 6


@pytest.mark.parametrize("way", writing.WAYS)
def test_nothing_is_lost_or_doubled(lake: Lake, database: str, way: str, tmp_path: Path) -> None:
    from wherry.lake.attach import connect

    words = [sys.executable, writing.__file__, database, str(tmp_path / "lake"), way]
    started = [
        subprocess.Popen([*words, str(who), str(COMMITS)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for who in range(WRITERS)
    ]
    with connect() as connection:
        lake.attach(connection, "main", "m")
        writing.prepare(lake, connection, WRITERS)
        for each in started:
            assert each.stdout is not None and each.stdout.readline() == "ready\n"
        for each in started:
            assert each.stdin is not None
            each.stdin.write("go\n")
            each.stdin.flush()
        while any(each.poll() is None for each in started):
            assert writing.half_seen(connection, way, WRITERS) == ""
        lines = [line.split() for each in started for line in each.communicate()[0].splitlines()]
        assert [each.returncode for each in started] == [0] * WRITERS
        acknowledged = {(int(who), int(number)) for who, number, _, _ in lines}
        assert len(acknowledged) == len(lines) == WRITERS * COMMITS
        assert writing.missing(way, connection, acknowledged) == ""


def test_a_commit_that_arrives_twice_is_done_once(lake: Lake, db: duckdb.DuckDBPyConnection) -> None:
    db.execute("CREATE TABLE m.s.t AS SELECT 1 AS i")
    sent = []
    handle = lake.catalog._contents.tables.commit  # type: ignore[attr-defined]

    def twice(branch: str, changes: object, author: str) -> object:
        sent.append(handle(branch, changes, author))
        return handle(branch, changes, author)

    lake.catalog._contents.tables.commit = twice  # type: ignore[attr-defined,method-assign]
    db.execute("INSERT INTO m.s.t VALUES (2)")
    assert len(sent) == 1 and sent[0]
    assert db.execute("FROM m.s.t ORDER BY 1").fetchall() == [(1,), (2,)]
    assert [c.message for c in lake.log()] == ["write s.t", "create s.t"]
