"""A MariaDB of the tests' own: one server per test session, a database per test.

It listens on a socket in a private folder only. As root it runs under another account, since it refuses to run as root.
"""

import fcntl
import os
import pwd
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import uuid
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from urllib.parse import quote

#: A folder with MySQL's own server, which is then started in MariaDB's place: `make test-mysql` gets it.
MYSQL = Path(os.environ["WHERRY_MYSQL"]) if os.environ.get("WHERRY_MYSQL") else None
#: Names the server's folder for the worker processes of one session.
VARIABLE = "WHERRY_TEST_MARIADB"
_ACCOUNTS = ("mysql", "nobody")
_START_SECONDS = 60


@cache
def program(*names: str) -> str | None:
    """Where the first of these programs is; Debian keeps the server out of an ordinary account's path."""
    path = os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/usr/libexec"])
    return next((found for name in names if (found := shutil.which(name, path=path))), None)


def _server() -> str | None:
    return program("mariadbd", "mysqld")


def _installer() -> str | None:
    return program("mariadb-install-db", "mysql_install_db")


def ready() -> bool:
    """Whether a server can be made and talked to."""
    there = MYSQL is not None or (_server() is not None and _installer() is not None)
    return find_spec("pymysql") is not None and there


def reserve() -> None:
    """Choose the folder that all processes of this test session share."""
    if VARIABLE not in os.environ:
        os.environ[VARIABLE] = tempfile.mkdtemp(prefix="wherry-my-")


def start() -> Path:
    """Make and start the session's server unless it runs already; its folder, in which its socket is."""
    reserve()
    folder = Path(os.environ[VARIABLE])
    with (folder / "lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / "pid").exists():
            launch(folder, make=True)
    return folder


def stop() -> None:
    """Stop the session's server, if it was started, and remove it."""
    folder = Path(os.environ.pop(VARIABLE, "/nonexistent"))
    kill(folder)
    shutil.rmtree(folder, ignore_errors=True)


def kill(folder: Path) -> None:
    """End the server in this folder at once, as a loss of power would."""
    if not (folder / "pid").exists():
        return
    number = int((folder / "pid").read_text())
    os.kill(number, signal.SIGKILL)
    (folder / "pid").unlink()
    try:
        os.waitpid(number, 0)
    except ChildProcessError:
        _until(lambda: not Path(f"/proc/{number}").exists(), "the server did not end")


def launch(folder: Path, *, make: bool, words: tuple[str, ...] = ()) -> None:
    """Start a server in the folder, with a fresh system database if told to ``make`` one."""
    user = pwd.getpwnam(_account()) if os.geteuid() == 0 else pwd.getpwuid(os.geteuid())
    if os.geteuid() == 0:
        shutil.chown(folder, user.pw_name)
    data = folder / "data"
    if make and MYSQL is not None:
        shutil.copytree(MYSQL / "data" / "mysql", data)
        if os.geteuid() == 0:
            for path in (data, *data.rglob("*")):
                shutil.chown(path, user.pw_name)
    elif make:
        quick = ["--skip-test-db", "--auth-root-authentication-method=normal", "--skip-log-bin"]
        done = subprocess.run(
            [str(_installer()), "--no-defaults", f"--datadir={data}", f"--user={user.pw_name}", *quick, *_LIGHT],
            cwd=folder,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
        )
        if done.returncode:
            raise RuntimeError(f"mariadb-install-db failed: {done.stderr.strip() or done.stdout.strip()}")
    own = [str(_server())]
    if MYSQL is not None:
        share = MYSQL / "share"
        own = [str(MYSQL / "mysqld"), f"--lc-messages-dir={share}", f"--character-sets-dir={share / 'charsets'}"]
        # A value may be as large as a tenth of its log.
        words = ("--sql-mode=STRICT_TRANS_TABLES,NO_ENGINE_SUBSTITUTION", "--innodb-log-file-size=256M", *words)
    command = [
        own[0],
        "--no-defaults",
        *own[1:],
        f"--datadir={data}",
        f"--socket={folder / 'socket'}",
        "--skip-networking",
    ]
    command += [f"--user={user.pw_name}", f"--pid-file={folder / 'server.pid'}", f"--log-error={folder / 'log'}"]
    server = subprocess.Popen(
        [*command, *_LIGHT, *words],
        cwd=folder,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
        env={**os.environ, "LD_LIBRARY_PATH": str(MYSQL)} if MYSQL is not None else None,
    )

    def answers() -> bool:
        if server.poll() is not None:
            raise RuntimeError(f"mariadbd ended: {(folder / 'log').read_text()[-2000:]}")
        return _greets(folder)

    _until(answers, "mariadbd did not start")
    (folder / "pid").write_text(str(server.pid))
    server.returncode = 0  # it lives on; `kill` ends it, perhaps from another process


_LIGHT = (
    "--innodb-buffer-pool-size=64M",
    "--innodb-log-file-size=32M",
    "--innodb-flush-log-at-trx-commit=2",  # what is committed survives a kill
    "--innodb-doublewrite=0",
    "--character-set-server=utf8mb4",
    "--max-allowed-packet=1G",
    "--max-connections=200",
)


def connect(folder: Path, database: str | None = None, **words: Any) -> Any:
    """A pymysql connection as the server's owner, in autocommit."""
    import pymysql

    words = {"user": "root", "autocommit": True, "charset": "utf8mb4"} | words
    return pymysql.connect(unix_socket=str(folder / "socket"), database=database, **words)


def in_its_words(sql: str) -> str:
    """A statement of the tests' as the server understands it: some are MariaDB's own."""
    if MYSQL is None:
        return sql
    digits = " UNION ALL ".join(f"SELECT {digit} AS d" for digit in range(10))
    ten = ", ".join(f"({digits}) AS d{number}" for number in range(7))
    rows = r"(SELECT @n := @n + 1 AS seq FROM (SELECT @n := 0) AS n0, " + ten + r" LIMIT \1) AS seq"
    return re.sub(r"\bseq_1_to_(\d+)", rows, sql.replace("CREATE OR REPLACE USER", "GRANT USAGE ON *.* TO"))


def new_database(folder: Path, *, charset: str = "utf8mb4") -> str:
    """The address of a fresh, empty database."""
    name = f"t{uuid.uuid4().hex[:16]}"
    with connect(folder) as connection, connection.cursor() as cursor:
        cursor.execute(f"CREATE DATABASE `{name}` CHARACTER SET {charset}")
    return f"mysql://root@localhost/{name}?unix_socket={quote(str(folder / 'socket'))}"


def _greets(folder: Path) -> bool:
    """Whether someone listens; the server opens its socket once it is ready."""
    with socket.socket(socket.AF_UNIX) as trial:
        try:
            trial.connect(str(folder / "socket"))
        except OSError:
            return False
    return True


def _until(holds: Any, otherwise: str) -> None:
    ends = time.monotonic() + _START_SECONDS
    while not holds():
        if time.monotonic() > ends:
            raise RuntimeError(otherwise)
        time.sleep(0.05)


def _account() -> str:
    known = {entry.pw_name for entry in pwd.getpwall()}
    return next(name for name in _ACCOUNTS if name in known)
