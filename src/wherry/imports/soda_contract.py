"""Soda's data contracts: those of Soda 4 (``- missing:``) and those of Soda 3 (``- type: missing_count``)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any, Literal

from wherry.imports import Imported, Mistaken, NotUnderstood, not_imported
from wherry.imports.levels import with_levels
from wherry.imports.making import Making
from wherry.imports.soda_language import expect_check, expect_old_check, rows_of, unknown_keys, with_variables
from wherry.imports.soda_metrics import AGGREGATES, duplicates
from wherry.imports.soda_reconciliation import contract_reconciliation
from wherry.imports.soda_schema import contract_columns
from wherry.imports.soda_thresholds import levels, of_check
from wherry.imports.soda_validity import Validity
from wherry.imports.threshold import Threshold
from wherry.model.asset import Check
from wherry.model.finding import Finding
from wherry.project.located import Located
from wherry.project.nearest import nearest
from wherry.quoting import name, names

_NONE = Threshold(operator="=", value=0)
_SOME = Threshold(operator=">", value=0)
#: What a filter of the rows is called at the top of a contract.
_FILTERS = ("filter", "filter_sql", "sql_filter")
#: Soda 4's spelling of functions that have two.
_FUNCTIONS = {"minlength": "min_length", "maxlength": "max_length", "avglength": "avg_length"}
#: Stands for a column that is an expression, until its check is made.
_EXPRESSION = "__wherry_expression"
_UNITS = {"minute": 60, "hour": 3_600, "day": 86_400}
#: Words of Soda 3 -> what is counted, and its bound when it says none.
_OLD = {
    "no_missing_values": ("missing", _NONE), "missing_count": ("missing", None), "missing_percent": ("missing", None),
    "no_invalid_values": ("invalid", _NONE), "invalid_count": ("invalid", None), "invalid_percent": ("invalid", None),
    "no_duplicate_values": ("duplicate", _NONE), "duplicate_count": ("duplicate", None),
    "duplicate_percent": ("duplicate", None), "rows_exist": ("row_count", _SOME), "row_count": ("row_count", None),
}  # fmt: skip


def is_soda_contract(document: Any) -> bool:
    return isinstance(document, Mapping) and isinstance(document.get("dataset"), str)


def read_soda_contract(located: Located, file: str) -> list[Imported]:
    """The checks of the one table that a contract is about."""
    document = with_variables(located.value, located.value.get("variables"))
    reading = _Reading(located, file)
    # Soda 4 names a table by its whole path, data source first.
    table = str(document["dataset"])
    columns = [each for each in _list(document.get("columns")) if isinstance(each, Mapping)]
    old = any(isinstance(item, Mapping) and "type" in item for item in _items(document))
    reading.where = next((str(document[key]).strip() for key in _FILTERS if document.get(key)), "")
    reading.scopes = document.get("scopes")
    for path, key in unknown_keys(document):
        why, like = "a contract has nothing of the name", nearest(key, ("columns", "checks"))
        # Soda passes over the checks that stand below it.
        reading.refuse(key, path, Mistaken(why, f"Did you mean `{like}`?") if like else why)
    for index, column in enumerate(_list(document.get("columns"))):
        if not isinstance(column, Mapping) or not isinstance(column.get("name"), str):
            reading.refuse("columns", f"columns/{index}", Mistaken("a column has a name"))
            continue
        for number, item in enumerate(_list(column.get("checks"))):
            reading.check(item, f"columns/{index}/checks/{number}", column["name"], column)
    for number, item in enumerate(_list(document.get("checks"))):
        if isinstance(item, Mapping) and "schema" in item:
            reading.schema(columns, item, f"checks/{number}", old=False)
        else:
            reading.check(item, f"checks/{number}", "", {})
    if columns and (old or (not list(_items(document)) and "/" not in str(document["dataset"]))):
        reading.schema(columns, {}, "columns", old=True)  # what Soda 3 checks without being told
    for item, path, make in contract_reconciliation(document.get("reconciliation")):
        reading.reconciled(item, path, make)
    return [Imported(table=table, checks=tuple(reading.checks), findings=tuple(reading.findings))]


def _items(document: Mapping[str, Any]) -> Iterator[Any]:
    yield from _list(document.get("checks"))
    for column in _list(document.get("columns")):
        yield from _list(column.get("checks")) if isinstance(column, Mapping) else ()


def contract_check(item: Any, making: Making, column: str, defaults: Mapping[str, Any]) -> list[Check]:
    """One check of a contract, of either version. Raises ``NotUnderstood``."""
    if isinstance(item, str):
        item = {item: {}}
    if not isinstance(item, Mapping):
        raise Mistaken("it is no mapping")
    if "${" in repr(item):
        raise NotUnderstood("it has variables, which are given when Soda runs")
    if isinstance(kind := item.get("type"), str):
        return _old(kind, item, making, column, defaults)
    if len(item) != 1:
        raise NotUnderstood("it has several keys, and must have the kind of check alone")
    ((kind, keys),) = item.items()
    if keys is not None and not isinstance(keys, Mapping):
        raise Mistaken("what is under it is no mapping")
    return list(_new(str(kind), keys or {}, making, column, defaults))


def _new(
    kind: str, keys: Mapping[str, Any], making: Making, column: str, defaults: Mapping[str, Any]
) -> Iterator[Check]:
    expect_check(kind, keys)
    if isinstance(keys.get("name"), str):
        making = replace(making, text=keys["name"])
    making = narrowed(making, keys.get("filter"))
    expression = keys.get("column_expression") or (column and defaults.get("column_expression"))
    if expression and kind == "freshness":
        raise NotUnderstood("it is about an expression, not a column")
    about = _EXPRESSION if expression and column else column
    written = keys.get("threshold") or {}
    default = {"row_count": _SOME, "aggregate": None, "metric": None, "freshness": None}.get(kind, _NONE)
    for severity, threshold in levels(keys.get("threshold"), default):
        here = replace(making, severity=severity)
        found = _one(kind, keys, about, Validity.among(keys, defaults), threshold, written, here)
        yield found if about == column else _expressed(found, str(expression).strip(), column)


def _expressed(check: Check, expression: str, column: str) -> Check:
    """A check of the column ``_EXPRESSION``, of an expression in its place."""
    arguments = {
        key: value.replace(name(_EXPRESSION), f"({expression})") if isinstance(value, str) else value
        for key, value in check.arguments.items()
    }
    return replace(check, column=column, arguments=arguments)


def _one(
    kind: str,
    keys: Mapping[str, Any],
    column: str,
    validity: Validity,
    threshold: Threshold,
    written: Mapping[str, Any],
    making: Making,
) -> Check:
    percent, text = written.get("metric") == "percent", making.text
    if kind == "row_count":
        return making.rows(threshold, text)
    if kind == "failed_rows":
        return _failed_rows(keys, threshold, making, percent=percent)
    if kind == "metric":
        if isinstance(query := keys.get("query"), str):
            return replace(making, where="").number(query.strip().rstrip(";"), threshold, text, empty=True)
        return making.aggregate(str(keys.get("expression")).strip(), threshold, text, empty=True)
    if kind == "freshness":
        return _freshness(keys, threshold, written, making)
    if kind == "duplicate" and isinstance(keys.get("columns"), list):
        listed = [str(each) for each in keys["columns"]]
        different = f"SELECT count(*) FROM (SELECT DISTINCT {names(listed)} FROM {{table}})"
        count = f"(SELECT count(*) FROM {{table}}) - ({different})"
        if percent:
            count = f"coalesce(100.0 * ({count}) / nullif((SELECT count(*) FROM {{table}}), 0), 0)"
        return making.number(f"SELECT {count}", threshold, text)
    if not column:
        raise Mistaken(
            f"`{kind}` names no column"
            if kind in ("missing", "invalid", "duplicate", "aggregate")
            else f"there is no check `{kind}`"
        )
    missing = validity.missing(column)
    if kind == "missing":
        whole = validity or percent or column == _EXPRESSION
        tolerant = None if whole else making.tolerating(threshold, percent=False)
        return tolerant.not_null(column) if tolerant else _counted(missing, threshold, making, column, percent)
    if kind == "invalid":
        if isinstance(reference := keys.get("valid_reference_data"), Mapping):
            if column == _EXPRESSION:
                raise NotUnderstood("it looks an expression up in another table")
            return _reference(reference, validity, threshold, column, making, percent=percent)
        return _counted(validity.invalid(column), threshold, making, column, percent)
    if kind == "duplicate":
        if not validity and not percent and column != _EXPRESSION and threshold.rows_at_most() == 0:
            return making.unique([column])
        usable = f"CASE WHEN {validity.usable(column)} THEN {name(column)} END" if validity else name(column)
        found = f"count(CASE WHEN NOT {missing} THEN 1 END)"
        count = f"{found} - count(DISTINCT {usable})"
        measured = f"coalesce(100.0 * ({count}) / nullif({found}, 0), 0)" if percent else count
        return making.aggregate(measured, threshold, text, column=column)
    if kind == "aggregate":
        function = str(keys.get("function")).lower()
        return _aggregate(_FUNCTIONS.get(function, function), column, validity, threshold, making)
    raise Mistaken(f"there is no check `{kind}`")


def _aggregate(function: str, column: str, validity: Validity, threshold: Threshold, making: Making) -> Check:
    if function not in AGGREGATES:
        raise Mistaken(f"there is no function `{function}`")
    value = name(column)
    if validity:
        # Soda 4 leaves out what is missing and invalid at once, and nothing else.
        bad = [*validity.breaks_valid(column), *validity.is_listed_invalid(column)]
        both = " AND ".join([validity.missing(column), *([f"({' OR '.join(bad)})"] if bad else [])])
        value = f"CASE WHEN NOT ({both}) THEN {value} END"
    return making.aggregate(AGGREGATES[function].format(x=value), threshold, making.text, column=column, empty=True)


def _counted(bad: str, threshold: Threshold, making: Making, column: str, percent: bool) -> Check:
    return making.counted(bad, threshold, making.text, percent=percent, column=column)


def _reference(
    reference: Mapping[str, Any],
    validity: Validity,
    threshold: Threshold,
    column: str,
    making: Making,
    *,
    percent: bool,
) -> Check:
    if validity.says_valid:
        raise NotUnderstood("it names a reference and says beside that what is valid")
    missing = validity.missing(column)
    table, other = str(reference.get("dataset")), str(reference.get("column"))
    tolerant = None if percent else making.tolerating(threshold, percent=False)
    if tolerant and missing == f"({name(column)} IS NULL)":
        return tolerant.refers([column], table, [other])
    unknown = f"NOT EXISTS (SELECT 1 FROM {{other}} WHERE there.{name(other)} = here.{name(column)})"
    count = f"SELECT count(*) FROM {{table}} AS here WHERE NOT {missing} AND {unknown}"
    if percent:
        count = f"SELECT coalesce(100.0 * ({count}) / nullif((SELECT count(*) FROM {{table}}), 0), 0)"
    check = making.number(count, threshold, making.text, column=column)
    return replace(check, arguments={**check.arguments, "tables": [table]})


def _failed_rows(keys: Mapping[str, Any], threshold: Threshold, making: Making, *, percent: bool) -> Check:
    if isinstance(expression := keys.get("expression"), str):
        return making.counted(f"({expression.strip()})", threshold, making.text, percent=percent)
    # Which column of the query is which key is for where Soda keeps failed rows.
    if isinstance(query := keys.get("query") or keys.get("keys_query"), str):
        statement, free = query.strip().rstrip(";"), replace(making, where="")
        if percent:
            rows = keys.get("rows_tested_query")
            if not isinstance(rows, str):
                raise NotUnderstood("percent of a query's rows needs `rows_tested_query`")
            count = f"(SELECT count(*) FROM ({statement})) / nullif(({rows.strip().rstrip(';')}), 0)"
            return free.number(f"SELECT coalesce(100.0 * {count}, 0)", threshold, making.text)
        tolerant = free.tolerating(threshold, percent=False)
        if tolerant is not None:
            return tolerant.query(statement, making.text)
        return free.number(f"SELECT count(*) FROM ({statement})", threshold, making.text)
    raise Mistaken("it has none of `expression`, `query` and `keys_query`")


def _freshness(keys: Mapping[str, Any], threshold: Threshold, written: Mapping[str, Any], making: Making) -> Check:
    if keys.get("now_variable"):
        raise NotUnderstood("its moment is a variable of Soda's")
    column, unit = keys.get("column"), str(written.get("unit") or "hour")
    if not isinstance(column, str) or unit not in _UNITS:
        raise Mistaken("it names no column" if not column else f"there is no unit `{unit}`")
    if threshold.operator in ("<", "<="):
        return making.check("fresh", {"seconds": threshold.value * _UNITS[unit]}, making.text, column=column)
    raise NotUnderstood("an age has an upper bound only")


def _old(kind: str, keys: Mapping[str, Any], making: Making, column: str, defaults: Mapping[str, Any]) -> list[Check]:
    expect_old_check(keys)
    if isinstance(keys.get("name"), str):
        making = replace(making, text=keys["name"])
    making = narrowed(making, keys.get("filter_sql") or keys.get("filter"))
    what, bound = _OLD.get(kind, (kind, None))
    percent = kind.endswith("_percent")
    threshold = of_check(keys, bound)
    validity = Validity.among(keys, defaults)
    listed = [str(each) for each in keys["columns"]] if isinstance(keys.get("columns"), list) else [column]
    if what == "duplicate" and listed[0]:
        return [duplicates(listed, threshold, making, percent=percent)]
    reference = keys.get("valid_values_column") or keys.get("valid_values_reference_data")
    if isinstance(reference, Mapping) and what == "invalid":
        return [_reference(reference, validity, threshold, column, making, percent=percent)]
    if kind.startswith("freshness_in_"):
        unit = kind.removeprefix("freshness_in_").removesuffix("s")
        return [_freshness({"column": column}, threshold, {"unit": unit}, making)]
    if isinstance(query := keys.get("query_sql") or keys.get("sql_query"), str):
        return [replace(making, where="").number(query.strip().rstrip(";"), threshold, making.text, empty=True)]
    if isinstance(expression := keys.get("expression_sql") or keys.get("sql_expression"), str):
        return [making.aggregate(expression.strip(), threshold, making.text, column=column, empty=True)]
    if what in AGGREGATES and column:
        value = f"CASE WHEN {validity.usable(column)} THEN {name(column)} END" if validity else name(column)
        return [making.aggregate(AGGREGATES[what].format(x=value), threshold, making.text, column=column, empty=True)]
    written = {"metric": "percent" if percent else "count"}
    return [_one(what, keys, column, validity, threshold, written, making)]


def narrowed(making: Making, condition: Any) -> Making:
    """With a condition more on the rows that are looked at."""
    if not isinstance(condition, str) or not condition.strip():
        return making
    return replace(making, where=f"({making.where}) AND ({condition.strip()})" if making.where else condition.strip())


class _Reading:
    def __init__(self, located: Located, file: str) -> None:
        self.located, self.file, self.where = located, file, ""
        self.scopes: Any = None
        self.checks: list[Check] = []
        self.findings: list[Finding] = []

    def check(self, item: Any, path: str, column: str, defaults: Mapping[str, Any]) -> None:
        line, _ = self.located.at(path)
        shown = item.get("type") or ", ".join(map(str, item)) if isinstance(item, Mapping) else str(item)
        text = str(shown).replace("_", " ")
        try:
            where = rows_of(item, self.where, self.scopes)
            making = Making(file=self.file, line=line, text=text, where=where)
            if "${" in where:
                raise NotUnderstood("the contract's filter has variables, which are given when Soda runs")
            self.checks.extend(with_levels(contract_check(item, making, column, defaults)))
        except NotUnderstood as problem:
            self.refuse(str(shown), path, problem)

    def reconciled(self, shown: str, path: str, make: Callable[[Making], Iterator[Check]]) -> None:
        """A check that holds the table against another."""
        making = Making(file=self.file, line=self.located.at(path)[0], text=shown.replace("_", " "), where=self.where)
        try:
            if "${" in self.where:
                raise NotUnderstood("the contract's filter has variables, which are given when Soda runs")
            self.checks.extend(with_levels(make(making)))
        except NotUnderstood as problem:
            self.refuse(shown, path, problem)

    def refuse(self, what: str, path: str, why: str | NotUnderstood) -> None:
        message, problem = f"`{what}` was not taken over: {why}.", why if isinstance(why, NotUnderstood) else None
        self.findings.append(not_imported(message, self.file, *self.located.at(path), problem))

    def schema(self, columns: list[Mapping[str, Any]], item: Mapping[str, Any], path: str, *, old: bool) -> None:
        """The table has these columns, with their types where they are said."""
        keys = item.get("schema") or {}
        try:
            if len(item) > 1 or not isinstance(keys, Mapping):
                raise Mistaken("it must have the kind of check alone, with a mapping under it")
            expect_check("schema", keys)
            # It counts nothing: a bound has nothing to say, its level has.
            severities = {severity for severity, _ in levels(keys.get("threshold"), _NONE)}
        except NotUnderstood as problem:
            self.refuse("schema", path, problem)
            return
        severity: Literal["error", "warn"] = "warn" if severities == {"warn"} else "error"
        text = str(keys.get("name") or "schema")
        making = Making(file=self.file, line=self.located.at(path)[0], text=text, severity=severity)
        self.checks.append(contract_columns(columns, keys, making, old=old))


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []
