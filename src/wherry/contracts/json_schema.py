"""What is wrong with a document by a JSON Schema (draft 2019-09), all of it at once, each with its path.

The words that the standard's schema uses, and no others; ``format`` is a note, as the draft has it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from wherry.project.nearest import did_you_mean

_TYPES = {
    "object": "a mapping",
    "array": "a list",
    "string": "text",
    "number": "a number",
    "integer": "a whole number",
    "boolean": "true or false",
    "null": "null",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One thing that does not fit."""

    #: Keys and indexes joined with ``/``, as ``Located`` has them.
    path: str
    message: str
    hint: str = ""


@dataclass(frozen=True, slots=True)
class _Verdict:
    problems: tuple[Problem, ...] = ()
    #: Keys of the mapping that some part of the schema spoke of.
    spoken: frozenset[str] = frozenset()


def problems(schema: Mapping[str, Any], document: Any) -> tuple[Problem, ...]:
    """Everything in ``document`` that ``schema`` does not allow; empty when it is valid."""
    return tuple(dict.fromkeys(_Reading(schema).judge(schema, document, "").problems))


class _Reading:
    def __init__(self, root: Mapping[str, Any]) -> None:
        self.root = root

    def judge(self, schema: Any, value: Any, path: str) -> _Verdict:
        if schema is True or schema == {}:
            return _Verdict()
        if schema is False:
            return _Verdict((Problem(path=path, message=f"{_shown(path)} must not be here."),))
        found: list[Problem] = list(_plain(schema, value, path))
        spoken: set[str] = set()

        def take(verdict: _Verdict) -> None:
            found.extend(verdict.problems)
            spoken.update(verdict.spoken)

        if reference := schema.get("$ref"):
            take(self.judge(self._find(reference), value, path))
        for part in schema.get("allOf", ()):
            take(self.judge(part, value, path))
        if "if" in schema:
            condition = self.judge(schema["if"], value, path)
            if not condition.problems:
                spoken |= condition.spoken
                take(self.judge(schema.get("then", True), value, path))
            else:
                take(self.judge(schema.get("else", True), value, path))
        for word in ("anyOf", "oneOf"):
            if word in schema:
                take(self._choice(schema[word], value, path, exactly=word == "oneOf"))
        if "not" in schema and not self.judge(schema["not"], value, path).problems:
            refused = ", ".join(f"`{key}`" for key in _required(schema["not"]))
            what = f"must not have {refused}" if refused else "is not allowed"
            found.append(Problem(path=path, message=f"{_shown(path)} {what}."))
        if isinstance(value, Mapping):
            take(self._mapping(schema, value, path, spoken))
        if isinstance(value, list) and "items" in schema:
            for index, item in enumerate(value):
                found.extend(self.judge(schema["items"], item, _below(path, index)).problems)
        return _Verdict(tuple(found), frozenset(spoken))

    def _mapping(self, schema: Mapping[str, Any], value: Mapping[str, Any], path: str, seen: set[str]) -> _Verdict:
        found: list[Problem] = []
        spoken: set[str] = set()
        properties = schema.get("properties", {})
        for key, part in properties.items():
            if key in value:
                spoken.add(key)
                found.extend(self.judge(part, value[key], _below(path, key)).problems)
        for word, known in (("additionalProperties", set(properties)), ("unevaluatedProperties", seen | spoken)):
            if word not in schema:
                continue
            rest = [key for key in value if key not in known and (word[0] == "a" or key not in spoken)]
            for key in rest:
                spoken.add(key)
                below = _below(path, key)
                if schema[word] is False:
                    choices = sorted({*self._keys(schema), *properties} - set(value))
                    hint = did_you_mean(key, choices, "Put what the standard has no key for under `customProperties`.")
                    where = f"{_shown(path)} has no key `{key}`." if path else f"A contract has no key `{key}`."
                    found.append(Problem(path=below, message=where, hint=hint))
                else:
                    found.extend(self.judge(schema[word], value[key], below).problems)
        return _Verdict(tuple(found), frozenset(spoken))

    def _choice(self, parts: list[Any], value: Any, path: str, *, exactly: bool) -> _Verdict:
        verdicts = [self.judge(part, value, path) for part in parts]
        fitting = [verdict for verdict in verdicts if not verdict.problems]
        if fitting and (len(fitting) == 1 or not exactly):
            return _Verdict((), frozenset().union(*(verdict.spoken for verdict in fitting)))
        if len(fitting) > 1:
            given = [key for part in parts for key in _required(part) if isinstance(value, Mapping) and key in value]
            told = f"has {', '.join(f'`{key}`' for key in given)}, and only one of them may be given"
            message = f"{_shown(path)} {told if given else 'fits several forms, and must fit one'}."
            return _Verdict((Problem(path=path, message=message),), fitting[0].spoken)
        needed = [key for part in parts for key in _required(part)]
        if needed and isinstance(value, Mapping) and not set(needed) & set(value):
            hint = _near_key(value, needed)
            message = f"{_shown(path)} needs one of {', '.join(f'`{key}`' for key in dict.fromkeys(needed))}."
            return _Verdict((Problem(path=path, message=message, hint=hint),))
        kinds = [str(part["type"]) for part in map(self._resolved, parts) if isinstance(part.get("type"), str)]
        if len(kinds) == len(parts) and not any(_is(value, kind) for kind in kinds):
            told = " or ".join(_TYPES[kind] for kind in dict.fromkeys(kinds))
            return _Verdict((Problem(path=path, message=f"{_shown(path)} must be {told}{_found(value)}."),))
        # The form that was most nearly meant: of the right type, and with the fewest problems.
        nearest = min(
            verdicts, key=lambda verdict: (any(p.path == path for p in verdict.problems), len(verdict.problems))
        )
        return _Verdict(nearest.problems, nearest.spoken)

    def _resolved(self, part: Any) -> Mapping[str, Any]:
        if not isinstance(part, Mapping):
            return {}
        return {**self._find(part["$ref"]), **part} if "$ref" in part else part

    def _find(self, reference: str) -> Any:
        found: Any = self.root
        for step in reference.removeprefix("#/").split("/"):
            found = found[step]
        return found

    def _keys(self, schema: Any, depth: int = 0) -> Iterator[str]:
        """Every key that a schema speaks of for the mapping itself."""
        if not isinstance(schema, Mapping) or depth > 8:
            return
        yield from schema.get("properties", ())
        if "$ref" in schema:
            yield from self._keys(self._find(schema["$ref"]), depth + 1)
        for word in ("allOf", "anyOf", "oneOf"):
            for part in schema.get(word, ()):
                yield from self._keys(part, depth + 1)
        yield from self._keys(schema.get("then"), depth + 1)


def _plain(schema: Mapping[str, Any], value: Any, path: str) -> Iterator[Problem]:
    """What can be said without looking into the value's parts."""

    def problem(message: str, hint: str = "") -> Problem:
        return Problem(path=path, message=f"{_shown(path)} {message}.", hint=hint)

    kinds = schema.get("type")
    if kinds is not None:
        kinds = [kinds] if isinstance(kinds, str) else kinds
        if not any(_is(value, kind) for kind in kinds):
            hint = "Put it in quotes." if "string" in kinds and _is(value, "number") else ""
            yield problem(f"must be {' or '.join(_TYPES[kind] for kind in kinds)}{_found(value)}", hint)
            return
    if "enum" in schema and not any(_same(value, each) for each in schema["enum"]):
        choices = [str(each) for each in schema["enum"]]
        yield problem(
            f"must be one of {', '.join(choices)}{_found(value)}" if len(choices) > 1 else f"must be `{choices[0]}`",
            did_you_mean(str(value), choices),
        )
    if "const" in schema and not _same(value, schema["const"]):
        yield problem(f"must be `{schema['const']}`")
    if isinstance(value, str):
        if "pattern" in schema and not re.search(schema["pattern"], value):
            yield problem(f"does not match {schema['pattern']}{_found(value)}")
        if len(value) < schema.get("minLength", 0) or len(value) > schema.get("maxLength", len(value)):
            yield problem("has not the right length")
    if _is(value, "number"):
        if ("minimum" in schema and value < schema["minimum"]) or ("maximum" in schema and value > schema["maximum"]):
            yield problem(f"must be from {schema.get('minimum', '…')} to {schema.get('maximum', '…')}{_found(value)}")
        if "exclusiveMinimum" in schema and value <= schema["exclusiveMinimum"]:
            yield problem(f"must be more than {schema['exclusiveMinimum']}{_found(value)}")
    if isinstance(value, list):
        if len(value) < schema.get("minItems", 0) or len(value) > schema.get("maxItems", len(value)):
            bounds = {schema.get("minItems", 0), schema.get("maxItems", "…")}
            yield problem(f"must have {' to '.join(map(str, sorted(bounds, key=str)))} items, and has {len(value)}")
        if schema.get("uniqueItems") and any(
            _same(one, other) for index, one in enumerate(value) for other in value[:index]
        ):
            yield problem("has the same item twice")
    if isinstance(value, Mapping):
        for key in schema.get("required", ()):
            if key not in value:
                unknown = {each: value[each] for each in value if each not in schema.get("properties", ())}
                yield problem(f"needs `{key}`", _near_key(unknown, [key]))
        if len(value) < schema.get("minProperties", 0):
            yield problem("must not be empty")


def _is(value: Any, kind: str) -> bool:
    if kind == "null":
        return value is None
    if kind == "boolean":
        return isinstance(value, bool)
    if kind in ("number", "integer"):
        number = isinstance(value, int | float) and not isinstance(value, bool)
        return number and (kind == "number" or isinstance(value, int) or value.is_integer())
    return isinstance(value, {"object": Mapping, "array": list, "string": str}[kind])


def _same(one: Any, other: Any) -> bool:
    """Equal as JSON: true is not 1."""
    if isinstance(one, bool) != isinstance(other, bool):
        return False
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(_same, one, other))
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        return one.keys() == other.keys() and all(_same(one[key], other[key]) for key in one)
    return bool(one == other)


def _required(part: Any) -> list[str]:
    return list(part.get("required", ())) if isinstance(part, Mapping) else []


def _near_key(value: Mapping[str, Any], wanted: list[str]) -> str:
    for key in value:
        if hint := did_you_mean(key, wanted):
            return f"`{key}` is not it. {hint}"
    return ""


def _below(path: str, step: str | int) -> str:
    return f"{path}/{step}" if path else str(step)


def _shown(path: str) -> str:
    return f"`{path.replace('/', '.')}`" if path else "The contract"


def _found(value: Any) -> str:
    if isinstance(value, Mapping | list):
        return ""
    return f", not `{'null' if value is None else str(value).lower() if isinstance(value, bool) else value}`"
