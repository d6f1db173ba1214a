"""The database of a lake: pointers, history, branches, runs and events, in SQLite or PostgreSQL.

Everything that has to agree (where a table is, which version it has, how far its source was read) is in this one
database, so that one transaction moves all of it. Its tables are written down in ``database.sql``.
"""

from collections.abc import Iterator
from contextlib import closing, contextmanager

from wherry.errors import DiskFull, LakeError
from wherry.lake.address import database_at
from wherry.lake.connecting import Connection, Database


def open_database(place: str, now: str, project: str = "") -> Database:
    """The database at a path or an address (see ``address``); makes or migrates the tables when needed.

    Raises ``NewerLake`` when a newer wherry made them, ``LakeError`` when the database cannot be opened.
    """
    from wherry.lake.migrate import prepare

    database = database_at(place, project)
    try:
        prepare(database, now)
    except database.driver.DatabaseError as problem:
        database.dispose()
        raise LakeError(f"the database `{database.shown}` cannot be opened: {_first_line(problem)}") from problem
    except BaseException:
        database.dispose()
        raise
    return database


@contextmanager
def reading(database: Database) -> Iterator[Connection]:
    """One unchanging view of the database; never waits for a writer."""
    with _told(database), database.connection() as connection:
        connection.begin_reading()
        yield connection
        connection.end_reading()


@contextmanager
def glancing(database: Database) -> Iterator[Connection]:
    """A view of its own for each statement: a third of the cost of ``reading``, for what one statement answers."""
    with _told(database), database.connection() as connection:
        yield connection


@contextmanager
def writing(database: Database, *, durable: bool = True) -> Iterator[Connection]:
    """The only writer for as long as the block lasts; all or nothing.

    ``durable``: on return it survives a power cut. Otherwise the last moments before one may be lost, never torn.
    """
    from wherry.lake.migrate import expect_known

    with _told(database), database.connection() as connection:
        version, number = connection.begin_writing(durable)
        expect_known(version)
        yield connection
        try:
            connection.commit()
        except database.driver.Error:
            if number is None or not _took_place(database, number):
                raise


def _took_place(database: Database, number: str) -> bool:
    """Whether a transaction whose end was not heard was committed. Raises where that cannot be found out."""
    database.close_idle()
    try:
        # One more than there may be: others may have been cut off too, and each holds what it lost.
        with closing(database.open()) as connection:
            # The server may be at it still: whoever gets the writers' turn comes after it.
            connection.row("SELECT value FROM meta WHERE name = 'version' FOR UPDATE")
            state = connection.value("SELECT pg_xact_status(CAST(:number AS xid8))", {"number": number})
    except database.driver.Error as problem:
        raise ConnectionError("the database went away during a commit: whether it took place is not known") from problem
    return bool(state == "committed")


@contextmanager
def _told(database: Database) -> Iterator[None]:
    """What the database's driver complains about, in one sentence."""
    driver = database.driver
    try:
        yield
    except (driver.OperationalError, driver.InternalError, driver.InterfaceError, *database.denied) as problem:
        if DiskFull.told_by(problem):
            raise DiskFull from problem
        raise LakeError(f"the lake's database cannot be used now: {_first_line(problem)}") from problem


def _first_line(problem: Exception) -> str:
    return str(problem).strip().partition("\n")[0]
