"""Names and types of columns, told without running anything."""

from pathlib import Path

import pytest

from fixtures.projects import read

TYPES = """SELECT 1 AS i, 1::HUGEINT AS h, 1::UTINYINT AS u, 1.5::DECIMAL(12, 2) AS d, 'x' AS t, true AS b,
  TIMESTAMP '2026-01-01' AS ts, TIME '10:00' AS tm, INTERVAL 1 DAY AS iv, [1, 2] AS l, {'a': 1, 'b': 'x'} AS s,
  MAP {'a': 1} AS m, 'a'::ENUM('a', 'b') AS e, NULL AS n"""


def columns(folder: Path, files: dict[str, str], table: str) -> dict[str, str]:
    project = read(folder, files)
    assert not project.graph.findings
    asset = project.graph[table]
    assert asset.bound
    return {column.name: column.type for column in asset.columns}


def test_a_view_keeps_the_types_and_a_table_shows_what_the_lake_stores(tmp_path: Path) -> None:
    files = {"tables/v.sql": f"-- build: view\n{TYPES}", "tables/t.sql": TYPES}
    view, table = columns(tmp_path, files, "main.v"), columns(tmp_path, {}, "main.t")
    assert list(view) == list(table)
    assert (view["h"], view["u"], view["e"], view["i"]) == ("HUGEINT", "UTINYINT", "ENUM('a', 'b')", "INTEGER")
    assert (table["d"], table["t"], table["i"], table["l"]) == ("DECIMAL(12,2)", "VARCHAR", "INTEGER", "INTEGER[]")
    assert not {"HUGEINT", "UTINYINT", "INTERVAL", '"NULL"'} & set(table.values())


def test_what_reads_a_table_gets_the_stored_types(tmp_path: Path) -> None:
    files = {"tables/a.sql": TYPES, "tables/b.sql": "SELECT u, h FROM a", "tables/c.sql": "-- build: view\nFROM b"}
    assert columns(tmp_path, files, "main.b") == columns(tmp_path, files, "main.c")


def test_history_adds_three_columns_which_its_readers_see(tmp_path: Path) -> None:
    files = {
        "tables/h.sql": "-- build: history on id\nSELECT 1 AS id, 'x' AS name",
        "tables/r.sql": "SELECT id FROM h WHERE is_current AND valid_from < valid_to",
    }
    assert columns(tmp_path, files, "main.h") == {
        "id": "INTEGER",
        "name": "VARCHAR",
        "valid_from": "TIMESTAMP",
        "valid_to": "TIMESTAMP",
        "is_current": "BOOLEAN",
    }
    assert columns(tmp_path, {}, "main.r") == {"id": "INTEGER"}


def test_the_sql_gives_names_their_spelling_and_the_header_their_meaning(tmp_path: Path) -> None:
    files = {"tables/a.sql": "-- columns:\n--   ORDER_ID: {about: Key, tags: [pii]}\nSELECT 1 AS Order_Id"}
    (column,) = read(tmp_path, files).graph["main.a"].columns
    assert (column.name, column.about, column.tags, column.place) == ("Order_Id", "Key", ("pii",), (2, 6))


def test_a_python_table_is_bound_by_what_it_declares_in_full(tmp_path: Path) -> None:
    head = "from wherry import table\n\n@table(columns={'id': 'BIGINT', 'risk': %s})\ndef p():\n    return []\n"
    files = {"tables/p.py": head % "{'type': 'DOUBLE'}", "tables/r.sql": "SELECT risk FROM p"}
    assert columns(tmp_path, files, "main.r") == {"risk": "DOUBLE"}
    project = read(tmp_path, {"tables/p.py": head % "{}"})
    assert not project.graph.findings
    assert not project.graph["main.p"].bound
    assert not project.graph["main.r"].bound


def test_a_file_that_is_read_directly_is_bound_by_what_is_in_it_now(tmp_path: Path) -> None:
    files = {"data/x.csv": "a,b\n1,x\n", "tables/r.sql": "SELECT a FROM 'data/x.csv'"}
    assert columns(tmp_path, files, "main.r") == {"a": "BIGINT"}
    (tmp_path / "data" / "x.csv").write_text("c,b\n1,x\n")
    assert [finding.code for finding in read(tmp_path).graph.findings] == ["unknown-column"]


def test_functions_are_bound_through_one_another_and_bring_their_tables(tmp_path: Path) -> None:
    files = {
        "functions/all.sql": (
            "CREATE MACRO twice(a) AS once(a) * 2;\nCREATE MACRO once(a) AS a + (SELECT max(n) FROM raw.top);\n"
            "CREATE MACRO rows(a) AS TABLE SELECT n + a AS n FROM raw.top;"
        ),
        "tables/raw/top.sql": "SELECT 1 AS n",
        "tables/r.sql": "SELECT twice(1) AS t, n FROM rows(2)",
    }
    assert columns(tmp_path, files, "main.r") == {"t": "INTEGER", "n": "INTEGER"}
    asset = read(tmp_path).graph["main.r"]
    assert asset.inputs == ("raw.top",)
    assert set(asset.functions) == {"once", "rows", "twice"}


def test_functions_that_call_one_another_in_a_circle_are_told_and_not_followed(tmp_path: Path) -> None:
    files = {
        "functions/a.sql": "CREATE MACRO aa(x) AS bb(x);\nCREATE MACRO bb(x) AS aa(x);",
        "tables/r.sql": "SELECT aa(1) AS n",
    }
    assert [finding.severity for finding in read(tmp_path, files).graph.findings] == ["error"]


@pytest.mark.parametrize("word", ["start", "end"])
def test_one_moment_of_an_incremental_table_is_enough(tmp_path: Path, word: str) -> None:
    files = {"tables/r.sql": f"-- build: incremental by d\nSELECT DATE '2026-01-01' AS d, ${word} AS m"}
    assert columns(tmp_path, files, "main.r") == {"d": "DATE", "m": "TIMESTAMP"}


def test_names_are_told_apart_from_the_schema_before_them(tmp_path: Path) -> None:
    files = {
        "tables/top.sql": "SELECT 1 AS a",
        "tables/raw/top.sql": "SELECT 1 AS b",
        "tables/r.sql": "SELECT a FROM top",
        "tables/s.sql": "SELECT b FROM raw.top",
        "tables/m.sql": "SELECT a FROM main.top",
    }
    project = read(tmp_path, files)
    assert not project.graph.findings
    assert [project.graph[name].inputs for name in ("main.r", "main.s", "main.m")] == [
        ("main.top",),
        ("raw.top",),
        ("main.top",),
    ]


def test_assets_come_inputs_first(tmp_path: Path) -> None:
    files = {f"tables/t{n}.sql": f"SELECT * FROM t{n + 1}" for n in range(20)} | {"tables/t20.sql": "SELECT 1 AS x"}
    project = read(tmp_path, files)
    assert list(project.graph.assets) == [f"main.t{n}" for n in reversed(range(21))]
    assert all(asset.bound for asset in project.graph.assets.values())
