"""Checks as people write them: the short form of a line and the long form of a mapping."""

import re
from collections.abc import Callable, Mapping
from typing import Any

from wherry.model.asset import Check

_COMPARE = re.compile(r"(>=|<=|!=|<>|=|>|<)\s*(\S.*)\Z", re.DOTALL)
_BETWEEN = re.compile(r"between\s+(\S.*?)\s+and\s+(\S.*)\Z", re.IGNORECASE | re.DOTALL)
_IN = re.compile(r"in\s*(\[.*\])\Z", re.IGNORECASE | re.DOTALL)
_MATCHES = re.compile(r"matches\s+(\S.*)\Z", re.IGNORECASE | re.DOTALL)
_REFERS = re.compile(r"refers\s+to\s+(\S+)\.([^.\s]+)\Z", re.IGNORECASE)
_ROWS = re.compile(r"rows\s*(>=|<=|!=|<>|=|>|<)\s*([0-9]+)\Z", re.IGNORECASE)
_UNIQUE = re.compile(r"unique\s*\[(.*)\]\Z", re.IGNORECASE | re.DOTALL)
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}([T ][0-9:.+Z-]+)?\Z")

COLUMN_FORMS = (
    "not_null",
    "unique",
    ">= 0",
    "between 0 and 1",
    "in [a, b]",
    'matches "^[A-Z]+$"',
    "refers to s.t.column",
)
LONG_KEYS = ("check", "mostly", "where", "severity", "name")


class CheckFormError(ValueError):
    """This check cannot be read."""


def read_check(written: Any, *, column: str, file: str, line: int) -> Check:
    """One check of a list, of ``column`` or (when that is empty) of the table.

    Raises ``CheckFormError`` with a sentence that says what is wrong.
    """
    if not isinstance(written, Mapping):
        kind, arguments = _short(str(written).strip(), column)
        return Check(kind=kind, column=column, arguments=arguments, text=str(written), file=file, line=line)
    short = written.get("check")
    if not isinstance(short, str):
        raise CheckFormError("A check in long form needs `check:` with one of the short forms.")
    unknown = [key for key in written if key not in LONG_KEYS]
    if unknown:
        raise CheckFormError(f"A check has no `{unknown[0]}`: it takes {', '.join(LONG_KEYS)}.")
    mostly = written.get("mostly", 1.0)
    if isinstance(mostly, bool) or not isinstance(mostly, int | float) or not 0 <= mostly <= 1:
        raise CheckFormError(f"`mostly: {mostly}` must be a share from 0 to 1.")
    severity = written.get("severity", "error")
    if severity not in ("error", "warn"):
        raise CheckFormError(f"`severity: {severity}` must be error or warn.")
    kind, arguments = _short(short.strip(), column)
    if kind == "rows" and (mostly < 1 or written.get("where")):
        raise CheckFormError("`rows` counts the whole table: it takes neither `mostly` nor `where`.")
    return Check(
        kind=kind,
        column=column,
        arguments=arguments,
        text=str(written.get("name") or short),
        severity=severity,
        mostly=float(mostly),
        where=str(written.get("where") or ""),
        file=file,
        line=line,
    )


def _short(text: str, column: str) -> tuple[str, dict[str, Any]]:
    if not text:
        raise CheckFormError("A check is empty.")
    if not column:
        return _table_form(text)
    if text in ("not_null", "unique"):
        return text, ({"columns": [column]} if text == "unique" else {})
    for pattern, arguments in _COLUMN_FORMS:
        if match := pattern.match(text):
            return arguments(match)
    raise CheckFormError(f"`{text}` is no check of a column. The forms are: {'; '.join(COLUMN_FORMS)}.")


def _table_form(text: str) -> tuple[str, dict[str, Any]]:
    if match := _ROWS.match(text):
        return "rows", {"operator": match[1], "value": int(match[2])}
    if match := _UNIQUE.match(text):
        return "unique", {"columns": _words(match[1])}
    return "condition", {"sql": text}


def _in(match: re.Match[str]) -> tuple[str, dict[str, Any]]:
    from wherry.project.located import read_yaml

    values = read_yaml(match[1], file="").value
    if not isinstance(values, list) or not values or any(isinstance(v, list | dict) or v is None for v in values):
        raise CheckFormError(f"`in {match[1]}` needs a list of plain values, such as in [paid, refunded].")
    return "in", {"values": values}


def _matches(match: re.Match[str]) -> tuple[str, dict[str, Any]]:
    pattern = match[1].strip()
    if len(pattern) > 1 and pattern[0] == pattern[-1] and pattern[0] in "\"'":
        pattern = pattern[1:-1]
    return "matches", {"pattern": pattern}


def _operand(text: str) -> str:
    """A date without quotes means the date, not a subtraction; all else is SQL as written."""
    text = text.strip()
    return f"'{text}'" if _DATE.match(text) else text


_Form = Callable[[re.Match[str]], tuple[str, dict[str, Any]]]
_COLUMN_FORMS: tuple[tuple[re.Pattern[str], _Form], ...] = (
    (_COMPARE, lambda m: ("compare", {"operator": m[1], "value": _operand(m[2])})),
    (_BETWEEN, lambda m: ("between", {"low": _operand(m[1]), "high": _operand(m[2])})),
    (_IN, _in),
    (_MATCHES, _matches),
    (_REFERS, lambda m: ("refers", {"table": m[1], "column": m[2].strip('"')})),
)


def _words(text: str) -> list[str]:
    words = [word.strip().strip('"') for word in text.split(",")]
    if not all(words):
        raise CheckFormError(f"`unique [{text}]` needs column names between commas.")
    return words
