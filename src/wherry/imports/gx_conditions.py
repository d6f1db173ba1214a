"""Row conditions of Great Expectations as SQL."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from wherry.imports import NotUnderstood
from wherry.quoting import literal, name, text


class NotImported(NotUnderstood):
    """What cannot be taken over, and why."""


_TOKEN = re.compile(
    r"\s*(?:(?P<text>'(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\")|(?P<number>\d+\.\d*(?:e[+-]?\d+)?|\.\d+|\d+(?:e[+-]?\d+)?)"
    r"|(?P<quoted>`[^`]+`)|(?P<word>[A-Za-z_]\w*)|(?P<sign>==|!=|<=|>=|[<>=&|~(),\[\].-]))",
    re.IGNORECASE,
)
_OPERATORS = {"==": "=", "=": "=", "!=": "IS DISTINCT FROM", "<": "<", "<=": "<=", ">": ">", ">=": ">="}
_EMPTY = {"isnull": "IS NULL", "isna": "IS NULL", "notnull": "IS NOT NULL", "notna": "IS NOT NULL"}
_JOINS = {"&": "AND", "and": "AND", "|": "OR", "or": "OR"}


def condition_sql(condition: Any, parser: str) -> str:
    """The SQL of ``row_condition``: pandas's query, ``col("x") > 5``, SQL (Spark's) or an object of version 1.

    Raises ``NotImported``.
    """
    if isinstance(condition, Mapping):
        return _object(condition)
    if not isinstance(condition, str) or not condition.strip():
        raise NotImported(f"the row_condition {condition!r} is not understood")
    if parser == "spark":
        return condition
    if parser not in ("", "pandas", "great_expectations", "great_expectations__experimental__"):
        raise NotImported(f"there is no condition_parser `{parser}`")
    return _Query(condition).sql()


def _object(condition: Mapping[str, Any]) -> str:
    kind = condition.get("type")
    if kind in ("and", "or"):
        parts = [f"({_object(part)})" for part in condition.get("conditions") or ()]
        if not parts:
            raise NotImported("a row_condition joins no conditions")
        return f" {str(kind).upper()} ".join(parts)
    column = condition.get("column")
    shown = name(str(column.get("name") if isinstance(column, Mapping) else column))
    if kind == "nullity":
        return f"{shown} IS {'' if condition.get('is_null') else 'NOT '}NULL"
    operator, value = str(condition.get("operator", "")).lower().replace("_", " "), condition.get("parameter")
    if kind == "comparison" and operator in _OPERATORS:
        return f"{shown} {_OPERATORS[operator]} {literal(value)}"
    if kind == "comparison" and operator in ("in", "not in") and isinstance(value, list) and value:
        return f"{shown} {operator.upper()} ({', '.join(map(literal, value))})"
    if kind == "pass_through" and isinstance(condition.get("pass_through_filter"), str):
        return condition_sql(condition["pass_through_filter"], "pandas")
    raise NotImported(f"the row_condition {dict(condition)} is not understood")


class _Query:
    """A query of pandas, or of ``col("x")``, token by token: both read like SQL but for a few signs."""

    def __init__(self, query: str) -> None:
        self.query, self.tokens, self.at = query, list(_tokens(query)), 0

    def sql(self) -> str:
        found = self._either()
        if self.at < len(self.tokens):
            raise self._problem()
        return found

    def _problem(self) -> NotImported:
        return NotImported(f"the row_condition `{self.query}` is not understood")

    def _peek(self, ahead: int = 0) -> str:
        place = self.at + ahead
        return self.tokens[place][1].lower() if place < len(self.tokens) else ""

    def _take(self, *wanted: str) -> str:
        found = self._peek()
        if not found or (wanted and found not in wanted):
            raise self._problem()
        self.at += 1
        return self.tokens[self.at - 1][1]

    def _either(self) -> str:
        found = self._both()
        while self._peek() in ("|", "or"):
            self._take()
            found = f"{found} OR {self._both()}"
        return found

    def _both(self) -> str:
        found = self._not()
        while self._peek() in ("&", "and"):
            self._take()
            found = f"{found} AND {self._not()}"
        return found

    def _not(self) -> str:
        if self._peek() in ("~", "not"):
            self._take()
            return f"NOT ({self._not()})"
        if self._peek() == "(":
            self._take()
            found = self._either()
            self._take(")")
            return f"({found})"
        return self._comparison()

    def _comparison(self) -> str:
        left = self._operand()
        if self._peek() == "." and self._peek(1) in _EMPTY:
            self._take()
            empty = _EMPTY[self._take().lower()]
            self._take("(")
            self._take(")")
            return f"{left} {empty}"
        negated = self._peek() == "not" and self._peek(1) == "in"
        if negated or self._peek() == "in":
            self.at += 1 + negated
            return f"{left} {'NOT ' if negated else ''}IN ({self._list()})"
        operator = self._take(*_OPERATORS)
        return f"{left} {_OPERATORS[operator]} {self._operand()}"

    def _list(self) -> str:
        closing = {"[": "]", "(": ")"}[self._take("[", "(")]
        items = [self._operand()]
        while self._peek() == ",":
            self._take()
            items.append(self._operand())
        self._take(closing)
        return ", ".join(items)

    def _operand(self) -> str:
        if self.at >= len(self.tokens):
            raise self._problem()
        kind, token = self.tokens[self.at]
        self.at += 1
        if kind == "text":
            return text(re.sub(r"\\(.)", r"\1", token[1:-1]))
        if kind == "number":
            # In quotes a whole number is a number beside numbers, and text beside text.
            return text(token) if token.isdecimal() else token
        if token == "-" and self._peek() and self.tokens[self.at][0] == "number":
            self.at += 1
            return f"-{self.tokens[self.at - 1][1]}"
        if kind == "quoted":
            return name(token[1:-1])
        if kind != "word":
            raise self._problem()
        if token in ("True", "False", "None"):
            return {"True": "true", "False": "false", "None": "NULL"}[token]
        if token == "col" and self._peek() == "(":
            return self._column()
        return name(token)

    def _column(self) -> str:
        """``col("x")``, perhaps with ``.notNull()``, which its caller sees as ``.notnull()``."""
        self._take("(")
        kind, token = self.tokens[self.at] if self.at < len(self.tokens) else ("", "")
        if kind != "text":
            raise self._problem()
        self.at += 1
        self._take(")")
        return name(token[1:-1])


def _tokens(query: str) -> Iterator[tuple[str, str]]:
    place, end = 0, len(query.rstrip())
    while place < end:
        match = _TOKEN.match(query, place)
        if match is None:
            raise NotImported(f"the row_condition `{query}` is not understood")
        kind = match.lastgroup or ""
        yield kind, match[kind]
        place = match.end()
