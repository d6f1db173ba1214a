"""Short and long forms of checks: what they say, and what is wrong with those that say nothing."""

from typing import Any

import pytest

from wherry.checks import KINDS, find
from wherry.checks.format.formats import FORMATS
from wherry.model.asset import Check
from wherry.project.check_arguments import KINDS as FORMS
from wherry.project.check_form import CheckFormError, read_check
from wherry.project.short_form import FORMAT_NAMES


def read(written: Any, column: str = "x", **more: Any) -> Check:
    return read_check(written, column=column, file="t.sql", line=3, **more)


#: Short form of a column, kind, arguments.
COLUMN: list[tuple[str, str, dict[str, Any]]] = [
    ("not_null", "not_null", {}),
    ("unique", "unique", {"columns": ["x"]}),
    ("not_blank", "not_blank", {}),
    (">= 0", "compare", {"operator": ">=", "value": "0"}),
    ("< 2026-01-01", "compare", {"operator": "<", "value": "'2026-01-01'"}),
    ("between 0 and 1", "between", {"low": "0", "high": "1"}),
    ("strictly between 0 and 1", "between", {"low": "0", "high": "1", "strict_low": True, "strict_high": True}),
    ("in [a, 1, 2.5, true]", "in", {"values": ["a", 1, 2.5, True]}),
    ("not in [a]", "not_in", {"values": ["a"]}),
    ('matches "^[A-Z]+$"', "matches", {"pattern": "^[A-Z]+$"}),
    ("matches any [a, b]", "matches", {"patterns": ["a", "b"], "how": "any"}),
    ("matches any", "matches", {"pattern": "any"}),
    ("not matches x", "not_matches", {"pattern": "x"}),
    ("like 'A%'", "like", {"pattern": "A%"}),
    ("not like any ['A%', B_]", "not_like", {"patterns": ["A%", "B_"], "how": "any"}),
    ("starts with '10%'", "like", {"pattern": "10\\%%"}),
    ("ends with _x", "like", {"pattern": "%\\_x"}),
    ("contains a", "like", {"pattern": "%a%"}),
    ("length = 2", "length", {"operator": "=", "value": 2}),
    ("length between 1 and 20", "length", {"low": 1, "high": 20}),
    ("format email", "format", {"format": "email"}),
    ('format "%Y-%m-%d"', "time_format", {"format": "%Y-%m-%d"}),
    ("casts to DECIMAL(5,2)", "casts_to", {"type": "DECIMAL(5,2)"}),
    ("type integer or text", "type", {"types": ["integer", "text"]}),
    ("refers to raw.customers.id", "refers", {"table": "raw.customers", "columns": ["id"]}),
    ('refers to raw.my-list."a b"', "refers", {"table": "raw.my-list", "columns": ["a b"]}),
    ('refers to raw.t."a.b ""c"""', "refers", {"table": "raw.t", "columns": ['a.b "c"']}),
    ('same values as raw.my-list."a b"', "values_same", {"table": "raw.my-list", "column": "a b"}),
    (
        'psi against raw.t."a.b" < 0.2',
        "distribution",
        {"method": "psi", "table": "raw.t", "column": "a.b", "operator": "<", "value": 0.2},
    ),
    ("increasing", "increasing", {}),
    ('increasing by "a, b", c', "increasing", {"by": ["a, b", "c"]}),
    ("decreasing strictly by a, b per c", "decreasing", {"strictly": True, "by": ["a", "b"], "per": ["c"]}),
    ("sequential", "sequential", {}),
    ("sequential step 2", "sequential", {"step": 2}),
    ("sequential step 1 day", "sequential", {"step": "1 day"}),
    ("fresh within 2 hours", "fresh", {"seconds": 7200}),
    ("fresh within day", "fresh", {"seconds": 86400}),
    ("fresh within 1 day per country, city", "fresh_each", {"seconds": 86400, "per": ["country", "city"]}),
    ("avg between 1 and 5.5", "aggregate", {"measure": "avg", "low": 1, "high": 5.5}),
    ("null_share <= 5%", "aggregate", {"measure": "null_share", "operator": "<=", "value": 0.05}),
    ("max < 2026-01-01", "aggregate", {"measure": "max", "operator": "<", "value": "2026-01-01"}),
    ("max_length <= 20", "aggregate", {"measure": "max_length", "operator": "<=", "value": 20}),
    ("median > 3", "quantile", {"quantile": 0.5, "operator": ">", "value": 3}),
    ("quantile(0.95) < 10", "quantile", {"quantile": 0.95, "operator": "<", "value": 10}),
    ("quantile(95%) < 10", "quantile", {"quantile": 0.95, "operator": "<", "value": 10}),
    ("distinct_count > 1", "distinct", {"measure": "distinct_count", "operator": ">", "value": 1}),
    ("unique_share = 100%", "distinct", {"measure": "unique_share", "operator": "=", "value": 1.0}),
    ("values cover [a, b]", "values_cover", {"values": ["a", "b"]}),
    ("values equal [1]", "values_equal", {"values": [1]}),
    ("same values as s.t.c", "values_same", {"table": "s.t", "column": "c"}),
    ("most common in [a]", "most_common_in", {"values": ["a"]}),
    ("no outliers", "outliers", {}),
    ("no outliers beyond 1.5 iqr", "outliers", {"distance": 1.5, "method": "iqr"}),
    ("no outliers beyond 3 stddev", "outliers", {"distance": 3.0, "method": "z"}),
    ("psi against s.t.c < 0.2", "distribution",
     {"method": "psi", "table": "s.t", "column": "c", "operator": "<", "value": 0.2}),
    ("ks against s.t.c p > 0.05", "distribution",
     {"method": "ks", "table": "s.t", "column": "c", "of": "p", "operator": ">", "value": 0.05}),
]  # fmt: skip


@pytest.mark.parametrize(("text", "kind", "arguments"), COLUMN)
def test_short_forms_of_a_column(text: str, kind: str, arguments: dict[str, Any]) -> None:
    check = read(text)
    assert (check.kind, dict(check.arguments), check.column, check.text) == (kind, arguments, "x", text)
    assert (read({"check": text, "severity": "warn"}).kind, check.line) == (kind, 3)


#: Short form of a table, kind, arguments, columns.
TABLE: list[tuple[str, str, dict[str, Any], tuple[str, ...]]] = [
    ("rows > 0", "rows", {"operator": ">", "value": 0}, ()),
    ("rows between 1 and 10", "rows", {"low": 1, "high": 10}, ()),
    ("rows = rows of raw.orders", "rows_equal", {"operator": "=", "table": "raw.orders"}, ()),
    ("rows change between -10% and 50%", "change", {"low": -10, "high": 50, "percent": True}, ()),
    ("rows change >= 0", "change", {"operator": ">=", "value": 0}, ()),
    ("unique [a, b]", "unique", {"columns": ["a", "b"]}, ()),
    ("complete [a, b]", "complete", {}, ("a", "b")),
    ('complete ["a, b", "c ""d""", e]', "complete", {}, ("a, b", 'c "d"', "e")),
    ("equals s.my-list", "table_equals", {"table": "s.my-list"}, ()),
    ("same columns as s.my-list", "columns_same", {"table": "s.my-list"}, ()),
    ("same sum(a) as s.my-list within 1", "aggregate_equals",
     {"sql": "sum(a)", "table": "s.my-list", "within": 1}, ()),
    ("distinct in row [a, b]", "distinct_in_row", {}, ("a", "b")),
    ("refers [a, b] to s.t [c, d]", "refers", {"table": "s.t", "columns": ["c", "d"]}, ("a", "b")),
    ("columns [a, b]", "columns_are", {"how": "exact"}, ("a", "b")),
    ("columns in order [a, b]", "columns_are", {"how": "ordered"}, ("a", "b")),
    ("columns contain [a]", "columns_are", {"how": "contains"}, ("a",)),
    ("column count = 3", "columns_are", {"count": {"operator": "=", "value": 3}}, ()),
    ("no duplicates", "duplicates", {}, ()),
    ("no overlap [a, b]", "no_overlap", {}, ("a", "b")),
    ("no overlap [a, b] per id", "no_overlap", {"per": ["id"]}, ("a", "b")),
    ("sum of [a, b] = c", "columns_sum", {"total": "c"}, ("a", "b")),
    ("sum of [a, b] = 100", "columns_sum", {"total": 100}, ("a", "b")),
    ("same sum(amount) as raw.orders", "aggregate_equals", {"sql": "sum(amount)", "table": "raw.orders"}, ()),
    ("same count(DISTINCT id) as s.t within 0.01 per day, country", "aggregate_equals",
     {"sql": "count(DISTINCT id)", "table": "s.t", "within": 0.01, "per": ["day", "country"]}, ()),
    ("equals s.t", "table_equals", {"table": "s.t"}, ()),
    ("same columns as s.t", "columns_same", {"table": "s.t"}, ()),
    ("cramers_phi [a, b] < 0.1", "association", {"measure": "cramers_phi", "operator": "<", "value": 0.1}, ("a", "b")),
    ("aggregate sum(a * b) >= 0", "aggregate", {"sql": "sum(a * b)", "operator": ">=", "value": 0}, ()),
    ("aggregate corr(a, b) between -0.5 and 0.5", "aggregate", {"sql": "corr(a, b)", "low": -0.5, "high": 0.5}, ()),
    ("a < b", "condition", {"sql": "a < b"}, ()),
    ("rows > other", "condition", {"sql": "rows > other"}, ()),
]  # fmt: skip


@pytest.mark.parametrize(("text", "kind", "arguments", "columns"), TABLE)
def test_short_forms_of_a_table(text: str, kind: str, arguments: dict[str, Any], columns: tuple[str, ...]) -> None:
    check = read(text, "")
    assert (check.kind, dict(check.arguments), check.columns, check.column) == (kind, arguments, columns, "")


#: Long form, column, kind, arguments, columns.
LONG: list[tuple[dict[str, Any], str, str, dict[str, Any], tuple[str, ...]]] = [
    ({"check": "between", "low": 0, "strict_low": True}, "x", "between", {"low": "0", "strict_low": True}, ()),
    ({"check": "matches", "pattern": "^a"}, "x", "matches", {"pattern": "^a"}, ()),
    ({"check": "length", "low": 1, "of": "items"}, "x", "length", {"low": 1, "of": "items"}, ()),
    ({"check": "outliers", "method": "iqr", "distance": 1.5}, "x", "outliers", {"method": "iqr", "distance": 1.5}, ()),
    ({"check": "refers to s.t.id", "there": "active"}, "x", "refers",
     {"table": "s.t", "columns": ["id"], "there": "active"}, ()),
    ({"check": "refers", "columns": ["a"], "table": "s.t", "to": ["b"]}, "", "refers",
     {"table": "s.t", "columns": ["b"]}, ("a",)),
    ({"check": "unique", "columns": ["a", "b"], "nulls": "same"}, "", "unique",
     {"columns": ["a", "b"], "nulls": "same"}, ()),
    ({"check": "unique", "nulls": "same"}, "x", "unique", {"columns": ["x"], "nulls": "same"}, ()),
    ({"check": "columns_compare", "columns": ["a", "b"], "operator": ">", "nulls": "fail"}, "", "columns_compare",
     {"operator": ">", "nulls": "fail"}, ("a", "b")),
    ({"check": "pairs_in", "columns": ["a", "b"], "values": [[1, "x"]]}, "", "pairs_in",
     {"values": [[1, "x"]]}, ("a", "b")),
    ({"check": "fresh_each", "within": "1 day", "per": "country"}, "t", "fresh_each",
     {"seconds": 86400, "per": ["country"]}, ()),
    ({"check": "aggregate", "sql": "sum(x)", "must": "> 0"}, "", "aggregate",
     {"sql": "sum(x)", "operator": ">", "value": 0}, ()),
    ({"check": "distribution", "method": "psi", "values": ["a"], "weights": [1], "must": "< 0.2"}, "x", "distribution",
     {"method": "psi", "values": ["a"], "weights": [1], "operator": "<", "value": 0.2}, ()),
    ({"check": "columns_are", "forbid": "tmp_*", "count": 3}, "", "columns_are",
     {"forbid": ["tmp_*"], "count": {"operator": "=", "value": 3}}, ()),
    ({"check": "sql", "sql": "SELECT 1", "tables": ["s.t"]}, "", "sql", {"sql": "SELECT 1", "tables": ["s.t"]}, ()),
    ({"check": "my_kind", "limit": 3}, "x", "my_kind", {"limit": 3}, ()),
]  # fmt: skip


@pytest.mark.parametrize(("written", "column", "kind", "arguments", "columns"), LONG)
def test_long_forms(
    written: dict[str, Any], column: str, kind: str, arguments: dict[str, Any], columns: tuple[str, ...]
) -> None:
    check = read(written, column, custom={"my_kind"})
    assert (check.kind, dict(check.arguments), check.columns) == (kind, arguments, columns)


def test_what_any_long_form_may_say() -> None:
    check = read({"check": "not_null", "mostly": "95%", "where": "y > 0", "severity": "warn", "when": "after"})
    assert (check.mostly, check.where, check.severity, check.when) == (0.95, "y > 0", "warn", "after")
    assert (check.most, check.sample, check.quarantine) == (None, 0, False)
    check = read({"check": "not_null", "mostly": "at most 10 rows", "sample": "10%", "name": "there"})
    assert (check.mostly, check.most, check.sample, check.text) == (1, 10, 0.1, "there")
    assert read({"check": "not_null", "quarantine": True}).quarantine
    for when in ("after", "after publish", " after publishing"):
        assert read({"check": "not_null", "when": when}).when == "after"
    assert read({"check": "not_null", "when": "before publish"}).when == "before"
    for most, expected in ((10, (1, 10)), ("10 rows", (1, 10)), ("5%", (0.95, None)), ("0%", (1, None))):
        check = read({"check": "not_null", "most": most})
        assert (check.mostly, check.most) == expected
    for sample, size in ((1000, 1000), ("1000 rows", 1000), (0.07, 0.07), ("7%", 0.07), ("100%", 0), (1, 1)):
        assert read({"check": "not_null", "sample": sample}).sample == size


#: What is written, column, what is told of it, the hint.
WRONG: list[tuple[Any, str, str, str]] = [
    ("uniqe", "x", "is no check of a column", "Did you mean `unique`?"),
    ("not nul", "x", "is no check of a column", "Did you mean `not_null`?"),
    ("formt email", "x", "is no check of a column", "Did you mean `format`?"),
    ("format emial", "x", "There is no format `emial`", "Did you mean `email`?"),
    ("avg", "x", "needs a bound", "`avg > 0`"),
    ("avg > many", "x", "`many` is no number", ""),
    ("length > 1.5", "x", "whole numbers", ""),
    ("quantile(2) > 1", "x", "a share from 0 to 1", ""),
    ("fresh within a while", "x", "no length of time", "2 hours"),
    ("in []", "x", "needs a list of plain values", ""),
    ("unique []", "", "needs column names", ""),
    ("not_null", "", "`not_null` is a check of a column", "under `columns:`"),
    ({"check": "unique"}, "", "`unique` needs `columns:`", ""),
    ({"check": "refers", "table": "s.t", "columns": ["a"]}, "", "`refers` needs `to:`", ""),
    ({"check": "fresh"}, "x", "`fresh` needs `within:`", ""),
    ("complete [a, , b]", "", "needs column names", ""),
    ({"check": "between"}, "x", "`between` needs `low:` or `high:`", ""),
    ({"check": "outliers", "distanc": 3}, "x", "has no `distanc`", "Did you mean `distance`?"),
    ({"check": "outliers", "method": "zz"}, "x", "`method: zz` must be one of z, iqr", ""),
    ({"check": "outliers", "distance": "far"}, "x", "`far` is no number", ""),
    ({"check": "outliers"}, "", "is a check of a column", "under `columns:`"),
    ({"check": "columns_compare", "columns": ["a"], "operator": ">"}, "", "needs `columns:`, a list of 2", ""),
    ({"check": "in", "values": "a"}, "x", "a list of plain values", ""),
    ({"check": "not_null", "mostly": "most"}, "x", "must be a share", "95%"),
    ({"check": "not_null", "mostly": 0.9, "most": 3}, "x", "keep one of them", ""),
    ({"check": "not_null", "mostly": True}, "x", "must be a share", ""),
    ({"check": "not_null", "most": -1}, "x", "`most: -1`", ""),
    ({"check": "not_null", "most": "200%"}, "x", "from 0% to 100%", ""),
    ({"check": "not_null", "when": "later"}, "x", "must be before or after", ""),
    ({"check": "not_null", "sample": 0}, "x", "`sample: 0`", ""),
    ({"check": "not_null", "quarantine": "yes"}, "x", "must be false or true", ""),
    ({"check": "avg > 0", "quarantine": True}, "x", "takes no `quarantine`", ""),
    ({"check": "rows > 0", "most": 3}, "", "takes neither", ""),
    ({"check": "refers", "table": "customers", "columns": ["a"], "to": ["b"]}, "", "the name of a table", ""),
    ({"check": "my_knd"}, "x", "is no check of a column", "Did you mean `my_kind`?"),
]  # fmt: skip


@pytest.mark.parametrize(("written", "column", "message", "hint"), WRONG)
def test_what_cannot_be_read_says_why(written: Any, column: str, message: str, hint: str) -> None:
    with pytest.raises(CheckFormError) as told:
        read(written, column, custom={"my_kind"})
    assert message in str(told.value) and hint in f"{told.value} {told.value.hint}"


def test_forms_and_kinds_are_the_same() -> None:
    assert set(FORMS) == set(KINDS) and set(FORMAT_NAMES) == set(FORMATS)
    for kind, form in FORMS.items():
        assert form.finds_rows <= (hasattr(find(kind), "bad_row") or hasattr(find(kind), "bad_rows")), kind
