"""What errors of MySQL and MariaDB mean, in plain words and without secrets."""

from __future__ import annotations

from typing import Any

from wherry.errors import SourceError
from wherry.sources.databases.problems import problem

#: By error number: what it is called here, and what to do next.
_KNOWN = {
    1044: ("no-permission", "Ask for SELECT on that database."),
    1045: ("access-denied", "Check user and password of `url:`, and the hosts that the user may come from."),
    1698: ("access-denied", "Check user and password of `url:`, and the hosts that the user may come from."),
    1049: ("no-database", "Check the name of the database at the end of `url:`."),
    1142: ("no-permission", "Ask for SELECT on that table: GRANT SELECT ON database.table TO user."),
    1143: ("no-permission", "Ask for SELECT on those columns, or name others with `columns:`."),
    1146: ("no-table", "Check the name of the table."),
    1054: ("unknown-column", "Check `where:`, `query:` and `cursor:`."),
    1064: ("bad-sql", "Check `where:` and `query:`; they are in the server's own SQL."),
    1060: ("bad-sql", "Give each column of `query:` a name of its own: `SELECT a.id AS a_id, ...`."),
    1040: ("unreachable", "The server has no connection left. Run again later."),
    1205: ("unreachable", "The server waited too long for a lock. Run again."),
    1969: ("cut-off", "The server's limit on the time of a statement was reached. Read less at once, or raise it."),
    3024: ("cut-off", "The server's limit on the time of a statement was reached. Read less at once, or raise it."),
    2002: ("unreachable", "Is the server running, and are host, port and socket of `url:` right?"),
    2003: (
        "unreachable",
        "Is the server running, and are host and port of `url:` right? Does a firewall let it through?",
    ),
    2006: ("cut-off", "The server went away. Run again: it goes on from there."),
    2013: ("cut-off", "The server or the network broke off. Run again: it goes on from there."),
    1053: ("cut-off", "The server is shutting down. Run again: it goes on from there."),
    1927: ("cut-off", "The connection was killed. Run again: it goes on from there."),
    1317: ("cut-off", "The query was killed. Run again: it goes on from there."),
}


def explain(options: Any, error: BaseException) -> SourceError | None:
    """An error of the driver as a finding; None for one that is not the driver's."""
    import pymysql

    if isinstance(error, ConnectionError | TimeoutError):
        return problem("cut-off", f"The server at {place(options)} broke off: {error}.", _KNOWN[2013][1])
    if not isinstance(error, pymysql.err.Error):
        return None
    number, said = (*error.args, "")[:2] if error.args and isinstance(error.args[0], int) else (0, str(error))
    code, hint = _KNOWN.get(number, ("source", "See what the server says."))
    if number == 0 and "cryptography" in said:
        hint = "pip install 'wherry[mysql]'"
    return problem(code, f"The server at {place(options)} says: {_without(options, str(said)).rstrip('.')}.", hint)


def place(options: Any) -> str:
    """Where the server is, without user and password."""
    from wherry.sources.databases.mysql import address

    return address(options).place


def _without(options: Any, text: str) -> str:
    from wherry.sources.databases.mysql import address

    secret = address(options).password
    return text.replace(secret, "***") if secret else text
