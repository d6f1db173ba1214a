"""Any database that SQLAlchemy can talk to: slower than a source of its own, and as exact."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from wherry.errors import SourceError
from wherry.ports import Found
from wherry.sources.databases import options as said
from wherry.sources.databases.look import Look
from wherry.sources.databases.problems import problem
from wherry.sources.databases.source import Database

#: What to install for a dialect, where the driver is not SQLAlchemy's own affair.
DRIVERS = {
    "mssql": "pyodbc",
    "oracle": "oracledb",
    "teradatasql": "teradatasqlalchemy",
    "db2": "ibm-db-sa",
    "ibm_db_sa": "ibm-db-sa",
    "snowflake": "snowflake-sqlalchemy",
    "bigquery": "sqlalchemy-bigquery",
    "duckdb": "duckdb-engine",
    "databricks": "databricks-sqlalchemy",
    "redshift": "sqlalchemy-redshift redshift-connector",
    "trino": "trino[sqlalchemy]",
    "clickhouse": "clickhouse-sqlalchemy",
    "hana": "sqlalchemy-hana hdbcli",
    "vertica": "sqlalchemy-vertica-python",
    "firebird": "sqlalchemy-firebird",
    "cockroachdb": "sqlalchemy-cockroachdb psycopg[binary]",
    "postgresql": "psycopg[binary]",
    "mysql": "pymysql",
    "mariadb": "pymysql",
}
#: What drivers say, and what it means; looked for in this order.
_KNOWN = (
    (("password", "authentication", "login failed", "ora-01017"), "access-denied", "Check user and password of `url`."),
    (("permission", "denied", "ora-01031", "not authorized"), "no-permission", "Ask for SELECT on that table."),
    (
        ("refused", "could not connect", "can't connect", "timeout", "timed out", "unreachable", "no such file",
         "name or service", "resolve", "unable to open"),
        "unreachable",
        "Is the server running, and is the address in `url:` right?",
    ),
    (("no such column", "column", "invalid identifier"), "unknown-column", "Check `where:` and `query:`."),
    (("no such table", "does not exist", "invalid object"), "no-table", "Check the name of the table."),
    (("syntax",), "bad-sql", "Check `where:` and `query:`; they are in the database's own SQL."),
    (("closed", "lost", "terminat", "broken", "reset"), "cut-off", "Run again: it goes on from there."),
)  # fmt: skip


class Sql(Database):
    """Reads whatever a SQLAlchemy URL leads to."""

    Options: type = said.Options
    TableOptions: type = said.TableOptions

    def look(self, options: Any) -> Look:
        from wherry.sources.databases.sql_look import SqlLook

        return SqlLook(engine(options), options)

    def explain(self, options: Any, error: BaseException) -> SourceError | None:
        return explain(options, error)

    def tables(self, options: Any) -> Iterator[Found]:
        """The tables and views of the schema that a plain name leads to, by name."""
        from wherry.sources.databases.sql_look import listed

        with self._looking(options, None, None) as look:
            yield from list(listed(look))


def engine(options: Any) -> Any:
    """SQLAlchemy's engine for the address. Raises ``SourceError`` naming the driver to install."""
    try:
        import sqlalchemy
        from sqlalchemy import exc
        from sqlalchemy.pool import NullPool
    except ModuleNotFoundError:
        raise problem(
            "missing-extra", "Other databases are read with SQLAlchemy.", "pip install 'wherry[sql]'"
        ) from None
    try:
        url = sqlalchemy.make_url(options.url)
    except exc.ArgumentError:
        hint = "For example mssql+pyodbc://user:password@host/database?driver=ODBC+Driver+18+for+SQL+Server"
        raise problem("bad-url", "`url` is no address that SQLAlchemy understands.", hint) from None
    kind = url.get_backend_name()
    try:
        # Rows are pulled by a thread of the lake's, while the one that asked for them waits.
        more = {"connect_args": {"check_same_thread": False}} if kind == "sqlite" else {}
        return sqlalchemy.create_engine(url, poolclass=NullPool, **more)
    except exc.NoSuchModuleError:
        raise _missing(f"SQLAlchemy knows no `{url.drivername}`", kind) from None
    except ModuleNotFoundError as error:
        raise _missing(f"The driver `{error.name}` for `{url.drivername}` is not installed", kind) from None


def _missing(what: str, kind: str) -> SourceError:
    hint = f"pip install {DRIVERS[kind]}" if kind in DRIVERS else "Install the package that brings this dialect."
    return problem("missing-driver", f"{what}.", hint)


def explain(options: Any, error: BaseException) -> SourceError | None:
    """An error of a driver in plain words, without secrets; None for one that is not a driver's."""
    try:
        import sqlalchemy
        from sqlalchemy import exc
    except ModuleNotFoundError:
        return None
    if not isinstance(error, exc.SQLAlchemyError):
        return None
    url = sqlalchemy.make_url(options.url)
    said = str(getattr(error, "orig", None) or error).strip()
    for secret in filter(None, (options.url, url.password)):
        said = said.replace(str(secret), "***")
    text = " ".join(said.split())
    text = text if len(text) < 400 else text[:400] + "..."
    place = url.host or url.database or url.drivername
    for words, code, hint in _KNOWN:
        if any(word in text.lower() for word in words):
            return problem(code, f"The database at {place} says: {text.rstrip('.')}.", hint)
    return problem("source", f"The database at {place} says: {text.rstrip('.')}.", "See what the database says.")


source = Sql()
