"""Places in SQL text."""


def place(sql: str, offset: int) -> tuple[int, int]:
    """1-based line and column of a byte offset, as DuckDB counts."""
    before = sql.encode()[:offset].decode("utf-8", "replace")
    return before.count("\n") + 1, len(before) - before.rfind("\n")
