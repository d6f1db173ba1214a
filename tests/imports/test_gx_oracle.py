"""Great Expectations' own cases: an imported expectation gives the verdict that Great Expectations gave."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from services import REFERENCE
from wherry.engines.duckdb import DuckDB
from wherry.imports import gx
from wherry.model.asset import Check
from wherry.model.run import CheckResult
from wherry.quoting import NOW as MOMENT
from wherry.run.checking import bad_rows_sql, run_checks

GX = REFERENCE / "oracles" / "gx"
NOW = datetime(2026, 1, 10, 12)
pytestmark = pytest.mark.skipif(not GX.is_dir(), reason="needs reference: oracles/gx")

#: Cases that differ, by file and title, and why. All others must be the same.
DIFFERENT: dict[tuple[str, str], str] = {}


@dataclass(frozen=True)
class Case:
    file: str
    title: str
    kind: str
    data: dict[str, list[Any]]
    moments: frozenset[str]
    kwargs: dict[str, Any]
    said: dict[str, Any]
    success: bool
    #: What Great Expectations measured and counted, where it told.
    observed: str
    unexpected: int | None

    def __str__(self) -> str:
        return f"{self.file.removesuffix('.json')}-{self.title}"


def cases() -> Iterator[Case]:
    """The cases that Great Expectations answers as it says itself, each with its data."""
    if not GX.is_dir():
        return
    verdicts: dict[str, list[dict[str, Any]]] = {}
    for line in (GX / "verdicts.jsonl").read_text().splitlines():
        verdict = json.loads(line)
        verdicts.setdefault(verdict["file"], []).append(verdict)
    for path in sorted((GX / "test_definitions").glob("*/*.json")):
        definition = json.loads(path.read_text())
        left = verdicts.get(path.name, [])
        for dataset in definition["datasets"]:
            kinds = (dataset.get("schemas") or {}).get("pandas") or {}
            moments = frozenset(name for name, kind in kinds.items() if "datetime" in kind)
            for test in dataset["tests"]:
                if not left or test["title"] != left[0]["title"] or not of_pandas(test):
                    continue
                verdict = left.pop(0)
                if verdict["agree"] is True:
                    yield Case(
                        file=path.name,
                        title=test["title"],
                        kind=definition["expectation_type"],
                        data=dataset["data"],
                        moments=moments,
                        kwargs=test.get("in", test.get("input")),
                        said=test.get("out", test.get("output")),
                        success=verdict["success"],
                        observed=verdict["observed"],
                        unexpected=None if verdict["exception"] else verdict["unexpected_count"],
                    )
        assert not left, f"{path.name}: no case for {left[0]['title']}"


def of_pandas(test: dict[str, Any]) -> bool:
    return not test.get("only_for") or any(engine.startswith("pandas") for engine in test["only_for"])


def load(db: DuckDB, case: Case) -> None:
    """The data as a table whose rows are numbered; without a number where the columns are what is asked."""
    columns = {name: (values, kind(values, name in case.moments)) for name, values in case.data.items()}
    if not case.kind.startswith("expect_table") and case.kind != "expect_column_to_exist":
        rows = len(next(iter(case.data.values())))
        columns["pk_index"] = (list(range(rows)), "BIGINT")
    declared = ", ".join(f'"{name}" {type_}' for name, (_, type_) in columns.items())
    db.execute(f"CREATE OR REPLACE TABLE s.t ({declared})")
    texts = [[str(v) if t == "VARCHAR" and v is not None else v for v in values] for values, t in columns.values()]
    for row in zip(*texts, strict=True):
        db.connection.execute(f"INSERT INTO s.t VALUES ({', '.join('?' * len(row))})", row)


def kind(values: list[Any], moment: bool) -> str:
    there = {type(value) for value in values if value is not None}
    if moment and is_moment(values):
        return "TIMESTAMP"
    if not values:
        return "BIGINT"
    for types, name in (({bool}, "BOOLEAN"), ({int}, "BIGINT"), ({int, float}, "DOUBLE")):
        if there and there <= types:
            return name
    return "VARCHAR"


def is_moment(values: list[Any]) -> bool:
    try:
        return bool([datetime.fromisoformat(value) for value in values if value is not None])
    except ValueError:
        return False


def judge(db: DuckDB, case: Case) -> tuple[Check, CheckResult]:
    suite = {"name": "t", "expectations": [{"type": case.kind, "kwargs": case.kwargs}]}
    (imported,) = gx.read(json.dumps(suite), "suite.json")
    assert imported.findings == ()
    (check,) = imported.checks
    load(db, case)
    (verdict,) = run_checks(db, "s.t", [check], now=NOW)
    assert verdict.error == ""
    return check, verdict


def plain(value: Any) -> Any:
    """Moments as the definitions write them."""
    return value.isoformat() if isinstance(value, datetime) else value


def compare(db: DuckDB, case: Case) -> list[str]:
    """What differs from what Great Expectations said and its definition states."""
    check, verdict = judge(db, case)
    different = [] if (verdict.state == "passed") == case.success else [f"success: {verdict}"]
    if case.observed != "None" and str(verdict.observed) != case.observed:
        different.append(f"observed: {verdict.observed}, not {case.observed}")
    # Of a set of values Great Expectations counts the values, we the rows.
    of_set = case.kind.startswith("expect_column_distinct_values")
    if case.unexpected is not None and not of_set and verdict.failing != case.unexpected:
        different.append(f"unexpected: {verdict.failing}, not {case.unexpected}")
    stated = {**case.said, **case.said.get("result", {})}
    if "observed_value" in stated and verdict.observed != stated["observed_value"]:
        different.append(f"observed: {verdict.observed}, not {stated['observed_value']}")
    if "unexpected_count" in stated and verdict.failing != stated["unexpected_count"]:
        different.append(f"unexpected count: {verdict.failing}, not {stated['unexpected_count']}")
    lists = ("unexpected_list", "unexpected_index_list", "partial_unexpected_list")
    if not any(key in stated for key in lists):
        return different
    select = bad_rows_sql(check, "s.t").replace(MOMENT, f"TIMESTAMP '{NOW}'")
    columns, rows = db.rows(f"SELECT * FROM ({select}) ORDER BY pk_index")
    bad = [{name: plain(value) for name, value in zip(columns, row, strict=True)} for row in rows]
    for key in lists:
        if key in stated:
            found = [shown(row, case, key, stated[key]) for row in bad]
            limit = 20 if key == "partial_unexpected_list" else None
            if found[:limit] != stated[key]:
                different.append(f"{key}: {found}, not {stated[key]}")
    return different


def shown(row: dict[str, Any], case: Case, key: str, stated: list[Any]) -> Any:
    """A bad row in the form of the stated list."""
    names = [case.kwargs[each] for each in ("column", "column_A", "column_B") if each in case.kwargs]
    names += case.kwargs.get("column_list", [])
    if key == "unexpected_index_list" and stated and isinstance(stated[0], int):
        return row["pk_index"]
    if key == "unexpected_index_list":
        more = [name for name in stated[0] if name not in ("pk_index", *names)] if stated else []
        return {name: row[name] for name in ("pk_index", *names, *more)}
    if "column" in case.kwargs:
        return row[names[0]]
    return {name: row[name] for name in names} if "column_list" in case.kwargs else [row[name] for name in names]


@pytest.fixture(scope="module")
def db(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DuckDB]:
    folder: Path = tmp_path_factory.mktemp("gx")
    engine = DuckDB(folder=folder, scratch=folder)
    engine.execute("CREATE SCHEMA s")
    yield engine
    engine.close()


@pytest.mark.parametrize("case", list(cases()), ids=str)
def test_the_same_verdict_as_great_expectations(db: DuckDB, case: Case) -> None:
    different = compare(db, case)
    why = DIFFERENT.get((case.file, case.title))
    assert bool(different) == bool(why), "\n".join(different) or f"no longer different: {why}"


def test_all_cases_are_asked() -> None:
    assert len(list(cases())) == 184
