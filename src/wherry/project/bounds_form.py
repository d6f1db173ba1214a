"""Bounds, numbers, lists and lengths of time, as people write them in a check."""

import re
from typing import Any

from wherry.project.located import read_yaml

_OPERATOR = re.compile(r"(>=|<=|!=|<>|==|=|>|<)\s*(\S.*)\Z", re.DOTALL)
_BETWEEN = re.compile(r"(strictly\s+)?between\s+(\S.*?)\s+and\s+(\S.*)\Z", re.IGNORECASE | re.DOTALL)
_NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)(e[+-]?\d+)?\Z", re.IGNORECASE)
_DURATION = re.compile(r"(?:(\d+(?:\.\d+)?)\s*)?(second|minute|hour|day|week)s?\Z", re.IGNORECASE)
_NAME = r'(?:\s*"(?:[^"]|"")+"\s*|[^",]+)'
_NAMES, _ALL_NAMES = re.compile(_NAME), re.compile(rf"{_NAME}(?:,{_NAME})*\Z")
_SECONDS = {"second": 1, "minute": 60, "hour": 3_600, "day": 86_400, "week": 604_800}


class CheckFormError(ValueError):
    """This check cannot be read."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint


def read_bounds(text: str, what: str, *, numbers: bool = True) -> dict[str, Any]:
    """``>= 3``, ``between 1 and 5``, ``strictly between 0 and 10%``, as arguments of a check."""
    text = text.strip()
    if match := _OPERATOR.match(text):
        return {"operator": match[1], "value": read_value(match[2], what, numbers=numbers)}
    if match := _BETWEEN.match(text):
        low, high = (read_value(match[part], what, numbers=numbers) for part in (2, 3))
        strict = {"strict_low": True, "strict_high": True} if match[1] else {}
        return {"low": low, "high": high, **strict}
    raise CheckFormError(f"`{what}` needs a bound.", f"Write for example `{what} > 0` or `{what} between 1 and 5`.")


def read_value(text: str, what: str, *, numbers: bool = True) -> Any:
    """A number, a percentage as a share of 1; text and dates where ``numbers`` is false."""
    text = text.strip()
    bare = text.removesuffix("%").strip()
    if _NUMBER.match(bare):
        number = int(bare) if re.fullmatch(r"[+-]?\d+", bare) else float(bare)
        # Divided as text: 0.07 and not 7 * 0.01.
        return float(f"{bare}e-2") if text.endswith("%") and "e" not in bare.lower() else number
    if numbers:
        raise CheckFormError(f"`{text}` is no number, and `{what}` has one.")
    return unquoted(text)


def unquoted(text: str) -> str:
    """Text without the quotes around it."""
    text = text.strip()
    if len(text) > 1 and text[0] == text[-1] and text[0] in "\"'":
        return text[1:-1]
    return text


def read_list(text: str, what: str) -> list[Any]:
    """``[a, b]`` of plain values, as YAML reads it."""
    values = read_yaml(text, file="").value
    if not isinstance(values, list) or not values or any(isinstance(v, list | dict) or v is None for v in values):
        raise CheckFormError(f"`{what} {text}` needs a list of plain values, such as {what} [paid, refunded].")
    return values


def read_names(text: str, what: str) -> list[str]:
    """``a, "b, c"``: names of columns with commas between; in quotes a name may hold anything."""
    words = [read_name(word) for word in (_NAMES.findall(text) if _ALL_NAMES.match(text) else text.split(","))]
    if not all(words):
        raise CheckFormError(f"`{what} [{text}]` needs column names between commas.")
    return words


def read_name(text: str) -> str:
    """A column's name without the quotes around it; two quotes inside them are one."""
    text = text.strip()
    return text[1:-1].replace('""', '"') if len(text) > 1 and text[0] == text[-1] == '"' else text.strip('"')


def read_seconds(text: str) -> float:
    """``2 hours``, ``hour``, in seconds."""
    if match := _DURATION.match(str(text).strip()):
        return float(match[1] or 1) * _SECONDS[match[2].lower()]
    raise CheckFormError(f"`{text}` is no length of time.", "Write for example `2 hours` or `1 day`.")
