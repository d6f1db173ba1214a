"""Fixed width, Avro and ORC."""

from __future__ import annotations

import datetime
import os
import uuid
from decimal import Decimal
from random import Random
from typing import Any

import fastavro
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyarrow import orc

from wherry.errors import ProjectError, SourceError
from wherry.sources.files import source
from wherry.testing import check_source

PLACES = {"id": "1-3", "name": "4-11", "amount": "12-18", "kind": 19, "rest": "20-"}


def test_fixed_width(folder: Any) -> None:
    folder.write("f.txt", "001Anna      12.50Xany\n\n  2Björk é    3.00Y\r\n3\n   \n")
    got = folder.read("f.txt", format="fixed", positions=PLACES)
    assert got.rows == [
        {"id": "001", "name": "Anna", "amount": 12.5, "kind": "X", "rest": "any"},
        {"id": "2", "name": "Björk é", "amount": 3.0, "kind": "Y", "rest": None},
        {"id": "3", "name": None, "amount": None, "kind": None, "rest": None},
    ]
    got = folder.read("f.txt", format="fixed", positions=PLACES, types={"id": "int"}, null="Y", skip=1)
    assert [(r["id"], r["kind"]) for r in got.rows] == [(2, None), (3, None)]


def test_fixed_width_rows_that_do_not_fit(folder: Any) -> None:
    folder.write(
        "f.txt", b"id name\n" + b"  1 fine\n" * 20 + b"xxx bad\n  2 \xff\n" + b"  3 " + b"z" * 3_000_000 + b"\n"
    )
    got = folder.read("f.txt", format="fixed", positions={"id": "1-3", "name": "5-"}, types={"id": "int"}, header=True)
    assert len(got.rows) == 20
    assert [(r["line"], r["row"][:8]) for r in got.rejects] == [(22, "xxx bad"), (23, "  2 \\xff"), (24, "  3 zzzz")]
    with pytest.raises(ProjectError) as error:
        folder.read("f.txt", format="fixed", positions={"a": "5-3", "b": "x"})
    assert len(error.value.findings) == 2
    with pytest.raises(ProjectError, match="needs `positions:`"):
        folder.read("f.txt", format="fixed")


AVRO = {
    "type": "record", "name": "order", "namespace": "shop",
    "fields": [
        {"name": "id", "type": "long"}, {"name": "small", "type": "int"}, {"name": "real", "type": "float"},
        {"name": "raw", "type": "bytes"}, {"name": "note", "type": ["null", "string"]},
        {"name": "day", "type": {"type": "int", "logicalType": "date"}},
        {"name": "clock", "type": {"type": "long", "logicalType": "time-micros"}},
        {"name": "at", "type": {"type": "long", "logicalType": "timestamp-millis"}},
        {"name": "local", "type": {"type": "long", "logicalType": "local-timestamp-micros"}},
        {"name": "price", "type": {"type": "bytes", "logicalType": "decimal", "precision": 12, "scale": 2}},
        {"name": "fixed", "type": {"type": "fixed", "name": "d8", "size": 8, "logicalType": "decimal",
                                   "precision": 10, "scale": 1}},
        {"name": "key", "type": {"type": "string", "logicalType": "uuid"}},
        {"name": "kind", "type": {"type": "enum", "name": "kind", "symbols": ["A", "B"]}},
        {"name": "again", "type": "kind"},
        {"name": "either", "type": ["null", "int", "string", {"type": "map", "values": "int"}]},
        {"name": "number", "type": ["null", "int", "long"]},
        {"name": "tags", "type": {"type": "array", "items": ["null", "string"]}},
        {"name": "more", "type": {"type": "map", "values": {"type": "array", "items": "int"}}},
        {"name": "inside", "type": {"type": "record", "name": "inside", "fields": [
            {"name": "x", "type": "long"}, {"name": "y", "type": ["null", {"type": "int", "logicalType": "date"}]}]}},
        {"name": "tree", "type": {"type": "record", "name": "node", "fields": [
            {"name": "v", "type": "int"}, {"name": "next", "type": ["null", "node"]}]}},
    ],
}  # fmt: skip


def avro_row(i: int, **other: Any) -> dict[str, Any]:
    utc = datetime.datetime(2024, 1, 2, 3, 4, 5, 6000, tzinfo=datetime.UTC)
    return {
        "id": i, "small": -1, "real": 0.5, "raw": b"\0\xff", "note": None, "day": datetime.date(2024, 2, 29),
        "clock": datetime.time(1, 2, 3, 4), "at": utc, "local": datetime.datetime(1969, 12, 31, 23, 59, 59, 7),
        "price": Decimal("-12.34"), "fixed": Decimal("99999.9"), "key": uuid.UUID(int=7), "kind": "B", "again": "A",
        "either": None, "number": 2**40, "tags": ["a", None], "more": {"p": [1, 2]}, "inside": {"x": 1, "y": None},
        "tree": {"v": 1, "next": {"v": 2, "next": None}}, **other,
    }  # fmt: skip


def write_avro(path: Any, rows: list[dict[str, Any]], schema: Any = AVRO, codec: str = "deflate") -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as out:
        fastavro.writer(out, schema, rows, codec=codec)


def test_avro_keeps_every_value(folder: Any) -> None:
    write_avro(folder.path / "a.avro", [avro_row(1), avro_row(2, either=5), avro_row(3, either="x", note="n")])
    write_avro(folder.path / "b.avro", [avro_row(4, either={"k": 1})], codec="null")
    got = folder.read("*.avro")
    want = avro_row(1)
    assert [r["id"] for r in got.rows] == [1, 2, 3, 4]
    same = set(want) - {"key", "either", "tree", "more"}
    assert {k: got.rows[0][k] for k in same} == {k: want[k] for k in same}
    assert got.rows[0]["key"] == str(uuid.UUID(int=7)) and dict(got.rows[0]["more"]) == {"p": [1, 2]}
    assert [r["either"] for r in got.rows] == [None, "5", "x", '{"k": 1}']
    assert got.rows[0]["tree"] == {"v": 1, "next": '{"v": 2, "next": null}'}
    assert got.types["price"] == "decimal128(12, 2)" and got.types["at"] == "timestamp[us, tz=UTC]"
    assert got.types["local"] == "timestamp[us]" and got.types["number"] == "int64"


def test_avro_rows_that_do_not_fit_and_damage(folder: Any) -> None:
    schema = {"type": "record", "name": "r", "fields": [{"name": "v", "type": "string"}]}
    write_avro(folder.path / "a.avro", [{"v": "1"}, {"v": "x"}, {"v": "3"}], schema)
    got = folder.read("a.avro", types={"v": "bigint"})
    assert [r["v"] for r in got.rows] == [1, 3]
    assert [(r["file"], r["line"]) for r in got.rejects] == [("a.avro", 2)] and '"x"' in got.rejects[0]["row"]
    write_avro(folder.path / "b.avro", [{"v": "x" * 100}] * 5_000, schema)
    whole = (folder.path / "b.avro").read_bytes()
    folder.write("cut.avro", whole[: len(whole) // 2])
    with pytest.raises(SourceError, match=r"cut\.avro.*cannot be read.*Nothing was loaded"):
        folder.read("cut.avro")
    write_avro(folder.path / "n.avro", [1, 2], "int")
    with pytest.raises(SourceError, match="does not hold records"):
        folder.read("n.avro")


def test_orc(folder: Any) -> None:
    table = pa.table(
        {
            "id": pa.array(range(50_000), pa.int64()),
            "price": pa.array([Decimal("1.10")] * 50_000, pa.decimal128(9, 2)),
            "at": pa.array([datetime.datetime(2024, 1, 1)] * 50_000, pa.timestamp("ns")),
            "tags": [["a"], None] * 25_000, "inside": [{"x": 1}] * 50_000,
        }
    )  # fmt: skip
    folder.write("x", "")
    orc.write_table(table, str(folder.path / "a.orc"), stripe_size=100_000)
    assert orc.ORCFile(str(folder.path / "a.orc")).nstripes > 1
    got = folder.read("a.orc")
    assert [r["id"] for r in got.rows] == list(range(50_000))
    assert got.rows[1] == {"id": 1, "price": Decimal("1.10"), "at": datetime.datetime(2024, 1, 1), "tags": None,
                           "inside": {"x": 1}}  # fmt: skip
    got = folder.read("a.orc", types={"id": "tinyint"})
    assert len(got.rows) == 128 and len(got.rejects) == 50_000 - 128 and got.rejects[0]["line"] == 129
    whole = (folder.path / "a.orc").read_bytes()
    folder.write("cut.orc", whole[: len(whole) // 2])
    with pytest.raises(SourceError, match=r"cut\.orc"):
        folder.read("cut.orc")


def write(folder: Any, kind: str, name: str, ids: list[int]) -> None:
    """A file of some format with these numbers."""
    target = folder.write(name, "")
    if kind == "avro":
        schema = {"type": "record", "name": "r", "fields": [{"name": "id", "type": "long"}]}
        write_avro(target, [{"id": i} for i in ids], schema)
    elif kind == "orc":
        orc.write_table(pa.table({"id": pa.array(ids, pa.int64())}), str(target))
    elif kind == "parquet":
        pq.write_table(pa.table({"id": pa.array(ids, pa.int64())}), target)
    elif kind == "excel":
        import openpyxl

        book = openpyxl.Workbook()
        for value in ["id", *ids]:
            book.active.append([value])
        book.save(target)
    else:
        lines = {"csv": "id\n" + "".join(f"{i}\n" for i in ids), "fixed": "".join(f"{i:>3}\n" for i in ids),
                 "json": str([{"id": i} for i in ids]).replace("'", '"'),
                 "jsonl": "".join(f'{{"id":{i}}}\n' for i in ids),
                 "xml": "<r>" + "".join(f"<a><id>{i}</id></a>" for i in ids) + "</r>"}  # fmt: skip
        target.write_text(lines[kind])


KINDS = ("csv", "fixed", "json", "jsonl", "xml", "avro", "orc", "parquet", "excel")


#: Bytes that are cut off, other or more than were written, for each kind so many times.
SPOILED = 300 if os.environ.get("WHERRY_DEEP") == "1" else 8


@pytest.mark.parametrize("kind", KINDS)
def test_spoiled_bytes_are_read_or_told(folder: Any, kind: str) -> None:
    write(folder, kind, f"whole.{kind}", list(range(200)))
    whole = (folder.path / f"whole.{kind}").read_bytes()
    random, ending = Random(kind), {"excel": "xlsx", "fixed": "txt"}.get(kind, kind)
    options: dict[str, Any] = {"format": "fixed", "positions": {"id": "1-3"}} if kind == "fixed" else {}
    for number in range(SPOILED):
        spoiled = bytearray(whole)
        at = random.randrange(len(spoiled))
        match number % 4:
            case 0:
                del spoiled[at:]
            case 1:
                for _ in range(random.choice((1, 20))):
                    spoiled[random.randrange(len(spoiled))] = random.randrange(256)
            case 2:
                spoiled[at:at] = random.randbytes(20)
            case 3:
                spoiled[at : at + 64] = bytes(len(spoiled[at : at + 64]))
        name = f"{number}.{ending}"
        folder.write(name, bytes(spoiled))
        source.columns(folder.options, folder.request(name, **options))
        try:
            folder.read(name, **options)
        except SourceError as error:
            [finding] = error.findings
            assert finding.hint and name in finding.message


@pytest.mark.parametrize("mode", ["full", "incremental"])
@pytest.mark.parametrize("kind", KINDS)
def test_every_format_conforms(folder: Any, kind: str, mode: str) -> None:
    ending = {"excel": "xlsx", "fixed": "txt"}.get(kind, kind)
    options: dict[str, Any] = {"format": kind}
    if kind == "fixed":
        options["positions"] = {"id": "1-3"}
    if kind == "excel":
        options["header"] = True
    for i in range(3):
        write(folder, kind, f"{i}.{ending}", [i * 10 + 1, i * 10 + 2])

    def change() -> int:
        write(folder, kind, f"1.{ending}", [7])
        write(folder, kind, f"9.{ending}", [90, 91, 92])
        return 2 + 1 + 2 + 3

    check_source(source, folder.options, folder.request(f"*.{ending}", mode, **options), 6, change)
