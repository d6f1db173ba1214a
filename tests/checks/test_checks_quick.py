"""Quick ways to a verdict give the one that the plain way gives: shapes, dense references, what is implied."""

import os
import re
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from wherry.checks import find as built_in
from wherry.checks.matches import shape
from wherry.engines.duckdb import DuckDB
from wherry.lake.lake import Lake
from wherry.lake.statistics import ColumnFacts, Facts, facts, files
from wherry.model.asset import Check
from wherry.model.measures import DISTINCT
from wherry.project.check_form import read_check
from wherry.quoting import text
from wherry.run import check_facts, check_state, check_subject, checking
from wherry.run.check_plan import Item
from wherry.run.check_subject import Subject
from wherry.run.checking import check_table

MANY = settings(
    max_examples=3000 if os.environ.get("WHERRY_DEEP") == "1" else 100,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


def form(written: str, column: str = "", **long: Any) -> Check:
    return read_check({"check": written, **long} if long else written, column=column, file="", line=0)


PLAIN = ("a", "Z", "-", " ", "_", "'", '"', "é", r"\.", r"\+", r"\d", r"\\", r"\n", r"\w", ".", "$", "^", "*", "]")
CLASSES = ("[0-9]", "[a-f0-9]", "[A-z]", "[-a]", "[a-]", r"[\d]", r"[\]a]", "[^a]", "[!a]", "[a&&b]", "[[:alpha:]]")
ATOMS = st.sampled_from((*PLAIN, *CLASSES, "(a|b)", "a|b", "(?i)a"))
COUNTS = st.sampled_from(["", "", "", "+", "*", "?", "{2}", "{0}", "{1,3}", "{2,}", "{,2}", "{3,1}", "+?", "{2}{2}"])
PATTERNS = st.lists(st.tuples(ATOMS, COUNTS).map("".join), max_size=4).map("".join)
LETTERS = "aAzZ09-_ .+*?[]\\^$!'\"bé\n\x00\U0001f600"
VALUES = st.lists(st.text(alphabet=LETTERS, max_size=6), max_size=12)


@MANY
@given(
    body=PATTERNS,
    ends=st.sampled_from(["^$", "^$", "^$", "^", "$", ""]),
    values=VALUES,
    like=st.text(LETTERS, max_size=6),
)
@example(body="[0-9]{2}", ends="^$", values=["12", "12\n", "1", "123", "١٢", ""], like="")
@example(body=r"\+[0-9]+", ends="^$", values=["+1234", "+12", "+", "+1234\n", "+123é"], like="+1234")
@example(body="a*", ends="^$", values=["", "aa", "ab", "aaa", "a\n"], like="aa")
@example(body="-[A-z]", ends="^$", values=["-_", "-a", "-é", "-[", "-{"], like="")
def test_a_shape_fits_only_what_the_regular_expression_fits(
    opened: tuple[Lake, DuckDB], body: str, ends: str, values: list[str], like: str
) -> None:
    """And where its length is said to be so many characters, it is."""
    _, db = opened
    pattern = ("^" if "^" in ends else "") + body + ("$" if "$" in ends else "")
    rows = [(each, *_told(db, pattern, shape.glob(pattern, like), each)) for each in {*values, like}]
    if any(found is None for _, found, _, _ in rows):
        return  # not a regular expression
    sizes = shape.lengths(pattern)
    for value, found, fits, length in rows:
        assert found or not fits, (pattern, value)
        if found and sizes is not None:
            assert sizes[0] <= length and (sizes[1] is None or length <= sizes[1]), (pattern, value)
        if shape.glob(pattern) is not None and found:
            assert _told(db, pattern, shape.glob(pattern), value)[1], (pattern, value)


def _told(db: DuckDB, pattern: str, quick: str | None, value: str) -> tuple[bool | None, bool, int]:
    """Whether the regular expression is found in a value, whether the GLOB fits it, and how long it is."""
    import duckdb

    sql = f"SELECT regexp_matches(v, {text(pattern)}), v GLOB {text(quick or '')}, length(v) FROM (SELECT $v AS v)"
    try:
        ((found, fits, length),) = db.execute(sql, {"v": value})
    except duckdb.Error:
        return None, False, 0
    return found, fits if quick is not None else False, length


def test_shapes_are_seen() -> None:
    digits = "[0-9]"
    assert shape.glob("^O-[0-9]{3}$") == f"O-{digits * 3}"
    assert shape.glob(r"^\+\d+$", "+49") == f"+{digits * 2}"
    assert shape.lengths("^[0-9a-f-]{36}$") == (36, 36) and shape.lengths("^a{2,}b?$") == (2, None)
    # Two ranges cost more than they save, and of two places that are open it is not known which is how long.
    assert shape.glob("^[0-9a-f]{3}$") is None and shape.glob("^a+b+$", "aab") is None
    assert shape.glob("^[0-9]{100}$") is None and shape.glob("[0-9]") is None


WORDS = st.lists(st.none() | st.text(alphabet="1234a\n", max_size=4), min_size=1, max_size=20)
WORD_CHECKS = (
    form("matches ^[1-3]{2}$", "w"),
    form("matches ^[1-3]+$", "w"),
    form("matches ^[1-4a]{1,3}$", "w", where="n > 2"),
    form("length between 2 and 2", "w"),
    form("length between 1 and 4", "w", mostly=0.5),
    form("length between 1 and 3", "w", where="n > 2"),
    form("not matches 4", "w"),
    form("> 1", "n"),
)


@MANY
@given(words=WORDS, likely=st.sampled_from([None, "12", "123"]))
@example(words=["12", "23"], likely="12")
@example(words=["12", "2"], likely="12")
@example(words=["123"], likely=None)
def test_what_is_implied_and_what_is_likely_change_no_verdict(
    opened: tuple[Lake, DuckDB], words: list[str | None], likely: str | None
) -> None:
    _, db = opened
    db.execute("CREATE OR REPLACE TABLE main.words (n BIGINT, w VARCHAR)")
    for number, word in enumerate(words):
        db.execute("INSERT INTO main.words VALUES ($n, $w)", {"n": number, "w": word})
    subject = Subject(name="s.words", relation="main.words")
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(checking._Checking, "_stored", (frozenset(), {"w": likely} if likely else {}))
        together = check_table(db, WORD_CHECKS, subject).results
    alone = [check_table(db, [each], subject).results[0] for each in WORD_CHECKS]
    assert list(together) == alone
    for check, result in zip(WORD_CHECKS, together, strict=True):
        assert not result.error
        if check.kind == "matches":
            looked = [word for number, word in enumerate(words) if not check.where or number > 2]
            fits = [
                re.search(check.arguments["pattern"].replace("$", r"\Z"), each) for each in looked if each is not None
            ]
            assert result.failing == fits.count(None)


def test_lengths_are_not_counted_where_a_regular_expression_implies_them(
    opened: tuple[Lake, DuckDB], monkeypatch: pytest.MonkeyPatch
) -> None:
    _, db = opened
    db.execute("CREATE OR REPLACE TABLE main.codes AS SELECT lpad(range::VARCHAR, 5, '0') AS w FROM range(10)")
    asked = []
    execute = DuckDB.execute
    monkeypatch.setattr(DuckDB, "execute", lambda self, sql, *more: asked.append(sql) or execute(self, sql, *more))
    checks = [form("matches ^[0-9]{5}$", "w"), form("length between 5 and 5", "w")]
    results = check_table(db, checks, Subject(name="s.codes", relation="main.codes")).results
    assert [each.state for each in results] == ["passed", "passed"]
    assert not [sql for sql in asked if "length(" in sql]
    db.execute("INSERT INTO main.codes VALUES ('1234x'), ('123456')")
    results = check_table(db, checks, Subject(name="s.codes", relation="main.codes")).results
    assert [each.failing for each in results] == [2, 1]


@MANY
@given(
    here=st.lists(st.none() | st.integers(-3, 6), min_size=1, max_size=8),
    there=st.lists(st.none() | st.integers(-4, 7), max_size=14) | st.just(list(range(-3, 7))),
)
@example(here=[0, 2], there=[0, 1, 2])
@example(here=[0, 2], there=[0, 2])
@example(here=[0, 2], there=[0, 2, 2])
@example(here=[None], there=[])
def test_references_to_dense_numbers_hold_when_they_do(
    opened: tuple[Lake, DuckDB], monkeypatch: pytest.MonkeyPatch, here: list[int | None], there: list[int | None]
) -> None:
    _, db = opened
    db.execute("CREATE SCHEMA IF NOT EXISTS s")
    db.execute("CREATE OR REPLACE TABLE s.here AS SELECT unnest($v::INTEGER[]) AS k, 1 AS g", {"v": here})
    db.execute("CREATE OR REPLACE TABLE s.there AS SELECT unnest($v::BIGINT[]) AS id", {"v": there})
    filled = [each for each in here if each is not None]
    known = ColumnFacts(nulls=here.count(None), low=min(filled, default=None), high=max(filled, default=None))
    told = Facts(rows=len(here) + 20, columns={"k": known})
    monkeypatch.setattr(check_subject, "LARGE", 0)
    subject = Subject(name="s.here", relation="s.here", lake="s.here", rows=len(here), facts=told)
    checks = [
        form("refers to s.there.id", "k"),
        form("refers to s.there.id", "k", where="g = 1"),
        form("refers to s.there.id", "k", mostly=0.5),
    ]
    missing = sum(each not in there for each in filled)
    results = check_table(db, checks, subject).results
    assert [each.failing for each in results] == [missing] * 3 and not [each.error for each in results if each.error]
    dense = bool(filled) and set(range(min(filled), max(filled) + 1)) <= set(there)
    assert [each.how for each in results] == ["metadata" if dense else "table"] * 2 + ["table"]


@pytest.mark.parametrize("kind", ["DOUBLE", "VARCHAR", "DECIMAL(9, 1)"])
def test_references_to_other_types_are_looked_up(
    opened: tuple[Lake, DuckDB], monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    lake, db = opened
    monkeypatch.setattr(check_subject, "LARGE", 0)
    db.execute("CREATE SCHEMA IF NOT EXISTS s")
    db.execute(f"CREATE OR REPLACE TABLE s.other AS SELECT range::{kind} AS id FROM range(10)")
    db.execute("DROP TABLE IF EXISTS lake.s.refers")
    db.execute("CREATE TABLE lake.s.refers AS SELECT range AS k FROM range(11)")
    pointer = lake.pointer("main", "s.refers")
    assert pointer is not None and pointer.location is not None
    metadata = lake.storage.read(pointer.location)
    told = facts(metadata, files(lake.storage, metadata) or [])
    subject = Subject(name="s.refers", relation="lake.s.refers", lake="lake.s.refers", rows=11, facts=told)
    (result,) = check_table(db, [form("refers to s.other.id", "k")], subject).results
    assert (result.failing, result.how, result.error) == (1, "table", "")


ENDS = st.integers(-3, 3) | st.decimals(-3, 3, places=2, allow_nan=False) | st.dates()
BOUNDS = st.none() | st.sampled_from(["0", "-2", "+1", "1.5", "-0.25", "1e0", "NULL", "'1'", "1 + 1", "other", "00.1"])


@MANY
@given(
    low=ENDS,
    more=st.integers(0, 4),
    bounds=st.tuples(BOUNDS, BOUNDS),
    strict=st.tuples(st.booleans(), st.booleans()),
    sign=st.sampled_from(["between", "<", "<=", ">", ">=", "=", "!="]),
)
@example(low=0, more=0, bounds=("0", "0"), strict=(True, False), sign="between")
@example(low=Decimal("1.50"), more=0, bounds=("1.5", "1.5"), strict=(False, False), sign="between")
def test_ends_told_without_sql_are_told_by_sql(
    opened: tuple[Lake, DuckDB],
    low: Any,
    more: int,
    bounds: tuple[str | None, str | None],
    strict: tuple[bool, bool],
    sign: str,
) -> None:
    _, db = opened
    high = low + more if not isinstance(low, date) else low
    sides = {"low": bounds[0], "high": bounds[1], "strict_low": strict[0], "strict_high": strict[1]}
    given = sides if sign == "between" else {"operator": sign, "value": bounds[0] or "0"}
    check = Check(kind="between" if sign == "between" else "compare", text="", column="k", arguments=given)
    item = Item(index=0, check=check, kind=built_in(check.kind))
    told = Facts(rows=7, columns={"k": ColumnFacts(nulls=0, low=low, high=high)})
    found = check_facts.plain(item, told)
    numbers = sides if sign == "between" else {"value": given["value"]}
    if found is None:
        return
    assert found == (0, 7) and "other" not in numbers.values()
    kind = {int: "BIGINT", Decimal: "DECIMAL(12,2)", date: "DATE"}[type(low)]
    assert db.execute(f"SELECT {check_facts.broken_ends(item, told, {'k': kind})[0]}") == [(0,)]


@pytest.mark.parametrize(
    ("written", "found"),
    [
        ("min >= 0", (0,)),
        ("max < 9", (Decimal("4.50"),)),
        ("count > 1", (5,)),
        ("null_count < 3", None),
        ("avg > 0", None),
    ],
)
def test_aggregates_told_without_sql(opened: tuple[Lake, DuckDB], written: str, found: tuple[Any, ...] | None) -> None:
    _, db = opened
    check = form(written, "k")
    item = Item(index=0, check=check, kind=built_in(check.kind))
    told = Facts(rows=7, columns={"k": ColumnFacts(nulls=2, low=Decimal("0.00"), high=Decimal("4.50"))})
    assert check_facts.plain(item, told) == found
    if found is not None:
        asked = check_facts.aggregates(item, told, {"k": "DECIMAL(9,2)"})
        assert db.execute(f"SELECT {', '.join(asked)}") == [found]
    assert check_facts.plain(Item(index=0, check=form("rows > 0"), kind=built_in("rows")), told) == (7,)
    empty = Facts(rows=7, columns={"k": ColumnFacts(nulls=7)})
    assert check_facts.plain(item, empty) == {"min": (None,), "max": (None,), "count": (0,)}.get(written.split()[0])


@pytest.mark.parametrize("written", ["unique", *(f"{measure} > 0" for measure in DISTINCT)])
@pytest.mark.parametrize("value", [0, 3])
def test_values_of_groups_told_without_sql(opened: tuple[Lake, DuckDB], written: str, value: int) -> None:
    _, db = opened
    check = form(written, "k")
    item = Item(index=0, check=check, kind=built_in(check.kind))
    parts = (value,) * len(check_state.group_parts(item))
    found = check_state.plain_group_values(item, parts)
    assert (found is not None) == (
        written in ("unique", *(f"{each}_count > 0" for each in ("distinct", "unique", "duplicate")))
    )
    assert found in (None, *db.execute(check_state.group_values_sql(item, parts)))
