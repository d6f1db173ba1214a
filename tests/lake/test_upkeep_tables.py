"""Small files become large ones, deletes are applied, and no row changes."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest

from wherry.lake.attach import connect
from wherry.lake.lake import Lake
from wherry.lake.upkeep import rewrite, table
from wherry.lake.upkeep.layout import Layout
from wherry.lake.upkeep.table import TableResult
from wherry.lake.upkeep.upkeep import Options, keep_up
from wherry.model.asset import Partition, Sort

Rows = Callable[[str], list[tuple[Any, ...]]]

HOUR = timedelta(hours=1)


def one(lake: Lake, name: str = "s.t", **options: Any) -> TableResult:
    """Upkeep of one table."""
    (result,) = keep_up(lake, Options(tables=[name], **options)).tables
    return result


def metadata(lake: Lake, name: str = "s.t", branch: str = "main") -> dict[str, Any]:
    pointer = lake.pointer(branch, name)
    assert pointer is not None and pointer.location is not None
    return lake.storage.read(pointer.location)


def files(rows: Rows, name: str = "m.s.t") -> list[str]:
    return [path for (path,) in rows(f"SELECT file_path FROM iceberg_metadata({name}) WHERE content = 'EXISTING'")]


@pytest.fixture
def worn(lake: Lake, rows: Rows) -> list[tuple[Any, ...]]:
    """A table ``s.t`` of many files, with deletes, updates and a column that came later; its rows."""
    lake.carry("main", "s.t", {"version": "v"})
    rows("CREATE TABLE m.s.t AS SELECT range AS i, 'a' || range AS x FROM range(100)")
    for number in range(1, 6):
        rows(f"INSERT INTO m.s.t SELECT range + {number * 100}, 'b' FROM range(100)")
    rows("ALTER TABLE m.s.t ADD COLUMN y INTEGER")
    rows("INSERT INTO m.s.t VALUES (1000, 'c', 1), (NULL, NULL, NULL)")
    rows("DELETE FROM m.s.t WHERE i % 7 = 0")
    rows("UPDATE m.s.t SET y = 5 WHERE i BETWEEN 90 AND 110")
    return rows("FROM m.s.t ORDER BY ALL")


def test_one_file_takes_the_place_of_all(lake: Lake, rows: Rows, worn: list[tuple[Any, ...]]) -> None:
    before, pointer = metadata(lake), lake.pointer("main", "s.t")
    result = one(lake, author="ada")
    assert (result.state, result.files_after, result.deletes_after, result.manifests_after) == ("done", 1, 0, 1)
    assert result.files_before == 8 and result.deletes_before > 0
    assert rows("FROM m.s.t ORDER BY ALL") == worn
    after, moved = metadata(lake), lake.pointer("main", "s.t")
    assert pointer is not None and moved is not None
    assert (moved.state, moved.rows) == (pointer.state, len(worn)) and moved.state["version"] == "v"
    for part in ("table-uuid", "location", "schemas", "current-schema-id", "partition-specs"):
        assert after[part] == before[part]
    newest = after["snapshots"][-1]
    assert newest["parent-snapshot-id"] == before["current-snapshot-id"]
    assert newest["summary"]["operation"] == "replace"
    assert newest["summary"]["total-records"] == str(len(worn))
    commit = lake.log()[0]
    assert (commit.author, commit.message) == ("ada", "upkeep of s.t")
    assert [change.rows for change in commit.changes] == [len(worn)]


def test_the_past_stays_readable(lake: Lake, db: duckdb.DuckDBPyConnection, rows: Rows, worn: Any) -> None:
    then = lake.log()[-3]
    snapshots = rows("SELECT snapshot_id FROM iceberg_snapshots(m.s.t) ORDER BY sequence_number")
    one(lake)
    lake.attach(db, "main", "past", at=then.seq)
    assert rows("SELECT count(*) FROM past.s.t") == [(300,)]
    assert rows(f"SELECT count(*) FROM m.s.t AT (VERSION => {snapshots[3][0]})") == [(400,)]
    lake.restore(then.id, author="ada")
    assert rows("SELECT count(*) FROM m.s.t") == [(300,)]


def test_the_table_goes_on(lake: Lake, rows: Rows, worn: list[tuple[Any, ...]]) -> None:
    one(lake)
    rows("INSERT INTO m.s.t VALUES (7, 'new', 7)")
    rows("DELETE FROM m.s.t WHERE i = 1000")
    rows("ALTER TABLE m.s.t DROP COLUMN x")
    expected = sorted([(i, y) for i, _, y in worn if i not in (1000, None)] + [(7, 7)], key=str)
    assert sorted(rows("SELECT i, y FROM m.s.t WHERE i IS NOT NULL"), key=str) == expected
    assert one(lake).state == "done"
    assert sorted(rows("SELECT i, y FROM m.s.t WHERE i IS NOT NULL"), key=str) == expected


def test_a_second_upkeep_has_nothing_to_do(lake: Lake, worn: Any) -> None:
    one(lake)
    log = lake.log()
    assert one(lake).state == "unchanged"
    assert lake.log() == log


def test_a_dry_run_tells_and_does_nothing(lake: Lake, worn: Any) -> None:
    log, there = lake.log(), sorted(lake.storage.root.rglob("*"))
    result = one(lake, dry_run=True)
    assert (result.state, result.files_before, result.rewritten > 0) == ("due", 8, True)
    assert (lake.log(), sorted(lake.storage.root.rglob("*"))) == (log, there)


def test_only_the_named_tables_are_written(lake: Lake, rows: Rows, worn: Any) -> None:
    rows("CREATE TABLE m.s.other AS SELECT 1 AS i")
    rows("CREATE SCHEMA m.z")
    rows("CREATE TABLE m.z.t AS SELECT 1 AS i")
    assert [r.name for r in keep_up(lake, Options(tables=["S.*"])).tables] == ["s.other", "s.t"]
    assert [r.name for r in keep_up(lake, Options(tables=["z.t"])).tables] == ["z.t"]
    assert [r.name for r in keep_up(lake, Options()).tables] == ["s.other", "s.t", "z.t"]


def test_every_type_and_hostile_names_survive(lake: Lake, rows: Rows) -> None:
    rows('CREATE SCHEMA m."we ird"')
    where = """m."we ird"."it's % ?" """
    rows(
        f'CREATE TABLE {where} AS SELECT range AS "or der", range::INTEGER AS i, range % 2 = 0 AS b, '
        "range / 3::DOUBLE AS d, range::FLOAT AS f, (range / 7)::DECIMAL(20, 4) AS n, DATE '2026-01-01' AS day, "
        "TIME '10:11:12' AS t, TIMESTAMP '2026-01-01 10:11:12.123456' AS at, uuid() AS u, 'x'::BLOB AS raw, "
        "[range, NULL] AS l, {'a': range, 'b': [{'c': 'x'}]} AS st, MAP {'k': range} AS m FROM range(3)"
    )
    for _ in range(4):
        rows(f"INSERT INTO {where} FROM {where} LIMIT 3")
    rows(f"DELETE FROM {where} WHERE i = 1")
    before = rows(f"FROM {where} ORDER BY ALL")
    assert one(lake, "we ird.*").files_after == 1
    assert rows(f"FROM {where} ORDER BY ALL") == before


def test_rows_are_found_by_their_bytes(lake: Lake, rows: Rows) -> None:
    rows("CREATE TABLE m.s.t (i INTEGER, b BLOB)")
    for number in range(6):
        rows(rf"INSERT INTO m.s.t VALUES ({number}, '\xFF'::BLOB), ({number}, 'a'::BLOB)")
    assert one(lake).files_after == 1
    assert rows(r"SELECT count(*) FROM m.s.t WHERE b = '\xFF'::BLOB") == [(6,)]


def test_an_empty_table_and_one_whose_rows_are_all_deleted(lake: Lake, rows: Rows) -> None:
    rows("CREATE TABLE m.s.t (i INTEGER)")
    assert one(lake).state == "unchanged"
    rows("INSERT INTO m.s.t VALUES (1)")
    rows("DELETE FROM m.s.t")
    assert one(lake).files_after == 0
    assert rows("FROM m.s.t") == []
    rows("INSERT INTO m.s.t VALUES (2)")
    assert rows("FROM m.s.t") == [(2,)]


def test_a_table_of_another_version_is_left_alone(lake: Lake, rows: Rows) -> None:
    rows("CREATE TABLE m.s.t (i INTEGER)")
    upgrade = {"requirements": [], "updates": [{"action": "upgrade-format-version", "format-version": 3}]}
    lake.catalog.handle("POST", "/v1/main/namespaces/s/tables/t", {}, upgrade)
    result = one(lake)
    assert (result.state, "version 3" in result.reason) == ("skipped", True)


def test_a_missing_data_file_is_told_and_the_table_left(lake: Lake, rows: Rows, worn: Any) -> None:
    log = lake.log()
    Path(metadata(lake)["snapshots"][-1]["manifest-list"]).unlink()
    result = one_of_tables(lake)
    assert result.state == "failed" and ".avro" in result.reason
    assert lake.log() == log


def one_of_tables(lake: Lake) -> TableResult:
    """The turn of ``s.t`` alone, without the sweep."""
    pointer = lake.pointer("main", "s.t")
    assert pointer is not None
    turn = table.Turn(
        lake=lake, branch="main", connection=connect, since=Options().now - HOUR, author="", dry_run=False
    )
    return table.keep_table(turn, pointer, (), None)


# Manifests and snapshots


def test_many_manifests_become_one_though_the_files_stay(lake: Lake, rows: Rows, monkeypatch: Any) -> None:
    monkeypatch.setattr("wherry.lake.upkeep.choose._FEW", 1000)
    rows("CREATE TABLE m.s.t AS SELECT 0 AS i")
    for number in range(1, 12):
        rows(f"INSERT INTO m.s.t VALUES ({number})")
    rows("ALTER TABLE m.s.t ADD COLUMN y INTEGER")
    rows("INSERT INTO m.s.t VALUES (12, 5)")
    before = sorted(files(rows))
    result = one(lake)
    assert (result.manifests_before, result.files_after, result.rewritten) == (13, 13, 0)
    assert result.manifests_after <= 2
    assert sorted(files(rows)) == before
    assert rows("SELECT count(*), sum(i), sum(y) FROM m.s.t") == [(13, 78, 5)]
    rows("DELETE FROM m.s.t WHERE i = 3")
    assert rows("SELECT count(*) FROM m.s.t") == [(12,)]


def test_old_snapshots_and_metadata_files_are_forgotten(lake: Lake, rows: Rows, worn: Any) -> None:
    assert len(metadata(lake)["snapshots"]) > 5
    result = one(lake, keep=timedelta(0))
    after = metadata(lake)
    # That of the commit before upkeep's is the newest kept one when upkeep looks.
    assert len(after["snapshots"]) == 2 and result.snapshots > 5
    assert {s["snapshot-id"] for s in after["snapshots"]} == {e["snapshot-id"] for e in after["snapshot-log"]}
    assert after["metadata-log"] == []
    assert rows("FROM m.s.t ORDER BY ALL") == worn


def test_a_snapshot_that_a_tag_names_stays(lake: Lake, rows: Rows) -> None:
    rows("CREATE TABLE m.s.t AS SELECT 1 AS i")
    tagged = metadata(lake)["current-snapshot-id"]
    tag = {"action": "set-snapshot-ref", "ref-name": "audit", "type": "tag", "snapshot-id": tagged}
    lake.catalog.handle("POST", "/v1/main/namespaces/s/tables/t", {}, {"requirements": [], "updates": [tag]})
    for number in range(5):
        rows(f"INSERT INTO m.s.t VALUES ({number})")
    nothing = timedelta(0)
    for _ in range(2):
        keep_up(lake, Options(keep=nothing, grace=nothing))
    assert tagged in {s["snapshot-id"] for s in metadata(lake)["snapshots"]}
    assert rows(f"FROM m.s.t AT (VERSION => {tagged})") == [(1,)]


# Others write meanwhile


def beside(monkeypatch: pytest.MonkeyPatch, do: Callable[[], object]) -> None:
    """Have something done between the moment that files were written and the commit."""
    write = rewrite.write_anew

    def written(*arguments: Any) -> Any:
        made = write(*arguments)
        monkeypatch.setattr(rewrite, "write_anew", write)
        do()
        return made

    monkeypatch.setattr(rewrite, "write_anew", written)


def test_rows_added_meanwhile_are_kept(lake: Lake, rows: Rows, worn: Any, monkeypatch: Any) -> None:
    beside(monkeypatch, lambda: rows("INSERT INTO m.s.t VALUES (5000, 'late', 1)"))
    result = one(lake)
    assert (result.state, result.files_after, result.deletes_after) == ("done", 2, 0)
    assert sorted(rows("FROM m.s.t"), key=str) == sorted([*worn, (5000, "late", 1)], key=str)


@pytest.mark.parametrize(
    "statement",
    ["DELETE FROM m.s.t WHERE i = 1", "UPDATE m.s.t SET y = 1", "TRUNCATE m.s.t", "DROP TABLE m.s.t"],
)
def test_a_table_changed_meanwhile_is_left_for_another_time(
    lake: Lake, rows: Rows, worn: Any, monkeypatch: Any, statement: str
) -> None:
    beside(monkeypatch, lambda: rows(statement))
    there: list[set[Path]] = []
    monkeypatch.setattr(rewrite, "forget", counted(rewrite.forget, lake, there))
    result = one(lake)
    assert (result.state, "others" in result.reason) == ("skipped", True)
    # What was written for nothing is gone at once.
    assert len(there[0] - there[1]) == 2
    if not statement.startswith("DROP"):
        assert lake.log()[0].message == "write s.t"
        rows("SELECT * FROM m.s.t")


def counted(forget: Callable[..., None], lake: Lake, there: list[set[Path]]) -> Callable[..., None]:
    def forgotten(storage: Any, written: Any) -> None:
        there.append(set(lake.storage.root.rglob("*")))
        forget(storage, written)
        there.append(set(lake.storage.root.rglob("*")))

    return forgotten


def test_a_writer_that_upkeep_overtook_is_told(lake: Lake, db: Any, rows: Rows, worn: Any) -> None:
    rows("BEGIN")
    rows("INSERT INTO m.s.t VALUES (1, 'x', 1)")
    one(lake)
    with pytest.raises(duckdb.TransactionException, match="Conflict_409"):
        rows("COMMIT")
    assert rows("FROM m.s.t ORDER BY ALL") == worn


# Branches


def test_a_branch_that_forked_before_is_merged_all_the_same(lake: Lake, db: Any, rows: Rows, worn: Any) -> None:
    lake.create_branch("dev")
    lake.attach(db, "dev", "d")
    rows("INSERT INTO d.s.t VALUES (5000, 'dev', 1)")
    one(lake)
    lake.merge("dev", author="ada", message="publish")
    assert sorted(rows("FROM m.s.t"), key=str) == sorted([*worn, (5000, "dev", 1)], key=str)
    assert one(lake).files_after == 1


def test_a_change_of_state_alone_does_not_undo_upkeep(lake: Lake, rows: Rows, worn: Any) -> None:
    from wherry.lake.pointer import Put

    lake.create_branch("dev")
    lake.put("dev", [Put(name="s.t", kind="table", state={"version": "w"})], author="", message="checked")
    one(lake)
    there = metadata(lake)
    lake.merge("dev", author="ada", message="publish")
    pointer = lake.pointer("main", "s.t")
    assert pointer is not None and pointer.state == {"version": "w"}
    assert metadata(lake) == there and len(files(rows)) == 1


def test_a_run_that_did_not_finish_is_gone_on_with(lake: Lake, db: Any, rows: Rows, worn: Any) -> None:
    lake.create_branch("run/1")
    lake.attach(db, "run/1", "r")
    rows("INSERT INTO r.s.t VALUES (5000, 'run', 1)")
    one(lake)
    assert lake.continue_branch("run/1", "run/2") == ["s.t"]


def test_what_really_changed_is_still_a_conflict(lake: Lake, db: Any, rows: Rows, worn: Any) -> None:
    from wherry.errors import Conflict

    lake.create_branch("dev")
    lake.attach(db, "dev", "d")
    rows("INSERT INTO d.s.t VALUES (5000, 'dev', 1)")
    rows("INSERT INTO m.s.t VALUES (5001, 'main', 1)")
    one(lake)
    with pytest.raises(Conflict, match=r"s\.t"):
        lake.merge("dev", author="ada", message="publish")


def test_a_branch_keeps_only_what_it_changed(lake: Lake, db: Any, rows: Rows, worn: Any) -> None:
    rows("CREATE TABLE m.s.other AS SELECT 1 AS i")
    lake.create_branch("dev")
    lake.attach(db, "dev", "d")
    rows("INSERT INTO d.s.t VALUES (5000, 'dev', 1)")
    before = metadata(lake)
    (result,) = keep_up(lake, Options(branch="dev")).tables
    assert (result.name, result.files_after) == ("s.t", 1)
    assert metadata(lake) == before
    lake.merge("dev", author="ada", message="publish")
    assert rows("SELECT count(*) FROM m.s.t") == [(len(worn) + 1,)]


# Layout


def test_partitions_and_order_are_respected(lake: Lake, rows: Rows) -> None:
    rows("CREATE TABLE m.s.t (region VARCHAR, i BIGINT) PARTITIONED BY (region, bucket(2, i))")
    for number in range(5):
        rows(f"INSERT INTO m.s.t SELECT 'r' || range % 3, hash(range + {number}) % 1000 FROM range(200)")
    before = rows("FROM m.s.t ORDER BY ALL")
    result = one(lake, layouts={"s.t": Layout(partition=_of(lake), sort=(Sort(column="i", descending=True),))})
    assert result.files_after == 6
    assert rows("FROM m.s.t ORDER BY ALL") == before
    for path in files(rows):
        found = [i for (i,) in rows(f"SELECT i FROM read_parquet('{path}', hive_partitioning = false)")]
        assert found == sorted(found, reverse=True) and found
    assert [o["fields"][0]["direction"] for o in metadata(lake)["sort-orders"] if o["order-id"] == 1] == ["desc"]
    rows("INSERT INTO m.s.t VALUES ('r1', 5)")
    rows("UPDATE m.s.t SET i = 6 WHERE i = 5")
    assert rows("SELECT count(*) FROM m.s.t") == [(1001,)]


def _of(lake: Lake) -> tuple[Partition, ...]:
    return (Partition(column="region"), Partition(column="i", transform="bucket", width=2))


def test_another_partitioning_is_had_by_writing_the_files_anew(lake: Lake, rows: Rows) -> None:
    rows(
        "CREATE TABLE m.s.t AS SELECT range AS i, TIMESTAMP '2026-01-01' + range * INTERVAL 1 HOUR AS h FROM range(48)"
    )
    before = rows("FROM m.s.t ORDER BY ALL")
    layout = Layout(partition=(Partition(column="H", transform="day"),))
    assert one(lake, layouts={"s.t": layout}).files_after == 2
    assert rows("FROM m.s.t ORDER BY ALL") == before
    assert rows("SELECT count(*) FROM m.s.t WHERE h < TIMESTAMP '2026-01-02'") == [(24,)]
    assert one(lake, layouts={"s.t": layout}).state == "unchanged"
    assert one(lake, layouts={"s.t": Layout()}).files_after == 1
    assert one(lake, layouts={"s.t": replace(layout)}).files_after == 2
    specs = metadata(lake)["partition-specs"]
    assert [(f["transform"], f["field-id"]) for spec in specs for f in spec["fields"]] == [("day", 1000)]
    assert rows("FROM m.s.t ORDER BY ALL") == before


def test_a_merge_down_after_upkeep_is_no_conflict(
    lake: Lake, rows: Rows, db: duckdb.DuckDBPyConnection, worn: list[tuple[Any, ...]]
) -> None:
    lake.create_branch("dev")
    lake.attach(db, "dev", "d")
    rows("INSERT INTO d.s.t (i) VALUES (5000)")
    assert one(lake).state == "done"
    assert lake.standing("dev").behind == () and lake.standing("dev").ahead == ("s.t",)
    assert lake.preview_merge("main", onto="dev").conflicts == ()
    assert lake.merge("main", onto="dev", author="", message="down") is None
    assert lake.merge("dev", author="", message="up") is not None
    assert rows("SELECT count(*) FROM m.s.t") == [(len(worn) + 1,)]


def test_upkeep_is_no_difference(lake: Lake, rows: Rows, worn: list[tuple[Any, ...]]) -> None:
    before = lake.find_moment("main")
    assert one(lake).state == "done"
    assert lake.compare(before, lake.find_moment("main")) == []


def test_files_outside_the_lake_are_left_alone(lake: Lake, rows: Rows, tmp_path: Path) -> None:
    catalogs = pytest.importorskip("pyiceberg.catalog.rest")
    paths = []
    for number in range(6):
        paths.append(str(tmp_path / f"{number}.parquet"))
        duckdb.sql(f"COPY (SELECT {number} AS i) TO '{paths[-1]}'")
    rows("CREATE TABLE m.s.t (i INTEGER)")
    given = {"uri": lake.server.endpoint, "token": lake.server.token("ada"), "warehouse": "main"}
    catalogs.RestCatalog("w", **given).load_table(("s", "t")).add_files(paths)
    before = metadata(lake)["current-snapshot-id"]
    for _ in range(2):
        assert one(lake, keep=timedelta(0), grace=timedelta(0)).state != "failed"
    assert metadata(lake)["current-snapshot-id"] == before
    assert all(Path(path).exists() for path in paths)
    assert rows("FROM m.s.t ORDER BY i") == [(number,) for number in range(6)]
