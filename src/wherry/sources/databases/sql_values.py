"""What SQLAlchemy's types become, and Python's values as Arrow: exactly, or set aside with a reason."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, time
from decimal import Context, Decimal
from typing import Any
from uuid import UUID

from wherry.sources.databases.arriving import arrow_type

_WIDE = Context(prec=400)
_EXACT = 1 << 53
_NONE = type(None)


def reflected(kind: Any) -> str:
    """The DuckDB type for a type that SQLAlchemy found in the database; text for what the lake has no type for."""
    from sqlalchemy import types

    if isinstance(kind, types.Boolean):
        return "BOOLEAN"
    if isinstance(kind, types.Integer):
        return "BIGINT"
    if isinstance(kind, types.Float):
        return "DOUBLE"
    if isinstance(kind, types.Numeric):
        digits, scale = kind.precision or 0, kind.scale or 0
        return f"DECIMAL({digits},{scale})" if 0 < digits <= 38 and 0 <= scale <= digits else "VARCHAR"
    if isinstance(kind, types.DateTime):
        return "TIMESTAMP WITH TIME ZONE" if _zoned(kind) else "TIMESTAMP"
    if isinstance(kind, types.Date):
        return "DATE"
    if isinstance(kind, types.Uuid):
        return "UUID"
    return "BLOB" if isinstance(kind, types.LargeBinary | types._Binary) else "VARCHAR"


def _zoned(kind: Any) -> bool:
    name = str(getattr(kind, "__visit_name__", "")).upper()
    return bool(getattr(kind, "timezone", False)) or name in ("DATETIMEOFFSET", "TIMESTAMP_TZ", "TIMESTAMP_LTZ")


def guessed(column: list[Any]) -> str:
    """The DuckDB type for values of a query, whose types no catalog tells; text for numbers of unknown scale."""
    kinds = {type(value) for value in column} - {_NONE}
    if kinds == {bool}:
        return "BOOLEAN"
    if kinds and kinds <= {int}:
        return "BIGINT"
    if kinds and kinds <= {int, float}:
        return "DOUBLE"
    if kinds == {datetime}:
        return "TIMESTAMP WITH TIME ZONE" if all(value.tzinfo for value in column if value) else "TIMESTAMP"
    if kinds == {date}:
        return "DATE"
    if kinds == {UUID}:
        return "UUID"
    return "BLOB" if kinds and kinds <= {bytes, memoryview} else "VARCHAR"


#: Values of these types become Arrow as they are.
_PLAIN: dict[str, set[type]] = {
    "BIGINT": {int}, "DOUBLE": {float}, "VARCHAR": {str}, "BOOLEAN": {bool}, "DATE": {date}, "BLOB": {bytes},
    "DECIMAL": {Decimal},
}  # fmt: skip


def values(column: list[Any], kind: str) -> tuple[Any, dict[int, str]]:
    """An Arrow array, and why some values, by row, are no ``kind`` (null in the array)."""
    import pyarrow as pa

    target, base = arrow_type(kind), kind.partition("(")[0]
    if {type(value) for value in column} <= _PLAIN.get(base, set()) | {_NONE}:
        try:
            return pa.array(column, target), {}
        except (pa.ArrowException, ValueError, OverflowError):
            pass
    fit = _FITS.get(base, _integer)
    kept: list[Any] = []
    wrong: dict[int, str] = {}
    for row, value in enumerate(column):
        try:
            made = None if value is None else fit(value, target)
            if base not in ("VARCHAR", "UUID"):
                pa.scalar(made, target)
            kept.append(made)
        except (ValueError, ArithmeticError, TypeError, AttributeError, OverflowError, pa.ArrowException):
            kept.append(None)
            wrong[row] = f"{str(value)[:40]!r} is no {kind}"
    if kind == "UUID":
        storage = pa.array([each.bytes if each is not None else None for each in kept], pa.binary(16))
        return pa.ExtensionArray.from_storage(target, storage), wrong
    return pa.array(kept, target), wrong


def _integer(value: Any, target: Any) -> int:
    number = int(value)
    if number != value and not isinstance(value, str):
        raise ValueError
    return number


def _float(value: Any, target: Any) -> float:
    if isinstance(value, int) and abs(value) > _EXACT:
        raise ValueError
    return float(value)


def _decimal(value: Any, target: Any) -> Decimal:
    number = value if isinstance(value, Decimal) else Decimal(repr(value) if isinstance(value, float) else str(value))
    exact = number.quantize(Decimal(1).scaleb(-target.scale), context=_WIDE)
    if exact != number:
        raise ValueError
    return exact


def _text(value: Any, target: Any) -> str:
    if isinstance(value, bytes | memoryview):
        return bytes(value).decode()
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, dict | list):
        return json.dumps(value, ensure_ascii=False, default=str)
    if isinstance(value, datetime):
        return value.isoformat(sep=" ")
    text = value if isinstance(value, str) else str(value)
    text.encode()  # a lone surrogate is no text
    return text


def _moment(value: Any, target: Any) -> datetime:
    if isinstance(value, str):
        value = datetime.fromisoformat(value)
    elif isinstance(value, date) and not isinstance(value, datetime):
        value = datetime.combine(value, time())
    if bool(target.tz) != (value.tzinfo is not None):
        raise ValueError
    return value.astimezone(UTC) if target.tz else value  # type: ignore[no-any-return]


def _date(value: Any, target: Any) -> date:
    if isinstance(value, datetime):
        if value.time() != time():
            raise ValueError
        return value.date()
    return date.fromisoformat(value) if isinstance(value, str) else value


def _boolean(value: Any, target: Any) -> bool:
    if value in (0, 1):
        return bool(value)
    raise ValueError


_FITS: dict[str, Any] = {
    "DOUBLE": _float,
    "FLOAT": _float,
    "DECIMAL": _decimal,
    "VARCHAR": _text,
    "TIMESTAMP": _moment,
    "TIMESTAMP WITH TIME ZONE": _moment,
    "DATE": _date,
    "TIME": lambda value, target: time.fromisoformat(value) if isinstance(value, str) else value,
    "UUID": lambda value, target: value if isinstance(value, UUID) else UUID(str(value)),
    "BLOB": lambda value, target: bytes(value.encode() if isinstance(value, str) else value),
    "BOOLEAN": _boolean,
}
