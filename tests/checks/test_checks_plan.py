"""How little is read: one pass for the cheap, one GROUP BY for those that share it, nothing where metadata answers."""

from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from wherry.checks import find
from wherry.engines.duckdb import DuckDB
from wherry.lake import statistics
from wherry.lake.lake import Lake
from wherry.model.asset import Check
from wherry.project.check_form import read_check
from wherry.run import check_subject
from wherry.run.check_plan import Item, plan_checks
from wherry.run.check_subject import Subject
from wherry.run.checking import check_table


def form(text: str, column: str = "", **long: Any) -> Check:
    return read_check({"check": text, **long} if long else text, column=column, file="", line=0)


def items(*checks: Check) -> list[Item]:
    return [Item(index=number, check=check, kind=find(check.kind)) for number, check in enumerate(checks)]


def test_the_cheap_share_a_pass_and_the_same_groups_are_made_once() -> None:
    jobs = plan_checks(
        items(
            form("not_null", "a"),
            form("> 0", "a", where="b"),
            form("avg > 1", "a"),
            form("rows > 1"),
            form("unique", "a"),
            form("distinct_count > 1", "a"),
            form("unique", "a", where="b"),
            form("median > 1", "a"),
            form("refers to s.u.id", "a"),
        ),
        "t",
    )
    assert [sorted(job.members) for job in jobs] == [[0, 1, 2, 3], [4, 5], [6], [7], [8]]
    assert jobs[0].sql.count("count(*)") == 1


def test_a_pass_of_very_many_checks_is_split() -> None:
    jobs = plan_checks(items(*(form("not_null", f"c{number}") for number in range(1000))), "t")
    assert len(jobs) == 3 and sum(len(job.members) for job in jobs) == 1000


def known(lake: Lake, name: str) -> statistics.Facts | None:
    pointer = lake.pointer("main", name)
    assert pointer is not None and pointer.location is not None
    metadata = lake.storage.read(pointer.location)
    listed = statistics.files(lake.storage, metadata)
    assert listed is not None
    return statistics.facts(metadata, listed)


def test_facts_are_those_of_the_rows(opened: tuple[Lake, DuckDB]) -> None:
    lake, db = opened
    db.execute(
        "CREATE TABLE lake.s.f AS SELECT -3 + range AS n, (range / 4)::DECIMAL(9, 2) AS d, range::DOUBLE AS x, "
        "DATE '2026-01-01' + range::INTEGER AS day, CASE WHEN range < 2 THEN range END AS some, "
        "NULL::BIGINT AS none, 'a' || range AS w FROM range(10)"
    )
    db.execute("INSERT INTO lake.s.f SELECT 100, -1.5, 'nan', NULL, NULL, NULL, NULL")
    facts = known(lake, "s.f")
    assert facts is not None and facts.rows == 11
    found = {name: (each.nulls, each.low, each.high) for name, each in facts.columns.items()}
    assert found == {
        "n": (0, -3, 100),
        "d": (0, Decimal("-1.50"), Decimal("2.25")),
        "x": (0, None, None),
        "day": (1, date(2026, 1, 1), date(2026, 1, 10)),
        "some": (9, 0, 1),
        "none": (11, None, None),
        "w": (1, None, None),
    }
    db.execute("DELETE FROM lake.s.f WHERE n = 100")
    assert known(lake, "s.f") is None


ANSWERED = [
    form("not_null", "n"),
    form("null", "none"),
    form("> -9", "n"),
    form("between 0 and 2.25", "d"),
    form("rows = 10"),
    form("max = 6", "n"),
    form("null_count = 8", "some"),
    form(">= '2026-01-01'", "day"),
    form("fresh within 20000 days", "day"),
]


def test_nothing_is_read_for_what_metadata_answers(opened: tuple[Lake, DuckDB]) -> None:
    lake, db = opened
    db.execute(
        "CREATE OR REPLACE TABLE main.a AS SELECT -3 + range AS n, (range / 4)::DECIMAL(9, 2) AS d, "
        "DATE '2026-01-01' + range::INTEGER AS day, CASE WHEN range < 2 THEN range END AS some, NULL::BIGINT AS none "
        "FROM range(10)"
    )
    db.execute("CREATE TABLE lake.s.a AS FROM main.a")
    facts = known(lake, "s.a")
    # What is told of a relation that has no rows can only be what metadata says.
    db.execute("CREATE TABLE main.nothing AS FROM main.a LIMIT 0")
    subject = Subject(name="s.a", relation="main.nothing", facts=facts)
    found = check_table(db, ANSWERED, subject).results
    assert [(each.check, each.state, each.how) for each in found] == [(c.text, "passed", "metadata") for c in ANSWERED]
    # One that a bound breaks is counted; a float, which may be NaN, text, and any narrowed check are looked at.
    others = [form("> -3", "n"), form("!= 7", "n"), form("not_null", "n", where="d > 0"), form("n > some")]
    assert {each.how for each in check_table(db, others, subject).results} == {"table"}
    whole = check_table(db, [*ANSWERED, *others], Subject(name="s.a", relation="main.a")).results
    beside = Subject(name="s.a", relation="main.a", facts=facts)
    again = check_table(db, [*ANSWERED, *others], beside).results
    assert [(e.state, e.failing, e.observed) for e in whole] == [(e.state, e.failing, e.observed) for e in again]


@pytest.mark.parametrize(
    ("rows", "failing"),
    [
        ("SELECT range AS n, range AS m FROM range(5000)", 0),
        ("SELECT range AS n, range FROM range(5000) UNION ALL SELECT 7, 5000", 2),
        ("SELECT range AS n, range FROM range(5000) UNION ALL SELECT NULL, 1 UNION ALL SELECT NULL, 1", 0),
        ("SELECT range * 1000 - 7 AS n, range FROM range(5000)", 0),
    ],
)
def test_a_map_of_bits_finds_what_groups_find(
    opened: tuple[Lake, DuckDB], monkeypatch: pytest.MonkeyPatch, rows: str, failing: int
) -> None:
    lake, db = opened
    monkeypatch.setattr(check_subject, "LARGE", 0)
    db.execute("DROP TABLE IF EXISTS lake.s.b")
    db.execute(f"CREATE TABLE lake.s.b AS SELECT n::BIGINT AS n, m::BIGINT AS m FROM ({rows}) AS v(n, m)")
    subject = Subject(name="s.b", relation="lake.s.b", lake="lake.s.b", rows=1, facts=known(lake, "s.b"))
    (found,) = check_table(db, [form("unique", "n")], subject).results
    assert (found.failing, found.error) == (failing, "")


@pytest.mark.parametrize("size", [0, 1])
def test_a_wide_table_and_none_of_rows(opened: tuple[Lake, DuckDB], size: int) -> None:
    _, db = opened
    columns = ", ".join(f"range AS c{number}" for number in range(500))
    db.execute(f"CREATE OR REPLACE TABLE main.wide AS SELECT {columns} FROM range({size})")
    checks = [form(text, f"c{number}") for number in range(500) for text in ("not_null", "unique", "avg >= 0")]
    found = check_table(db, checks, Subject(name="s.wide", relation="main.wide")).results
    assert not [each.error for each in found if each.error]
    # Of no values there is no average, which keeps no bound.
    assert sum(each.state == "failed" for each in found) == (0 if size else 500)
