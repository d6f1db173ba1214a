"""Which change of a contract breaks those who rely on it."""

import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wherry.contracts.changes import compare
from wherry.contracts.quality_changes import compare_bounds
from wherry.contracts.types import width_change
from wherry.imports.threshold import Threshold

BASE: dict[str, Any] = {
    "status": "active",
    "slaProperties": [
        {"property": "latency", "value": 4, "unit": "h"},
        {"property": "retention", "value": 3, "unit": "y"},
        {"property": "availability", "value": 99.5},
    ],
    "schema": [
        {
            "name": "orders",
            "properties": [
                {
                    "name": "id",
                    "logicalType": "integer",
                    "physicalType": "INTEGER",
                    "primaryKey": True,
                    "required": True,
                },
                {
                    "name": "amount",
                    "logicalType": "number",
                    "physicalType": "DECIMAL(12,2)",
                    "unique": False,
                    "logicalTypeOptions": {"minimum": 0},
                    "quality": [
                        {"metric": "nullValues", "mustBeLessThan": 5},
                        {"metric": "invalidValues", "mustBe": 0, "arguments": {"validValues": [1, 2]}},
                    ],
                },
                {"name": "address", "logicalType": "object", "properties": [{"name": "zip", "logicalType": "string"}]},
            ],
        }
    ],
}
COLUMNS = BASE["schema"][0]["properties"]


def changed(path: str, value: Any) -> dict[str, Any]:
    """BASE with another value at a path; None takes it away."""
    document = copy.deepcopy(BASE)
    holder: Any = document
    *steps, last = [int(step) if step.isdigit() else step for step in path.split("/")]
    for step in steps:
        holder = holder[step]
    if value is None:
        del holder[last]
    elif last == len(holder) if isinstance(holder, list) else False:
        holder.append(value)
    else:
        holder[last] = value
    return document


C = "schema/0/properties"


@pytest.mark.parametrize(
    ("path", "value", "change", "effect"),
    [
        (f"{C}/1", None, "removed", "breaking"),
        (f"{C}/3", {"name": "new"}, "added", "compatible"),
        ("schema/0", None, "removed", "breaking"),
        (f"{C}/0/physicalType", "BIGINT", "widened", "compatible"),
        (f"{C}/0/physicalType", "SMALLINT", "narrowed", "breaking"),
        (f"{C}/0/physicalType", "VARCHAR", "retyped", "breaking"),
        (f"{C}/1/physicalType", "DECIMAL(14,2)", "widened", "compatible"),
        (f"{C}/1/physicalType", "DECIMAL(10,2)", "narrowed", "breaking"),
        (f"{C}/0/required", False, "loosened", "breaking"),
        (f"{C}/1/required", True, "tightened", "compatible"),
        (f"{C}/1/unique", True, "tightened", "compatible"),
        (f"{C}/0/primaryKey", False, "changed", "breaking"),
        (f"{C}/1/logicalTypeOptions/minimum", -5, "loosened", "breaking"),
        (f"{C}/1/logicalTypeOptions/minimum", 5, "tightened", "compatible"),
        (f"{C}/1/logicalTypeOptions", {}, "loosened", "breaking"),
        (f"{C}/1/quality/0/mustBeLessThan", 9, "loosened", "breaking"),
        (f"{C}/1/quality/0/mustBeLessThan", 2, "tightened", "compatible"),
        (f"{C}/1/quality/0/severity", "warning", "loosened", "breaking"),
        (f"{C}/1/quality/0", None, "removed", "breaking"),
        (f"{C}/1/quality/2", {"metric": "rowCount", "mustBe": 1}, "added", "compatible"),
        (f"{C}/1/quality/1/arguments/validValues", [1, 2, 3], "loosened", "breaking"),
        (f"{C}/1/quality/1/arguments/validValues", [1], "tightened", "compatible"),
        (f"{C}/1/quality/1/arguments/validValues", [1, 3], "changed", "breaking"),
        (f"{C}/2/properties/0", None, "removed", "breaking"),
        (f"{C}/2/properties/0/logicalType", "integer", "retyped", "breaking"),
        ("slaProperties/0/value", 6, "loosened", "breaking"),
        ("slaProperties/0/value", 2, "tightened", "compatible"),
        ("slaProperties/0/unit", "d", "loosened", "breaking"),
        ("slaProperties/1/value", 1, "loosened", "breaking"),
        ("slaProperties/1/value", 5, "tightened", "compatible"),
        ("slaProperties/2/value", 99.9, "tightened", "compatible"),
        ("slaProperties/2", None, "removed", "breaking"),
        ("status", "retired", "removed", "breaking"),
    ],
)
def test_each_change_has_its_effect(path: str, value: Any, change: str, effect: str) -> None:
    changes = compare(BASE, changed(path, value))
    assert [(each.change, each.effect) for each in changes] == [(change, effect)], changes


def test_what_does_not_matter_is_no_change() -> None:
    assert compare(BASE, copy.deepcopy(BASE)) == []
    assert compare(BASE, changed(f"{C}/0/description", "other")) == []
    assert compare(BASE, changed(f"{C}/0/physicalType", "int4")) == []
    hours = changed("slaProperties/0", {"property": "latency", "value": 240, "unit": "min"})
    assert compare(BASE, hours) == []


@given(st.data())
def test_a_bound_is_tighter_when_it_lets_less_pass(data: st.DataObject) -> None:
    one, two = (data.draw(bounds()) for _ in range(2))
    numbers = [n / 2 for n in range(-24, 25)]
    first = {n for n in numbers if holds(one, n)}
    second = {n for n in numbers if holds(two, n)}
    told = compare_bounds(one, two)
    if told == "tightened":
        assert second <= first
    elif told == "loosened":
        assert first <= second
    elif told == "" and one != two:
        assert first == second


@st.composite
def bounds(draw: st.DrawFn) -> Threshold:
    operator = draw(st.sampled_from(["=", "!=", ">", ">=", "<", "<=", "between", "not between"]))
    low = draw(st.integers(-5, 5))
    if "between" in operator:
        is_open = st.booleans()
        return Threshold(
            operator=operator,
            value=low,
            high=low + draw(st.integers(0, 5)),
            low_open=draw(is_open),
            high_open=draw(is_open),
        )
    return Threshold(operator=operator, value=low)


def holds(bound: Threshold, number: float) -> bool:
    sql = bound.holds(str(number)).replace(" = ", " == ").replace("AND", "and").replace("NOT", "not")
    return bool(eval(sql))


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        ("INTEGER", "integer", "same"), ("int4", "BIGINT", "wider"), ("UINTEGER", "INTEGER", "narrower"),
        ("UINTEGER", "BIGINT", "wider"), ("FLOAT", "DOUBLE", "wider"), ("varchar(5)", "varchar(9)", "wider"),
        ("VARCHAR", "varchar(9)", "narrower"), ("DATE", "TIMESTAMP", "wider"), ("TIMESTAMP", "DATE", "other"),
        ("INTEGER", "DECIMAL(18,2)", "wider"), ("BIGINT", "DECIMAL(12,2)", "narrower"), ("INTEGER", "VARCHAR", "other"),
        ("numeric", "DECIMAL(12,2)", "same"), ("STRUCT(a INTEGER)", "STRUCT(b INTEGER)", "other"),
    ],
)  # fmt: skip
def test_types_are_wider_or_narrower(before: str, after: str, told: str) -> None:
    assert width_change(before, after) == told
