"""More rows than there is memory: a load streams, whatever it brings."""

import os
import subprocess
import sys

import pytest
from run_folder import Folder

from memory_group import wall

#: Rows from nowhere: ``megabytes`` of them, that no compression makes smaller.
PLUGIN = '''
from dataclasses import dataclass
from typing import Any

import numpy
import pyarrow as pa

from wherry.ports import Batch

ROWS = 8_192


@dataclass(frozen=True, kw_only=True)
class Options:
    """How much."""

    megabytes: int


@dataclass(frozen=True, kw_only=True)
class TableOptions:
    """Nothing to say."""


class Generator:
    Options, TableOptions = Options, TableOptions

    def changed(self, options: Any, table: Any, cursor: Any) -> str | None:
        return None if cursor else "never read"

    def columns(self, options: Any, table: Any) -> None:
        return None

    def read(self, options: Any, table: Any, cursor: Any):
        schema = pa.schema({"id": pa.int64(), "text": pa.string()})
        chance = numpy.random.default_rng(1)

        def pieces():
            for number in range(options.megabytes):
                raw = chance.integers(97, 123, size=ROWS * 120, dtype=numpy.uint8).tobytes().decode()
                texts = [raw[at : at + 120] for at in range(0, len(raw), 120)]
                ids = numpy.arange(number * ROWS, (number + 1) * ROWS)
                yield pa.record_batch({"id": ids, "text": texts}, schema=schema)

        if not cursor:
            reader = pa.RecordBatchReader.from_batches(schema, pieces())
            yield Batch(rows=reader, cursor={"done": True}, upsert=("id",) if table.key else ())


source = Generator()
'''
#: Runs a project, and tells how many it had at most.
DRIVER = """
import sys
from datetime import datetime
from pathlib import Path
from wherry.model.plan import Request
from wherry.project.config import read_config
from wherry.run.project import open_lake, open_project
from wherry.run.runner import RunOptions, run

config = read_config(Path(sys.argv[1]))
with open_lake(config) as lake:
    made = run(open_project(config, lake), lake, Request(now=datetime(2026, 1, 10)), RunOptions(jobs=1))
assert made.state == "done", made
# Not the kernel's ru_maxrss, which begins with what the process was that started this one.
print(int(next(line for line in open("/proc/self/status") if line.startswith("VmHWM")).split()[1]) * 1024)
"""
DEEP = os.environ.get("WHERRY_DEEP") == "1"


@pytest.mark.parametrize("key", ["", ", mode: incremental, key: id"], ids=["whole", "by key"])
def test_a_load_larger_than_memory(folder: Folder, key: str) -> None:
    megabytes, memory = (10_000, 1 << 30) if DEEP else (600, 640 << 20)
    folder.write({"plugins/generator.py": PLUGIN})
    tables = f"connector: generator\nmegabytes: {megabytes}\ntables:\n  t: {{as: raw.t{key}}}\n"
    folder.write({"sources/g.yml": tables})
    with wall(memory >> 20) as around:
        done = subprocess.run(
            around.inside([sys.executable, "-c", DRIVER, str(folder.path)]),
            env=around.environment,
            capture_output=True,
            text=True,
            check=False,
        )
    assert done.returncode == 0, done.stderr[-2000:]
    assert int(done.stdout) < memory
    assert folder.rows("raw.t", columns="count(*), count(DISTINCT id)" if not DEEP else "count(*), max(id) + 1") == [
        (megabytes * 8_192, megabytes * 8_192)
    ]
