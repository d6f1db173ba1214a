"""JSON, JSON Lines, Parquet and Excel."""

from __future__ import annotations

import datetime
import gzip
import json
from decimal import Decimal
from typing import Any

import pytest

from wherry.errors import SourceError


def test_json_lines(folder: Any) -> None:
    folder.write(
        "j.jsonl",
        '{"id":1,"x":{"a":1},"l":[1,2],"t":"2024-01-01","z":"007","at":"2024-01-01T10:00:00Z"}\r\n\n'
        '{"id":2,"x":{"a":2,"b":"q"},"T":1,"n":null,"it\'s \\"q\\"":true,"at":null}\n',
    )
    got = folder.read("j.jsonl")
    assert got.rows == [
        {"id": 1, "x": {"a": 1, "b": None}, "l": [1, 2], "t": datetime.date(2024, 1, 1), "z": "007",
         "at": datetime.datetime(2024, 1, 1, 10, tzinfo=datetime.UTC), "T_1": None, "n": None, 'it\'s "q"': None},
        {"id": 2, "x": {"a": 2, "b": "q"}, "l": None, "t": None, "z": None, "at": None, "T_1": 1, "n": None,
         'it\'s "q"': True},
    ]  # fmt: skip


def test_lines_that_are_no_objects_are_put_aside(folder: Any) -> None:
    folder.write("j.jsonl", b'{"id":1}\nbad\n\n[1]\n{"id":"x"}\n{"id":2.5}\n{"id":3}{"id":4}\n{"id":"\xff"}\n{"id":5}\n'
                 + b'{"id":6}\n' * 20)  # fmt: skip
    got = folder.read("j.jsonl", types={"id": "bigint"})
    assert [r["id"] for r in got.rows] == [1, 5, *[6] * 20]
    assert [(r["line"], r["row"]) for r in got.rejects] == [
        (2, "bad"), (4, "[1]"), (5, '{"id":"x"}'), (6, '{"id":2.5}'), (7, '{"id":3}{"id":4}'), (8, '{"id":"\\xff"}'),
    ]  # fmt: skip
    with pytest.raises(SourceError) as error:
        folder.read("j.jsonl", on_bad_row="fail")
    assert (error.value.findings[0].file, error.value.findings[0].line) == ("j.jsonl", 2)


def test_json_numbers_are_not_changed(folder: Any) -> None:
    folder.write(
        "n.jsonl",
        '{"a":9223372036854775807,"b":9223372036854775808,"c":123456789012345678901234,"d":{"x":12345678901234567890},'
        '"e":{"x":123456789012345678901234},"f":1,"g":1,"h":{"x":1}}\n{"f":"x","g":1.5,"h":{"x":"y"}}\n',
    )
    got = folder.read("n.jsonl")
    first = got.rows[0]
    assert first["a"] == 9223372036854775807 and first["b"] == Decimal(9223372036854775808)
    assert first["c"] == Decimal(123456789012345678901234)
    assert "12345678901234567890" in str(first["d"]) and "123456789012345678901234" in str(first["e"])
    assert [r["f"] for r in got.rows] == ["1", "x"] and [r["g"] for r in got.rows] == [1.0, 1.5]
    assert [r["h"] for r in got.rows] == [{"x": "1"}, {"x": "y"}]


def test_arrays_objects_and_compressed_json(folder: Any) -> None:
    rows = [{"id": i, "tag": f"t{i}"} for i in range(1000)]
    folder.write("a.json", json.dumps(rows))
    folder.write("b.json", json.dumps(rows[0], indent=2))
    folder.write("c.json", "\n".join(json.dumps(r) for r in rows))
    folder.write("d.jsonl.gz", gzip.compress("\n".join(json.dumps(r) for r in rows).encode()))
    assert folder.read("a.json").rows == rows
    assert folder.read("b.json").rows == rows[:1]
    assert folder.read("c.json").rows == rows
    assert folder.read("d.jsonl.gz").rows == rows
    folder.write("bad.json", '[{"id":1},\n{"id":},\n {"id":2}, 7]')
    got = folder.read("bad.json")
    assert [r["id"] for r in got.rows] == [1, 2]
    assert [(r["line"], r["row"]) for r in got.rejects] == [(2, '{"id":}'), (3, "7")]
    folder.write("cut.json", '[{"id":1},\n{"id":')
    with pytest.raises(SourceError, match=r"cut\.json.* is not JSON"):
        folder.read("cut.json")
    folder.write("pretty.jsonl", json.dumps(rows[0], indent=2))
    with pytest.raises(SourceError, match="No line") as error:
        folder.read("pretty.jsonl")
    assert "format: json" in error.value.findings[0].hint
    folder.write("e.jsonl", "\n")
    with pytest.raises(SourceError, match="is empty"):
        folder.read("e.jsonl")
    assert folder.read("e.jsonl", types={"id": "bigint"}).types == {"id": "int64"}


def test_parquet(folder: Any) -> None:
    import duckdb

    folder.write("x", "")
    with duckdb.connect() as con:
        con.execute(f"COPY (SELECT 1 AS a, 'x' AS b) TO '{folder.path}/p1.parquet'")
        con.execute(f"COPY (SELECT 2::BIGINT AS A, 1.50::DECIMAL(9,2) AS c) TO '{folder.path}/p2.parquet'")
    got = folder.read("p*.parquet")
    assert got.rows == [{"a": 1, "b": "x", "c": None}, {"a": 2, "b": None, "c": Decimal("1.50")}]
    got = folder.read("p*.parquet", mode="incremental")
    assert [r["_file"] for r in got.rows] == ["p1.parquet", "p2.parquet"]
    whole = (folder.path / "p1.parquet").read_bytes()
    folder.write("cut.parquet", whole[: len(whole) // 2])
    with pytest.raises(SourceError, match=r"cut\.parquet") as error:
        folder.read("cut.parquet")
    assert "cut off" in error.value.findings[0].hint and str(folder.path) not in error.value.findings[0].message


def test_excel(folder: Any) -> None:
    openpyxl = pytest.importorskip("openpyxl", reason="openpyxl writes the workbooks")
    book = openpyxl.Workbook()
    sheet = book.active
    sheet.title = "it's"
    for row in (
        ["id", "name", "day", "amount", "zip", "flag", "late", "mixed"],
        [1, "a", datetime.date(2024, 1, 1), 1.5, "007", True, 1, datetime.date(2024, 1, 1)],
        [2, None, datetime.date(2024, 1, 2), 2, "008", False, "text", "not a date"],
    ):
        sheet.append(row)
    book.create_sheet("two").append(["q"])
    folder.write("x", "")
    book.save(folder.path / "x.xlsx")
    got = folder.read("x.xlsx")
    assert got.rows[0] == {"id": 1, "name": "a", "day": datetime.date(2024, 1, 1), "amount": 1.5, "zip": "007",
                           "flag": True, "late": "1", "mixed": "2024-01-01"}  # fmt: skip
    assert got.rows[1]["late"] == "text" and got.rows[1]["mixed"] == "not a date"
    assert folder.read("x.xlsx", sheet="it's", range="A1:B2", header=True).rows == [{"id": 1, "name": "a"}]
    got = folder.read("x.xlsx", types={"late": "bigint"})
    assert len(got.rows) == 1 and '"late":"text"' in got.rejects[0]["row"]
    with pytest.raises(SourceError, match="tvo") as error:
        folder.read("x.xlsx", sheet="tvo")
    assert "two" in error.value.findings[0].hint
    folder.write("bad.xlsx", "no workbook")
    with pytest.raises(SourceError, match=r"bad\.xlsx"):
        folder.read("bad.xlsx")
