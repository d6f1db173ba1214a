"""A PostgreSQL of the tests' own: one cluster per test session, a database per test.

It listens on a socket in a private folder only. As root it runs under another account, since it refuses to run as root.
"""

import fcntl
import os
import shutil
import subprocess
import tempfile
import uuid
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import quote

#: Names the cluster's folder for the worker processes of one session.
VARIABLE = "WHERRY_TEST_POSTGRES"
_ACCOUNTS = ("postgres", "nobody")


@cache
def programs() -> Path | None:
    """The folder with ``initdb`` and ``pg_ctl``, the newest where there are several."""
    found = shutil.which("initdb")
    if found and shutil.which("pg_ctl"):
        return Path(found).parent
    folders = [path.parent for path in Path("/usr/lib/postgresql").glob("*/bin/initdb")]
    return max(folders, key=lambda folder: int(folder.parent.name), default=None)


def ready() -> bool:
    """Whether a cluster can be made and talked to."""
    return find_spec("psycopg") is not None and programs() is not None


def reserve() -> None:
    """Choose the folder that all processes of this test session share."""
    if VARIABLE not in os.environ:
        os.environ[VARIABLE] = tempfile.mkdtemp(prefix="wherry-pg-")


def start(*, durable: bool = False) -> Path:
    """Make and start the session's cluster unless it runs already; its folder, which is also that of its socket."""
    reserve()
    folder = Path(os.environ[VARIABLE])
    with (folder / "lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / "started").exists():
            _start(folder, durable=durable)
            (folder / "started").touch()
    return folder


def stop() -> None:
    """Stop the session's cluster, if it was started, and remove it."""
    folder = Path(os.environ.pop(VARIABLE, "/nonexistent"))
    if (folder / "started").exists():
        _as_owner(folder, "pg_ctl", "stop", "-D", str(folder / "data"), "-m", "immediate", "-s")
    shutil.rmtree(folder, ignore_errors=True)


def new_database(folder: Path) -> str:
    """The address of a fresh, empty database."""
    import psycopg

    name = f"t{uuid.uuid4().hex[:16]}"
    with psycopg.connect(host=str(folder), user="wherry", dbname="postgres", autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}"')
    return f"postgresql://wherry@/{name}?host={quote(str(folder))}"


def _start(folder: Path, *, durable: bool) -> None:
    data = folder / "data"
    if os.geteuid() == 0:
        shutil.chown(folder, _account())
    words = ["--auth=trust", "--username=wherry", "--encoding=UTF8", "--locale=C", "--no-sync"]
    _as_owner(folder, "initdb", "-D", str(data), *words)
    sure = "on" if durable else "off"
    options = (
        f"-c listen_addresses='' -k {folder} -c fsync={sure} -c full_page_writes={sure} -c max_connections=200 "
        "-c shared_buffers=32MB"
    )
    log = str(folder / "log")
    _as_owner(folder, "pg_ctl", "start", "-w", "-s", "-D", str(data), "-l", log, "-o", options)


def _account() -> str:
    import pwd

    known = {entry.pw_name for entry in pwd.getpwall()}
    return next(name for name in _ACCOUNTS if name in known)


def _as_owner(folder: Path, program: str, *words: str) -> None:
    command = [str((programs() or Path()) / program), *words]
    user = _account() if os.geteuid() == 0 else None
    group = None
    if user is not None:
        import pwd

        group = pwd.getpwnam(user).pw_gid
    done = subprocess.run(
        command,
        cwd=folder,
        user=user,
        group=group,
        extra_groups=[] if user else None,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    if done.returncode:
        raise RuntimeError(f"{program} failed: {done.stderr.strip()}")
