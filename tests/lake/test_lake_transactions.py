"""What holds of the database's connections and transactions, however a block ends."""

import json
from collections.abc import Iterator

import pytest

from wherry.errors import LakeError
from wherry.lake import connecting
from wherry.lake import database as db
from wherry.lake.address import database_at
from wherry.lake.connecting import Connection, insert
from wherry.lake.lake import Lake

NOTE = insert("meta", ("name", "value"))
NOTES = "SELECT value FROM meta WHERE name = 'note'"
#: A long answer that reads a table all the while.
LONG = """
    WITH RECURSIVE n AS (SELECT 1 AS i UNION ALL SELECT i + 1 FROM n WHERE i < 5000)
    SELECT i FROM n CROSS JOIN meta WHERE name = 'version'
"""


def note(connection: Connection, value: str = "kept") -> None:
    connection.change(NOTE, {"name": "note", "value": value})


def notes(lake: Lake) -> list[str]:
    with db.reading(lake.database) as connection:
        return connection.column(NOTES)


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, SystemExit, LakeError])
def test_a_block_that_is_left_changes_nothing(lake: Lake, error: type[BaseException]) -> None:
    with pytest.raises(error), db.writing(lake.database) as connection:
        note(connection)
        assert connection.column(NOTES) == ["kept"]
        raise error
    assert notes(lake) == []
    with db.writing(lake.database) as connection:
        note(connection)
    assert notes(lake) == ["kept"]


def test_a_generator_that_is_not_read_to_its_end_changes_nothing(lake: Lake) -> None:
    def writes() -> Iterator[int]:
        with db.writing(lake.database) as connection:
            note(connection)
            yield 1

    half = writes()
    assert next(half) == 1
    half.close()
    assert notes(lake) == []
    with db.writing(lake.database) as connection:
        note(connection)


def test_a_statement_that_fails_undoes_the_others(lake: Lake) -> None:
    with pytest.raises(lake.database.driver.IntegrityError), db.writing(lake.database) as connection:
        note(connection)
        note(connection)
    assert notes(lake) == []
    with pytest.raises(lake.database.driver.IntegrityError), db.writing(lake.database) as connection:
        connection.change_all(NOTE, [{"name": "note", "value": value} for value in "ab"])
    assert notes(lake) == []


def test_what_is_only_begun_is_undone(lake: Lake) -> None:
    with lake.database.connection() as connection:
        connection.begin()
        note(connection)
    with lake.database.connection() as again:
        assert again is connection
        assert again.column(NOTES) == []


def test_statements_outside_a_transaction_are_ones_of_their_own(lake: Lake) -> None:
    with pytest.raises(ValueError), lake.database.connection() as connection:
        note(connection)
        raise ValueError
    assert notes(lake) == ["kept"]


def test_a_long_answer_that_is_not_read_to_its_end(lake: Lake) -> None:
    with db.reading(lake.database) as connection:
        assert next(connection.stream(LONG)) == (1,)
        assert {row[0] for row in connection.stream(LONG)} == set(range(1, 5001))
    with lake.database.connection() as other:
        with pytest.raises(ValueError), db.reading(lake.database) as connection:
            assert next(connection.stream(LONG)) == (1,)
            raise ValueError
        note(other)
        # The moment that was read is over for this connection.
        with db.reading(lake.database) as again:
            assert again is connection
            assert again.column(NOTES) == ["kept"]


def test_a_reader_has_one_moment_and_a_glance_the_newest(lake: Lake) -> None:
    with db.reading(lake.database) as old, db.glancing(lake.database) as glance:
        assert old.column(NOTES) == glance.column(NOTES) == []
        with db.writing(lake.database) as connection:
            note(connection)
        assert (old.column(NOTES), glance.column(NOTES)) == ([], ["kept"])


def test_values_never_become_text(lake: Lake) -> None:
    hostile = "50% of :name, ::text, '); DROP TABLE meta; -- %(name)s"
    with db.writing(lake.database) as connection:
        note(connection, hostile)
        assert connection.rows("SELECT value, '50%' FROM meta WHERE value = :value", {"value": hostile}) == [
            (hostile, "50%")
        ]


def test_a_list_has_no_end(lake: Lake) -> None:
    with db.reading(lake.database) as connection:
        query = f"SELECT count(*) FROM meta WHERE 99999 IN ({connection.numbers})"
        assert connection.value(query, {"numbers": json.dumps([*range(100_000)])}) == 1
        assert connection.value(query, {"numbers": "[]"}) == 0


def test_as_many_connections_as_there_may_be(database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connecting, "_PATIENCE", 0)
    there = database_at(database)
    there._room = connecting.BoundedSemaphore(2)
    with there.connection() as one, there.connection() as other:
        assert one is not other
        with pytest.raises(LakeError, match="are in use"):
            there.connection().__enter__()
    assert there.kept == 2
    with there.connection() as again:
        assert again is one
    there.dispose()
    assert there.kept == 0


def test_what_is_given_back_too_late_is_closed(database: str) -> None:
    there = database_at(database)
    with there.connection() as connection:
        there.dispose()
        assert connection.value("SELECT 1") == 1
    assert there.kept == 0
    with pytest.raises(there.driver.Error, match="closed"):
        connection.value("SELECT 1")
