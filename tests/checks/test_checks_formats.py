"""What is written in a format, and what only looks like it."""

from collections.abc import Iterator

import duckdb
import pytest

from wherry.checks.format.formats import FORMATS

#: Format -> what is written in it, and what is not.
CASES: dict[str, tuple[list[str], list[str]]] = {
    "email": (
        ["a@b.co", "a.b+c@x-y.example.org", "o'hara@b.ie"],
        ["a@b", ".a@b.co", "a..b@c.de", "a b@c.de", "a@-b.co", "@b.co", "", "a@b.co\n", "x a@b.co"],
    ),
    "uuid": (
        ["123e4567-e89b-12d3-a456-426614174000", "123E4567-E89B-12D3-A456-426614174000"],
        ["123e4567e89b12d3a456426614174000", "g23e4567-e89b-12d3-a456-426614174000"],
    ),
    "url": (
        ["http://a.b", "https://example.com:80/x?y=1#z", "HTTP://localhost", "http://127.0.0.1/", "http://[::1]/"],
        ["example.com", "http://", "http://a b", "http://exa_mple.com", "mailto:a@b.c"],
    ),
    "ipv4": (["0.0.0.0", "255.255.255.255"], ["256.0.0.1", "1.2.3", "01.2.3.4", "1.2.3.4.5", "1x2x3x4"]),
    "ipv6": (
        [
            "::",
            "::1",
            "1::",
            "2001:db8::8a2e:370:7334",
            "1:2:3:4:5:6:7:8",
            "::ffff:1.2.3.4",
            "1:2:3:4:5:6:1.2.3.4",
            "1::8",
            "1:2:3:4:5:6:7::",
            "::2:3:4:5:6:7:8",
            "fe80::1",
            "1::3:4:5:6:7:8",
            "1:2:3:4:5::8",
        ],
        ["1:2:3:4:5:6:7", "1::2::3", ":1", "12345::", "1:2:3:4:5:6:7:8:9", "::ffff:300.1.1.1", ":::", "", "1.2.3.4"],
    ),
    "ip": (["1.2.3.4", "::1"], ["", "a", "1.2.3"]),
    "iban": (
        [
            "GB82 WEST 1234 5698 7654 32",
            "DE89370400440532013000",
            "FR1420041010050500013M02606",
            "MT84MALT011000012345MTLCAST001S",
            "NO9386011117947",
            "LC55HEMM000100010012001200023015",
        ],
        ["DE88370400440532013000", "DE8937040044053201300", "XX89370400440532013000", "de89370400440532013000", ""],
    ),
    "credit_card": (
        ["4539578763621486", "4111 1111 1111 1111", "3782-8224-6310-005"],
        ["4539578763621487", "411111111111111a", "1", "", "4111111111111112"],
    ),
    "phone": (["+49 (30) 1234-567", "+14155552671"], ["030 1234567", "+0123456789", "+1", "+49x301234567"]),
    "hostname": (["a", "a.b-c.example"], ["-a", "a_b", "a..b", "a.", "", "a" * 64, "a." * 127 + "a"]),
    "mac": (["00:1B:44:11:3a:B7", "00-1B-44-11-3A-B7"], ["00:1B:44:11:3A", "00:1B-44:11:3A:B7"]),
    "country": (["DE", "US"], ["UK", "de", "XX", "DEU"]),
    "currency": (["EUR", "USD"], ["EURO", "eur"]),
    "date": (["2024-02-29", "0001-01-01"], ["2023-02-29", "2024-2-9", "20240229", "2024-02-29 00:00", "2024-13-01"]),
    "time": (["00:00", "23:59:59.5"], ["24:00", "1:00", "12:60"]),
    "datetime": (
        ["2024-02-29T10:00:00Z", "2024-02-29 10:00", "2024-02-29T10:00:00.123+02:00"],
        ["2024-02-30T10:00:00", "2024-02-29", "2024-02-29T25:00"],
    ),
    "any_date": (
        ["2024-01-02", "Jan 02 2024", "02.01.2024", "01/31/2024", "2024-01-02T10:00:00Z", "20240102", "31/01/2024"],
        ["hello", "2024-13-45", "", "99/99/2024"],
    ),
    "number": (["1", "-1.5e3", ".5", "1."], ["1,5", "abc", "", "1e", "0x1", "NaN", "."]),
    "integer": (["1", "-10", "+3"], ["1.0", "", "1 "]),
    "percent": (["5%", "5.5 %"], ["5", "%"]),
    "lower": (["a b1", "é", ""], ["A", "aÉ"]),
    "upper": (["A1", ""], ["a", "É é"]),
    "trimmed": (["a", "", "a b"], [" a", "a\n", "\t"]),
    "json": (['{"a":1}', "2", "null", '"a"'], ["a", "{", ""]),
}


@pytest.fixture(scope="module")
def db() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as connection:
        yield connection


def test_every_format_is_tried_here() -> None:
    assert set(CASES) == set(FORMATS)


@pytest.mark.parametrize("name", CASES)
def test_a_format(db: duckdb.DuckDBPyConnection, name: str) -> None:
    good, bad = CASES[name]
    select = f"SELECT x FROM (SELECT unnest(?) AS x) WHERE NOT ({FORMATS[name]('x')})"
    values = [*good, *bad, None]
    assert [x for (x,) in db.execute(select, [values]).fetchall()] == bad
