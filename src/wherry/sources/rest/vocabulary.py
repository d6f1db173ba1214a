"""What an expression of a manifest may call: functions, methods, filters; dates as Airbyte writes them."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

from wherry.http.clock import Clock
from wherry.sources.rest.kinds import as_json, as_text
from wherry.sources.rest.since import duration


class BadTemplate(ValueError):
    """An expression that is not understood."""


Scope = Mapping[str, Any]


def shown(value: Any) -> str:
    """A value in the middle of a text."""
    return "" if value is None else as_text(value) if not isinstance(value, datetime | date) else str(value)


def plain_number(value: Any) -> Any:
    """A number that may be computed with others."""
    return float(value) if isinstance(value, Decimal) else value


def _date(value: Any) -> datetime:
    if isinstance(value, int | float | Decimal) or (isinstance(value, str) and re.fullmatch(r"\d{9,}", value)):
        return datetime.fromtimestamp(float(value), UTC)
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value)
        except ValueError:
            raise BadTemplate(f"`{value}` is no date") from None
    if isinstance(value, datetime):
        return value if value.tzinfo else value.replace(tzinfo=UTC)
    if isinstance(value, date):
        return datetime(value.year, value.month, value.day, tzinfo=UTC)
    raise BadTemplate(f"{value!r:.40} is no date")


def format_moment(moment: datetime, form: str) -> str:
    """A moment in a pattern of strftime, with Airbyte's own additions."""
    special = {"%s": str(int(moment.timestamp())), "%ms": str(int(moment.timestamp() * 1000))}
    special["%s_as_float"] = str(moment.timestamp())
    special["%epoch_microseconds"] = str(int(moment.timestamp() * 1_000_000))
    if form in special:
        return special[form]
    return moment.strftime(form.replace("%_ms", f"{moment.microsecond // 1000:03}"))


def _now(scope: Scope) -> datetime:
    clock: Clock = scope.get("_clock") or Clock()
    return clock.now()


#: What may be called; the first argument is the scope.
FUNCTIONS: Mapping[str, Callable[..., Any]] = {
    "now_utc": lambda scope: _now(scope),
    "today_utc": lambda scope: _now(scope).date(),
    "timestamp": lambda scope, value: int(_date(value).timestamp()),
    "duration": lambda scope, text: duration(text),
    "day_delta": lambda scope, days, form="%Y-%m-%dT%H:%M:%S.%f%z": format_moment(
        _now(scope) + timedelta(days=days), form
    ),
    "format_datetime": lambda scope, value, form: format_moment(_date(value), form),
    "str_to_datetime": lambda scope, value: _date(value),
    "min": lambda scope, *values: min(values[0] if len(values) == 1 else values),
    "max": lambda scope, *values: max(values[0] if len(values) == 1 else values),
}
#: What may be called on a value.
METHODS: Mapping[str, Callable[..., Any]] = {
    "get": lambda value, key, other=None: value.get(key, other) if isinstance(value, Mapping) else other,
    "keys": lambda value: list(value) if isinstance(value, Mapping) else [],
    "values": lambda value: list(value.values()) if isinstance(value, Mapping) else [],
    "items": lambda value: [list(pair) for pair in value.items()] if isinstance(value, Mapping) else [],
    "strftime": lambda value, form: format_moment(_date(value), form),
    "isoformat": lambda value: _date(value).isoformat(),
    "split": lambda value, sign=None: str(value).split(sign),
    "replace": lambda value, old, new: str(value).replace(old, new),
    "strip": lambda value, signs=None: str(value).strip(signs),
    "lower": lambda value: str(value).lower(),
    "upper": lambda value: str(value).upper(),
    "startswith": lambda value, start: str(value).startswith(start),
    "endswith": lambda value, end: str(value).endswith(end),
}
#: What may stand behind ``|``.
FILTERS: Mapping[str, Callable[..., Any]] = {
    "string": shown,
    "int": lambda value, other=0: int(float(value)) if re.fullmatch(r"-?\d+(\.\d+)?", shown(value)) else other,
    "float": lambda value, other=0.0: float(value) if re.fullmatch(r"-?\d+(\.\d+)?", shown(value)) else other,
    "lower": lambda value: shown(value).lower(),
    "upper": lambda value: shown(value).upper(),
    "trim": lambda value: shown(value).strip(),
    "replace": lambda value, old, new: shown(value).replace(old, new),
    "default": lambda value, other="", also_false=False: (
        other if value is None or (also_false and not value) else value
    ),
    "tojson": as_json,
    "length": lambda value: len(value) if value is not None else 0,
    "count": lambda value: len(value) if value is not None else 0,
    "first": lambda value: value[0] if value else None,
    "last": lambda value: value[-1] if value else None,
    "join": lambda value, sign="": sign.join(shown(item) for item in value or ()),
    "abs": lambda value: abs(value),
    "round": lambda value, digits=0: round(plain_number(value), digits),
    "list": lambda value: list(value or ()),
    "base64encode": lambda value: base64.b64encode(shown(value).encode()).decode(),
    "base64decode": lambda value: base64.b64decode(shown(value)).decode(),
    "fromjson": lambda value: json.loads(value),
}
