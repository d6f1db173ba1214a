"""Ways to prove that no key is there twice, which must never prove it of keys that are."""

import os
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from wherry.engines.duckdb import DuckDB
from wherry.lake import changes, statistics
from wherry.lake.changes import Change
from wherry.lake.lake import Lake
from wherry.lake.ranges import Ranges
from wherry.lake.statistics import File
from wherry.model.asset import Check
from wherry.model.run import CheckResult
from wherry.project.check_form import read_check
from wherry.run import check_groups, check_keys, check_plan, check_subject, key_hashes
from wherry.run.check_kept import Checked, Kept
from wherry.run.check_subject import Asking, Subject
from wherry.run.checking import check_table
from wherry.run.key_hashes import Key, KeyHashes

MANY = settings(
    max_examples=2000 if os.environ.get("WHERRY_DEEP") == "1" else 60,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
NUMBER = iter(range(10**9))
UNIQUE = read_check("unique", column="k", file="", line=0)


TEXTS = st.text(alphabet="abé", max_size=3)


@MANY
@given(values=st.lists(TEXTS, max_size=8) | st.sets(TEXTS, max_size=8).map(sorted) | st.permutations("abcdef"))
def test_rising_proves_only_what_differs(opened: tuple[Lake, DuckDB], values: list[str]) -> None:
    _, db = opened
    listed = ", ".join(f"({number}, '{value}')" for number, value in enumerate(values))
    db.execute("CREATE OR REPLACE TABLE main.r (n INTEGER, k VARCHAR)")
    if values:
        db.execute(f"INSERT INTO main.r VALUES {listed}")
    key = Key(columns=('"k"',), types=("VARCHAR",), rows='"k" IS NOT NULL')
    rising = check_keys._rising(Asking(cursor=db, now=check_subject.Subject.now), "main.r", key)
    assert not rising or len(set(values)) == len(values)
    # DuckDB orders text as Python does.
    assert rising or sorted(set(values)) != list(values)


@MANY
@given(values=st.lists(st.integers(0, 40), max_size=30) | st.permutations(range(20)), every=st.sampled_from([1, 2, 4]))
@example(values=[3, 4, 0, 1, 6], every=1)
@example(values=[3, 4, 0, 1, 4], every=1)
@example(values=[0, 1, 2, 3, 4, 5, 6, 7, 8, 20, 21, 9, 10, 11, 19], every=2)
@example(values=[0, 1, 2, 3, 4, 5, 6, 7, 8, 20, 21, 9, 10, 20], every=2)
def test_rising_by_parts_of_files_proves_only_what_differs(
    opened: tuple[Lake, DuckDB], monkeypatch: pytest.MonkeyPatch, values: list[int], every: int
) -> None:
    """Wherever stretches are cut, and however many of them overlap."""
    _, db = opened
    monkeypatch.setattr(check_keys, "_OVERLAPPING", 1)
    db.execute("CREATE OR REPLACE TABLE main.p (file_row_number BIGINT, k BIGINT)")
    for place, value in enumerate(values):
        db.execute(f"INSERT INTO main.p VALUES ({place}, {value})")
    key = Key(columns=('"k"',), types=("BIGINT",), rows='"k" IS NOT NULL')
    asking = Asking(cursor=db, now=check_subject.Subject.now)
    assert check_keys._rising(asking, "main.p", key, every) == (len(set(values)) == len(values))


STRETCHES = st.lists(st.sets(st.integers(0, 30), min_size=1, max_size=5), min_size=1, max_size=6)


@MANY
@given(stretches=STRETCHES)
def test_stretches_overlap_where_two_reach_over_a_value(stretches: list[set[int]]) -> None:
    firsts, lasts = [min(each) for each in stretches], sorted(max(each) for each in stretches)
    spans = check_keys.overlaps(firsts, lasts)
    shared = {
        value
        for value in range(31)
        if sum(first <= value <= last for first, last in zip(firsts, map(max, stretches), strict=True)) > 1
    }
    if spans is None:
        assert shared
    else:
        assert all(any(low <= value <= high for low, high in spans) for value in shared)
        assert bool(spans) == bool(shared)


def test_keys_of_rows_that_two_threads_wrote_are_told_by_their_order(opened: tuple[Lake, DuckDB]) -> None:
    """Parts of one file come before and after those of another, and do not end where parts are cut."""
    _, db = opened
    rows = "SELECT CASE WHEN range < 50100 THEN range ELSE range + 20000 END AS k FROM range(200000)"
    db.execute(f"CREATE TABLE lake.s.parts AS SELECT lpad(k::VARCHAR, 9, '0') AS k FROM ({rows})")
    db.execute("INSERT INTO lake.s.parts SELECT lpad(range::VARCHAR, 9, '0') FROM range(50100, 70100)")
    asking = Asking(cursor=db, now=check_subject.Subject.now)
    key = Key(columns=('"k"',), types=("VARCHAR",), rows='"k" IS NOT NULL')
    assert check_keys._rising(asking, "lake.s.parts", key, check_keys._part(300_000))
    assert not check_keys._rising(asking, "lake.s.parts", key)
    db.execute("INSERT INTO lake.s.parts VALUES ('000000007')")
    assert not check_keys._rising(asking, "lake.s.parts", key, check_keys._part(300_000))


VALUES = st.lists(st.none() | st.text(alphabet="ab\u00ff", max_size=4), min_size=1, max_size=4)


@MANY
@given(
    tables=st.lists(VALUES, min_size=1, max_size=4),
    cut=st.tuples(st.integers(1, 3), st.integers(1, 3)),
    mine=st.integers(0, 3),
)
@example(tables=[["ab"], ["aa", "ab"]], cut=(3, 1), mine=0)
@example(tables=[["a", "ab"], ["ab"]], cut=(3, 1), mine=0)
def test_files_are_apart_only_when_they_share_no_value(
    tables: list[list[str | None]], cut: tuple[int, int], mine: int
) -> None:
    """Whatever becomes of bounds that are cut short."""
    files = []
    for number, values in enumerate(tables):
        filled = sorted(value.encode() for value in values if value is not None)
        bounds = [{1: filled[0][: cut[0]]}, {1: filled[-1][: cut[1]]}] if filled else [{}, {}]
        nulls = {1: values.count(None)}
        files.append(File(path=f"{number}", content=0, rows=len(values), nulls=nulls, low=bounds[0], high=bounds[1]))
    ranges = Ranges(files=files, columns={"k": (1, "string"), "other": (2, "string")})
    some = {f"{mine % len(tables)}"}
    here = {value for number, values in enumerate(tables) for value in values if f"{number}" in some}
    there = {value for number, values in enumerate(tables) for value in values if f"{number}" not in some}
    assert not ranges.apart("K", some) or not here & there
    assert not ranges.apart("other", some) and not ranges.apart("unknown", some)


@pytest.mark.parametrize(
    ("bounds", "in_order"),
    [
        ([(n, n + 1) for n in range(0, 20, 2)], True),
        # Two threads took turns.
        ([(n, n + 15) for n in range(0, 100, 10)], True),
        ([(n, 90 + n) for n in range(10)], False),
        ([(0, 90), (1, 91)], False),
        ([(0, 90)], True),
    ],
)
def test_files_are_in_order_when_few_have_values_in_the_same_range(
    bounds: list[tuple[int, int]], in_order: bool
) -> None:
    def written(value: int) -> dict[int, bytes]:
        return {1: value.to_bytes(8, "little", signed=True)}

    files = [
        File(path=f"{low}", content=0, rows=9, nulls={1: 0}, low=written(low), high=written(high))
        for low, high in bounds
    ]
    ranges = Ranges(files=files, columns={"k": (1, "long"), "other": (2, "long")})
    assert ranges.in_order("K") == in_order and not ranges.in_order("other")


def test_files_of_numbers_in_order_are_apart(opened: tuple[Lake, DuckDB]) -> None:
    lake, db = opened
    db.execute("CREATE TABLE lake.s.o AS SELECT range AS k, 'a' || range AS w FROM range(10)")
    db.execute("INSERT INTO lake.s.o SELECT range, 'b' || range FROM range(10, 20)")
    db.execute("INSERT INTO lake.s.o SELECT 5, 'b15'")
    ranges = Ranges.of(*described(lake, "s.o"))
    newest = ranges.files[-1:] if ranges.files[-1].rows == 1 else ranges.files[:1]
    assert len(ranges.files) == 3 and newest[0].rows == 1
    assert not ranges.apart("k", {newest[0].path})
    first = next(each.path for each in ranges.files if each.rows == 10 and each.high[2] == b"a9")
    assert ranges.apart("w", {first}) and not ranges.apart("k", {first})


def described(lake: Lake, name: str) -> tuple[dict[str, Any], list[File]]:
    pointer = lake.pointer("main", name)
    assert pointer is not None and pointer.location is not None
    metadata = lake.storage.read(pointer.location)
    listed = statistics.files(lake.storage, metadata)
    assert listed is not None
    return metadata, listed


class Keys:
    """A table of keys in no order, and what its check found so far."""

    def __init__(self, opened: tuple[Lake, DuckDB], name: str, check: Check = UNIQUE) -> None:
        self.lake, self.db = opened
        self.name, self.checks = f"s.{name}", [check]
        self.folder = self.db.scratch / f"keys_{name}"
        self.kept: Kept | None = None
        self.db.execute(f"CREATE TABLE lake.{self.name} AS SELECT md5(range::VARCHAR) AS k FROM range(1000)")

    def add(self, first: int, last: int) -> None:
        self.db.execute(f"INSERT INTO lake.{self.name} SELECT md5(range::VARCHAR) FROM range({first}, {last})")

    def check(self) -> CheckResult:
        metadata, listed = described(self.lake, self.name)
        subject = Subject(
            name=self.name,
            relation=f"lake.{self.name}",
            lake=f"lake.{self.name}",
            rows=sum(each.rows for each in listed),
            facts=statistics.facts(metadata, listed),
            ranges=Ranges.of(metadata, listed),
            hashes=KeyHashes(folder=self.folder),
            identify=lambda item: "unique",
            kept=self.kept,
            change=changes.change_since(self.lake.storage, metadata, self.kept.of) if self.kept else None,
        )
        checked: Checked = check_table(self.db, self.checks, subject)
        self.kept = Kept.from_json(checked.keep(changes.identity(metadata)).to_json())
        (result,) = checked.results
        return result

    @property
    def files(self) -> tuple[str, ...]:
        assert self.kept is not None
        return self.kept.hashes.get("unique", ())


@pytest.fixture
def large(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(check_subject, "LARGE", 0)


@pytest.mark.usefixtures("large")
def test_new_keys_are_compared_with_hashes_alone(opened: tuple[Lake, DuckDB], monkeypatch: pytest.MonkeyPatch) -> None:
    keys = Keys(opened, "alone")
    assert (keys.check().state, len(keys.files)) == ("passed", 1)
    with monkeypatch.context() as patched:
        # The rows that stayed cannot be read.
        patched.setattr(Change, "rows_that_stayed", lambda self, table: "nowhere")
        keys.add(1000, 1010)
        result = keys.check()
        assert (result.state, result.how, len(keys.files)) == ("passed", "slice", 2)
    # A key of the first rows and one of the second are found, by reading the keys themselves.
    keys.add(1005, 1006)
    keys.add(7, 8)
    result = keys.check()
    assert (result.state, result.how, result.failing) == ("failed", "slice", 4)


NEW = st.lists(st.none() | st.integers(0, 9), min_size=1, max_size=3)


@settings(MANY, max_examples=200 if os.environ.get("WHERRY_DEEP") == "1" else 15)
@pytest.mark.usefixtures("large")
@given(slices=st.lists(NEW, min_size=1, max_size=3), nulls=st.sampled_from(["", "same", "count"]), text=st.booleans())
@example(slices=[[1, 2], [3], [3]], nulls="", text=True)
@example(slices=[[1, 2], [3, 3]], nulls="", text=True)
@example(slices=[[None], [None]], nulls="count", text=True)
@example(slices=[[1], [1, 2]], nulls="", text=False)
def test_keys_are_told_to_be_new_only_when_they_are(
    opened: tuple[Lake, DuckDB], slices: list[list[int | None]], nulls: str, text: bool
) -> None:
    """By numbers whose files overlap or do not, and by text of which there are hashes."""
    check = replace(UNIQUE, arguments={**UNIQUE.arguments, **({"nulls": nulls} if nulls else {})})
    keys = Keys(opened, f"new_{next(NUMBER)}", check)
    if not text:
        keys.db.execute(f"DROP TABLE lake.{keys.name}")
        keys.db.execute(f"CREATE TABLE lake.{keys.name} AS SELECT range AS k FROM range(10, 20)")
    keys.check()
    there: list[int | None] = []
    for came in slices:
        listed = ", ".join("(NULL)" if key is None else f"({key - 5 if not text else key + 5000})" for key in came)
        written = "md5(k::VARCHAR)" if text else "k"
        keys.db.execute(f"INSERT INTO lake.{keys.name} SELECT {written} FROM (VALUES {listed}) AS v(k)")
        there += came
        counted = [key for key in there if key is not None or nulls == "count"]
        result = keys.check()
        assert (result.failing, result.how) == (sum(counted.count(key) > 1 for key in counted), "slice")


@pytest.mark.usefixtures("large")
def test_hashes_are_written_in_order_and_prove_that_keys_differ(
    opened: tuple[Lake, DuckDB], monkeypatch: pytest.MonkeyPatch
) -> None:
    keys = Keys(opened, "ordered")
    # Nothing can be grouped.
    monkeypatch.setattr(check_plan, "grouped", lambda relation, keys: "nothing")
    assert keys.check().state == "passed"
    (name,) = keys.files
    hashes = [h for (h,) in keys.db.execute(f"SELECT h FROM '{keys.folder / name}'")]
    assert hashes == sorted(hashes) and len(hashes) == 1000


def test_what_is_known_to_be_new_is_not_grouped(
    opened: tuple[Lake, DuckDB], monkeypatch: pytest.MonkeyPatch, large: None
) -> None:
    keys = Keys(opened, "known")
    keys.check()
    # No table of groups can be made.
    monkeypatch.setattr(check_groups, "_MOVED", "no such name")
    keys.add(1000, 1010)
    assert keys.check().how == "slice"
    keys.add(1005, 1006)
    assert (keys.check().how, keys.check().failing) == ("table", 2)


@pytest.mark.usefixtures("large")
def test_hashes_of_many_slices_become_one_file(opened: tuple[Lake, DuckDB]) -> None:
    keys = Keys(opened, "many")
    keys.check()
    lengths = []
    for start in range(1000, 1020):
        keys.add(start, start + 1)
        assert keys.check().how == "slice"
        lengths.append(len(keys.files))
    assert max(lengths) < 8 and 1 in lengths
    keys.add(1003, 1004)
    assert (keys.check().failing, keys.check().how) == (2, "slice")


@pytest.mark.usefixtures("large")
@pytest.mark.parametrize("how", ["removed", "cut short", "of rows too few", "of another key", "in no folder"])
def test_hashes_that_cannot_be_used_cost_a_look_at_the_keys(opened: tuple[Lake, DuckDB], how: str) -> None:
    keys = Keys(opened, how.replace(" ", "_"))
    keys.check()
    (name,) = keys.files
    path = keys.folder / name
    if how == "removed":
        path.unlink()
    elif how == "cut short":
        path.write_bytes(path.read_bytes()[:-100])
    elif how == "of rows too few":
        keys.db.execute(f"COPY (SELECT 1::UBIGINT AS h) TO '{path}' (FORMAT parquet)")
    elif how == "of another key":
        other = path.rename(path.with_name(f"other{path.name}"))
        assert keys.kept is not None
        keys.kept = Kept(of=keys.kept.of, values=keys.kept.values, hashes={"unique": (other.name,)})
    else:
        for each in keys.folder.iterdir():
            each.unlink()
        keys.folder.rmdir()
        keys.folder.write_text("not a folder")
    keys.add(999, 1001)
    result = keys.check()
    assert (result.state, result.failing, result.how) == ("failed", 2, "slice")
    assert bool(keys.files) == (how != "in no folder") and name not in keys.files


@pytest.mark.usefixtures("large")
def test_files_of_hashes_take_no_more_than_so_much(
    opened: tuple[Lake, DuckDB], monkeypatch: pytest.MonkeyPatch
) -> None:
    keys = Keys(opened, "room")
    keys.check()
    (first,) = keys.files
    os.utime(keys.folder / first, (1, 1))
    monkeypatch.setattr(key_hashes, "MOST", 10_000)
    keys.kept = None
    keys.check()
    assert [path.name for path in keys.folder.iterdir()] == list(keys.files) != [first]


@pytest.mark.usefixtures("large")
@pytest.mark.parametrize(
    ("rows", "nulls", "failing"),
    [
        ("SELECT md5(range::VARCHAR) AS k FROM range(500)", "", 0),
        ("SELECT md5((range % 499)::VARCHAR) AS k FROM range(500)", "", 2),
        ("SELECT CASE WHEN range > 1 THEN md5(range::VARCHAR) END AS k FROM range(500)", "", 0),
        ("SELECT CASE WHEN range > 1 THEN md5(range::VARCHAR) END AS k FROM range(500)", "same", 0),
        ("SELECT CASE WHEN range > 1 THEN md5(range::VARCHAR) END AS k FROM range(500)", "count", 2),
        ("SELECT CASE WHEN range > 0 THEN md5(range::VARCHAR) END AS k FROM range(500)", "count", 0),
        ("SELECT CASE WHEN range > 1 THEN range END AS k FROM range(500)", "count", 2),
        ("SELECT CASE WHEN range > 1 THEN lpad(range::VARCHAR, 9, '0') END AS k FROM range(500)", "count", 2),
        ("SELECT lpad((range // 2)::VARCHAR, 9, '0') AS k FROM range(500)", "", 500),
    ],
)
@pytest.mark.parametrize("values", [2**63, 5])
def test_every_way_finds_what_groups_find(
    opened: tuple[Lake, DuckDB], monkeypatch: pytest.MonkeyPatch, rows: str, nulls: str, failing: int, values: int
) -> None:
    lake, db = opened
    monkeypatch.setattr(key_hashes, "hash_of", lambda columns: f"hash({', '.join(columns)}) % {values}")
    db.execute("DROP TABLE IF EXISTS lake.s.w")
    db.execute(f"CREATE TABLE lake.s.w AS {rows}")
    metadata, listed = described(lake, "s.w")
    subject = Subject(
        name="s.w",
        relation="lake.s.w",
        lake="lake.s.w",
        rows=500,
        facts=statistics.facts(metadata, listed),
        ranges=Ranges.of(metadata, listed),
    )
    check = read_check({"check": "unique", **({"nulls": nulls} if nulls else {})}, column="k", file="", line=0)
    (found,) = check_table(db, [check], subject).results
    assert (found.failing, found.error) == (failing, "")
