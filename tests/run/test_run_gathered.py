"""``merge on``, ``history on`` and ``append`` against plain Python."""

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from run_folder import NOON, Folder, result, states

Key = tuple[str, int]
Values = tuple[int | None, str | None]
Rows = Mapping[Key, Values]

FEW = settings(max_examples=7, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
KEYS = st.tuples(st.sampled_from(["a", "A", "", "é'"]), st.integers(1, 2))
VALUES = st.tuples(st.none() | st.integers(0, 2), st.none() | st.sampled_from(["", "x"]))
#: What the input holds at each run; often the same again.
INPUTS = st.lists(st.dictionaries(KEYS, VALUES, max_size=5), min_size=2, max_size=5)


def text(value: Any) -> str:
    return "NULL" if value is None else repr(value) if isinstance(value, int) else "'" + value.replace("'", "''") + "'"


def select(rows: Rows) -> str:
    columns = "k::VARCHAR AS k, n::INTEGER AS n, v::INTEGER AS v, w::VARCHAR AS w"
    values = ", ".join(f"({', '.join(map(text, key + value))})" for key, value in rows.items())
    # Something that is no row, so that the statement differs at each run even when its rows do not.
    values = values or "(NULL, NULL, NULL, NULL)"
    return f"SELECT {columns} FROM (VALUES {values}) AS t(k, n, v, w) WHERE k IS NOT NULL"


def feed(folder: Folder, rows: Rows) -> None:
    folder.tables(src=select(rows))


def flat(rows: Rows) -> list[tuple[Any, ...]]:
    return sorted((*key, *values) for key, values in rows.items()) if rows else []


def in_any_order(rows: list[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    return sorted(rows, key=repr)


@given(inputs=INPUTS)
@FEW
def test_merge_keeps_the_last_row_of_each_key(folders: Callable[[], Folder], inputs: list[Rows]) -> None:
    folder = folders()
    folder.tables(m="-- build: merge on k, n\nSELECT * FROM s.src")
    model: dict[Key, Values] = {}
    location: str | None = None
    for step, rows in enumerate(inputs):
        feed(folder, rows)
        made = folder.done(jobs=1)
        changed = step == 0 or any(model.get(key) != values for key, values in rows.items())
        model |= rows
        assert in_any_order(folder.rows("s.m")) == in_any_order([(*k, *v) for k, v in model.items()])
        if not changed:
            assert states(made)["m"] == "skipped"
            assert folder.lake.pointers("main")["s.m"].location == location
        location = folder.lake.pointers("main")["s.m"].location


@given(inputs=INPUTS)
@FEW
def test_history_keeps_every_version_of_each_key(folders: Callable[[], Folder], inputs: list[Rows]) -> None:
    folder = folders()
    folder.tables(h="-- build: history on k, n\nSELECT * FROM s.src")
    current: dict[Key, tuple[Values, datetime]] = {}
    closed: list[tuple[Any, ...]] = []
    for step, rows in enumerate(inputs):
        now = NOON + timedelta(hours=step)
        feed(folder, rows)
        made = folder.done(jobs=1, now=now)
        gone = {key for key, (values, _) in current.items() if rows.get(key) != values}
        closed += [(*key, *current[key][0], current[key][1], now, False) for key in gone]
        fresh = {key: (values, now) for key, values in rows.items() if key not in current or key in gone}
        current = {key: kept for key, kept in current.items() if key not in gone} | fresh
        if step and not gone and not fresh:
            assert states(made)["h"] == "skipped"
        opened = [(*key, *values, since, None, True) for key, (values, since) in current.items()]
        assert in_any_order(folder.rows("s.h")) == in_any_order(closed + opened)


def test_no_change_makes_no_commit(folder: Folder) -> None:
    rows: Rows = {("a", 1): (None, None), ("b", 2): (1, "x")}
    folder.tables(
        m="-- build: merge on k\nSELECT * FROM s.src",
        h="-- build: history on k\nSELECT * FROM s.src",
    )
    feed(folder, rows)
    folder.done()
    before = {key: pointer.location for key, pointer in folder.lake.pointers("main").items()}
    feed(folder, dict(reversed(list(rows.items()))))
    made = folder.done()
    assert states(made) == {"src": "built", "m": "skipped", "h": "skipped"}
    assert result(made, "s.m").reason == "its rows did not change"
    after = {key: pointer.location for key, pointer in folder.lake.pointers("main").items()}
    assert {key for key in before if before[key] != after[key]} == {"s.src"}
    assert states(folder.done()) == {"src": "skipped", "m": "skipped", "h": "skipped"}


@pytest.mark.parametrize("word", ["merge", "history"])
@pytest.mark.parametrize("first", [True, False], ids=["first", "again"])
@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ("('a', 1), (NULL, 2)", "is null in 1 row."),
        ("('a', 1), ('b', 2), ('a', 3)", "is not unique: 2 rows have k = 'a'."),
    ],
    ids=["null", "twice"],
)
def test_a_bad_key_is_refused(folder: Folder, word: str, first: bool, rows: str, said: str) -> None:
    folder.tables(t=f"-- build: {word} on k\nSELECT * FROM s.src", src="SELECT 'a' AS k, 0 AS v")
    if not first:
        folder.done()
    old = folder.contents("s.t")
    folder.tables(src=f"SELECT * FROM (VALUES {rows}) AS t(k, v)")
    made = folder.run()
    failed = result(made, "s.t")
    assert (failed.state, failed.fault, failed.findings[0].file) == ("failed", 1, "tables/s/t.sql")
    assert said in failed.reason and "The table is as it was." in failed.findings[0].hint
    assert folder.contents("s.t") == old
    folder.tables(src="SELECT 'b' AS k, 0 AS v")
    folder.done()
    assert folder.rows("s.t", columns="k") == ([("b",)] if first else [("a",), ("b",)])


@pytest.mark.parametrize("build", ["append", "merge on k", "history on k"])
def test_a_new_column_is_added(folder: Folder, build: str) -> None:
    folder.tables(src="SELECT 1 AS k, 'a' AS v", t=f"-- build: {build}\nSELECT * FROM s.src")
    folder.done()
    folder.tables(src="SELECT 1 AS k, 'a' AS v, 2.5 AS \"More\", 1 AS k2 UNION ALL SELECT 2, NULL, NULL, 2")
    folder.done()
    kept = [] if build == "merge on k" else [(1, "a", None, None)]
    assert in_any_order(folder.rows("s.t", columns='k, v, "More"::DOUBLE, k2')) == in_any_order(
        [*kept, (1, "a", 2.5, 1), (2, None, None, 2)]
    )


def test_append_appends_once_per_change_of_its_inputs(folder: Folder) -> None:
    folder.tables(src="SELECT 1 AS n", other="SELECT 1 AS one", t="-- build: append\nSELECT n FROM s.src, s.other")
    for _ in range(2):
        folder.done()
        assert folder.rows("s.t") == [(1,)]
    folder.tables(src="SELECT 2 AS n", other="SELECT 1 AS one, 2 AS two")
    for _ in range(2):
        folder.done()
        assert folder.rows("s.t") == [(1,), (2,)]
    folder.tables(src="SELECT 3 AS n WHERE false")
    assert states(folder.done())["t"] == "skipped"
    folder.tables(t="-- build: append\nSELECT -n AS n FROM s.src, s.other", src="SELECT 4 AS n")
    folder.done()
    assert folder.rows("s.t") == [(-4,), (1,), (2,)]
    folder.done(full=True)
    assert folder.rows("s.t") == [(-4,)]


@pytest.mark.parametrize("build", ["append", "merge on k", "history on k", "incremental by moment"])
def test_rows_that_were_never_published_are_given_up(folder: Folder, build: str) -> None:
    """What a failed run gathered from its inputs does not stay when the inputs are mended."""
    head = f"-- build: {build}\n-- checks: [v > 0]\n"
    tables = {"src": "SELECT 1 AS k, 1 AS v, DATE '2026-01-01' AS moment", "t": head + "SELECT k, v, moment FROM s.src"}
    folder.tables(**tables)
    folder.done()
    old = folder.rows("s.t")
    folder.tables(src="SELECT 2 AS k, -1 AS v, DATE '2026-01-02' AS moment")
    assert folder.run().state == "failed"
    assert folder.rows("s.t") == old
    folder.tables(src="SELECT 3 AS k, 3 AS v, DATE '2026-01-09' AS moment")
    folder.done()
    rows = folder.rows("s.t", columns="k, v")
    assert rows == [(3, 3)] if build.startswith("incremental") else [(1, 1), (3, 3)]
    assert folder.leftovers() == []


@pytest.mark.parametrize("build", ["append", "merge on k", "history on k"])
def test_rows_made_from_an_input_that_was_never_published_are_given_up(folder: Folder, build: str) -> None:
    folder.tables(src="SELECT 1 AS k, 1 AS v", t=f"-- build: {build}\nSELECT k, v FROM s.src")
    folder.write({"checks/positive.sql": "SELECT * FROM s.src WHERE v < 0"})
    folder.done()
    folder.tables(src="SELECT 2 AS k, -1 AS v")
    assert states(folder.run()) == {"src": "failed", "t": "blocked"}
    folder.tables(src="SELECT 3 AS k, 3 AS v")
    folder.done()
    assert folder.rows("s.t", columns="k, v") == [(1, 1), (3, 3)]
