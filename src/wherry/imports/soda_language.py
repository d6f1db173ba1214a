"""The keys of Soda's contract languages: what may stand where, what of it says nothing of the data, and variables."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from typing import Any

from wherry.imports import Mistaken, NotUnderstood
from wherry.imports.soda_validity import MISSING_KEYS, VALID_KEYS
from wherry.imports.threshold import MUST_BE

#: A reference to a variable: its namespace and its name.
_VARIABLE = re.compile(r"\$\{\s*([a-z]+)\.(\w+)\s*\}")
_VALIDITY = (*(key.replace(" ", "_") for key in (*MISSING_KEYS, *VALID_KEYS)), "valid_reference_data")
#: Where else than in the data: what a check is called, who is told, what is kept.
_BESIDE = ("name", "qualifier", "attributes", "store_failed_rows", "identity", "samples_limit", "description")
#: Keys of every check of Soda 4.
_CHECK = (*_BESIDE, "threshold", "filter", "scope", "column_expression")
#: Kinds of checks of Soda 4 -> what else may stand in one.
_KINDS: Mapping[str, Collection[str]] = {
    "missing": _VALIDITY,
    "invalid": _VALIDITY,
    "duplicate": (*_VALIDITY, "columns"),
    "aggregate": (*_VALIDITY, "function"),
    "row_count": (),
    "schema": ("allow_extra_columns", "allow_other_column_order"),
    "freshness": ("column", "now_variable"),
    "failed_rows": ("expression", "query", "keys_query", "rows_tested_query", "key_column_mapping"),
    "metric": ("expression", "query"),
}
#: Keys of a check of Soda 3.
_OLD = (
    *_BESIDE, *_VALIDITY, *MUST_BE, "must_be_between", "must_be_not_between", "must_not_be_between", "type", "columns",
    "column", "filter", "filter_sql", "valid_values_column", "valid_values_reference_data", "missing_regex_sql",
    "valid_regex_sql", "invalid_regex_sql", "metric", "query_sql", "sql_query", "expression_sql", "sql_expression",
)  # fmt: skip
#: Keys of a column, of both.
_COLUMN = (
    *_BESIDE, *_VALIDITY, "checks", "data_type", "optional", "character_maximum_length", "numeric_precision",
    "numeric_scale", "datetime_precision", "column_expression", "missing_regex_sql", "valid_regex_sql",
    "invalid_regex_sql",
)  # fmt: skip
#: Keys of a contract. What of them is not about one run of the checks says nothing here.
_DOCUMENT = (
    "dataset", "description", "filter", "filter_sql", "sql_filter", "columns", "checks", "variables", "scopes",
    "soda_runner", "soda_agent", "check_attributes", "attributes", "owner", "name", "data_source", "database", "schema",
    "reconciliation",
)  # fmt: skip


def expect_check(kind: str, keys: Mapping[str, Any]) -> None:
    """Raises ``NotUnderstood`` for what may not stand in a check of Soda 4, or is not understood there."""
    if kind not in _KINDS:
        raise Mistaken(f"there is no check `{kind}`")
    _expect(keys, (*_CHECK, *_KINDS[kind]), f"`{kind}`")


def expect_old_check(keys: Mapping[str, Any]) -> None:
    """Raises ``NotUnderstood`` for what may not stand in a check of Soda 3."""
    _expect(keys, _OLD, f"`{keys['type']}`")


def _expect(keys: Mapping[str, Any], known: Collection[str], what: str) -> None:
    if unknown := [str(key) for key in keys if str(key).replace(" ", "_") not in known]:
        raise NotUnderstood(f"{what} has no `{unknown[0]}`")


def unknown_keys(document: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """The path and name of each key of a contract or of its columns that is not known."""
    for key in document:
        if key not in _DOCUMENT:
            yield str(key), str(key)
    columns = document.get("columns")
    for index, column in enumerate(columns if isinstance(columns, list) else ()):
        for key in column if isinstance(column, Mapping) else ():
            if str(key).replace(" ", "_") not in _COLUMN:
                yield f"columns/{index}/{key}", str(key)


def rows_of(item: Any, where: str, scopes: Any) -> str:
    """The rows that a check is asked of: those of its scope, whose filter takes the place of the contract's. Raises
    ``Mistaken`` when it names a scope that there is not."""
    keys = next(iter(item.values()), None) if isinstance(item, Mapping) and len(item) == 1 else None
    scope = keys.get("scope") if isinstance(keys, Mapping) else None
    if scope in (None, "base"):
        return where
    found = scopes.get(scope) if isinstance(scopes, Mapping) else None
    if not isinstance(found, Mapping):
        raise Mistaken(f"there is no scope `{scope}`")
    return str(found.get("filter") or "").strip()


def with_variables(value: Any, variables: Any) -> Any:
    """With each ``${var.NAME}`` as the value that a contract gives it when nobody gives another."""
    given = variables if isinstance(variables, Mapping) else {}
    said = {str(name): each.get("default") for name, each in given.items() if isinstance(each, Mapping)}
    defaults = {name: str(default) for name, default in said.items() if default is not None}

    def filled(each: Any) -> Any:
        if isinstance(each, Mapping):
            return {key: filled(below) for key, below in each.items()}
        if isinstance(each, list):
            return [filled(item) for item in each]
        return _VARIABLE.sub(one, each) if isinstance(each, str) else each

    def one(match: re.Match[str]) -> str:
        known = defaults.get(match[2]) if match[1] == "var" else None
        # A default may name others; one that names itself, or has none, stays as it is and is told.
        return match[0] if known is None or match[0] in known else _VARIABLE.sub(once, known)

    def once(match: re.Match[str]) -> str:
        return defaults.get(match[2], match[0]) if match[1] == "var" else match[0]

    return filled(value)
