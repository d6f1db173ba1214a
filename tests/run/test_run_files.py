"""Files whose columns come and go, through whole runs."""

from __future__ import annotations

import zipfile
from dataclasses import fields
from typing import Any

import duckdb
import pyarrow as pa
import pytest
from run_folder import Folder

from wherry.plugins import find_source
from wherry.project.source_files import SOURCE_KEYS, TABLE_KEYS

SOURCE = "connector: files\npath: data\ntables:\n  '*.{}': {{as: raw.t, mode: incremental}}\n"


@pytest.mark.parametrize("ending", ["csv", "parquet", "jsonl"])
def test_columns_that_come_and_go_are_told(folder: Folder, ending: str) -> None:
    """JSON names only what an object has: there, nothing says that a column went."""
    (folder.path / "data").mkdir()
    folder.write({"sources/drop.yml": SOURCE.format(ending)})

    def put(name: str, **columns: list[Any]) -> list[str]:
        duckdb.from_arrow(pa.table(columns)).write_parquet(str(folder.path / "data/made"))
        write = {"csv": "(FORMAT csv)", "parquet": "(FORMAT parquet)", "jsonl": "(FORMAT json)"}[ending]
        target = folder.path / f"data/{name}.{ending}"
        duckdb.execute(f"COPY (FROM read_parquet('{folder.path}/data/made')) TO '{target}' {write}")
        (made,) = folder.done().assets
        return [str(drift) for drift in made.drifts]

    assert put("1", id=[1], b=["x"]) == []
    gone = ["column `b` (VARCHAR) is gone"] if ending != "jsonl" else []
    assert put("2", id=[2]) == gone
    assert put("3", id=[3]) == []
    back = ["column `b` (VARCHAR) is new"] if gone else []
    assert put("4", id=[4], b=["y"], c=["z"]) == [*back, "column `c` (VARCHAR) is new"]
    assert put("5", id=[5], b=["y"], d=["z"]) == [
        "column `d` (VARCHAR) is new",
        *(["column `c` is gone and `d`, of the same type, is new: a rename?"] if gone else []),
    ]
    assert folder.rows("raw.t", columns="id, b, c, d") == [
        (1, "x", None, None), (2, None, None, None), (3, None, None, None), (4, "y", "z", None), (5, "y", None, "z"),
    ]  # fmt: skip


def test_rows_held_back_name_their_file(folder: Folder) -> None:
    (folder.path / "data").mkdir()
    folder.write({"sources/drop.yml": "on_schema_change: quarantine\n" + SOURCE.format("csv"), "data/1.csv": "id\n1\n"})
    folder.done()
    folder.write({"data/2.csv": "id\n2\nmany\n"})
    folder.done()
    assert folder.rows("raw.t", columns="id") == [(1,), (2,)]
    assert folder.rows("raw.t__rejects", columns="file, line, reason") == [
        ("2.csv", 3, "column `id`: not exactly BIGINT")
    ]


def test_rows_held_back_name_their_line(folder: Folder) -> None:
    """In files with quoted line ends and blank lines, members of archives, a file that grew, one of records."""
    (folder.path / "data").mkdir()
    tables = "  'a*.csv': {as: raw.a, mode: incremental}\n  'z*.zip': {as: raw.z, mode: incremental}\n"
    tables += "  'l.jsonl': {as: raw.l, mode: incremental}\n  'p*.parquet': {as: raw.p}\n"
    source = f"connector: files\npath: data\non_schema_change: quarantine\ntables:\n{tables}"
    folder.write({"sources/drop.yml": source, "data/a1.csv": "id,t\n1,x\n", "data/l.jsonl": '{"id": 1}\n'})

    def archive(name: str, **members: str) -> None:
        with zipfile.ZipFile(folder.path / "data" / name, "w") as out:
            for member, text in members.items():
                out.writestr(f"{member}.csv", text)

    def parquet(*ids: Any) -> None:
        duckdb.from_arrow(pa.table({"id": ids})).write_parquet(str(folder.path / "data/p.parquet"))

    archive("z1.zip", m="id\n1\n")
    parquet(1, 2)
    folder.done()
    folder.write({"data/a2.csv": 'id,t\n2,"x\n\ny"\n\nmany,z\n3,z\n4.5,"\n"\n'})
    folder.write({"data/l.jsonl": '{"id": 1}\n{"id": 2, "more": 1}\n\n{"id": 3}\n{"id": "x"}\n'})
    archive("z2.zip", m="id\n2\n", n="id\n3\nno\n")
    parquet(1.0, 2.5, 3.0)
    folder.done()
    whole, new = "column `id`: not exactly BIGINT", "column `more` (BIGINT) is new"
    told = "file, line, reason"
    assert folder.rows("raw.a__rejects", columns=told) == [("a2.csv", 6, whole), ("a2.csv", 8, whole)]
    assert folder.rows("raw.l__rejects", columns=told) == [("l.jsonl", 2, new), ("l.jsonl", 5, whole)]
    assert folder.rows("raw.z__rejects", columns=told) == [("z2.zip", 3, f"In `n.csv`: {whole}")]
    assert folder.rows("raw.p__rejects", columns=told) == [("p.parquet", 2, whole)]
    assert folder.rows("raw.a", columns="id") == [(1,), (2,), (3,)]


def test_fixed_width_and_every_other_option_can_be_said_in_a_source_file(folder: Folder) -> None:
    (folder.path / "data").mkdir()
    table = "f.txt: {as: raw.f, format: fixed, positions: {id: 1-2, name: 4-}, columns: {name: {tags: [pii]}}}"
    folder.write({"sources/drop.yml": f"connector: files\npath: data\ntables:\n  {table}\n"})
    folder.write({"data/f.txt": " 1 x y\n22 z\n"})
    folder.done()
    assert folder.rows("raw.f", columns="id, name") == [(1, "x y"), (22, "z")]
    for connector in ("files", "rest", "postgres", "mysql", "mariadb", "sqlite", "sql"):
        source = find_source(connector, folder.path)
        assert not {*TABLE_KEYS} & {each.name for each in fields(source.TableOptions)}, connector
        assert not {*SOURCE_KEYS} & {each.name for each in fields(source.Options)}, connector


def test_many_rows_held_back_name_their_lines(folder: Folder) -> None:
    """More than are asked for at a time, of a file that several threads read."""
    (folder.path / "data").mkdir()
    folder.write({"sources/drop.yml": "on_schema_change: quarantine\n" + SOURCE.format("csv")})
    folder.write({"data/1.csv": "id,line\n1,1\n"})
    folder.done()
    odd = (f"{n}{'.5' if n % 3 == 0 else ''},{n + 1},\n" for n in range(1, 300_001))
    folder.write({"data/2.csv": "id,line,more\n" + "".join(odd)})
    folder.done()
    told = folder.rows(
        "raw.t__rejects", columns="count(*), count(DISTINCT line), count(*) FILTER (row->>'line' = line)"
    )
    assert told == [(100_000, 100_000, 100_000)]


@pytest.mark.parametrize("column", ["rowid", "at_file", "_file_at", "r", "n"])
def test_no_name_of_a_column_keeps_rows_from_being_held_back(folder: Folder, column: str) -> None:
    (folder.path / "data").mkdir()
    check = "columns: {id: {checks: [{check: '>= 0', quarantine: true}]}}"
    source = SOURCE.format("csv").replace("incremental", f"incremental, {check}")
    folder.write({"sources/drop.yml": "on_schema_change: quarantine\n" + source, "data/1.csv": f"id,{column}\n1,a\n"})
    folder.done()
    folder.write({"data/2.csv": f"id,{column}\n2,a\n\nmany,0\n-3,0\nmore,0\n"})
    folder.done()
    told = [
        ("2.csv", line, f'{{"id":"{id}","{column}":"0","_file":"2.csv"}}') for line, id in ((4, "many"), (6, "more"))
    ]
    assert folder.rows("raw.t__rejects", columns="file, line, row") == told
    assert folder.rows("raw.t__rejected", columns="id, rejected_file, rejected_line") == [(-3, "2.csv", 5)]
