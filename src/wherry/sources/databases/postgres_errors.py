"""Errors of PostgreSQL and of its drivers, in plain words and without secrets."""

from __future__ import annotations

import re

from wherry.errors import DiskFull, SourceError
from wherry.sources.databases.postgres_types import REFUSED
from wherry.sources.databases.problems import problem

_REFUSED = re.compile(rf'"{REFUSED} <(.*?)> (.*)', re.DOTALL)
#: What an error's text contains (a regular expression), its code, what to do next.
_KNOWN = (
    (r"password authentication failed|no password supplied", "wrong-password", "Mend user and password in `url`."),
    (r"pg_hba\.conf", "refused", "Let the server's pg_hba.conf accept this user from here."),
    (
        r"certificate|sslmode|does not support SSL|SSL was required",
        "tls",
        "Mend `sslmode`, `sslrootcert` and what else `url` says of the encryption.",
    ),
    (r'database ".*" does not exist', "no-database", "Mend the database's name in `url`."),
    (r'role ".*" does not exist', "no-user", "Mend the user in `url`."),
    (r"permission denied", "no-permission", "Grant it: GRANT USAGE ON SCHEMA ..., GRANT SELECT ON ... TO the user."),
    (r"could not translate host|Name or service not known|failed to resolve", "unreachable", "Mend the host in `url`."),
    (
        r"Connection refused|No route to host|timeout expired|connection timeout|Network is unreachable|"
        r"No such file or directory",
        "unreachable",
        "Is the server running, and do host and port in `url` lead to it from here?",
    ),
    (
        r"too many (clients|connections)|remaining connection slots",
        "too-many-connections",
        "Set `parallel: 1`, or raise the server's max_connections.",
    ),
    (
        r"server closed the connection|terminating connection|connection (to server )?was lost|"
        r"SSL connection has been closed|the connection is (lost|closed)|could not receive data|"
        r"consuming input failed|no connection to the server|shutting down|starting up|"
        r"snapshot .* does not exist|could not import the requested snapshot|"
        # The scanner has no words of the server's to quote.
        r'Failed to (prepare|execute)[\s\S]*":\s*\Z',
        "connection-lost",
        "Run again: it goes on from here.",
    ),
    (
        r"invalid input syntax|out of range|malformed",
        "value-not-kept",
        "Look at `types:`; `text` loads a column as it is printed.",
    ),
    (
        r"invalid byte sequence for encoding|has no equivalent in encoding",
        "not-utf8",
        "Mend the text at the source, or load it as bytes: `query: SELECT convert_to(name, 'SQL_ASCII') AS name, ...`.",
    ),
    (r"statement timeout|canceling statement", "timeout", "Raise the server's statement_timeout for this user."),
    (r"syntax error|does not exist|ambiguous|must appear in the GROUP BY", "bad-sql", "Look at `where:` and `query:`."),
)


def explained(text: str, secrets: tuple[str, ...]) -> SourceError:
    """An error of the server or of the way to it."""
    if found := _REFUSED.search(text):
        return _refused(found[1], found[2])
    message = without(_short(text), secrets)
    for pattern, code, hint in _KNOWN:
        if re.search(pattern, text, re.IGNORECASE):
            return problem(code, f"PostgreSQL says: {message}", hint)
    return problem("source", f"PostgreSQL says: {message}")


def fills_disk(error: BaseException) -> bool:
    """Whether this machine's disk is full; that of the server is what the server says."""
    return DiskFull.told_by(error) and re.search(r"(ERROR|FATAL|PANIC):", str(error)) is None


def without(text: str, secrets: tuple[str, ...]) -> str:
    """The text with secrets struck out."""
    for secret in secrets:
        if secret:
            text = text.replace(secret, "***")
    return text


def _short(text: str) -> str:
    """The first thing that the server said, without the statement that DuckDB quotes."""
    found = re.findall(r"(?:ERROR|FATAL|PANIC):\s+(.*)", text)
    line = found[0] if found else text.strip().partition("\n")[0]
    return line.strip().rstrip(".") + "."


def _refused(column: str, value: str) -> SourceError:
    value = value.partition('"\n')[0].partition("\n")[0].rstrip('"')
    shown = value if len(value) <= 60 else value[:60] + "..."
    message = f"The column `{column}` has a value that its type in the lake cannot hold: {shown}."
    return problem("value-not-kept", message, f"Load it as it is printed: `types: {{{column}: text}}`.")
