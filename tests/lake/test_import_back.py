"""Tables that leave the lake, and come back as they were."""

from pathlib import Path
from typing import Any

import duckdb
import pyarrow.parquet as pq
import pytest

from fixtures.commands import Wherry, wherry
from fixtures.foreign import FOUND, ROWS, SUMS

__all__ = ["wherry"]


@pytest.fixture
def call(tmp_path: Path, wherry: Wherry, monkeypatch: pytest.MonkeyPatch) -> Any:
    folder = tmp_path / "shop"
    pq.write_table(ROWS, tmp_path / "rows.parquet")
    for path, text in {
        "wherry.toml": 'name = "shop"\n',
        "tables/s/t.sql": f"SELECT * FROM '{tmp_path}/rows.parquet'\n",
        "tables/s/seen.sql": "-- build: view\n\nSELECT id, price FROM s.t WHERE id > 5\n",
    }.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text)
    monkeypatch.chdir(folder)

    def run(*words: str | Path, code: int = 0) -> Any:
        answer = wherry(*words, "--json")
        assert answer.code == code, answer
        return answer.json

    assert run("run")["state"] == "done"
    return run


@pytest.mark.parametrize(
    "form",
    [
        "parquet",
        "iceberg",
        pytest.param("delta", marks=pytest.mark.needs("delta")),
        pytest.param("ducklake", marks=pytest.mark.needs("ducklake")),
    ],
)
def test_there_and_back(call: Any, tmp_path: Path, form: str) -> None:
    target = tmp_path / ("out.ducklake" if form == "ducklake" else "out")
    done = call("lake", "export", target, "--format", form)
    assert {each["name"]: each["rows"] for each in done["tables"]} == {"s.seen": 4, "s.t": 10}
    for table, to in (("s.t", "back.t"), ("s.seen", "back.seen")):
        words = [target, "--table", table] if form == "ducklake" else [target / table.replace(".", "/")]
        call("lake", "import", *words, "--as", to, "--copy")
    assert call("sql", f"SELECT {SUMS} FROM back.t") == [FOUND]
    assert call("sql", "SELECT sum(id)::INT AS id FROM back.seen") == [{"id": 30}]
    types = "SELECT typeof(COLUMNS(*)) FROM {} LIMIT 1"
    assert call("sql", types.format("back.t")) == call("sql", types.format("s.t"))
    before = sorted(tmp_path.rglob("*"))
    (finding,) = call("lake", "export", target, "--format", form, code=2)["findings"]
    assert "something already" in finding["message"] and sorted(tmp_path.rglob("*")) == before


def test_other_engines_open_what_was_written(call: Any, tmp_path: Path) -> None:
    call("lake", "export", tmp_path / "pq", "s.t", "--format", "parquet")
    found = duckdb.sql(f"SELECT {SUMS} FROM '{tmp_path}/pq/s/t/*.parquet'").fetchall()
    assert found == [tuple(FOUND.values())]


@pytest.mark.needs("delta")
def test_delta_rs_reads_what_was_written(call: Any, tmp_path: Path) -> None:
    from deltalake import DeltaTable

    call("lake", "export", tmp_path / "delta", "s.t", "--format", "delta")
    table = DeltaTable(str(tmp_path / "delta/s/t"))
    assert table.version() == 0 and sum(table.get_add_actions()["num_records"].to_pylist()) == 10


@pytest.mark.needs("pyiceberg")
def test_pyiceberg_reads_what_was_written(call: Any, tmp_path: Path) -> None:
    from pyiceberg.table import StaticTable

    call("lake", "export", tmp_path / "ice", "s.t", "--format", "iceberg")
    (hint,) = (tmp_path / "ice/s/t/metadata").glob("version-hint.text")
    table = StaticTable.from_metadata(str(hint.with_name(f"v{hint.read_text()}.metadata.json")))
    assert sum(table.scan().to_arrow()["id"].to_pylist()) == 45


def test_as_of_a_commit(call: Any, tmp_path: Path) -> None:
    (first,) = call("log")["commits"]
    Path("tables/s/t.sql").write_text("SELECT 1 AS id, 2 AS price\n")
    call("run")
    call("lake", "export", tmp_path / "then", "s.t", "--format", "parquet", "--at", first["id"])
    call("lake", "export", tmp_path / "now", "s.t", "--format", "parquet")
    rows = [pq.read_table(tmp_path / when / "s/t").num_rows for when in ("then", "now")]
    assert rows == [10, 1]


@pytest.mark.needs("delta")
def test_what_cannot_be_written_leaves_nothing(call: Any, tmp_path: Path) -> None:
    Path("tables/s/t.sql").write_text("SELECT 1 AS id, 2 AS price, TIME '10:00' AS at, uuid() AS key\n")
    call("run")
    (finding,) = call("lake", "export", tmp_path / "out", "--format", "delta", code=1)["findings"]
    assert finding["code"] == "unfit-type" and "at (TIME), key (UUID)" in finding["message"]
    assert not [path for path in tmp_path.iterdir() if path.name.startswith("out")]


def test_what_a_killed_export_left_makes_way(call: Any, tmp_path: Path) -> None:
    left = tmp_path / "out.unfinished/s/t"
    left.mkdir(parents=True)
    (left / "data_7.parquet").write_text("half")
    call("lake", "export", tmp_path / "out", "--format", "parquet")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out", "rows.parquet", "shop"]
    (tmp_path / "ice").mkdir()
    (tmp_path / "ice/.unfinished").touch()
    call("lake", "export", tmp_path / "ice", "--format", "iceberg")
    assert sorted(path.name for path in (tmp_path / "ice").iterdir()) == ["s"]


def test_names_that_are_not_there(call: Any, tmp_path: Path) -> None:
    (finding,) = call("lake", "export", tmp_path / "out", "s.tt", "--format", "parquet", code=2)["findings"]
    assert "`s.t`" in finding["hint"]
