"""What each expectation of Great Expectations means, in the kinds of ``wherry.checks``."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from wherry.imports.gx_conditions import NotImported
from wherry.imports.gx_parameters import Moment
from wherry.imports.gx_types import type_of
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


def _column(given: Given) -> str:
    return str(given["column"])


def _map(kind: str, read: Callable[[Given], Mapping[str, Any]] = lambda given: {}) -> Callable[[Given], Draft]:
    """An expectation of every value of a column that is not null."""

    def make(given: Given) -> Draft:
        column = _column(given)
        return Draft(kind=kind, column=column, arguments=read(given), ignores=f"{name(column)} IS NOT NULL")

    return make


def _bounds(given: Given, low: str = "min_value", high: str = "max_value") -> dict[str, Any]:
    bounds = {"low": given.get(low), "high": given.get(high)}
    if any(isinstance(each, Moment) for each in bounds.values()):
        raise NotImported("`now()` is understood as a bound of values only")
    strict = {f"strict_{end}": True for end, key in (("low", "min"), ("high", "max")) if given.get(f"strict_{key}")}
    return {key: value for key, value in bounds.items() if value is not None} | strict


def _sql_bounds(given: Given) -> dict[str, Any]:
    def sql(value: Any) -> str:
        return value.sql if isinstance(value, Moment) else literal(value)

    bounds = {"low": given.get("min_value"), "high": given.get("max_value")}
    strict = {f"strict_{end}": True for end, key in (("low", "min"), ("high", "max")) if given.get(f"strict_{key}")}
    return {key: sql(value) for key, value in bounds.items() if value is not None} | strict


def _aggregate(measure: str, kind: str = "aggregate") -> Callable[[Given], Draft]:
    def make(given: Given) -> Draft:
        arguments = {"measure": measure, **_bounds(given)}
        return Draft(kind=kind, column=_column(given), arguments=arguments, counts=False)

    return make


def _sum_of_column(given: Given) -> Draft:
    # To it the sum of nothing is 0.
    arguments = {"sql": f"coalesce(sum({name(_column(given))}), 0)", **_bounds(given)}
    return Draft(kind="aggregate", column=_column(given), arguments=arguments, counts=False)


def _median(given: Given) -> Draft:
    return Draft(kind="quantile", column=_column(given), arguments={"quantile": 0.5, **_bounds(given)}, counts=False)


def _quantiles(given: Given) -> Draft:
    ranges = given["quantile_ranges"]
    arguments = {"quantiles": list(ranges["quantiles"]), "bounds": [list(each) for each in ranges["value_ranges"]]}
    return Draft(kind="quantile", column=_column(given), arguments={**arguments, "between": "nearest"}, counts=False)


def _values(given: Given, key: str = "value_set") -> list[Any]:
    values = given.get(key)
    if not isinstance(values, list):
        raise NotImported(f"it has no list `{key}`")
    return values


def _set(kind: str) -> Callable[[Given], Draft]:
    return lambda given: Draft(kind=kind, column=_column(given), arguments={"values": _values(given)}, counts=False)


def _most_common(given: Given) -> Draft:
    ties = {"ties": "any" if given.get("ties_okay") else "none"}
    return Draft(
        kind="most_common_in", column=_column(given), arguments={"values": _values(given), **ties}, counts=False
    )


#: What Python's regular expressions have and RE2 has not.
_BEYOND = re.compile(r"\(\?(=|!|<=|<!|>|\()|\(\?P=|(?<!\\)(?:\\\\)*\\[1-9]|[*+?}]\+")


def _pattern(value: Any) -> str:
    if not isinstance(value, str):
        raise NotImported(f"the pattern {value!r} is no text")
    if _BEYOND.search(value):
        raise NotImported(f"the regular expression `{value}` looks around or back, which RE2 does not")
    return value


def _regexes(given: Given) -> dict[str, Any]:
    how = "all" if given.get("match_on") == "all" else "any"
    return {"patterns": [_pattern(each) for each in _values(given, "regex_list")], "how": how}


def _likes(given: Given) -> dict[str, Any]:
    how = "all" if given.get("match_on") == "all" else "any"
    return {"patterns": _values(given, "like_pattern_list"), "how": how}


def _lengths(given: Given) -> dict[str, Any]:
    bounds = _bounds(given)
    for key in ("low", "high"):
        if key in bounds and (isinstance(bounds[key], bool) or bounds[key] != int(bounds[key])):
            raise NotImported(f"a length is a whole number, not {bounds[key]!r}")
    return bounds


def _length(given: Given) -> dict[str, Any]:
    return {"operator": "=", "value": int(given["value"])}


def _like(given: Given) -> dict[str, Any]:
    return {"pattern": str(given["like_pattern"])}


def _strftime(given: Given) -> dict[str, Any]:
    return {"format": str(given["strftime_format"])}


def _json(given: Given) -> Draft:
    column = _column(given)
    x = name(column)
    # A number is no JSON to it, although JSON has numbers: only text is parsed.
    sql = f"{x} IS NULL OR (typeof({x}) IN ('VARCHAR', 'JSON') AND json_valid(CAST({x} AS VARCHAR)))"
    return Draft(kind="condition", column=column, arguments={"sql": sql}, ignores=f"{x} IS NOT NULL")


def _json_schema(given: Given) -> dict[str, Any]:
    schema = given["json_schema"]
    if not isinstance(schema, Mapping | bool):
        raise NotImported("`json_schema` is no schema")
    return {"schema": schema}


def _types(names: Any) -> list[str]:
    wanted = names if isinstance(names, list) else [names]
    known = [type_of(str(each)) for each in wanted]
    if strange := [str(each) for each, kind in zip(wanted, known, strict=True) if not kind]:
        raise NotImported(f"the type `{strange[0]}` is not known")
    return list(dict.fromkeys(known))


def _type(key: str) -> Callable[[Given], Draft]:
    def make(given: Given) -> Draft:
        if given.get(key) is None:
            raise NotImported(f"it has no `{key}`")
        return Draft(kind="type", column=_column(given), arguments={"types": _types(given[key])}, counts=False)

    return make


def _z_scores(given: Given) -> dict[str, Any]:
    side = "both" if given.get("double_sided", True) else "high"
    return {"distance": float(given["threshold"]), "side": side, "edge": "far"}


def _outliers(given: Given) -> dict[str, Any]:
    method, distance = given.get("method") or "iqr", given.get("multiplier", 1.5)
    if method not in ("iqr", "std"):
        raise NotImported(f"there is no method `{method}`")
    way = {"method": "iqr"} if method == "iqr" else {"method": "z", "edge": "far"}
    return {"distance": float(distance), **way}


_PAIR_NULLS = {"both_values_are_missing": "both", "either_value_is_missing": "pass", "neither": "fail", "never": "fail"}


def _pair(given: Given) -> tuple[tuple[str, str], str, str]:
    """Two columns, what a null does, and which rows are looked at."""
    columns = (str(given["column_A"]), str(given["column_B"]))
    ignored = given.get("ignore_row_if") or "both_values_are_missing"
    if ignored not in _PAIR_NULLS:
        raise NotImported(f"`ignore_row_if: {ignored}` is not known")
    nulls = _PAIR_NULLS[ignored]
    link = {"both": " OR ", "pass": " AND "}.get(nulls)
    return columns, nulls, link.join(f"{name(each)} IS NOT NULL" for each in columns) if link else ""


def _pair_compare(operator: str) -> Callable[[Given], Draft]:
    def make(given: Given) -> Draft:
        columns, nulls, ignores = _pair(given)
        sign = ">=" if operator == ">" and given.get("or_equal") else operator
        arguments = {"operator": sign, "nulls": nulls}
        return Draft(kind="columns_compare", columns=columns, arguments=arguments, ignores=ignores)

    return make


def _pair_in_set(given: Given) -> Draft:
    columns, nulls, ignores = _pair(given)
    pairs = [list(pair) for pair in _values(given, "value_pairs_set")]
    return Draft(kind="pairs_in", columns=columns, arguments={"values": pairs, "nulls": nulls}, ignores=ignores)


def _several(given: Given) -> tuple[tuple[str, ...], str, str]:
    """Columns, which of their rows are ignored, and which are looked at."""
    columns = tuple(str(each) for each in _values(given, "column_list"))
    ignored = given.get("ignore_row_if") or "all_values_are_missing"
    link = {"all_values_are_missing": " OR ", "any_value_is_missing": " AND ", "never": ""}.get(ignored)
    if link is None:
        raise NotImported(f"`ignore_row_if: {ignored}` is not known")
    return columns, ignored, link.join(f"{name(each)} IS NOT NULL" for each in columns) if link else ""


def _compound(given: Given) -> Draft:
    columns, ignored, ignores = _several(given)
    nulls = {"all_values_are_missing": "same", "any_value_is_missing": "pass", "never": "count"}[ignored]
    return Draft(kind="unique", arguments={"columns": list(columns), "nulls": nulls}, ignores=ignores)


def _unique(given: Given) -> Draft:
    column = _column(given)
    return Draft(kind="unique", column=column, arguments={"columns": [column]}, ignores=f"{name(column)} IS NOT NULL")


def _within_record(given: Given) -> Draft:
    columns, ignored, ignores = _several(given)
    if ignored == "any_value_is_missing":
        whole = " OR ".join(f"{name(each)} IS NULL" for each in columns)
        pairs = [(a, b) for index, a in enumerate(columns) for b in columns[index + 1 :]]
        differ = " AND ".join(f"{name(a)} != {name(b)}" for a, b in pairs) or "true"
        return Draft(kind="condition", arguments={"sql": f"{whole} OR ({differ})"}, ignores=ignores)
    return Draft(kind="distinct_in_row", columns=columns, arguments={"nulls": "same"}, ignores=ignores, narrows=True)


def _same(given: Given) -> Draft:
    columns, _, ignores = _several(given)
    first, *others = map(name, columns)
    sql = " AND ".join(f"{first} IS NOT DISTINCT FROM {other}" for other in others) or "true"
    return Draft(kind="condition", arguments={"sql": sql}, ignores=ignores, narrows=True)


def _sum(given: Given) -> Draft:
    columns, ignored, ignores = _several(given)
    arguments = {"total": given["sum_total"], "nulls": "pass" if ignored == "any_value_is_missing" else "fail"}
    return Draft(kind="columns_sum", columns=columns, arguments=arguments, ignores=ignores, narrows=True)


def _ordered(kind: str) -> Callable[[Given], Draft]:
    return _map(kind, lambda given: {"strictly": True} if given.get("strictly") else {})


def _partition(given: Given) -> dict[str, Any]:
    partition = given["partition_object"]
    if not isinstance(partition, Mapping) or "weights" not in partition or not {"values", "bins"} & set(partition):
        raise NotImported("`partition_object` needs `weights` with `values` or `bins`")
    weights, tails = list(partition["weights"]), list(partition.get("tail_weights") or ())
    if any(tails):
        bins = list(partition["bins"])
        return {"bins": ["-inf", *bins, "inf"], "weights": [tails[0], *weights, tails[1]]}
    if "values" in partition:
        return {"values": list(partition["values"]), "weights": weights}
    return {"bins": list(partition["bins"]), "weights": weights}


def _distribution(method: str, of: str, operator: str, bound: str, otherwise: float | None) -> Callable[[Given], Draft]:
    def make(given: Given) -> Draft:
        limit = given.get(bound, otherwise)
        limits = {} if limit is None else {"operator": operator, "value": limit}
        holdouts = {
            "tail_weight": given.get("tail_weight_holdout"),
            "zero_weight": given.get("internal_weight_holdout"),
        }
        arguments = {"method": method, "of": of, **_partition(given), **limits}
        arguments |= {key: value for key, value in holdouts.items() if value}
        return Draft(kind="distribution", column=_column(given), arguments=arguments, counts=False)

    return make


def _chi_square(given: Given) -> Draft:
    if "values" not in (given.get("partition_object") or {}):
        raise NotImported("a chi-square test needs a `partition_object` with `values`")
    return _distribution("chi_square", "p", ">", "p", 0.05)(given)


def _cramers_phi(given: Given) -> Draft:
    if any(given.get(key) for key in ("bins_A", "bins_B", "n_bins_A", "n_bins_B")):
        raise NotImported("values cut into bins are not understood")
    columns = (str(given["column_A"]), str(given["column_B"]))
    arguments = {"measure": "cramers_phi", "operator": "<=", "value": given.get("threshold", 0.1)}
    return Draft(kind="association", columns=columns, arguments=arguments, counts=False)


def _rows(given: Given) -> Draft:
    return Draft(kind="rows", arguments=_bounds(given), counts=False)


def _rows_exactly(given: Given) -> Draft:
    return Draft(kind="rows", arguments={"operator": "=", "value": given["value"]}, counts=False)


def _rows_as(given: Given) -> Draft:
    return Draft(kind="rows_equal", arguments={"table": str(given["other_table_name"]), "operator": "="}, counts=False)


def _column_count(given: Given) -> Draft:
    count = {"operator": "=", "value": given["value"]} if "value" in given else _bounds(given)
    return Draft(kind="columns_are", arguments={"count": count}, counts=False)


def _columns_ordered(given: Given) -> Draft:
    columns = given["column_list"]
    how = {} if columns is None else {"how": "ordered"}
    return Draft(kind="columns_are", columns=tuple(map(str, columns or ())), arguments=how, counts=False)


def _columns_set(given: Given) -> Draft:
    exact = given.get("exact_match")
    columns = tuple(map(str, given["column_set"] or ()))
    how = "exact" if exact or exact is None else "contains"
    return Draft(kind="columns_are", columns=columns, arguments={"how": how}, counts=False)


def _exists(given: Given) -> Draft:
    column, index = _column(given), given.get("column_index")
    arguments = {"how": "contains", **({} if index is None else {"index": {column: int(index)}})}
    # Not a check of the column: there need be none.
    return Draft(kind="columns_are", columns=(column,), arguments=arguments, counts=False)


def _query(given: Given) -> Draft:
    query = given["unexpected_rows_query"]
    if not isinstance(query, str):
        raise NotImported("`unexpected_rows_query` is no text")
    return Draft(kind="sql", arguments={"sql": query.strip().rstrip(";").replace("{batch}", "{table}")}, counts=False)


def _format(form: str) -> Callable[[Given], Draft]:
    return _map("format", lambda given: {"format": form})


#: Expectation -> the check that it is. A ``KeyError`` says which argument is missing.
EXPECTATIONS: dict[str, Callable[[Given], Draft]] = {
    # Every value of a column.
    "expect_column_values_to_not_be_null": lambda given: Draft(kind="not_null", column=_column(given)),
    "expect_column_values_to_be_null": lambda given: Draft(kind="null", column=_column(given)),
    "expect_column_values_to_be_unique": _unique,
    "expect_column_values_to_be_between": _map("between", _sql_bounds),
    "expect_column_values_to_be_in_set": _map("in", lambda given: {"values": _values(given)}),
    "expect_column_values_to_not_be_in_set": _map("not_in", lambda given: {"values": _values(given)}),
    "expect_column_value_lengths_to_be_between": _map("length", _lengths),
    "expect_column_value_lengths_to_equal": _map("length", _length),
    "expect_column_values_to_match_regex": _map("matches", lambda given: {"pattern": _pattern(given["regex"])}),
    "expect_column_values_to_not_match_regex": _map("not_matches", lambda given: {"pattern": _pattern(given["regex"])}),
    "expect_column_values_to_match_regex_list": _map("matches", _regexes),
    "expect_column_values_to_not_match_regex_list": _map("not_matches", _regexes),
    "expect_column_values_to_match_like_pattern": _map("like", _like),
    "expect_column_values_to_not_match_like_pattern": _map("not_like", _like),
    "expect_column_values_to_match_like_pattern_list": _map("like", _likes),
    "expect_column_values_to_not_match_like_pattern_list": _map("not_like", _likes),
    "expect_column_values_to_match_strftime_format": _map("time_format", _strftime),
    "expect_column_values_to_be_dateutil_parseable": _format("any_date"),
    "expect_column_values_to_be_json_parseable": _json,
    "expect_column_values_to_match_json_schema": _map("json_schema", _json_schema),
    "expect_column_values_to_be_of_type": _type("type_"),
    "expect_column_values_to_be_in_type_list": _type("type_list"),
    "expect_column_type_to_be": _type("type_"),
    "expect_column_values_to_be_increasing": _ordered("increasing"),
    "expect_column_values_to_be_decreasing": _ordered("decreasing"),
    "expect_column_value_z_scores_to_be_less_than": _map("outliers", _z_scores),
    "expect_column_values_to_not_be_outliers": _map("outliers", _outliers),
    # Several columns of a row.
    "expect_column_pair_values_a_to_be_greater_than_b": _pair_compare(">"),
    "expect_column_pair_values_to_be_equal": _pair_compare("="),
    "expect_column_pair_values_to_be_in_set": _pair_in_set,
    "expect_compound_columns_to_be_unique": _compound,
    "expect_select_column_values_to_be_unique_within_record": _within_record,
    "expect_multicolumn_values_to_be_unique": _within_record,
    "expect_multicolumn_sum_to_equal": _sum,
    "expect_multicolumn_values_to_be_equal": _same,
    # One number of a column.
    "expect_column_min_to_be_between": _aggregate("min"),
    "expect_column_max_to_be_between": _aggregate("max"),
    "expect_column_sum_to_be_between": _sum_of_column,
    "expect_column_mean_to_be_between": _aggregate("avg"),
    "expect_column_stdev_to_be_between": _aggregate("stddev"),
    "expect_column_median_to_be_between": _median,
    "expect_column_quantile_values_to_be_between": _quantiles,
    "expect_column_unique_value_count_to_be_between": _aggregate("distinct_count", "distinct"),
    "expect_column_proportion_of_unique_values_to_be_between": _aggregate("distinct_share", "distinct"),
    "expect_column_proportion_of_non_null_values_to_be_between": _aggregate("not_null_share"),
    # The set of values, and how they are spread.
    "expect_column_distinct_values_to_be_in_set": _set("values_in"),
    "expect_column_distinct_values_to_contain_set": _set("values_cover"),
    "expect_column_distinct_values_to_equal_set": _set("values_equal"),
    "expect_column_most_common_value_to_be_in_set": _most_common,
    "expect_column_kl_divergence_to_be_less_than": _distribution("kl", "statistic", "<=", "threshold", None),
    "expect_column_chisquare_test_p_value_to_be_greater_than": _chi_square,
    "expect_column_bootstrapped_ks_test_p_value_to_be_greater_than": _distribution("ks", "p", ">", "p", 0.05),
    "expect_column_pair_cramers_phi_value_to_be_less_than": _cramers_phi,
    # The table as a whole.
    "expect_table_row_count_to_be_between": _rows,
    "expect_table_row_count_to_equal": _rows_exactly,
    "expect_table_row_count_to_equal_other_table": _rows_as,
    "expect_table_column_count_to_be_between": _column_count,
    "expect_table_column_count_to_equal": _column_count,
    "expect_table_columns_to_match_ordered_list": _columns_ordered,
    "expect_table_columns_to_match_set": _columns_set,
    "expect_column_to_exist": _exists,
    "unexpected_rows_expectation": _query,
    # Of its gallery, what is a format here.
    "expect_column_values_to_be_valid_email": _format("email"),
    "expect_column_values_to_be_valid_uuid": _format("uuid"),
    "expect_column_values_to_be_valid_iban": _format("iban"),
    "expect_column_values_to_be_valid_ipv4": _format("ipv4"),
    "expect_column_values_to_be_valid_ipv6": _format("ipv6"),
    "expect_column_values_to_be_valid_mac": _format("mac"),
    "expect_column_values_to_be_valid_currency_code": _format("currency"),
    "expect_column_values_to_be_valid_http_url": _format("url"),
}
