"""``json_schema``: every value is JSON that keeps a JSON Schema; null passes.

Understood are ``type``, ``enum``, ``const``, ``minimum``, ``maximum``, ``exclusiveMinimum``, ``exclusiveMaximum``,
``multipleOf``, ``minLength``, ``maxLength``, ``pattern`` (RE2), ``properties``, ``required``, ``additionalProperties``
(true or false), ``minProperties``, ``maxProperties``, ``items`` (one schema), ``minItems``, ``maxItems``,
``uniqueItems``, ``allOf``, ``anyOf``, ``oneOf``, ``not``, and words that do not judge. Any other is a ``ValueError``.
"""

import json
from collections.abc import Callable, Mapping
from typing import Any

from wherry.model.asset import Check
from wherry.quoting import literal, name, text

#: Words that describe and do not judge.
_SILENT = {"$schema", "$id", "title", "description", "default", "examples", "$comment", "format", "deprecated"}

_NUMBERS = "('BIGINT', 'UBIGINT', 'DOUBLE', 'HUGEINT')"
_TYPES = {
    "object": "json_type({x}) = 'OBJECT'",
    "array": "json_type({x}) = 'ARRAY'",
    "string": "json_type({x}) = 'VARCHAR'",
    "boolean": "json_type({x}) = 'BOOLEAN'",
    "null": "json_type({x}) = 'NULL'",
    "number": f"json_type({{x}}) IN {_NUMBERS}",
    "integer": f"(json_type({{x}}) IN {_NUMBERS} AND TRY_CAST({{x}} AS DOUBLE) % 1 = 0)",
}


def bad_row(check: Check) -> str:
    column = name(check.column)
    value = f"CAST({column} AS VARCHAR)"
    # A text that is no JSON would be an error further in.
    keeps = _keeps(check.arguments["schema"], f"CAST({column} AS JSON)")
    return f"CASE WHEN {column} IS NULL THEN false WHEN NOT json_valid({value}) THEN true ELSE NOT ({keeps}) END"


def _keeps(schema: Any, x: str) -> str:
    """A condition, never null, that the JSON value ``x`` keeps the schema."""
    if isinstance(schema, bool):
        return "true" if schema else "false"
    if not isinstance(schema, Mapping):
        raise ValueError(f"A JSON Schema is an object, not {schema!r}.")
    conditions = []
    for word, value in schema.items():
        if word in _WORDS:
            conditions.append(f"coalesce({_WORDS[word](value, x)}, true)")
        elif word == "additionalProperties":
            conditions.append(_no_others(schema, value, x))
        elif word not in _SILENT:
            raise ValueError(f"`{word}` of JSON Schema is not understood.")
    return " AND ".join(conditions) or "true"


def _type(value: Any, x: str) -> str:
    kinds = value if isinstance(value, list) else [value]
    if unknown := [kind for kind in kinds if kind not in _TYPES]:
        raise ValueError(f"`type: {unknown[0]}` of JSON Schema is none of {', '.join(_TYPES)}.")
    return f"({' OR '.join(_TYPES[kind].format(x=x) for kind in kinds)})"


def _number(x: str) -> str:
    return f"CASE WHEN json_type({x}) IN {_NUMBERS} THEN CAST({x} AS DOUBLE) END"


def _string(x: str) -> str:
    return f"CASE WHEN json_type({x}) = 'VARCHAR' THEN {x} ->> '$' END"


def _part(x: str, key: str) -> str:
    return f"json_extract({x}, {text('/' + key.replace('~', '~0').replace('/', '~1'))})"


def _properties(value: Any, x: str) -> str:
    parts = (f"({_part(x, key)} IS NULL OR ({_keeps(inner, _part(x, key))}))" for key, inner in value.items())
    return f"(json_type({x}) != 'OBJECT' OR ({' AND '.join(parts) or 'true'}))"


def _required(value: Any, x: str) -> str:
    there = " AND ".join(f"{_part(x, key)} IS NOT NULL" for key in value)
    return f"(json_type({x}) != 'OBJECT' OR ({there or 'true'}))"


def _no_others(schema: Mapping[str, Any], value: Any, x: str) -> str:
    if value is True or value == {}:
        return "true"
    if value is not False:
        raise ValueError("`additionalProperties` of JSON Schema is understood as true or false only.")
    known = literal(list(schema.get("properties", {})))
    # An empty list has no type of its own.
    return f"(json_type({x}) != 'OBJECT' OR list_has_all({known}::VARCHAR[], json_keys({x})))"


def _items(value: Any, x: str) -> str:
    each = _keeps(value, "item")
    return f"list_bool_and(list_transform({_array(x)}, lambda item: {each}))"


def _array(x: str) -> str:
    return f"CASE WHEN json_type({x}) = 'ARRAY' THEN CAST({x} AS JSON[]) END"


def _const(value: Any, x: str) -> str:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return f"CAST({x} AS VARCHAR) = {text(json.dumps(value, ensure_ascii=False, separators=(',', ':')))}"
    return f"coalesce({_number(x)} = {value!r}, false)"


_WORDS: dict[str, Callable[[Any, str], str]] = {
    "type": _type,
    "enum": lambda value, x: f"({' OR '.join(_const(each, x) for each in value) or 'false'})",
    "const": _const,
    "minimum": lambda value, x: f"{_number(x)} >= {value!r}",
    "maximum": lambda value, x: f"{_number(x)} <= {value!r}",
    "exclusiveMinimum": lambda value, x: f"{_number(x)} > {value!r}",
    "exclusiveMaximum": lambda value, x: f"{_number(x)} < {value!r}",
    "multipleOf": lambda value, x: f"{_number(x)} % {value!r} = 0",
    "minLength": lambda value, x: f"length({_string(x)}) >= {int(value)}",
    "maxLength": lambda value, x: f"length({_string(x)}) <= {int(value)}",
    "pattern": lambda value, x: f"regexp_matches({_string(x)}, {text(value)})",
    "properties": _properties,
    "required": _required,
    "minProperties": lambda value, x: f"(json_type({x}) != 'OBJECT' OR len(json_keys({x})) >= {int(value)})",
    "maxProperties": lambda value, x: f"(json_type({x}) != 'OBJECT' OR len(json_keys({x})) <= {int(value)})",
    "items": _items,
    "minItems": lambda value, x: f"(json_type({x}) != 'ARRAY' OR json_array_length({x}) >= {int(value)})",
    "maxItems": lambda value, x: f"(json_type({x}) != 'ARRAY' OR json_array_length({x}) <= {int(value)})",
    "uniqueItems": lambda value, x: f"list_unique({_array(x)}) = json_array_length({x})" if value else "true",
    "allOf": lambda value, x: f"({' AND '.join(f'({_keeps(each, x)})' for each in value) or 'true'})",
    "anyOf": lambda value, x: f"({' OR '.join(f'({_keeps(each, x)})' for each in value) or 'false'})",
    "oneOf": lambda value, x: f"({' + '.join(f'CAST(({_keeps(each, x)}) AS INTEGER)' for each in value)}) = 1",
    "not": lambda value, x: f"NOT ({_keeps(value, x)})",
}
