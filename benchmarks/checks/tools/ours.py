"""wherry's checks of a table that is built: ``ours.py FOLDER full|slice [APPEND.sql...]``.

``full``: all checks, with nothing kept from before. ``slice``: appends the rows of each file and times the checks that
go on from what is kept, then as often all checks with nothing kept; the median of each.
"""

# ruff: noqa: E402
from wherry.start import quick_start

quick_start()  # as the command line does

import json
import resource
import statistics
import sys
import time
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from wherry.engines.duckdb import DuckDB
from wherry.project.config import read_config
from wherry.run.inspecting import Inspection, finder, inspect
from wherry.run.project import open_lake, open_project
from wherry.run.seen import see
from wherry.run.session import Session


def median(told: list[dict[str, object]]) -> dict[str, object]:
    """The first, with the median times of all."""
    return {**told[0], **{what: statistics.median([each[what] for each in told]) for what in ("cpu", "wall")}}


def timed(work: Inspection, engine: DuckDB) -> tuple[dict[str, object], object]:
    before, begun = resource.getrusage(resource.RUSAGE_SELF), time.perf_counter()
    found = inspect(work, engine, work.asset.checks)
    wall, after = time.perf_counter() - begun, resource.getrusage(resource.RUSAGE_SELF)
    bad = [(r.column, r.check, r.failing, r.error, r.why) for r in found.results if r.state != "passed"]
    assert not bad, bad
    how: dict[str, int] = {}
    for result in found.results:
        how[result.how] = how.get(result.how, 0) + 1
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return {"cpu": cpu, "wall": wall, "checks": len(found.results), "how": how}, found.kept


config = read_config(Path(sys.argv[1]))
with open_lake(config) as lake:
    project = open_project(config, lake)
    assert not project.errors, project.errors
    engine = DuckDB(folder=config.folder, scratch=config.scratch)
    asset = project.graph["s.orders"]
    seen = see(lake, "main").built
    session = Session(lake, "main", engine)
    work = Inspection(
        session=session,
        graph=project.graph,
        asset=asset,
        find=finder(config.folder),
        now=datetime(2026, 1, 1),
        built=seen,
    )
    bare = {**seen, "s.orders": replace(seen["s.orders"], kept=None)}
    if sys.argv[2] == "full":
        print(json.dumps({"full": timed(replace(work, built=bare), engine)[0]}))
    else:
        _, kept = timed(replace(work, built=bare), engine)
        slices = []
        for file in sys.argv[3:]:
            session.attach()
            engine.execute(f"INSERT INTO lake.s.orders BY NAME {Path(file).read_text()}")
            session.built("s.orders")
            grown = {**seen, "s.orders": replace(seen["s.orders"], kept=kept)}
            told, kept = timed(replace(work, built=grown), engine)
            slices.append(told)
        whole = [timed(replace(work, built=bare), engine)[0] for _ in slices]
        print(json.dumps({"slice": median(slices), "full": median(whole)}))
