"""Where rows are in their files, told after they were read."""

from __future__ import annotations

import gzip
import io
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from itertools import islice
from random import Random
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from test_files_records import KINDS, write

from wherry.errors import SourceError
from wherry.ports import Batch, Origin, TableRequest
from wherry.sources.files import Files, source
from wherry.testing import check_source


def origins(folder: Any, name: str, mode: str = "full", cursor: Any = None, **options: Any) -> dict[int, Origin]:
    """Every row's place, by the row's ``id``; asked of all of a batch, then of some of them alone."""
    found: dict[int, Origin] = {}
    for batch in source.read(folder.options, folder.request(name, mode, **options), cursor):
        ids = batch.rows.read_all()["id"].to_pylist()
        assert batch.origins is not None
        told = list(batch.origins(iter(range(len(ids)))))
        assert len(told) == len(ids)
        some = sorted(Random(len(ids)).sample(range(len(ids)), len(ids) // 3 + 1))
        assert list(batch.origins(iter(some))) == [told[n] for n in some]
        assert list(batch.origins(iter([]))) == []
        assert len(found) + len(ids) == len({*found, *ids})
        found |= dict(zip(ids, told, strict=True))
    return found


@pytest.mark.parametrize("kind", KINDS)
def test_every_format_tells_them(folder: Any, kind: str) -> None:
    """Also beside rows that do not fit their types, which are rejects."""
    ending = {"excel": "xlsx", "fixed": "txt"}.get(kind, kind)
    write(folder, kind, f"a.{ending}", [1, 300, 2, 3])
    write(folder, kind, f"b.{ending}", [4, 5])
    write(folder, kind, f"c.{ending}", [400, 6, 500, 7])
    options: dict[str, Any] = {"format": kind}
    options |= {"positions": {"id": "1-3"}} if kind == "fixed" else {}
    options |= {"header": True} if kind == "excel" else {}
    records = {1: ("a", 1), 2: ("a", 3), 3: ("a", 4), 4: ("b", 1), 5: ("b", 2), 6: ("c", 2), 7: ("c", 4)}
    line = {"json": lambda n: 1, "xml": lambda n: 1, "csv": lambda n: n + 1}.get(kind, lambda n: n)
    wanted = {id: Origin(file=f"{file}.{ending}", line=line(n)) for id, (file, n) in records.items()}
    for mode in ("full", "incremental"):
        assert origins(folder, f"*.{ending}", mode, types={"id": "tinyint"}, **options) == wanted, mode
    every = origins(folder, f"*.{ending}", **options)
    assert len(every) == 10 and every[500] == Origin(file=f"c.{ending}", line=line(3))


class Csv:
    """A text with everything that moves lines, and the line of each row in it."""

    def __init__(self, random: Random, first: int, *, header: bool, skip: int, bad: bool) -> None:
        between = ["", "", "\n", "\r\n", *(["stray,values,here\n", 'broken,"x" y\n', "other,z\n"] if bad else [])]
        self.lines: dict[int, int] = {}
        text = ["a note\n"] * skip + (["id,t\n"] if header else [])
        for id in range(first, first + random.randrange(1, 60)):
            text.append(random.choice(between))
            self.lines[id] = "".join(text).count("\n") + 1
            text.append(f"{id},{random.choice(('plain', '', self.quoted(random)))}{random.choice((chr(13), ''))}\n")
        self.text = "".join(text)

    @staticmethod
    def quoted(random: Random) -> str:
        return '"' + "".join(random.choice(("x", ",", "\n", '""', "\n\n", "é")) for _ in range(6)) + '"'


@pytest.mark.parametrize("seed", range(12))
def test_lines_of_csv_whatever_comes_between(folder: Any, seed: int) -> None:
    random = Random(seed)
    header, skip = random.random() < 0.7, random.choice((0, 0, 3))
    options: dict[str, Any] = {"header": header, "skip": skip, "delimiter": ",", "types": {"id": "bigint"}}
    options |= {} if header else {"names": ["id", "t"]}
    wanted: dict[int, Origin] = {}
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for number in range(8):
            made = Csv(random, number * 100, header=header, skip=skip, bad=seed % 3 == 0)
            name, member = f"{number}.csv", ""
            encoding = "utf-8-sig" if number == 5 else "utf-8"
            if number < 3:
                name, member = "many.zip", f"{number}.csv"
                archive.writestr(member, made.text)
            elif number == 3:
                name = "3.csv.gz"
                folder.write(name, gzip.compress(made.text.encode()))
            else:
                folder.write(name, made.text.encode(encoding))
            wanted |= {id: Origin(file=name, line=line, member=member) for id, line in made.lines.items()}
    folder.write("many.zip", packed.getvalue())
    assert origins(folder, "*", **options) == wanted
    assert origins(folder, "*", "incremental", **options) == wanted


def test_lines_of_a_file_that_grew_count_from_its_beginning(folder: Any) -> None:
    for name, before, added, options in (
        ("a.csv", 'id,t\n1,"x\n"\n', '\n2,"\n"\n3,z\n', {}),
        ("a.jsonl", '{"id":1}\n\n', '{"id":2}\n\n{"id":3}\n', {}),
        ("a.txt", "1\n\n", "2\n \n3\n", {"format": "fixed", "positions": {"id": "1-2"}, "types": {"id": "int"}}),
    ):
        folder.write(name, before)
        cursor = folder.read(name, "incremental", **options).cursor
        folder.write(name, before + added)
        lines = {"a.csv": {2: 5, 3: 7}, "a.jsonl": {2: 3, 3: 5}, "a.txt": {2: 3, 3: 5}}[name]
        found = origins(folder, name, "incremental", cursor, **options)
        assert found == {id: Origin(file=name, line=line) for id, line in lines.items()}


def test_lines_of_what_is_spread_over_several(folder: Any) -> None:
    folder.write("a.json", '[\n{"id":\n 1}, {"id": 2},\n\n{"id": 3}]')
    folder.write("a.xml", "<r>\n<a>\n<id>1</id></a><a><id>2</id></a>\n\n<a><id>3</id></a></r>")
    folder.write("a.utf16.csv", 'id,t\n1,x\n2,"\n"\n3,y\n'.encode("utf-16"))
    assert {id: place.line for id, place in origins(folder, "a.json").items()} == {1: 2, 2: 3, 3: 5}
    assert {id: place.line for id, place in origins(folder, "a.xml").items()} == {1: 2, 2: 3, 3: 5}
    found = origins(folder, "a.utf16.csv", encoding="utf-16")
    assert {id: place.line for id, place in found.items()} == {1: 2, 2: 3, 3: 5}


def test_bad_rows_of_fixed_width_with_blank_lines(folder: Any) -> None:
    folder.write("f.txt", "title\n  1  1\n\n  2  x\n    \n  3\xe4 y\n  4  4\n")
    options = {"format": "fixed", "positions": {"id": "1-3", "v": "4-"}, "types": {"v": "int"}, "header": True}
    got = folder.read("f.txt", **options)
    assert [row["id"] for row in got.rows] == [1, 4]
    assert [(bad["line"], bad["row"]) for bad in got.rejects] == [(4, "  2  x"), (6, "  3ä y")]


@pytest.mark.parametrize("now", [0, 5, 30, 50])
@pytest.mark.parametrize("kind", ["csv", "jsonl", "fixed", "xml"])
def test_a_file_that_changes_before_they_are_told_is_an_error(folder: Any, kind: str, now: int) -> None:
    """Not a wrong line, and not a search without end."""
    ending = "txt" if kind == "fixed" else kind
    options: dict[str, Any] = {"format": kind, "types": {"id": "tinyint"}}
    options |= {"positions": {"id": "1-3"}} if kind == "fixed" else {}
    write(folder, kind, f"a.{ending}", [n if n % 3 else 300 for n in range(30)])
    for batch in source.read(folder.options, folder.request(f"a.{ending}", **options), None):
        assert batch.rows.read_all().num_rows == 20
        assert batch.origins is not None
        if now:
            write(folder, kind, f"a.{ending}", [n if n % 4 else 300 for n in range(now)])
        else:
            folder.write(f"a.{ending}", "")
        with pytest.raises(SourceError, match="changed while it was being read"):
            list(batch.origins(iter([3, 19])))


@pytest.mark.parametrize("column", ["file_row_number", "filename", "t"])
def test_columns_called_like_what_duckdb_adds(folder: Any, column: str) -> None:
    rows = pa.table({"id": [str(n) if n % 3 else "no" for n in range(9)], column: ["x"] * 9})
    made = io.BytesIO()
    pq.write_table(rows, made, row_group_size=2)
    folder.write("a.parquet", made.getvalue())
    got = folder.read("a.parquet", types={"id": "int"})
    assert [bad["line"] for bad in got.rejects] == [1, 4, 7]
    assert {bad["row"] for bad in got.rejects} == {f'{{"id":"no","{column}":"x"}}'}
    found = origins(folder, "a.parquet", types={"id": "int"})
    assert {id: place.line for id, place in found.items()} == {n: n + 1 for n in range(9) if n % 3}


def test_many_small_files_are_read_again_in_one_batch(folder: Any) -> None:
    """As they were loaded: one after the other takes twenty times as long."""
    for n in range(9):
        folder.write(f"{n}.csv", f"id,t\n{n},x\n\n{n + 10},y\n")
    request = folder.request("*.csv", "incremental")
    found = {}
    for batch in source.again(
        folder.options, request, {"id": "BIGINT", "t": "VARCHAR"}, ["2.csv", "5.csv", "gone.csv"]
    ):
        ids = batch.rows.read_all()["id"].to_pylist()
        assert batch.origins is not None and not found
        found = dict(zip(ids, batch.origins(iter(range(len(ids)))), strict=True))
    assert found == {n + m: Origin(file=f"{n}.csv", line=2 + m // 5) for n in (2, 5) for m in (0, 10)}


class Forgetful(Files):
    """A source that tells the places of too few rows."""

    def read(self, options: Any, table: TableRequest, cursor: Any) -> Iterator[Batch]:
        for batch in super().read(options, table, cursor):
            assert batch.origins is not None
            yield replace(batch, origins=lambda wanted, told=batch.origins: islice(told(wanted), 1))  # type: ignore[misc]


def test_a_source_that_tells_too_few_does_not_conform(folder: Any) -> None:
    folder.write("a.csv", "id\n" + "1\n" * 9)
    with pytest.raises(AssertionError, match="places of 3 rows were asked for, and 1 were told"):
        check_source(Forgetful(), folder.options, folder.request("a.csv"), 9)
