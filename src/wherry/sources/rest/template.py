"""``{{ ... }}`` of an Airbyte manifest, evaluated by a small interpreter that can do nothing but compute.

Names, attributes and items of plain values, literals, operators, ``x if y else z``, filters, and the functions and
methods listed here. There is no access to attributes of Python objects, no loop and no assignment.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from functools import lru_cache
from typing import Any

from wherry.sources.rest.kinds import as_json
from wherry.sources.rest.vocabulary import FILTERS, FUNCTIONS, METHODS, BadTemplate, Scope, plain_number, shown

_TOKEN = re.compile(
    r"\s*(?:(?P<number>\d+(?:\.\d+)?)|(?P<text>'(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\")|(?P<name>[A-Za-z_]\w*)"
    r"|(?P<sign>==|!=|<=|>=|//|\*\*|[-+*/%~<>|.,:()\[\]{}]))"
)
_HOLE = re.compile(r"\{\{-?(.*?)-?\}\}", re.DOTALL)

Node = Callable[[Scope], Any]


def is_template(text: Any) -> bool:
    return isinstance(text, str) and "{{" in text


def evaluate(text: Any, scope: Scope) -> Any:
    """The value of a text with ``{{ }}``, at any depth; a text that is nothing else becomes the value itself.

    Raises ``BadTemplate``.
    """
    if isinstance(text, Mapping):
        return {evaluate(key, scope): evaluate(value, scope) for key, value in text.items()}
    if isinstance(text, list):
        return [evaluate(item, scope) for item in text]
    if not isinstance(text, str):
        return text
    if "{%" in text:
        raise BadTemplate("`{% %}` is not read: only `{{ }}` is")
    if "{{" not in text:
        return text
    whole = _HOLE.fullmatch(text.strip())
    if whole and "{{" not in whole[1]:
        return _computed(whole[1], scope)
    return _HOLE.sub(lambda match: shown(_computed(match[1], scope)), text)


def _computed(text: str, scope: Scope) -> Any:
    try:
        return compiled(text)(scope)
    except BadTemplate:
        raise
    except (TypeError, ValueError, LookupError, ArithmeticError, AttributeError, RecursionError) as error:
        raise BadTemplate(f"`{{{{ {text.strip()} }}}}` cannot be computed: {error}") from None


@lru_cache(maxsize=2000)
def compiled(text: str) -> Node:
    """An expression made ready. Raises ``BadTemplate``."""
    parser = _Parser(text)
    node = parser.choice()
    if parser.kind:
        raise BadTemplate(f"`{{{{ {text.strip()} }}}}` is not understood at `{parser.word}`")
    return node


#: Operators, weakest first; those of one line bind alike.
_LEVELS: tuple[tuple[str, ...], ...] = (("~",), ("+", "-"), ("*", "/", "//", "%"))
_COMPARE = ("==", "!=", "<", ">", "<=", ">=")


class _Parser:
    def __init__(self, text: str) -> None:
        self.text, self.at, self.kind, self.word = text, 0, "", ""
        self.step()

    def step(self) -> None:
        if not self.text[self.at :].strip():
            self.kind = self.word = ""
            return
        match = _TOKEN.match(self.text, self.at)
        if match is None:
            raise BadTemplate(f"`{{{{ {self.text.strip()} }}}}` is not understood at `{self.text[self.at :].strip()}`")
        self.at, self.kind = match.end(), str(match.lastgroup)
        self.word = match[self.kind]

    def skip(self, word: str) -> bool:
        found = self.word == word and self.kind in ("name", "sign")
        if found:
            self.step()
        return found

    def need(self, word: str) -> None:
        if not self.skip(word):
            raise BadTemplate(f"`{{{{ {self.text.strip()} }}}}` needs `{word}` at `{self.word or 'its end'}`")

    def choice(self) -> Node:
        value = self.either()
        if not self.skip("if"):
            return value
        condition = self.either()
        other = self.choice() if self.skip("else") else (lambda scope: None)
        return lambda scope: value(scope) if condition(scope) else other(scope)

    def either(self) -> Node:
        left = self.both()
        while self.skip("or"):
            left = (lambda a, b: lambda scope: a(scope) or b(scope))(left, self.both())
        return left

    def both(self) -> Node:
        left = self.negated()
        while self.skip("and"):
            left = (lambda a, b: lambda scope: a(scope) and b(scope))(left, self.negated())
        return left

    def negated(self) -> Node:
        if self.skip("not"):
            inner = self.negated()
            return lambda scope: not inner(scope)
        return self.compared()

    def compared(self) -> Node:
        left = self.level(0)
        while True:
            if self.kind == "sign" and self.word in _COMPARE:
                sign = self.word
                self.step()
                left = (lambda a, s, b: lambda scope: _compare(a(scope), s, b(scope)))(left, sign, self.level(0))
            elif self.word in ("in", "not", "is") and self.kind == "name":
                left = self.membership(left)
            else:
                return left

    def membership(self, left: Node) -> Node:
        if self.skip("is"):
            no = self.skip("not")
            test = self.word.lower()
            self.step()
            tests: Mapping[str, Callable[[Any], bool]] = {
                "none": lambda v: v is None, "defined": lambda v: v is not None, "string": lambda v: isinstance(v, str),
                "mapping": lambda v: isinstance(v, Mapping), "number": lambda v: isinstance(v, int | float | Decimal),
            }  # fmt: skip
            if test not in tests:
                raise BadTemplate(f"`is {test}` is not read")
            return lambda scope: tests[test](left(scope)) != no
        no = self.skip("not")
        self.need("in")
        right = self.level(0)
        return lambda scope: (left(scope) in (right(scope) or ())) != no

    def level(self, number: int) -> Node:
        if number == len(_LEVELS):
            return self.signed()
        left = self.level(number + 1)
        while self.kind == "sign" and self.word in _LEVELS[number]:
            sign = self.word
            self.step()
            left = (lambda a, s, b: lambda scope: _compute(a(scope), s, b(scope)))(left, sign, self.level(number + 1))
        return left

    def signed(self) -> Node:
        if self.skip("-"):
            inner = self.signed()
            return lambda scope: -inner(scope)
        return self.trailed(self.atom())

    def atom(self) -> Node:
        kind, word = self.kind, self.word
        self.step()
        if kind == "number":
            number = float(word) if "." in word else int(word)
            return lambda scope: number
        if kind == "text":
            text = re.sub(r"\\(.)", lambda m: {"n": "\n", "t": "\t"}.get(m[1], m[1]), word[1:-1])
            return lambda scope: text
        if kind == "name":
            fixed = {"true": True, "false": False, "none": None, "null": None}
            if word.lower() in fixed:
                return lambda scope: fixed[word.lower()]
            if self.word == "(":
                return self.call(word)
            return lambda scope: _name(scope, word)
        if word == "(":
            inner = self.choice()
            self.need(")")
            return inner
        if word == "[":
            items = self.listed("]")
            return lambda scope: [item(scope) for item in items]
        if word == "{":
            return self.mapping()
        raise BadTemplate(f"`{{{{ {self.text.strip()} }}}}` is not understood at `{word or 'its end'}`")

    def listed(self, end: str) -> list[Node]:
        items: list[Node] = []
        while not self.skip(end):
            items.append(self.choice())
            if not self.skip(","):
                self.need(end)
                break
        return items

    def mapping(self) -> Node:
        pairs: list[tuple[Node, Node]] = []
        while not self.skip("}"):
            key = self.choice()
            self.need(":")
            pairs.append((key, self.choice()))
            if not self.skip(","):
                self.need("}")
                break
        return lambda scope: {key(scope): value(scope) for key, value in pairs}

    def call(self, word: str) -> Node:
        if word not in FUNCTIONS:
            raise BadTemplate(f"there is no function `{word}`; there are {', '.join(sorted(FUNCTIONS))}")
        arguments = self.arguments()
        return lambda scope: FUNCTIONS[word](scope, *(each(scope) for each in arguments))

    def arguments(self) -> list[Node]:
        self.need("(")
        items: list[Node] = []
        while not self.skip(")"):
            item = self.choice()
            if self.kind == "sign" and self.word == "=":
                raise BadTemplate("arguments are given by place")
            items.append(item)
            if not self.skip(","):
                self.need(")")
                break
        return items

    def trailed(self, value: Node) -> Node:
        while True:
            if self.skip("."):
                word = self.word
                self.step()
                if self.kind == "sign" and self.word == "(":
                    if word not in METHODS:
                        raise BadTemplate(f"there is no method `{word}`; there are {', '.join(sorted(METHODS))}")
                    value = (lambda v, w, a: lambda scope: METHODS[w](v(scope), *(x(scope) for x in a)))(
                        value, word, self.arguments()
                    )
                else:
                    value = (lambda v, w: lambda scope: _item(v(scope), w))(value, word)
            elif self.skip("["):
                index = self.choice()
                self.need("]")
                value = (lambda v, i: lambda scope: _item(v(scope), i(scope)))(value, index)
            elif self.skip("|"):
                word = self.word
                self.step()
                if word not in FILTERS:
                    raise BadTemplate(f"there is no filter `{word}`; there are {', '.join(sorted(FILTERS))}")
                arguments = self.arguments() if self.word == "(" else []
                value = (lambda v, w, a: lambda scope: FILTERS[w](v(scope), *(x(scope) for x in a)))(
                    value, word, arguments
                )
            else:
                return value


def _name(scope: Scope, word: str) -> Any:
    if word not in scope:
        raise BadTemplate(f"there is no `{word}` here; there are {', '.join(sorted(scope))}")
    return scope[word]


def _item(value: Any, key: Any) -> Any:
    """An item of a mapping, a list or a text; None where there is none."""
    if isinstance(value, Mapping):
        return value.get(key)
    if isinstance(value, list | str) and isinstance(key, int):
        return value[key] if -len(value) <= key < len(value) else None
    return None


def _compare(left: Any, sign: str, right: Any) -> bool:
    left, right = plain_number(left), plain_number(right)
    if sign in ("==", "!="):
        return bool(left == right) == (sign == "==")
    try:
        found: bool = {"<": left < right, ">": left > right, "<=": left <= right, ">=": left >= right}[sign]
        return found
    except TypeError:
        raise BadTemplate(f"{as_json(left)} and {as_json(right)} cannot be compared") from None


def _compute(left: Any, sign: str, right: Any) -> Any:
    if sign == "~" or (sign == "+" and isinstance(left, str) != isinstance(right, str) and not _moment(left, right)):
        return shown(left) + shown(right)
    left, right = plain_number(left), plain_number(right)
    try:
        if sign == "+":
            return left + right
        if sign == "-":
            return left - right
        if sign == "*":
            if isinstance(left, str | list) or isinstance(right, str | list):
                raise TypeError
            return left * right
        return left % right if sign == "%" else left // right if sign == "//" else left / right
    except (TypeError, ArithmeticError):
        raise BadTemplate(f"`{sign}` cannot be done with {left!r:.40} and {right!r:.40}") from None


def _moment(*values: Any) -> bool:
    return any(isinstance(value, datetime | timedelta) for value in values)
