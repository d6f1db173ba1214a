"""What each type of PostgreSQL is loaded as: the exact value in a type of the lake, or its exact text.

The table in docs/sources-postgres.md says the same, and a test holds the two together.
"""

from __future__ import annotations

import re

from wherry.model.dataclass import dataclass
from wherry.quoting import name, text

#: Types that arrive with every value as it is.
NATIVE = {
    "bool": "BOOLEAN",
    "int2": "SMALLINT",
    "int4": "INTEGER",
    "int8": "BIGINT",
    "float4": "FLOAT",
    "float8": "DOUBLE",
    "text": "VARCHAR",
    "varchar": "VARCHAR",
    "bpchar": "VARCHAR",
    "date": "DATE",
    "time": "TIME",
    "timestamp": "TIMESTAMP",
    "timestamptz": "TIMESTAMP WITH TIME ZONE",
    "uuid": "UUID",
    "bytea": "BLOB",
}
#: What may be said under ``types:`` beside ``decimal(p,s)``, and the cast that makes it.
CASTS = {
    "text": ("VARCHAR", "text"),
    "varchar": ("VARCHAR", "text"),
    "integer": ("INTEGER", "int4"),
    "bigint": ("BIGINT", "int8"),
    "double": ("DOUBLE", "float8"),
    "date": ("DATE", "date"),
    "timestamp": ("TIMESTAMP", "timestamp"),
    "timestamptz": ("TIMESTAMP WITH TIME ZONE", "timestamptz"),
}
#: How the text begins that a value is turned into to make the database refuse it, and what stands between its parts.
REFUSED = "wherry refuses"
_DECIMAL = re.compile(r"(?:decimal|numeric)\((\d+)(?:,\s*(\d+))?\)\Z")


@dataclass(frozen=True, slots=True, kw_only=True)
class Native:
    """A type as the catalog has it, domains resolved."""

    #: ``int4``; an array is ``_int4``.
    name: str
    #: Whether it comes with PostgreSQL.
    built_in: bool
    #: -1 for none.
    modifier: int = -1
    #: Whether a cast to text is a function of its own, which need not give what the database prints.
    own_cast: bool = False


def decimal(modifier: int) -> tuple[int, int] | None:
    """Precision and scale of a numeric's modifier, where both fit the lake; None else."""
    if modifier < 4:
        return None
    precision, scale = ((modifier - 4) >> 16) & 0xFFFF, (modifier - 4) & 0x7FF
    return (precision, scale) if scale <= precision <= 38 else None  # a negative scale is above 1,000 here


def arriving(column: str, of: Native, wanted: str = "") -> tuple[str, str]:
    """The DuckDB type of a column and the SQL that reads it. Raises ``ValueError`` where it cannot be ``wanted``."""
    quoted = name(column)
    if wanted:
        return _wanted(column, quoted, of, wanted)
    array = of.name.startswith("_")
    base = of.name.removeprefix("_")
    if not of.built_in:
        return "VARCHAR", printed(quoted, of)
    if base == "numeric":
        parts = decimal(of.modifier)
        if parts is None:
            return "VARCHAR", f"{quoted}::text"
        kind = f"numeric({parts[0]},{parts[1]})"
        if array:
            odd = f"'NaN' = ANY ({quoted}) OR {_not_a_list(quoted)}"
            return f"DECIMAL({parts[0]},{parts[1]})[]", _guarded(column, quoted, odd, f"{kind}[]")
        return f"DECIMAL({parts[0]},{parts[1]})", _guarded(column, quoted, f"{quoted} = 'NaN'", kind)
    if of.name == "time":
        return "TIME", _guarded(column, quoted, f"{quoted} = '24:00'", "time")
    if base in NATIVE and base != "time":
        if array:
            return f"{NATIVE[base]}[]", _guarded(column, quoted, _not_a_list(quoted), of.name)
        return NATIVE[base], quoted
    if of.name == "oid":
        return "BIGINT", f"{quoted}::int8"
    return "VARCHAR", printed(quoted, of)


def printed(value: str, of: Native) -> str:
    """SQL of the text that the database prints. A cast adds ``/32`` to an address; an author's may give anything."""
    if of.built_in and of.name == "inet":
        return f"abbrev({value})"
    if of.own_cast and not of.built_in:
        return f"CASE WHEN num_nonnulls({value}) = 1 THEN format('%s', {value}) END"
    return f"{value}::text"


def respelled(of: Native) -> bool:
    """Whether ``printed`` is not what a cast gives."""
    return of.name == "inet" if of.built_in else of.own_cast


def _not_a_list(quoted: str) -> str:
    return f"array_ndims({quoted}) > 1 OR array_lower({quoted}, 1) <> 1"


def _guarded(column: str, value: str, odd: str, kind: str) -> str:
    """The value, but an error of the database that names the column where it is odd."""
    # Both branches have the modifier, which the whole then has; for a column that has it itself that costs nothing.
    return f"CASE WHEN {odd} THEN {refuse(column, value)}::{kind} ELSE {value}::{kind} END"


def refuse(column: str, value: str) -> str:
    """SQL of a text that no type but text takes, so that a cast of it fails and tells column and value."""
    return f"({text(f'{REFUSED} <{column}> ')} || {value}::text)"


def _wanted(column: str, quoted: str, of: Native, wanted: str) -> tuple[str, str]:
    said = " ".join(wanted.lower().split())
    if said in ("text", "varchar"):
        return "VARCHAR", printed(quoted, of)
    if found := _DECIMAL.match(said):
        precision, scale = int(found[1]), int(found[2] or 0)
        if 0 < precision <= 38 and scale <= precision:
            kind = f"numeric({precision},{scale})"
            odd = f"{quoted}::numeric = 'NaN' OR {quoted}::{kind} <> {quoted}::numeric"
            cast = f"CASE WHEN {odd} THEN {refuse(column, quoted)}::{kind} ELSE {quoted}::{kind} END"
            return f"DECIMAL({precision},{scale})", cast
    if said in CASTS:
        kind, cast = CASTS[said]
        exact = f"{quoted}::{cast}::text <> {quoted}::text"
        if said == "double":  # asked for, so digits may go
            return kind, f"{quoted}::float8"
        return kind, f"CASE WHEN {exact} THEN {refuse(column, quoted)}::{cast} ELSE {quoted}::{cast} END"
    raise ValueError(f"`types: {{{column}: {wanted}}}` must be one of {', '.join(CASTS)}, decimal(p,s)")
