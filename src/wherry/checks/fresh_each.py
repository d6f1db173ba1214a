"""``fresh each``: in every group of ``per`` the newest time of the column is not older than ``seconds``."""

from wherry.model.asset import Check
from wherry.quoting import NOW, name, names


def bad_rows(check: Check, table: str) -> str:
    newest = f"max(CAST({name(check.column)} AS TIMESTAMP))"
    oldest = f"{NOW} - INTERVAL '{float(check.arguments['seconds'])} seconds'"
    groups = names(check.arguments["per"])
    return (
        f"SELECT {groups}, {newest} AS newest FROM {table} GROUP BY {groups} HAVING coalesce({newest} < {oldest}, true)"
    )
