"""Names and text made safe to stand in SQL, whatever they hold."""

from collections.abc import Iterable


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
