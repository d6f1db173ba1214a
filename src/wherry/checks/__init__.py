"""Promises about rows, one file each.

A check that judges row by row has ``bad_row(check)``: a SQL condition that is true for a row that breaks it; those of a
table are counted together in one pass. Any other has ``bad_rows(check, table)``: a SELECT of what breaks it; and, where
counting is cheaper than selecting, ``count(check, table)``.
"""

from importlib import import_module
from types import ModuleType

#: Kind of check -> module of this package.
KINDS = {
    "not_null": "not_null",
    "unique": "unique",
    "compare": "compare",
    "between": "between",
    "in": "one_of",
    "matches": "matches",
    "refers": "refers",
    "rows": "rows",
    "condition": "condition",
}


def find(kind: str) -> ModuleType:
    """The module of a kind of check."""
    return import_module(f"wherry.checks.{KINDS[kind]}")
