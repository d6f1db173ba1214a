"""XML: records by a path, nesting, and files that are made to do harm."""

from __future__ import annotations

import datetime
from typing import Any

import pytest

from wherry.errors import SourceError
from wherry.sources.files import source
from wherry.testing import check_source

ORDERS = """<?xml version="1.0"?>
<!DOCTYPE shop>
<shop xmlns:x="http://example.com/x">
  <made at="2024-01-01"/>
  <orders>
    <order id="1" x:paid="true">
      <day>2024-02-29</day><amount>12.50</amount><note>a &amp; b</note>
      <item sku="007"><qty>1</qty></item>
    </order>
    <order id="2">
      <day>2024-03-01</day><amount>3</amount><x:note><![CDATA[<c>]]></x:note>
      <item sku="008"><qty>2</qty></item>
      <item sku="9">loose</item>
    </order>
    <order id="3"/>
  </orders>
</shop>
"""


def test_records_by_a_path(folder: Any) -> None:
    folder.write("o.xml", ORDERS)
    for path in ("order", "orders/order", "/shop/orders/order", "shop/*/order"):
        got = folder.read("o.xml", records=path)
        assert [r["_id"] for r in got.rows] == [1, 2, 3], path
    assert got.rows[0] == {
        "_id": 1, "_paid": True, "day": datetime.date(2024, 2, 29), "amount": 12.5, "note": "a & b",
        "item": [{"_sku": "007", "qty": "1", "_value": None}],
    }  # fmt: skip
    assert got.rows[1]["note"] == "<c>"
    assert got.rows[1]["item"] == [
        {"_sku": "008", "qty": "2", "_value": None}, {"_sku": "9", "qty": None, "_value": "loose"},
    ]  # fmt: skip
    typed = folder.read("o.xml", records="order", types={"item": "struct(_sku varchar, qty bigint)[]"})
    assert typed.rows[1]["item"][0] == {"_sku": "008", "qty": 2}


def test_the_children_of_the_root_are_the_records(folder: Any) -> None:
    folder.write("a.xml", "<r><a><v>1</v></a><a><v>2</v></a></r>")
    assert folder.read("a.xml").rows == [{"v": 1}, {"v": 2}]
    folder.write("b.xml", "<r><a>1</a><a>x</a></r>")
    assert folder.read("b.xml").rows == [{"_value": "1"}, {"_value": "x"}]
    folder.write("e.xml", '<?xml version="1.0" encoding="iso-8859-1"?><r><a><v>\xe9</v></a></r>'.encode("latin-1"))
    assert folder.read("e.xml").rows == [{"v": "é"}]
    folder.write("u.xml", "<r><a><v>\u20ac</v></a></r>".encode("cp1252"))
    assert folder.read("u.xml", encoding="cp1252").rows == [{"v": "\u20ac"}]


def test_rows_that_do_not_fit_have_their_line(folder: Any) -> None:
    folder.write("o.xml", ORDERS)
    got = folder.read("o.xml", records="order", types={"amount": "bigint"})
    assert [r["_id"] for r in got.rows] == [2, 3]
    assert [(r["file"], r["line"]) for r in got.rejects] == [("o.xml", 6)]
    assert "12.50" in got.rejects[0]["reason"] and '"_id":"1"' in got.rejects[0]["row"]


def test_no_element_is_a_row(folder: Any) -> None:
    folder.write("o.xml", ORDERS)
    with pytest.raises(SourceError, match="no element that is a row") as error:
        folder.read("o.xml", records="ordr")
    assert "`shop/orders/order`" in error.value.findings[0].hint


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ('<!DOCTYPE a [<!ENTITY l "lol"><!ENTITY m "&l;&l;">]><r><a>&m;</a></r>', "declares entities"),
        ('<!DOCTYPE a [<!ENTITY f SYSTEM "file:///etc/passwd">]><r><a>&f;</a></r>', "declares entities"),
        ("<r><a><v>1</v></a><a><v>2", "line 1"), ("<r><a></b></r>", "mismatched tag"), ("{}", "line 1"),
    ],
)  # fmt: skip
def test_harmful_and_damaged_files(folder: Any, text: str, word: str) -> None:
    folder.write("a.xml", text)
    with pytest.raises(SourceError, match=word) as error:
        folder.read("a.xml")
    assert "Nothing was loaded" in str(error.value) and error.value.findings[0].hint


def test_a_record_too_deep_or_too_long_is_put_aside(folder: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("wherry.sources.files.formats.xml.LONGEST", 10_000)
    deep, long = "<b>" * 5_000 + "</b>" * 5_000, "<v>" + "x" * 20_000 + "</v>"
    folder.write("a.xml", f"<r><a><v>1</v></a>\n<a>{deep}</a>\n<a>{long}</a><a><v>4</v></a></r>")
    got = folder.read("a.xml")
    assert [r["v"] for r in got.rows] == [1, 4]
    assert [r["line"] for r in got.rejects] == [2, 3]


def test_xml_conforms(folder: Any) -> None:
    for i in range(3):
        folder.write(f"{i}.xml", f"<r><a><v>{i}</v><w><z>1</z></w></a></r>")

    def change() -> int:
        folder.write("2.xml", "<r><a><v>7</v></a><a><v>8</v></a></r>")
        return 4

    check_source(source, folder.options, folder.request("*.xml", "incremental"), 3, change)
