from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import duckdb
import pytest

from wherry.lake.attach import connect
from wherry.lake.lake import Lake

Rows = Callable[[str], list[tuple[Any, ...]]]


#: What is the same in both databases; the other files are about files and DuckDB.
BOTH = {
    "filling",
    "filling_killed",
    "migrate",
    "branches",
    "carry",
    "history",
    "merge",
    "writers",
    "retry",
    "durable",
    "leases",
    "readers",
    "history_merge",
    "transactions",
}


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "database" in metafunc.fixturenames:
        both = metafunc.module.__name__.removeprefix("test_").removeprefix("lake_") in BOTH
        postgres = pytest.param("postgres", marks=pytest.mark.needs("postgres"))
        metafunc.parametrize("database", ["sqlite", postgres] if both else ["sqlite"], indirect=True)


@pytest.fixture
def database(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """What ``Lake.open`` takes, for a new lake."""
    if request.param == "sqlite":
        return str(tmp_path / "wherry.db")
    return str(request.getfixturevalue("postgres"))


@pytest.fixture
def lake(database: str, tmp_path: Path) -> Iterator[Lake]:
    with Lake.open(database, tmp_path / "lake") as opened:
        yield opened


@pytest.fixture
def db(lake: Lake) -> Iterator[duckdb.DuckDBPyConnection]:
    """DuckDB with ``main`` attached as ``m``, and a schema ``s`` in it."""
    with connect() as connection:
        lake.attach(connection, "main", "m", author="ada")
        connection.execute("CREATE SCHEMA m.s")
        yield connection


@pytest.fixture
def rows(db: duckdb.DuckDBPyConnection) -> Rows:
    return lambda query: db.execute(query).fetchall()
