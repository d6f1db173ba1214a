"""Types of DuckDB that Iceberg (version 2) lacks, and what they are stored as.

| DuckDB                                   | stored as       | a value that does not fit                     |
|------------------------------------------|-----------------|-----------------------------------------------|
| TINYINT, SMALLINT, UTINYINT, USMALLINT   | INTEGER         |                                               |
| UINTEGER                                 | BIGINT          |                                               |
| UBIGINT                                  | DECIMAL(20,0)   |                                               |
| HUGEINT, UHUGEINT, BIGNUM                | DECIMAL(38,0)   | fails                                         |
| TIMESTAMP_S, TIMESTAMP_MS                | TIMESTAMP       |                                               |
| TIMESTAMP_NS                             | TIMESTAMP       | fails: nanoseconds are never cut off          |
| TIME_NS, TIME WITH TIME ZONE, INTERVAL   | VARCHAR         |                                               |
| ENUM, JSON, BIT, GEOMETRY                | VARCHAR         | (a geometry as well-known text)               |
| UNION, VARIANT                           | VARCHAR         | (as JSON; a union as ``{"tag": value}``)      |
| T[n]                                     | T[]             |                                               |
| STRUCT(T, U) without names               | STRUCT(_1 T, _2 U) |                                            |
| "NULL" (an untyped null)                 | INTEGER         |                                               |
| infinite DATE, TIMESTAMP                 | as they are     | fails when written                            |

The same holds inside lists, structs and maps. DuckDB would write TIMESTAMP_NS, VARIANT and GEOMETRY, but into a
table that calls itself version 2, which other engines then refuse.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from itertools import count
from typing import Any

from wherry import quoting

_STORED = {
    "TINYINT": "INTEGER",
    "SMALLINT": "INTEGER",
    "UTINYINT": "INTEGER",
    "USMALLINT": "INTEGER",
    "UINTEGER": "BIGINT",
    "UBIGINT": "DECIMAL(20,0)",
    "HUGEINT": "DECIMAL(38,0)",
    "UHUGEINT": "DECIMAL(38,0)",
    "BIGNUM": "DECIMAL(38,0)",
    "TIMESTAMP_S": "TIMESTAMP",
    "TIMESTAMP_MS": "TIMESTAMP",
    "TIMESTAMP_NS": "TIMESTAMP",
    "TIME_NS": "VARCHAR",
    "TIME WITH TIME ZONE": "VARCHAR",
    "INTERVAL": "VARCHAR",
    "ENUM": "VARCHAR",
    "JSON": "VARCHAR",
    "BIT": "VARCHAR",
    "GEOMETRY": "VARCHAR",
    "UNION": "VARCHAR",
    "VARIANT": "VARCHAR",
    '"NULL"': "INTEGER",
}
#: Types that reach what they are stored as in two casts, the first to this.
_BY_WAY_OF = {"UNION": "JSON", "VARIANT": "JSON", "BIGNUM": "VARCHAR"}

_ICEBERG = {
    "boolean": "BOOLEAN",
    "int": "INTEGER",
    "long": "BIGINT",
    "float": "FLOAT",
    "double": "DOUBLE",
    "date": "DATE",
    "time": "TIME",
    "timestamp": "TIMESTAMP",
    "timestamptz": "TIMESTAMP WITH TIME ZONE",
    "timestamp_ns": "TIMESTAMP_NS",
    "string": "VARCHAR",
    "uuid": "UUID",
    "binary": "BLOB",
}
_FROM_DUCKDB = {duckdb: iceberg for iceberg, duckdb in _ICEBERG.items()}


def storable(duckdb_type: str) -> str:
    """The type that a column must be cast to before it is written; the same type when it is kept.

    A cast alone may lose nanoseconds: ``select_storable`` also refuses that.
    """
    return _map(duckdb_type, lambda leaf: _STORED.get(_base(leaf), leaf))


def select_storable(columns: Sequence[tuple[str, str]], source_sql: str) -> str:
    """A query with the rows of ``source_sql`` in types that Iceberg has; the same text when they all are.

    ``columns`` are its names and DuckDB types. A value that cannot be kept without loss makes the query fail.
    """
    casts = []
    for name, type_ in columns:
        wanted = storable(type_)
        if wanted != type_:
            column = quoting.name(name)
            casts.append(f"{_cast(column, name, type_, wanted)} AS {column}")
    if not casts:
        return source_sql
    # On a line of its own the bracket survives a comment at the query's end.
    return f"SELECT * REPLACE ({', '.join(casts)}) FROM (\n{source_sql.rstrip().rstrip(';')}\n)"


def _cast(column: str, name: str, type_: str, wanted: str) -> str:
    way = _map(type_, lambda leaf: _BY_WAY_OF.get(_base(leaf), leaf))
    value = column if way == type_ else f"CAST({column} AS {way})"
    value = f"CAST({value} AS {wanted})"
    if _base(type_) == "VARIANT":
        # DuckDB casts the null of this type to the text null.
        value = f"CASE WHEN {column} IS NOT NULL THEN {value} END"
    if "TIMESTAMP_NS" not in type_.upper():
        return value
    # The cast cuts nanoseconds off silently: cast them back and compare.
    fine = _map(type_, lambda leaf: leaf if _base(leaf) == "TIMESTAMP_NS" else _STORED.get(_base(leaf), leaf))
    exact = f"CAST({value} AS {fine}) IS NOT DISTINCT FROM CAST({column} AS {fine})"
    message = f"column {name}: nanoseconds cannot be kept; cast it to TIMESTAMP to cut them off, or to VARCHAR"
    return f"CASE WHEN {exact} THEN {value} ELSE error({quoting.text(message)}) END"


def columns(metadata: dict[str, Any]) -> list[tuple[str, str]]:
    """Names and DuckDB types of a table's columns, from its Iceberg metadata."""
    from wherry.lake.iceberg import current_schema

    return [(field["name"], from_iceberg(field["type"])) for field in current_schema(metadata)["fields"]]


def from_iceberg(type_: Any) -> str:
    """The DuckDB type that DuckDB reads an Iceberg type as, written as DuckDB writes it."""
    if isinstance(type_, str):
        if type_.startswith("decimal"):
            return type_.upper().replace(" ", "")
        return _ICEBERG.get(type_, "BLOB" if type_.startswith("fixed") else type_.upper())
    if type_["type"] == "list":
        return from_iceberg(type_["element"]) + "[]"
    if type_["type"] == "map":
        return f"MAP({from_iceberg(type_['key'])}, {from_iceberg(type_['value'])})"
    fields = (f"{_field_name(f['name'])} {from_iceberg(f['type'])}" for f in type_["fields"])
    return f"STRUCT({', '.join(fields)})"


def to_iceberg(columns: Sequence[tuple[str, str]]) -> dict[str, Any]:
    """An Iceberg schema for columns of DuckDB types, in the types that they would be stored as."""
    ids = count(1)
    # Columns are numbered before what is inside them, as clients do it.
    numbered = [(next(ids), name, kind) for name, kind in columns]
    fields = [
        {"id": number, "name": name, "required": False, "type": _to_iceberg(storable(kind), ids)}
        for number, name, kind in numbered
    ]
    return {"type": "struct", "fields": fields}


def _to_iceberg(text: str, ids: Iterator[int]) -> Any:
    if text.endswith("]"):
        element = next(ids)
        inside = _to_iceberg(text[: text.rindex("[")], ids)
        return {"type": "list", "element-id": element, "element": inside, "element-required": False}
    head, inside = _base(text), text[text.find("(") + 1 : -1]
    if head == "MAP":
        key, value = _split(inside)
        numbers = {"key-id": next(ids), "value-id": next(ids), "value-required": False}
        return {"type": "map", "key": _to_iceberg(key, ids), "value": _to_iceberg(value, ids), **numbers}
    if head == "STRUCT":
        parts = [(next(ids), *_field(part, number)) for number, part in enumerate(_split(inside), 1)]
        fields = [
            {"id": number, "name": _unquoted(name), "required": False, "type": _to_iceberg(kind, ids)}
            for number, name, kind in parts
        ]
        return {"type": "struct", "fields": fields}
    if head == "DECIMAL":
        precision, scale = inside.split(",")
        return f"decimal({precision.strip()}, {scale.strip()})"
    return _FROM_DUCKDB.get(head, "string")


def _unquoted(name: str) -> str:
    return name[1:-1].replace('""', '"') if name.startswith('"') else name


def _field_name(name: str) -> str:
    plain = re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", name) and name.lower() not in _keywords()
    return name if plain else quoting.name(name)


@cache
def _keywords() -> frozenset[str]:
    from wherry import duckdb

    with duckdb.connect() as connection:
        rows = connection.execute("SELECT keyword_name FROM duckdb_keywords()").fetchall()
    return frozenset(row[0] for row in rows)


def _map(type_: str, leaf: Callable[[str], str]) -> str:
    """The type with every simple type in it replaced; arrays of fixed length become lists, struct fields get names."""
    text = type_.strip()
    if text.endswith("]"):
        return _map(text[: text.rindex("[")], leaf) + "[]"
    head = text[: text.index("(")].upper() if text.endswith(")") and "(" in text else ""
    inside = text[len(head) + 1 : -1]
    if head == "MAP":
        key, value = _split(inside)
        return f"MAP({_map(key, leaf)}, {_map(value, leaf)})"
    if head == "STRUCT":
        fields = (_field(part, number) for number, part in enumerate(_split(inside), 1))
        return "STRUCT(" + ", ".join(f"{name} {_map(kind, leaf)}" for name, kind in fields) + ")"
    return leaf(text)


def _base(leaf: str) -> str:
    """``ENUM`` of ``ENUM('a', 'b')``."""
    return leaf.partition("(")[0].strip().upper()


def _field(part: str, number: int) -> tuple[str, str]:
    unnamed = re.match(r"TIME(STAMP)? WITH TIME ZONE", part)
    named = None if unnamed else re.match(r'("(?:[^"]|"")*"|\w+)\s+(.*)', part, re.DOTALL)
    return (named[1], named[2]) if named else (f"_{number}", part)


def _split(text: str) -> list[str]:
    """Parts between commas that are in no bracket and no quotes."""
    parts, start, depth, quote = [], 0, 0, ""
    for position, character in enumerate(text):
        if quote:
            quote = "" if character == quote else quote
        elif character in "'\"":
            quote = character
        elif character in "([":
            depth += 1
        elif character in ")]":
            depth -= 1
        elif character == "," and depth == 0:
            parts.append(text[start:position].strip())
            start = position + 1
    return [*parts, text[start:].strip()]
