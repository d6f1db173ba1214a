"""The arguments that each kind of check takes in its long form."""

from collections.abc import Callable, Mapping
from dataclasses import field
from typing import Any

from wherry.model.dataclass import dataclass
from wherry.project.bounds_form import CheckFormError, read_bounds, read_seconds, read_value
from wherry.project.nearest import did_you_mean
from wherry.project.short_form import DISTANCES, DISTINCT, FORMAT_NAMES, GROUPED, MEASURES, operand

Reader = Callable[[Any, str], Any]


def _fail(value: Any, name: str, what: str) -> CheckFormError:
    return CheckFormError(f"`{name}: {value}` must be {what}.")


def _text(value: Any, name: str) -> str:
    if isinstance(value, list | dict | bool) or value is None or not str(value).strip():
        raise _fail(value, name, "text")
    return str(value)


def _names(value: Any, name: str) -> list[str]:
    items = value if isinstance(value, list) else [value]
    if not items or any(not isinstance(item, str | int) or isinstance(item, bool) or item == "" for item in items):
        raise _fail(value, name, "a list of names")
    return [str(item) for item in items]


def _values(value: Any, name: str) -> list[Any]:
    if not isinstance(value, list) or any(isinstance(item, list | dict) for item in value):
        raise _fail(value, name, "a list of plain values")
    return value


def _number(value: Any, name: str) -> float | int:
    if isinstance(value, str):
        return float(read_value(value, name))
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise _fail(value, name, "a number")
    return value


def _numbers(value: Any, name: str) -> list[float | int]:
    if not isinstance(value, list) or not value:
        raise _fail(value, name, "a list of numbers")
    return [float(item) if item in ("inf", "-inf") else _number(item, name) for item in value]


def _bins(value: Any, name: str) -> Any:
    return _numbers(value, name) if isinstance(value, list) else int(_number(value, name))


def _yes(value: Any, name: str) -> bool:
    if not isinstance(value, bool):
        raise _fail(value, name, "true or false")
    return value


def _plain(value: Any, name: str) -> Any:
    if isinstance(value, list | dict):
        raise _fail(value, name, "one value")
    return value


def _mapping(value: Any, name: str) -> Any:
    if not isinstance(value, Mapping):
        raise _fail(value, name, "a mapping")
    return dict(value)


def _schema(value: Any, name: str) -> Any:
    return value if isinstance(value, bool) else _mapping(value, name)


def _combinations(value: Any, name: str) -> list[list[Any]]:
    if not isinstance(value, list) or not all(isinstance(item, list) for item in value):
        raise _fail(value, name, "a list of lists, such as [[a, 1], [b, 2]]")
    return value


def _pairs_of_bounds(value: Any, name: str) -> list[list[Any]]:
    if any(len(item) != 2 for item in _combinations(value, name)):
        raise _fail(value, name, "a list of pairs of bounds, such as [[0, 5], [null, 10]]")
    return list(value)


def _table(value: Any, name: str) -> str:
    if not isinstance(value, str) or "." not in value:
        raise _fail(value, name, "the name of a table, such as raw.orders")
    return value


def _count(value: Any, name: str) -> dict[str, Any]:
    if isinstance(value, int) and not isinstance(value, bool):
        return {"operator": "=", "value": value}
    return read_bounds(str(value), name)


def _bound_sql(value: Any, name: str) -> str:
    """An end of a range in SQL: text is an expression, as in the short form, a date without quotes the date."""
    return operand(str(_plain(value, name)))


def _one_of(*choices: str) -> Reader:
    def read(value: Any, name: str) -> str:
        if value not in choices:
            hint = did_you_mean(str(value), choices, f"Known are: {', '.join(choices)}.")
            raise CheckFormError(f"`{name}: {value}` must be one of {', '.join(choices)}.", hint)
        return str(value)

    return read


_OPERATOR = _one_of(">", ">=", "<", "<=", "=", "!=", "<>")
_BOUNDS: dict[str, Reader] = {
    "must": lambda value, name: read_bounds(str(value), name, numbers=False),
    "operator": _OPERATOR,
    "value": _plain,
    "low": _plain,
    "high": _plain,
    "strict_low": _yes,
    "strict_high": _yes,
}
_RANGE = {**_BOUNDS, "low": _bound_sql, "high": _bound_sql}
_NULLS = {"nulls": _one_of("pass", "both", "fail")}
_PATTERNS: dict[str, Reader] = {"pattern": _text, "patterns": _values, "how": _one_of("any", "all")}
_LIKE: dict[str, Reader] = {**_PATTERNS, "ignore_case": _yes}
_COLUMNS: dict[str, Reader] = {"columns": _names}
_OTHER: dict[str, Reader] = {"table": _table, "there": _text}
_BETWEEN = _one_of("interpolate", "lower", "nearest")
_SIDE = _one_of("both", "high", "low")
_TIES = _one_of("all", "any", "none")
_PER: dict[str, Reader] = {"per": _names}


@dataclass(frozen=True, slots=True)
class Kind:
    """What the long form of a kind may and must say."""

    arguments: Mapping[str, Reader] = field(default_factory=dict)
    #: Of each of these groups one must be given.
    needs: tuple[tuple[str, ...], ...] = ()
    #: Whether it says of every row whether it is bad.
    finds_rows: bool = True
    #: Whether it is about one column.
    of_column: bool = True
    #: How many columns it needs at least, when it is about several.
    least: int = 0

    def expect_whole(self, kind: str, arguments: Mapping[str, Any], columns: tuple[str, ...], column: str) -> None:
        """Raises ``CheckFormError`` when something is missing."""
        for group in self.needs:
            if not any(name in arguments for name in group):
                raise CheckFormError(f"`{kind}` needs {' or '.join(f'`{name}:`' for name in group)}.")
        if self.of_column and not column and not columns:
            raise CheckFormError(f"`{kind}` is a check of a column.", "Put it beside its column, under `columns:`.")
        if self.least and len(columns) < self.least:
            raise CheckFormError(f"`{kind}` needs `columns:`, a list of {self.least} or more.")


def _table_kind(arguments: Mapping[str, Reader], *needs: tuple[str, ...], rows: bool = True, least: int = 0) -> Kind:
    return Kind(arguments, needs, finds_rows=rows, of_column=False, least=least)


def _measuring(arguments: Mapping[str, Reader], *needs: tuple[str, ...], of_column: bool = True) -> Kind:
    return Kind({**arguments, **_BOUNDS}, needs, finds_rows=False, of_column=of_column)


KINDS: dict[str, Kind] = {
    **{kind: Kind() for kind in ("not_null", "null", "not_blank", "not_nan", "finite")},
    "compare": Kind({"operator": _OPERATOR, "value": _bound_sql}, (("operator",), ("value",))),
    "between": Kind({**_RANGE}, (("low", "high", "must"),)),
    "in": Kind({"values": _values}, (("values",),)),
    "not_in": Kind({"values": _values}, (("values",),)),
    "matches": Kind(_PATTERNS, (("pattern", "patterns"),)),
    "not_matches": Kind(_PATTERNS, (("pattern", "patterns"),)),
    "like": Kind(_LIKE, (("pattern", "patterns"),)),
    "not_like": Kind(_LIKE, (("pattern", "patterns"),)),
    "length": Kind({**_BOUNDS, "of": _one_of("characters", "items", "bytes")}, (("low", "high", "operator", "must"),)),
    "format": Kind({"format": _one_of(*FORMAT_NAMES)}, (("format",),)),
    "time_format": Kind({"format": _text, "formats": _values}, (("format", "formats"),)),
    "casts_to": Kind({"type": _text}, (("type",),)),
    "json_schema": Kind({"schema": _schema}, (("schema",),)),
    "condition": _table_kind({"sql": _text}, ("sql",)),
    "complete": _table_kind(_COLUMNS, least=1),
    "columns_compare": _table_kind({**_COLUMNS, **_NULLS, "operator": _OPERATOR}, ("operator",), least=2),
    "columns_sum": _table_kind(
        {**_COLUMNS, "total": _plain, "nulls": _one_of("pass", "zero", "fail")}, ("total",), least=1
    ),
    "pairs_in": _table_kind({**_COLUMNS, **_NULLS, "values": _combinations}, ("values",), least=1),
    "distinct_in_row": _table_kind({**_COLUMNS, "nulls": _one_of("pass", "same")}, least=2),
    "unique": _table_kind({"columns": _names, "nulls": _one_of("pass", "same", "count")}, ("columns",)),
    "duplicates": _table_kind({}),
    "refers": Kind({**_COLUMNS, **_OTHER, "to": _names}, (("table",), ("columns",))),
    "increasing": Kind({"by": _names, "per": _names, "strictly": _yes}),
    "decreasing": Kind({"by": _names, "per": _names, "strictly": _yes}),
    "sequential": Kind({**_PER, "step": _plain}),
    "no_overlap": _table_kind(
        {**_COLUMNS, **_PER, "gaps": _one_of("allowed", "forbidden", "required"), "empty": _yes}, least=2
    ),
    "outliers": Kind(
        {"method": _one_of("z", "iqr"), "distance": _number, "side": _SIDE, "edge": _one_of("near", "far")},
    ),
    "rows": _measuring({}, ("low", "high", "operator", "must"), of_column=False),
    "aggregate": _measuring({"measure": _one_of(*MEASURES), "sql": _text}, ("measure", "sql"), of_column=False),
    "quantile": _measuring(
        {"quantile": _number, "quantiles": _numbers, "bounds": _pairs_of_bounds, "between": _BETWEEN}
    ),
    "distinct": _measuring({"measure": _one_of(*DISTINCT)}, ("measure",)),
    "fresh": Kind({"within": lambda value, name: read_seconds(value)}, (("seconds",),), finds_rows=False),
    "fresh_each": Kind({**_PER, "within": lambda value, name: read_seconds(value)}, (("seconds",), ("per",)), False),
    "change": _measuring({"sql": _text, "percent": _yes}, ("low", "high", "operator", "must"), of_column=False),
    "each_group": _table_kind(
        {
            **_BOUNDS,
            **_PER,
            "of": _one_of(*GROUPED),
            "measure": _one_of(*MEASURES, *DISTINCT),
            "sql": _text,
            "quantile": _number,
            "between": _BETWEEN,
        },
        ("of",),
        ("per",),
        ("low", "high", "operator", "must"),
        rows=False,
    ),
    "values_in": Kind({"values": _values}, (("values",),)),
    "values_cover": Kind({"values": _values}, (("values",),), finds_rows=False),
    "values_equal": Kind({"values": _values}, (("values",),), finds_rows=False),
    "values_same": Kind(
        {**_OTHER, "column": _text, "how": _one_of("equal", "in", "cover")}, (("table",), ("column",)), finds_rows=False
    ),
    "most_common_in": Kind(
        {"values": _values, "ties": _one_of("all", "any", "none")}, (("values",),), finds_rows=False
    ),
    "distribution": _measuring(
        {
            **_OTHER,
            "method": _one_of(*DISTANCES),
            "of": _one_of("p", "statistic"),
            "column": _text,
            "values": _values,
            "bins": _bins,
            "weights": _numbers,
            "tail_weight": _number,
            "zero_weight": _number,
        },
        ("method",),
        ("table", "values", "bins"),
    ),
    "association": Kind(
        {**_COLUMNS, **_BOUNDS, "measure": _one_of("cramers_phi")}, finds_rows=False, of_column=False, least=2
    ),
    "type": Kind({"type": _text, "types": _values}, (("type", "types"),), finds_rows=False),
    "columns_are": _table_kind(
        {
            **_COLUMNS,
            "how": _one_of("exact", "ordered", "contains", "contains ordered"),
            "forbid": _names,
            "types": _mapping,
            "index": _mapping,
            "count": _count,
        },
        rows=False,
    ),
    "columns_same": _table_kind(
        {"table": _table, "how": _one_of("exact", "ordered", "contains", "count"), "types": _yes},
        ("table",),
        rows=False,
    ),
    "rows_equal": _table_kind({**_OTHER, "operator": _OPERATOR, "factor": _number}, ("table",), rows=False),
    "table_equals": _table_kind({**_COLUMNS, **_OTHER, "ignore": _names}, ("table",), rows=False),
    "aggregate_equals": _table_kind(
        {**_OTHER, **_PER, "sql": _text, "other": _text, "within": _number}, ("table",), ("sql",), rows=False
    ),
    "sql": _table_kind({"sql": _text, "tables": _names}, ("sql",), rows=False),
}


def read_arguments(kind: str, given: Mapping[str, Any]) -> tuple[dict[str, Any], tuple[str, ...]]:
    """The arguments of a kind as its module takes them, and its columns."""
    readers, arguments, columns = KINDS[kind].arguments, {}, ()
    for name, value in given.items():
        read = readers[name](value, name)
        if name == "must":
            arguments.update(read)
        elif name == "within" and kind in ("fresh", "fresh_each"):
            arguments["seconds"] = read
        elif name == "to":  # the columns of the other table
            arguments["columns"] = read
        elif name == "columns" and kind != "unique":
            columns = tuple(read)
        else:
            arguments[name] = read
    return arguments, columns
