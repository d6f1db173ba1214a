from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import duckdb
import pytest

from wherry.lake.attach import connect
from wherry.lake.lake import Lake

Rows = Callable[[str], list[tuple[Any, ...]]]


@pytest.fixture
def lake(tmp_path: Path) -> Iterator[Lake]:
    with Lake.open(str(tmp_path / "wherry.db"), tmp_path / "lake") as opened:
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
