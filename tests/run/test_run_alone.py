"""A statement that is read in one stream does without further threads, and only as long as nobody else needs them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from wherry.engines.duckdb import DuckDB


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[DuckDB]:
    engine = DuckDB(folder=tmp_path, scratch=tmp_path)
    yield engine
    engine.close()


def threads(engine: DuckDB) -> int:
    return int(engine.connection.execute("SELECT current_setting('threads')").fetchall()[0][0])


def test_one_thread_while_it_is_alone(engine: DuckDB) -> None:
    usual = threads(engine)
    cursor = engine.cursor()
    with cursor.alone():
        cursor.execute("SELECT 1")
        assert threads(engine) == 1
    assert threads(engine) == usual


def test_another_statement_gets_all_threads_at_once(engine: DuckDB) -> None:
    usual, cursor, other = threads(engine), engine.cursor(), engine.cursor()
    with cursor.alone():
        other.execute("SELECT 1")
        assert threads(engine) == usual
    assert threads(engine) == usual


def test_a_failed_transaction_gives_them_back(engine: DuckDB) -> None:
    usual, cursor = threads(engine), engine.cursor()
    with pytest.raises(Exception, match="mine"), cursor.transaction(), cursor.alone():
        cursor.execute("SELECT error('mine')")
    assert threads(engine) == usual


def test_nobody_is_alone_where_others_are_busy(engine: DuckDB) -> None:
    usual, cursor, other = threads(engine), engine.cursor(), engine.cursor()
    with cursor._turns.taken(other.connection), cursor.alone():
        assert threads(engine) == usual
    assert threads(engine) == usual
