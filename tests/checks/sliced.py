"""Tables of random rows that change, and checks of every kind that are held against them from change to change."""

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import strategies as st

from wherry.checks import find as built_in
from wherry.engines.duckdb import DuckDB
from wherry.lake import changes, statistics
from wherry.lake.lake import Lake
from wherry.lake.ranges import Ranges
from wherry.model.asset import Check
from wherry.model.run import CheckResult, Outcome
from wherry.project.check_form import read_check
from wherry.run.check_kept import Checked, Kept
from wherry.run.check_subject import Subject
from wherry.run.checking import check_table
from wherry.run.key_hashes import KeyHashes


def _count(name: str, *expressions: str, heavy: bool = False) -> SimpleNamespace:
    """A kind that shows what its aggregates are."""

    def judge(check: Check, values: tuple[Any, ...]) -> Outcome:
        return Outcome(passed=True, observed=list(values))

    return SimpleNamespace(aggregates=lambda check: expressions, judge=judge, heavy=heavy)


def _distinct() -> SimpleNamespace:
    """Of the groups: how many, and how many of one row."""

    def judge(check: Check, values: tuple[Any, ...]) -> Outcome:
        return Outcome(passed=True, observed=list(values))

    return SimpleNamespace(
        group_by=lambda check: tuple(check.arguments["keys"]),
        judge_groups=lambda check: (
            "count(*)",
            "count(*) FILTER (WHERE copies = 1)",
            "coalesce(sum(copies) FILTER (WHERE copies > 1 AND k1 IS NOT NULL), 0)::BIGINT",
            "count(k1) / nullif(sum(copies) FILTER (WHERE k1 IS NOT NULL), 0)",
        ),
        judge=judge,
    )


def _groups() -> SimpleNamespace:
    """Of the groups: how many, with that of the nulls and without."""

    def judge(check: Check, values: tuple[Any, ...]) -> Outcome:
        return Outcome(passed=True, observed=list(values))

    return SimpleNamespace(
        group_by=lambda check: (check.arguments["key"],),
        judge_groups=lambda check: ("count(*)", "count(k1) * 2"),
        judge=judge,
    )


OWN = {
    "sums": _count("sums", 'count(*) - count("k")', 'sum("n")', 'min("k")', 'max("w")', 'sum("d") / count("d")'),
    "means": _count("means", 'avg("x")', "avg(CAST(n AS DOUBLE))", 'stddev_samp("x")', 'var_pop("x")'),
    "days": _count("days", 'max("day")', 'count("day") + 1', "min(CAST(day AS TIMESTAMP))"),
    "odd": _count("odd", "count(DISTINCT k)", "median(x)", heavy=True),
    "distinct": _distinct(),
    "groups": _groups(),
}


def kind(name: str) -> Any:
    return OWN.get(name) or built_in(name)


def form(text: str, column: str = "", **more: Any) -> Check:
    return replace(read_check(text, column=column, file="", line=0), **more)


def _own(name: str, **more: Any) -> Check:
    return Check(kind=name, text=f"{name} {more}", **more)


CHECKS = (
    form("not_null", "k"),
    form("not_null", "w", mostly=0.5),
    form(">= 0", "n"),
    form("between 1 and 3", "k", where="n > 0"),
    form("in [a, b]", "w"),
    form('matches "^a"', "w"),
    form('matches "^[ab]{1,2}$"', "w"),
    form("length between 1 and 3", "w"),
    form("between '2020-01-01' and '2020-01-03'", "day"),
    form("unique", "k"),
    form("unique", "w", where="k > 0"),
    form("unique [k, w]"),
    form("unique", "w"),
    form("unique", "d", arguments={"columns": ["d"], "nulls": "count"}),
    form("unique [k, w]", arguments={"columns": ["k", "w"], "nulls": "same"}),
    form("refers to s.other.id", "k"),
    form("n > k"),
    form("rows > 3"),
    _own("sums"),
    _own("sums", where="k > 0"),
    _own("means"),
    _own("days"),
    _own("odd"),
    _own("distinct", arguments={"keys": ["k"]}),
    _own("distinct", arguments={"keys": ["w", "day"]}),
    _own("distinct", arguments={"keys": ["k"]}, where="n IS NOT NULL"),
    *(_own("groups", arguments={"key": key}) for key in ("k", '"w"', "day", "d")),
    _own("groups", arguments={"key": "w"}, where="k > 1"),
)

#: Checks that look at all when rows went: what is left of a smallest value or a mean does not follow, and of what
#: metadata answered nothing is kept.
LESS = {"odd {}", "rows > 3", "sums {}", "sums {'where': 'k > 0'}", "means {}", "days {}"}

ROW = st.tuples(
    st.none() | st.integers(-1, 4),
    st.none() | st.integers(-3, 9),
    st.none() | st.sampled_from([0.5, -1.25, 3.0, 1e6]),
    st.none() | st.sampled_from(["0.10", "2.50", "-7.25"]),
    st.none() | st.sampled_from(["a", "b", "ab", "", "é", "zz"]),
    st.none() | st.sampled_from(["2020-01-01", "2020-01-02", "2021-07-01"]),
)
#: Some columns have no nulls, and few values.
FULL = st.tuples(
    st.integers(0, 4),
    st.integers(0, 9),
    st.sampled_from([0.5, -1.25]),
    st.sampled_from(["0.10", "2.50"]),
    st.sampled_from(["a", "b"]),
    st.none() | st.sampled_from(["2020-01-01", "2020-01-02"]),
)
ROWS = st.lists(ROW, min_size=1, max_size=7) | st.lists(FULL, min_size=1, max_size=9)
#: Columns that are others by the same names, and one that is wider.
ALTERED = (
    "DROP COLUMN w; ADD COLUMN w VARCHAR",
    "RENAME COLUMN k TO other; RENAME COLUMN n TO k; RENAME COLUMN other TO n",
    "ALTER COLUMN k TYPE BIGINT",
)
CHANGE = st.one_of(
    st.tuples(st.just("append"), ROWS),
    st.tuples(st.just("append"), ROWS),
    st.tuples(st.just("delete"), st.sampled_from(["k = 1", "k IS NULL", "n > 5", "w = 'a'", "true", "false"])),
    st.tuples(st.just("merge"), ROWS),
    st.tuples(st.just("update"), st.sampled_from(["k = k + 1", "w = NULL", "n = -n"])),
    st.tuples(st.just("column"), st.just("")),
    st.tuples(st.just("alter"), st.sampled_from(ALTERED)),
    st.tuples(st.just("forget"), st.just("")),
)


def values(rows: list[Any]) -> str:
    def cell(value: Any) -> str:
        return "NULL" if value is None else f"'{value}'" if isinstance(value, str) else repr(value)

    listed = ", ".join(f"({', '.join(map(cell, row))})" for row in rows)
    types = "k::INTEGER AS k, n::BIGINT AS n, x::DOUBLE AS x, d::DECIMAL(9,2) AS d, w::VARCHAR AS w, day::DATE AS day"
    return f"SELECT {types} FROM (VALUES {listed}) AS v(k, n, x, d, w, day)"


class Table:
    """A table of a lake of its own, and what its checks found so far."""

    def __init__(self, lake: Lake, db: DuckDB, name: str) -> None:
        self.lake, self.db, self.name = lake, db, name
        self.kept: Kept | None = None
        self.change: changes.Change | None = None

    def do(self, what: str, argument: Any) -> None:
        table = f"lake.{self.name}"
        if what == "create":
            self.db.execute(f"CREATE TABLE {table} AS {values(argument)}")
        elif what == "append":
            self.db.execute(f"INSERT INTO {table} BY NAME {values(argument)}")
        elif what == "forget":
            for path in sorted((self.db.scratch / "keys").glob("*"))[::2]:
                path.unlink()
        elif what == "delete":
            self.db.execute(f"DELETE FROM {table} WHERE {argument}")
        elif what == "update":
            self.db.execute(f"UPDATE {table} SET {argument} WHERE n > 2")
        elif what == "alter":
            wide = ("k", "BIGINT") in self.db.schema(f"FROM {table}")
            for each in argument.split("; "):
                if not (wide and "TYPE" in each):
                    self.db.execute(f"ALTER TABLE {table} {each}")
        elif what == "merge":
            with self.db.transaction():
                self.db.execute(f"DELETE FROM {table} WHERE k IN (SELECT k FROM ({values(argument)}))")
                self.db.execute(f"INSERT INTO {table} BY NAME {values(argument)}")
        else:
            there = [column for column, _ in self.db.schema(f"FROM {table}")]
            self.db.execute(f"ALTER TABLE {table} ADD COLUMN c{len(there)} INTEGER")

    @property
    def metadata(self) -> dict[str, Any]:
        pointer = self.lake.pointer("main", self.name)
        assert pointer is not None and pointer.location is not None
        return self.lake.storage.read(pointer.location)

    def subject(self) -> Subject:
        """The table with all that can spare work."""
        metadata = self.metadata
        listed = statistics.files(self.lake.storage, metadata)
        assert listed is not None
        of = changes.identity(metadata)
        change = changes.change_since(self.lake.storage, metadata, self.kept.of) if self.kept else None
        self.change = change
        return (
            Subject(
                name=self.name,
                relation=f"lake.{self.name}",
                lake=f"lake.{self.name}",
                find=kind,
                rows=self.db.execute(f"SELECT count(*) FROM lake.{self.name}")[0][0],
                facts=statistics.facts(metadata, listed),
                ranges=Ranges.of(metadata, listed),
                hashes=KeyHashes(folder=self.db.scratch / "keys"),
                file=next((each.path for each in listed if not each.content), ""),
                kept=self.kept,
                change=change,
                identify=lambda item: f"{item.index}",
            )
            if of[1]
            else Subject(name=self.name, relation=f"lake.{self.name}", find=kind)
        )

    def check(self) -> Checked:
        checked = check_table(self.db, CHECKS, self.subject())
        # As it is written beside the pointer and read back.
        self.kept = Kept.from_json(checked.keep(changes.identity(self.metadata)).to_json())
        return checked

    def check_all(self) -> tuple[CheckResult, ...]:
        return check_table(self.db, CHECKS, Subject(name=self.name, relation=f"lake.{self.name}", find=kind)).results


def told(result: CheckResult) -> tuple[Any, ...]:
    observed = result.observed
    if isinstance(observed, list):
        observed = [pytest.approx(v, rel=1e-9, abs=1e-9) if isinstance(v, float) else v for v in observed]
    return result.check, result.state, result.failing, result.error, observed, result.why
