"""dbt's own four tests, and where those of packages are found."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from wherry.imports import Mistaken, NotUnderstood
from wherry.imports.arguments import Arguments
from wherry.imports.dbt_jinja import has_jinja, table_of
from wherry.imports.dbt_test import Failing, Test, listed
from wherry.project.nearest import did_you_mean
from wherry.quoting import name, text

#: Arguments and the column (empty for a model's test) -> what the test looks for.
Meaning = Callable[[Mapping[str, Any], str], Failing]


#: Arguments of the packages' tests about how names and patterns are spelt in SQL, which is the same here either way.
_SPELLING = ("quote_columns", "is_raw", "transform", "display_inconsistent_columns", "data_type", "quote_values")
#: Tests of those packages, in some version, that are not taken over.
_ELSEWHERE = {
    *("expect_column_values_to_be_of_numeric_precision_and_scale", "expect_column_null_percentage_to_be_less_than"),
    *("expect_array_column_to_not_be_empty", "expect_struct_column_to_not_be_empty"),
    *("expect_column_values_to_not_be_empty_string", "expect_table_column_names_and_dtypes"),
}


def meaning(test: Test, column: str) -> Failing:
    """What a test looks for. Raises ``NotUnderstood`` for one that is not known."""
    from wherry.imports.dbt_expectations import EXPECTATIONS
    from wherry.imports.dbt_utils import UTILS

    if has_jinja(repr({key: value for key, value in test.arguments.items() if key not in _TABLES})):
        raise NotUnderstood("its arguments have Jinja in them")
    package, _, kind = test.kind.rpartition(".")
    known = {"": CORE, "dbt": CORE, "dbt_utils": UTILS, "dbt_expectations": EXPECTATIONS}.get(package, {})
    if kind in _ELSEWHERE:
        raise NotUnderstood("wherry has nothing of the kind")
    if package and not known:
        raise NotUnderstood(f"wherry does not know the package `{package}`")
    if kind not in known:
        otherwise = "One of your own is a kind in plugins/, or SQL in checks/."
        raise Mistaken(f"there is no test `{test.kind}`", did_you_mean(kind, known, otherwise))
    arguments = Arguments(test.arguments)
    column = str(arguments.get("column_name") or column)
    try:
        found = known[kind](arguments, column)
    except (KeyError, TypeError, ValueError) as problem:
        if isinstance(problem, NotUnderstood):
            raise
        missing = f"it needs `{problem.args[0]}`" if isinstance(problem, KeyError) else "its arguments do not fit"
        raise Mistaken(missing) from None
    silent = _SPELLING if package in ("dbt_utils", "dbt_expectations") else ()
    if unread := [key for key in test.arguments if key not in arguments.read and key not in silent]:
        # dbt refuses what a test does not take.
        raise Mistaken(f"it has no `{unread[0]}`")
    return found


#: Arguments that hold ``ref(...)`` or ``source(...)``.
_TABLES = ("to", "compare_model")


def needed(column: str) -> str:
    """The column as SQL. Raises ``NotUnderstood`` when there is none."""
    if not column:
        raise Mistaken("it names no column")
    return name(column)


def values_sql(arguments: Mapping[str, Any], key: str, *, quote: bool) -> str:
    """A list of values with commas between, as dbt writes them."""
    values = listed(arguments[key])
    return ", ".join(text(str(value)) if quote else str(value) for value in values) or "NULL"


def not_null(arguments: Mapping[str, Any], column: str) -> Failing:
    sql = f"SELECT * FROM {{table}} WHERE {needed(column)} IS NULL"
    return Failing(sql=sql, native=lambda making: making.not_null(column), counts=True)


def unique(arguments: Mapping[str, Any], column: str) -> Failing:
    this = needed(column)
    sql = (
        f"SELECT {this} AS unique_field, count(*) AS n_records FROM {{table}} WHERE {this} IS NOT NULL "
        f"GROUP BY {this} HAVING count(*) > 1"
    )
    return Failing(sql=sql, native=lambda making: making.unique([column]))


def accepted_values(arguments: Mapping[str, Any], column: str) -> Failing:
    this, quote = needed(column), arguments.get("quote") is not False
    known = values_sql(arguments, "values", quote=quote)
    counted = f"SELECT {this} AS value_field, count(*) AS n_records FROM {{table}}"
    sql = f"{counted} WHERE {this} NOT IN ({known}) GROUP BY {this}"
    values = [str(value) if quote else value for value in listed(arguments["values"])]
    if not quote and any(isinstance(value, str) for value in values):
        return Failing(sql=sql)  # pieces of SQL
    return Failing(sql=sql, native=lambda making: making.one_of(column, values))


def relationships(arguments: Mapping[str, Any], column: str) -> Failing:
    this, table, field = needed(column), table_of(str(arguments["to"])), str(arguments["field"])
    sql = (
        f"SELECT here.{this} AS from_field FROM {{table}} AS here WHERE here.{this} IS NOT NULL AND NOT EXISTS "
        f"(SELECT 1 FROM {quoted(table)} AS there WHERE there.{name(field)} = here.{this})"
    )
    return Failing(sql=sql, native=lambda making: making.refers([column], table, [field]), counts=True, tables=(table,))


def quoted(table: str) -> str:
    return ".".join(name(part) for part in table.split("."))


def columns_of(value: Any) -> Sequence[str]:
    return [str(each) for each in listed(value)]


CORE: Mapping[str, Meaning] = {
    "not_null": not_null,
    "unique": unique,
    "accepted_values": accepted_values,
    "relationships": relationships,
}
