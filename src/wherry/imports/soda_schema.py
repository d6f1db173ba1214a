"""Checks of a table's columns, as SodaCL writes them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from wherry.imports import Mistaken, NotUnderstood
from wherry.imports.making import Making
from wherry.model.asset import Check


def schema_checks(keys: Mapping[str, Any], making: Making) -> Iterator[Check]:
    """A check of the columns for each of ``fail`` and ``warn``."""
    given = [(key, keys[key]) for key in ("fail", "warn") if isinstance(keys.get(key), Mapping)]
    if not given:
        raise Mistaken("it says neither `fail` nor `warn`")
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


def contract_columns(
    columns: Sequence[Mapping[str, Any]], keys: Mapping[str, Any], making: Making, *, old: bool
) -> Check:
    """What a contract says of a table's columns. Soda 3 does not look at their order."""
    named = [each for each in columns if isinstance(each.get("name"), str)]
    needed = [each["name"] for each in named if not each.get("optional")]
    types = {each["name"]: _contract_type(each) for each in named if each.get("data_type")}
    ordered = not old and not keys.get("allow_other_column_order")
    if keys.get("allow_extra_columns") or len(needed) < len(named):
        how = "contains ordered" if ordered else "contains"
    else:
        how = "ordered" if ordered else "exact"
    arguments = {"how": how, **({"types": types} if types else {})}
    return making.check("columns_are", arguments, making.text, columns=needed)


def _contract_type(column: Mapping[str, Any]) -> str:
    """A type with the sizes that stand beside it."""
    written = str(column["data_type"])
    precision, scale = column.get("numeric_precision"), column.get("numeric_scale")
    if "(" not in written and precision is not None:
        written += f"({precision}, {scale or 0})"
    # DuckDB's text has no length, and its times have their precision in their name.
    return duckdb_type(written)


def duckdb_type(written: str) -> str:
    """The type as DuckDB names it."""
    from wherry import duckdb

    try:
        return str(duckdb.sqltype(written))
    except duckdb.Error:
        return written
