"""What PostgreSQL's catalogs say of tables, types and keys."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any

from wherry.model.dataclass import dataclass
from wherry.ports import Found
from wherry.quoting import name
from wherry.sources.databases.postgres_types import Native, arriving
from wherry.sources.databases.problems import nearest, problem

KINDS = {"r": "table", "p": "partitioned", "v": "view", "m": "materialized view", "f": "foreign table"}
_PARTS = re.compile(r'\s*("(?:[^"]|"")+"|[^".]+)\s*(?:\.|\Z)')
_UPDATED = re.compile(r"(updated|modified|changed|last_?update|mtime|touched)", re.IGNORECASE)
_CREATED = re.compile(r"(created|inserted|added|ctime|timestamp|event_?time|logged)", re.IGNORECASE)
_TIMES = ("timestamp", "timestamptz", "date")


@dataclass(frozen=True, slots=True, kw_only=True)
class Relation:
    """A table, view or foreign table."""

    oid: int
    schema: str
    table: str
    #: A key of ``KINDS``.
    kind: str
    rows: int | None
    size: int
    #: Pages of its own file.
    pages: int
    #: Whether the user may read all of it, and what the system notes of its rows.
    granted: bool

    @property
    def sql(self) -> str:
        return f"{name(self.schema)}.{name(self.table)}"


def parts(table: str) -> list[str]:
    """``"My Schema".orders`` is My Schema, orders."""
    found, at = [], 0
    while at < len(table) and (match := _PARTS.match(table, at)):
        part = match[1]
        found.append(part[1:-1].replace('""', '"') if part.startswith('"') else part.strip())
        at = match.end()
    return found if at == len(table) and found else [table]


_RELATION = """
SELECT c.oid::int8, n.nspname, c.relname, c.relkind::text, c.reltuples::float8,
       CASE WHEN c.relkind IN ('r', 'm') THEN pg_table_size(c.oid) ELSE 0 END,
       CASE WHEN c.relkind IN ('r', 'm') THEN pg_relation_size(c.oid) / current_setting('block_size')::int ELSE 0 END,
       has_table_privilege(c.oid, 'SELECT')
FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f') AND lower(c.relname) = lower(%s)
  AND (CASE WHEN %s = '' THEN n.nspname = ANY (current_schemas(true)) ELSE lower(n.nspname) = lower(%s) END)
"""


def find_relation(connection: Any, table: str) -> Relation:
    """The relation called ``table``, whatever its case where that is clear. Raises ``SourceError``."""
    named = parts(table)
    schema, wanted = (named[-2] if len(named) > 1 else ""), named[-1]
    rows = connection.execute(_RELATION, (wanted, schema, schema)).fetchall()
    exact = [row for row in rows if row[2] == wanted and schema in ("", row[1])]
    if not exact and len(rows) > 1:
        names = ", ".join(f'"{row[1]}"."{row[2]}"' for row in rows)
        raise problem("ambiguous-table", f"`{table}` may be {names}.", "Write it in the case it has.")
    if not exact and not rows:
        there = connection.execute(
            "SELECT n.nspname || '.' || c.relname FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace "
            "WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f') "
            "AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema' "
            "ORDER BY 1 LIMIT 2000"
        ).fetchall()
        hint = nearest(table if schema else f"public.{table}", [row[0] for row in there])
        raise problem("no-table", f"The database has no table `{table}` that this user can see.", hint)
    oid, schema, table, kind, tuples, size, pages, granted = (exact or rows)[0]
    estimate = int(tuples) if tuples >= 0 and (tuples or not pages) and kind in ("r", "m") else None
    return Relation(
        oid=oid, schema=schema, table=table, kind=kind, rows=estimate, size=int(size), pages=int(pages), granted=granted
    )


def columns_of(connection: Any, relation: Relation) -> list[str]:
    """Names of a relation's columns, whether they may be read or not."""
    rows = connection.execute(
        "SELECT attname::text FROM pg_attribute WHERE attrelid = %s AND attnum > 0 AND NOT attisdropped "
        "ORDER BY attnum",
        (relation.oid,),
    )
    return [row[0] for row in rows.fetchall()]


_TYPES = """
WITH RECURSIVE base AS (
  SELECT oid AS of, oid, typname, typtype, typbasetype, -1 AS modifier, typtypmod FROM pg_type WHERE oid = ANY (%s)
  UNION ALL
  SELECT b.of, t.oid, t.typname, t.typtype, t.typbasetype,
         CASE WHEN b.modifier = -1 THEN b.typtypmod ELSE b.modifier END, t.typtypmod
  FROM base AS b JOIN pg_type AS t ON t.oid = b.typbasetype WHERE b.typtype = 'd'
)
SELECT of::int8, oid::int8, typname, modifier, EXISTS (
  SELECT 1 FROM pg_cast WHERE castsource = base.oid AND casttarget = 'text'::regtype AND castmethod = 'f')
FROM base WHERE typtype <> 'd'
"""


def natives(connection: Any, columns: Iterable[tuple[int, int]]) -> list[Native]:
    """The types of columns given as type and modifier, domains resolved."""
    given = list(columns)
    rows = connection.execute(_TYPES, (sorted({oid for oid, _ in given}),)).fetchall()
    known = {of: rest for of, *rest in rows}
    found = []
    for oid, modifier in given:
        base, kind, own, own_cast = known[oid]
        least = modifier if modifier != -1 else own
        found.append(Native(name=kind, built_in=base < 16384, modifier=least, own_cast=own_cast))
    return found


_UNIQUE = """
SELECT array_agg(a.attname::text), bool_or(i.indisprimary) FROM pg_index AS i
JOIN pg_attribute AS a ON a.attrelid = i.indrelid AND a.attnum = ANY (i.indkey)
WHERE i.indrelid = %s AND i.indisunique AND i.indisvalid AND i.indpred IS NULL AND i.indexprs IS NULL
  AND i.indimmediate
GROUP BY i.indexrelid HAVING bool_and(a.attnotnull)
"""


def unique_columns(connection: Any, relation: Relation) -> tuple[frozenset[str], ...]:
    """Sets of columns that are unique and never null. Views and inherited tables have none."""
    if relation.kind not in ("r", "p"):
        return ()
    children = "SELECT EXISTS (SELECT 1 FROM pg_inherits WHERE inhparent = %s)"
    if relation.kind == "r" and connection.execute(children, (relation.oid,)).fetchone()[0]:
        return ()
    return tuple(frozenset(row[0]) for row in connection.execute(_UNIQUE, (relation.oid,)).fetchall())


_LISTED = """
SELECT n.nspname, c.relname, c.relkind::text, c.reltuples::float8,
       CASE WHEN c.relkind IN ('r', 'm') THEN pg_table_size(c.oid)
            WHEN c.relkind = 'p' THEN (SELECT sum(pg_table_size(t.relid)) FROM pg_partition_tree(c.oid) AS t)::int8 END,
       obj_description(c.oid, 'pg_class'),
       (SELECT coalesce(array_agg(a.attname::text ORDER BY array_position(i.indkey::int2[], a.attnum)), '{}')
        FROM pg_index AS i JOIN pg_attribute AS a ON a.attrelid = i.indrelid AND a.attnum = ANY (i.indkey)
        WHERE i.indrelid = c.oid AND i.indisprimary),
       (SELECT coalesce(json_agg(json_build_array(a.attname, a.atttypid::int8, a.atttypmod, a.attidentity <> ''
            OR coalesce(pg_get_expr(d.adbin, d.adrelid) LIKE 'nextval(%%', false),
            EXISTS (SELECT 1 FROM pg_index AS i WHERE i.indrelid = c.oid AND i.indkey[0] = a.attnum))
            ORDER BY a.attnum), '[]')
        FROM pg_attribute AS a LEFT JOIN pg_attrdef AS d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
        WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
          AND has_column_privilege(c.oid, a.attnum, 'SELECT'))
FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f') AND NOT c.relispartition
  AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
  AND has_schema_privilege(n.oid, 'USAGE') AND has_any_column_privilege(c.oid, 'SELECT')
ORDER BY n.nspname COLLATE "C", c.relname COLLATE "C"
"""


def listed(connection: Any) -> Iterator[Found]:
    """Every table that the user may read. A partition is part of its table."""
    for schema, table, kind, tuples, size, about, key, columns in connection.execute(_LISTED).fetchall():
        types = natives(connection, [(oid, modifier) for _, oid, modifier, _, _ in columns])
        yield Found(
            name=f"{_plain(schema)}.{_plain(table)}",
            kind=KINDS[kind],
            columns=tuple(
                (column[0], arriving(column[0], native)[0]) for column, native in zip(columns, types, strict=True)
            ),
            key=tuple(key),
            cursors=tuple(_cursors(columns, types, key)),
            rows=int(tuples) if tuples >= 0 and kind in ("r", "m", "p") else None,
            size=int(size) if size is not None else None,
            about=about or "",
        )


def _plain(part: str) -> str:
    return part if re.fullmatch(r'[^".\s*?\[\]]+', part) else name(part)


def _cursors(columns: list[list[Any]], types: list[Native], key: list[str]) -> Iterator[str]:
    """Columns that grow with every change, the best first: times of change, then of creation, then counted keys."""

    def rank(column: list[Any], native: Native) -> int:
        title, counted, indexed = column[0], column[3], column[4]
        if native.name in _TIMES and _UPDATED.search(title):
            return 0 if indexed else 1
        if native.name in _TIMES and _CREATED.search(title):
            return 2
        if counted and native.name in ("int4", "int8") and title in key:
            return 3
        return 4 if native.name in _TIMES and indexed else 9

    ranked = [(rank(column, native), column[0]) for column, native in zip(columns, types, strict=True)]
    yield from (title for place, title in sorted(ranked, key=lambda each: each[0]) if place < 9)
