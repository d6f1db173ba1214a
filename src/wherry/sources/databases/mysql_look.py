"""One moment of a MySQL or MariaDB database: a connection in a transaction with a consistent snapshot."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from wherry.errors import SourceError
from wherry.model.finding import Finding
from wherry.ports import TableRequest
from wherry.sources.databases import mysql_errors as errors
from wherry.sources.databases.arriving import arrow_type
from wherry.sources.databases.look import Described, Field, Look, conditions, signature
from wherry.sources.databases.misfits import Misfits
from wherry.sources.databases.mysql_prepared import Values, prepared, prepared_pieces
from wherry.sources.databases.mysql_types import DATES, Native, described_by_result, field_of, quoted
from wherry.sources.databases.mysql_wire import Texts, columns_of, pieces
from wherry.sources.databases.problems import no_table, problem
from wherry.sources.databases.wanted import named_columns, wanted_type

if TYPE_CHECKING:
    import pyarrow as pa

#: A table with more rows than this is not read by the server only to tell whether it changed.
HASHED_ROWS = 1_000_000
#: The server notes changes by the second.
_SECONDS = 2
_NUMBER = re.compile(r"[+-]?\d+(\.\d+)?([eE][+-]?\d+)?\Z")

_TABLE = """
SELECT TABLE_SCHEMA, TABLE_NAME, TABLE_ROWS, DATA_LENGTH, UPDATE_TIME FROM information_schema.TABLES
WHERE TABLE_SCHEMA = %s AND TABLE_NAME = %s
"""
_COLUMNS = """
SELECT COLUMN_NAME, DATA_TYPE, COLUMN_TYPE, CHARACTER_SET_NAME, NUMERIC_PRECISION, NUMERIC_SCALE, IS_NULLABLE
FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = %s AND TABLE_NAME = %s ORDER BY ORDINAL_POSITION
"""
_WRITING = """
SELECT min(trx_started), SYSDATE() FROM information_schema.INNODB_TRX
WHERE trx_is_read_only = 0 AND trx_mysql_thread_id <> CONNECTION_ID()
"""
_NO_PRIVILEGE, _NO_SUCH_TABLE = 1227, 1109
_KEYS = """
SELECT INDEX_NAME, COLUMN_NAME, NULLABLE, SUB_PART FROM information_schema.STATISTICS
WHERE TABLE_SCHEMA = %s AND TABLE_NAME = %s AND NON_UNIQUE = 0
ORDER BY INDEX_NAME <> 'PRIMARY', INDEX_NAME, SEQ_IN_INDEX
"""


class MySQLLook(Look):
    """Everything that is asked is as of the moment the look began; nothing is asked while rows stream."""

    def __init__(self, connection: Any, database: str, options: Any) -> None:
        self._connection, self._database, self._options = connection, database, options
        self._streaming = False
        self._misfits: Misfits | None = None
        # Read before the snapshot: what the server says was changed later than this may not be in it.
        self._began = self._rows("SELECT SYSDATE()")[0][0]
        self._oldest = self._oldest_transaction()
        self._rows("SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        self._rows("START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY")

    def close(self) -> None:
        if self._streaming:
            self._connection._force_close()  # the rest of the rows is not waited for
        else:
            self._connection.close()

    def explain(self, error: BaseException) -> SourceError | None:
        return errors.explain(self._options, error)

    def rejects(self) -> pa.Table | None:
        return self._misfits.rejects() if self._misfits is not None else None

    def findings(self) -> list[Finding]:
        return self._misfits.findings() if self._misfits is not None else []

    def describe(self, table: TableRequest) -> Described:
        options = table.options
        more: dict[str, Any] = {"cursor": table.cursor_column}
        rows = size = None
        unique: tuple[frozenset[str], ...] = ()
        if options.query:
            label, relation = table.name, f"(\n{options.query.strip().rstrip(';')}\n) AS q"
            natives = [described_by_result(each) for each in self._result_of(f"SELECT * FROM {relation} LIMIT 0")]
        else:
            schema, name, rows, size, updated = self._find(table.name)
            label, relation = table.name, f"{quoted(schema)}.{quoted(name)}"
            natives = [_native(row) for row in self._rows(_COLUMNS, (schema, name))]
            if not natives:  # some servers tell of tables that a user may not read, and of no column of them
                hint = f"Ask for SELECT on that table: GRANT SELECT ON {relation} TO user."
                raise problem("no-permission", f"This user may read no column of `{label}`.", hint)
            unique = self._unique(schema, name)
            if updated is not None and (self._began - updated).total_seconds() > _SECONDS:
                more["updated"] = str(updated)
        by_name = {each.name: each for each in natives}
        fields = tuple(
            field_of(
                each,
                wanted=wanted_type(options.types, each.name),
                tinyint1=self._options.tinyint1,
                zero_dates=self._options.zero_dates,
            )
            for each in (by_name[column] for column in named_columns(table, list(by_name)))
        )
        more["dates"] = frozenset(each.name for each in natives if each.base in DATES)
        self._misfits = Misfits(label)
        return Described(
            name=label,
            relation=relation,
            fields=fields,
            unique=unique,
            where=options.where,
            rows=rows,
            size=size,
            more=more,
        )

    def ask(self, sql: str) -> list[tuple[Any, ...]]:
        return self._rows(sql)

    def stream(self, sql: str, described: Described) -> pa.RecordBatchReader:
        import pyarrow as pa

        self._expect_free()
        known = {field.name: field for field in described.fields}
        binary = prepared(self._connection, sql, known)
        told = binary[:-1] if binary is not None else columns_of(self._connection, sql)
        self._streaming = True
        fields = [known[field.name] for field in told]
        schema = pa.schema([(field.name, arrow_type(field.type)) for field in fields])

        def read() -> Iterator[pa.RecordBatch]:
            come: Iterator[Sequence[Texts | Values]] = pieces(self._connection, len(fields), described.piece)
            if binary is not None:
                come = prepared_pieces(self._connection, binary, described.piece)
            for columns in come:
                yield self._piece(columns, fields, schema, described)
            self._streaming = False

        return pa.RecordBatchReader.from_batches(schema, read())

    def _piece(self, columns: Sequence[Texts | Values], fields: list[Field], schema: Any, described: Described) -> Any:
        import pyarrow as pa
        import pyarrow.compute as pc

        values, aside = [], None
        for column, field in zip(columns, fields, strict=True):
            value, misfits = column.arrived(field.type)
            values.append(value)
            if misfits is not None and not self._emptied(column, field, misfits, described):
                reason = f"column `{field.name}`: no {field.type}"
                self._set_aside(columns, fields, misfits, reason, aside)
                aside = misfits if aside is None else pc.or_(aside, misfits)
        batch = pa.RecordBatch.from_arrays(values, schema=schema)
        return batch if aside is None else batch.filter(pc.invert(aside))

    def _emptied(self, column: Texts | Values, field: Field, misfits: Any, described: Described) -> bool:
        """Whether dates that are none stay null; they are told of."""
        if field.name not in described.more["dates"]:
            return False
        rows = [row for row, bad in enumerate(misfits.to_pylist()) if bad]
        example = (column.text(rows[0]) or b"").decode()
        if field.name.lower() == described.more["cursor"].lower():
            message = f"The cursor column `{field.name}` of `{described.name}` holds {example}, which is no date."
            hint = f"Leave such rows out (`where:`), or compare the column as text: `types: {{{field.name}: text}}`."
            raise problem("bad-cursor", message, hint)
        if self._options.zero_dates != "null":
            return False
        assert self._misfits is not None
        self._misfits.empty(field.name, example, len(rows))
        return True

    def _set_aside(
        self, columns: Sequence[Texts | Values], fields: list[Field], misfits: Any, reason: str, before: Any
    ) -> None:
        assert self._misfits is not None
        told = before.to_pylist() if before is not None else [False] * len(misfits)
        for row, bad in enumerate(misfits.to_pylist()):
            if bad and not told[row]:
                whole = {field.name: column.text(row) for field, column in zip(fields, columns, strict=True)}
                self._misfits.reject(reason, whole)

    def name(self, name: str) -> str:
        return quoted(name)

    def text(self, sql: str) -> str:
        return f"CONVERT({sql} USING utf8mb4)"

    def value(self, field: Field, text: str) -> str:
        if field.type.startswith(("TIMESTAMP", "DATE")):
            moment = re.sub(r"\+00:00\Z", "", text)
            datetime.fromisoformat(moment)  # nothing else may come into the statement
            return f"{'DATE' if field.type == 'DATE' else 'TIMESTAMP'}'{datetime.fromisoformat(moment)!s}'"[:None]
        if field.type in ("VARCHAR", "UUID"):
            return f"x'{text.encode().hex()}'"
        if not _NUMBER.match(text):
            raise problem(
                "bad-cursor", f"The cursor stands at {text!r}, which is no {field.type}.", "Load anew: `--full`."
            )
        return f"{text}e0" if field.type in ("FLOAT", "DOUBLE") and "e" not in text.lower() else text

    def fingerprint(self, described: Described, condition: str) -> str:
        # QUOTE tells null from text, and one value from the next; as bytes, since collations do not mix.
        values = ", ".join(f"CAST(QUOTE({field.read}) AS BINARY)" for field in described.fields)
        part = "CAST(CONV(SUBSTRING(MD5({}), {}, 16), 16, 10) AS UNSIGNED)"
        row = f"CONCAT_WS(',', {values})"
        hashes = ", ".join(f"BIT_XOR({part.format(row, start)})" for start in (1, 17))
        where = conditions(described.where, condition)
        return "-".join(
            str(each) for each in self._rows(f"SELECT count(*), {hashes} FROM {described.relation}{where}")[0]
        )

    def mark(self, described: Described, rows: int | None) -> Mapping[str, Any]:
        kept = {"columns": signature(described)}
        if updated := described.more.get("updated"):
            return kept | {"updated": updated}
        return kept | ({"fingerprint": self.fingerprint(described, "")} if (rows or 0) <= HASHED_ROWS else {})

    def changed_since(self, described: Described, mark: Mapping[str, Any]) -> str | None:
        if mark.get("columns") != signature(described):
            return "its columns changed"
        if updated := mark.get("updated"):
            return None if described.more.get("updated") == updated else "the server notes a change"
        if not (fingerprint := mark.get("fingerprint")):
            return "it may have changed"
        return None if self.fingerprint(described, "") == fingerprint else "its rows changed"

    def flight(self) -> Mapping[str, Any]:
        """Since when others were writing and had not committed; nothing when nobody was, or it may not be known."""
        return {"since": self._oldest} if self._oldest else {}

    def unseen(self, described: Described, flight: Mapping[str, Any]) -> str:
        field = described.field(described.more["cursor"])
        if not flight or field is None or not field.native.startswith(("timestamp", "datetime")):
            return ""
        return f"{field.order} >= TIMESTAMP'{datetime.fromisoformat(flight['since'])}'"

    def _oldest_transaction(self) -> str:
        """When the oldest of others' transactions began, in UTC or in the server's own time, whichever is earlier.

        A row is given its time after its transaction began, so one that is committed late has no earlier time.
        """
        import pymysql

        try:
            self._rows("SET SESSION time_zone = 'SYSTEM'")  # in which the server tells when transactions began
            (began, now), *_ = self._rows(_WRITING)
        except pymysql.err.OperationalError as error:
            if error.args[0] not in (_NO_PRIVILEGE, _NO_SUCH_TABLE):
                raise
            return ""
        finally:
            self._rows("SET SESSION time_zone = '+00:00'")
        if began is None:
            return ""
        age = now - began + timedelta(seconds=_SECONDS)
        return str(min(self._began - age, now - age))

    def _find(self, wanted: str) -> tuple[Any, ...]:
        """The table's schema, name, rows, bytes and time of change."""
        schema, _, rest = wanted.partition(".")
        for pair in ((self._database, wanted), (schema, rest)):
            if all(pair) and (found := self._rows(_TABLE, pair)):
                exact = [row for row in found if (row[0], row[1]) == pair]
                return (exact or found)[0]
        there = [
            row[0]
            for row in self._rows(
                "SELECT TABLE_NAME FROM information_schema.TABLES WHERE TABLE_SCHEMA = %s",
                (schema if rest and schema != self._database else self._database,),
            )
        ]
        raise no_table(wanted, f"the database `{self._database}`", there)

    def _unique(self, schema: str, name: str) -> tuple[frozenset[str], ...]:
        keys: dict[str, set[str]] = {}
        loose = set()
        for index, column, nullable, part in self._rows(_KEYS, (schema, name)):
            keys.setdefault(index, set()).add(column)
            if nullable == "YES" or part is not None or column is None:
                loose.add(index)
        return tuple(frozenset(columns) for index, columns in keys.items() if index not in loose)

    def _rows(self, sql: str, values: tuple[Any, ...] | None = None) -> list[tuple[Any, ...]]:
        self._expect_free()
        with self._connection.cursor() as cursor:
            cursor.execute(sql, values)
            return list(cursor.fetchall() or ())

    def _result_of(self, sql: str) -> list[Any]:
        fields = columns_of(self._connection, sql)
        for _ in pieces(self._connection, len(fields)):
            pass
        return fields

    def _expect_free(self) -> None:
        assert not self._streaming, "the connection is busy with rows"


def _native(row: tuple[Any, ...]) -> Native:
    name, base, full, charset, precision, scale, nullable = row
    return Native(
        name=name,
        base=str(base).lower(),
        full=str(full),
        charset=charset,
        precision=precision,
        scale=scale,
        nullable=nullable == "YES",
    )
