"""A notation for what a document must be, and all that is wrong with a document, each problem with its path.

Every form has a kind (text, a list). A value of another kind is one problem; a value of the kind is looked into.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import field
from typing import Any, Protocol

from wherry.model.dataclass import dataclass
from wherry.project.nearest import did_you_mean


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One thing that does not fit."""

    #: Keys and indexes joined with ``/``, as ``Located`` has them.
    path: str
    message: str
    hint: str = ""


class Form(Protocol):
    """What a value must be."""

    @property
    def kind(self) -> str:
        """In words, as in "must be text"."""

    def is_kind(self, value: Any) -> bool:
        """Whether the value is of the kind."""

    def inside(self, value: Any, path: str) -> Iterator[Problem]:
        """What is wrong with a value of the kind."""


def problems(form: Form, document: Any) -> tuple[Problem, ...]:
    """Everything in ``document`` that ``form`` does not allow; empty when it fits."""
    return tuple(dict.fromkeys(_misfits(form, document, "")))


def _misfits(form: Form, value: Any, path: str) -> Iterator[Problem]:
    if form.is_kind(value):
        yield from form.inside(value, path)
    else:
        hint = "Put it in quotes." if "text" in form.kind and _is_number(value) else ""
        yield _problem(path, f"must be {form.kind}{_found(value)}", hint)


@dataclass(frozen=True, slots=True)
class Plain:
    """A value without parts and rules."""

    kind: str
    is_kind: Callable[[Any], bool]

    def inside(self, value: Any, path: str) -> Iterator[Problem]:
        yield from ()


FLAG = Plain("true or false", lambda value: isinstance(value, bool))
NULL = Plain("null", lambda value: value is None)
ANYTHING = Plain("anything", lambda value: True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Text:
    #: A regular expression for the whole text, and what it asks, as in "must be letters and digits".
    like: str = ""
    asks: str = ""
    #: When given, the only ones there are.
    words: tuple[str, ...] = ()
    kind: str = "text"

    def is_kind(self, value: Any) -> bool:
        return isinstance(value, str)

    def inside(self, value: str, path: str) -> Iterator[Problem]:
        if self.words and value not in self.words:
            among = f"one of {', '.join(self.words)}{_found(value)}" if len(self.words) > 1 else f"`{self.words[0]}`"
            yield _problem(path, f"must be {among}", did_you_mean(value, self.words))
        if self.like and not re.match(f"(?:{self.like})$", value):
            yield _problem(path, f"must be {self.asks}{_found(value)}")


def word(*words: str) -> Text:
    """One word of a closed set."""
    return Text(words=words)


@dataclass(frozen=True, slots=True, kw_only=True)
class Number:
    kind: str = "a number"
    whole: bool = False
    at_least: float | None = None
    more_than: float | None = None

    def is_kind(self, value: Any) -> bool:
        return _is_number(value) and (not self.whole or isinstance(value, int) or value.is_integer())

    def inside(self, value: float, path: str) -> Iterator[Problem]:
        if self.at_least is not None and value < self.at_least:
            yield _problem(path, f"must be at least {self.at_least}{_found(value)}")
        if self.more_than is not None and value <= self.more_than:
            yield _problem(path, f"must be more than {self.more_than}{_found(value)}")


def whole(*, at_least: int | None = None) -> Number:
    """A whole number."""
    return Number(kind="a whole number", whole=True, at_least=at_least)


@dataclass(frozen=True, slots=True)
class Listed:
    """A list of one form."""

    each: Form
    at_least: int = 0
    at_most: int | None = None
    #: No item twice.
    distinct: bool = False
    kind: str = "a list"

    def is_kind(self, value: Any) -> bool:
        return isinstance(value, list)

    def inside(self, value: list[Any], path: str) -> Iterator[Problem]:
        for index, item in enumerate(value):
            yield from _misfits(self.each, item, _below(path, index))
        if len(value) < self.at_least or (self.at_most is not None and len(value) > self.at_most):
            many = f"{self.at_least}" if self.at_least == self.at_most else f"at least {self.at_least}"
            yield _problem(path, f"must have {many} item{'s' * (many[-1] != '1')}, and has {len(value)}")
        if self.distinct and any(_same(one, other) for index, one in enumerate(value) for other in value[:index]):
            yield _problem(path, "has the same item twice")


@dataclass(frozen=True, slots=True)
class OneOf:
    """A value of one of several kinds; each kind has its own rules."""

    forms: tuple[Form, ...]

    @property
    def kind(self) -> str:
        return " or ".join(form.kind for form in self.forms)

    def is_kind(self, value: Any) -> bool:
        return any(form.is_kind(value) for form in self.forms)

    def inside(self, value: Any, path: str) -> Iterator[Problem]:
        yield from next(form for form in self.forms if form.is_kind(value)).inside(value, path)


def one_of(*forms: Form) -> OneOf:
    """A value of one of several kinds."""
    return OneOf(forms)


@dataclass(frozen=True, slots=True)
class Later:
    """A form that is declared further down, so that forms can hold themselves."""

    find: Callable[[], Form]

    @property
    def kind(self) -> str:
        return self.find().kind

    def is_kind(self, value: Any) -> bool:
        return self.find().is_kind(value)

    def inside(self, value: Any, path: str) -> Iterator[Problem]:
        yield from self.find().inside(value, path)


@dataclass(frozen=True, slots=True)
class Case:
    """What more a mapping has under a condition."""

    when: Callable[[Mapping[str, Any]], bool]
    then: Keys


def says(key: str, *words: str) -> Callable[[Mapping[str, Any]], bool]:
    """The condition that a key has one of some words."""
    return lambda mapping: isinstance(mapping.get(key), str) and mapping[key] in words


@dataclass(frozen=True, slots=True, kw_only=True)
class Keys:
    """A mapping."""

    required: Mapping[str, Form] = field(default_factory=dict)
    optional: Mapping[str, Form] = field(default_factory=dict)
    #: Exactly one of these must be given.
    exclusive: Mapping[str, Form] = field(default_factory=dict)
    #: Every one that applies adds its keys and rules.
    cases: tuple[Case, ...] = ()
    #: What is wrong between keys, as the end of a sentence about the mapping; empty when nothing is.
    together: Callable[[Mapping[str, Any]], str] = lambda mapping: ""
    #: Any other key may be given too.
    open: bool = False
    #: What to do about a key that is not known; empty: to name those that are.
    otherwise: str = ""
    kind: str = "a mapping"

    def is_kind(self, value: Any) -> bool:
        return isinstance(value, Mapping)

    def inside(self, value: Mapping[str, Any], path: str) -> Iterator[Problem]:
        applied = list(self._pieces(value))
        known = {key for piece in applied for key in piece._own()}
        unknown = [key for key in value if key not in known]
        for piece in applied:
            for key, form in (*piece.required.items(), *piece.optional.items()):
                if key in value:
                    yield from _misfits(form, value[key], _below(path, key))
                elif key in piece.required:
                    yield _problem(path, f"needs `{key}`", _near_key(unknown, [key]))
            yield from piece._one(value, path, unknown)
            if told := piece.together(value):
                yield _problem(path, told)
        for key in () if self.open else unknown:
            where = f"{_shown(path)} has no key `{key}`." if path else f"A contract has no key `{key}`."
            hint = did_you_mean(key, sorted(self._all() - set(value)), self.otherwise or _others(known))
            yield Problem(path=_below(path, key), message=where, hint=hint)

    def _own(self) -> set[str]:
        return {*self.required, *self.optional, *self.exclusive}

    def _all(self) -> set[str]:
        return self._own().union(*(case.then._all() for case in self.cases))

    def _pieces(self, value: Mapping[str, Any]) -> Iterator[Keys]:
        yield self
        for case in self.cases:
            if case.when(value):
                yield from case.then._pieces(value)

    def _one(self, value: Mapping[str, Any], path: str, unknown: list[str]) -> Iterator[Problem]:
        """What is wrong with the keys of which one must be given."""
        found = {
            key: list(_misfits(form, value[key], _below(path, key)))
            for key, form in self.exclusive.items()
            if key in value
        }
        sound = [key for key in found if not found[key]]
        if self.exclusive and not found:
            needed = ", ".join(f"`{key}`" for key in self.exclusive)
            yield _problem(path, f"needs one of {needed}", _near_key(unknown, list(self.exclusive)))
        elif len(sound) > 1:
            given = ", ".join(f"`{key}`" for key in found)
            yield _problem(path, f"has {given}, and only one of them may be given")
        elif sound:
            for key in found.keys() - sound:
                yield _problem(_below(path, key), f"cannot stand beside `{sound[0]}`")
        else:
            for each in found.values():
                yield from each


def _others(known: set[str]) -> str:
    if "customProperties" in known:
        return "Put what the standard has no key for under `customProperties`."
    return f"It may have {', '.join(f'`{key}`' for key in sorted(known))}." if known else ""


def _near_key(unknown: list[str], wanted: list[str]) -> str:
    for key in unknown:
        if hint := did_you_mean(key, wanted):
            return f"`{key}` is not it. {hint}"
    return ""


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _same(one: Any, other: Any) -> bool:
    """Equal as JSON: true is not 1."""
    if isinstance(one, bool) != isinstance(other, bool):
        return False
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(_same, one, other))
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        return one.keys() == other.keys() and all(_same(one[key], other[key]) for key in one)
    return bool(one == other)


def _problem(path: str, told: str, hint: str = "") -> Problem:
    return Problem(path=path, message=f"{_shown(path)} {told}.", hint=hint)


def _below(path: str, step: str | int) -> str:
    return f"{path}/{step}" if path else str(step)


def _shown(path: str) -> str:
    return f"`{path.replace('/', '.')}`" if path else "The contract"


def _found(value: Any) -> str:
    if isinstance(value, Mapping | list):
        return ""
    return f", not `{'null' if value is None else str(value).lower() if isinstance(value, bool) else value}`"
