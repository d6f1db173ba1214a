"""Places in SQL text."""


def place(sql: str, offset: int) -> tuple[int, int]:
    """1-based line and column of a byte offset, as DuckDB's syntax tree and binder count."""
    return place_of_character(sql, len(sql.encode()[:offset].decode("utf-8", "replace")))


def place_of_character(sql: str, index: int) -> tuple[int, int]:
    """1-based line and column of a character, as DuckDB's parser counts in its errors."""
    before = sql[:index]
    return before.count("\n") + 1, len(before) - before.rfind("\n")
