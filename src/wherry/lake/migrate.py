"""The tables of a lake's database, made or brought up to this version: all steps in one transaction, one process at
a time. A step is a numbered file in ``migrations/``; it is never changed once it was released.
"""

import re
from collections.abc import Iterator
from pathlib import Path

import sqlalchemy as sa

from wherry.errors import NewerLake
from wherry.lake import database as db
from wherry.lake.connecting import schema_key
from wherry.lake.names import MAIN

_FOLDER = Path(__file__).with_name("migrations")
#: The version that this wherry writes: that of its newest step. 1 is where the steps begin.
VERSION = 2


def prepare(engine: sa.Engine, now: str) -> None:
    """Make the tables when they are not there; apply the steps that they lack."""
    with engine.connect().execution_options(wherry_reads=True) as connection:
        if _version(connection) == VERSION:
            return
    with engine.begin() as connection:
        if connection.dialect.name != "sqlite":
            _take_turn(connection, engine)
        version = _version(connection)
        if version is None:
            db.metadata.create_all(connection)
            connection.execute(db.meta.insert().values(name="version", value=str(VERSION)))
            connection.execute(db.branch.insert().values(name=MAIN, created_at=now, author=""))
            return
        for number in range(version + 1, VERSION + 1):
            for statement in statements(number):
                connection.exec_driver_sql(statement)
        connection.execute(db.meta.update().where(db.meta.c.name == "version").values(value=str(VERSION)))


def expect_known(version: str | None) -> None:
    """Raises ``NewerLake`` when the tables are of a newer version than this program."""
    if version is not None and int(version) > VERSION:
        raise NewerLake(
            f"this lake has version {version}; this wherry knows versions up to {VERSION}",
            hint="update wherry: pip install --upgrade wherry",
        )


def statements(number: int) -> Iterator[str]:
    """The statements of one step."""
    (path,) = _FOLDER.glob(f"{number:03d}_*.sql")
    text = re.sub(r"^--.*\n", "", path.read_text("utf-8"), flags=re.MULTILINE)
    return (part.strip() for part in text.split(";\n") if part.strip())


def _take_turn(connection: sa.Connection, engine: sa.Engine) -> None:
    """Wait for whoever makes the tables at this moment, and for whoever writes to them."""
    connection.execute(sa.select(sa.func.pg_advisory_xact_lock(schema_key(engine))))
    schema = engine.get_execution_options()["wherry_schema"]
    known = sa.text("SELECT 1 FROM pg_namespace WHERE nspname = :schema")
    # Asked first: who may not make schemas may yet use one that was made for him.
    if connection.execute(known, {"schema": schema}).first() is None:
        connection.exec_driver_sql(f'CREATE SCHEMA "{schema}"')
    if _has_tables(connection):
        connection.execute(sa.select(db.meta.c.value).with_for_update())


def _version(connection: sa.Connection) -> int | None:
    """The version of the tables; None when there are none. Raises ``NewerLake``."""
    if not _has_tables(connection):
        return None
    version = connection.execute(sa.select(db.meta.c.value).where(db.meta.c.name == "version")).scalar()
    expect_known(version)
    return None if version is None else int(version)


def _has_tables(connection: sa.Connection) -> bool:
    if connection.dialect.name == "sqlite":
        return bool(connection.exec_driver_sql("SELECT 1 FROM sqlite_master WHERE name = 'meta'").scalar())
    return bool(connection.exec_driver_sql("SELECT to_regclass('meta') IS NOT NULL").scalar())
