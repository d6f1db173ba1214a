"""Python's lock and the catalog: what holds the one while it waits for the other would stop a run for ever.

The catalog is served by threads of the process that asks it, and those need the lock for every answer. So each of
these hangs, whatever the timing, where a call holds the lock; the limits of time only end what hangs.
"""

import subprocess
import sys
from pathlib import Path

from run_folder import Folder

#: Seconds after which a child hangs for certain.
LIMIT = 120
#: All methods of a relation that look for the tables it reads, and some that fail.
EVERY_METHOD = """
from wherry import Table, table

METHODS = {
    "aggregate": ["count(*) AS n"],
    "filter": ["id > 0"],
    "project": ["id"],
    "select": ["id"],
    "order": ["id"],
    "sort": ["id"],
    "limit": [1],
    "count": ["*"],
    "max": ["id"],
    "distinct": [],
    "unique": ["id"],
    "value_counts": ["id"],
    "describe": [],
    "row_number": ["OVER ()"],
    "set_alias": ["other"],
    "query": ["given", "SELECT * FROM given"],
    "fetchall": [],
    "fetchone": [],
    "df": [],
    "pl": [],
    "to_arrow_table": [],
    "to_arrow_reader": [10],
    "explain": [],
    "execute": [],
    "__len__": [],
    "__repr__": [],
}
WRONG = {
    "query": [["given", "SELECT * FROM raw.rosw"], ["given", "SELECT * FROM lake.raw.rows"]],
    "filter": [["nowhere > 1"], ["no_function(id)"]],
    "insert_into": [["lake.raw.rows"]],
}


@table()
def counted(rows: Table["raw.rows"], shown: Table["s.shown"]):
    for each in (rows, shown):
        assert each.df()["id"].sum() == 3 and each.arrow().num_rows == 2 and each.polars().height == 2
        assert sum(batch.num_rows for batch in each.batches()) == 2
        for method, values in METHODS.items():
            getattr(each.duckdb(), method)(*values)
        each.duckdb().create_view(each.name.replace(".", "_as_view_"))
        each.duckdb().create(each.name.replace(".", "_as_table_"))
        for method in ("union", "intersect", "except_", "cross"):
            relation = each.duckdb()
            getattr(relation, method)(relation.set_alias("other"))
        relation = each.duckdb()
        relation.set_alias("a").join(relation.set_alias("b"), "id")
        assert relation.columns == ["id"] and relation.shape == (2, 1) and relation.types and relation.description
        for method, calls in WRONG.items():
            for values in calls:
                try:
                    getattr(each.duckdb(), method)(*values)
                except Exception:
                    continue
                raise AssertionError(method)
    return rows.duckdb().aggregate("count(*) AS n")
"""
#: What this program itself asks of connections to which the lake is attached; while the catalog answers, other
#: connections to the same database must not wait for the one that asked.
OWN_CALLS = """
import faulthandler
import sys
from pathlib import Path

import pyarrow as pa

from wherry.engines.duckdb import DuckDB
from wherry.lake.catalog import Catalog
from wherry.lake.lake import Lake
from wherry.run.session import Session

folder = Path(sys.argv[1])
faulthandler.dump_traceback_later(float(sys.argv[2]), exit=True)
engine = DuckDB(folder=folder, scratch=folder / "scratch")
ROWS = pa.table({"a": [1]})
asked, busy, handle = [], [], Catalog.handle


def beside():
    cursor = engine.cursor()
    cursor.connection.register("given", ROWS)
    assert cursor.schema("FROM given") == [("a", "BIGINT")]
    assert cursor.connection.sql("FROM given").to_arrow_table().num_rows == 1
    cursor.connection.unregister("given")
    with cursor.transaction():
        cursor.execute("CREATE TEMP TABLE kept AS SELECT 1 AS a")
    cursor.cursor().close()
    cursor.execute("BEGIN")
    cursor.close()


def answer(self, method, path, *rest, **named):
    asked.append(f"{method} {path}")
    if not busy:
        busy.append(True)
        beside()
        busy.clear()
    return handle(self, method, path, *rest, **named)


def asks(what, *values, fails=False):
    before = len(asked)
    try:
        what(*values)
    except Exception:
        assert fails
    else:
        assert not fails
    assert len(asked) > before, what


def left_open(sql):
    cursor = engine.cursor()
    cursor.execute("BEGIN")
    cursor.execute(sql)
    cursor.close()


Catalog.handle = answer
lake = Lake.open(folder / "lake.db", folder / "tables")
lake.create_branch("other")
session = Session(lake, "main", engine)
asks(session.attach)
asks(engine.execute, "CREATE SCHEMA lake.raw")
asks(engine.execute, "CREATE TABLE lake.raw.rows AS SELECT 1 AS id")
session.built("raw.rows")
asks(session.show, ["raw.rows"])
for relation in ("raw.rows", "lake.raw.rows"):
    asks(engine.schema, f"FROM {relation}")
    asks(engine.schema, f"FROM {relation} WHERE id > $n", {"n": 0})
    asks(lambda: list(engine.rows(f"FROM {relation}")[1]))
    asks(lambda: list(engine.arrow(f"FROM {relation}")))
    asks(lambda: engine.connection.sql(f"FROM {relation} LIMIT 1").to_arrow_table())
asks(engine.schema, "FROM raw.rosw", fails=True)
asks(engine.schema, "SELECT no_function(id) FROM raw.rows", fails=True)
asks(engine.execute, "SELECT no_function(id) FROM raw.rows", fails=True)
engine.connection.register("more", ROWS)
asks(engine.execute, "INSERT INTO lake.raw.rows FROM more")
engine.connection.unregister("more")
asks(left_open, "INSERT INTO lake.raw.rows SELECT 2")
asks(left_open, "CREATE TABLE lake.raw.never AS SELECT 2 AS id")
asks(engine.execute, "ALTER TABLE lake.raw.rows ADD COLUMN b INTEGER")
asks(session.attach_other, "other")
asks(engine.execute, "DROP TABLE lake.raw.rows")
engine.close()
lake.close()
print("done")
"""


def test_no_method_of_a_relation_waits_for_the_catalog(folder: Folder) -> None:
    folder.write(
        {
            "data/rows.csv": "id\n1\n2\n",
            "sources/drop.yml": "connector: files\npath: data/\ntables:\n  rows.csv: {as: raw.rows}\n",
            "functions/same.sql": "CREATE MACRO same(x) AS x;\n",
        }
    )
    folder.tables(shown="-- build: view\nSELECT same(id) AS id FROM raw.rows", counted=EVERY_METHOD)
    command = [sys.executable, "-m", "wherry", "run", "--project", str(folder.path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=LIMIT, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert folder.rows("s.counted") == [(2,)]


def test_nothing_that_a_run_does_with_the_lake_holds_the_lock(tmp_path: Path) -> None:
    command = [sys.executable, "-c", OWN_CALLS, str(tmp_path), str(LIMIT)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=2 * LIMIT, check=False)
    assert (done.returncode, done.stdout) == (0, "done\n"), done.stderr
