"""Manifests are read and written as Iceberg has them, and files are chosen for good reasons."""

import json
import struct
from typing import Any

import duckdb
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wherry.errors import LakeError
from wherry.lake.lake import Lake
from wherry.lake.upkeep import avro, manifest, rewrite
from wherry.lake.upkeep.choose import TARGET, choose
from wherry.lake.upkeep.manifest import DATA, EQUALITY_DELETES, POSITION_DELETES, Entry, Form

_SCHEMA = {
    "type": "record",
    "name": "everything",
    "fields": [
        {"name": "flag", "type": "boolean"},
        {"name": "whole", "type": ["null", "long"]},
        {"name": "real", "type": "double"},
        {"name": "text", "type": "string", "field-id": 7},
        {"name": "raw", "type": {"type": "fixed", "name": "four", "size": 4}},
        {"name": "again", "type": ["null", "four"]},
        {"name": "many", "type": {"type": "array", "items": "bytes"}},
        {"name": "named", "type": {"type": "map", "values": "int"}},
        {"name": "inner", "type": {"type": "record", "name": "inner", "fields": [{"name": "x", "type": "float"}]}},
    ],
}
_NUMBERS = st.integers(-(2**63), 2**63 - 1)
_RECORD = st.fixed_dictionaries(
    {
        "flag": st.booleans(),
        "whole": st.none() | _NUMBERS,
        "real": st.floats(allow_nan=False),
        "text": st.text(),
        "raw": st.binary(min_size=4, max_size=4),
        "again": st.none() | st.binary(min_size=4, max_size=4),
        "many": st.lists(st.binary(), max_size=3),
        "named": st.dictionaries(st.text(), st.integers(-(2**31), 2**31 - 1), max_size=3),
        "inner": st.fixed_dictionaries({"x": st.integers(-1000, 1000).map(float)}),
    }
)


@given(records=st.lists(_RECORD, max_size=4))
def test_what_is_written_is_read_again(records: list[dict[str, Any]]) -> None:
    schema = json.dumps(_SCHEMA)
    found = avro.read(avro.write(schema, records, {"content": b"data"}))
    assert (list(found.records), found.schema, found.metadata) == (records, schema, {"content": b"data"})


def test_duckdb_reads_what_is_written(tmp_path: Any) -> None:
    from wherry.lake.attach import connect

    fields = [{"name": "i", "type": "long"}, {"name": "s", "type": ["null", "string"]}]
    schema = json.dumps({"type": "record", "name": "r", "fields": fields})
    rows = [{"i": -(2**63), "s": None}, {"i": 2**63 - 1, "s": "ü"}]
    (tmp_path / "x.avro").write_bytes(avro.write(schema, rows, {}))
    with connect() as connection:
        read = connection.execute("SELECT i, s FROM read_avro($path)", {"path": str(tmp_path / "x.avro")})
        assert read.fetchall() == [(-(2**63), None), (2**63 - 1, "ü")]


@pytest.mark.parametrize("content", [b"", b"PAR1", b"Obj\x01"])
def test_what_is_no_avro_file_is_an_error(content: bytes) -> None:
    with pytest.raises((LakeError, IndexError)):
        avro.read(content)


def test_a_damaged_file_is_told() -> None:
    content = bytearray(avro.write(json.dumps(_SCHEMA | {"fields": _SCHEMA["fields"][:1]}), [{"flag": True}], {}))
    content[-1] ^= 1
    with pytest.raises(LakeError, match="damaged"):
        avro.read(bytes(content))


def test_an_unknown_compression_is_told() -> None:
    plain = avro.write(json.dumps({"type": "record", "name": "r", "fields": []}), [], {})
    with pytest.raises(LakeError, match="foolate"):
        avro.read(plain.replace(b"deflate", b"foolate"))


def test_the_files_of_a_table_of_duckdb_are_understood(lake: Lake, db: duckdb.DuckDBPyConnection) -> None:
    db.execute("CREATE TABLE m.s.t AS SELECT range AS i FROM range(10)")
    db.execute("INSERT INTO m.s.t VALUES (20)")
    db.execute("DELETE FROM m.s.t WHERE i < 3")
    pointer = lake.pointer("main", "s.t")
    assert pointer is not None and pointer.location is not None
    table = rewrite.contents(lake.storage, lake.storage.read(pointer.location))
    assert table is not None
    data = [entry for entry in table.entries if entry.content == DATA]
    (deletes,) = [entry for entry in table.entries if entry.content == POSITION_DELETES]
    assert sorted((entry.rows, entry.sequence) for entry in data) == [(1, 2), (10, 1)]
    assert deletes.rows == 3 and deletes.referred == next(entry.path for entry in data if entry.rows == 10)


# Which files are written anew

_FORM = Form(content=0, spec=0, schema="", header=())
_MB = 1024 * 1024


def data(name: str, size: int, *, partition: str = "", spec: int = 0, sequence: int = 1) -> Entry:
    return _entry(name, DATA, size, 1000, partition, spec, sequence, {})


def deletes(name: str, about: str | None, *, rows: int = 1, content: int = POSITION_DELETES) -> Entry:
    return _entry(name, content, 1000, rows, "", 0, 9, {"referenced_data_file": about})


def _entry(path: str, content: int, size: int, rows: int, part: str, spec: int, sequence: int, row: Any) -> Entry:
    return Entry(
        path=path, content=content, spec=spec, partition=part, rows=rows, size=size, sequence=sequence, manifest="m",
        form=_FORM, row={"data_file": row},
    )  # fmt: skip


def chosen(*entries: Entry, spec: int = 0) -> tuple[str, str]:
    """Names of the data files to write anew, and of the delete files that are then spent."""
    choice = choose(entries, spec)
    return " ".join(sorted(e.path for e in choice.data)), " ".join(sorted(e.path for e in choice.spent))


def test_few_small_files_stay_and_more_are_put_together() -> None:
    assert chosen(*(data(x, _MB) for x in "abc")) == ("", "")
    assert chosen(*(data(x, _MB) for x in "abcd")) == ("a b c d", "")


def test_small_files_of_different_partitions_are_not_counted_together() -> None:
    files = [data(f"{p}{n}", _MB, partition=p) for p in "xyz" for n in range(3)]
    assert chosen(*files) == ("", "")
    assert chosen(*files, data("x3", _MB, partition="x")) == ("x0 x1 x2 x3", "")


def test_a_large_file_is_not_written_again_for_a_few_small_ones() -> None:
    small = [data(x, _MB) for x in "abcd"]
    assert chosen(*small, data("large", 100 * _MB)) == ("a b c d", "")
    assert chosen(*small, data("whole", TARGET)) == ("a b c d", "")
    assert chosen(*small, data("middle", 10 * _MB)) == ("a b c d middle", "")


def test_deletes_are_applied_where_it_is_cheap_or_they_are_many() -> None:
    assert chosen(data("small", _MB), deletes("d", "small")) == ("small", "d")
    assert chosen(data("large", TARGET), deletes("d", "large")) == ("", "")
    assert chosen(data("large", TARGET), deletes("d", "large", rows=60)) == ("large", "d")
    assert chosen(data("large", TARGET), *(deletes(x, "large") for x in "def")) == ("large", "d e f")


def test_deletes_that_may_be_about_a_file_that_stays_stay_too() -> None:
    wide = deletes("wide", None)
    assert chosen(data("large", TARGET), data("small", _MB), wide) == ("small", "")
    assert chosen(data("a", _MB), data("small", _MB), wide) == ("a small", "wide")


def test_deletes_about_a_file_that_is_gone_are_spent() -> None:
    assert chosen(data("large", TARGET), deletes("d", "gone")) == ("", "d")


def test_equality_deletes_have_everything_written_anew() -> None:
    assert chosen(data("a", TARGET), data("b", _MB), deletes("d", None, content=EQUALITY_DELETES)) == ("a b", "d")


def test_files_of_an_older_partitioning_are_written_anew() -> None:
    assert chosen(data("old", TARGET, spec=0), data("new", TARGET, spec=1), spec=1) == ("old", "")


def test_a_bound_by_which_another_writer_names_the_file_is_understood() -> None:
    entry = deletes("d", None)
    bounds = [{"key": 2147483546, "value": b"a"}]
    entry.row["data_file"] = {"lower_bounds": bounds, "upper_bounds": bounds}
    assert entry.referred == "a"
    entry.row["data_file"] = {"lower_bounds": bounds, "upper_bounds": [{"key": 2147483546, "value": b"b"}]}
    assert entry.referred is None
    assert struct.calcsize("<f") == 4 and manifest.DELETED == 2
