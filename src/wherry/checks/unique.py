"""``unique``: no two rows share the key; rows with a null in the key do not count."""

from wherry.model.asset import Check
from wherry.quoting import name, names


def bad_rows(check: Check, table: str) -> str:
    key = names(check.arguments["columns"])
    return (
        f"SELECT * FROM {table} WHERE ({key}) IN "
        f"(SELECT ({key}) FROM {table} WHERE {_filled(check)} GROUP BY {key} HAVING count(*) > 1) ORDER BY {key}"
    )


def count(check: Check, table: str) -> str:
    key = names(check.arguments["columns"])
    return (
        "SELECT coalesce(sum(copies), 0)::BIGINT FROM "
        f"(SELECT count(*) AS copies FROM {table} WHERE {_filled(check)} GROUP BY {key} HAVING count(*) > 1)"
    )


def _filled(check: Check) -> str:
    return " AND ".join(f"{name(column)} IS NOT NULL" for column in check.arguments["columns"])
