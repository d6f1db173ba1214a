"""Checks of a wide table are tried on few of its columns: what is wrong is told as it is of a narrow one."""

from pathlib import Path
from typing import Any

import pytest

from fixtures.projects import read
from wherry.run.wide_tables import WIDE

#: Checks of column x, which is a number beside a text t and a day d; good ones and wrong ones.
OF_COLUMN: list[Any] = [
    "not_null",
    "unique",
    "> 0",
    ">= t",
    "< d",
    "> nope",
    "< date '2026-01-01'",
    "between 1 and many",
    "in [a, b]",
    "in [1, 2]",
    'matches "("',
    'matches "^1"',
    "length = 1",
    "max < many",
    "max < 5",
    "avg between 1 and 5",
    "median < x",
    "increasing by d",
    "increasing by nope",
    "no outliers",
    "casts to DATE",
    "casts to NOTYPE",
    "fresh within 2 days",
    "distinct_count > 1",
    "values in [a]",
    "values in [1]",
    "refers to s.other.id",
    "refers to s.other.nope",
    "quantile(0.5) > 1",
    {"check": "> 0", "where": "d > 0"},
    {"check": "> 0", "where": "nope"},
    {"check": "> 0", "where": "d > '2026-01-01'"},
    {"check": "> 0", "quarantine": True},
    "type text",
    "format email",
]
OF_TABLE: list[Any] = [
    "x > 0",
    "x > d",
    "x > nope",
    "COLUMNS(*) > 0",
    "unique [x, t]",
    "unique [x, nope]",
    "complete [x, d]",
    "no duplicates",
    "aggregate sum(x) > 0",
    "aggregate sum(t) > 0",
    "aggregate sum(nope) > 0",
    "sum of [x, x] = d",
    "columns contain [x]",
    "s.w.x > 0",
    "w.x > 0",
    "x > (SELECT max(id) FROM s.other)",
    "x > (SELECT max(nope) FROM s.other)",
    "distinct in row [x, t]",
    {"check": "sql", "sql": "SELECT * FROM {table} WHERE nope"},
    {"check": "columns_compare", "columns": ["x", "d"], "operator": ">"},
]


def told(folder: Path, select: str) -> list[tuple[int, str, str]]:
    import json

    lines = [f"--     - {json.dumps(each)}" for each in OF_COLUMN]
    header = ["-- columns:", "--   x:", "--     checks:", *lines, "-- checks:"]
    header += [f"--   - {json.dumps(each)}" for each in OF_TABLE]
    files = {"tables/s/other.sql": "SELECT 1 AS id\n", "tables/s/w.sql": "\n".join([*header, select])}
    found = read(folder, files).graph.findings
    again = read(folder).graph.findings  # from what is remembered
    assert again == found
    return [(each.line, each.code, each.message) for each in found]


@pytest.mark.parametrize("late", [False, True])
def test_what_is_wrong_is_told_of_a_wide_table_as_of_a_narrow_one(tmp_path: Path, late: bool) -> None:
    few = "1 AS x, 'a' AS t, DATE '2026-01-01' AS d"
    more = ", ".join(f"'b' AS c{number}" for number in range(4 * WIDE))
    narrow = told(tmp_path / "narrow", f"SELECT {few}")
    wide = told(tmp_path / "wide", f"SELECT {more}, {few}" if late else f"SELECT {few}, {more}")
    assert wide == narrow
    lines = {line for line, _, _ in narrow}
    assert len(lines) >= 20 and len(OF_COLUMN) + len(OF_TABLE) - len(lines) >= 20
