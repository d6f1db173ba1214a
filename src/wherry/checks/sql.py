"""``sql``: a SELECT of bad rows, in which ``{table}`` stands for the rows looked at."""

from wherry.model.asset import Check


def bad_rows(check: Check, table: str) -> str:
    return str(check.arguments["sql"]).replace("{table}", table)
