"""Runs a project over and over, each time killed at another moment: ``python killed.py FOLDER NOW``.

Reads lines of ``commit 3`` or ``statement 17`` (the moment before that one), or of what a run tells (``published 1``:
the moment after the first time), and answers each with ``killed`` or, when the run ended before that, with how many
there were: ``ended 28``. A run has as many each time, however slow the machine is. Every run is a fork of this process,
which itself opens nothing: a run then costs no start of Python.
"""

import os
import signal
import sys
import threading
from datetime import datetime
from pathlib import Path
from typing import Any

import duckdb
import pandas
import pyarrow.dataset
import yaml

import wherry.lake.lake
import wherry.run.python_table
import wherry.run.runner
import wherry.sources.files.formats.csv
from wherry.engines.duckdb import DuckDB
from wherry.lake.sqlite import SqliteConnection
from wherry.model.plan import Request
from wherry.project.config import read_config
from wherry.run.project import open_lake, open_project
from wherry.run.runner import RunOptions, run

#: Imported for the forks only.
READY = (duckdb, pandas, pyarrow, wherry, yaml)
#: The thread that confirms the lease.
BEATS = "wherry-lease"


class Countdown:
    """Ends this process, without a word to anyone, at its last tick."""

    def __init__(self, last: int) -> None:
        self.last, self.count = last, 0

    def tick(self, *_: object) -> None:
        # What a thread confirms from time to time depends on how long the run takes.
        if threading.current_thread().name == BEATS:
            return
        self.count += 1
        if self.count == self.last:
            os.kill(os.getpid(), signal.SIGKILL)


def run_once(folder: Path, now: datetime, what: str, number: int) -> int:
    """Run; how many moments there were."""
    countdown = Countdown(number)
    if what == "commit":
        commit = SqliteConnection.commit

        def counted_commit(self: SqliteConnection) -> None:
            countdown.tick()
            commit(self)

        SqliteConnection.commit = counted_commit  # type: ignore
    elif what == "statement":
        execute = DuckDB.execute

        def counted(self: DuckDB, *given: Any) -> Any:
            countdown.tick()
            return execute(self, *given)

        DuckDB.execute = counted  # type: ignore

    def tell(kind: str, **_: object) -> None:
        if kind == what:
            countdown.tick()

    config = read_config(folder)
    with open_lake(config) as lake:
        made = run(open_project(config, lake), lake, Request(now=now), RunOptions(jobs=1, author="ada"), tell)
    assert made.state == "done", made
    return countdown.count


def main() -> None:
    folder, now = Path(sys.argv[1]), datetime.fromisoformat(sys.argv[2])
    for line in sys.stdin:
        what, number = line.split()
        told, tell = os.pipe()
        child = os.fork()
        if child == 0:
            code = 1
            try:
                os.write(tell, b"%d" % run_once(folder, now, what, int(number)))
                code = 0
            finally:
                os._exit(code)
        os.close(tell)
        with os.fdopen(told) as pipe:
            counted = pipe.read()
        _, status = os.waitpid(child, 0)
        # Negative for a signal, as everywhere in Python.
        code = os.waitstatus_to_exitcode(status)
        print({-signal.SIGKILL: "killed", 0: f"ended {counted}"}.get(code, "failed"), flush=True)


main()
