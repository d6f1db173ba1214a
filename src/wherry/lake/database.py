"""The database of a lake: pointers, history, branches, runs and events, in SQLite or PostgreSQL.

Everything that has to agree (where a table is, which version it has, how far its source was read) is in this one
database, so that one transaction moves all of it.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import sqlalchemy as sa
from sqlalchemy.sql.elements import quoted_name

from wherry.errors import DiskFull, LakeError
from wherry.lake.connecting import engine_for, kept, shown
from wherry.lake.statement import Statement

metadata = sa.MetaData()
_Number = sa.BigInteger().with_variant(sa.Integer(), "sqlite")

meta = sa.Table("meta", metadata, sa.Column("name", sa.Text, primary_key=True), sa.Column("value", sa.Text))

#: The log: one row per commit on any branch.
commit = sa.Table(
    quoted_name("commit", True),
    metadata,
    sa.Column("seq", _Number, primary_key=True, autoincrement=True),
    sa.Column("id", sa.Text, nullable=False, unique=True),
    sa.Column("branch", sa.Text, nullable=False),
    sa.Column("author", sa.Text, nullable=False),
    sa.Column("message", sa.Text, nullable=False),
    sa.Column("run", sa.Text),
    sa.Column("at", sa.Text, nullable=False),
    sa.Index("commit_branch", "branch", "seq"),
    sa.Index("commit_at", "at"),
    sqlite_autoincrement=True,
)


def _contents() -> list[sa.Column[Any]]:
    return [
        sa.Column("namespace", sa.Text, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("location", sa.Text),
        sa.Column("sql", sa.Text),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("rows", _Number),
    ]


#: Everything that ever happened to a table; rows are only added.
change = sa.Table(
    "change",
    metadata,
    sa.Column("seq", _Number, sa.ForeignKey(commit.c.seq), primary_key=True, autoincrement=False),
    sa.Column("key", sa.Text, primary_key=True),
    sa.Column("branch", sa.Text, nullable=False),
    *_contents(),
    sa.Column("old_seq", _Number),
    sa.Index("change_key", "branch", "key", "seq"),
)

#: The newest change of each table on each branch since the branch forked.
pointer = sa.Table(
    "pointer",
    metadata,
    sa.Column("branch", sa.Text, primary_key=True),
    sa.Column("key", sa.Text, primary_key=True),
    *_contents(),
    sa.Column("seq", _Number, nullable=False),
    # False once a partial merge published it: the branch goes on reading it, but has nothing left to publish.
    sa.Column("own", sa.Boolean, nullable=False, default=True),
    # The parent's commit that it derives from, where that is not what the parent had at the fork.
    sa.Column("basis", _Number),
)

branch = sa.Table(
    "branch",
    metadata,
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("parent", sa.Text),
    sa.Column("base", _Number),
    sa.Column("created_at", sa.Text, nullable=False),
    sa.Column("author", sa.Text, nullable=False),
    # Which start of the machine a work branch was made in: its files may not have survived another.
    sa.Column("boot", sa.Text),
    sa.Index("branch_parent", "parent"),
)

#: Where a branch stood from ``seq`` on: a branch forks when it is made and again at each full merge. The older rows
#: keep what branches of this branch read.
fork = sa.Table(
    "fork",
    metadata,
    sa.Column("branch", sa.Text, primary_key=True),
    sa.Column("seq", _Number, primary_key=True, autoincrement=False),
    sa.Column("parent", sa.Text, nullable=False),
    sa.Column("base", _Number, nullable=False),
)

#: Schemas that were made by name; one that holds a table exists anyway. No properties: it was dropped here.
namespace = sa.Table(
    "namespace",
    metadata,
    sa.Column("branch", sa.Text, primary_key=True),
    sa.Column("key", sa.Text, primary_key=True),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("properties", sa.Text),
)

run = sa.Table(
    "run",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("branch", sa.Text, nullable=False),
    sa.Column("work_branch", sa.Text),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("started_at", sa.Text, nullable=False),
    sa.Column("ended_at", sa.Text),
    sa.Column("author", sa.Text, nullable=False, default=""),
    sa.Column("message", sa.Text, nullable=False, default=""),
    sa.Column("pid", _Number),
    sa.Column("detail", sa.Text, nullable=False, default="{}"),
    sa.Index("run_started", "started_at"),
)

event = sa.Table(
    "event",
    metadata,
    sa.Column("seq", _Number, primary_key=True, autoincrement=True),
    sa.Column("run", sa.Text),
    sa.Column("at", sa.Text, nullable=False),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("asset", sa.Text),
    sa.Column("body", sa.Text, nullable=False, default="{}"),
    sa.Index("event_run", "run", "seq"),
    sa.Index("event_asset", "asset", "seq"),
    sqlite_autoincrement=True,
)

#: Who holds the right to do a task on a branch; see ``wherry.state.leases``.
lease = sa.Table(
    "lease",
    metadata,
    sa.Column("task", sa.Text, primary_key=True),
    sa.Column("branch", sa.Text, primary_key=True),
    # Random: what the holder knows itself by.
    sa.Column("holder", sa.Text, nullable=False),
    sa.Column("owner", sa.Text, nullable=False),
    sa.Column("host", sa.Text, nullable=False),
    sa.Column("pid", sa.BigInteger, nullable=False),
    # The start of the machine and the process's own start in it: a later process may get the same number.
    sa.Column("born", sa.Text, nullable=False),
    sa.Column("since", sa.Text, nullable=False),
    sa.Column("beat", sa.Text, nullable=False),
)


def open_database(database: str, now: str, project: str = "") -> sa.Engine:
    """The engine for a SQLite path or an address (see ``connecting``); makes or migrates the tables when needed.

    Raises ``NewerLake`` when a newer wherry made them, ``LakeError`` when the database cannot be opened.
    """
    from wherry.lake.migrate import prepare

    engine = engine_for(database, project)
    try:
        prepare(engine, now)
    except sa.exc.DatabaseError as problem:
        engine.dispose()
        raise LakeError(f"the database `{shown(engine.url)}` cannot be opened: {_first_line(problem)}") from problem
    except LakeError:
        engine.dispose()
        raise
    return engine


@contextmanager
def reading(engine: sa.Engine) -> Iterator[sa.Connection]:
    """One unchanging view of the database; never waits for a writer."""
    with _told(), engine.connect() as connection:
        if connection.dialect.name == "sqlite":
            connection = connection.execution_options(wherry_reads=True)
        else:
            connection = connection.execution_options(isolation_level="REPEATABLE READ")
        connection.begin()  # closing it rolls back
        yield connection


@contextmanager
def glancing(engine: sa.Engine) -> Iterator[sa.Connection]:
    """A view of its own for each statement: a third of the cost of ``reading``, for what one statement answers.

    Connections are kept as they are from one time to the next, for as long as nothing goes wrong with them.
    """
    with _told(), kept(engine) as connection:
        yield connection


@contextmanager
def writing(engine: sa.Engine, *, durable: bool = True) -> Iterator[sa.Connection]:
    """The only writer for as long as the block lasts; all or nothing.

    ``durable``: on return it survives a power cut. Otherwise the last moments before one may be lost, never torn.
    """
    from wherry.lake.migrate import expect_known

    with _told(), engine.connect() as connection:
        connection = connection.execution_options(wherry_reads=False, wherry_durable=durable)
        number = None
        transaction = connection.begin()
        try:
            if connection.dialect.name == "sqlite":
                version = connection.exec_driver_sql("SELECT value FROM meta WHERE name = 'version'").scalar()
            else:
                version, number, _ = _turn.begin(connection, {"sync": "on" if durable else "off"}) or (None, None, None)
            expect_known(version)
            yield connection
        except BaseException:
            transaction.rollback()
            raise
        try:
            transaction.commit()
        except sa.exc.DBAPIError:
            if number is None or not _took_place(engine, number):
                raise


# Numbers of commits are taken and seen in the same order only when writers take turns.
_turn = Statement(
    sa.text(
        "SELECT value, pg_current_xact_id()::text, set_config('synchronous_commit', :sync, true) "
        "FROM meta WHERE name = 'version' FOR UPDATE"
    )
)


def _took_place(engine: sa.Engine, number: str) -> bool:
    """Whether a transaction whose end was not heard was committed. Raises where that cannot be found out."""
    try:
        with engine.connect() as connection:
            query = sa.text("SELECT pg_xact_status(CAST(:number AS xid8))")
            return connection.execute(query, {"number": number}).scalar() == "committed"
    except sa.exc.DBAPIError as problem:
        raise ConnectionError("the database went away during a commit: whether it took place is not known") from problem


@contextmanager
def _told() -> Iterator[None]:
    """What the database's driver complains about, in one sentence."""
    try:
        yield
    except (sa.exc.OperationalError, sa.exc.InternalError, sa.exc.InterfaceError) as problem:
        if DiskFull.told_by(problem):
            raise DiskFull from problem
        raise LakeError(f"the lake's database cannot be used now: {_first_line(problem)}") from problem


def _first_line(problem: sa.exc.DBAPIError) -> str:
    return str(problem.orig).strip().partition("\n")[0]
