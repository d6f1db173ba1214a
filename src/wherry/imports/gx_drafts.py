"""Checks as expectations of Great Expectations make them, from the arguments that a suite gives."""

import re
from collections.abc import Callable, Mapping
from dataclasses import field
from typing import Any

from wherry.imports import Mistaken
from wherry.imports.gx_conditions import NotImported
from wherry.imports.gx_parameters import Moment
from wherry.imports.gx_types import type_of
from wherry.model.dataclass import dataclass
from wherry.quoting import literal, name

Given = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """A check without what all expectations have in common."""

    kind: str
    column: str = ""
    columns: tuple[str, ...] = ()
    arguments: Mapping[str, Any] = field(default_factory=dict)
    #: Whether it counts rows, so that ``mostly`` means something.
    counts: bool = True
    #: SQL condition of the rows that it looks at, the others being ignored.
    ignores: str = ""
    #: Whether the kind does not ignore them by itself.
    narrows: bool = False


def column_of(given: Given) -> str:
    return str(given["column"])


def every_value(kind: str, read: Callable[[Given], Mapping[str, Any]] = lambda given: {}) -> Callable[[Given], Draft]:
    """An expectation of every value of a column that is not null."""

    def make(given: Given) -> Draft:
        column = column_of(given)
        return Draft(kind=kind, column=column, arguments=read(given), ignores=f"{name(column)} IS NOT NULL")

    return make


def _bounds(given: Given, low: str = "min_value", high: str = "max_value") -> dict[str, Any]:
    bounds = {"low": given.get(low), "high": given.get(high)}
    if any(isinstance(each, Moment) for each in bounds.values()):
        raise NotImported("`now()` is understood as a bound of values only")
    strict = {f"strict_{end}": True for end, key in (("low", "min"), ("high", "max")) if given.get(f"strict_{key}")}
    return {key: value for key, value in bounds.items() if value is not None} | strict


def sql_bounds(given: Given) -> dict[str, Any]:
    def sql(value: Any) -> str:
        return value.sql if isinstance(value, Moment) else literal(value)

    bounds = {"low": given.get("min_value"), "high": given.get("max_value")}
    strict = {f"strict_{end}": True for end, key in (("low", "min"), ("high", "max")) if given.get(f"strict_{key}")}
    if all(value is None for value in bounds.values()):
        raise Mistaken("it has neither `min_value` nor `max_value`")
    return {key: sql(value) for key, value in bounds.items() if value is not None} | strict


def aggregate(measure: str, kind: str = "aggregate") -> Callable[[Given], Draft]:
    def make(given: Given) -> Draft:
        arguments = {"measure": measure, **_bounds(given)}
        return Draft(kind=kind, column=column_of(given), arguments=arguments, counts=False)

    return make


def sum_of_column(given: Given) -> Draft:
    # To it the sum of nothing is 0.
    arguments = {"sql": f"coalesce(sum({name(column_of(given))}), 0)", **_bounds(given)}
    return Draft(kind="aggregate", column=column_of(given), arguments=arguments, counts=False)


def median(given: Given) -> Draft:
    return Draft(kind="quantile", column=column_of(given), arguments={"quantile": 0.5, **_bounds(given)}, counts=False)


def quantiles(given: Given) -> Draft:
    ranges = given["quantile_ranges"]
    arguments = {"quantiles": list(ranges["quantiles"]), "bounds": [list(each) for each in ranges["value_ranges"]]}
    return Draft(kind="quantile", column=column_of(given), arguments={**arguments, "between": "nearest"}, counts=False)


def values_of(given: Given, key: str = "value_set") -> list[Any]:
    values = given.get(key)
    if not isinstance(values, list):
        raise Mistaken(f"it has no list `{key}`")
    return values


def of_set(kind: str) -> Callable[[Given], Draft]:
    return lambda given: Draft(kind=kind, column=column_of(given), arguments={"values": values_of(given)}, counts=False)


def most_common(given: Given) -> Draft:
    ties = {"ties": "any" if given.get("ties_okay") else "none"}
    return Draft(
        kind="most_common_in", column=column_of(given), arguments={"values": values_of(given), **ties}, counts=False
    )


#: What Python's regular expressions have and RE2 has not.
_BEYOND = re.compile(r"\(\?(=|!|<=|<!|>|\()|\(\?P=|(?<!\\)(?:\\\\)*\\[1-9]|[*+?}]\+")


def pattern_of(value: Any) -> str:
    if not isinstance(value, str):
        raise Mistaken(f"the pattern {value!r} is no text")
    if _BEYOND.search(value):
        raise NotImported(f"the regular expression `{value}` looks around or back, which RE2 does not")
    return value


def regexes(given: Given) -> dict[str, Any]:
    how = "all" if given.get("match_on") == "all" else "any"
    return {"patterns": [pattern_of(each) for each in values_of(given, "regex_list")], "how": how}


def likes(given: Given) -> dict[str, Any]:
    how = "all" if given.get("match_on") == "all" else "any"
    return {"patterns": values_of(given, "like_pattern_list"), "how": how}


def in_set(given: Given) -> dict[str, Any]:
    return {"values": values_of(given)}


def regex(given: Given) -> dict[str, Any]:
    return {"pattern": pattern_of(given["regex"])}


def lengths(given: Given) -> dict[str, Any]:
    bounds = _bounds(given)
    for key in ("low", "high"):
        if key in bounds and (isinstance(bounds[key], bool) or bounds[key] != int(bounds[key])):
            raise Mistaken(f"a length is a whole number, not {bounds[key]!r}")
    return bounds


def length(given: Given) -> dict[str, Any]:
    return {"operator": "=", "value": int(given["value"])}


def like(given: Given) -> dict[str, Any]:
    return {"pattern": str(given["like_pattern"])}


def strftime(given: Given) -> dict[str, Any]:
    return {"format": str(given["strftime_format"])}


def json_text(given: Given) -> Draft:
    column = column_of(given)
    x = name(column)
    # A number is no JSON to it, although JSON has numbers: only text is parsed.
    sql = f"{x} IS NULL OR (typeof({x}) IN ('VARCHAR', 'JSON') AND json_valid(CAST({x} AS VARCHAR)))"
    return Draft(kind="condition", column=column, arguments={"sql": sql}, ignores=f"{x} IS NOT NULL")


def json_schema(given: Given) -> dict[str, Any]:
    schema = given["json_schema"]
    if not isinstance(schema, Mapping | bool):
        raise Mistaken("`json_schema` is no schema")
    return {"schema": schema}


def _types(names: Any) -> list[str]:
    wanted = names if isinstance(names, list) else [names]
    known = [type_of(str(each)) for each in wanted]
    if strange := [str(each) for each, kind in zip(wanted, known, strict=True) if not kind]:
        raise NotImported(f"the type `{strange[0]}` is not known")
    return list(dict.fromkeys(known))


def of_type(key: str) -> Callable[[Given], Draft]:
    def make(given: Given) -> Draft:
        if given.get(key) is None:
            raise Mistaken(f"it has no `{key}`")
        return Draft(kind="type", column=column_of(given), arguments={"types": _types(given[key])}, counts=False)

    return make


def z_scores(given: Given) -> dict[str, Any]:
    side = "both" if given.get("double_sided", True) else "high"
    return {"distance": float(given["threshold"]), "side": side, "edge": "far"}


def outliers(given: Given) -> dict[str, Any]:
    method, distance = given.get("method") or "iqr", given.get("multiplier", 1.5)
    if method not in ("iqr", "std"):
        raise Mistaken(f"there is no method `{method}`")
    way = {"method": "iqr"} if method == "iqr" else {"method": "z", "edge": "far"}
    return {"distance": float(distance), **way}


_PAIR_NULLS = {"both_values_are_missing": "both", "either_value_is_missing": "pass", "neither": "fail", "never": "fail"}


def _pair(given: Given) -> tuple[tuple[str, str], str, str]:
    """Two columns, what a null does, and which rows are looked at."""
    columns = (str(given["column_A"]), str(given["column_B"]))
    ignored = given.get("ignore_row_if") or "both_values_are_missing"
    if ignored not in _PAIR_NULLS:
        raise Mistaken(f"`ignore_row_if: {ignored}` is not known")
    nulls = _PAIR_NULLS[ignored]
    link = {"both": " OR ", "pass": " AND "}.get(nulls)
    return columns, nulls, link.join(f"{name(each)} IS NOT NULL" for each in columns) if link else ""


def pair_compare(operator: str) -> Callable[[Given], Draft]:
    def make(given: Given) -> Draft:
        columns, nulls, ignores = _pair(given)
        sign = ">=" if operator == ">" and given.get("or_equal") else operator
        arguments = {"operator": sign, "nulls": nulls}
        return Draft(kind="columns_compare", columns=columns, arguments=arguments, ignores=ignores)

    return make


def pair_in_set(given: Given) -> Draft:
    columns, nulls, ignores = _pair(given)
    pairs = [list(pair) for pair in values_of(given, "value_pairs_set")]
    return Draft(kind="pairs_in", columns=columns, arguments={"values": pairs, "nulls": nulls}, ignores=ignores)


def _several(given: Given) -> tuple[tuple[str, ...], str, str]:
    """Columns, which of their rows are ignored, and which are looked at."""
    columns = tuple(str(each) for each in values_of(given, "column_list"))
    ignored = given.get("ignore_row_if") or "all_values_are_missing"
    link = {"all_values_are_missing": " OR ", "any_value_is_missing": " AND ", "never": ""}.get(ignored)
    if link is None:
        raise Mistaken(f"`ignore_row_if: {ignored}` is not known")
    return columns, ignored, link.join(f"{name(each)} IS NOT NULL" for each in columns) if link else ""


def compound(given: Given) -> Draft:
    columns, ignored, ignores = _several(given)
    nulls = {"all_values_are_missing": "same", "any_value_is_missing": "pass", "never": "count"}[ignored]
    return Draft(kind="unique", arguments={"columns": list(columns), "nulls": nulls}, ignores=ignores)


def unique(given: Given) -> Draft:
    column = column_of(given)
    return Draft(kind="unique", column=column, arguments={"columns": [column]}, ignores=f"{name(column)} IS NOT NULL")


def within_record(given: Given) -> Draft:
    columns, ignored, ignores = _several(given)
    if ignored == "any_value_is_missing":
        whole = " OR ".join(f"{name(each)} IS NULL" for each in columns)
        pairs = [(a, b) for index, a in enumerate(columns) for b in columns[index + 1 :]]
        differ = " AND ".join(f"{name(a)} != {name(b)}" for a, b in pairs) or "true"
        return Draft(kind="condition", arguments={"sql": f"{whole} OR ({differ})"}, ignores=ignores)
    return Draft(kind="distinct_in_row", columns=columns, arguments={"nulls": "same"}, ignores=ignores, narrows=True)


def same_values(given: Given) -> Draft:
    columns, _, ignores = _several(given)
    first, *others = map(name, columns)
    sql = " AND ".join(f"{first} IS NOT DISTINCT FROM {other}" for other in others) or "true"
    return Draft(kind="condition", arguments={"sql": sql}, ignores=ignores, narrows=True)


def sum_of_columns(given: Given) -> Draft:
    columns, ignored, ignores = _several(given)
    arguments = {"total": given["sum_total"], "nulls": "pass" if ignored == "any_value_is_missing" else "fail"}
    return Draft(kind="columns_sum", columns=columns, arguments=arguments, ignores=ignores, narrows=True)


def ordered(kind: str) -> Callable[[Given], Draft]:
    return every_value(kind, lambda given: {"strictly": True} if given.get("strictly") else {})


def _partition(given: Given) -> dict[str, Any]:
    partition = given["partition_object"]
    if not isinstance(partition, Mapping) or "weights" not in partition or not {"values", "bins"} & set(partition):
        raise Mistaken("`partition_object` needs `weights` with `values` or `bins`")
    weights, tails = list(partition["weights"]), list(partition.get("tail_weights") or ())
    if any(tails):
        bins = list(partition["bins"])
        return {"bins": ["-inf", *bins, "inf"], "weights": [tails[0], *weights, tails[1]]}
    if "values" in partition:
        return {"values": list(partition["values"]), "weights": weights}
    return {"bins": list(partition["bins"]), "weights": weights}


def distribution(method: str, of: str, operator: str, bound: str, otherwise: float | None) -> Callable[[Given], Draft]:
    def make(given: Given) -> Draft:
        limit = given.get(bound, otherwise)
        limits = {} if limit is None else {"operator": operator, "value": limit}
        holdouts = {
            "tail_weight": given.get("tail_weight_holdout"),
            "zero_weight": given.get("internal_weight_holdout"),
        }
        arguments = {"method": method, "of": of, **_partition(given), **limits}
        arguments |= {key: value for key, value in holdouts.items() if value}
        return Draft(kind="distribution", column=column_of(given), arguments=arguments, counts=False)

    return make


def chi_square(given: Given) -> Draft:
    if "values" not in (given.get("partition_object") or {}):
        raise Mistaken("a chi-square test needs a `partition_object` with `values`")
    return distribution("chi_square", "p", ">", "p", 0.05)(given)


def cramers_phi(given: Given) -> Draft:
    if any(given.get(key) for key in ("bins_A", "bins_B", "n_bins_A", "n_bins_B")):
        raise NotImported("values cut into bins are not understood")
    columns = (str(given["column_A"]), str(given["column_B"]))
    arguments = {"measure": "cramers_phi", "operator": "<=", "value": given.get("threshold", 0.1)}
    return Draft(kind="association", columns=columns, arguments=arguments, counts=False)


def rows(given: Given) -> Draft:
    return Draft(kind="rows", arguments=_bounds(given), counts=False)


def rows_exactly(given: Given) -> Draft:
    return Draft(kind="rows", arguments={"operator": "=", "value": given["value"]}, counts=False)


def rows_as(given: Given) -> Draft:
    return Draft(kind="rows_equal", arguments={"table": str(given["other_table_name"]), "operator": "="}, counts=False)


def column_count(given: Given) -> Draft:
    count = {"operator": "=", "value": given["value"]} if "value" in given else _bounds(given)
    return Draft(kind="columns_are", arguments={"count": count}, counts=False)


def columns_ordered(given: Given) -> Draft:
    columns = given["column_list"]
    how = {} if columns is None else {"how": "ordered"}
    return Draft(kind="columns_are", columns=tuple(map(str, columns or ())), arguments=how, counts=False)


def columns_set(given: Given) -> Draft:
    exact = given.get("exact_match")
    columns = tuple(map(str, given["column_set"] or ()))
    how = "exact" if exact or exact is None else "contains"
    return Draft(kind="columns_are", columns=columns, arguments={"how": how}, counts=False)


def exists(given: Given) -> Draft:
    column, index = column_of(given), given.get("column_index")
    arguments = {"how": "contains", **({} if index is None else {"index": {column: int(index)}})}
    # Not a check of the column: there need be none.
    return Draft(kind="columns_are", columns=(column,), arguments=arguments, counts=False)


def query(given: Given) -> Draft:
    query = given["unexpected_rows_query"]
    if not isinstance(query, str):
        raise Mistaken("`unexpected_rows_query` is no text")
    return Draft(kind="sql", arguments={"sql": query.strip().rstrip(";").replace("{batch}", "{table}")}, counts=False)


def in_format(form: str) -> Callable[[Given], Draft]:
    return every_value("format", lambda given: {"format": form})
