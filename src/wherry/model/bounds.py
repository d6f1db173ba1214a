"""What a measured value is held against: ``> 3``, or between two ends."""

from collections.abc import Mapping
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from operator import eq, ge, gt, le, lt, ne
from typing import Any

_OPERATORS = {">=": ge, "<=": le, ">": gt, "<": lt, "=": eq, "==": eq, "!=": ne, "<>": ne}


def holds(value: Any, arguments: Mapping[str, Any]) -> bool:
    """Whether a value keeps the bounds of a check's arguments.

    These are ``operator`` and ``value``, or ``low`` and ``high`` (either may be missing) with ``strict_low`` and
    ``strict_high``. Without bounds every value keeps them. No value keeps none, and NaN keeps no bound.
    """
    asked = limits(arguments)
    return value is not None and all(_OPERATORS[operator](*_alike(value, limit)) for operator, limit in asked)


def told(arguments: Mapping[str, Any]) -> str:
    """The bounds as a person would write them."""
    return " and ".join(f"{operator} {limit}" for operator, limit in limits(arguments)) or "anything"


def limits(arguments: Mapping[str, Any]) -> list[tuple[str, Any]]:
    """Operators and what stands right of each."""
    found = [(str(arguments["operator"]), arguments["value"])] if "operator" in arguments else []
    if arguments.get("low") is not None:
        found.append((">" if arguments.get("strict_low") else ">=", arguments["low"]))
    if arguments.get("high") is not None:
        found.append(("<" if arguments.get("strict_high") else "<=", arguments["high"]))
    return found


def _alike(value: Any, limit: Any) -> tuple[Any, Any]:
    """Both in a form that Python compares: bounds are JSON, values are what the database gives."""
    if isinstance(value, timedelta):
        value = value.total_seconds()
    if isinstance(value, date):
        return _moments(value, limit)
    if isinstance(value, time):
        return _times(value, limit)
    if isinstance(value, str) and not isinstance(limit, str):
        try:
            return float(value), limit
        except ValueError:
            raise ValueError(f"`{value}` is text, and is held against the number {limit}") from None
    if isinstance(value, Decimal) and isinstance(limit, float):
        return value, Decimal(repr(limit))
    if not isinstance(value, str) and isinstance(limit, str):
        try:
            return value, Decimal(limit) if isinstance(value, Decimal) else float(limit)
        except (ValueError, ArithmeticError):
            raise ValueError(f"the bound `{limit}` is no number") from None
    if isinstance(value, list | Mapping):
        raise ValueError(f"{plain(value)} is no single value, and is held against {limit}")
    if not isinstance(value, bool | int | float | Decimal | str):
        raise ValueError(f"`{value}` is no number, and is held against {limit}")
    return value, limit


def _times(value: time, limit: Any) -> tuple[time, time]:
    try:
        found = time.fromisoformat(str(limit).strip("'")) if isinstance(limit, str) else None
    except ValueError:
        found = None
    if found is None:
        raise ValueError(f"the bound `{limit}` is no time; write it as '10:30'")
    return value, found.replace(tzinfo=value.tzinfo)


def moment_of(limit: Any) -> datetime | None:
    """The moment that a bound is; None for one that is none."""
    try:
        return datetime.fromisoformat(limit.strip("'")) if isinstance(limit, str) else None
    except ValueError:
        return None


def _moments(value: date, limit: Any) -> tuple[datetime, datetime]:
    moment = moment_of(limit)
    if moment is None:
        raise ValueError(f"the bound `{limit}` is no moment; write it as 2026-01-31")
    whole = value if isinstance(value, datetime) else datetime(value.year, value.month, value.day)
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    if whole.tzinfo is None:
        whole = whole.replace(tzinfo=UTC)
    return whole, moment


def plain(value: Any) -> Any:
    """A value that the database gave, as JSON knows it."""
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, float):
        return value if value - value == 0 else str(value)
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    if isinstance(value, list | tuple):
        return [plain(each) for each in value]
    if isinstance(value, Mapping):
        return {str(key): plain(each) for key, each in value.items()}
    if isinstance(value, timedelta):
        return value.total_seconds()
    return value.isoformat() if isinstance(value, date) else str(value)
