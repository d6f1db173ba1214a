"""Rules of a contract that are written for another tool: Soda, dbt, Great Expectations."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from wherry.imports import Mistaken, NotUnderstood
from wherry.imports.dbt_generic import meaning
from wherry.imports.dbt_test import checks_of, read_test
from wherry.imports.making import Making
from wherry.imports.soda_contract import contract_check
from wherry.model.asset import Check
from wherry.model.finding import Finding
from wherry.project.check_form import CheckFormError, levels_of, read_options
from wherry.project.located import read_yaml


def engine_checks(rule: Mapping[str, Any], column: str, table: str, making: Making) -> Iterator[Check]:
    """The checks of a rule of ``type: custom``. Raises ``NotUnderstood`` when its tool or its words are not known."""
    engine = "".join(letter for letter in str(rule.get("engine")).lower() if letter.isalnum())
    written = rule.get("implementation")
    if engine == "wherry":
        yield own_check(written, making)
        return
    read = {"soda": _soda, "dbt": _dbt, "greatexpectations": _expectations, "gx": _expectations}.get(engine)
    if read is None:
        raise NotUnderstood(f"wherry does not know the engine `{rule.get('engine')}`")
    for item in _items(written):
        yield from read(item, column, table, making)


def own_check(written: Any, making: Making) -> Check:
    """A check as wherry wrote it into a contract. Raises ``NotUnderstood``."""
    if not isinstance(written, Mapping) or not isinstance(written.get("kind"), str):
        raise NotUnderstood("a check of wherry's has a `kind`")
    try:
        options = read_options(written["kind"], written)
        levels = levels_of(written["kind"], written)
    except CheckFormError as problem:
        raise NotUnderstood(str(problem).rstrip(".")) from None
    made = making.check(
        written["kind"],
        written.get("arguments") or {},
        str(written.get("text") or written["kind"]),
        column=str(written.get("column") or ""),
        columns=[str(each) for each in written.get("columns") or ()],
    )
    made = _as_severe(replace(made, levels=levels), making)
    return replace(made, **{key: options[key] for key in options if key in written})


def _as_severe(check: Check, making: Making) -> Check:
    """A check on the line of its rule, and no more severe than that says it is."""
    levels = check.levels
    if levels and making.severity == "warn":
        levels = {"warn": next(levels[level] for level in ("warn", "error") if level in levels)}
    return replace(check, line=making.line, severity=making.severity, levels=levels)


def _items(written: Any) -> list[Any]:
    """What is implemented, as values: text is YAML."""
    if isinstance(written, str):
        located = read_yaml(written, file="")
        if located.findings or located.value is None:
            raise NotUnderstood("its implementation is no YAML")
        written = located.value
    if isinstance(written, Mapping) and isinstance(written.get("checks"), list):
        written = written["checks"]
    return written if isinstance(written, list) else [written]


def _soda(item: Any, column: str, table: str, making: Making) -> list[Check]:
    if isinstance(item, Mapping) and "type" not in item and any(str(key).startswith("checks for") for key in item):
        return _sodacl(item, making)
    if isinstance(item, str) or (isinstance(item, Mapping) and len(item) == 1 and " " in str(next(iter(item)))):
        return _sodacl({f"checks for {table}": [item]}, making)
    text = making.text or (str(item.get("type") or "").replace("_", " ") if isinstance(item, Mapping) else str(item))
    return contract_check(item, replace(making, text=text), column, {})


def _sodacl(document: Mapping[str, Any], making: Making) -> list[Check]:
    from wherry.imports.sodacl import read_sodacl
    from wherry.project.located import Located

    made: list[Check] = []
    for each in read_sodacl(Located(value=dict(document)), making.file):
        if each.findings:
            raise _like(each.findings[0])
        made.extend(_as_severe(check, making) for check in each.checks)
    return made


def _dbt(item: Any, column: str, table: str, making: Making) -> list[Check]:
    test = read_test(item)
    where = str(test.config.get("where") or "")
    return checks_of(
        test, meaning(test, column), replace(making, text=making.text or test.name or test.kind, where=where)
    )


def _expectations(item: Any, column: str, table: str, making: Making) -> list[Check]:
    from wherry.imports import gx

    if not isinstance(item, Mapping):
        raise NotUnderstood("an expectation is a mapping with `type` and `kwargs`")
    kwargs = dict(item.get("kwargs") or {})
    kind = str(item.get("type") or item.get("expectation_type"))
    if column and "column" not in kwargs and kind.startswith("expect_column_") and "pair" not in kind:
        kwargs["column"] = column
    suite = {"name": table, "expectations": [{"type": kind, "kwargs": kwargs}]}
    made: list[Check] = []
    for each in gx.read(json.dumps(suite), making.file):
        if each.findings:
            raise _like(each.findings[0])
        made.extend(replace(c, line=making.line, severity=making.severity) for c in each.checks)
    return [replace(check, text=making.text or check.text) for check in made]


def _like(finding: Finding) -> NotUnderstood:
    """What was told of a rule, as a problem of it."""
    why = finding.message.rstrip(".")
    return Mistaken(why, finding.hint) if finding.severity == "error" else NotUnderstood(why)
