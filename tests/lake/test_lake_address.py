"""What an address of a lake's database means, and what of it is told."""

from pathlib import Path

import pytest

from wherry.errors import LakeError
from wherry.lake.address import database_at, parameters, shown

ADDRESSES = {
    "postgresql://h": "host=h",
    "postgres://h:5433/shop": "host=h port=5433 dbname=shop",
    "postgresql+psycopg://me:pw@h/shop": "user=me password=pw host=h dbname=shop",
    "postgresql://me:p%40s%2Fs%25@h/my%20shop": "user=me password=p@s/s% host=h dbname=my_shop",
    "postgresql://me:a/b%c?#@h/shop": "user=me password=a/b%c?# host=h dbname=shop",
    "postgresql://me@tenant:pw@h/shop": "user=me@tenant password=pw host=h dbname=shop",
    "postgresql://:pw@h/shop": "password=pw host=h dbname=shop",
    "postgresql:///shop": "dbname=shop",
    "postgresql://me@/shop?host=%2Ftmp%2Fpg": "user=me host=/tmp/pg dbname=shop",
    "postgresql://me@/shop?host=/tmp/pg&port=5433": "user=me host=/tmp/pg port=5433 dbname=shop",
    "postgresql://[::1]:5433/shop": "host=::1 port=5433 dbname=shop",
    "postgresql://[fe80::1%25eth0]/shop": "host=fe80::1%eth0 dbname=shop",
    "postgresql:///shop?host=::1": "host=::1 dbname=shop",
    "postgresql://a:1,b:2/shop": "host=a,b port=1,2 dbname=shop",
    "postgresql:///shop?host=a:1&host=b:2": "host=a,b port=1,2 dbname=shop",
    "postgresql:///shop?host=a,b&port=1,2": "host=a,b port=1,2 dbname=shop",
    "postgresql:///shop?host=[::1]:1&host=b": "host=::1,b port=1, dbname=shop",
    "postgresql://h/shop?sslmode=require&options=-c+a%3Db": "host=h dbname=shop sslmode=require options=-c_a=b",
}


@pytest.mark.parametrize("address", ADDRESSES)
def test_what_libpq_is_told(address: str) -> None:
    found, schema = parameters(address)
    expected = dict(each.split("=", 1) for each in ADDRESSES[address].split(" "))
    assert {name: value.replace(" ", "_") for name, value in found.items()} == expected
    assert schema == ""
    sign = "&" if "?" in address.rpartition("@")[2] else "?"
    assert parameters(f"{address}{sign}schema=bank") == (found, "bank")
    assert "pw" not in shown(found) and "a/b" not in shown(found)


@pytest.mark.parametrize(
    "address", ["postgresql://h:port/x", "postgresql://[/x", "postgresql://me:p@w@h/x", "postgresql:///x?host=h:port"]
)
def test_what_is_no_address(address: str) -> None:
    with pytest.raises(LakeError, match="cannot be read"):
        parameters(address)


@pytest.mark.parametrize(
    ("address", "told"),
    [
        ("postgresql://me:pw@a:1,b/shop?password=hush", "postgresql://me@a:1,b/shop"),
        ("postgresql://[::1]:5433/shop", "postgresql://[::1]:5433/shop"),
        ("postgresql:///shop?host=a,b&port=7", "postgresql://a:7,b:7/shop"),
    ],
)
def test_what_is_told_of_it(address: str, told: str) -> None:
    assert shown(parameters(address)[0]) == told


def test_paths_of_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for place in ("x/w.db", "sqlite:///x/w.db", f"sqlite:///{tmp_path}/x/w.db", f"{tmp_path}/x/w.db"):
        assert database_at(place).path == tmp_path / "x/w.db"
    with pytest.raises(LakeError, match="cannot be in `mysql`"):
        database_at("mysql://h/x")
