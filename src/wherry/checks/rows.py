"""``rows > 0``: the number of rows stands in that relation."""

from wherry.model.asset import Check


def bad_rows(check: Check, table: str) -> str:
    return (
        f"SELECT count(*) AS row_count FROM {table} "
        f"HAVING NOT (count(*) {check.arguments['operator']} {check.arguments['value']})"
    )
