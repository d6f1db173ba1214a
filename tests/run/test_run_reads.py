"""Checks whose SQL reads other tables: they wait for those, and are asked again when one changed."""

import json
from pathlib import Path

import pytest

from fixtures.commands import Wherry
from fixtures.projects import read, write

REF = "SELECT 1 AS id\n"
#: A check of column id, or of the table, that holds while `s.z_ref` has the 1.
OF_COLUMN = [
    "= (SELECT max(id) FROM s.z_ref)",
    {"check": "> 0", "where": "id IN (SELECT id FROM s.z_ref WHERE id = 1)"},
]
OF_TABLE = [
    "id IN (SELECT id FROM S.Z_Ref)",
    "id IN (TABLE s.z_ref)",
    "exists (FROM s.z_ref AS r WHERE r.id = id AND r.id = 1);",
    {"check": "sql", "sql": "SELECT * FROM {table} ANTI JOIN s.z_ref USING (id);"},
    {
        "check": "sql",
        "sql": "WITH z AS (SELECT * FROM s.z_ref) SELECT * FROM {table} WHERE id NOT IN (SELECT id FROM z)",
    },
    "aggregate sum(id) - (SELECT sum(id) FROM s.z_ref) = 0",
    "known(id)",
]


def header(checks: list[object], *, column: bool) -> str:
    said = json.dumps(checks)
    return f"-- columns:\n--   id: {{checks: {said}}}\n" if column else f"-- checks: {said}\n"


def files(checks: list[object], *, column: bool, more: str = "") -> dict[str, str]:
    return {
        "tables/s/a.sql": header(checks, column=column) + f"SELECT 1 AS id{more}\n",
        "tables/s/z_ref.sql": REF,
        "functions/known.sql": "CREATE MACRO known(x) AS x IN (SELECT id FROM s.z_ref);\n",
    }


@pytest.mark.parametrize(
    ("check", "column"), [*((each, True) for each in OF_COLUMN[:1]), *((each, False) for each in OF_TABLE)]
)
def test_a_check_waits_for_what_its_sql_reads(wherry: Wherry, tmp_path: Path, check: object, column: bool) -> None:
    folder = write(tmp_path, files([check], column=column))
    assert wherry("check", "--project", folder).code == 0
    (found,) = read(folder).graph["s.a"].checks
    assert found.reads == ("s.z_ref",) and found.needs == ("s.z_ref",)
    assert wherry("run", "--project", folder).code == 0
    # Alone, it is held against what is there.
    write(folder, files([check], column=column, more=", 2 AS x"))
    assert wherry("run", "--project", folder).code == 0
    # It is asked again when only the other table changed.
    write(folder, {"tables/s/z_ref.sql": "SELECT 2 AS id\n"})
    run = wherry("run", "--project", folder, "--json")
    states = {each["name"]: each["state"] for each in run.json["assets"]}
    assert run.code == 1 and states == {"s.a": "failed", "s.z_ref": "built"}
    assert not [c for each in run.json["assets"] for c in each["checks"] if c["error"]]


def test_it_waits_for_a_table_that_fails(wherry: Wherry, tmp_path: Path) -> None:
    folder = write(tmp_path, files([OF_TABLE[0]], column=False))
    assert wherry("run", "--project", folder).code == 0
    changed = files([OF_TABLE[0]], column=False, more=", 2 AS x")
    write(folder, changed | {"tables/s/z_ref.sql": "-- checks: [rows = 7]\nSELECT 1 AS id WHERE true\n"})
    run = wherry("run", "--project", folder, "--json")
    assert {each["name"]: each["state"] for each in run.json["assets"]} == {"s.a": "blocked", "s.z_ref": "failed"}


def test_where_of_a_check_too_and_nothing_of_its_own(tmp_path: Path) -> None:
    checks: list[object] = [
        OF_COLUMN[1],
        "not_null",
        {"check": "> 0", "where": "'select from' <> ''"},
        {"check": "> 0", "where": "id IN (SELECT id FROM s.a)"},
        {"check": "> 0", "where": "id IN (SELECT id FROM"},
    ]
    graph = read(tmp_path, files(checks, column=True)).graph
    assert [check.reads for check in graph["s.a"].checks] == [("s.z_ref",), (), (), (), ()]
    assert [(each.code, each.line) for each in graph.findings] == [("bad-check", 2)]  # the last


def test_tables_that_would_wait_for_one_another_are_told(tmp_path: Path) -> None:
    made = files([OF_TABLE[0]], column=False)
    graph = read(tmp_path, made | {"tables/s/z_ref.sql": "SELECT id FROM s.a\n"}).graph
    assert [each.code for each in graph.findings] == ["cycle"]
