"""The type of a column, from all its values; and a value as that type, exactly or not at all.

| values                                            | type                                                         |
|---------------------------------------------------|--------------------------------------------------------------|
| true, false                                       | BOOLEAN                                                      |
| whole numbers                                     | BIGINT; DECIMAL(38,0) beyond 64 bits                         |
| other numbers                                     | DECIMAL(38,9), DECIMAL(38,18), else DOUBLE if every one is   |
|                                                   | kept to its last digit, else VARCHAR                         |
| dates; dates and times; times with a zone         | DATE; TIMESTAMP; TIMESTAMP WITH TIME ZONE                    |
| lists, objects; anything mixed; nanoseconds       | VARCHAR (JSON text)                                          |
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from datetime import UTC, date, datetime, time
from decimal import Decimal
from functools import lru_cache
from typing import Any

from wherry.model.dataclass import dataclass

BOOL, INT, DECIMAL, TEXT, DATE, STAMP, ZONED, NESTED, INEXACT = (1 << n for n in range(9))
NUMBERS = INT | DECIMAL

_DATE = re.compile(r"\d{4}-\d\d-\d\d\Z")
_STAMP = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d([.,]\d{1,6})?)?( ?Z| ?[+-]\d\d(:?\d\d)?)?\Z")
_SIZED = re.compile(r"DECIMAL\((\d+),(\d+)\)\Z")
#: The scales that decimals are given, the first that fits: few, so that later rows find room.
SCALES = (9, 18)


@dataclass(slots=True)
class Seen:
    """What the values of a column are."""

    mask: int = 0
    #: Digits before and after the point, at most.
    whole: int = 0
    scale: int = 0
    low: int = 0
    high: int = 0

    def add(self, value: Any) -> None:
        if value is None:
            return
        kind = type(value)
        if kind is str:
            self.mask |= _text_kind(value)
        elif kind is bool:
            self.mask |= BOOL
        elif kind is int:
            self.mask |= INT
            self.low, self.high = min(self.low, value), max(self.high, value)
        elif kind is Decimal:
            self._decimal(value)
        else:
            self.mask |= NESTED

    def _decimal(self, value: Decimal) -> None:
        _, digits, exponent = value.as_tuple()
        assert isinstance(exponent, int)
        self.mask |= DECIMAL
        if Decimal(repr(float(value))) != value:
            self.mask |= INEXACT
        self.scale = max(self.scale, -exponent)
        self.whole = max(self.whole, len(digits) + exponent)

    def copy(self) -> Seen:
        return Seen(self.mask, self.whole, self.scale, self.low, self.high)

    @property
    def digits(self) -> int:
        """Digits before the point of every number, whole ones too."""
        return max(self.whole, len(str(max(self.high, -self.low))) if self.mask & INT else 0)


def _text_kind(text: str) -> int:
    if 9 < len(text) < 36 and text[4] == "-" and text[:4].isdigit():
        try:
            if _DATE.match(text):
                date.fromisoformat(text)
                return DATE
            if match := _STAMP.match(text):
                datetime.fromisoformat(text.replace(",", ".").replace(" Z", "Z"))
                return ZONED if match[3] else STAMP
        except ValueError:
            return TEXT
    return TEXT


def fitting(seen: Seen, known: str) -> str:
    """The DuckDB type for values like these: the known one where they fit it; empty when there are none."""
    if known and fits(seen, known):
        return known
    mask = seen.mask & ~INEXACT
    if not mask:
        return known
    if mask == BOOL:
        return "BOOLEAN"
    if mask == INT:
        return "BIGINT" if seen.low >= -(2**63) and seen.high < 2**63 else _decimals(seen, (0,))
    if mask & ~NUMBERS == 0:
        return _decimals(seen, SCALES)
    if mask == DATE:
        return "DATE"
    if mask & ~(DATE | STAMP) == 0:
        return "TIMESTAMP"
    return "TIMESTAMP WITH TIME ZONE" if mask == ZONED else "VARCHAR"


def _decimals(seen: Seen, scales: tuple[int, ...]) -> str:
    for scale in scales:
        if seen.scale <= scale and seen.digits <= 38 - scale:
            return f"DECIMAL(38,{scale})"
    exact = not seen.mask & INEXACT and max(seen.high, -seen.low) <= 2**53
    return "DOUBLE" if seen.mask & DECIMAL and exact else "VARCHAR"


def fits(seen: Seen, kind: str) -> bool:
    """Whether a column of this type keeps all these values."""
    mask = seen.mask & ~INEXACT
    if kind == "VARCHAR" or not mask:
        return True
    if kind == "BIGINT":
        return mask == INT and seen.low >= -(2**63) and seen.high < 2**63
    if sized := _SIZED.match(kind):
        whole = int(sized[1]) - int(sized[2])
        return not mask & ~NUMBERS and seen.scale <= int(sized[2]) and seen.digits <= whole
    if kind == "DOUBLE":
        return not mask & ~NUMBERS and not seen.mask & INEXACT and max(seen.high, -seen.low) <= 2**53
    allowed = {"BOOLEAN": BOOL, "DATE": DATE, "TIMESTAMP": DATE | STAMP, "TIMESTAMP WITH TIME ZONE": ZONED}
    return not mask & ~allowed.get(kind, 0)


@lru_cache(maxsize=1000)
def arrow_type(kind: str) -> Any:
    """The Arrow type of a DuckDB type. Raises ValueError for a type that DuckDB does not know."""
    import pyarrow as pa

    from wherry import duckdb

    simple = {
        "BIGINT": pa.int64(), "VARCHAR": pa.string(), "DOUBLE": pa.float64(), "BOOLEAN": pa.bool_(),
        "DATE": pa.date32(), "TIMESTAMP": pa.timestamp("us"), "TIMESTAMP WITH TIME ZONE": pa.timestamp("us", "UTC"),
    }  # fmt: skip
    if kind in simple:
        return simple[kind]
    if sized := _SIZED.match(kind):
        return pa.decimal128(int(sized[1]), int(sized[2]))
    try:
        with duckdb.connect() as connection:
            connection.execute("SET TimeZone = 'UTC'")
            found = connection.execute(f"SELECT CAST(NULL AS {kind}) AS v").to_arrow_table().schema.field("v").type
    except duckdb.Error:
        raise ValueError(f"There is no type `{kind}`.") from None
    return pa.string() if kind.upper() == "JSON" else found


class Misfit(Exception):
    """A value that a type does not keep."""


def converter(kind: Any) -> Callable[[Any], Any]:
    """``as_type`` for one type, quick for the values that are as they should be."""
    import pyarrow as pa

    plain: type = str if pa.types.is_string(kind) else bool if pa.types.is_boolean(kind) else type(None)
    if pa.types.is_int64(kind):
        return lambda value: value if type(value) is int and -(2**63) <= value < 2**63 else as_type(value, kind)
    return lambda value: value if type(value) is plain else as_type(value, kind)


def as_type(value: Any, kind: Any) -> Any:
    """The value for a column of this Arrow type. Raises ``Misfit``."""
    import pyarrow as pa

    if value is None:
        return None
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        return as_text(value)
    if pa.types.is_struct(kind):
        if not isinstance(value, dict):
            raise Misfit(f"{_short(value)} is no object")
        return {field.name: as_type(value.get(field.name), field.type) for field in kind}
    if pa.types.is_list(kind) or pa.types.is_large_list(kind):
        if not isinstance(value, list):
            raise Misfit(f"{_short(value)} is no list")
        return [as_type(item, kind.value_type) for item in value]
    if pa.types.is_map(kind):
        if not isinstance(value, dict):
            raise Misfit(f"{_short(value)} is no object")
        return [(as_type(k, kind.key_type), as_type(v, kind.item_type)) for k, v in value.items()]
    try:
        return _scalar(value, kind)
    except (ValueError, ArithmeticError, TypeError):
        raise Misfit(f"{_short(value)} is no {kind}") from None


def _scalar(value: Any, kind: Any) -> Any:
    import pyarrow as pa

    types = pa.types
    if types.is_boolean(kind):
        if isinstance(value, bool):
            return value
        return (
            {"true": True, "false": False, "1": True, "0": False}.get(str(value).lower()) if _boolish(value) else _no()
        )
    if isinstance(value, bool | dict | list):
        return _no()
    if types.is_integer(kind):
        number = Decimal(value)
        bits = kind.bit_width
        low, high = (0, 2**bits) if types.is_unsigned_integer(kind) else (-(2 ** (bits - 1)), 2 ** (bits - 1))
        return int(number) if number == int(number) and low <= number < high else _no()
    if types.is_decimal(kind):
        number = Decimal(value)
        exact = number.is_finite() and number == round(number, kind.scale)
        return round(number, kind.scale) if exact and abs(number) < 10 ** (kind.precision - kind.scale) else _no()
    if types.is_floating(kind):
        return float(value)
    if types.is_date(kind):
        return date.fromisoformat(value[:10]) if _midnight(value) else _no()
    if types.is_timestamp(kind):
        moment = datetime.fromisoformat(value.replace(",", ".").replace(" Z", "Z"))
        if kind.tz is None:
            return moment if moment.tzinfo is None else moment.astimezone(UTC).replace(tzinfo=None)
        return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
    if types.is_time(kind):
        return time.fromisoformat(value)
    if types.is_binary(kind) or types.is_large_binary(kind):
        return str(value).encode()
    return _no()


def _boolish(value: Any) -> bool:
    return str(value).lower() in ("true", "false", "1", "0")


def _midnight(text: str) -> bool:
    """Whether it is a date, or the first moment of one."""
    return len(text) == 10 or not text[10:].strip("T 0:.Z")


def _no() -> Any:
    raise ValueError


def as_text(value: Any) -> str:
    """A value as text: numbers with the digits they have, lists and objects as JSON."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Decimal):
        return format(value, "f") if -30 < value.adjusted() < 40 else str(value)
    return str(value) if isinstance(value, int) else as_json(value)


def as_json(value: Any) -> str:
    """JSON text, numbers with the digits they have."""
    if isinstance(value, dict):
        return (
            "{" + ", ".join(f"{json.dumps(str(k), ensure_ascii=False)}: {as_json(v)}" for k, v in value.items()) + "}"
        )
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(as_json, value)) + "]"
    return as_text(value) if isinstance(value, Decimal) else json.dumps(value, ensure_ascii=False)


def _short(value: Any) -> str:
    text = as_json(value)
    return f"`{text[:60]}{'...' if len(text) > 60 else ''}`"
