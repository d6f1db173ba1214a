"""What a declared type of SQLite becomes, and which stored values fit it.

SQLite keeps a type with each value; what a column declares is a wish. A column whose declaration is clear gets that
type, and values that are none of it are set aside. Any other column gets the type that all its values have, or else
text. ``docs/sources-sqlite.md`` has the table.
"""

from __future__ import annotations

import re
from decimal import Context, Decimal
from typing import Any

from wherry.sources.databases.arriving import arrow_type

_DECIMAL = re.compile(r"(?:DECIMAL|NUMERIC|NUMBER)\s*\(\s*(\d+)\s*(?:,\s*(\d+)\s*)?\)", re.IGNORECASE)
#: No digit is rounded away unseen.
_WIDE = Context(prec=400)
#: Integers up to here are the same as floats.
_EXACT = 1 << 53


def declared(native: str) -> str:
    """The DuckDB type of a clear declaration; empty where the values must tell."""
    word = native.upper()
    if (found := _DECIMAL.fullmatch(word.strip())) and int(found[1]) <= 38 and int(found[2] or 0) <= int(found[1]):
        return f"DECIMAL({found[1]},{found[2] or 0})"
    # The rules of "Determination Of Column Affinity" in SQLite's documentation.
    if "INT" in word and "POINT" not in word:
        return "BIGINT"
    if any(part in word for part in ("CHAR", "CLOB", "TEXT")):
        return "VARCHAR"
    if any(part in word for part in ("REAL", "FLOA", "DOUB")):
        return "DOUBLE"
    return ""


def found_type(classes: set[str]) -> str:
    """The DuckDB type that holds values of these storage classes (``typeof`` of SQLite) as they are."""
    classes = classes - {"null"}
    if classes == {"integer"}:
        return "BIGINT"
    if classes and classes <= {"integer", "real"}:
        return "DOUBLE"
    return "BLOB" if classes == {"blob"} else "VARCHAR"


def values(column: list[Any], kind: str) -> tuple[Any, dict[int, str]]:
    """An Arrow array of values as SQLite gives them (text as ``Text``), and why some, by row, do not fit."""
    import pyarrow as pa

    target = arrow_type(kind)
    if kind == "VARCHAR":
        return _texts(column, target)
    if kind in ("BIGINT", "BLOB", "DOUBLE") and not any(isinstance(value, _UNLIKE[kind]) for value in column):
        return pa.array(column, target), {}
    fit = _FITS.get(kind.partition("(")[0], _other)
    kept: list[Any] = []
    wrong: dict[int, str] = {}
    for row, value in enumerate(column):
        try:
            kept.append(None if value is None else fit(value, target))
        except (ValueError, ArithmeticError):
            kept.append(None)
            wrong[row] = f"{_told(value)} is no {kind}"
    return pa.array(kept, target), wrong


#: What a value of the storage class TEXT comes as; ``bytes`` is a BLOB.
Text = bytearray

_UNLIKE: dict[str, Any] = {"BIGINT": (float, bytes, Text), "BLOB": (int, float, Text), "DOUBLE": (int, bytes, Text)}


def _texts(column: list[Any], target: Any) -> tuple[Any, dict[int, str]]:
    import pyarrow as pa

    try:
        if all(value is None or type(value) is Text for value in column):
            return pa.array(column, pa.binary()).cast(target), {}
    except pa.ArrowInvalid:
        pass
    kept: list[str | None] = []
    wrong: dict[int, str] = {}
    for row, value in enumerate(column):
        text: str | None = None
        if type(value) is Text:
            try:
                text = value.decode()
            except UnicodeDecodeError:
                wrong[row] = "its text is no UTF-8"
        elif isinstance(value, bytes):
            wrong[row] = "a blob is no text"
        elif value is not None:
            text = repr(value)
        kept.append(text)
    return pa.array(kept, target), wrong


def _integer(value: Any, target: Any) -> int:
    if isinstance(value, int):
        return value
    raise ValueError


def _float(value: Any, target: Any) -> float:
    if isinstance(value, float) or (isinstance(value, int) and -_EXACT <= value <= _EXACT):
        return float(value)
    raise ValueError


def _decimal(value: Any, target: Any) -> Decimal:
    if type(value) is bytes:
        raise ValueError
    number = Decimal(value.decode().strip() if isinstance(value, Text) else repr(value))
    exact = number.quantize(Decimal(1).scaleb(-target.scale), context=_WIDE)
    if exact != number or len(exact.as_tuple().digits) > target.precision:
        raise ValueError
    return exact


def _blob(value: Any, target: Any) -> bytes:
    if type(value) is bytes:
        return value
    raise ValueError


def _boolean(value: Any, target: Any) -> bool:
    if isinstance(value, int) and value in (0, 1):
        return bool(value)
    raise ValueError


def _other(value: Any, target: Any) -> Any:
    """What a type named by ``types:`` makes of a value: read from its text."""
    import pyarrow as pa

    if type(value) is bytes:
        raise ValueError
    text = value.decode() if isinstance(value, Text) else repr(value)
    if pa.types.is_integer(target) and isinstance(value, float):
        raise ValueError
    naive = pa.timestamp("us") if pa.types.is_timestamp(target) else target
    return pa.array([text]).cast(naive)[0].as_py()


_FITS: dict[str, Any] = {
    "BIGINT": _integer,
    "DOUBLE": _float,
    "DECIMAL": _decimal,
    "BLOB": _blob,
    "BOOLEAN": _boolean,
}


def _told(value: Any) -> str:
    if type(value) is Text:
        return f"the text {value[:40].decode(errors='replace')!r}"
    return "a blob" if isinstance(value, bytes) else repr(value)
