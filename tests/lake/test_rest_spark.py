"""Spark and DuckDB on the same tables, on a branch that is then published. ``make test-engines`` runs it."""

import json
import subprocess
from pathlib import Path
from typing import Any

import duckdb
import pytest
from copying import made

from services import spark_jar, spark_python
from wherry.lake.attach import connect
from wherry.lake.lake import Lake
from wherry.lake.pointer import Put
from wherry.serve.catalog import offer

pytestmark = pytest.mark.needs("spark")
TOKEN = "a-token-of-sixteen"
#: A table whose files COPY wrote.
COPIED = (
    "SELECT i, DATE '2026-01-01' + i::INTEGER AS d, 'x' || i AS s, [i] AS l, {'a': i / 4} AS st FROM range(9) AS t(i)"
)


def spark(endpoint: str, statements: list[str]) -> list[Any]:
    """What Spark answers to each statement, on the branch ``dev``."""
    command = [str(spark_python()), "tests/fixtures/spark_script.py", endpoint, TOKEN, "dev", str(spark_jar())]
    done = subprocess.run(
        command,
        input=json.dumps(statements),
        capture_output=True,
        text=True,
        timeout=300,
        cwd=Path(__file__).parents[2],
    )
    answers = [json.loads(line[7:]) for line in done.stdout.splitlines() if line.startswith("ANSWER ")]
    assert len(answers) == len(statements), done.stderr[-3000:]
    return [answer.get("rows", answer.get("error")) for answer in answers]


#: What Spark is told, and what it must answer; None: no rows, and no error.
STATEMENTS: list[tuple[str, Any]] = [
    ("SELECT i, s, d FROM s.t ORDER BY i", [[1, "x1", "0.25"], [3, "changed", "0.75"]]),
    ("SELECT count(*), sum(i), min(s) FROM s.copied WHERE d > DATE '2026-01-02' AND s < 'x9'", [[7, 35, "x2"]]),
    ("SELECT s FROM s.copied WHERE i = 9 OR s = 'y'", []),
    ("SELECT sum(st.a) FROM s.copied WHERE l[0] = 4", [[1.0]]),
    ("DELETE FROM s.copied WHERE i > 1", None),
    ("SELECT s FROM s.copied ORDER BY i", [["x0"], ["x1"]]),
    ("SHOW VIEWS IN s", [["s", "big", False]]),
    ("SELECT i, inside.a FROM s.big", [[3, 3]]),
    ("CREATE NAMESPACE sp", None),
    ("CREATE TABLE sp.t (i BIGINT, s STRING, ts TIMESTAMP) PARTITIONED BY (days(ts))", None),
    ("INSERT INTO sp.t VALUES (1, 'a', TIMESTAMP'2026-01-01'), (2, 'b', TIMESTAMP'2026-01-02'), (3, 'c', NULL)", None),
    ("UPDATE sp.t SET s = 'bb' WHERE i = 2", None),
    ("DELETE FROM sp.t WHERE i = 3", None),
    (
        "MERGE INTO sp.t USING (SELECT 1 AS i, 'm' AS s UNION ALL SELECT 7, 'n') AS u ON sp.t.i = u.i "
        "WHEN MATCHED THEN UPDATE SET s = u.s WHEN NOT MATCHED THEN INSERT (i, s) VALUES (u.i, u.s)",
        None,
    ),
    ("ALTER TABLE sp.t ADD COLUMN extra INT", None),
    ("ALTER TABLE sp.t RENAME COLUMN s TO name", None),
    ("ALTER TABLE sp.t ADD PARTITION FIELD bucket(2, i)", None),
    ("ALTER TABLE sp.t WRITE ORDERED BY i", None),
    ("INSERT INTO sp.t (i, extra) VALUES (8, 5)", None),
    (
        "CREATE TABLE sp.mor TBLPROPERTIES ('write.delete.mode' = 'merge-on-read') AS SELECT id FROM range(9)",
        None,
    ),
    ("DELETE FROM sp.mor WHERE id % 3 = 0", None),
    ("INSERT INTO s.t (i, s) VALUES (5, 'spark')", None),
    ("CREATE OR REPLACE TABLE sp.again AS SELECT 1 AS one", None),
    ("CREATE OR REPLACE TABLE sp.again AS SELECT 2 AS two", None),
    ("CREATE VIEW sp.v (n, m) AS SELECT `i`, nvl(extra, 0) FROM lake.sp.t", None),
    ("CREATE OR REPLACE VIEW sp.v (n, m) AS SELECT `i`, nvl(extra, -1) FROM lake.sp.t WHERE i > 1", None),
    ("SELECT * FROM sp.v ORDER BY n", [[2, -1], [7, -1], [8, 5]]),
    ("ALTER TABLE sp.t CREATE TAG v1", None),
    ("ALTER TABLE sp.t CREATE BRANCH audit", None),
    ("INSERT INTO sp.t.branch_audit (i) VALUES (99)", None),
    ("SELECT count(*) FROM sp.t", [[4]]),
    ("SELECT count(*) FROM sp.t VERSION AS OF 'audit'", [[5]]),
    ("SELECT count(*) > 3, count(DISTINCT is_current_ancestor) FROM sp.t.history", [[True, 1]]),
    ("CALL lake.system.rewrite_data_files(table => 'sp.mor', options => map('rewrite-all', 'true'))", ...),
    ("ALTER TABLE sp.mor RENAME TO sp.moved", None),
    ("DROP TABLE sp.again", None),
    ("SHOW TABLES IN sp", [["sp", "moved", False], ["sp", "t", False]]),
]
#: What must fail, and a word of the reason.
REFUSED = [
    ("CREATE TABLE sp.out (i INT) LOCATION '/tmp/elsewhere'", "location"),
    ("CALL lake.system.expire_snapshots('sp.t', TIMESTAMP'2030-01-01')", "GC is disabled"),
    ("DROP NAMESPACE sp", "not empty"),
]


def test_spark_and_duckdb_share_tables(lake: Lake) -> None:
    lake.create_branch("dev")
    with connect() as db:
        lake.attach(db, "dev", "d")
        db.execute("CREATE SCHEMA d.s")
        db.execute("CREATE TABLE d.s.t AS SELECT i, 'x' || i AS s, (i / 4)::DECIMAL(9,2) AS d FROM range(4) AS _(i)")
        db.execute("DELETE FROM d.s.t WHERE i % 2 = 0")
        db.execute("UPDATE d.s.t SET s = 'changed' WHERE i = 3")
        made(lake, db, "s.copied", COPIED, branch="dev")
        view = "SELECT i, {'a': i} AS inside FROM s.t WHERE i > 2 AND i <> 5"
        put = Put(name="s.big", kind="view", sql=view, state={"inputs": ["s.t"]})
        lake.put("dev", [put], author="", message="")
        server = offer(lake, host="127.0.0.1", port=0, branch="main", tokens={TOKEN: "spark"})
        try:
            told = spark(server.endpoint, [sql for sql, _ in STATEMENTS] + [sql for sql, _ in REFUSED])
        finally:
            server.close()
        answers, errors = told[: len(STATEMENTS)], told[len(STATEMENTS) :]
        for (sql, wanted), found in zip(STATEMENTS, answers, strict=True):
            assert wanted is ... or found == (wanted or []), sql
        for (sql, why), found in zip(REFUSED, errors, strict=True):
            assert why in " ".join(map(str, found)), sql
        lake.attach(db, "dev", "e")
        found = db.execute("SELECT i, name, ts::VARCHAR, extra FROM e.sp.t ORDER BY i").fetchall()
        assert [(i, name, extra) for i, name, _, extra in found] == [
            (1, "m", None),
            (2, "bb", None),
            (7, "n", None),
            (8, None, 5),
        ]
        assert db.execute("SELECT list(id ORDER BY id) FROM e.sp.moved").fetchall() == [([1, 2, 4, 5, 7, 8],)]
        assert db.execute("SELECT list(i ORDER BY i) FROM e.s.t").fetchall() == [([1, 3, 5],)]
    assert {c.author for c in lake.log("dev") if "sp.t" in c.message} == {"spark"}
    assert _view(lake) == [(2, -1), (7, -1), (8, 5)]
    assert "sp.t" not in lake.pointers("main")
    lake.merge("dev", author="ada", message="publish")
    assert {"s.t", "s.copied", "sp.t", "sp.moved", "sp.v", "s.big"} == set(lake.pointers("main"))


def _view(lake: Lake) -> list[tuple[Any, ...]]:
    """The rows of Spark's view, by the SQL that DuckDB gets to see."""
    pointer = lake.pointer("dev", "sp.v")
    assert pointer is not None and pointer.state["inputs"] == ["sp.t"]
    with duckdb.connect() as db:
        db.execute("CREATE SCHEMA sp")
        db.execute("CREATE TABLE sp.t AS SELECT unnest([1, 2, 7, 8]) AS i, unnest([NULL, NULL, NULL, 5]) AS extra")
        return db.execute(f"{pointer.sql} ORDER BY ALL").fetchall()
