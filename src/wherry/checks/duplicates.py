"""``no duplicates``: no two rows are the same in every column; two nulls are the same here."""

from collections.abc import Sequence

from wherry.model.asset import Check
from wherry.quoting import name, names


def bad_rows(check: Check, table: str) -> str:
    counted = f"SELECT *, count(*) AS copies FROM {table} GROUP BY ALL"
    return f"SELECT * FROM ({counted}) WHERE copies > 1"


def count(check: Check, table: str) -> str:
    return f"SELECT coalesce(sum(copies), 0)::BIGINT FROM ({bad_rows(check, table)})"


def surplus(check: Check, table: str, columns: Sequence[str], place: Sequence[str]) -> str:
    """Of rows that are the same in ``columns`` all but the first; ``place`` tells one row from another."""
    key = names(columns)
    # Joined to what is there twice, which is little: a window over the table would keep all of it.
    twice = f"SELECT {key} FROM {table} GROUP BY {key} HAVING count(*) > 1"
    same = " AND ".join(f"twice.{name(column)} IS NOT DISTINCT FROM here.{name(column)}" for column in columns)
    return (
        f"SELECT here.* FROM {table} AS here SEMI JOIN ({twice}) AS twice ON {same} "
        f"QUALIFY row_number() OVER (PARTITION BY {key} ORDER BY {names(place)}) > 1"
    )
