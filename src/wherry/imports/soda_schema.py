"""Checks of a table's columns, as SodaCL writes them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from wherry.imports.making import Making
from wherry.imports.soda_validity import NotUnderstood
from wherry.model.asset import Check


def schema_checks(keys: Mapping[str, Any], making: Making) -> Iterator[Check]:
    """A check of the columns for each of ``fail`` and ``warn``."""
    given = [(key, keys[key]) for key in ("fail", "warn") if isinstance(keys.get(key), Mapping)]
    if not given:
        raise NotUnderstood("it says neither `fail` nor `warn`")
    for key, rules in given:
        here = replace(making, severity="warn" if key == "warn" else "error", where="")
        yield from _rules(rules, here)


def _rules(rules: Mapping[str, Any], making: Making) -> Iterator[Check]:
    for rule, value in rules.items():
        if rule == "when required column missing":
            columns = [str(each) for each in value]
            yield making.check("columns_are", {"how": "contains"}, making.text, columns=columns)
        elif rule == "when forbidden column present":
            # SodaCL matches at the beginning of a name.
            patterns = [str(each).replace("%", "*").rstrip("*") + "*" for each in value]
            yield making.check("columns_are", {"forbid": patterns}, making.text)
        elif rule == "when wrong column type" and isinstance(value, Mapping):
            yield making.check(
                "columns_are", {"types": {str(k): duckdb_type(str(v)) for k, v in value.items()}}, making.text
            )
        elif rule == "when wrong column index" and isinstance(value, Mapping):
            yield making.check("columns_are", {"index": {str(k): int(v) for k, v in value.items()}}, making.text)
        else:
            raise NotUnderstood(f"`{rule}` is not known, or needs a history that Soda keeps elsewhere")


def duckdb_type(written: str) -> str:
    """The type as DuckDB names it."""
    import duckdb

    try:
        return str(duckdb.sqltype(written))
    except duckdb.Error:
        return written
