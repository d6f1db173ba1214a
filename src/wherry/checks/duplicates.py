"""``no duplicates``: no two rows are the same in every column; two nulls are the same here."""

from wherry.model.asset import Check


def bad_rows(check: Check, table: str) -> str:
    counted = f"SELECT *, count(*) AS copies FROM {table} GROUP BY ALL"
    return f"SELECT * FROM ({counted}) WHERE copies > 1"


def count(check: Check, table: str) -> str:
    return f"SELECT coalesce(sum(copies), 0)::BIGINT FROM ({bad_rows(check, table)})"
