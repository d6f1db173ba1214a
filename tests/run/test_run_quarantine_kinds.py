"""Every kind of check either splits its bad rows off or says that it cannot: none is silently ignored."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from run_folder import Folder, result

from wherry.checks import KINDS

#: Kind -> the check in long form beside column ``x`` (or ``columns``...: of the table), rows ``(k, x, y, t)``, keys of
#: those that go.
SPLIT: dict[str, tuple[dict[str, Any], str, list[int]]] = {
    "not_null": ({"check": "not_null"}, "(1, 1), (2, NULL)", [2]),
    "null": ({"check": "null"}, "(1, 1), (2, NULL)", [1]),
    "not_blank": ({"check": "not_blank"}, "(1, 'a'), (2, ' ')", [2]),
    "not_nan": ({"check": "not_nan"}, "(1, 1.5::DOUBLE), (2, 'nan'::DOUBLE)", [2]),
    "finite": ({"check": "finite"}, "(1, 1.5::DOUBLE), (2, 'inf'::DOUBLE)", [2]),
    "compare": ({"check": ">= 0"}, "(1, 1), (2, -2)", [2]),
    "between": ({"check": "between 0 and 1"}, "(1, 1), (2, 2)", [2]),
    "in": ({"check": "in [a]"}, "(1, 'a'), (2, 'b')", [2]),
    "not_in": ({"check": "not in [b]"}, "(1, 'a'), (2, 'b')", [2]),
    "matches": ({"check": "matches", "pattern": "^a"}, "(1, 'a'), (2, 'b')", [2]),
    "not_matches": ({"check": "not_matches", "pattern": "^b"}, "(1, 'a'), (2, 'b')", [2]),
    "like": ({"check": "like", "pattern": "a%"}, "(1, 'a'), (2, 'b')", [2]),
    "not_like": ({"check": "not_like", "pattern": "b%"}, "(1, 'a'), (2, 'b')", [2]),
    "length": ({"check": "length = 1"}, "(1, 'a'), (2, 'bb')", [2]),
    "format": ({"check": "format email"}, "(1, 'a@b.de'), (2, 'b')", [2]),
    "time_format": ({"check": "time_format", "format": "%Y-%m-%d"}, "(1, '2026-01-02'), (2, 'b')", [2]),
    "casts_to": ({"check": "casts to DATE"}, "(1, '2026-01-02'), (2, 'b')", [2]),
    "json_schema": ({"check": "json_schema", "schema": {"type": "object"}}, "(1, '{}'), (2, '[]')", [2]),
    "condition": ({"check": "condition", "sql": "x > 0"}, "(1, 1), (2, -2)", [2]),
    "complete": ({"check": "complete", "columns": ["k", "x"]}, "(1, 1), (2, NULL)", [2]),
    "columns_compare": (
        {"check": "columns_compare", "columns": ["k", "x"], "operator": "<="}, "(1, 1), (2, 0)", [2]
    ),
    "columns_sum": ({"check": "columns_sum", "columns": ["k", "x"], "total": 2}, "(1, 1), (2, 2)", [2]),
    "pairs_in": ({"check": "pairs_in", "columns": ["k", "x"], "values": [[1, 1]]}, "(1, 1), (2, 2)", [2]),
    "distinct_in_row": ({"check": "distinct_in_row", "columns": ["k", "x"]}, "(1, 3), (2, 2)", [2]),
    "unique": ({"check": "unique"}, "(1, 1), (2, 2), (3, 2)", [2, 3]),
    "duplicates": ({"check": "duplicates"}, "(1, 1), (2, NULL), (2, NULL), (2, NULL), (2, 2)", [2, 2]),
    "refers": ({"check": "refers to s.there.x"}, "(1, 1), (2, 2)", [2]),
    "increasing": ({"check": "increasing by k"}, "(1, 1), (2, 3), (3, 2)", [3]),
    "decreasing": ({"check": "decreasing by k"}, "(1, 3), (2, 1), (3, 2)", [3]),
    "sequential": ({"check": "sequential"}, "(1, 1), (2, 2), (3, 5)", [3]),
    "no_overlap": ({"check": "no_overlap", "columns": ["k", "x"]}, "(1, 2), (3, 9), (4, 5)", [3]),
    "outliers": (
        {"check": "outliers", "distance": 1.5}, "(1, 1), (2, 1), (3, 1), (4, 1), (5, 1), (6, 99)", [6]
    ),
    "values_in": ({"check": "values_in", "values": [1]}, "(1, 1), (2, 2)", [2]),
}  # fmt: skip
#: Kinds that speak of a table as a whole, or of what it lacks.
REFUSED: dict[str, dict[str, Any]] = {
    "rows": {"check": "rows > 5"},
    "aggregate": {"check": "avg > 5"},
    "quantile": {"check": "median > 5"},
    "distinct": {"check": "distinct_count > 5"},
    "fresh": {"check": "fresh within 1 day"},
    "fresh_each": {"check": "fresh_each", "within": "1 day", "per": ["k"]},
    "change": {"check": "rows change > 5"},
    "each_group": {"check": "max < 0 per k"},
    "values_cover": {"check": "values cover [7]"},
    "values_equal": {"check": "values equal [7]"},
    "values_same": {"check": "same values as s.there.x"},
    "most_common_in": {"check": "most common in [7]"},
    "distribution": {"check": "psi against s.there.x < 0.2"},
    "association": {"check": "cramers_phi [k, x] > 0.5"},
    "type": {"check": "type text"},
    "columns_are": {"check": "columns [a]"},
    "columns_same": {"check": "same columns as s.there"},
    "rows_equal": {"check": "rows = rows of s.there"},
    "table_equals": {"check": "equals s.there"},
    "aggregate_equals": {"check": "aggregate_equals", "sql": "sum(x)", "table": "s.there"},
    "sql": {"check": "sql", "sql": "SELECT * FROM {table} WHERE x > 0"},
}
#: Beside the table, not beside a column.
OF_TABLE = {
    "condition", "complete", "columns_compare", "columns_sum", "pairs_in", "distinct_in_row", "duplicates",
    "no_overlap", "rows", "change", "association", "columns_are", "columns_same", "rows_equal", "table_equals",
    "aggregate_equals", "sql",
}  # fmt: skip


def header(kind: str, check: dict[str, Any], **more: Any) -> str:
    keys = {"checks": [check]} if kind in OF_TABLE else {"columns": {"x": {"checks": [check]}}}
    return "".join(f"-- {key}: {json.dumps(value)}\n" for key, value in {**keys, **more}.items())


def test_every_kind_is_asked() -> None:
    assert set(SPLIT) | set(REFUSED) == set(KINDS) and not set(SPLIT) & set(REFUSED)


def test_kinds_that_tell_bad_rows_split_them_off_and_lose_none(folder: Folder) -> None:
    folder.tables(there="SELECT 1 AS k, 1 AS x, 1 AS more")
    for number, (kind, (check, rows, _)) in enumerate(SPLIT.items()):
        # Said of the check, and said of the table.
        head = header(kind, {**check, "quarantine": True}) if number % 2 else header(kind, check, quarantine=True)
        folder.tables(**{kind: f"{head}SELECT * FROM (VALUES {rows}) AS v(k, x)"})
    made = folder.done()
    for kind, (_, rows, gone) in SPLIT.items():
        assert (kind, [row[0] for row in folder.rows(f"s.{kind}__rejected", columns="k")]) == (kind, gone)
        assert len(folder.rows(f"s.{kind}")) == len(re.findall(r"\(\d", rows)) - len(gone), kind
        (told,) = result(made, f"s.{kind}").checks
        assert (kind, told.state, told.quarantined) == (kind, "warned", len(gone))


def test_kinds_that_cannot_say_so(folder: Folder) -> None:
    folder.tables(there="SELECT 1 AS k, 1 AS x, 1 AS more")
    for kind, check in REFUSED.items():
        folder.tables(**{kind: f"{header(kind, {**check, 'quarantine': True})}SELECT 1 AS k, 2 AS x"})
    found = {each.file: (each.code, each.line, each.message) for each in folder.project().errors}
    for kind in REFUSED:
        code, line, message = found.pop(f"tables/s/{kind}.sql")
        assert (code, line) == ("bad-check", 1)
        assert message == f"`{kind}` does not tell bad rows from good ones: it takes no `quarantine`."
    assert not found


def test_they_still_stop_a_table_whose_other_checks_split(folder: Folder) -> None:
    folder.tables(there="SELECT 1 AS k, 1 AS x, 1 AS more")
    # A first run has no version to compare with; what is measured of it passes.
    stopping = {kind: check for kind, check in REFUSED.items() if kind not in ("change", "fresh", "fresh_each")}
    for kind, check in stopping.items():
        head = header(kind, check, quarantine=True)
        folder.tables(**{kind: f"{head}SELECT * FROM (VALUES (1, 2), (2, 2)) AS v(k, x)"})
    made = folder.run()
    assert {kind: result(made, f"s.{kind}").state for kind in stopping} == dict.fromkeys(stopping, "failed")


def test_copies_go_before_a_key_is_looked_at(folder: Folder) -> None:
    folder.tables(
        t="-- columns: {k: {checks: [unique]}}\n-- checks: [no duplicates]\n-- quarantine: true\n"
        "SELECT * FROM (VALUES (1, 1), (1, 1), (2, 2), (3, 3), (3, 4)) AS v(k, x)"
    )
    folder.done()
    assert folder.rows("s.t") == [(1, 1), (2, 2)]
    assert folder.rows("s.t__rejected", columns="k, x, rejected_for") == [
        (1, 1, ["no duplicates"]),
        (3, 3, ["k: unique"]),
        (3, 4, ["k: unique"]),
    ]


def test_copies_that_come_later_go_too(folder: Folder) -> None:
    folder.tables(t="-- build: append\n-- checks: [{check: no duplicates, quarantine: true}]\nSELECT k FROM raw.o")
    folder.write({"sources/d.yml": "connector: files\npath: d/\ntables: {o.csv: {as: raw.o}}\n"})
    for rows in ("1\n2\n", "2\n3\n"):
        folder.write({"d/o.csv": f"k\n{rows}"})
        folder.done()
    assert folder.rows("s.t") == [(1,), (2,), (3,)]
    assert folder.rows("s.t__rejected", columns="k") == [(2,)]


def test_of_a_part_of_the_rows_only_its_copies_go(folder: Folder) -> None:
    folder.tables(
        t="-- checks: [{check: no duplicates, where: k > 1, quarantine: true}]\n"
        "SELECT * FROM (VALUES (1, 1), (1, 1), (2, 2), (2, 2)) AS v(k, x)"
    )
    folder.done()
    assert folder.rows("s.t") == [(1, 1), (1, 1), (2, 2)]


@pytest.mark.parametrize(
    "text",
    [
        "def aggregates(check):\n    return ('count(*)',)\ndef judge(check, values):\n"
        "    from wherry.model.run import Outcome\n    return Outcome(passed=False, failing=3)\n",
        "def bad_rows(check, table):\n    return f'SELECT x, count(*) AS n FROM {table} GROUP BY x'\n",
    ],
)
def test_a_kind_of_the_project_that_does_not_give_whole_rows(folder: Folder, text: str) -> None:
    folder.write({"plugins/mine.py": text})
    folder.tables(t=f"{header('in', {'check': 'mine', 'quarantine': True})}SELECT 1 AS k, 2 AS x")
    (finding,) = folder.project().errors
    assert (finding.code, finding.line) == ("bad-check", 1) and "takes no `quarantine`" in finding.message
    made = folder.run()
    assert result(made, "s.t").state == "failed" and "s.t" not in folder.lake.pointers("main")
    assert "cannot be split" in result(made, "s.t").reason


def test_a_kind_of_the_project_that_does(folder: Folder, tmp_path: Path) -> None:
    folder.write({"plugins/mine.py": "def bad_row(check):\n    return 'x > 1'\n"})
    folder.tables(t=f"{header('in', {'check': 'mine', 'quarantine': True})}SELECT unnest([1, 2]) AS x")
    folder.done()
    assert folder.rows("s.t") == [(1,)] and len(folder.rows("s.t__rejected")) == 1


def test_a_part_of_the_rows_by_chance_cannot_be_split(folder: Folder) -> None:
    folder.tables(t=f"{header('in', {'check': '> 0', 'quarantine': True, 'sample': '10%'})}SELECT 1 AS x")
    (finding,) = folder.project().errors
    assert finding.code == "bad-check" and "`sample`" in finding.message
