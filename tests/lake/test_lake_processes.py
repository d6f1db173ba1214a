"""Two processes write to one table."""

import subprocess
import sys
from pathlib import Path

from wherry.lake.attach import connect
from wherry.lake.lake import Lake

WRITER = """
import sys
import duckdb
from pathlib import Path
from wherry.lake.attach import connect
from wherry.lake.lake import Lake

folder, who = Path(sys.argv[1]), int(sys.argv[2])
lake = Lake.open(str(folder / "wherry.db"), folder / "lake")
connection = connect()
lake.attach(connection, "main", "m")
print("ready", flush=True)
sys.stdin.readline()
lost = 0
for number in range(15):
    while True:
        try:
            connection.execute(f"INSERT INTO m.s.t VALUES ({who}, {number})")
            break
        except duckdb.TransactionException as problem:
            assert "Conflict_409" in str(problem), problem
            lost += 1
print(lost)
"""


def test_two_processes_lose_nothing(tmp_path: Path) -> None:
    with Lake.open(str(tmp_path / "wherry.db"), tmp_path / "lake") as lake, connect() as connection:
        lake.attach(connection, "main", "m")
        connection.execute("CREATE SCHEMA m.s")
        connection.execute("CREATE TABLE m.s.t (who INTEGER, number INTEGER)")
        writers = [
            subprocess.Popen(
                [sys.executable, "-c", WRITER, str(tmp_path), str(who)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
            for who in range(2)
        ]
        for writer in writers:
            assert writer.stdout is not None and writer.stdout.readline() == "ready\n"
        for writer in writers:
            assert writer.stdin is not None
            writer.stdin.write("go\n")
            writer.stdin.flush()
        lost = 0
        for writer in writers:
            out, _ = writer.communicate(timeout=60)
            assert writer.returncode == 0
            lost += int(out)
        found = connection.execute("SELECT who, count(DISTINCT number), count(*) FROM m.s.t GROUP BY 1 ORDER BY 1")
        assert found.fetchall() == [(0, 15, 15), (1, 15, 15)]
        assert lost > 0
        assert len(lake.log()) == 31
        pointer = lake.pointer("main", "s.t")
        assert pointer is not None and pointer.rows == 30


def test_many_processes_may_open_a_new_lake_at_once(tmp_path: Path) -> None:
    program = (
        "import sys; from pathlib import Path; from wherry.lake.lake import Lake; f = Path(sys.argv[1]);"
        "lake = Lake.open(str(f / 'w.db'), f / 'lake'); lake.create_branch('b' + sys.argv[2])"
    )
    started = [subprocess.Popen([sys.executable, "-c", program, str(tmp_path), str(n)]) for n in range(4)]
    assert [each.wait(60) for each in started] == [0] * 4
    with Lake.open(str(tmp_path / "w.db"), tmp_path / "lake") as lake:
        assert {b.name for b in lake.branches()} == {"main", "b0", "b1", "b2", "b3"}
