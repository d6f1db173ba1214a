"""Soda's reconciliation checks, in both of its languages: two tables of the lake measured alike, and the difference.

Their evaluation is not public; this follows their documentation. What may be counted in several ways (percent, rows by
key, differences of times) is not taken over.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from functools import partial
from typing import Any

from wherry.imports import Mistaken, NotUnderstood
from wherry.imports.making import Making
from wherry.imports.soda_metrics import AGGREGATES
from wherry.imports.soda_thresholds import levels, thresholds
from wherry.imports.soda_validity import MISSING_KEYS, VALID_KEYS, Validity
from wherry.imports.threshold import Threshold
from wherry.model.asset import Check
from wherry.quoting import name, names

#: A check, once it is known where it stands.
Make = Callable[[Making], Iterator[Check]]

RECONCILIATION = re.compile(r"reconciliation\s+(\S.*)\Z", re.IGNORECASE)
_DIFF = re.compile(r"(\w+)\s*(?:\((.*?)\))?\s*(?:diff\s*(.*))?\Z", re.DOTALL)
_OF_CHECK = ("name", "warn", "fail", "filter", "attributes", "samples limit", "identity")
_CHECK = ("name", "qualifier", "attributes", "threshold", "filter", "source", "store_failed_rows", "description")
#: Checks of a contract -> what else may stand in one.
_KINDS: Mapping[str, tuple[str, ...]] = {
    "row_count_diff": (),
    "aggregate_diff": ("function", "column"),
    "metric_diff": ("source_expression", "target_expression", "source_query", "target_query"),
    "missing_diff": ("column", *(key.replace(" ", "_") for key in MISSING_KEYS)),
    "duplicate_diff": ("column", "columns"),
}
_ELSEWHERE = ("rows_diff", "freshness_diff", "invalid_diff", "schema_diff")
_NONE = Threshold(operator="=", value=0)


def sodacl_reconciliation(content: Mapping[str, Any]) -> tuple[str, list[tuple[str, str, Make]]]:
    """The table that a section ``reconciliation NAME`` is about, and each of its checks: what is written, its path, and
    what makes it. Raises ``Mistaken``."""
    datasets = content.get("datasets")
    found = [datasets.get(side) if isinstance(datasets, Mapping) else None for side in ("source", "target")]
    sides = [side if isinstance(side, Mapping) else {} for side in found]
    source, target = (str(side.get("dataset") or "").strip('"`') for side in sides)
    if not source or not target:
        raise Mistaken("it names no `source` and `target` under `datasets`")
    if source == target:  # the same table of two systems
        source = ".".join(str(each) for each in (sides[0].get("datasource"), source) if each)
    checks = content.get("checks")
    made: list[tuple[str, str, Make]] = []
    for index, item in enumerate(checks if isinstance(checks, list) else []):
        keys: Any = {}
        path = f"checks/{index}"
        if isinstance(item, Mapping) and len(item) == 1:
            ((item, keys),) = item.items()
            path = f"{path}/{item}"
        shown = str(keys["name"]) if isinstance(keys, Mapping) and keys.get("name") else str(item)
        made.append((shown, path, partial(_sodacl, str(item).strip(), keys or {}, source, sides)))
    return target, made


def _sodacl(written: str, keys: Any, source: str, sides: list[Mapping[str, Any]], making: Making) -> Iterator[Check]:
    if not isinstance(keys, Mapping):
        raise Mistaken("what is under it is no mapping")
    if "${" in written + repr(keys):
        raise NotUnderstood("it has variables, which are given when Soda runs")
    if any(side.get("filter") for side in sides):
        raise NotUnderstood("its datasets are filtered")
    if written == "schema":
        _expect(keys)
        yield making.check("columns_same", {"table": source}, making.text)
        return
    match = _DIFF.match(written)
    if match is None or written.startswith("rows diff"):
        raise NotUnderstood("it compares rows by their keys")
    metric, listed, bound = match[1], match[2] or "", match[3] or ""
    columns = [each.strip().strip('"`') for each in listed.split(",") if each.strip()]
    validity = Validity.among(keys)
    # What alerts speaks of the difference: `when diff > 10`.
    plain = {
        key: re.sub(r"\bdiff\b\s*", "", str(value)) if key in ("warn", "fail") else value for key, value in keys.items()
    }
    queries = (keys.get("source query"), keys.get("target query"))
    _expect(keys, *MISSING_KEYS, *VALID_KEYS, "source query", "target query")
    where = str(keys.get("filter") or "").strip()
    for severity, threshold, percent in thresholds(bound, plain):
        if percent:
            raise NotUnderstood("it is in percent")
        here = replace(making, severity=severity)
        if all(isinstance(query, str) for query in queries):
            yield _of_queries(str(queries[0]), str(queries[1]), threshold, here)
        else:
            yield _difference(_measure(metric, columns, validity), source, (where, where), threshold, here)


def _expect(keys: Mapping[str, Any], *more: str) -> None:
    if unknown := [key for key in keys if key not in (*_OF_CHECK, *more)]:
        raise NotUnderstood(f"there is no `{unknown[0]}` here")


def contract_reconciliation(written: Any) -> Iterator[tuple[str, str, Make]]:
    """Each check under ``reconciliation`` of a contract of Soda 4: what is written, its path, and what makes it."""
    if written is None:
        return
    checks = written.get("checks") if isinstance(written, Mapping) else None
    if not isinstance(checks, list):
        yield "reconciliation", "reconciliation", _no_checks
        return
    sources = {str(each.get("name")): each for each in written.get("sources") or () if isinstance(each, Mapping)}
    for index, item in enumerate(checks):
        shown = ", ".join(map(str, item)) if isinstance(item, Mapping) else str(item)
        made = partial(_contract, item, written.get("source"), sources)
        yield shown, f"reconciliation/checks/{index}", made


def _no_checks(making: Making) -> Iterator[Check]:
    raise Mistaken("it holds no list of `checks`")


def _contract(item: Any, only: Any, sources: Mapping[str, Any], making: Making) -> Iterator[Check]:
    if isinstance(item, str):
        item = {item: {}}
    if not isinstance(item, Mapping) or len(item) != 1:
        raise Mistaken("it must have the kind of check alone")
    ((kind, keys),) = item.items()
    keys = {} if keys is None else keys
    if kind in _ELSEWHERE:
        raise NotUnderstood("how it counts is not public")
    if kind not in _KINDS or not isinstance(keys, Mapping):
        raise Mistaken(f"there is no check `{kind}`" if kind not in _KINDS else "what is under it is no mapping")
    if unknown := [key for key in keys if key not in (*_CHECK, *_KINDS[kind])]:
        raise NotUnderstood(f"`{kind}` has no `{unknown[0]}`")
    if "${" in repr(keys):
        raise NotUnderstood("it has variables, which are given when Soda runs")
    source = sources.get(str(keys["source"])) if "source" in keys else only or next(iter(sources.values()), None)
    if not isinstance(source, Mapping) or not source.get("dataset"):
        raise Mistaken("it names no source")
    if (keys.get("threshold") or {}).get("metric") == "percent":
        raise NotUnderstood("it is in percent")
    if keys.get("name"):
        making = replace(making, text=str(keys["name"]))
    own_filter = str(keys.get("filter") or "").strip()
    there = _both(str(source.get("filter") or "").strip(), own_filter)
    making = replace(making, where=_both(making.where, own_filter))
    for severity, threshold in levels(keys.get("threshold"), _NONE):
        here = replace(making, severity=severity)
        if kind == "metric_diff" and "source_query" in keys:
            yield _of_queries(str(keys["source_query"]), str(keys.get("target_query") or ""), threshold, here)
            continue
        yield _difference(_measured(kind, keys), str(source["dataset"]), (here.where, there), threshold, here)


def _measured(kind: str, keys: Mapping[str, Any]) -> tuple[str, str]:
    """What a check of a contract measures, as SQL of the source and of the target."""
    column, listed = keys.get("column"), keys.get("columns")
    columns = [str(each) for each in listed] if isinstance(listed, list) else [str(column)] if column else []
    if kind == "metric_diff":
        source, target = (str(keys.get(key) or "").strip() for key in ("source_expression", "target_expression"))
        if not source or not target:
            raise Mistaken("it needs `source_expression` and `target_expression`")
        return source, target
    if kind == "aggregate_diff":
        function = str(keys.get("function")).lower()
        if function not in AGGREGATES:
            raise Mistaken(f"there is no function `{function}`")
        return _measure(function, columns, Validity.among(keys))
    if kind == "duplicate_diff":
        if not columns:
            raise Mistaken("it names no column")
        found = f"count(*) - count(DISTINCT ({names(columns)}))" if len(columns) > 1 else ""
        one = name(columns[0])
        found = found or f"count({one}) - count(DISTINCT {one})"
        return found, found
    metric = {"row_count_diff": "row_count", "missing_diff": "missing_count"}[kind]
    return _measure(metric, columns, Validity.among(keys))


def _measure(metric: str, columns: list[str], validity: Validity) -> tuple[str, str]:
    """What a metric is, as SQL of the source and of the target."""
    if metric == "row_count":
        return "count(*)", "count(*)"
    if not columns:
        raise Mistaken("it names no column")
    column = columns[0]
    if metric == "missing_count":
        found = f"count(CASE WHEN {validity.missing(column)} THEN 1 END)"
    elif metric == "invalid_count":
        found = f"count(CASE WHEN {validity.invalid(column)} THEN 1 END)"
    elif metric in AGGREGATES:
        value = f"CASE WHEN {validity.usable(column)} THEN {validity.number(column)} END" if validity else name(column)
        found = AGGREGATES[metric].format(x=value)
    elif metric == "duplicate_count":
        raise NotUnderstood("how it counts duplicates is not public")
    else:
        raise Mistaken(f"there is no metric `{metric}`")
    return found, found


def _difference(
    measure: tuple[str, str], source: str, filters: tuple[str, str], threshold: Threshold, making: Making
) -> Check:
    """``filters`` are of the target and of the source."""
    here, there = (f" WHERE {each}" if each else "" for each in filters)
    mine, other = f"(SELECT {measure[1]} FROM {{table}}{here})", f"(SELECT {measure[0]} FROM {{other}}{there})"
    check = _apart(mine, other, threshold, making)
    return replace(check, arguments={**check.arguments, "tables": [source]})


def _of_queries(source: str, target: str, threshold: Threshold, making: Making) -> Check:
    if not target.strip():
        raise Mistaken("it needs a query of the target too")
    mine, other = (f"({each.strip().rstrip(';')})" for each in (target, source))
    return _apart(mine, other, threshold, making)


def _apart(mine: str, other: str, threshold: Threshold, making: Making) -> Check:
    apart = f"CASE WHEN {mine} IS NULL AND {other} IS NULL THEN 0 ELSE abs({mine} - {other}) END"
    return replace(making, where="").number(f"SELECT {apart}", threshold, making.text)


def _both(one: str, other: str) -> str:
    return f"({one}) AND ({other})" if one and other else one or other
