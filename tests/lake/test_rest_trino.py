"""Trino and DuckDB on the same tables, on a branch that is then published. ``make test-engines`` runs it."""

from pathlib import Path
from typing import Any

import pytest
from copying import made
from trino_server import trino

from wherry.lake.attach import connect
from wherry.lake.lake import Lake
from wherry.lake.upkeep.upkeep import Options, keep_up
from wherry.serve.catalog import offer

pytestmark = pytest.mark.needs("trino")
TOKEN = "a-token-of-sixteen"
#: A table whose files COPY wrote.
COPIED = (
    "SELECT i, DATE '2026-01-01' + i::INTEGER AS d, 'x' || i AS s, [i] AS l, {'a': i / 4} AS st FROM range(9) AS t(i)"
)

#: What Trino is told, and what it must answer; None: anything but an error.
STATEMENTS: list[tuple[str, Any]] = [
    ("SELECT i, s, d FROM s.t ORDER BY i", [[1, "x1", "0.25"], [3, "changed", "0.75"]]),
    ("SELECT count(*), sum(i), min(s) FROM s.copied WHERE d > DATE '2026-01-02' AND s < 'x9'", [[7, 35, "x2"]]),
    ("SELECT s FROM s.copied WHERE i = 9 OR s = 'y'", []),
    ("SELECT sum(st.a) FROM s.copied WHERE l[1] = 4", [[1.0]]),
    ("DELETE FROM s.copied WHERE i > 1", None),
    ("SELECT s FROM s.copied ORDER BY i", [["x0"], ["x1"]]),
    ("CREATE SCHEMA tr", None),
    ("CREATE TABLE tr.t (i BIGINT, s VARCHAR, ts TIMESTAMP(6)) WITH (partitioning = ARRAY['day(ts)'])", None),
    (
        "INSERT INTO tr.t VALUES (1, 'a', TIMESTAMP '2026-01-01'), (2, 'b', TIMESTAMP '2026-01-02'), (3, 'c', NULL)",
        None,
    ),
    ("UPDATE tr.t SET s = 'bb' WHERE i = 2", None),
    ("DELETE FROM tr.t WHERE i = 3", None),
    (
        "MERGE INTO tr.t AS t USING (VALUES (1, 'm'), (7, 'n')) AS u (i, s) ON t.i = u.i "
        "WHEN MATCHED THEN UPDATE SET s = u.s WHEN NOT MATCHED THEN INSERT (i, s) VALUES (u.i, u.s)",
        None,
    ),
    ("ALTER TABLE tr.t ADD COLUMN extra INTEGER", None),
    ("ALTER TABLE tr.t RENAME COLUMN s TO name", None),
    ("INSERT INTO tr.t (i, extra) VALUES (8, 5)", None),
    ("SELECT i, name, extra FROM tr.t ORDER BY i", [[1, "m", None], [2, "bb", None], [7, "n", None], [8, None, 5]]),
    ("CREATE TABLE tr.again AS SELECT 1 AS one", None),
    ("CREATE OR REPLACE TABLE tr.again AS SELECT 2 AS two", None),
    ("SELECT * FROM tr.again", [[2]]),
    ("ALTER TABLE tr.again RENAME TO tr.moved", None),
    ("ALTER TABLE tr.t EXECUTE optimize", None),
    ("ANALYZE tr.t", None),
    ("INSERT INTO s.t (i, s) VALUES (5, 'trino')", None),
    ("CREATE VIEW tr.v AS SELECT i, coalesce(extra, -1) AS m FROM lake.tr.t WHERE i > 1", None),
    ("SELECT * FROM tr.v ORDER BY i", [[2, -1], [7, -1], [8, 5]]),
    ('SELECT count(*) > 5 FROM tr."t$snapshots"', [[True]]),
    ("SHOW TABLES FROM tr", [["moved"], ["t"], ["v"]]),
]
#: What must fail, and a word of the reason.
REFUSED = [
    ("ALTER TABLE tr.t EXECUTE expire_snapshots(retention_threshold => '7d')", "GC is disabled"),
    ("DROP SCHEMA tr", "non-empty"),
]


def test_trino_and_duckdb_share_tables(lake: Lake, tmp_path: Path) -> None:
    lake.create_branch("dev")
    with connect() as db:
        lake.attach(db, "dev", "d")
        db.execute("CREATE SCHEMA d.s")
        db.execute("CREATE TABLE d.s.t AS SELECT i, 'x' || i AS s, (i / 4)::DECIMAL(9,2) AS d FROM range(4) AS _(i)")
        db.execute("DELETE FROM d.s.t WHERE i % 2 = 0")
        db.execute("UPDATE d.s.t SET s = 'changed' WHERE i = 3")
        made(lake, db, "s.copied", COPIED, branch="dev")
        server = offer(lake, host="127.0.0.1", port=0, branch="main", tokens={TOKEN: "trino"})
        try:
            with trino(tmp_path / "trino", server.endpoint, TOKEN, "dev") as other:
                for sql, wanted in STATEMENTS:
                    found = other.ask(sql)
                    assert wanted is None or found == wanted, sql
                for sql, why in REFUSED:
                    with pytest.raises(RuntimeError, match=why):
                        other.ask(sql)
                # What upkeep writes anew is read as before.
                keep_up(lake, Options(branch="dev"))
                (after,) = (wanted for sql, wanted in STATEMENTS if sql.startswith("SELECT i, name, extra"))
                assert other.ask("SELECT i, name, extra FROM tr.t ORDER BY i") == after
        finally:
            server.close()
        lake.attach(db, "dev", "e")
        found = db.execute("SELECT i, name, extra FROM e.tr.t ORDER BY i").fetchall()
        assert found == [(1, "m", None), (2, "bb", None), (7, "n", None), (8, None, 5)]
        assert db.execute("SELECT list(i ORDER BY i) FROM e.s.t").fetchall() == [([1, 3, 5],)]
    assert {c.author for c in lake.log("dev") if "write tr.t" in c.message} == {"trino"}
    assert "tr.t" not in lake.pointers("main")
    lake.merge("dev", author="ada", message="publish")
    assert {"s.t", "s.copied", "tr.t", "tr.moved", "tr.v"} == set(lake.pointers("main"))
