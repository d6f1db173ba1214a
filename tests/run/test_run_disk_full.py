"""A disk that fills up during a run: it is told so, what is published stays, and with more room the run ends well."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from run_folder import Folder, result, states

#: The command line in a process that may write no file larger than so many bytes.
LIMITED = """
import resource, signal, sys
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[1]), resource.RLIM_INFINITY))
from wherry.cli import main
main(["run", "--json", "--project", sys.argv[2]])
"""
MIB = 1 << 20


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Path]:
    """A disk of 8 MiB."""
    disk = tmp_path / "disk"
    disk.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=8m", "none", str(disk)]
    if os.geteuid() != 0 or subprocess.run(command, capture_output=True).returncode != 0:
        pytest.skip("mounting a small tmpfs is not allowed here")
    yield disk
    subprocess.run(["umount", "--lazy", str(disk)], check=True)


def fill_up(disk: Path, room: int) -> Path:
    """Leave so many bytes of a disk free."""
    ballast = disk / "ballast"
    free = os.statvfs(disk)
    ballast.write_bytes(b"\0" * max(0, free.f_bavail * free.f_frsize - room))
    return ballast


def tables(folder: Folder, rows: int) -> None:
    folder.tables(
        little="SELECT 1 AS x",
        a=f"-- build: append\nSELECT hash(i) AS h, {rows} AS generation FROM range({rows}) AS t(i)",
        b="SELECT count(*) AS n FROM s.a",
        m="-- build: merge on i\nSELECT i FROM range(10) AS t(i)",
    )


@pytest.mark.parametrize("room", [0, 100_000])
@pytest.mark.parametrize("what", ["lake", "everything"])
def test_a_full_disk(small: Path, tmp_path: Path, what: str, room: int) -> None:
    path = tmp_path / "project" if what == "lake" else small / "project"
    path.mkdir()
    folder = Folder(path, lake=str(small / "lake") if what == "lake" else "")
    tables(folder, 10)
    folder.done()
    names = ("s.little", "s.a", "s.b", "s.m")
    old = folder.contents(*names)
    tables(folder, 300_000)
    ballast = fill_up(small, room)
    told = subprocess.run(
        [sys.executable, "-m", "wherry", "run", "--json", "--project", str(path)], capture_output=True, text=True
    )
    assert told.returncode == 1, (told.stdout, told.stderr)
    assert '"code": "disk-full"' in told.stdout, (told.stdout, told.stderr)
    assert "The disk is full." in told.stderr and "Traceback" not in told.stderr
    ballast.unlink()
    assert folder.contents(*names) == old
    folder.done()
    assert folder.rows("s.b") == [(300_010,)]
    assert len(folder.rows("s.a", columns="DISTINCT h")) == 300_000
    assert folder.leftovers() == []
    assert set(states(folder.done()).values()) == {"skipped"}
    folder.close()


def test_a_file_that_may_not_grow(folder: Folder) -> None:
    tables(folder, 10)
    folder.done()
    old = folder.contents("s.a", "s.b")
    tables(folder, 300_000)
    database = Path(folder.config.database_address).stat().st_size
    assert database < MIB
    told = subprocess.run([sys.executable, "-c", LIMITED, str(MIB), str(folder.path)], capture_output=True, text=True)
    assert told.returncode == 1, (told.stdout, told.stderr)
    assert "Traceback" not in told.stderr
    assert folder.contents("s.a", "s.b") == old
    assert result(folder.done(), "s.b").rows == 1
    assert folder.rows("s.b") == [(300_010,)]
