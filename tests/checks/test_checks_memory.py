"""Memory stays bounded however many rows there are: heavy checks spill to disk."""

import json
import os
import subprocess
import sys
from pathlib import Path

#: Rows, and MB that the process may take.
ROWS, MOST = (100_000_000, 900) if os.environ.get("WHERRY_DEEP") == "1" else (3_000_000, 900)

PROGRAM = """
import json, sys, time
from pathlib import Path
from wherry.engines.duckdb import DuckDB
from wherry.lake import statistics
from wherry.lake.lake import Lake
from wherry.project.check_form import read_check
from wherry.run.check_subject import Subject
from wherry.run.checking import check_table

folder, rows = Path(sys.argv[1]), int(sys.argv[2])
with Lake.open(folder / "lake.db", folder / "lake") as lake:
    db = DuckDB(folder=folder, scratch=folder / "scratch")
    db.execute(f"SET memory_limit = '{sys.argv[3]}'")
    lake.attach(db.connection, "main", "lake")
    db.execute("CREATE SCHEMA lake.s")
    db.execute("CREATE SCHEMA s")
    db.execute("CREATE TABLE s.u AS SELECT range AS id FROM range(100)")
    # Keys in no order and far apart: neither statistics nor a map of bits tells that they are unique.
    db.execute(
        "CREATE TABLE lake.s.t AS SELECT range AS id, hash(range)::DECIMAL(38, 0) AS k, (range % 100) AS g, "
        f"CASE WHEN range % 3 = 0 THEN 'a' ELSE 'b' END AS w FROM range({rows})"
    )
    begun = time.perf_counter()
    pointer = lake.pointer("main", "s.t")
    metadata = lake.storage.read(pointer.location)
    listed = statistics.files(lake.storage, metadata)
    given = [("not_null", "id"), ("unique", "id"), ("unique", "k"), ("in [a, b]", "w"), ("avg > 0", "g"),
             ("refers to s.u.id", "g"), ("matches ^[ab]$", "w"), ("rows > 1", "")]
    checks = [read_check(text, column=column, file="", line=0) for text, column in given]
    subject = Subject(name="s.t", relation="lake.s.t", lake="lake.s.t", rows=rows,
                      facts=statistics.facts(metadata, listed), file=listed[0].path)
    found = check_table(db, checks, subject).results
    status = open("/proc/self/status").read()
    print(json.dumps({"bad": [(each.check, each.state, each.error) for each in found if each.state != "passed"],
                      "seconds": time.perf_counter() - begun,
                      "peak": int(status.partition("VmHWM:")[2].split()[0]) // 1024}))
    db.close()
"""


def test_memory_is_bounded(tmp_path: Path) -> None:
    limit = "600MB" if ROWS > 10**7 else "300MB"
    command = [sys.executable, "-c", PROGRAM, str(tmp_path), str(ROWS), limit]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    told = json.loads(done.stdout)
    assert told["bad"] == []
    assert told["peak"] < MOST, told
    print(told)
