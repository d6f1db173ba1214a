"""What the rows of answers become: exact types over all pages, nested values, other formats."""

from __future__ import annotations

import gzip
import os
from collections.abc import Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest

from fixtures.api import api
from fixtures.web import Reply
from memory_group import Growth
from wherry.testing import Loaded


def loaded_from(body: Any, headers: dict[str, str] | None = None, **said: Any) -> Loaded:
    with api(lambda r: Reply(body=body, headers=headers or {})) as made:
        return made.load(made.table(**said))


def column(values: str, **said: Any) -> tuple[str, list[Any]]:
    """Type and values of a column that is written as these JSON values."""
    body = "[" + ", ".join(f'{{"id": {n}, "v": {value}}}' for n, value in enumerate(values.split("|"))) + "]"
    loaded = loaded_from(body.encode(), **said)
    assert loaded.schema is not None
    return str(loaded.schema.field("v").type), [row["v"] for row in loaded.rows]


@pytest.mark.parametrize(
    ("values", "kind", "first"),
    [
        ("1|2|null", "int64", 1),
        ("9223372036854775807|1", "int64", 2**63 - 1),
        ("9223372036854775808|1", "decimal128(38, 0)", Decimal(2**63)),
        ("1" + "0" * 44 + "1", "string", "1" + "0" * 44 + "1"),
        ("0.1|0.2", "decimal128(38, 9)", Decimal("0.1")),
        ("19.99|20", "decimal128(38, 9)", Decimal("19.99")),
        ("0.30000000000000004|1", "decimal128(38, 18)", Decimal("0.30000000000000004")),
        ("1e300|1.5", "double", 1e300),
        ("0.1234567890123456789012345|1", "string", "0.1234567890123456789012345"),
        ("12345678901234567890123456789012.5|0.123456789012", "string", "12345678901234567890123456789012.5"),
        ("true|false", "bool", True),
        ('"2026-01-31"|"2026-02-01"', "date32[day]", date(2026, 1, 31)),
        ('"2026-01-31"|"soon"', "string", "2026-01-31"),
        ('"2026-02-30"|"2026-02-01"', "string", "2026-02-30"),
        ('"2026-01-31T10:00:00"|"2026-01-31"', "timestamp[us]", datetime(2026, 1, 31, 10)),
        ('"2026-01-31T10:00:00+02:00"', "timestamp[us, tz=UTC]", datetime(2026, 1, 31, 8, tzinfo=UTC)),
        ('"2026-01-31T10:00:00Z"|"2026-01-31T10:00:00"', "string", "2026-01-31T10:00:00Z"),
        ('"2026-01-31T10:00:00.123456789Z"', "string", "2026-01-31T10:00:00.123456789Z"),
        ('1|"a"', "string", "1"),
        ("1.50|true", "string", "1.50"),
        ('"007"|"1"', "string", "007"),
        ('{"a": 1.10, "b": ["ü", null, true]}', "string", '{"a": 1.10, "b": ["ü", null, true]}'),
        ("[1, 2]|3", "string", "[1, 2]"),
        ("null|null", "string", None),
    ],
)
def test_types_are_found_over_all_values_and_exact(values: str, kind: str, first: Any) -> None:
    assert column(values) == (kind, [first, *column(values)[1][1:]])


def test_types_are_found_over_all_pages() -> None:
    pages = {"1": [{"id": 1, "v": 1}], "2": [{"id": 2, "v": 2.5, "new": None}], "3": [{"id": 3, "v": None, "new": "x"}]}
    with api(lambda r: Reply(body=pages.get(r.params["page"], []))) as made:
        rows = made.load(made.table(pages="page")).rows
    assert [row["v"] for row in rows] == [1, Decimal("2.5"), None]
    assert [row["new"] for row in rows] == [None, None, "x"]


@pytest.mark.parametrize(
    ("kind", "values", "expected"),
    [
        ("decimal(12,2)", '1.5|2|"3.25"', [Decimal("1.50"), Decimal("2.00"), Decimal("3.25")]),
        ("double", "1|2.5", [1.0, 2.5]),
        ("varchar", '1.50|"a"', ["1.50", "a"]),
        ("integer", '1|"2"|3.0', [1, 2, 3]),
        ("timestamp", '"2026-01-01"', [datetime(2026, 1, 1)]),
        (
            "struct(a bigint, b varchar[])",
            '{"a": 1, "b": ["x"], "c": 3}|{}',
            [{"a": 1, "b": ["x"]}, {"a": None, "b": None}],
        ),
        ("map(varchar, double)", '{"k": 1.5}', [[("k", 1.5)]]),
        ("json", '{"a": 1}', ['{"a": 1}']),
    ],
)
@pytest.mark.parametrize("where", ["types", "declared"])
def test_declared_types(kind: str, values: str, expected: list[Any], where: str) -> None:
    assert column(values, **{where: {"v": kind}})[1] == expected


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("decimal(12,2)", "1.005"), ("decimal(4,2)", "123.4"), ("integer", "3000000000"), ("integer", "1.5"),
        ("date", '"2026-01-31T10:00:00"'), ("boolean", '"maybe"'), ("bigint", "[1]"), ("utinyint", "-1"),
    ],
)  # fmt: skip
def test_a_value_that_its_type_does_not_keep_is_put_aside(kind: str, value: str) -> None:
    body = f'[{{"id": 1, "v": {value}}}, {{"id": 2, "v": null}}]'.encode()
    with api(lambda r: Reply(body=body)) as made:
        (batch,) = made.batches(made.table(types={"v": kind}))
    assert [row["id"] for row in batch["rows"]] == [2]
    (reject,) = batch["rejects"]
    assert reject["file"] == "rows" and reject["line"] == 1 and value.strip('"') in reject["reason"]
    assert '"id": 1' in reject["row"]


def test_an_incremental_column_waits_for_its_first_value_and_then_keeps_its_type() -> None:
    body: list[dict[str, Any]] = [{"id": 1, "v": None, "w": 1.5}]
    with api(lambda r: Reply(body=body)) as made:
        request = made.table(mode="incremental", key="id")
        loaded = made.load(request)
        assert loaded.schema is not None and loaded.schema.names == ["id", "w"]
        body[:] = [{"id": 2, "v": "2026-01-01", "w": 2}, {"id": 3}]
        made.load(request, loaded)
        assert [str(field.type) for field in loaded.schema] == ["int64", "decimal128(38, 9)", "date32[day]"]
        assert loaded.rows[-1] == {"id": 3, "w": None, "v": None}


def test_names_that_differ_in_case_only_are_told_apart_for_good() -> None:
    body: list[dict[str, Any]] = [{"id": 1, "ID": 2, "": 3}]
    with api(lambda r: Reply(body=body)) as made:
        request = made.table(mode="incremental", key="id")
        loaded = made.load(request)
        assert loaded.rows == [{"id": 1, "ID_2": 2, "_": 3}]
        body[:] = [{"ID": 5, "id": 4}]
        made.load(request, loaded)
        assert loaded.rows[-1] == {"id": 4, "ID_2": 5, "_": None}


def test_objects_become_columns_when_asked() -> None:
    row = {"id": 1, "user": {"name": "ada", "at": {"city": "x"}}, "tags": [{"t": 1}], "none": {}}
    assert loaded_from([row], nested="unnest").rows == [
        {"id": 1, "user_name": "ada", "user_at_city": "x", "tags": '[{"t": 1}]', "none": "{}"}
    ]
    assert loaded_from([row], columns=["id", "USER"]).rows == [
        {"id": 1, "user": '{"name": "ada", "at": {"city": "x"}}'}
    ]


def test_records_by_any_jmespath() -> None:
    body = {"groups": [{"items": [{"id": 1, "on": True}, {"id": 2, "on": False}]}, {"items": [{"id": 3, "on": True}]}]}
    loaded = loaded_from(body, records="groups[].items[] | [?on].{id: id, twice: [id, id]}")
    assert [row["id"] for row in loaded.rows] == [1, 3]
    assert loaded_from({"a": {"b": {"id": 1}}}, records="a.b").rows == [{"id": 1}]
    assert loaded_from(["x", "y"]).rows == [{"value": "x"}, {"value": "y"}]
    columns = {"hourly": {"time": ["2026-01-01T00:00", "2026-01-01T01:00"], "t": [1.5, None]}, "x": 1}
    assert loaded_from(columns, records="hourly", layout="columns").rows[1] == {
        "time": datetime(2026, 1, 1, 1),
        "t": None,
    }


CSV = 'day,rate,note,code\n2026-01-01,1.10,"a, ""b""\nc",007\n2026-01-02,,,1\n'


@pytest.mark.parametrize("packed", [False, True])
def test_csv(packed: bool) -> None:
    body = gzip.compress(CSV.encode()) if packed else b"\xef\xbb\xbf" + CSV.encode()
    rows = loaded_from(body, {"Content-Type": "text/csv; charset=utf-8"}).rows
    assert rows[0] == {"day": date(2026, 1, 1), "rate": Decimal("1.1"), "note": 'a, "b"\nc', "code": "007"}
    assert rows[1] == {"day": date(2026, 1, 2), "rate": None, "note": None, "code": "1"}


def test_a_line_of_csv_that_is_no_row_is_put_aside() -> None:
    with api(lambda r: Reply(body=b"a;b\n1;2\n3\n4;5\n")) as made:
        (batch,) = made.batches(made.table(format="csv", delimiter=";"))
    assert [row["a"] for row in batch["rows"]] == [1, 4]
    assert batch["rejects"][0]["line"] == 3 and batch["rejects"][0]["reason"] == "1 values for 2 columns"


def test_json_lines_and_xml() -> None:
    lines = b'{"id": 1, "v": 1.5}\n\n{"id": 2}\n'
    assert loaded_from(lines, {"Content-Type": "application/x-ndjson"}).rows[1] == {"id": 2, "v": None}
    xml = b"""<?xml version="1.0"?><e:Envelope xmlns:e="urn:x"><Cube><Cube time="2026-01-02">
      <Cube currency="USD" rate="1.0812"/><Cube currency="JPY" rate="161.5"/></Cube></Cube></e:Envelope>"""
    rows = loaded_from(xml, {"Content-Type": "text/xml"}, records="Cube.Cube.Cube").rows
    assert rows[0] == {"currency": "USD", "rate": Decimal("1.0812")} and len(rows) == 2
    nested = b"<r><item id='7'><name>a</name><tag>x</tag><tag>y</tag></item></r>"
    assert loaded_from(nested, format="xml", records="item").rows == [{"id": 7, "name": "a", "tag": '["x", "y"]'}]
    bomb = b'<!DOCTYPE r [<!ENTITY a "aaaa">]><r><item>&a;</item></r>'
    with api(lambda r: Reply(body=bomb), attempts=1) as made:
        assert "entities" in made.fails(made.table(format="xml", records="item")).message


def test_a_large_answer_takes_little_memory() -> None:
    """An answer of 20 MB, many times what a piece of it may take; ``WHERRY_DEEP=1``: of 1 GB."""
    thousands = 1100 if os.environ.get("WHERRY_DEEP") == "1" else 20

    def body() -> Iterator[bytes]:
        yield b'{"meta": {"n": 1}, "data": ['
        for n in range(thousands):
            row = b'{"id": %d, "text": "' + b"x" * 900 + b'"}'
            yield (b"," if n else b"") + b",".join(row % (n * 1000 + i) for i in range(1000))
        yield b"]}"

    loaded_from([{"id": 1, "text": "x"}], key="id")  # so that everything is imported
    grown = Growth()
    with api(lambda r: Reply(body=body())) as made:
        rows = 0
        for batch in made.source.read(made.options, made.table(records="data", key="id"), None):
            for piece in batch.rows:  # type: ignore[union-attr]
                rows += piece.num_rows
    assert rows == thousands * 1000
    print(f"{thousands} MB took {grown.most() / 1e6:.0f} MB")
    assert grown.most() < (150_000_000 if thousands > 40 else 90_000_000)
