"""SodaCL, the checks files of Soda 3, with the verdicts that Soda gives.

What Soda does not evaluate (an average of no rows) passes. Percentages are rounded to two digits, as Soda rounds them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import field, replace
from typing import Any

from wherry.imports import Imported, Mistaken, NotUnderstood, not_imported
from wherry.imports.levels import with_levels
from wherry.imports.making import Making
from wherry.imports.soda_metrics import AGGREGATES, duplicates
from wherry.imports.soda_reconciliation import RECONCILIATION, sodacl_reconciliation
from wherry.imports.soda_schema import schema_checks
from wherry.imports.soda_thresholds import ages, thresholds
from wherry.imports.soda_validity import MISSING_KEYS, VALID_KEYS, Validity
from wherry.imports.threshold import Threshold
from wherry.model.asset import Check
from wherry.model.dataclass import dataclass
from wherry.model.finding import Finding
from wherry.project.located import Located
from wherry.quoting import name

_SECTION = re.compile(
    r"(checks for|for each (dataset|table)|configurations for|filter|reconciliation)\s", re.IGNORECASE
)
_HEADER = re.compile(r"checks for\s+(\"[^\"]+\"|[^\s\[]+)\s*(?:\[(.+)\])?\Z", re.IGNORECASE)
_FILTER = re.compile(r"filter\s+(\"[^\"]+\"|[^\s\[]+)\s*\[(.+)\]\Z", re.IGNORECASE)
_DEFAULTS = re.compile(r"configurations for\s+(\S+)\Z", re.IGNORECASE)
_DEFAULT = re.compile(r"(.+?)\s+for\s+(\S+)\Z", re.IGNORECASE)
_EACH = re.compile(r"for each (?:dataset|table)\s+(\S+)\Z", re.IGNORECASE)
_METRIC = re.compile(r"(?:(change\b.*?)\s+for\s+)?(\w+)\s*(?:\((.*?)\))?\s*(.*)\Z", re.DOTALL)
_REFERENCE = re.compile(r"values in\s+\(?(.+?)\)?\s+must\s+(not\s+)?exist in\s+(\S+)\s+\(?(.+?)\)?\Z", re.IGNORECASE)
_SAME_ROWS = re.compile(r"row_count same as\s+(\S+)\Z", re.IGNORECASE)

_COUNTS = (
    "missing_count",
    "missing_percent",
    "invalid_count",
    "invalid_percent",
    "duplicate_count",
    "duplicate_percent",
)
_OF_CHECK = ("name", "warn", "fail", "filter", "attributes", "samples limit", "samples columns", "identity")


@dataclass(slots=True)
class _Table:
    """What a file says of one table."""

    checks: list[Check] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)


def read_sodacl(located: Located, file: str) -> list[Imported]:
    """The checks of a SodaCL file, for each table."""
    reading = _Reading(located, file)
    for header, content in located.value.items():
        reading.section(str(header), content)
    return [
        Imported(table=table, checks=tuple(found.checks), findings=tuple(found.findings))
        for table, found in reading.tables.items()
    ]


def is_sodacl(document: Any) -> bool:
    return isinstance(document, Mapping) and any(
        _SECTION.match(str(key))
        or (str(key).lower() == "checks" and isinstance(document[key], list) and "dataset" not in document)
        for key in document
    )


#: Checks of SodaCL that wherry has nothing for.
_ELSEWHERE = re.compile(r"group (by|evolution)\b|discover |profile |automated ")


class _Reading:
    def __init__(self, located: Located, file: str) -> None:
        self.located, self.file = located, file
        self.tables: dict[str, _Table] = {}
        self.filters: dict[tuple[str, str], str] = {}
        self.defaults: dict[tuple[str, str], dict[str, Any]] = {}
        for header, content in located.value.items():
            self._prepare(str(header), content)

    def _prepare(self, header: str, content: Any) -> None:
        """Filters and configurations count wherever in the file they stand."""
        if not isinstance(content, Mapping):
            return
        if match := _FILTER.match(header):
            self.filters[_bare(match[1]), match[2].strip()] = str(content.get("where") or "")
        elif match := _DEFAULTS.match(header):
            for key, value in content.items():
                if found := _DEFAULT.match(str(key)):
                    self.defaults.setdefault((_bare(match[1]), _bare(found[2])), {})[found[1]] = value

    def section(self, header: str, content: Any) -> None:
        if _FILTER.match(header) or _DEFAULTS.match(header) or header == "variables":
            return
        if match := _HEADER.match(header):
            table, part = _bare(match[1]), (match[2] or "").strip()
            where = self.filters.get((table, part), "")
            if part and not where:
                self._refuse(table, header, f"there is no `filter {table} [{part}]`")
                return
            self._checks(table, header, content, where)
        elif _EACH.match(header) and isinstance(content, Mapping):
            self._each(header, content)
        elif RECONCILIATION.match(header) and isinstance(content, Mapping):
            self._reconciled(header, content)
        else:
            self._refuse("", header, "it holds no checks of one table")

    def _each(self, header: str, content: Mapping[str, Any]) -> None:
        listed = content.get("datasets") or content.get("tables") or []
        for written in listed if isinstance(listed, list) else [listed]:
            words = str(written).split()
            if words and words[0] == "exclude":
                self._refuse("", f"{header}/datasets", f"`{written}` leaves tables out; name those that are meant")
            elif words:
                self._checks(_bare(words[-1]), f"{header}/checks", content.get("checks"), "")

    def _reconciled(self, header: str, content: Mapping[str, Any]) -> None:
        try:
            target, checks = sodacl_reconciliation(content)
        except NotUnderstood as problem:
            self._refuse("", header, problem)
            return
        found = self.tables.setdefault(target, _Table())
        for written, path, make in checks:
            at = f"{header}/{path}"
            making = Making(file=self.file, line=self.located.at(at)[0], text=written)
            try:
                found.checks.extend(with_levels(make(making)))
            except NotUnderstood as problem:
                self._refuse(target, at, problem, written)

    def _checks(self, table: str, path: str, content: Any, where: str) -> None:
        if not isinstance(content, list):
            self._refuse(table, path, "it is no list of checks")
            return
        for index, item in enumerate(content):
            at = f"{path}/{index}"
            keys: Any = {}
            if isinstance(item, Mapping) and len(item) == 1:
                ((item, keys),) = item.items()
                at = f"{at}/{item}"
            try:
                self._add(table, str(item), keys or {}, at, where)
            except NotUnderstood as problem:
                self._refuse(table, at, problem, str(item))

    def _refuse(self, table: str, path: str, why: str | NotUnderstood, what: str = "") -> None:
        message = f"`{what or path.rpartition('/')[2] or path}` was not taken over: {why}."
        problem = why if isinstance(why, NotUnderstood) else None
        told = not_imported(message, self.file, *self.located.at(path), problem)
        self.tables.setdefault(table, _Table()).findings.append(told)

    def _add(self, table: str, written: str, keys: Any, path: str, where: str) -> None:
        found = self.tables.setdefault(table, _Table())
        if not isinstance(keys, Mapping):
            raise Mistaken("what is under it is no mapping")
        if "${" in written + repr(keys):
            raise NotUnderstood("it has variables, which are given when Soda runs")
        making = Making(
            file=self.file, line=self.located.at(path)[0], text=str(keys.get("name") or written), where=where
        )
        if isinstance(keys.get("filter"), str):
            both = [part for part in (where, keys["filter"].strip()) if part]
            making = replace(making, where=" AND ".join(f"({part})" for part in both) if len(both) > 1 else both[0])
        found.checks.extend(with_levels(self._made(table, written.strip(), keys, making)))

    def _made(self, table: str, written: str, keys: Mapping[str, Any], making: Making) -> Iterator[Check]:
        if written == "schema":
            _expect(keys)
            yield from schema_checks(keys, making)
        elif written == "failed rows":
            _expect(keys, "fail condition", "fail query")
            yield from _failed_rows(keys, making)
        elif match := _REFERENCE.match(written):
            _expect(keys)
            yield _reference(match, making)
        elif match := _SAME_ROWS.match(written):
            _expect(keys)
            yield making.check("rows_equal", {"table": _bare(match[1])}, written)
        else:
            yield from self._metric(table, written, keys, making)

    def _metric(self, table: str, written: str, keys: Mapping[str, Any], making: Making) -> Iterator[Check]:
        match = _METRIC.match(written)
        if _ELSEWHERE.match(written):
            raise NotUnderstood("wherry has nothing of the kind")
        if "anomaly" in written or written.startswith("distribution"):
            raise NotUnderstood("it needs a history that Soda keeps elsewhere")
        if match is None:
            raise Mistaken("it is no check of SodaCL")
        change, metric, listed, bound = match.groups()
        arguments = [_bare(each) for each in (listed or "").split(",") if each.strip()]
        if metric.startswith("$"):
            raise NotUnderstood("its metric is a variable of Soda's")
        if metric == "freshness":
            _expect(keys)
            yield from _freshness(arguments, bound, keys, making)
            return
        for severity, threshold, percent in thresholds(bound, keys):
            here = replace(making, severity=severity)
            column = arguments[0] if arguments else ""
            validity = Validity.among(keys, self.defaults.get((table, column)))
            _expect(keys, *MISSING_KEYS, *VALID_KEYS, *(key for key in keys if not change and key.startswith(metric)))
            if change:
                yield _change(change, metric, arguments, validity, threshold, percent, here)
                continue
            yield _measured(metric, arguments, keys, validity, threshold, here)


def _expect(keys: Mapping[str, Any], *more: str) -> None:
    """Raises ``NotUnderstood`` for a key that a check of the kind does not have."""
    if unknown := [key for key in keys if key not in (*_OF_CHECK, *more)]:
        raise NotUnderstood(f"there is no `{unknown[0]}` here")


def _measured(
    metric: str,
    arguments: Sequence[str],
    keys: Mapping[str, Any],
    validity: Validity,
    threshold: Threshold,
    making: Making,
) -> Check:
    text = making.text
    if isinstance(query := keys.get(f"{metric} query"), str):
        return replace(making, where="").number(_one_statement(query), threshold, text, empty=True)
    if isinstance(expression := keys.get(f"{metric} expression"), str):
        return making.aggregate(expression.strip(), threshold, text, empty=True)
    if metric == "row_count":
        return making.rows(threshold, text)
    if not arguments:
        raise Mistaken(
            f"there is no metric `{metric}` of a whole table" if metric not in _COUNTS else "it names no column"
        )
    column = arguments[0]
    if metric in _COUNTS:
        return _counted(metric, arguments, validity, threshold, making)
    value = _usable(column, validity)
    if metric in ("percentile", "quantile") and len(arguments) == 2:
        return making.aggregate(
            f"quantile_cont({value}, {float(arguments[1])})", threshold, text, column=column, empty=True
        )
    if metric not in AGGREGATES:
        raise Mistaken(f"there is no metric `{metric}`")
    return making.aggregate(AGGREGATES[metric].format(x=value), threshold, text, column=column, empty=True)


def _usable(column: str, validity: Validity) -> str:
    """The values of a column that are neither missing nor invalid."""
    return f"CASE WHEN {validity.usable(column)} THEN {validity.number(column)} END" if validity else name(column)


def _counted(metric: str, arguments: Sequence[str], validity: Validity, threshold: Threshold, making: Making) -> Check:
    column, what = arguments[0], metric.partition("_")[0]
    percent = metric.endswith("percent")
    if what == "duplicate":
        return duplicates(arguments, threshold, making, percent=percent)
    bad = validity.missing(column) if what == "missing" else validity.invalid(column)
    if percent:
        share = f"coalesce(round(100.0 * count(CASE WHEN {bad} THEN 1 END) / nullif(count(*), 0), 2), 0)"
        return making.aggregate(share, threshold, making.text, column=column)
    if what == "missing" and not validity and (tolerant := making.tolerating(threshold, percent=False)):
        return tolerant.not_null(column)
    return making.counted(bad, threshold, making.text, percent=False, column=column)


def _freshness(arguments: Sequence[str], bound: str, keys: Mapping[str, Any], making: Making) -> Iterator[Check]:
    if not arguments or len(arguments) > 1:
        raise Mistaken("it names no column") if not arguments else NotUnderstood("its moment is a variable of Soda's")
    for severity, seconds in ages(bound, keys):
        yield replace(making, severity=severity).check("fresh", {"seconds": seconds}, making.text, column=arguments[0])


def _change(
    change: str,
    metric: str,
    arguments: Sequence[str],
    validity: Validity,
    threshold: Threshold,
    percent: bool,
    making: Making,
) -> Check:
    words = change.split()[1:]
    if [word for word in words if word != "percent"]:
        raise NotUnderstood("wherry compares with the version before, and no other")
    if metric == "row_count":
        sql: dict[str, Any] = {}
    elif metric in AGGREGATES and len(arguments) == 1:
        sql = {"sql": AGGREGATES[metric].format(x=_usable(arguments[0], validity))}
    elif metric in _COUNTS[:4] and len(arguments) == 1:
        bad = validity.missing(arguments[0]) if metric.startswith("missing") else validity.invalid(arguments[0])
        count = f"count(CASE WHEN {bad} THEN 1 END)"
        share = f"coalesce(round(100.0 * {count} / nullif(count(*), 0), 2), 0)"
        sql = {"sql": share if metric.endswith("percent") else count}
    else:
        raise NotUnderstood(f"the change of `{metric}` is not compared")
    if threshold.operator == "not between":
        raise NotUnderstood("a change cannot be `not between`")
    in_percent = {"percent": True} if percent or "percent" in words else {}
    return making.check("change", {**sql, **in_percent, **threshold.arguments()}, making.text)


def _reference(match: re.Match[str], making: Making) -> Check:
    columns, others = ([_bare(each) for each in part.strip("() ").split(",")] for part in (match[1], match[4]))
    if len(columns) != len(others):
        raise Mistaken("it names more columns on one side than on the other")
    table = _bare(match[3])
    if not match[2] and len(columns) == 1:
        return making.refers(columns, table, others)
    same = " AND ".join(f"there.{name(b)} = here.{name(a)}" for a, b in zip(columns, others, strict=True))
    given = " OR ".join(f"here.{name(column)} IS NOT NULL" for column in columns)
    found = f"{'' if match[2] else 'NOT '}EXISTS (SELECT 1 FROM {table} AS there WHERE {same})"
    return making.query(f"SELECT * FROM {{table}} AS here WHERE ({given}) AND {found}", making.text, tables=[table])


def _failed_rows(keys: Mapping[str, Any], making: Making) -> Iterator[Check]:
    bounds = list(thresholds("", keys)) if "fail" in keys or "warn" in keys else []
    none = Threshold(operator="=", value=0)
    for severity, threshold, _ in bounds or [("error", none, False)]:
        here = replace(making, severity=severity)
        if isinstance(condition := keys.get("fail condition"), str):
            yield here.counted(f"({condition.strip()})", threshold, making.text, percent=False)
        elif isinstance(query := keys.get("fail query"), str):
            statement = _one_statement(query)
            tolerant = replace(here, where="").tolerating(threshold, percent=False)
            if tolerant is not None:
                yield tolerant.query(statement, making.text)
            else:
                yield replace(here, where="").number(f"SELECT count(*) FROM ({statement})", threshold, making.text)
        else:
            raise Mistaken("it has neither `fail condition` nor `fail query`")


def _one_statement(query: str) -> str:
    return query.strip().rstrip(";").rstrip()


def _bare(written: str) -> str:
    return written.strip().strip('"`')
