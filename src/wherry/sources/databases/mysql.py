"""MySQL and MariaDB as a source."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal
from urllib.parse import parse_qsl, unquote, urlsplit

from wherry.errors import SourceError
from wherry.model.dataclass import dataclass
from wherry.ports import Found
from wherry.sources.databases import mysql_errors
from wherry.sources.databases import options as said
from wherry.sources.databases.look import Look
from wherry.sources.databases.mysql_types import Native, field_of
from wherry.sources.databases.problems import problem
from wherry.sources.databases.source import Database

_SYSTEM = ("information_schema", "mysql", "performance_schema", "sys")
_PARAMETERS = ("unix_socket", "ssl_ca", "ssl_cert", "ssl_key", "ssl_verify_cert", "ssl_verify_identity", "charset")
#: So that values do not depend on the server's settings, and a lake that is slow for a while does not cost the rows.
_SESSION = (
    "SET SESSION time_zone = '+00:00'",
    "SET SESSION sql_mode = REPLACE(@@SESSION.sql_mode, 'PAD_CHAR_TO_FULL_LENGTH', '')",
    "SET SESSION net_write_timeout = 3600",
    "SET SESSION wait_timeout = 86400",
)
#: Settings that only one of the two kinds of servers has.
_PERHAPS = (
    "SET SESSION max_statement_time = 0",
    "SET SESSION max_execution_time = 0",
    "SET SESSION information_schema_stats_expiry = 0",
)
_UNKNOWN_VARIABLE = 1193


@dataclass(frozen=True, slots=True, kw_only=True)
class Options(said.Options):
    """A MySQL or MariaDB server, through a user that may SELECT.

    Every table is read by one connection in a transaction with a consistent snapshot.
    """

    #: ``null`` loads ``0000-00-00`` and ``2026-00-15`` as null and tells how many; ``reject`` puts such rows aside;
    #: ``text`` loads all columns of dates and times as text.
    zero_dates: Literal["null", "reject", "text"] = "null"
    #: Whether ``tinyint(1)`` is loaded as the number that it is, or as true and false.
    tinyint1: Literal["integer", "boolean"] = "integer"


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """A server, a user, a database."""

    words: dict[str, Any]
    database: str
    password: str
    #: The server, as it may be shown.
    place: str


def address(options: Options) -> Address:
    """What ``url`` says. Raises ``SourceError``."""
    try:
        url = urlsplit(options.url)
        port = url.port or 3306
    except ValueError:
        raise _bad_url("it cannot be read") from None
    if url.scheme.partition("+")[0] not in ("mysql", "mariadb"):
        raise _bad_url("it does not begin with mysql:// or mariadb://")
    database = unquote(url.path.lstrip("/"))
    if not database:
        raise _bad_url("no database is named after the host")
    query = dict(parse_qsl(url.query))
    for key in query:
        if key not in _PARAMETERS:
            raise _bad_url(f"`{key}` is not known; after `?` it may say {', '.join(_PARAMETERS)}")
    words: dict[str, Any] = {"user": unquote(url.username or ""), "database": database}
    password = unquote(url.password or "")
    if socket := query.get("unix_socket"):
        words["unix_socket"], place = socket, socket
    else:
        words |= {"host": unquote(url.hostname or "localhost"), "port": port}
        place = f"{words['host']}:{port}"
    words |= {key: query[key] for key in ("ssl_ca", "ssl_cert", "ssl_key") if key in query}
    words |= {
        key: query[key].lower() in ("1", "true", "yes")
        for key in ("ssl_verify_cert", "ssl_verify_identity")
        if key in query
    }
    return Address(words=words, database=database, password=password, place=place)


def connect(options: Options) -> Any:
    """A connection whose values come as the server's settings do not change them."""
    try:
        import numpy  # noqa: F401
        import pymysql
    except ImportError:
        hint = "pip install 'wherry[mysql]'"
        raise problem("missing-extra", "Reading MySQL and MariaDB needs more packages.", hint) from None
    at = address(options)
    # As bytes: the driver would write a text in latin1, and servers keep hashes of UTF-8.
    words = at.words | {"password": at.password.encode(), "connect_timeout": options.connect_timeout}
    connection = pymysql.connect(charset="utf8mb4", autocommit=True, program_name="wherry", defer_connect=True, **words)
    connection.connect(_socket(words))
    with connection.cursor() as cursor:
        for statement in _SESSION:
            cursor.execute(statement)
        for statement in _PERHAPS:
            try:
                cursor.execute(statement)
            except pymysql.err.Error as error:
                if error.args[0] != _UNKNOWN_VARIABLE:
                    raise
    return connection


def _socket(words: dict[str, Any]) -> Any:
    """The server's own socket, where it has one; the driver would leave one open that leads nowhere."""
    import socket

    if "unix_socket" not in words:
        return None
    opened = socket.socket(socket.AF_UNIX)
    try:
        opened.connect(words["unix_socket"])
    except OSError as error:
        opened.close()
        raise _unreachable(error) from None
    return opened


def _unreachable(error: OSError) -> Any:
    import pymysql

    return pymysql.err.OperationalError(2002, f"Can't connect: {error.strerror}")


class MySQL(Database):
    """Reads MySQL 5.7 and later, and MariaDB 10.3 and later."""

    Options: type = Options

    def look(self, options: Any) -> Look:
        from wherry.sources.databases.mysql_look import MySQLLook

        connection = connect(options)
        try:
            return MySQLLook(connection, address(options).database, options)
        except BaseException:
            connection._force_close()
            raise

    def explain(self, options: Any, error: BaseException) -> SourceError | None:
        return mysql_errors.explain(options, error)

    def tables(self, options: Any) -> Iterator[Found]:
        """Every table and view of the database that the user may read, by name."""
        with self._looking(options, None, None) as look:
            yield from list(_listed(look, address(options).database, options))


_LISTED = """
SELECT t.TABLE_NAME, t.TABLE_TYPE, t.TABLE_ROWS, t.DATA_LENGTH, t.TABLE_COMMENT, t.CREATE_OPTIONS
FROM information_schema.TABLES AS t WHERE t.TABLE_SCHEMA = {schema} ORDER BY BINARY t.TABLE_NAME
"""
_COLUMNS = """
SELECT TABLE_NAME, COLUMN_NAME, DATA_TYPE, COLUMN_TYPE, CHARACTER_SET_NAME, NUMERIC_PRECISION, NUMERIC_SCALE,
       IS_NULLABLE, COLUMN_KEY, EXTRA
FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = {schema} ORDER BY TABLE_NAME, ORDINAL_POSITION
"""


def _listed(look: Look, database: str, options: Options) -> Iterator[Found]:
    schema = f"CONVERT(x'{database.encode().hex()}' USING utf8mb4)"
    columns: dict[str, list[tuple[Any, ...]]] = {}
    for row in look.ask(_COLUMNS.format(schema=schema)):
        columns.setdefault(row[0], []).append(row[1:])
    for table, kind, rows, size, comment, create in look.ask(_LISTED.format(schema=schema)):
        found = [_Column(row, options) for row in columns.get(table, [])]
        view = "VIEW" in str(kind)
        partitioned = "partitioned" in str(create or "")
        yield Found(
            name=table,
            kind="view" if view else "partitioned" if partitioned else "table",
            columns=tuple((each.field.name, each.field.type) for each in found),
            key=tuple(each.field.name for each in found if each.primary),
            cursors=tuple(each.field.name for each in sorted(found, key=lambda each: -each.fit) if each.fit),
            rows=None if view else rows,
            size=None if view else size,
            about="" if view else str(comment or ""),
        )


class _Column:
    """A column, and how well it may serve as a cursor."""

    def __init__(self, row: tuple[Any, ...], options: Options) -> None:
        name, base, full, charset, precision, scale, nullable, key, extra = row
        native = Native(
            name=name, base=str(base).lower(), full=str(full), charset=charset, precision=precision, scale=scale,
            nullable=nullable == "YES",
        )  # fmt: skip
        self.field = field_of(native, wanted="", tinyint1=options.tinyint1, zero_dates=options.zero_dates)
        self.primary = key == "PRI"
        said = str(extra).lower()
        word = name.lower()
        self.fit = 0
        if native.base in ("timestamp", "datetime"):
            changed = any(part in word for part in ("updat", "modif", "chang"))
            self.fit = 4 if "on update" in said else 3 if changed else 1 if "creat" in word or "insert" in word else 0
        elif "auto_increment" in said:
            self.fit = 2


def _bad_url(why: str) -> SourceError:
    hint = (
        "Write mysql://user:password@host:3306/database, best as `url: ${MYSQL_URL}`, with a password percent-encoded."
    )
    return problem("bad-url", f"`url` is no address of MySQL or MariaDB: {why}.", hint)


source = MySQL()
