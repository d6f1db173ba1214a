"""The checks of dbt and Soda give the verdicts that those tools gave themselves.

``benchmarks/verdicts/record.py`` asked dbt-core 1.11.16, soda-core-duckdb 3.5.6 and soda-duckdb 4.28.0.
"""

import os
from pathlib import Path

import pytest
from verdicts import differing, recorded

#: Where ``record.py --check`` puts new cases.
NEW = Path(__file__).parents[2] / ".bench"


DEEP = bool(os.environ.get("WHERRY_DEEP"))
#: Of the recorded sets: one mixed, one clean, one without rows, one of nulls.
SOME = (0, 2, 3, 5)


@pytest.mark.parametrize(("tool", "least"), [("dbt", 300), ("soda3", 400), ("soda4", 424)])
def test_every_verdict_is_that_of_the_tool(tool: str, least: int, tmp_path: Path) -> None:
    record = recorded(tool)
    record["sets"] = [each for each in record["sets"] if DEEP or each["seed"] in SOME]
    held, wrong = differing(record, tmp_path)
    assert not wrong
    assert held >= least


@pytest.mark.skipif(not DEEP, reason="a long drive: WHERRY_DEEP=1")
@pytest.mark.parametrize("tool", ["dbt", "soda3", "soda4"])
def test_every_verdict_on_new_cases_too(tool: str, tmp_path: Path) -> None:
    if not (NEW / f"{tool}.json").exists():
        pytest.skip("python benchmarks/verdicts/record.py --check makes them")
    held, wrong = differing(recorded(tool, NEW), tmp_path)
    assert held and not wrong
