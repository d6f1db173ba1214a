"""Files whose columns come and go, through whole runs."""

from __future__ import annotations

from typing import Any

import duckdb
import pyarrow as pa
import pytest
from run_folder import Folder

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
    assert folder.rows("raw.t__rejects", columns="file, reason") == [("2.csv", "column `id`: not exactly BIGINT")]
