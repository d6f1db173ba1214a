"""Many small commits do not make a table slow: its lists are put together, and no row or past state is lost."""

from collections.abc import Callable
from typing import Any

import duckdb
import pytest

from wherry.lake.attach import connect
from wherry.lake.lake import Lake
from wherry.lake.upkeep import rewrite, tidy
from wherry.lake.upkeep.manifest import DATA, EQUALITY_DELETES, POSITION_DELETES, Entry, Form
from wherry.lake.upkeep.unmoved import ROWS_OF

Rows = Callable[[str], list[tuple[Any, ...]]]

MERGE = (
    "MERGE INTO m.s.t AS t USING (SELECT range AS k FROM range(3)) AS s USING (k) "
    "WHEN MATCHED THEN UPDATE SET n = t.n + 1 WHEN NOT MATCHED THEN INSERT VALUES (s.k, 0)"
)


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """What takes dozens of commits takes a few here."""
    for name, value in (("_DELETING", 4), ("_ANY", 8), ("LISTED", 9), ("_LISTED_AT_MOST", 12)):
        monkeypatch.setattr(tidy, name, value)


def contents(lake: Lake, branch: str = "main") -> rewrite.Contents:
    pointer = lake.pointer(branch, "s.t")
    assert pointer is not None and pointer.location is not None
    found = rewrite.contents(lake.storage, lake.storage.read(pointer.location))
    assert found is not None
    return found


def test_merges_of_the_same_keys_leave_few_files(lake: Lake, rows: Rows) -> None:
    rows("CREATE TABLE m.s.t AS SELECT range AS k, 0 AS n FROM range(5)")
    states = {}
    most = 0
    for number in range(1, 15):
        rows(MERGE)
        states[lake.log()[0].seq] = [(k, number if k < 3 else 0) for k in range(5)]
        most = max(most, len(contents(lake).manifests))
    assert most <= 2 * tidy._DELETING + 2
    assert rows("FROM m.s.t ORDER BY k") == states[max(states)]
    pointer = lake.pointer("main", "s.t")
    assert pointer is not None and pointer.rows == 5
    assert [c.message for c in lake.log(limit=14)] == ["write s.t"] * 14
    # Every commit is read as it was.
    with connect() as past:
        for seq in (min(states), *list(states)[4:10:2], max(states)):
            lake.attach(past, "main", "p", seq)
            assert past.execute("FROM p.s.t ORDER BY k").fetchall() == states[seq], seq
            past.execute("DETACH p")


def test_appends_leave_few_lists(lake: Lake, rows: Rows) -> None:
    rows("CREATE TABLE m.s.t (i INTEGER)")
    for number in range(20):
        rows(f"INSERT INTO m.s.t VALUES ({number})")
    found = contents(lake)
    assert len(found.manifests) < tidy._ANY and len(found.entries) == 20
    assert len(found.metadata["snapshots"]) <= 13
    assert [i for (i,) in rows("FROM m.s.t ORDER BY i")] == list(range(len(found.entries)))
    # Upkeep goes on from there.
    assert ROWS_OF in next(s for s in found.metadata["snapshots"] if s["summary"]["operation"] == "replace")["summary"]


def test_a_writer_that_began_before_is_told_as_by_any_other(lake: Lake, rows: Rows) -> None:
    rows("CREATE TABLE m.s.t AS SELECT range AS k, 0 AS n FROM range(3)")
    for _ in range(tidy._DELETING - 1):
        rows(MERGE)
    with connect() as other:
        lake.attach(other, "main", "m")
        other.execute("BEGIN")
        other.execute("INSERT INTO m.s.t VALUES (9, 9)")
        rows(MERGE)
        with pytest.raises(duckdb.TransactionException, match="Conflict_409"):
            other.execute("COMMIT")
    assert contents(lake).snapshot["summary"]["operation"] == "replace"
    assert rows("SELECT min(n), max(n), count(*) FROM m.s.t") == [(tidy._DELETING, tidy._DELETING, 3)]


def test_rows_that_stay_stay_in_their_files(lake: Lake, rows: Rows) -> None:
    rows("CREATE TABLE m.s.t AS SELECT range AS i FROM range(100)")
    for number in range(tidy._DELETING):
        rows(f"DELETE FROM m.s.t WHERE i = {number}")
    found = contents(lake)
    assert found.snapshot["summary"]["operation"] == "replace" and len(found.manifests) == 2
    assert rows("SELECT count(*), min(i) FROM m.s.t") == [(100 - tidy._DELETING, tidy._DELETING)]


def test_a_list_that_is_missing_does_not_fail_the_commit(lake: Lake, rows: Rows) -> None:
    rows("CREATE TABLE m.s.t AS SELECT range AS k, 0 AS n FROM range(3)")
    for _ in range(tidy._DELETING - 1):
        rows(MERGE)
    metadata = contents(lake).metadata
    lake.storage.remove([contents(lake).manifests[0].path])
    added = {
        "snapshot-id": 77,
        "parent-snapshot-id": metadata["current-snapshot-id"],
        "schema-id": 0,
        "sequence-number": metadata["last-sequence-number"] + 1,
        "timestamp-ms": metadata["last-updated-ms"] + 1,
        "manifest-list": metadata["snapshots"][-1]["manifest-list"],
        "summary": {"operation": "overwrite", "added-delete-files": "1"},
    }
    ref = {"action": "set-snapshot-ref", "ref-name": "main", "type": "branch", "snapshot-id": 77}
    body = {"requirements": [], "updates": [{"action": "add-snapshot", "snapshot": added}, ref]}
    status, answer = lake.catalog.handle("POST", "/v1/main/namespaces/s/tables/t", {}, body)
    assert status == 200 and answer is not None and answer["metadata"]["current-snapshot-id"] == 77


_FORM = Form(content=0, spec=0, schema="", header=())


def entry(path: str, content: int, rows: int, about: str | None = None) -> Entry:
    row = {"data_file": {"referenced_data_file": about}}
    known = {"spec": 0, "partition": "", "size": 1, "sequence": 1, "manifest": "m", "form": _FORM, "row": row}
    return Entry(path=path, content=content, rows=rows, **known)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("deletes", "dead", "spent"),
    [
        ([entry("d", POSITION_DELETES, 10, "a")], ["a"], ["d"]),
        # Two files may name the same row.
        ([entry("d", POSITION_DELETES, 5, "a"), entry("e", POSITION_DELETES, 5, "a")], [], []),
        ([entry("d", POSITION_DELETES, 9, "a")], [], []),
        # What deletes are about is not said, or is a condition.
        ([entry("d", POSITION_DELETES, 10)], [], []),
        ([entry("d", EQUALITY_DELETES, 10)], [], []),
        # The file that these are about was written anew.
        ([entry("d", POSITION_DELETES, 1, "gone")], [], ["d"]),
        ([entry("d", POSITION_DELETES, 10, "a"), entry("e", POSITION_DELETES, 1, "a")], ["a"], ["d", "e"]),
    ],
)
def test_only_files_without_a_row_go(deletes: list[Entry], dead: list[str], spent: list[str]) -> None:
    found = tidy._dead([entry("a", DATA, 10), entry("b", DATA, 1), *deletes])
    assert tuple([each.path for each in part] for part in found) == (dead, spent)
