"""Names and text made safe to stand in SQL, whatever they hold."""

import math
from collections.abc import Iterable
from typing import Any

#: Stands in the SQL of a check for the moment of the run, a TIMESTAMP in UTC.
NOW = "$wherry_now"


def name(identifier: str) -> str:
    """``identifier`` in double quotes."""
    return '"' + identifier.replace('"', '""') + '"'


def names(identifiers: Iterable[str]) -> str:
    """Quoted identifiers with commas between."""
    return ", ".join(name(each) for each in identifiers)


def full_name(table: str) -> str:
    """``schema.table`` with each part quoted."""
    schema, _, rest = table.partition(".")
    return f"{name(schema)}.{name(rest)}"


def text(value: str) -> str:
    """``value`` as a SQL string."""
    return "'" + value.replace("'", "''") + "'"


def literal(value: Any) -> str:
    """A plain value (null, true, a number, text, or a list of those) as SQL; all else as the text it prints."""
    if value is None:
        return "NULL"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and not math.isfinite(value):
        return f"'{value}'::DOUBLE"
    if isinstance(value, int | float):
        return repr(value)
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(literal, value))}]"
    return text(str(value))


def literals(values: Iterable[Any]) -> str:
    """Values as SQL with commas between; nulls are left out, since nothing equals them."""
    return ", ".join(literal(value) for value in values if value is not None)
