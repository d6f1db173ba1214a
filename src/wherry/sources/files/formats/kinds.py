"""Which types hold all values of a text column without changing any of them.

Every value has a mask of the types that hold it exactly; the bitwise AND over the column says which hold all.
"""

from __future__ import annotations

from wherry.sources.files.database import quoted
from wherry.sources.files.options import TableOptions

BOOLEAN, BIGINT, DECIMAL, DOUBLE, DATE, TIMESTAMP, TIMESTAMPTZ, TIME = (1 << i for i in range(8))
#: From narrow to wide: the first that holds all values is taken.
KINDS = (
    (BOOLEAN, "BOOLEAN"),
    (BIGINT, "BIGINT"),
    (DECIMAL, "DECIMAL(38,0)"),
    (DOUBLE, "DOUBLE"),
    (DATE, "DATE"),
    (TIMESTAMP, "TIMESTAMP"),
    (TIMESTAMPTZ, "TIMESTAMP WITH TIME ZONE"),
    (TIME, "TIME"),
)
NUMBERS = BIGINT | DECIMAL | DOUBLE
TIMES = DATE | TIMESTAMP | TIMESTAMPTZ | TIME
ALL = BOOLEAN | NUMBERS | TIMES

# A 15-digit integer is exact in a double and 17 significant digits identify one: more would be changed silently.
_REAL = r"-?([0-9]|[1-9][0-9]{1,14})?(\.[0-9]+)?([eE][-+]?[0-9]{1,3})?"
_DAY = r"[0-9]{4}-[0-9]{2}-[0-9]{2}"
_CLOCK = r"[0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]{1,6})?)?"
_ZONE = r" ?(Z|[-+][0-9]{2}(:?[0-9]{2})?)"


def number_text(column: str, table: TableOptions) -> str:
    """SQL: the text of a number with a decimal point."""
    if table.decimal == ".":
        return column
    return f"if(contains({column}, '.'), 'x', replace({column}, {quoted(table.decimal)}, '.'))"


def mask(column: str, table: TableOptions) -> str:
    """SQL: the types that hold the value of a text column exactly; null for a null."""
    n = number_text(column, table)
    digits = f"ltrim(replace(replace(regexp_extract({n}, '^[^eE]*'), '-', ''), '.', ''), '0')"
    formats = ""
    if table.dateformat:
        formats += f" WHEN try_strptime({column}, {quoted(table.dateformat)}) IS NOT NULL THEN {DATE | TIMESTAMP}"
    if table.timestampformat:
        kind = TIMESTAMPTZ if "%z" in table.timestampformat.lower() else TIMESTAMP
        formats += f" WHEN try_strptime({column}, {quoted(table.timestampformat)}) IS NOT NULL THEN {kind}"
    day = "" if table.dateformat else (
        f" WHEN {column} LIKE '____-__-__' AND TRY_CAST({column} AS DATE)::VARCHAR = {column}"
        f" THEN {DATE | TIMESTAMP}"
    )  # fmt: skip
    return (
        f"CASE WHEN {column} IS NULL THEN NULL{formats}"
        f" WHEN {column} >= '-' AND {column} < ':' THEN CASE"
        f" WHEN TRY_CAST({n} AS BIGINT)::VARCHAR = {n}"
        f" THEN if(length({n}) <= 15, {NUMBERS}, {BIGINT | DECIMAL})"
        f" WHEN regexp_full_match({n}, '-?[1-9][0-9]{{18,37}}') THEN {DECIMAL}"
        f" WHEN regexp_full_match({n}, '{_REAL}') AND isfinite(TRY_CAST({n} AS DOUBLE))"
        f" AND (length({n}) <= 17 OR length({digits}) <= 17) THEN {DOUBLE}"
        f"{day}"
        f" WHEN regexp_full_match({column}, '{_DAY}[ T]{_CLOCK}') AND TRY_CAST({column} AS TIMESTAMP) IS NOT NULL"
        f" THEN {TIMESTAMP}"
        f" WHEN regexp_full_match({column}, '{_DAY}[ T]{_CLOCK}{_ZONE}')"
        f" AND TRY_CAST({column} AS TIMESTAMPTZ) IS NOT NULL THEN {TIMESTAMPTZ}"
        f" WHEN regexp_full_match({column}, '{_CLOCK}') AND TRY_CAST({column} AS TIME) IS NOT NULL THEN {TIME}"
        f" ELSE 0 END"
        f" WHEN lower({column}) IN ('true', 'false') THEN {BOOLEAN} ELSE 0 END"
    )


def conversion(column: str, kind: str, table: TableOptions, *, trying: bool = False) -> str:
    """SQL: the text column as ``kind``; with ``trying``, null where it does not fit."""
    cast, strptime = ("TRY_CAST", "try_strptime") if trying else ("CAST", "strptime")
    upper = kind.upper()
    if upper in ("VARCHAR", "TEXT", "STRING"):
        return column
    if table.dateformat and upper == "DATE":
        return f"{strptime}({column}, {quoted(table.dateformat)})::DATE"
    if upper.startswith("TIMESTAMP") and (table.timestampformat or table.dateformat):
        formats = [quoted(f) for f in (table.timestampformat, table.dateformat) if f]
        return f"{cast}({strptime}({column}, [{', '.join(formats)}]) AS {kind})"
    if table.decimal != "." and upper.startswith(("DOUBLE", "DECIMAL", "BIGINT", "FLOAT", "REAL", "NUMERIC")):
        return f"{cast}({number_text(column, table)} AS {kind})"
    return f"{cast}({column} AS {kind})"


def narrowest(found: int | None, known: str = "") -> str:
    """The type for a column whose values have ``found`` in common and that was ``known`` before.

    A known type is kept when it holds the new values too; a column without any value is its known type, or text.
    """
    if found is None:
        return known or "VARCHAR"
    bits = {name: bit for bit, name in KINDS}
    if known:
        if known not in bits:
            return known if known == "VARCHAR" or (known.startswith("DECIMAL") and found & BIGINT) else "VARCHAR"
        if bits[known] & found:
            return known
        found &= {BIGINT: DECIMAL | DOUBLE, DATE: TIMESTAMP}.get(bits[known], 0)
    return next((name for bit, name in KINDS if bit & found), "VARCHAR")


def fits(column: str, kind: str, table: TableOptions) -> str:
    """SQL: whether a text can become a type that its user gave, without being rounded or cut."""
    upper = kind.upper()
    converted = f"{conversion(column, kind, table, trying=True)} IS NOT NULL"
    number = number_text(f"trim({column})", table)
    exact = "true"
    if upper.removeprefix("U") in ("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT"):
        exact = rf"regexp_full_match({number}, '[-+]?[0-9]+(\.0*)?')"
    elif upper.startswith("DECIMAL"):
        scale = int(upper.rstrip(")").partition(",")[2] or 0)
        exact = rf"regexp_full_match({number}, '[-+]?[0-9]*(\.[0-9]{{0,{scale}}}0*)?')"
    elif upper == "DATE" and not table.dateformat:
        exact = rf"regexp_full_match(trim({column}), '[^ T]+([ T]00:00(:00(\.0+)?)?)?')"
    elif upper == "TIMESTAMP" and not table.timestampformat:
        exact = rf"NOT regexp_matches({column}, ':[0-9.]+{_ZONE}$')"
    return f"({column} IS NULL OR ({exact} AND {converted}))"
