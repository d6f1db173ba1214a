"""What tests of checks share."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from wherry.engines.duckdb import DuckDB
from wherry.lake.lake import Lake


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Lake, DuckDB]]:
    """A lake, and an engine that has it attached as ``lake`` with a schema ``s``."""
    folder: Path = tmp_path_factory.mktemp("opened")
    with Lake.open(folder / "lake.db", folder / "lake") as lake:
        db = DuckDB(folder=folder, scratch=folder / "scratch")
        lake.attach(db.connection, "main", "lake")
        db.execute("CREATE SCHEMA lake.s")
        yield lake, db
        db.close()
