"""``refers to schema.table.column``: every value is found there; null passes."""

from wherry.model.asset import Check
from wherry.quoting import full_name, name


def bad_rows(check: Check, table: str) -> str:
    other, column = full_name(check.arguments["table"]), name(check.arguments["column"])
    return (
        f"SELECT * FROM {table} AS here WHERE here.{name(check.column)} IS NOT NULL AND NOT EXISTS "
        f"(SELECT 1 FROM {other} AS there WHERE there.{column} = here.{name(check.column)})"
    )
