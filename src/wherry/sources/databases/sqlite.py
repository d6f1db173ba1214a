"""SQLite files as a source."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import field
from pathlib import Path
from typing import Any
from urllib.parse import quote

from wherry.errors import SourceError
from wherry.model.dataclass import dataclass
from wherry.ports import Found
from wherry.sources.databases import options as said
from wherry.sources.databases.look import Look
from wherry.sources.databases.problems import problem
from wherry.sources.databases.source import Database

#: The first bytes of every SQLite file.
_MAGIC = b"SQLite format 3\0"


@dataclass(frozen=True, slots=True, kw_only=True)
class SQLiteOptions:
    """A SQLite file. It is opened for reading only, and may be written by others meanwhile."""

    #: The file: relative to the project, or absolute; also as ``sqlite:///file.db``.
    path: str
    #: More files, by the name that ``query:`` and table names (``name.table``) have for them.
    attach: dict[str, str] = field(default_factory=dict)
    #: Seconds to wait while another process holds the file.
    connect_timeout: int = 10
    #: Absolute folder that a relative ``path`` starts from; filled in by wherry.
    project: str = ""


def file_of(options: SQLiteOptions, path: str) -> Path:
    """The file that ``path`` means. Raises ``SourceError`` when it is not there or is none of SQLite's."""
    file = Path(options.project, path.removeprefix("sqlite:///")).expanduser()
    if not file.is_file():
        raise problem("no-file", f"There is no file `{path}`.", "A relative `path:` starts at the project's folder.")
    try:
        with file.open("rb") as opened:
            head = opened.read(len(_MAGIC))
    except OSError as error:
        raise problem("unreadable", f"`{path}` cannot be read: {error.strerror}.", "Let this user read it.") from None
    if head and head != _MAGIC:
        hint = "It may be encrypted, compressed, or of another program."
        raise problem("not-sqlite", f"`{path}` is no SQLite database.", hint)
    return file


def connect(options: SQLiteOptions) -> sqlite3.Connection:
    """A connection that cannot write."""
    # One thread at a time uses it, but not always the same: who takes the rows in reads them in its own.
    connection = sqlite3.connect(
        _uri(file_of(options, options.path)),
        uri=True,
        timeout=options.connect_timeout,
        check_same_thread=False,
    )
    try:
        connection.isolation_level = None
        for name, path in options.attach.items():
            quoted = '"' + name.replace('"', '""') + '"'
            connection.execute(f"ATTACH ? AS {quoted}", (_uri(file_of(options, path)),))
        connection.execute("PRAGMA query_only = 1")
    except BaseException:
        connection.close()
        raise
    return connection


def _uri(file: Path) -> str:
    return f"file:{quote(str(file.absolute()))}?mode=ro"


class SQLite(Database):
    """Reads SQLite 3 files."""

    Options: type = SQLiteOptions
    TableOptions: type = said.TableOptions

    def look(self, options: Any) -> Look:
        from wherry.sources.databases.sqlite_look import SQLiteLook

        return SQLiteLook(options)

    def explain(self, options: Any, error: BaseException) -> SourceError | None:
        return explain(options, error)

    def tables(self, options: Any) -> Iterator[Found]:
        """Every table and view of the file, by name."""
        from wherry.sources.databases.sqlite_look import listed

        with self._looking(options, None, None), closing(connect(options)) as connection:
            yield from list(listed(connection))


def explain(options: SQLiteOptions, error: BaseException) -> SourceError | None:
    """An error of SQLite in plain words; None for one that is not SQLite's."""
    if not isinstance(error, sqlite3.Error):
        return None
    text = str(error)
    for part, code, hint in (
        ("locked", "locked", "Another process holds the file; raise `connect_timeout:`, or have it use WAL mode."),
        ("malformed", "damaged", "The file is damaged. `PRAGMA integrity_check` says where; restore it from a backup."),
        ("disk I/O", "unreadable", "The file or its folder could not be read. Run again; look at the disk."),
        ("unable to open", "unreadable", "A file in WAL mode needs its -wal and -shm files beside it, and its folder."),
        ("no such column", "unknown-column", "Check `where:`, `query:` and `cursor:`."),
        ("no such table", "no-table", "Check `query:`."),
        ("syntax error", "bad-sql", "Check `where:` and `query:`; they are in SQLite's own SQL."),
        ("not authorized", "no-permission", "Only reading is allowed."),
        ("readonly", "no-permission", "Only reading is allowed."),
    ):
        if part in text:
            return problem(code, f"SQLite says of `{options.path}`: {text}.", hint)
    return problem("source", f"SQLite says of `{options.path}`: {text}.", "See what SQLite says.")


source = SQLite()
