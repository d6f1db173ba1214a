"""Writes of other engines to the project's tables are seen by the next plan; what only looks like one is not."""

from collections.abc import Callable, Iterator
from typing import Any

import duckdb
import pytest
from run_folder import Folder, result, states

from wherry.lake.attach import connect
from wherry.lake.upkeep.upkeep import Options, keep_up
from wherry.model.plan import Step

Engine = Callable[..., list[tuple[Any, ...]]]

SOURCE = """
connector: files
path: data/
tables:
  orders.csv: {as: raw.orders, columns: {id: {checks: [unique]}}}
  other.csv: {as: raw.other}
"""


@pytest.fixture
def shop(folder: Folder) -> Folder:
    """raw.orders -> s.a -> s.b, and raw.other -> s.c, all built."""
    folder.write(
        {
            "sources/drop.yml": SOURCE,
            "data/orders.csv": "id,amount\n1,10\n2,20\n",
            "data/other.csv": "id\n1\n",
        }
    )
    folder.tables(
        a="SELECT id, amount FROM raw.orders",
        b="SELECT sum(amount) AS total FROM s.a",
        c="SELECT id FROM raw.other",
    )
    folder.done()
    assert moving(folder) == {}
    return folder


@pytest.fixture
def spark(shop: Folder) -> Iterator[Engine]:
    """Another engine, on ``main``."""
    with connect() as connection:
        shop.lake.attach(connection, "main", "m", author="spark")

        def execute(sql: str) -> list[tuple[Any, ...]]:
            return connection.execute(sql).fetchall()

        yield execute


def moving(folder: Folder, **asked: Any) -> dict[str, Step]:
    return {s.name: s for s in folder.plan(**asked).steps if s.action != "skip" or s.only_checks or s.noted}


def test_readers_of_a_source_are_built_again(shop: Folder, spark: Engine) -> None:
    spark("INSERT INTO m.raw.orders VALUES (3, 30)")
    steps = moving(shop)
    assert list(steps) == ["raw.orders", "s.a", "s.b"]
    assert steps["s.a"].reason.startswith("raw.orders was written to from outside by spark, 20")
    assert steps["s.b"].reason == "s.a changes"
    # What its file promises of it is held against what it is now.
    assert steps["raw.orders"].only_checks and "outside by spark" in steps["raw.orders"].reason
    made = shop.done()
    assert states(made) == {"orders": "skipped", "other": "skipped", "a": "built", "b": "built", "c": "skipped"}
    assert [check.state for check in result(made, "raw.orders").checks] == ["passed"]
    assert shop.rows("s.b") == [(60,)]
    # It is told for as long as the table is not what its file makes of it, and nothing is done.
    steps = moving(shop)
    assert list(steps) == ["raw.orders"] and steps["raw.orders"].action == "skip" and steps["raw.orders"].noted
    assert states(shop.done()) == dict.fromkeys(("orders", "other", "a", "b", "c"), "skipped")


def test_each_further_write_counts(shop: Folder, spark: Engine) -> None:
    for number, total in ((3, 60), (4, 100)):
        spark(f"INSERT INTO m.raw.orders VALUES ({number}, {number}0)")
        shop.done()
        assert shop.rows("s.b") == [(total,)]


def test_a_promise_that_it_broke_is_told_and_holds_back_its_readers(shop: Folder, spark: Engine) -> None:
    spark("INSERT INTO m.raw.orders VALUES (1, 1000)")
    made = shop.run()
    assert states(made) | {"other": "", "c": ""} == {
        "orders": "failed",
        "a": "blocked",
        "b": "blocked",
        "other": "",
        "c": "",
    }
    assert shop.rows("s.b") == [(30,)]
    assert list(moving(shop)) == ["raw.orders", "s.a", "s.b"]
    spark("DELETE FROM m.raw.orders WHERE amount = 1000")
    shop.done()
    assert shop.rows("s.b") == [(30,)]


def test_a_table_that_the_project_builds_stays_until_its_inputs_change(shop: Folder, spark: Engine) -> None:
    spark("UPDATE m.s.a SET amount = 1 WHERE id = 1")
    steps = moving(shop)
    assert list(steps) == ["s.a", "s.b"]
    assert steps["s.a"].action == "skip" and "until it is built again" in steps["s.a"].reason
    assert steps["s.b"].reason.startswith("s.a was written to from outside by spark")
    shop.done()
    assert shop.rows("s.b") == [(21,)]
    shop.write({"data/orders.csv": "id,amount\n1,10\n2,20\n3,30\n"})
    shop.done()
    # Built from its inputs: what was changed beside them is gone.
    assert shop.rows("s.a") == [(1, 10), (2, 20), (3, 30)] and shop.rows("s.b") == [(60,)]
    assert moving(shop) == {}


def test_a_write_on_a_branch_counts_when_it_is_merged(shop: Folder, spark: Engine) -> None:
    shop.lake.create_branch("dev")
    with connect() as connection:
        shop.lake.attach(connection, "dev", "d", author="spark")
        connection.execute("INSERT INTO d.s.a VALUES (9, 9)")
    assert moving(shop) == {}
    shop.lake.merge("dev", author="ada", message="from spark")
    assert list(moving(shop)) == ["s.a", "s.b"]
    shop.done()
    assert shop.rows("s.b") == [(39,)]


def test_a_write_during_a_run_is_not_missed(shop: Folder, spark: Engine) -> None:
    def tell(kind: str, **what: Any) -> None:
        if kind == "started" and what["name"] == "s.b":
            spark("INSERT INTO m.raw.other VALUES (2)")

    shop.tables(b="SELECT sum(amount) + 0 AS total FROM s.a")
    shop.done(tell=tell)
    assert "raw.other was written to from outside" in moving(shop)["s.c"].reason
    shop.done()
    assert shop.rows("s.c") == [(1,), (2,)]


def test_a_column_from_outside_counts(shop: Folder, spark: Engine) -> None:
    spark("ALTER TABLE m.raw.other ADD COLUMN more INTEGER")
    assert list(moving(shop)) == ["raw.other", "s.c"]


def test_what_changes_no_row_does_not_count(shop: Folder, spark: Engine) -> None:
    location = shop.lake.pointer("main", "raw.orders").location  # type: ignore[union-attr]
    (snapshot,) = shop.lake.storage.read(location or "")["snapshots"]
    ref = {"ref-name": "v1", "type": "tag", "snapshot-id": snapshot["snapshot-id"]}
    number = snapshot["snapshot-id"] // 2 + 1
    again = {
        "snapshot-id": number,
        "parent-snapshot-id": snapshot["snapshot-id"],
        "schema-id": 0,
        "sequence-number": 2,
        "timestamp-ms": snapshot["timestamp-ms"] + 1,
        "summary": {"operation": "replace"},
        "manifest-list": snapshot["manifest-list"],
    }
    for updates in (
        [{"action": "set-properties", "updates": {"comment": "x"}}],
        [{"action": "set-snapshot-ref", **ref}],
        # Another engine wrote the same rows to other files.
        [
            {"action": "add-snapshot", "snapshot": again},
            {"action": "set-snapshot-ref", "ref-name": "main", "type": "branch", "snapshot-id": number},
        ],
    ):
        body = {"requirements": [], "updates": updates}
        status, answer = shop.lake.catalog.handle("POST", "/v1/main/namespaces/raw/tables/orders", {}, body)
        assert status == 200, answer
        assert moving(shop) == {}


def test_upkeep_does_not_count(shop: Folder, spark: Engine) -> None:
    for number in range(5, 10):
        spark(f"INSERT INTO m.raw.orders VALUES ({number}, 1)")
    shop.done()
    assert list(moving(shop)) == ["raw.orders"]
    (done, *_) = (r for r in keep_up(shop.lake, Options()).tables if r.name == "raw.orders")
    assert done.state == "done"
    assert list(moving(shop)) == ["raw.orders"] and moving(shop)["raw.orders"].action == "skip"
    # An upkeep between the write and the run does not hide the write.
    spark("INSERT INTO m.raw.other VALUES (7)")
    keep_up(shop.lake, Options())
    assert "raw.other was written to from outside" in moving(shop)["s.c"].reason


def test_a_table_that_only_another_engine_writes_is_an_input(shop: Folder, spark: Engine) -> None:
    spark("CREATE SCHEMA m.ml")
    spark("CREATE TABLE m.ml.scores AS SELECT 1 AS id, 0.5 AS score")
    spark("CREATE TABLE m.ml.private AS SELECT 1 AS id")
    # Nobody asked for it, nobody drops it.
    assert moving(shop, prune=True) == {}
    shop.write({"sources/ml.yml": "connector: lake\ntables:\n  scores: {columns: {id: {checks: [unique]}}}\n"})
    shop.tables(d="SELECT id, score FROM ml.scores")
    shop.done()
    assert [(row[0], float(row[1])) for row in shop.rows("s.d")] == [(1, 0.5)]
    assert moving(shop) == {}
    spark("INSERT INTO m.ml.scores VALUES (2, 0.7)")
    steps = moving(shop)
    assert list(steps) == ["ml.scores", "s.d"] and "written to from outside by spark" in steps["s.d"].reason
    shop.done()
    assert len(shop.rows("s.d")) == 2
    spark("INSERT INTO m.ml.scores VALUES (2, 0.7)")
    assert result(shop.run(), "ml.scores").state == "failed"


def test_a_table_dropped_and_made_by_another_is_built_from_its_file(shop: Folder, spark: Engine) -> None:
    spark("DROP TABLE m.s.a")
    spark("CREATE TABLE m.s.a AS SELECT 7 AS id, 7 AS amount")
    assert "was made by spark" in moving(shop)["s.a"].reason
    shop.done()
    assert shop.rows("s.a") == [(1, 10), (2, 20)] and shop.rows("s.b") == [(30,)]


def test_a_gathering_table_takes_in_what_came_once(shop: Folder, spark: Engine) -> None:
    shop.tables(e="-- build: merge on id\nSELECT id, amount FROM s.a")
    shop.done()
    spark("INSERT INTO m.s.a VALUES (8, 80)")
    spark("DELETE FROM m.s.e WHERE id = 1")
    steps = moving(shop)
    assert "s.a was written to from outside" in steps["s.e"].reason and steps["s.e"].action == "build"
    shop.done()
    assert shop.rows("s.e") == [(1, 10), (2, 20), (8, 80)]
    assert "s.e" not in moving(shop)
    with pytest.raises(duckdb.Error):
        spark("FROM m.s.nothing")
