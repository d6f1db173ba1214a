"""One moment of a database, by way of SQLAlchemy."""

from __future__ import annotations

import hashlib
import re
import warnings
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from wherry.errors import SourceError
from wherry.model.finding import Finding
from wherry.ports import Found, TableRequest
from wherry.sources.databases.look import Described, Field, Look, conditions, select, signature
from wherry.sources.databases.misfits import Misfits
from wherry.sources.databases.position import as_text
from wherry.sources.databases.problems import no_table, problem
from wherry.sources.databases.rowwise import PIECE_ROWS, reader
from wherry.sources.databases.sql import explain
from wherry.sources.databases.sql_values import guessed, reflected, values
from wherry.sources.databases.wanted import named_columns, spelled, wanted_type

if TYPE_CHECKING:
    import pyarrow as pa

#: How many rows at most are read to find the types of a query.
LOOKED_AT = 1000
#: A table with more rows is not read only to tell whether it changed.
HASHED_ROWS = 200_000
#: The isolation in which all that is asked is as of one moment; in others each statement is as of its own.
_ISOLATION = {"postgresql": "REPEATABLE READ", "mysql": "REPEATABLE READ", "mariadb": "REPEATABLE READ",
              "oracle": "SERIALIZABLE"}  # fmt: skip
#: Where text compares by its bytes, as it does in the lake.
_BY_BYTES = {"postgresql": '{} COLLATE "C"', "sqlite": "{} COLLATE BINARY",
             "mysql": "CAST(CONVERT({} USING utf8mb4) AS BINARY)"}  # fmt: skip
#: The database's own text of a value that is no text: its driver may give an object that has lost some of it.
_PRINTED = {"postgresql": "CASE WHEN num_nonnulls({0}) = 1 THEN concat({0}) END",
            "mysql": "CAST({0} AS CHAR)", "mariadb": "CAST({0} AS CHAR)"}  # fmt: skip
#: What a SELECT of no table needs.
_NO_TABLE = {"oracle": " FROM dual", "db2": " FROM sysibm.sysdummy1", "ibm_db_sa": " FROM sysibm.sysdummy1"}
_NUMBER = re.compile(r"[+-]?\d+(\.\d*)?([eE][+-]?\d+)?\Z")


class SqlLook(Look):
    """A connection in one transaction, as consistent as the database's isolation makes it."""

    def __init__(self, engine: Any, options: Any) -> None:
        self._engine, self._options = engine, options
        self.dialect = engine.dialect
        self._kind = str(self.dialect.name)
        self._misfits: Misfits | None = None
        self._results: list[Any] = []
        self._connection = engine.connect()
        try:
            if level := _ISOLATION.get(self._kind):
                self._connection = self._connection.execution_options(isolation_level=level)
            if self._kind == "sqlite":
                self._connection.exec_driver_sql("BEGIN")
                self._connection.exec_driver_sql("PRAGMA query_only = 1")
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        for result in self._results:
            result.close()
        self._connection.close()
        self._engine.dispose()

    def explain(self, error: BaseException) -> SourceError | None:
        return explain(self._options, error)

    def rejects(self) -> pa.Table | None:
        return self._misfits.rejects() if self._misfits is not None else None

    def findings(self) -> Sequence[Finding]:
        return self._misfits.findings() if self._misfits is not None else ()

    @property
    def inspector(self) -> Any:
        import sqlalchemy

        return sqlalchemy.inspect(self._connection)

    def describe(self, table: TableRequest) -> Described:
        options = table.options
        unique: tuple[frozenset[str], ...] = ()
        bits: set[str] = set()
        if options.query:
            relation = f"(\n{options.query.strip().rstrip(';')}\n) q"
            shown = self._streamed(f"SELECT * FROM {relation}{conditions(options.where)}")
            rows = shown.fetchmany(LOOKED_AT)
            looked = list(zip(*rows, strict=True)) or [()] * len(list(shown.keys()))
            types = {name: guessed(list(each)) for name, each in zip(shown.keys(), looked, strict=True)}
            names, natives, nullable = list(shown.keys()), dict(types), dict.fromkeys(types, True)
            # Nothing tells what comes later in a column: of PostgreSQL, the text of a text is that text.
            spans = (name for name, each in zip(types, looked, strict=True) if timedelta in set(map(type, each)))
            printed = set(types) if self._kind == "postgresql" else set(spans)
            shown.close()
        else:
            schema, wanted = self._find(table.name)
            found = self._columns(wanted, schema)
            printed = {each["name"] for each in found if self._loses(each["type"])}
            if self._kind in ("mysql", "mariadb"):
                bits = {each["name"] for each in found if _is_bits(each["type"])}
            names = [each["name"] for each in found]
            types = {each["name"]: self._reflected(each["type"]) for each in found}
            natives = {each["name"]: _native(each["type"]) for each in found}
            nullable = {each["name"]: bool(each.get("nullable", True)) for each in found}
            key = frozenset(self.inspector.get_pk_constraint(wanted, schema=schema).get("constrained_columns") or ())
            unique = (key,) if key and not any(nullable[each] for each in key) else ()
            relation = f"{self.name(schema)}.{self.name(wanted)}" if schema else self.name(wanted)
        fields = []
        for column in named_columns(table, names):
            told = wanted_type(options.types, column)
            kind = spelled(told) if told else types[column]
            order = "" if told else self._order(column, kind)
            read = self.name(column)
            if column in bits:
                read = f"({read} + 0)"  # else its bytes come
            elif kind == "VARCHAR" and column in printed:
                read = _PRINTED.get(self._kind, "{0}").format(read)
            fields.append(Field(name=column, native=natives[column], type=kind, read=read, order=order,
                                nullable=nullable[column]))  # fmt: skip
        self._misfits = Misfits(table.name)
        return Described(name=table.name, relation=relation, fields=tuple(fields), unique=unique, where=options.where)

    def _reflected(self, kind: Any) -> str:
        from sqlalchemy import types

        # SQLite has no moments: what an application wrote there stays as it is.
        moments = types.DateTime | types.Date | types.Time
        large = _is_bits(kind) or (getattr(kind, "unsigned", False) and isinstance(kind, types.BigInteger))
        if large and self._kind in ("mysql", "mariadb"):
            return "DECIMAL(20,0)"
        return "VARCHAR" if self._kind == "sqlite" and isinstance(kind, moments) else reflected(kind)

    def _columns(self, table: str, schema: str | None) -> Any:
        """The table's columns. A type that SQLAlchemy does not know is text, which needs no warning of its own."""
        from sqlalchemy.exc import SAWarning

        warnings.filterwarnings("ignore", "Did not recognize type", category=SAWarning)
        return self.inspector.get_columns(table, schema=schema)

    def _loses(self, kind: Any) -> bool:
        """Whether the driver's object for a value of this type may not be all of it."""
        from sqlalchemy import types

        if self._kind == "postgresql":
            return not isinstance(kind, types.String)
        return isinstance(kind, types.Time)

    def _order(self, column: str, kind: str) -> str:
        if kind == "VARCHAR":
            pattern = _BY_BYTES.get("mysql" if self._kind == "mariadb" else self._kind, "")
            return pattern.format(self.name(column))
        return "" if kind in ("BLOB", "BOOLEAN", "TIME", "UUID") else self.name(column)

    def _find(self, wanted: str) -> tuple[str | None, str]:
        inspector = self.inspector
        schema, _, rest = wanted.rpartition(".")
        for place, table in ((None, wanted), (schema or None, rest)):
            for each in dict.fromkeys((table, table.lower())):
                if table and inspector.has_table(each, schema=place):
                    return place, each
        there = inspector.get_table_names(schema=schema or None) if not schema or schema in _schemas(inspector) else []
        raise no_table(wanted, "the database", there)

    def ask(self, sql: str) -> list[tuple[Any, ...]]:
        whole = sql + _NO_TABLE.get(self._kind, "") if sql.startswith("SELECT CASE ") else sql
        answer = self._connection.execute(_statement(whole))
        return [tuple(_plain(value) for value in row) for row in answer]

    def _streamed(self, sql: str) -> Any:
        options = {"stream_results": True, "max_row_buffer": PIECE_ROWS}
        result = self._connection.execute(_statement(sql), execution_options=options)
        self._results.append(result)
        return result

    def stream(self, sql: str, described: Described) -> pa.RecordBatchReader:
        result = self._streamed(sql)
        known = {field.name.lower(): field for field in described.fields}
        fields = [known[name.lower()] for name in result.keys()]  # noqa: SIM118
        assert self._misfits is not None
        return reader(result, fields, values, self._misfits, numbered=False)

    def name(self, name: str) -> str:
        # Not the dialect's own `quote_identifier`, which also doubles what would begin a parameter.
        preparer = self.dialect.identifier_preparer
        end = preparer.final_quote
        return f"{preparer.initial_quote}{name.replace(end, end * 2)}{end}"

    def text(self, sql: str) -> str:
        return sql  # `ask` makes text of it

    def value(self, field: Field, text: str) -> str:
        quoted = "'" + text.replace("'", "''") + "'"
        if field.type == "VARCHAR":
            return f"x'{text.encode().hex()}'" if self._kind in ("mysql", "mariadb") else quoted
        if field.type.startswith(("TIMESTAMP", "DATE")):
            datetime.fromisoformat(text)  # nothing else may come into the statement
            if self._kind == "mssql":
                word = {"DATE": "date", "TIMESTAMP": "datetime2"}.get(field.type, "datetimeoffset")
                return f"CAST({quoted} AS {word})"
            zoned = field.type == "TIMESTAMP WITH TIME ZONE" and self._kind == "postgresql"
            return f"{'TIMESTAMPTZ' if zoned else 'DATE' if field.type == 'DATE' else 'TIMESTAMP'} {quoted}"
        if not _NUMBER.match(text):
            message = f"The cursor stands at {text!r}, which is no {field.type}."
            raise problem("bad-cursor", message, "Load it anew with `--full`.")
        return text

    def fingerprint(self, described: Described, condition: str) -> str:
        count, total = 0, 0
        for row in self._streamed(select(self, described, condition=condition)):
            digest = hashlib.blake2b(repr(tuple(row)).encode(errors="surrogatepass"), digest_size=8).digest()
            count, total = count + 1, (total + int.from_bytes(digest, "big")) % (1 << 64)
        return f"{count} {total:x}"

    def mark(self, described: Described, rows: int | None) -> Mapping[str, Any]:
        kept = {"columns": signature(described)}
        return kept | ({"fingerprint": self.fingerprint(described, "")} if (rows or 0) <= HASHED_ROWS else {})

    def changed_since(self, described: Described, mark: Mapping[str, Any]) -> str | None:
        if "fingerprint" not in mark:
            return "it may have changed"
        return super().changed_since(described, mark)


def _statement(sql: str) -> Any:
    """The statement as it stands: a colon begins no parameter."""
    import sqlalchemy

    return sqlalchemy.text(sql.replace(":", r"\:"))


def _schemas(inspector: Any) -> list[str]:
    return [str(each) for each in inspector.get_schema_names()]


def _is_bits(kind: Any) -> bool:
    return type(kind).__name__ == "BIT"


def _native(kind: Any) -> str:
    try:
        return str(kind).lower()
    except Exception:  # a type that only its own dialect can write
        return type(kind).__name__.lower()


def _plain(value: Any) -> Any:
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else as_text(value)
    return as_text(value) if isinstance(value, datetime) else value


def listed(look: Any) -> Iterator[Found]:
    """The tables and views of the default schema."""
    inspector = look.inspector
    kinds = dict.fromkeys(inspector.get_table_names(), "table") | dict.fromkeys(inspector.get_view_names(), "view")
    for table in sorted(kinds):
        columns = look._columns(table, None)
        key = inspector.get_pk_constraint(table).get("constrained_columns") or []
        changed = [each["name"] for each in columns if re.search("updat|modif|chang", each["name"], re.IGNORECASE)]
        types = {each["name"]: look._reflected(each["type"]) for each in columns}
        numbered = [each for each in key if len(key) == 1 and types[each] == "BIGINT"]
        yield Found(
            name=table, kind=kinds[table], columns=tuple(types.items()), key=tuple(key), cursors=(*changed, *numbered)
        )
