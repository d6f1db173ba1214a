"""JSON Schema: each word by itself, on what keeps it, what breaks it, and what it says nothing of."""

import json
from collections.abc import Iterator
from typing import Any

import duckdb
import pytest

from wherry.checks.json_schema import bad_row
from wherry.model.asset import Check


@pytest.fixture(scope="module")
def db() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as connection:
        yield connection


def broken(db: duckdb.DuckDBPyConnection, schema: Any, values: list[Any], type_: str = "VARCHAR") -> list[Any]:
    """Those of the values that break the schema."""
    condition = bad_row(Check(kind="json_schema", column="x", arguments={"schema": schema}, text=""))
    select = f"SELECT x FROM (SELECT unnest(?)::{type_} AS x) WHERE {condition}"
    texts = [None if value is None else json.dumps(value, separators=(",", ":")) for value in values]
    return [json.loads(x) for (x,) in db.execute(select, [texts]).fetchall()]


#: Schema, values that keep it, values that break it.
CASES: list[tuple[Any, list[Any], list[Any]]] = [
    ({}, [1, "a", {}, []], []),
    (True, [1], []),
    (False, [], [1]),
    ({"type": "object"}, [{}, {"a": 1}], [[], 1, "a", True]),
    ({"type": "array"}, [[], [1]], [{}, 1]),
    ({"type": "string"}, ["", "1"], [1, True]),
    ({"type": "boolean"}, [True, False], [0, "true"]),
    ({"type": "number"}, [1, -1, 1.5], ["1", True]),
    ({"type": "integer"}, [1, -1, 1.0, 12345678901234567890], [1.5, "1"]),
    ({"type": ["integer", "string"]}, [1, "a"], [1.5, []]),
    ({"enum": [1, "a", {"b": [True]}]}, [1, 1.0, "a", {"b": [True]}], [2, "1", {"b": [False]}]),
    ({"const": "a"}, ["a"], ["b", 1]),
    ({"const": 2}, [2, 2.0], ["2", 3]),
    ({"minimum": 1, "maximum": 3}, [1, 3, 2.5, "x"], [0.9, 4]),
    ({"exclusiveMinimum": 1, "exclusiveMaximum": 3}, [2, "x"], [1, 3]),
    ({"multipleOf": 2}, [4, "x"], [3]),
    ({"minLength": 1, "maxLength": 2}, ["é", "ab", 1], ["", "abc"]),
    ({"pattern": "^a"}, ["ab", 1], ["b"]),
    ({"properties": {"a": {"type": "integer"}}}, [{}, {"a": 1}, {"b": "x"}, 1], [{"a": "x"}]),
    ({"properties": {"a/b": {"type": "integer"}, "c~d": {"const": 1}}}, [{"a/b": 1, "c~d": 1}],
     [{"a/b": "x"}, {"c~d": 2}]),
    ({"required": ["a", "b"]}, [{"a": 1, "b": None}, []], [{"a": 1}, {}]),
    ({"properties": {"a": {}}, "additionalProperties": False}, [{}, {"a": 1}, 1], [{"b": 1}, {"a": 1, "b": 1}]),
    ({"additionalProperties": False}, [{}], [{"a": 1}]),
    ({"minProperties": 1, "maxProperties": 2}, [{"a": 1}, 1], [{}, {"a": 1, "b": 1, "c": 1}]),
    ({"items": {"type": "integer"}}, [[], [1, 2], "x"], [[1, "a"]]),
    ({"items": {"items": {"minimum": 1}}}, [[[1], [2]], [3]], [[[1], [0]]]),
    ({"minItems": 1, "maxItems": 2}, [[1], "x"], [[], [1, 2, 3]]),
    ({"uniqueItems": True}, [[1, 2], [], "x"], [[1, 1]]),
    ({"allOf": [{"type": "integer"}, {"minimum": 3}]}, [3], [2, "x"]),
    ({"anyOf": [{"type": "string"}, {"minimum": 3}]}, ["a", 3], [2]),
    ({"oneOf": [{"multipleOf": 2}, {"multipleOf": 3}]}, [2, 3], [6, 5]),
    ({"not": {"type": "string"}}, [1], ["a"]),
    ({"title": "t", "description": "d", "$schema": "s"}, [1], []),
]  # fmt: skip


@pytest.mark.parametrize(("schema", "keeping", "breaking"), CASES)
def test_a_word(db: duckdb.DuckDBPyConnection, schema: Any, keeping: list[Any], breaking: list[Any]) -> None:
    assert broken(db, schema, [*keeping, *breaking, None]) == breaking
    assert broken(db, schema, [*keeping, *breaking, None], "JSON") == breaking


def test_what_is_no_json_breaks_any_schema(db: duckdb.DuckDBPyConnection) -> None:
    condition = bad_row(Check(kind="json_schema", column="x", arguments={"schema": {"type": "object"}}, text=""))
    select = f"SELECT x FROM (SELECT unnest(['{{', '', '{{}}']) AS x) WHERE {condition}"
    assert db.execute(select).fetchall() == [("{",), ("",)]


#: Schemas of which a part is not understood.
BEYOND = [{"$ref": "#/a"}, {"if": {}}, {"additionalProperties": {"type": "string"}}, 1, {"items": []}]


@pytest.mark.parametrize("schema", BEYOND)
def test_words_that_are_not_understood_are_refused(schema: Any) -> None:
    with pytest.raises(ValueError, match="JSON Schema"):
        bad_row(Check(kind="json_schema", column="x", arguments={"schema": schema}, text=""))
