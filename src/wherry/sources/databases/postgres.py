"""PostgreSQL: exact types, one snapshot for all connections, rows committed late found by their transaction."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from wherry.errors import SourceError
from wherry.ports import Found, Query, TableRequest
from wherry.quoting import name
from wherry.sources.databases import postgres_catalog as catalog
from wherry.sources.databases.look import Described, Field, Look, conditions, select, signature
from wherry.sources.databases.options import Options, TableOptions
from wherry.sources.databases.position import family
from wherry.sources.databases.postgres_errors import explained, fills_disk, without
from wherry.sources.databases.postgres_types import arriving, respelled
from wherry.sources.databases.problems import no_column, problem
from wherry.sources.databases.source import Database

if TYPE_CHECKING:
    import psycopg
    import pyarrow as pa

#: So that values print the same whatever the server's settings, and a long load is not cut off by them.
SETTINGS = {
    "TimeZone": "UTC",
    "DateStyle": "ISO,YMD",
    "IntervalStyle": "postgres",
    "extra_float_digits": "1",
    "bytea_output": "hex",
    "statement_timeout": "0",
    "idle_in_transaction_session_timeout": "0",
}
#: A table of fewer bytes is read by one connection.
LARGE = 64 << 20
_XID = 0xFFFF_FFFF


class PostgresLook(Look):
    """A transaction that sees one snapshot, which others can follow."""

    def __init__(self, options: Options) -> None:
        self._address, self._secrets = _address(options)
        self._options = options
        import psycopg

        self._connection: psycopg.Connection[Any] = psycopg.connect(self._address, autocommit=True)
        self._others = self._active()
        elsewhere = self._elsewhere()
        self._connection.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
        self._snapshot = str(self._connection.execute("SELECT pg_current_snapshot()").fetchone()[0])  # type: ignore[index]
        # Where a transaction is cannot be asked before it writes, nor once it ended: hence before and after.
        self._running = self._writing(elsewhere | self._elsewhere())
        self._database: Any = None
        self._lanes: list[Any] = []
        self._exported = ""

    def close(self) -> None:
        for lane in self._lanes:
            lane.close()
        if self._database is not None:
            self._database.close()
        self._connection.close()

    def explain(self, error: BaseException) -> SourceError | None:
        return explain(error, self._secrets)

    def name(self, name: str) -> str:
        return '"' + name.replace('"', '""') + '"'

    def value(self, field: Field, text: str) -> str:
        return "'" + text.replace("'", "''") + f"'::{field.native}"

    def text(self, sql: str) -> str:
        return f"({sql})::text"

    def ask(self, sql: str) -> list[tuple[Any, ...]]:
        return self._connection.execute(sql.encode()).fetchall()

    def describe(self, table: TableRequest) -> Described:
        options: TableOptions = table.options
        relation = None
        if options.query:
            of, called = f"(\n{options.query.strip().rstrip(';')}\n) AS q", table.name
        else:
            relation = catalog.find_relation(self._connection, table.name)
            of, called = relation.sql, f"{relation.schema}.{relation.table}"
        wanted = ", ".join(self.name(column) for column in table.columns) or "*"
        if table.columns:
            self._expect_columns(table.columns, relation, of, called)
        shown = self._connection.execute(f"SELECT {wanted} FROM {of} LIMIT 0".encode())
        assert shown.description is not None and shown.pgresult is not None
        columns = [(shown.pgresult.ftype(n), shown.pgresult.fmod(n)) for n in range(len(shown.description))]
        seen: dict[str, str] = {}
        for column in shown.description:
            if other := seen.get(column.name.lower()):
                message = (
                    f"`{called}` has columns `{other}` and `{column.name}`, and the lake can have only one of them."
                )
                hint = "Choose with `columns: [...]`, or name them apart in a `query:` (`a.id AS a_id`)."
                raise problem("same-column-twice", message, hint)
            seen[column.name.lower()] = column.name
        types = dict(options.types)
        fields = []
        for column, native in zip(shown.description, catalog.natives(self._connection, columns), strict=True):
            try:
                kind, read = arriving(column.name, native, types.pop(column.name, ""))
            except ValueError as error:
                raise problem("bad-option", f"{error}.") from None
            order = self.name(column.name)
            collated = f'{order} COLLATE "C"' if native.name in ("text", "varchar", "bpchar") else order
            fields.append(
                Field(
                    name=column.name,
                    native=native.name,
                    type=kind,
                    read=read,
                    respelled=kind == "VARCHAR" and respelled(native),
                    order=collated if family(kind) and (native.name in _ORDERED or kind.startswith("DECIMAL")) else "",
                )
            )
        if not fields:
            raise problem("no-columns", f"`{called}` has no column.", "Take it out of `tables:`.")
        if types:
            raise no_column(called, next(iter(types)), "types", [each.name for each in fields])
        return Described(
            name=called,
            relation=of,
            fields=tuple(fields),
            unique=catalog.unique_columns(self._connection, relation) if relation is not None else (),
            where=options.where,
            rows=relation.rows if relation is not None else None,
            size=relation.size if relation is not None else None,
            more=(relation, options.parallel),
        )

    def _expect_columns(self, columns: Sequence[str], relation: catalog.Relation | None, of: str, called: str) -> None:
        if relation is not None:
            there = catalog.columns_of(self._connection, relation)
        else:
            shown = self._connection.execute(f"SELECT * FROM {of} LIMIT 0".encode())
            there = [column.name for column in shown.description or ()]
        for column in columns:
            if column not in there:
                raise no_column(called, column, "columns", there)

    def stream(self, sql: str, described: Described) -> pa.RecordBatchReader:
        return self._lane(0).rows(sql, described)

    def query(self, described: Described) -> Query | None:
        """Several connections for a large table where its types allow it; else one, if more would have no cores."""
        from wherry.sources.databases.postgres_pages import Pages, pages
        from wherry.sources.databases.postgres_query import Reading, can_query

        if not can_query(described):
            return None
        relation, asked = described.more
        width = self._width(described)
        known = pages(self._connection, described, relation) if width > 1 and self._versioned(described) else None
        if known is None and ((asked or 1) > 1 or width > 2):
            return None
        address, password = _parted(self._address)
        common: dict[str, Any] = {
            "described": described,
            "sql": select(self, described),
            "address": address,
            "password": password,
            "snapshot": self._export(),
            "secrets": self._secrets,
            "beside": self._beside,
        }
        alone = Reading(**common).query()
        if known is None:
            return alone
        ranges = Pages(**common, relation=relation, pages=known, width=width, look=self._connection)
        return replace(ranges.query(), few=alone)

    @staticmethod
    def _width(described: Described) -> int:
        """How many connections to read a table with."""
        asked = described.more[1]
        return int(asked or (min(4, os.cpu_count() or 1) if (described.size or 0) >= LARGE else 1))

    def streams(self, described: Described) -> Sequence[pa.RecordBatchReader]:
        relation, lanes = described.more[0], self._width(described)
        ranged = self._versioned(described) and relation.kind != "p" and self._connection.info.server_version >= 140000
        if lanes < 2 or not ranged or relation.pages < lanes:
            return [self.stream(select(self, described), described)]
        edges = [relation.pages * lane // lanes for lane in range(1, lanes)]
        ranges = []
        for low, high in zip([None, *edges], [*edges, None], strict=True):
            # The last range has no end: it also holds pages that were added since.
            from_low = f"ctid >= '({low},0)'::tid" if low is not None else ""
            ranges.append(
                conditions(from_low, f"ctid < '({high},0)'::tid" if high is not None else "").removeprefix(" WHERE ")
            )
        return [
            self._lane(number).rows(select(self, described, condition=condition), described)
            for number, condition in enumerate(ranges)
        ]

    def _lane(self, number: int) -> Any:
        from wherry.sources.databases.postgres_lanes import Lane, open_database

        if self._database is None:
            self._database = open_database()
        while len(self._lanes) <= number:
            lane = Lane(self._database, len(self._lanes), self._address, self._export(), self._secrets)
            self._lanes.append(lane)
        return self._lanes[number]

    def _export(self) -> str:
        """The snapshot's name, for other connections to follow."""
        self._exported = self._exported or str(self.ask("SELECT pg_export_snapshot()")[0][0])
        return self._exported

    def fingerprint(self, described: Described, condition: str) -> str:
        columns = ", ".join(name(field.name) for field in described.fields)
        rows = f"SELECT {columns} FROM {described.relation}{conditions(described.where, condition)}"
        found = self.ask(f"SELECT count(*), coalesce(sum(hashtextextended(r::text, 0)), 0) FROM ({rows}) AS r")
        return f"{found[0][0]} {found[0][1]}"

    def mark(self, described: Described, rows: int | None) -> Mapping[str, Any]:
        if not self._versioned(described) or rows is None:
            return super().mark(described, rows)
        return {"oldest": self._oldest, "rows": rows, "columns": signature(described)}

    def changed_since(self, described: Described, mark: Mapping[str, Any]) -> str | None:
        if not self._versioned(described) or "oldest" not in mark:
            return super().changed_since(described, mark)
        if mark.get("columns") != signature(described):
            return "its columns changed"
        rows, new = self.ask(
            f"SELECT count(*), count(*) FILTER (WHERE {self._since(mark['oldest'])}) "
            f"FROM {described.relation}{conditions(described.where)}"
        )[0]
        if new:
            return f"{new} row{'s' if new != 1 else ''} changed"
        return None if rows == mark["rows"] else f"it has {rows} rows and had {mark['rows']}"

    def flight(self) -> Mapping[str, Any]:
        """The oldest transaction that the snapshot may not have seen, when anyone was in one around that moment.

        A transaction that began before the snapshot may take its time from then and write after it, so it counts even
        when it has not written yet. One that wrote and ended between the snapshot and now has raised the number of the
        next transaction.
        """
        upper = self._snapshot.split(":")[1]
        with self._beside() as beside:
            now = str(beside.execute("SELECT pg_current_snapshot()").fetchone()[0])  # type: ignore[index]
        others = self._others | self._active()
        return {"oldest": self._oldest} if self._running or others or now.split(":")[1] != upper else {}

    def unseen(self, described: Described, flight: Mapping[str, Any]) -> str:
        return self._since(int(flight["oldest"])) if flight and self._versioned(described) else ""

    @property
    def _oldest(self) -> int:
        """The number of the oldest transaction whose rows the snapshot may not have seen."""
        return min(self._running, default=int(self._snapshot.split(":")[1]))

    def _since(self, oldest: int) -> str:
        """Row versions of that transaction and of newer ones.

        Rows have the lower 32 bits of a transaction's number. The few among them that the snapshot did see are read
        again, which does no harm.
        """
        upper = int(self._snapshot.split(":")[1])
        return f"((xmin::text::bigint - {oldest & _XID}) & {_XID}) <= {max(upper - oldest, 0)}"

    def _versioned(self, described: Described) -> bool:
        """Whether its rows say which transaction wrote them."""
        relation = described.more[0]
        return relation is not None and relation.kind in ("r", "p", "m") and relation.granted

    def _active(self) -> set[str]:
        """Transactions of others in this database."""
        rows = self._connection.execute(
            "SELECT l.virtualtransaction FROM pg_locks AS l JOIN pg_stat_activity AS a USING (pid) "
            "WHERE l.locktype = 'virtualxid' AND l.granted AND l.pid <> pg_backend_pid() "
            "AND a.datname = current_database() AND coalesce(a.backend_type, '') <> 'autovacuum worker' "
            # Our own never write.
            "AND coalesce(a.application_name, '') !~ '^wherry( |$)'"
        )
        return {str(row[0]) for row in rows.fetchall()}

    def _writing(self, elsewhere: Set[int]) -> set[int]:
        """Transactions that had written and not ended at the snapshot, but for those of other databases."""
        running = {int(number) for number in self._snapshot.split(":")[2].split(",") if number}
        return {number for number in running if number & _XID not in elsewhere}

    def _elsewhere(self) -> set[int]:
        """The lower 32 bits of the numbers of transactions that are in other databases and have written."""
        found = self._connection.execute(
            "SELECT l.transactionid::text::int8 FROM pg_locks AS l JOIN pg_stat_activity AS a USING (pid) "
            "WHERE l.locktype = 'transactionid' AND l.granted AND l.mode = 'ExclusiveLock' "
            "AND a.datname <> current_database()"
        )
        return {int(row[0]) for row in found.fetchall()}

    def _beside(self) -> psycopg.Connection[Any]:
        import psycopg

        return psycopg.connect(self._address, autocommit=True)


#: Types whose order DuckDB shares.
_ORDERED = frozenset(
    ["int2", "int4", "int8", "float4", "float8", "numeric", "date", "timestamp", "timestamptz", "text", "varchar"]
)


class Postgres(Database):
    """Reads PostgreSQL 13 and later."""

    def look(self, options: Options) -> Look:
        return PostgresLook(options)

    def explain(self, options: Options, error: BaseException) -> SourceError | None:
        return explain(error, _address(options)[1])

    def tables(self, options: Options) -> Iterator[Found]:
        """Every table, view and foreign table that the user may read."""
        with self._looking(options, None, None) as look:
            assert isinstance(look, PostgresLook)
            yield from list(catalog.listed(look._connection))


def explain(error: BaseException, secrets: tuple[str, ...]) -> SourceError | None:
    """An error of psycopg or DuckDB in plain words; None for one that is neither's, and where this machine's disk is
    full."""
    import psycopg

    from wherry import duckdb

    if isinstance(error, psycopg.Error | duckdb.Error) and not fills_disk(error):
        return explained(without(str(error), secrets), secrets)
    return None


def _address(options: Options) -> tuple[str, tuple[str, ...]]:
    """What libpq connects with, and what of it must never be shown. Raises ``SourceError``."""
    try:
        import psycopg
        from psycopg.conninfo import conninfo_to_dict, make_conninfo
    except ImportError:
        hint = "pip install 'wherry[postgres]'"
        raise problem("missing-extra", "Reading PostgreSQL needs more packages.", hint) from None
    url = re.sub(r"^postgres(ql)?\+\w+://", "postgresql://", options.url)
    try:
        given = {key: str(value) for key, value in conninfo_to_dict(url).items() if value is not None}
    except psycopg.Error:
        hint = "For example postgresql://user:password@host:5432/database"
        raise problem("bad-url", "`url` is not an address of PostgreSQL.", hint) from None
    settings = " ".join(f"-c {key}={value}" for key, value in SETTINGS.items())
    given["options"] = f"{given.get('options', '')} {settings}".strip()
    given.setdefault("application_name", "wherry")
    given["client_encoding"] = "UTF8"  # else text comes in the database's own encoding
    given.setdefault("connect_timeout", str(options.connect_timeout))
    password = given.get("password", "")
    from urllib.parse import quote, quote_plus

    secrets = tuple(dict.fromkeys(each for each in (password, quote(password, safe=""), quote_plus(password)) if each))
    return make_conninfo("", **given), (*secrets, options.url)


def _parted(address: str) -> tuple[str, str]:
    """What libpq connects with, without the password; and the password."""
    from psycopg.conninfo import conninfo_to_dict, make_conninfo

    given = conninfo_to_dict(address)
    password = str(given.pop("password", None) or "")
    return make_conninfo("", **given), password


source = Postgres()
