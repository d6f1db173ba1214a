"""One moment of a SQLite file: a read transaction."""

from __future__ import annotations

import hashlib
import re
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wherry.errors import SourceError
from wherry.model.finding import Finding
from wherry.ports import Found, TableRequest
from wherry.quoting import name as quoted
from wherry.sources.databases.look import Described, Field, Look, conditions, signature
from wherry.sources.databases.misfits import Misfits
from wherry.sources.databases.problems import no_table, problem
from wherry.sources.databases.rowwise import reader
from wherry.sources.databases.sqlite import SQLiteOptions, connect, explain, file_of
from wherry.sources.databases.sqlite_types import Text, declared, found_type, values
from wherry.sources.databases.wanted import named_columns, spelled, wanted_type

if TYPE_CHECKING:
    import pyarrow as pa

_NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?([eE][+-]?\d+)?|inf)\Z")
#: Names for the rowid, of which a table may have columns.
_ROWIDS = ("rowid", "_rowid_", "oid")


class SQLiteLook(Look):
    """Everything is as of the moment the transaction began, whatever others write."""

    def __init__(self, options: SQLiteOptions) -> None:
        self._options = options
        # Taken before the transaction: what is written after this shows as another state.
        self._state = _state(options)
        self._connection = connect(options)
        self._misfits: Misfits | None = None
        self._connection.text_factory = Text
        self._connection.create_aggregate("wherry_hash", -1, _Hash)  # type: ignore[arg-type]
        try:
            self._connection.execute("BEGIN")
            self._connection.execute("SELECT count(*) FROM sqlite_master").fetchall()
        except BaseException:
            self._connection.close()
            raise

    def close(self) -> None:
        self._connection.close()

    def explain(self, error: BaseException) -> SourceError | None:
        return explain(self._options, error)

    def rejects(self) -> pa.Table | None:
        return self._misfits.rejects() if self._misfits is not None else None

    def findings(self) -> Sequence[Finding]:
        return self._misfits.findings() if self._misfits is not None else ()

    def describe(self, table: TableRequest) -> Described:
        options = table.options
        rowid = ""
        unique: tuple[frozenset[str], ...] = ()
        if options.query:
            relation = f"(\n{options.query.strip().rstrip(';')}\n) AS q"
            shown = self._connection.execute(f"SELECT * FROM {relation} LIMIT 0")
            natives = [(column[0], "", False) for column in shown.description]
        else:
            schema, wanted = self._find(table.name)
            relation = f"{quoted(schema)}.{quoted(wanted)}"
            natives, unique = self._columns(schema, wanted)
            rowid = self._rowid(relation, [column for column, _, _ in natives])
        picked = named_columns(table, [column for column, _, _ in natives])
        found = self._found([each for each in natives if each[0] in picked], relation, options)
        by_name = {
            column: self._field(column, native, alias, found, options)
            for column, native, alias in natives
            if column in picked
        }
        self._misfits = Misfits(table.name)
        return Described(
            name=table.name,
            relation=relation,
            fields=tuple(by_name[column] for column in picked),
            unique=unique,
            where=options.where,
            more=rowid,
        )

    def _field(self, column: str, native: str, alias: bool, found: Mapping[str, set[str]], options: Any) -> Field:
        told = wanted_type(options.types, column)
        kind = spelled(told) if told else declared(native) or found_type(found[column])
        sql = quoted(column)
        order = ""
        if told and kind != "VARCHAR":
            order = ""
        elif kind == "BIGINT":
            order = sql if alias else f"CASE WHEN typeof({sql}) = 'integer' THEN {sql} END"
        elif kind == "DOUBLE":
            order = f"CASE WHEN typeof({sql}) IN ('integer', 'real') THEN {sql} END"
        elif kind == "VARCHAR" and (declared(native) == "VARCHAR" or found.get(column, set()) <= {"text", "null"}):
            order = f"CASE WHEN typeof({sql}) = 'text' THEN {sql} END"
        return Field(name=column, native=native or "no type", type=kind, read=sql, order=order, nullable=not alias)

    def _found(self, natives: list[tuple[str, str, bool]], relation: str, options: Any) -> dict[str, set[str]]:
        """The storage classes of the values of each column whose declaration does not tell its type."""
        unclear = [column for column, native, _ in natives if not declared(native)]
        unclear = [column for column in unclear if not wanted_type(options.types, column)]
        if not unclear:
            return {}
        kinds = ("integer", "real", "text", "blob")
        asked = ", ".join(f"max(typeof({quoted(column)}) = '{kind}')" for column in unclear for kind in kinds)
        row = self.ask(f"SELECT {asked} FROM {relation}{conditions(options.where)}")[0]
        return {
            column: {kind for kind, there in zip(kinds, row[4 * at : 4 * at + 4], strict=True) if there}
            for at, column in enumerate(unclear)
        }

    def _find(self, wanted: str) -> tuple[str, str]:
        schema, _, rest = wanted.partition(".")
        there = {"main", *self._options.attach}
        for place, table in (("main", wanted), (schema, rest)):
            if place not in there or not table:
                continue
            listed = f"SELECT name FROM {quoted(place)}.sqlite_master WHERE type IN ('table', 'view')"
            names = [row[0] for row in self.ask(listed)]
            close = [each for each in names if each == table] or [
                each for each in names if each.lower() == table.lower()
            ]
            if close:
                return place, close[0]
        there_are = self.ask("SELECT name FROM sqlite_master WHERE type IN ('table', 'view')")
        raise no_table(wanted, f"`{self._options.path}`", [row[0] for row in there_are])

    def _columns(self, schema: str, table: str) -> tuple[list[tuple[str, str, bool]], tuple[frozenset[str], ...]]:
        """Name, declared type, and whether it is the rowid, of each column; sets of columns that are unique."""
        pragma = f"PRAGMA {quoted(schema)}.table_xinfo({quoted(table)})"
        rows = [row for row in self.ask(pragma) if row[6] != 1]  # a hidden column of a virtual table
        keyed = [row for row in rows if row[5]]
        alias = keyed[0][1] if len(keyed) == 1 and keyed[0][2].upper() == "INTEGER" else None
        key = frozenset(row[1] for row in keyed)
        never_null = bool(key) and (alias is not None or all(row[3] for row in keyed))
        return [(row[1], row[2], row[1] == alias) for row in rows], (key,) if never_null else ()

    def _rowid(self, relation: str, columns: list[str]) -> str:
        taken = {column.lower() for column in columns}
        word = next((each for each in _ROWIDS if each not in taken), "")
        if not word:
            return ""
        try:
            self._connection.execute(f"SELECT {word} FROM {relation} LIMIT 0")
        except sqlite3.OperationalError:
            return ""  # a view, or a table without rowid
        return word

    def ask(self, sql: str) -> list[tuple[Any, ...]]:
        return [tuple(_plain(value) for value in row) for row in self._connection.execute(sql)]

    def stream(self, sql: str, described: Described) -> pa.RecordBatchReader:
        rowid = described.more
        cursor = self._connection.execute(sql.replace("SELECT ", f"SELECT {rowid}, ", 1) if rowid else sql)
        names = [column[0] for column in cursor.description][1 if rowid else 0 :]
        known = {field.name: field for field in described.fields}
        assert self._misfits is not None
        return reader(cursor, [known[name] for name in names], values, self._misfits, numbered=bool(rowid))

    def name(self, name: str) -> str:
        return quoted(name)

    def text(self, sql: str) -> str:
        return f"CASE typeof({sql}) WHEN 'real' THEN printf('%!.17g', {sql}) ELSE CAST({sql} AS TEXT) END"

    def value(self, field: Field, text: str) -> str:
        if field.type == "VARCHAR":
            return f"CAST(x'{text.encode().hex()}' AS TEXT)"
        if not _NUMBER.match(text):
            message = f"The cursor stands at {text!r}, which is no {field.type}."
            raise problem("bad-cursor", message, "Load it anew with `--full`.")
        return {"inf": "9e999", "-inf": "-9e999"}.get(text, text)

    def fingerprint(self, described: Described, condition: str) -> str:
        exact = "CASE typeof({0}) WHEN 'real' THEN printf('%!.17g', {0}) ELSE typeof({0}) || hex({0}) END"
        columns = ", ".join(exact.format(field.read) for field in described.fields)
        where = conditions(described.where, condition)
        count, total = self.ask(f"SELECT count(*), wherry_hash({columns}) FROM {described.relation}{where}")[0]
        return f"{count} {total}"

    def mark(self, described: Described, rows: int | None) -> Mapping[str, Any]:
        return {"file": self._state, "columns": signature(described), "rows": rows}

    def changed_since(self, described: Described, mark: Mapping[str, Any]) -> str | None:
        if mark.get("columns") != signature(described):
            return "its columns changed"
        return None if mark.get("file") == self._state else "the file was written"


class _Hash:
    """A number that is another when a row is; whatever the order of the rows."""

    def __init__(self) -> None:
        self._total = 0

    def step(self, *row: str) -> None:
        digest = hashlib.blake2b("\0".join(row).encode(), digest_size=8).digest()
        self._total = (self._total + int.from_bytes(digest, "big")) % (1 << 64)

    def finalize(self) -> str:
        return f"{self._total:x}"


def _plain(value: Any) -> Any:
    return value.decode(errors="replace") if isinstance(value, Text) else value


def _state(options: SQLiteOptions) -> list[list[Any]]:
    """What changes with every write: of each file and its write-ahead log, size, time and the counter in its head."""
    files = [file_of(options, path) for path in (options.path, *options.attach.values())]
    return [_told(each) for file in files for each in (file, Path(f"{file}-wal"))]


def _told(file: Path) -> list[Any]:
    try:
        seen = file.stat()
        with file.open("rb") as opened:
            head = opened.read(32)
    except FileNotFoundError:
        return []
    # A log without frames is the same as none.
    return [seen.st_size, seen.st_mtime_ns, head[16:32].hex()] if seen.st_size else []


def listed(connection: sqlite3.Connection) -> Iterator[Found]:
    """The tables and views of the file, without those of SQLite itself."""
    rows = connection.execute(
        "SELECT name, type FROM sqlite_master WHERE type IN ('table', 'view') ORDER BY name COLLATE BINARY"
    ).fetchall()
    for table, kind in rows:
        if table.startswith("sqlite_"):
            continue
        columns = connection.execute(f"PRAGMA table_xinfo({quoted(table)})").fetchall()
        key = [row[1] for row in sorted((row for row in columns if row[5]), key=lambda row: row[5])]
        plain = kind == "table" and len(key) == 1
        numbered = [row[1] for row in columns if plain and row[5] and row[2].upper() == "INTEGER"]
        changed = [row[1] for row in columns if re.search("updat|modif|chang", row[1], re.IGNORECASE)]
        newest = connection.execute(f"SELECT max(rowid) FROM {quoted(table)}").fetchone() if numbered else None
        yield Found(
            name=table,
            kind=kind,
            columns=tuple((row[1], declared(row[2])) for row in columns if declared(row[2])),
            key=tuple(key),
            cursors=(*changed, *numbered),
            rows=newest[0] if newest else None,
        )
