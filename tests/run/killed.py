"""Runs a project over and over, each time killed at another moment: ``python killed.py FOLDER NOW``.

Reads lines of ``commit 3`` or ``statement 17`` (the moment before that one), or of what a run tells (``published 1``:
the moment after the first time), and answers each with ``killed`` or, when the run ended before that, ``ended``. Every
run is a fork of this process, which itself opens nothing: a run then costs no start of Python.
"""

import os
import signal
import sys
from datetime import datetime
from pathlib import Path
from typing import Any

import duckdb
import pandas
import pyarrow.dataset
import sqlalchemy as sa
import yaml

import wherry.lake.lake
import wherry.run.python_table
import wherry.run.runner
import wherry.sources.files.formats.csv
from wherry.engines.duckdb import DuckDB
from wherry.model.plan import Request
from wherry.project.config import read_config
from wherry.run.project import open_lake, open_project
from wherry.run.runner import RunOptions, run

#: Imported for the forks only.
READY = (duckdb, pandas, pyarrow, wherry, yaml)


class Countdown:
    """Ends this process, without a word to anyone, at its last tick."""

    def __init__(self, left: int) -> None:
        self.left = left

    def tick(self, *_: object) -> None:
        self.left -= 1
        if self.left == 0:
            os.kill(os.getpid(), signal.SIGKILL)


def run_once(folder: Path, now: datetime, what: str, number: int) -> None:
    countdown = Countdown(number)
    if what == "commit":
        # Said right before the database's COMMIT.
        sa.event.listen(sa.Engine, "commit", countdown.tick)
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


def main() -> None:
    folder, now = Path(sys.argv[1]), datetime.fromisoformat(sys.argv[2])
    for line in sys.stdin:
        what, number = line.split()
        child = os.fork()
        if child == 0:
            code = 1
            try:
                run_once(folder, now, what, int(number))
                code = 0
            finally:
                os._exit(code)
        _, status = os.waitpid(child, 0)
        # Negative for a signal, as everywhere in Python.
        print({-signal.SIGKILL: "killed", 0: "ended"}.get(os.waitstatus_to_exitcode(status), "failed"), flush=True)


main()
