"""Looking at what came and went finds what looking at all finds: random tables, random changes, every kind."""

import os
from typing import Any

import pytest
import sliced
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from sliced import ALTERED, CHANGE, CHECKS, LESS, ROWS, Table, form, told

from wherry.engines.duckdb import DuckDB
from wherry.lake import changes
from wherry.lake.lake import Lake
from wherry.run import check_groups, check_slices, check_subject, checking, key_hashes
from wherry.run.check_kept import Kept

DEEP = os.environ.get("WHERRY_DEEP") == "1"
MANY = settings(
    max_examples=200 if DEEP else 12,
    deadline=None,
    derandomize=not DEEP,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


@pytest.fixture(autouse=True, scope="module")
def other(opened: tuple[Lake, DuckDB]) -> None:
    """A table that checks refer to."""
    _, db = opened
    db.execute("CREATE SCHEMA s")
    db.execute("CREATE TABLE s.other AS SELECT range AS id FROM range(1, 4)")


number = iter(range(10**9))


@MANY
@given(
    first=ROWS,
    then=st.lists(CHANGE, min_size=1, max_size=4),
    values=st.sampled_from([2, 3, 2**63]),
    few=st.booleans(),
    beside=st.booleans(),
    brief=st.booleans(),
    large=st.booleans(),
)
def test_slices_find_what_the_whole_finds(
    opened: tuple[Lake, DuckDB],
    monkeypatch: pytest.MonkeyPatch,
    first: list[Any],
    then: list[Any],
    values: int,
    few: bool,
    beside: bool,
    brief: bool,
    large: bool,
) -> None:
    # It is tried first to prove that keys are new, or not.
    monkeypatch.setattr(check_groups, "BRIEF", 250_000 if brief else -1)
    # Groups are looked at by a thread of their own, or by the one that looks at the rest.
    monkeypatch.setattr(check_slices, "_WORTH", 0 if beside else 10**9)
    # Every column that has a dictionary counts as one of few values, or none does.
    monkeypatch.setattr(checking, "_FEW_BYTES", 1e9 if few else 0.0)
    # Few values of a hash: keys meet others in it all the time.
    monkeypatch.setattr(key_hashes, "hash_of", lambda columns: f"hash({', '.join(columns)}) % {values}")
    monkeypatch.setattr(check_subject, "LARGE", 0 if large else 200_000)
    monkeypatch.setattr(check_slices, "MOST", 100.0)
    table = Table(*opened, f"s.t{next(number)}")
    table.do("create", first)
    for what, argument in [("", ""), *then]:
        if what:
            table.do(what, argument)
        found, change = table.check(), table.change
        assert [told(r) for r in found.results] == [told(r) for r in table.check_all()], (what, argument)
        if change is not None:
            whole = {r.check for r in found.results if r.how == "table"}
            assert {"odd {}"} <= whole and (few or whole <= LESS)
            assert change.grows or what not in ("append", "column", "forget", "")


def test_files_of_a_slice_are_read_by_their_paths_only_while_columns_are_what_they_were(
    opened: tuple[Lake, DuckDB],
) -> None:
    lake, db = opened
    table = Table(lake, db, "s.paths")
    row = (1, 1, 0.5, "0.10", "a", "2020-01-01")
    table.do("create", [row] * 3)

    def change() -> changes.Change:
        found = changes.change_since(lake.storage, table.metadata, before)
        assert found is not None
        return found

    before = changes.identity(table.metadata)
    table.do("append", [row, (2, 2, 0.5, "0.10", "b", None)])
    came = "FROM lake.s.paths WHERE w = 'b'"
    assert change().plain and "read_parquet" in change().rows_that_came("lake.s.paths")
    assert db.execute(f"FROM {change().rows_that_came('lake.s.paths')} WHERE k = 2") == db.execute(came)
    # Rows of a file that came and went again are not in it.
    db.execute("DELETE FROM lake.s.paths WHERE w = 'b'")
    assert db.execute(f"SELECT k FROM {change().rows_that_came('lake.s.paths')}") == [(1,)]
    before = changes.identity(table.metadata)
    table.do("append", [row])
    assert change().plain
    # Another name of a column is one that older files do not have.
    db.execute("ALTER TABLE lake.s.paths RENAME COLUMN w TO word")
    before = before[0], before[1], changes.identity(table.metadata)[2]
    assert not change().plain
    assert db.execute(f"SELECT word FROM {change().rows_that_came('lake.s.paths')}") == [("a",)]


def test_an_append_is_told_by_the_slice(opened: tuple[Lake, DuckDB]) -> None:
    """Every kind that says it can be told from slices is, and nothing else is read."""
    table = Table(*opened, "s.appended")
    table.do("create", [(i % 4, i, 0.5, "0.10", "a", "2020-01-01") for i in range(40)])
    table.check()
    table.do("append", [(9, 9, 0.5, "0.10", "a", "2020-01-02")])
    found = table.check().results
    assert [told(r) for r in found] == [told(r) for r in table.check_all()]
    assert {r.check for r in found if r.how == "table"} == {"odd {}"}


def test_of_few_values_a_slice_tells_whether_there_are_others(
    opened: tuple[Lake, DuckDB], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(check_subject, "LARGE", 0)
    monkeypatch.setattr(checking, "_FEW_BYTES", 1e9)
    table = Table(*opened, "s.few")
    table.do("create", [(i % 4, i, 0.5, "0.10", "ab"[i % 2], "2020-01-01") for i in range(40)])
    table.check()
    assert table.kept is not None and {("a", "b")} <= {tuple(sorted(map(str, v))) for v in table.kept.present.values()}
    counted = [
        number for number, check in enumerate(CHECKS) if check.kind == "groups" and check.arguments["key"] == '"w"'
    ]
    for word, how, groups in (("a", "slice", 2), ("c", "table", 3), ("c", "slice", 3), (None, "table", 4)):
        table.do("append", [(1, 1, 0.5, "0.10", word, "2020-01-01")])
        found = table.check().results
        assert [told(r) for r in found] == [told(r) for r in table.check_all()]
        assert [(found[at].how, found[at].observed) for at in counted] == [(how, [groups, 2 * min(groups, 3)])]


def test_a_slice_asks_what_is_not_known_alone(opened: tuple[Lake, DuckDB], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(check_subject, "LARGE", 0)
    monkeypatch.setattr(checking, "_FEW_BYTES", 1e9)
    monkeypatch.setattr(check_slices, "MOST", 100.0)
    table = Table(*opened, "s.known")

    def rows(*words: str) -> list[Any]:
        return [(1 + i % 3, i, 0.5, "0.10", word, "2020-01-01") for i, word in enumerate(words)]

    table.do("create", rows(*"ab" * 20))
    table.check()
    asked: list[str] = []
    execute = DuckDB.execute

    def told_of(self: DuckDB, sql: str, *rest: Any) -> list[tuple[Any, ...]]:
        asked.append(sql)
        return execute(self, sql, *rest)

    def look(*words: str) -> str:
        table.do("append", rows(*words))
        asked.clear()
        with monkeypatch.context() as patched:
            patched.setattr(DuckDB, "execute", told_of)
            found = table.check().results
        said = "\n".join(asked)
        assert [told(r) for r in found] == [told(r) for r in table.check_all()]
        return said

    # Words that `in [a, b]` lets pass are no others, numbers between those that are there neither, columns without
    # nulls have as many values as rows, and the other table has all numbers from 1 to 3.
    known = look(*"abab")
    assert "NOT list_contains(CAST(['a', 'b'] AS VARCHAR[]), \"w\")" not in known.replace("'b', 'a'", "'a', 'b'")
    assert "AS INTEGER[]), k)" not in known and "length(" not in known
    assert 'count("k")' not in known and "s.other" not in known.replace('"', "")
    # A word that it does not let pass may be another one, and may be as long as others must not be.
    asked_of = look("c", "abcd")
    assert "NOT list_contains" in asked_of and "length(" in asked_of
    # Nor is a number known that is beyond.
    table.do("append", [(9, 1, 0.5, "0.10", "a", "2020-01-01")])
    assert [told(r) for r in table.check().results] == [told(r) for r in table.check_all()]


@pytest.mark.parametrize("alteration", ALTERED)
@pytest.mark.parametrize("grows", [False, True])
def test_columns_that_are_others_by_the_same_names_are_looked_at(
    opened: tuple[Lake, DuckDB], alteration: str, grows: bool
) -> None:
    table = Table(*opened, f"s.altered_{next(number)}")
    row = (1, -3, 0.5, "0.10", "a", "2020-01-01")
    table.do("create", [row] * 3)
    table.check()
    table.do("alter", alteration)
    for _ in range(2):
        if grows:
            table.do("append", [row])
        found = table.check().results
        assert [told(r) for r in found] == [told(r) for r in table.check_all()]
    assert {r.check for r in found if r.how == "table"} == {"odd {}"}


def test_a_mean_at_its_bound_is_looked_at(opened: tuple[Lake, DuckDB], monkeypatch: pytest.MonkeyPatch) -> None:
    """Of the means of parts it is another in its last digit."""
    monkeypatch.setattr(sliced, "CHECKS", (form("avg <= 7", "n"), form("avg <= 8", "n")))
    monkeypatch.setattr(check_slices, "MOST", 100.0)
    table = Table(*opened, "s.bound")
    table.do("create", [(1, 14, 0.5, "0.10", "a", "2020-01-01")])
    table.check()
    table.do("append", [(1, n, 0.5, "0.10", "a", "2020-01-01") for n in (4, 4, 6)])
    found = table.check().results
    assert [(each.state, each.how) for each in found] == [("passed", "table"), ("passed", "slice")]


@pytest.mark.parametrize("value", ["nan", "inf", "-inf"])
def test_one_value_that_is_no_number(opened: tuple[Lake, DuckDB], value: str) -> None:
    table = Table(*opened, f"s.odd_{next(number)}")
    table.do("create", [(1, 1, x, "0.10", "a", "2020-01-01") for x in (0.5, 2.5, 3.5)])
    table.check()
    for _ in range(2):
        table.do("append", [(1, 1, value, "0.10", "a", "2020-01-01")])
        assert str([told(r) for r in table.check().results]) == str([told(r) for r in table.check_all()])


def test_values_of_a_wider_type_are_others(opened: tuple[Lake, DuckDB], monkeypatch: pytest.MonkeyPatch) -> None:
    """What equals 0.1 as a FLOAT does not as a DOUBLE."""
    monkeypatch.setattr(sliced, "CHECKS", (form("= 0.1", "x"),))
    table = Table(*opened, "s.wider")
    table.db.execute("CREATE TABLE lake.s.wider AS SELECT 0.1::FLOAT AS x FROM range(3)")
    assert [each.state for each in table.check().results] == ["passed"]
    table.db.execute("ALTER TABLE lake.s.wider ALTER COLUMN x TYPE DOUBLE")
    assert [(each.state, each.failing) for each in table.check().results] == [("failed", 3)]


def test_what_upkeep_or_nothing_changed_is_not_looked_at(opened: tuple[Lake, DuckDB]) -> None:
    table = Table(*opened, "s.still")
    table.do("create", [(1, 1, 0.5, "0.10", "a", "2020-01-01")])
    before = table.check().results
    again = table.check().results
    assert [told(r) for r in before] == [told(r) for r in again]
    assert {r.check for r in again if r.how == "table"} == {"odd {}"}


@pytest.mark.parametrize("how", ["another table", "another check", "a forgotten snapshot"])
def test_what_was_found_before_is_not_trusted_when(opened: tuple[Lake, DuckDB], how: str) -> None:
    table = Table(*opened, f"s.untrusted_{how.replace(' ', '_')}")
    table.do("create", [(1, 1, 0.5, "0.10", "a", "2020-01-01")])
    table.check()
    assert table.kept is not None
    wrong = {key: tuple(99 for _ in found) for key, found in table.kept.values.items()}
    if how == "another table":
        table.db.execute(f"DROP TABLE lake.{table.name}")
        table.do("create", [(2, 2, 0.5, "0.10", "b", "2020-01-01")])
        table.kept = Kept(of=table.kept.of, values=wrong)
    elif how == "another check":
        table.kept = Kept(of=table.kept.of, values={f"other {key}": found for key, found in wrong.items()})
    else:
        table.kept = Kept(of=(table.kept.of[0], "12345", table.kept.of[2]), values=wrong)
    assert [told(r) for r in table.check().results] == [told(r) for r in table.check_all()]


@pytest.mark.parametrize("large", [True, False])
def test_a_value_that_went_is_one_that_is_not_there(
    opened: tuple[Lake, DuckDB], monkeypatch: pytest.MonkeyPatch, large: bool
) -> None:
    """Of few values those are known, until one goes: what comes back is new."""
    monkeypatch.setattr(check_subject, "LARGE", 0 if large else 200_000)
    monkeypatch.setattr(checking, "_FEW_BYTES", 1e9)
    monkeypatch.setattr(check_slices, "MOST", 100.0)
    table = Table(*opened, f"s.went_{large}")
    table.do("create", [(i % 4, i, 0.5, "0.10", "ab"[i % 2], "2020-01-01") for i in range(40)])
    table.check()
    row = (1, 1, 0.5, "0.10", "b", "2020-01-01")
    for what, argument in (("delete", "w = 'a'"), ("append", [row]), ("append", [(*row[:4], "a", row[5])])):
        table.do(what, argument)
        assert [told(r) for r in table.check().results] == [told(r) for r in table.check_all()], what
