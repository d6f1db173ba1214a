"""A source's columns change under way: make room for what is new, or say what does not fit."""

import re
from collections.abc import Sequence

from wherry.engines.duckdb import DuckDB
from wherry.errors import DataError
from wherry.model.asset import Asset
from wherry.model.finding import Finding
from wherry.quoting import name

#: Types whose every value another type holds exactly, so that rows of the first may be put into a column of the second.
_HOLDS = {
    "INTEGER": {"BIGINT", "DOUBLE", "VARCHAR"},
    "BIGINT": {"VARCHAR"},
    "FLOAT": {"DOUBLE", "VARCHAR"},
    "DATE": {"TIMESTAMP", "VARCHAR"},
}
#: Types that Iceberg can turn a column into without writing its rows again.
_WIDENS = {("INTEGER", "BIGINT"), ("FLOAT", "DOUBLE")}
_DECIMAL = re.compile(r"DECIMAL\((\d+),(\d+)\)\Z")
_DIGITS = {"INTEGER": 10, "BIGINT": 19}


def evolve(cursor: DuckDB, asset: Asset, target: str, columns: Sequence[tuple[str, str]]) -> None:
    """Fit the table ``target`` to new rows of these columns: columns are added, types widened where nothing is lost.

    A column that the new rows lack becomes null in them. Raises ``DataError`` for a type that cannot be had without
    writing the table again, and for any change when the source says ``on_schema_change: freeze``.
    """
    there = {column.lower(): (column, kind) for column, kind in cursor.schema(f"FROM {target}")}
    frozen = asset.source is not None and asset.source.on_schema_change == "freeze"
    for column, kind in columns:
        own, old = there.get(column.lower(), (column, ""))
        if old == kind:
            continue
        if frozen:
            raise _changed(asset, f"`{asset.name}` is frozen, and its column `{own}` would become {kind}", _FROZEN)
        if not old:
            cursor.execute(f"ALTER TABLE {target} ADD COLUMN {name(column)} {kind}")
        elif _widens(old, kind):
            cursor.execute(f"ALTER TABLE {target} ALTER COLUMN {name(own)} TYPE {kind}")
        elif not _holds(kind, old):
            message = f"The column `{own}` of `{asset.name}` is {old}, and the new rows have {kind}"
            hint = f"Give its type (`types: {{{own}: {kind.lower()}}}`), then `wherry run {asset.name} --full`."
            raise _changed(asset, message, hint)


_FROZEN = "Set `on_schema_change: evolve` to let it, or have the source's columns as they were."


def _changed(asset: Asset, message: str, hint: str) -> DataError:
    kept = "Nothing of this batch was loaded; what was loaded before stays."
    finding = Finding(
        code="schema-changed", message=f"{message}. {kept}", hint=hint, file=asset.file, line=asset.line, column=1
    )
    return DataError(findings=[finding])


def _widens(old: str, new: str) -> bool:
    before, after = _DECIMAL.match(old), _DECIMAL.match(new)
    if before and after:
        return before[2] == after[2] and int(after[1]) > int(before[1])
    return (old, new) in _WIDENS


def _holds(kind: str, column: str) -> bool:
    """Whether a column of type ``column`` keeps every value of type ``kind``."""
    if column in _HOLDS.get(kind, ()) or (column == "VARCHAR" and "[" not in kind and "(" not in kind):
        return True
    small, large = _DECIMAL.match(kind), _DECIMAL.match(column)
    if large is None:
        return False
    whole = int(large[1]) - int(large[2])
    if small is not None:
        return int(small[2]) <= int(large[2]) and int(small[1]) - int(small[2]) <= whole
    return _DIGITS.get(kind, 99) <= whole
