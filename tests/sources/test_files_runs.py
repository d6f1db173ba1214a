"""Files all the way into the lake: rows, bad rows and cursors move together."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from wherry.cli import program

SOURCE = """connector: files
path: data
tables:
  log.jsonl: {as: raw.log, mode: incremental, types: {id: bigint}}
  "all.zip!/orders/*.csv": {as: raw.orders, mode: incremental, types: {id: bigint}}
  shop.xml: {as: raw.shop}
"""


def wherry(folder: Path, *words: str) -> Any:
    done = CliRunner().invoke(program, [*words, "--project", str(folder), "--json"], standalone_mode=False)
    assert done.exception is None, done.output
    return json.loads(done.stdout)


def states(told: Any) -> dict[str, tuple[str, int | None, int]]:
    return {each["name"]: (each["state"], each["rows"], each.get("rejected", 0)) for each in told["assets"]}


def rows(folder: Path, query: str) -> list[Any]:
    return [list(row.values()) for row in wherry(folder, "sql", query)]


def test_a_project_of_files(tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir()
    (tmp_path / "wherry.toml").write_text('name = "shop"\n')
    (tmp_path / "sources").mkdir()
    (tmp_path / "sources" / "drop.yml").write_text(SOURCE)
    (data / "log.jsonl").write_text('{"id":1}\nbad\n{"id":2}\n')
    (data / "shop.xml").write_text("<r><a><v>1</v></a><a><v>2</v></a></r>")

    def archive(*members: str) -> None:
        with zipfile.ZipFile(data / "all.zip", "w") as out:
            for number, text in enumerate(members):
                out.writestr(f"orders/{number}.csv", text)

    archive("id,a\n1,x\nx,y\n", "id,a\n2,y\n")
    assert states(wherry(tmp_path, "run")) == {
        "raw.log": ("built", 2, 1), "raw.orders": ("built", 2, 1), "raw.shop": ("built", 2, 0)
    }  # fmt: skip
    with (data / "log.jsonl").open("a") as out:
        out.write('{"id":3,"new":"n"}\nworse\n')
    archive("id,a\n7,x\n")
    told = states(wherry(tmp_path, "run"))
    assert told["raw.log"][:2] == ("built", 3) and told["raw.orders"][:2] == ("built", 1)
    assert told["raw.shop"][0] == "skipped"
    assert rows(tmp_path, "SELECT id, new FROM raw.log ORDER BY id") == [[1, None], [2, None], [3, "n"]]
    assert rows(tmp_path, "SELECT line, row FROM raw.log__rejects ORDER BY line") == [[2, "bad"], [5, "worse"]]
    assert rows(tmp_path, "SELECT id, _file FROM raw.orders") == [[7, "all.zip"]]
    assert rows(tmp_path, "SELECT count(*) FROM raw.orders__rejects") == [[0]]
    (data / "shop.xml").write_text("<!DOCTYPE html><html><title>Log in</title></html>")
    failed = wherry(tmp_path, "run")
    (shop,) = (each for each in failed["assets"] if each["name"] == "raw.shop")
    assert shop["state"] == "failed" and "HTML page" in shop["reason"] and "Nothing was loaded" in shop["reason"]
    assert shop["findings"][0]["file"] == "sources/drop.yml" and shop["findings"][0]["line"] == 6
    assert rows(tmp_path, "SELECT count(*) FROM raw.shop") == [[2]]


@pytest.mark.parametrize("policy", ["evolve", "freeze", "quarantine"])
def test_whole_numbers_that_get_fractions(tmp_path: Path, policy: str) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "wherry.toml").write_text('name = "shop"\n')
    (tmp_path / "sources").mkdir()
    tables = 'tables:\n  "*.jsonl": {as: raw.log, mode: incremental}\n'
    (tmp_path / "sources" / "s.yml").write_text(f"connector: files\npath: data\non_schema_change: {policy}\n{tables}")
    (tmp_path / "data" / "1.jsonl").write_text('{"v": 1}\n{"v": 900719925474099}\n')
    wherry(tmp_path, "run")
    (tmp_path / "data" / "2.jsonl").write_text('{"v": 1.5}\n{"v": 2}\n')
    (told,) = wherry(tmp_path, "run")["assets"]
    there = rows(tmp_path, "SELECT v FROM raw.log ORDER BY v")
    if policy == "evolve":
        assert (told["state"], told["rows"]) == ("built", 4)
        assert told["drifts"] == [{"kind": "widened", "column": "v", "before": "BIGINT", "after": "DOUBLE"}]
        assert there == [[1.0], [1.5], [2.0], [900719925474099.0]]
    elif policy == "freeze":
        assert told["state"] == "failed" and "frozen" in told["reason"]
        assert there == [[1], [900719925474099]]
    else:
        assert (told["state"], told["rejected"]) == ("built", 1)
        assert there == [[1], [2], [900719925474099]]
        assert rows(tmp_path, "SELECT reason FROM raw.log__rejects") == [["column `v`: not exactly BIGINT"]]


def test_whole_numbers_that_no_float_holds_stay(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "wherry.toml").write_text('name = "shop"\n')
    (tmp_path / "sources").mkdir()
    tables = 'tables:\n  "*.jsonl": {as: raw.log, mode: incremental}\n'
    (tmp_path / "sources" / "s.yml").write_text(f"connector: files\npath: data\n{tables}")
    (tmp_path / "data" / "1.jsonl").write_text('{"v": 9007199254740993}\n')
    wherry(tmp_path, "run")
    (tmp_path / "data" / "2.jsonl").write_text('{"v": 1.5}\n')
    (told,) = wherry(tmp_path, "run")["assets"]
    assert told["state"] == "failed" and "which 9007199254740993 is not exactly" in told["reason"]
    assert rows(tmp_path, "SELECT v FROM raw.log") == [[9007199254740993]]
