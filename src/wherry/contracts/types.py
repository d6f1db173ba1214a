"""Types of contracts and types of DuckDB, either way."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

_INTEGERS = {
    "tinyint": 8, "utinyint": 8, "smallint": 16, "usmallint": 16, "integer": 32, "uinteger": 32,
    "bigint": 64, "ubigint": 64, "hugeint": 128, "uhugeint": 128,
}  # fmt: skip
_FLOATS = {"float": 32, "double": 64}
#: What other systems call a type -> DuckDB's name of its family. What is not here is not compared.
_FOREIGN = {
    "string": "varchar", "text": "varchar", "char": "varchar", "character": "varchar", "bpchar": "varchar",
    "character varying": "varchar", "nvarchar": "varchar", "varchar2": "varchar", "nchar": "varchar", "clob": "varchar",
    "int": "integer", "int2": "smallint", "int4": "integer", "int8": "bigint", "int64": "bigint", "int32": "integer",
    "long": "bigint", "serial": "integer", "bigserial": "bigint", "smallserial": "smallint", "byteint": "tinyint",
    "float4": "float", "float8": "double", "real": "float", "float64": "double", "double precision": "double",
    "number": "decimal", "numeric": "decimal", "dec": "decimal", "money": "decimal", "bignumeric": "decimal",
    "bool": "boolean", "bit": "boolean", "datetime": "timestamp", "datetime2": "timestamp",
    "timestamptz": "timestamp with time zone", "timestamp_ntz": "timestamp", "timestamp_tz": "timestamp with time zone",
    "timestamp_ltz": "timestamp with time zone", "timestamp without time zone": "timestamp",
    "time without time zone": "time", "bytea": "blob", "binary": "blob", "varbinary": "blob", "bytes": "blob",
    "jsonb": "json", "array": "list", "object": "struct", "record": "struct", "variant": "json",
}  # fmt: skip
_TYPE = re.compile(r"([a-z_][\w ]*?)\s*(?:[(\[]\s*(\d+)?\s*(?:,\s*(\d+))?\s*[)\]])?\s*(with(?:out)? time zone)?\Z")


@lru_cache(4096)
def family(type_name: str) -> str:
    """string, integer, number, boolean, date, timestamp, time, array or object; empty when it is not known."""
    base, _, _ = _parts(type_name)
    if base in _INTEGERS:
        return "integer"
    if base in _FLOATS or base == "decimal":
        return "number"
    families = {
        "varchar": "string", "uuid": "string", "blob": "string", "enum": "string", "interval": "string",
        "boolean": "boolean", "date": "date", "time": "time", "list": "array", "struct": "object", "map": "object",
        "json": "object", "bignum": "integer",
    }  # fmt: skip
    if base.startswith("timestamp"):
        return "timestamp"
    return "time" if base.startswith("time") else families.get(base, "")


def _parts(type_name: str) -> tuple[str, int | None, int | None]:
    """DuckDB's name of a type without its numbers, lower case; and the numbers."""
    written = re.sub(r"\s+", " ", type_name.strip().lower())
    if written.endswith("[]") or (re.search(r"[)\w]\[\d+\]\Z", written) and not written.startswith("varchar[")):
        return "list", None, None
    for word in ("struct(", "struct<", "map(", "map<", "enum(", "array<", "list("):
        if written.startswith(word):
            return {"array": "list"}.get(word[:-1], word[:-1]), None, None
    match = _TYPE.match(written)
    if match is None:
        return "", None, None
    base = " ".join(part for part in (match[1].strip(), match[4]) if part)
    numbers = (int(match[2]) if match[2] else None, int(match[3]) if match[3] else None)
    return (_FOREIGN.get(base, base), *numbers)


def agrees(logical: str, physical: str, actual: str, *, old: bool) -> bool:
    """Whether a column of DuckDB's type ``actual`` is what a contract says; what is not known agrees.

    ``old``: written for a standard before 3.1, when there was only ``date`` for dates and moments alike.
    """
    have = family(actual)
    if not have:
        return True
    if physical and (promised := family(physical)):
        # Files of text and the like: a whole number may be stored wider than its family says.
        return (
            promised == have or (_is_whole(physical) and _is_whole(actual)) or {promised, have} == {"object", "string"}
        )
    if (physical and logical == "object") or not logical:
        return True  # a type of another system that nobody had a word for
    if logical == have:
        return True
    pairs = {("number", "integer"), ("object", "string")} | (
        {("date", "timestamp"), ("date", "time")} if old else set()
    )
    return (logical, have) in pairs or (logical == "integer" and _is_whole(actual))


def _is_whole(type_name: str) -> bool:
    base, _, scale = _parts(type_name)
    return base in _INTEGERS or (base == "decimal" and not scale)


def width_change(before: str, after: str) -> str:
    """``same``, ``wider``, ``narrower`` or ``other``: how the values of two types compare."""
    if before.strip().lower() == after.strip().lower():
        return "same"
    (one, one_size, one_scale), (two, two_size, two_scale) = _parts(before), _parts(after)
    if not one or not two:
        return "other"
    if one == two == "varchar":
        if one_size == two_size:
            return "same"
        return "wider" if two_size is None or (one_size is not None and two_size > one_size) else "narrower"
    for sizes in (_INTEGERS, _FLOATS):
        if one in sizes and two in sizes:
            if one == two:
                return "same"
            if one.startswith("u") != two.startswith("u"):
                # Signed values do not fit unsigned ones; the other way takes a wider type.
                fits = one.startswith("u") and sizes[two] > sizes[one]
                return "wider" if fits else "narrower"
            return "wider" if sizes[two] > sizes[one] else "narrower"
    if one == two == "decimal":
        if one_size is None or two_size is None:
            return "same"  # each system has its own size for a number without one
        old_scale, new_scale = one_scale or 0, two_scale or 0
        old_whole, new_whole = (one_size or 18) - old_scale, (two_size or 18) - new_scale
        if (old_scale, old_whole) == (new_scale, new_whole):
            return "same"
        return "wider" if new_scale >= old_scale and new_whole >= old_whole else "narrower"
    if one in _INTEGERS and two == "decimal" and not one.endswith("hugeint"):
        digits = {8: 3, 16: 5, 32: 10, 64: 20}[_INTEGERS[one]]
        return "wider" if (two_size or 18) - (two_scale or 0) >= digits else "narrower"
    if one in _INTEGERS and two == "double" and _INTEGERS[one] <= 32:
        return "wider"
    if one == "date" and two.startswith("timestamp"):
        return "wider"
    return "same" if one == two and one not in ("struct", "list", "map", "enum") else "other"


def described(type_name: str) -> dict[str, Any]:
    """The keys of a property that say a DuckDB type: ``logicalType``, ``physicalType`` and what lies within."""
    from wherry import duckdb

    try:
        kind: Any = duckdb.sqltype(type_name)
    except duckdb.Error:
        return {"physicalType": type_name}
    return _described(kind, type_name)


def _described(kind: Any, written: str) -> dict[str, Any]:
    keys: dict[str, Any] = {}
    logical = family(written)
    if kind.id in ("struct", "map"):
        logical = "object"
    elif kind.id in ("list", "array"):
        logical = "array"
    if written.upper() == "JSON":
        logical = "string"
    if logical:
        keys["logicalType"] = logical
    keys["physicalType"] = written
    options: Mapping[str, Any] = {}
    if kind.id == "uuid":
        options = {"format": "uuid"}
    elif kind.id == "blob":
        options = {"format": "binary"}
    elif kind.id == "timestamp with time zone":
        options = {"timezone": True}
    if options:
        keys["logicalTypeOptions"] = dict(options)
    if kind.id == "struct":
        keys["properties"] = [{"name": name, **_described(child, str(child))} for name, child in kind.children]
    elif kind.id in ("list", "array"):
        child = dict(kind.children)["child"]
        keys["items"] = _described(child, str(child))
    return keys
