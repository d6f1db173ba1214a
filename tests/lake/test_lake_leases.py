"""Leases: one holder at a time, and the dead hold nothing."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from wherry.errors import LakeError
from wherry.lake import database as db
from wherry.lake.lake import Lake
from wherry.run.lock import Held, run_lock
from wherry.state.leases import confirm, give_back, held, take

HOLDER = """
import os, signal, sys
from pathlib import Path
from wherry.lake.lake import Lake
from wherry.state.leases import take
lake = Lake.open(sys.argv[1], Path(sys.argv[2]))
print(take(lake.database, "run", "main", "bob")[1], flush=True)
sys.stdin.readline()
os.kill(os.getpid(), signal.SIGKILL)
"""


def set_lease(lake: Lake, **values: object) -> None:
    with db.writing(lake.database) as connection:
        connection.change(f"UPDATE lease SET {', '.join(f'{name} = :{name}' for name in values)}", values)


def test_one_holder_at_a_time(lake: Lake) -> None:
    with run_lock(lake.database, "main", "ada"):
        with pytest.raises(LakeError, match=rf"under way \(ada, process {os.getpid()} on "):
            run_lock(lake.database, "main", "bob").__enter__()
        with run_lock(lake.database, "dev", "bob"):
            assert [(lease.branch, lease.owner) for lease, _ in held(lake.database)] == [
                ("main", "ada"),
                ("dev", "bob"),
            ]
            assert all(0 <= age < 60 for _, age in held(lake.database))
    assert held(lake.database) == []


def test_a_killed_holder_blocks_nobody(lake: Lake, database: str, tmp_path: Path) -> None:
    other = subprocess.Popen(
        [sys.executable, "-c", HOLDER, database, str(tmp_path / "lake")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert other.stdout is not None and other.stdout.readline() == "True\n"
    found, mine = take(lake.database, "run", "main", "ada")
    assert not mine and (found.owner, found.pid) == ("bob", other.pid)
    other.communicate("die\n", timeout=60)
    assert held(lake.database) == []
    assert take(lake.database, "run", "main", "ada")[1]


def test_another_process_with_the_number_of_a_dead_one_holds_nothing(lake: Lake) -> None:
    take(lake.database, "run", "main", "ada")
    born = held(lake.database)[0][0].born
    set_lease(lake, born=f"{born.rpartition('/')[0]}/1")
    assert take(lake.database, "run", "main", "bob")[1]


def test_a_holder_elsewhere_is_believed_until_it_is_silent(lake: Lake) -> None:
    first, _ = take(lake.database, "run", "main", "ada")
    set_lease(lake, host="elsewhere", pid=1)
    assert not take(lake.database, "run", "main", "bob")[1]
    set_lease(lake, beat="2026-01-01T00:00:00.000000Z")
    assert held(lake.database) == []
    second, mine = take(lake.database, "run", "main", "bob")
    assert mine and not confirm(lake.database, first) and confirm(lake.database, second)
    give_back(lake.database, first)
    assert next(lease for lease, _ in held(lake.database)).holder == second.holder


def test_who_was_taken_over_may_not_go_on(lake: Lake) -> None:
    with run_lock(lake.database, "main", "ada") as mine:
        mine.expect()
        set_lease(lake, holder="somebody else")
        with pytest.raises(LakeError, match="took over"):
            mine.expect()
    assert len(held(lake.database)) == 1


def test_a_lease_is_confirmed_while_it_is_held(lake: Lake) -> None:
    lease, _ = take(lake.database, "run", "main", "ada")
    set_lease(lake, beat="2026-01-01T00:00:00.000000Z")
    keeping = Held(lake.database, lease, beat=0.001)
    while not held(lake.database):
        pass
    keeping.close()
    assert held(lake.database) == []
