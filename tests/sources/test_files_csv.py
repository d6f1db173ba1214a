"""CSV: types, writing habits, and the account of every line."""

from __future__ import annotations

import datetime
import gzip
import json
import random
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from wherry.errors import ProjectError, SourceError
from wherry.sources.files.formats.text import count_records

OPENFLIGHTS = Path(__file__).parents[3] / "shared" / "data" / "openflights"


def test_nothing_is_changed_silently(folder: Any) -> None:
    folder.write(
        "a.csv",
        "n,zip,big,huge,price,mixed,plus,late,day,at,zoned,clock,flag,long,nano\n"
        + "1,007,9223372036854775807,9223372036854775808,12.10,1,+49,1,2024-02-29,2024-01-01T10:00:00,"
        "2024-01-01T10:00:00+02:00,10:00:00,true,1.5,2024-01-01 10:00:00.123456789\n"
        + "-2,12,1,2,0.5,99999999999999999999,1,x,2024-01-02,2024-01-01 10:00,2024-01-01 10:00:00Z,23:59:59,"
        "FALSE,12345678901234567890.5,2024-01-01 10:00:00\n",
    )
    got = folder.read("a.csv")
    assert got.types == {
        "n": "int64", "zip": "string", "big": "int64", "huge": "decimal128(38, 0)", "price": "double",
        "mixed": "decimal128(38, 0)", "plus": "string", "late": "string", "day": "date32[day]",
        "at": "timestamp[us]", "zoned": "timestamp[us, tz=UTC]", "clock": "time64[us]", "flag": "bool",
        "long": "string", "nano": "string",
    }  # fmt: skip
    first = got.rows[0]
    assert first["zip"] == "007" and first["huge"] == Decimal(9223372036854775808)
    assert first["zoned"] == datetime.datetime(2024, 1, 1, 8, tzinfo=datetime.UTC)


def test_text_in_the_last_row_makes_the_column_text(folder: Any) -> None:
    folder.write("a.csv", "id\n" + "".join(f"{i}\n" for i in range(50_000)) + "last\n")
    got = folder.read("a.csv")
    assert got.types == {"id": "string"} and len(got.rows) == 50_001 and not got.rejects


def test_bad_lines_are_put_aside_one_by_one(folder: Any) -> None:
    fine = b"".join(b"%d,fine\n" % i for i in range(100, 120))
    bad = b'id,a\n1,x\n2\n3,y,z\n"4","multi\nline"\nq,t\n5,"un\n6,ok\n7,\xff\n8,"a"b"\n\n9.5,z\n10,end\n'
    folder.write("a.csv", bad + fine)
    got = folder.read("a.csv", types={"id": "bigint"})
    assert [r["id"] for r in got.rows] == [1, 4, 6, 10, *range(100, 120)]
    assert [(r["line"], r["row"]) for r in got.rejects] == [
        (3, "2"), (4, "3,y,z"), (7, "q,t"), (8, '5,"un'), (10, "7,\\xff"), (11, '8,"a"b"'), (13, "9.5,z"),
    ]  # fmt: skip
    assert {r["file"] for r in got.rejects} == {"a.csv"}
    assert "expected" in got.rejects[0]["reason"] and "BIGINT" in got.rejects[2]["reason"]


def test_on_bad_row_fail_says_where(folder: Any) -> None:
    folder.write("a.csv", "id,a\n1,x\n2\n")
    with pytest.raises(SourceError) as error:
        folder.read("a.csv", on_bad_row="fail")
    found = error.value.findings[0]
    assert (found.file, found.line, found.source_line) == ("a.csv", 3, "2")
    assert "2 columns are expected" in found.message and found.hint


@pytest.mark.parametrize("seed", range(25))
def test_every_line_is_a_row_or_a_reject(folder: Any, seed: int) -> None:
    chance = random.Random(seed)
    lines, good, bad = [], [], []
    number = 2
    end = chance.choice(["\n", "\r\n"])
    for i in range(chance.choice([3, 50, 2000])):
        kind = chance.random()
        if kind < 0.8:
            line, fine = f"{i},a{i},b", True
        elif kind < 0.85:
            line, fine = f'{i},"quoted, ""{i}""",b', True
        elif kind < 0.9:
            line, fine = f'{i},"two{end}lines",b', True
        else:
            line = chance.choice([f"{i},few", f"{i},1,too,many", f"x{i},a,b", f'{i},"q"x,y', f"{i},\udcff,y"])
            fine = False
        (good if fine else bad).append(i if fine else (number, line))
        lines.append(line)
        number += 1 + line.count("\n")
    text = "id,a,b" + end + end.join(lines) + end * chance.randint(0, 2)
    folder.write("a.csv", text.encode("utf-8", "surrogateescape"))
    got = folder.read("a.csv", types={"id": "bigint"})
    assert [r["id"] for r in got.rows] == good
    assert [r["line"] for r in got.rejects] == [line for line, _ in bad]
    assert [r["row"].replace("\\xff", "\udcff") for r in got.rejects] == [row for _, row in bad]


def test_an_unclosed_quote_in_a_large_file_loses_nothing(folder: Any) -> None:
    count = 400_000
    folder.write("a.csv", b'id,a\n1,"open\n' + b"".join(b"%d,value %d\n" % (i, i) for i in range(2, count)))
    got = folder.read("a.csv")
    assert len(got.rows) == count - 2 and [r["line"] for r in got.rejects] == [2]


@pytest.mark.parametrize(
    ("text", "records"),
    [
        (b"", 0), (b"a", 1), (b"a\n", 1), (b"a\n\n\nb", 2), (b"\n\na\r\n\r\nb\r\n", 2), (b"a\rb\r", 2),
        (b'"x\ny"\n', 1), (b'"x"\n"y"\n"z"', 3), (b'a,"x\n\ny"\nb\n', 2), (b'"a""\n"\n"b"\n', 2), (b'""\n""\n', 2),
    ],
)  # fmt: skip
def test_records_are_counted_whatever_the_pieces(text: bytes, records: int) -> None:
    for size in (1, 2, 3, 100):
        pieces = iter([text[i : i + size] for i in range(0, len(text), size)])
        assert count_records(pieces, b'"', b'"') == records, size


def test_files_of_a_pattern_are_united_by_name(folder: Any) -> None:
    folder.write("e/1.csv", "id,a\n1,x\n")
    folder.write("e/2.csv", "a,ID,c\ny,2.5,z\n")
    folder.write("e/3.csv", "id,a\n")
    folder.write("e/4.csv", "")
    folder.write("e/deep/5.csv", "id\n5\n")
    assert folder.read("e/*.csv").rows == [{"id": 1.0, "a": "x", "c": None}, {"id": 2.5, "a": "y", "c": "z"}]
    assert len(folder.read("e/**/*.csv").rows) == 3


def test_given_types_are_exact(folder: Any) -> None:
    folder.write("a.csv", "n;p;d\n1;1,20;31.12.2024\n2.5;1,5;01.01.2024\n3;1,239;02.01.2024\n4;2;2024-01-01\n")
    got = folder.read(
        "a.csv", types={"N": "bigint", "p": "decimal(12,2)", "d": "date"}, decimal=",", dateformat="%d.%m.%Y"
    )
    assert got.rows == [{"n": 1, "p": Decimal("1.20"), "d": datetime.date(2024, 12, 31)}]
    assert [r["line"] for r in got.rejects] == [3, 4, 5]


def test_ways_of_writing(folder: Any) -> None:
    folder.write("q.csv", "id;name\n1;'a;b'\n2;\\N\n3;'it''s'\n")
    assert [r["name"] for r in folder.read("q.csv", delimiter=";", quote="'", null="\\N").rows] == ["a;b", None, "it's"]
    folder.write("t.tsv", "a\tb\n1\tx,y\n")
    assert folder.read("t.tsv").rows == [{"a": 1, "b": "x,y"}]
    folder.write("e.csv", 'a,b\n1,"say \\"hi\\", you"\n')
    assert folder.read("e.csv", escape="\\").rows == [{"a": 1, "b": 'say "hi", you'}]
    folder.write("s.csv", 'made by "x\n\na,b\n1,2\n')
    assert folder.read("s.csv", skip=1).rows == [{"a": 1, "b": 2}]
    folder.write("h.csv", "1,x\n2,y\n")
    assert folder.read("h.csv").rows == [{"column0": 1, "column1": "x"}, {"column0": 2, "column1": "y"}]
    assert folder.read("h.csv", names=["id", "name"]).rows[0] == {"id": 1, "name": "x"}
    folder.write("b.csv", b"\xef\xbb\xbfid,a\n1,2\n")
    assert folder.read("b.csv").rows == [{"id": 1, "a": 2}]
    folder.write("mixed.csv", b"a,b\r\n1,2\n3,4\r\n")
    assert folder.read("mixed.csv").rows == [{"a": 1, "b": 2}, {"a": 3, "b": 4}]
    folder.write("one.csv", "a\n1\n\n2\n")
    assert [r["a"] for r in folder.read("one.csv").rows] == [1, None, 2]


def test_columns_called_like_our_own(folder: Any) -> None:
    folder.write("a.csv", "n,path,file,v0,c1,_file,j,s,rejects\n1,2,3,4,5,6,7,8,9\nx,2,3,4,5,6,7,8,9\n")
    got = folder.read("a.csv", types={"n": "bigint", "_file": "bigint"})
    assert list(got.rows[0].values()) == [1, 2, 3, 4, 5, 6, 7, 8, 9] and got.rejects[0]["line"] == 3
    row = {"j": 1, "path": 2, "v0": 3, "s": 4, "n": 5, "_file": 6}
    folder.write("a.json", json.dumps([row, {"n": "x"}]))
    got = folder.read("a.json", types={"n": "bigint"})
    assert got.rows == [row] and got.rejects[0]["row"] == '{"n":"x"}'


def test_hostile_names(folder: Any) -> None:
    folder.write("n.csv", '"a ""b""",it\'s,id,ID,id,,sel;ect--\n1,2,3,4,5,6,7\n')
    got = folder.read("n.csv", mode="incremental")
    assert list(got.rows[0].values()) == [1, 2, 3, 4, 5, 6, 7, "n.csv"]
    assert list(got.types)[:6] == ['a "b"', "it's", "id", "ID_1", "id_2", "column5"]
    names = ["a[1].csv", "a*.csv", "a?.csv", "b c.csv", "d'e.csv", 'f"g.csv', "h%20i.csv", "{j}.csv", "k#;.csv",
             "ü.csv", "l=1.csv", "$m.csv", "n\\o.csv"]  # fmt: skip
    for i, name in enumerate(names):
        folder.write(f"x/{name}", f"id\n{i}\n")
        assert folder.read(f"x/{name}").rows == [{"id": i}], name
    got = folder.read("x/*", mode="incremental", format="csv")
    assert {r["_file"]: r["id"] for r in got.rows} == {f"x/{n}": i for i, n in enumerate(names)}


def test_encodings(folder: Any) -> None:
    text = "a,b\n1,é\n2,ü€\n"
    for encoding in ("cp1252", "utf-16", "utf-8-sig", "iso8859-15"):
        folder.write("x.csv", text.encode(encoding))
        assert [r["b"] for r in folder.read("x.csv", encoding=encoding).rows] == ["é", "ü€"]
    folder.write("x.csv", text.encode("cp1252"))
    with pytest.raises(SourceError) as error:
        folder.read("x.csv")
    found = error.value.findings[0]
    assert "x.csv" in found.message and "utf-8" in found.message and "line 2" in found.message
    assert "encoding:" in found.hint
    folder.write("x.csv", text)
    with pytest.raises(SourceError, match="ascii"):
        folder.read("x.csv", encoding="ascii")


def test_compressed_files_are_read_to_their_end(folder: Any) -> None:
    plain = ("a,b\n" + "".join(f"{i},{i * 7}\n" for i in range(50_000))).encode()
    folder.write("a.csv.gz", gzip.compress(plain))
    folder.write("a.csv.zst", pa.compress(plain, "zstd", asbytes=True))
    folder.write("two.csv.gz", gzip.compress(plain) + gzip.compress(b"1,2\n"))
    for name, count in (("a.csv.gz", 50_000), ("a.csv.zst", 50_000), ("two.csv.gz", 50_001)):
        assert len(folder.read(name).rows) == count
    for name in ("a.csv.gz", "a.csv.zst"):
        whole = (folder.path / name).read_bytes()
        folder.write(f"cut{name[1:]}", whole[: len(whole) // 2])
        with pytest.raises(SourceError, match="cut off or damaged"):
            folder.read(f"cut{name[1:]}")
    folder.write("not.csv.gz", plain)
    with pytest.raises(SourceError, match=r"not\.csv\.gz"):
        folder.read("not.csv.gz")


def test_empty_files(folder: Any) -> None:
    folder.write("z.csv", "")
    with pytest.raises(SourceError, match="is empty") as error:
        folder.read("z.csv")
    assert "types" in error.value.findings[0].hint
    assert folder.read("z.csv", names=["a"]).types == {"a": "string"}
    assert folder.read("z.csv", types={"a": "bigint"}).types == {"a": "int64"}
    folder.write("h.csv", "a,b\n")
    assert folder.read("h.csv").rows == []


@pytest.mark.parametrize(
    ("options", "word"),
    [
        ({"format": "cvs"}, "Did you mean `csv`"), ({"on_bad_row": "ignore"}, "reject, fail"),
        ({"delimiter": "a\nb"}, "plain"), ({"skip": -1}, "0 or more"), ({"encoding": "latin-l"}, "latin-1"),
        ({"types": {"idd": "bigint"}}, "Did you mean `id`"), ({"types": {"id": "bigint); drop"}}, "bigint"),
        ({"types": {"id": "nope"}}, "bigint"), ({"names": ["a", "A"]}, "same"),
    ],
)  # fmt: skip
def test_wrong_options_are_findings(folder: Any, options: dict[str, Any], word: str) -> None:
    folder.write("a.csv", "id\n1\n")
    with pytest.raises(ProjectError) as error:
        folder.read("a.csv", **options)
    assert word in error.value.findings[0].hint


def test_lines_that_end_with_a_carriage_return_alone(folder: Any) -> None:
    """As programs of old Macs write them; one of them within quotes is one as well."""
    folder.write("a.csv", 'id,t,v\r1,"x\ry",2\r2,z,3\r')
    folder.write("b.csv.gz", gzip.compress(b"id,t,v\r3,x,1\r4,y,many\r"))
    folder.write("c.csv", "id;t\r\n5;x\r\n")
    got = folder.read("[ab].csv*", types={"v": "bigint"})
    assert got.rows == [{"id": 1, "t": "x\ny", "v": 2}, {"id": 2, "t": "z", "v": 3}, {"id": 3, "t": "x", "v": 1}]
    assert [(bad["file"], bad["line"]) for bad in got.rejects] == [("b.csv.gz", 3)]
    assert folder.read("c.csv").rows == [{"id": 5, "t": "x"}]
    folder.write("f.txt", " 1x\r 2y\r")
    got = folder.read("f.txt", format="fixed", positions={"id": "1-2", "t": "3"})
    assert got.rows == [{"id": 1, "t": "x"}, {"id": 2, "t": "y"}]


@pytest.mark.skipif(not OPENFLIGHTS.is_dir(), reason="the openflights files are not there")
@pytest.mark.parametrize(
    ("name", "columns"), [("airports", 14), ("airlines", 8), ("routes", 9), ("planes", 3), ("countries", 3)]
)
def test_openflights(folder: Any, name: str, columns: int) -> None:
    from wherry.sources.files import source

    lines = (OPENFLIGHTS / f"{name}.dat").read_bytes().decode().splitlines()
    got = folder.read(f"{name}.dat", said=source.Options(path=str(OPENFLIGHTS)), header=False, null="\\N")
    assert len(got.rows) + len(got.rejects) == len([line for line in lines if line])
    assert len(got.types) == columns and len(got.rejects) <= 2, got.rejects
