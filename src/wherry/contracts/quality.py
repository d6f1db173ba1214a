"""Quality rules of a contract as checks."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from wherry.contracts.columns import At
from wherry.contracts.engines import engine_checks, own_check
from wherry.contracts.odcs import custom, parts
from wherry.imports import Mistaken, NotUnderstood
from wherry.imports.making import Making
from wherry.imports.soda_metrics import repeated
from wherry.imports.soda_validity import Validity
from wherry.imports.threshold import Threshold, of_keys
from wherry.model.asset import Check
from wherry.model.finding import Finding
from wherry.project.check_form import refused
from wherry.project.nearest import did_you_mean
from wherry.quoting import name

METRICS = ("nullValues", "missingValues", "invalidValues", "duplicateValues", "rowCount")
#: Names of metrics before 3.1, which some files still have.
_OLD_METRICS = {
    "nullCheck": "nullValues", "nullCount": "nullValues", "missingCount": "missingValues",
    "invalidCount": "invalidValues", "validValues": "invalidValues", "duplicateCount": "duplicateValues",
    "duplicates": "duplicateValues", "countCheck": "rowCount", "rowcount": "rowCount",
}  # fmt: skip
_PLACEHOLDER = re.compile(
    r"\$\{\s*(table|object|model|schema|column|property|field)\s*\}|\{\{?\s*(table|object|model|schema|column|property|field)\s*\}?\}",
    re.IGNORECASE,
)


def quality(
    holder: Mapping[str, Any], path: str, column: str, table: str, at: At, findings: list[Finding]
) -> Iterator[Check]:
    """The checks of the rules under ``quality`` of a schema object or (``column`` given) of one of its properties.

    ``table`` is what the contract calls the object. A rule that is no check (``text``) gives none; one that cannot be
    taken over is added to ``findings``.
    """
    for index, rule in enumerate(parts(holder, "quality")):
        where = f"{path}/quality/{index}"
        making = _made_like(rule, at(where))
        try:
            yield from _checks(rule, column, table, making)
        except NotUnderstood as problem:
            if rule.get("type") != "custom" or isinstance(problem, Mistaken):
                # A promise that nobody can read is not kept.
                yield refused(_shown(rule), str(problem), file=making.file, line=making.line)
            findings.append(
                Finding(
                    code="not-imported",
                    severity="warning",
                    message=f"The quality rule `{_shown(rule)}` is not checked: {problem}.",
                    hint=_hint(rule),
                    file=making.file,
                    line=making.line,
                    column=1,
                )
            )


def _shown(rule: Mapping[str, Any]) -> str:
    return str(rule.get("name") or rule.get("metric") or rule.get("engine") or rule.get("type") or "rule")


def _made_like(rule: Mapping[str, Any], making: Making) -> Making:
    severity = str(rule.get("severity") or "error").lower()
    said = str(rule.get("name") or rule.get("description") or "")
    return replace(
        making,
        severity="warn" if severity in ("warning", "warn", "info", "information", "low") else "error",
        text=" ".join(said.split()),
    )


def _hint(rule: Mapping[str, Any]) -> str:
    metric = rule.get("metric") or rule.get("rule")
    return did_you_mean(str(metric), METRICS) if metric and metric not in METRICS else ""


def _checks(rule: Mapping[str, Any], column: str, table: str, making: Making) -> Iterator[Check]:
    kind = rule.get("type") or ("library" if "metric" in rule or "rule" in rule else "text")
    if (written := custom(rule, "wherry.check")) is not None:
        yield own_check(written, making)
    elif kind == "library":
        yield _library(rule, column, making)
    elif kind == "sql":
        yield _sql(rule, column, table, making)
    elif kind == "custom":
        yield from engine_checks(rule, column, table, making)


def _library(rule: Mapping[str, Any], column: str, making: Making) -> Check:
    written = str(rule.get("metric") or rule.get("rule"))
    metric = _OLD_METRICS.get(written, written)
    given = rule.get("arguments")
    arguments: Mapping[str, Any] = given if isinstance(given, Mapping) else {}
    threshold = of_keys(dict(rule))
    if threshold is None:
        if written not in ("nullCheck", "validValues", "duplicates"):
            raise NotUnderstood("it has no bound, such as `mustBe: 0`")
        threshold = Threshold(operator="=", value=0)
    percent = str(rule.get("unit") or "").lower() in ("percent", "percentage", "%")
    text = making.text or f"{metric} {threshold}{'%' if percent else ''}"
    if metric == "rowCount":
        return making.rows(threshold, making.text)
    if metric not in METRICS:
        raise NotUnderstood(f"there is no metric `{written}`")
    listed = [str(each) for each in arguments.get("properties") or arguments.get("columns") or ()]
    columns = listed if metric == "duplicateValues" and listed else [column]
    if not columns[0]:
        raise NotUnderstood(f"`{metric}` names no column")
    return _counted(metric, columns, arguments, threshold, percent, replace(making, text=text))


def _counted(
    metric: str,
    columns: list[str],
    arguments: Mapping[str, Any],
    threshold: Threshold,
    percent: bool,
    making: Making,
) -> Check:
    column = columns[0]
    tolerant = making.tolerating(threshold, percent=percent)
    if metric == "duplicateValues":
        return _duplicates(columns, threshold, percent, making)
    if metric in ("nullValues", "missingValues"):
        values = arguments.get("missingValues") if metric == "missingValues" else None
        if not values and tolerant is not None:
            return tolerant.not_null(column)
        missing = Validity({"missing values": values} if values else {}).missing(column)
        return making.counted(missing, threshold, metric, percent=percent, column=column)
    known, pattern = arguments.get("validValues"), arguments.get("pattern")
    keys = {"valid values": known, "valid regex": pattern, "missing values": arguments.get("missingValues")}
    keys |= {"valid min": arguments.get("minimum"), "valid max": arguments.get("maximum")}
    validity = Validity({key: value for key, value in keys.items() if value is not None})
    said = [key for key, value in keys.items() if value is not None]
    if said == ["valid values"] and tolerant is not None and isinstance(known, list):
        return tolerant.one_of(column, [value for value in known if value is not None])
    if said == ["valid regex"] and tolerant is not None:
        return tolerant.matches(column, str(pattern))
    return making.counted(validity.invalid(column), threshold, metric, percent=percent, column=column)


def _duplicates(columns: list[str], threshold: Threshold, percent: bool, making: Making) -> Check:
    """How many different values are there more than once, or what percent of the rows those are."""
    if threshold.operator in ("=", "<=") and threshold.value == 0:
        return making.unique(columns)
    count = repeated(columns)
    if percent:
        count = f"SELECT coalesce(100.0 * ({count}) / nullif((SELECT count(*) FROM {{table}}), 0), 0)"
    return making.number(count, threshold, making.text, column=columns[0] if len(columns) == 1 else "")


def _sql(rule: Mapping[str, Any], column: str, table: str, making: Making) -> Check:
    threshold = of_keys(dict(rule))
    if threshold is None:
        raise NotUnderstood("it has no bound, such as `mustBe: 0`")
    if not isinstance(rule.get("query"), str):
        raise NotUnderstood("it has no `query`")

    def filled(match: re.Match[str]) -> str:
        word = (match[1] or match[2]).lower()
        if word in ("column", "property", "field"):
            if not column:
                raise NotUnderstood("it is of no column, and its query asks for one")
            return name(column)
        return ".".join(name(part) for part in table.split("."))

    query = _PLACEHOLDER.sub(filled, rule["query"]).strip().rstrip(";").rstrip()
    return making.number(query, threshold, making.text or " ".join(query.split()), column=column)
