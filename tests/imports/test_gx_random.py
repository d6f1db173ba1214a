"""Random suites beside Great Expectations itself (``WHERRY_DEEP=1``, which installs it into ``.bench/gx``)."""

import json
import math
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from wherry.engines.duckdb import DuckDB
from wherry.imports import gx
from wherry.run.checking import run_checks

PLACE = Path(__file__).parents[2] / ".bench" / "gx"
TYPES = {"a": "DOUBLE", "b": "DOUBLE", "c": "BIGINT", "f": "DOUBLE", "s": "VARCHAR", "k": "VARCHAR", "d": "VARCHAR"}


@pytest.fixture(scope="module")
def python() -> Path:
    """A Python that has Great Expectations."""
    found = PLACE / "bin" / "python"
    if not found.exists():
        subprocess.run([sys.executable, "-m", "venv", str(PLACE)], check=True)
        subprocess.run([str(found), "-m", "pip", "install", "-q", "great_expectations==1.24.1", "pandas"], check=True)
    return found


@pytest.fixture
def db(tmp_path: Path) -> Iterator[DuckDB]:
    engine = DuckDB(folder=tmp_path, scratch=tmp_path)
    engine.execute("CREATE SCHEMA s")
    yield engine
    engine.close()


def different(db: DuckDB, case: dict[str, Any]) -> str:
    """How our verdict differs; empty when it does not."""
    suite = {"expectations": [{"type": case["kind"], "kwargs": case["kwargs"]}]}
    (imported,) = gx.read(json.dumps(suite), "suite.json")
    if imported.findings:
        return imported.findings[0].message
    (verdict,) = run_checks(db, "s.t", imported.checks)
    # Of a set of values Great Expectations counts the values, we the rows.
    counted = case["count"] is not None and "distinct" not in case["kind"]
    alike = not verdict.error and (verdict.state == "passed") == case["success"]
    if not alike or (counted and verdict.failing != case["count"]):
        return str(verdict)
    measured = case["observed"] is not None and isinstance(verdict.observed, int | float)
    same = not measured or math.isclose(case["observed"], verdict.observed, rel_tol=1e-9, abs_tol=1e-12)
    return "" if same else str(verdict)


@pytest.mark.skipif(not os.environ.get("WHERRY_DEEP"), reason="runs with WHERRY_DEEP=1 only")
@pytest.mark.parametrize("seed", range(1, 7))
def test_random_expectations(python: Path, db: DuckDB, seed: int) -> None:
    script = Path(__file__).with_name("gx_random.py")
    asked = subprocess.run([str(python), str(script), str(seed), "500"], capture_output=True, text=True, check=True)
    cases = json.loads(asked.stdout.splitlines()[-1])
    assert len(cases) > 400
    data, found = None, []
    for case in cases:
        if case["data"] != data:
            data = case["data"]
            db.execute(f"CREATE OR REPLACE TABLE s.t ({', '.join(f'{n} {t}' for n, t in TYPES.items())})")
            for row in zip(*(data[name] for name in TYPES), strict=True):
                db.connection.execute("INSERT INTO s.t VALUES (?, ?, ?, ?, ?, ?, ?)", row)
        if how := different(db, case):
            found.append(f"{ ({name: case[name] for name in case if name != 'data'}) }: {how}")
    assert not found, "\n".join(found)
