"""What a type of MySQL and MariaDB becomes, and the SQL that gives its values exactly.

Rows arrive as the text that the server prints. Only where that text is not the value itself (a FLOAT is printed with
six digits, a BIT as raw bytes, a geometry as a blob) another expression is read.
``docs/sources-mysql.md`` has the table.
"""

from __future__ import annotations

import re

from wherry.model.dataclass import dataclass
from wherry.sources.databases.look import Field
from wherry.sources.databases.wanted import spelled

#: The DuckDB type that each integer type arrives as: signed, unsigned.
_INTEGERS = {
    "tinyint": ("TINYINT", "UTINYINT"),
    "smallint": ("SMALLINT", "USMALLINT"),
    "mediumint": ("INTEGER", "UINTEGER"),
    "int": ("INTEGER", "UINTEGER"),
    "bigint": ("BIGINT", "UBIGINT"),
}
_TEXTS = {"char", "varchar", "tinytext", "text", "mediumtext", "longtext", "enum", "set", "json", "time"}
_BYTES = {"binary", "varbinary", "tinyblob", "blob", "mediumblob", "longblob"}
_SHAPES = {
    "geometry", "point", "linestring", "polygon", "multipoint", "multilinestring", "multipolygon",
    "geometrycollection", "geomcollection",
}  # fmt: skip
DATES = {"date": "DATE", "datetime": "TIMESTAMP", "timestamp": "TIMESTAMP WITH TIME ZONE"}
#: Digits that an exact decimal of the lake can have.
_DIGITS = 38


@dataclass(frozen=True, slots=True, kw_only=True)
class Native:
    """A column as the server describes it."""

    name: str
    #: ``decimal``, ``bigint``...
    base: str
    #: ``decimal(12,2)``, ``bigint(20) unsigned``, ``enum('a','b')``...
    full: str
    charset: str | None = None
    precision: int | None = None
    scale: int | None = None
    nullable: bool = True


def quoted(name: str) -> str:
    return "`" + name.replace("`", "``") + "`"


def field_of(native: Native, *, wanted: str, tinyint1: str, zero_dates: str) -> Field:
    """How a column is read; ``wanted`` is what ``types:`` says of it, ``text`` or a DuckDB type, or nothing."""
    column = quoted(native.name)
    kind, read, order = _natural(native, column, tinyint1)
    if native.base in DATES and zero_dates == "text" and not wanted:
        wanted = "text"
    if wanted in ("text", "varchar"):
        read = read if native.base not in _BYTES else f"HEX({column})"
        kind, order = "VARCHAR", _in_byte_order(read)
    elif wanted:
        kind = spelled(wanted)
    return Field(name=native.name, native=native.full, type=kind, read=read, order=order, nullable=native.nullable)


def _natural(native: Native, column: str, tinyint1: str) -> tuple[str, str, str]:
    """DuckDB type, SQL to read, SQL to order by."""
    base = native.base
    if base in _INTEGERS:
        if tinyint1 == "boolean" and native.full.startswith("tinyint(1)"):
            return "BOOLEAN", column, ""
        return _INTEGERS[base]["unsigned" in native.full], column, column
    if base == "decimal":
        digits, scale = native.precision or 10, native.scale or 0
        exact = digits <= _DIGITS
        return (f"DECIMAL({digits},{scale})", column, column) if exact else ("VARCHAR", column, "")
    if base == "float":
        return "FLOAT", f"{column} + 0e0", f"({column} + 0e0)"
    if base == "double":
        return "DOUBLE", column, column
    if base == "year":
        return "SMALLINT", column, column
    if base == "bit":
        width = int((re.search(r"\d+", native.full) or ["1"])[0])
        return ("UBIGINT" if width == 64 else "BIGINT"), f"{column} + 0", f"({column} + 0)"
    if base in DATES:
        return DATES[base], column, column
    if base == "uuid":
        return "UUID", column, _in_byte_order(f"CAST({column} AS CHAR)")
    if base in ("inet4", "inet6"):
        return "VARCHAR", column, ""
    if base in _SHAPES:
        shape = f"ST_AsText({column})"
        tagged = f"CONCAT('SRID=', ST_SRID({column}), ';', {shape})"
        return "VARCHAR", f"IF(ST_SRID({column}) = 0, {shape}, {tagged})", ""
    if base in _TEXTS:
        # The server would replace what is no ASCII by question marks.
        read = f"CAST({column} AS BINARY)" if native.charset == "ascii" else column
        return "VARCHAR", read, "" if base in ("time", "json", "set") else _in_byte_order(column)
    return "BLOB", column, ""


def _in_byte_order(read: str) -> str:
    """The order of the lake: by the bytes of the text in UTF-8, whatever the column's collation."""
    return f"CAST(CONVERT({read} USING utf8mb4) AS BINARY)"


_UNSIGNED, _NOT_NULL = 32, 1
_BINARY = 63
_CODES = {
    1: "tinyint", 2: "smallint", 9: "mediumint", 3: "int", 8: "bigint", 0: "decimal", 246: "decimal", 4: "float",
    5: "double", 16: "bit", 13: "year", 10: "date", 14: "date", 12: "datetime", 7: "timestamp", 11: "time",
    245: "json", 255: "geometry",
}  # fmt: skip


def described_by_result(field: object) -> Native:
    """A column of a query, from how the server describes its result."""
    code, flags, length, scale = (getattr(field, each) for each in ("type_code", "flags", "length", "scale"))
    unsigned = bool(flags & _UNSIGNED)
    base = _CODES.get(code) or ("varbinary" if field.charsetnr == _BINARY else "varchar")  # type: ignore[attr-defined]
    full, precision = base, None
    if base == "decimal":
        precision = length - (scale > 0) - (not unsigned)
        full = f"decimal({precision},{scale})"
    elif base in ("tinyint", "bit"):
        full = f"{base}({length})"
    return Native(
        name=field.name,  # type: ignore[attr-defined]
        base=base,
        full=full + (" unsigned" if unsigned and base in _INTEGERS else ""),
        precision=precision,
        scale=scale,
        nullable=not flags & _NOT_NULL,
    )
