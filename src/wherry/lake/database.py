"""The database of a lake: pointers, history, branches, runs and events, in SQLite or PostgreSQL.

Everything that has to agree (where a table is, which version it has, how far its source was read) is in this one
database, so that one transaction moves all of it.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import URL, make_url
from sqlalchemy.pool import ConnectionPoolEntry
from sqlalchemy.sql.elements import quoted_name

from wherry.errors import DiskFull, LakeError, NewerLake
from wherry.lake.names import MAIN

SCHEMA_VERSION = 1

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


def open_database(database: str, now: str) -> sa.Engine:
    """The engine for a SQLite path or a SQLAlchemy URL; makes the tables when they are not there.

    Raises ``NewerLake`` when a newer wherry made them, ``LakeError`` when the database cannot be opened.
    """
    # Absolute: new connections are made later, perhaps after the process went to another folder.
    path = str(Path(database).absolute())
    url = make_url(database) if "://" in database else URL.create("sqlite", database=path)
    sqlite = url.get_backend_name() == "sqlite"
    if sqlite and url.database:
        Path(url.database).parent.mkdir(parents=True, exist_ok=True)
    engine = sa.create_engine(url, pool_size=8, max_overflow=64)
    if sqlite:
        sa.event.listen(engine, "connect", _connected)
        sa.event.listen(engine, "begin", _begun)
    try:
        _prepare(engine, now)
    except sa.exc.DatabaseError as problem:
        engine.dispose()
        reason = str(problem.orig)
        raise LakeError(f"the database `{url.render_as_string()}` cannot be opened: {reason}") from problem
    except NewerLake:
        engine.dispose()
        raise
    return engine


@contextmanager
def reading(engine: sa.Engine) -> Iterator[sa.Connection]:
    """One unchanging view of the database; never waits for a writer."""
    with _told(), engine.connect() as connection:
        if connection.dialect.name == "sqlite":
            yield connection.execution_options(wherry_reads=True)
        else:
            yield connection.execution_options(isolation_level="REPEATABLE READ")


@contextmanager
def writing(engine: sa.Engine, *, durable: bool = True) -> Iterator[sa.Connection]:
    """The only writer for as long as the block lasts; all or nothing.

    ``durable``: on return it survives a power cut. Otherwise the last moments before one may be lost, never torn.
    """
    with _told(), engine.connect() as connection:
        connection = connection.execution_options(wherry_reads=False, wherry_durable=durable)
        with connection.begin():
            if connection.dialect.name != "sqlite":
                # Numbers of commits are taken and seen in the same order only when writers take turns.
                connection.execute(sa.select(meta.c.value).with_for_update())
            yield connection


@contextmanager
def _told() -> Iterator[None]:
    """What the database's driver complains about, in one sentence."""
    try:
        yield
    except sa.exc.OperationalError as problem:
        if DiskFull.told_by(problem):
            raise DiskFull from problem
        raise LakeError(f"the lake's database cannot be used now: {problem.orig}") from problem


def _prepare(engine: sa.Engine, now: str) -> None:
    with engine.connect().execution_options(wherry_reads=True) as connection:
        if sa.inspect(connection).has_table("meta") and _checked(connection):
            return
    with engine.begin() as connection:
        metadata.create_all(connection)
        if not _checked(connection):
            connection.execute(meta.insert().values(name="version", value=str(SCHEMA_VERSION)))
            connection.execute(branch.insert().values(name=MAIN, created_at=now, author=""))


def _checked(connection: sa.Connection) -> bool:
    version = connection.execute(sa.select(meta.c.value).where(meta.c.name == "version")).scalar()
    if version is not None and int(version) > SCHEMA_VERSION:
        raise NewerLake(
            f"this lake has version {version}; this wherry knows versions up to {SCHEMA_VERSION}",
            hint="update wherry: pip install --upgrade wherry",
        )
    return version is not None


def _connected(raw: Any, entry: ConnectionPoolEntry) -> None:
    # The driver's own transactions begin too late to be the only writer: BEGIN is said below.
    raw.isolation_level = None
    entry.info["synchronous"] = "FULL"
    for pragma in ("busy_timeout=30000", "journal_mode=WAL", "foreign_keys=ON", "synchronous=FULL"):
        raw.execute(f"PRAGMA {pragma}").close()


def _begun(connection: sa.Connection) -> None:
    options = connection.get_execution_options()
    if options.get("wherry_reads"):
        connection.exec_driver_sql("BEGIN")
        return
    wanted = "FULL" if options.get("wherry_durable", True) else "NORMAL"
    if connection.info.get("synchronous") != wanted:
        # It cannot be changed inside a transaction.
        connection.exec_driver_sql(f"PRAGMA synchronous={wanted}")
        connection.info["synchronous"] = wanted
    connection.exec_driver_sql("BEGIN IMMEDIATE")
