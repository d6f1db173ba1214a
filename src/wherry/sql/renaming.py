"""Other names for the tables that a statement reads."""

from __future__ import annotations

import re
from collections.abc import Callable

from wherry.sql.statement import Parser

_PART = r'(?:"(?:[^"]|"")*"|\w+)'
_NAME = re.compile(rf"{_PART}(?:\s*\.\s*{_PART}){{0,2}}")


def rename_tables(sql: str, name_of: Callable[[str], str]) -> str:
    """``sql`` with what ``name_of`` says in place of each table's name; common table expressions keep theirs.

    ``name_of`` is given a name as it is written, without quotes: ``orders``, ``shop.orders``. A table that had no alias
    gets its old name as one, so that ``orders.id`` still means it. Raises ``SqlError`` when it does not parse.
    """
    encoded = sql.encode()
    for offset, written, alias in sorted(Parser().tables(sql), reverse=True):
        match = _NAME.match(encoded[offset:].decode())
        if match is None:
            continue
        new = name_of(written)
        if new == written:
            continue
        end = offset + len(match[0].encode())
        old = written.rpartition(".")[2].replace('"', '""')
        shown = new if alias else f'{new} AS "{old}"'
        encoded = encoded[:offset] + shown.encode() + encoded[end:]
    return encoded.decode()
